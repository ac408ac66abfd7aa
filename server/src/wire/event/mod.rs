//! Records of the log on the wire. What each event looks like stands in the file of its subject.

mod catalogue;
mod demand;
mod imports;
mod reservations;
mod rules;
mod stock;
mod supply;
mod told;

use anaquel_engine::Engine;
use anaquel_engine::event::{CellAfter, Event, Fill, LineChange, Record};
use anaquel_engine::ids::{GroupId, LocationId, ReservationId, SkuId};
use serde_json::{Map, Value, json};

use super::stock::cell_after;
use super::time;

/// A record, whole.
pub fn record(engine: &Engine, record: &Record) -> Value {
    let (kind, body) = describe(Lookup(engine), &record.event);
    let mut item = Map::new();
    item.insert("seq".into(), record.seq.into());
    item.insert("time".into(), time(record.time).into());
    item.insert("kind".into(), kind.into());
    if record.event.promise().is_some() {
        item.insert("reservation".into(), engine.reservation_id(ReservationId(record.seq)).into());
    }
    if let Value::Object(body) = body {
        item.extend(body);
    }
    item.insert("cause".into(), cause(engine, record));
    Value::Object(item)
}

fn cause(engine: &Engine, record: &Record) -> Value {
    let given = record.cause.as_deref();
    let made = record.event.promise();
    let reservation = match made {
        Some(_) => Some(ReservationId(record.seq)),
        None => record.event.changed_reservation(),
    };
    let reservation = reservation.and_then(|id| engine.state().reservations.get(id));
    let reserved_through = match made {
        Some(made) => Some(made.reserved.channel),
        None => reservation.as_ref().map(|reservation| reservation.channel),
    };
    let channel = given
        .and_then(|cause| cause.channel.as_ref().map(|name| name.as_str().to_owned()))
        .or_else(|| Some(engine.state().catalogue.channels.name(reserved_through?).as_str().to_owned()));
    let order = reservation.as_ref().and_then(|reservation| reservation.order.as_deref().map(str::to_owned));
    let origin = given.and_then(|cause| cause.origin.as_ref());
    json!({
        "channel": channel,
        "actor": given.and_then(|cause| cause.actor.clone()),
        "reference": given.and_then(|cause| cause.reference.clone()).or(order),
        "idempotency_key": given.and_then(|cause| cause.idempotency.as_ref().map(|key| key.key.clone())),
        "traceparent": given.and_then(|cause| cause.trace.clone()),
        "key": origin.map(|origin| origin.key.as_str()),
        "address": origin.map(|origin| origin.address.as_str()),
        "request": origin.map(|origin| origin.request.as_str()),
    })
}

fn describe(of: Lookup<'_>, event: &Event) -> Described {
    match event {
        Event::Catalogue(event) => catalogue::describe(of, event),
        Event::Stock(event) => stock::describe(of, event),
        Event::Rules(event) => rules::describe(of, event),
        Event::Supply(event) => supply::describe(of, event),
        Event::Reservations(event) => reservations::describe(of, event),
        Event::Demand(event) => demand::describe(of, event),
        Event::Imports(event) => imports::describe(event),
        Event::Told(event) => told::describe(of, event),
    }
}

/// The kind of an event on the wire, and its members.
type Described = (&'static str, Value);

/// Names of what events tell by id.
#[derive(Clone, Copy)]
struct Lookup<'a>(&'a Engine);

impl Lookup<'_> {
    fn sku(self, id: SkuId) -> String {
        self.0.state().catalogue.skus.name(id).as_str().to_owned()
    }

    fn location(self, id: LocationId) -> String {
        self.0.state().catalogue.locations.name(id).as_str().to_owned()
    }

    fn group(self, id: GroupId) -> String {
        self.0.state().catalogue.groups.name(id).as_str().to_owned()
    }

    fn reservation(self, id: ReservationId) -> String {
        self.0.reservation_id(id)
    }

    fn cell(self, cell: &CellAfter) -> Value {
        cell_after(self.0, cell)
    }

    /// Lines that were handed over or given back.
    fn changes(self, lines: &[LineChange]) -> Vec<Value> {
        let change = |change: &LineChange| {
            let mut item = self.cell(&change.cell);
            if let Value::Object(members) = &mut item {
                members.insert("line".into(), change.line.into());
                members.insert("quantity".into(), change.quantity.into());
            }
            item
        };
        lines.iter().map(change).collect()
    }

    /// A backorder that got units.
    fn filled(self, fill: &Fill) -> Value {
        let mut item = self.cell(&fill.cell);
        if let Value::Object(members) = &mut item {
            members.insert("reservation".into(), self.reservation(fill.reservation).into());
            members.insert("line".into(), fill.line.into());
            members.insert("quantity".into(), fill.quantity.into());
        }
        item
    }
}
