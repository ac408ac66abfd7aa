//! Records of the log on the wire. The view of each event is in the file of its subject.

mod answers;
mod archive;
mod catalogue;
mod demand;
mod imports;
mod lookup;
mod reservations;
mod rules;
mod stock;
mod supply;

use anaquel_engine::Engine;
use anaquel_engine::event::{Event, Record};
use anaquel_engine::ids::ReservationId;
use serde_json::{Map, Value, json};

use crate::wire::time;
use lookup::{Described, Lookup};

/// A complete record.
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
        Event::Answers(event) => answers::describe(of, event),
        Event::Archive(event) => archive::describe(event),
        Event::Orders(event) => crate::subjects::orders::views::event(of.0, event, |cell| of.cell(cell)),
        Event::Receipts(event) => crate::subjects::receipts::views::event(event),
        Event::Prices(event) => crate::subjects::prices::views::event(of.0, event),
        Event::Carts(event) => crate::subjects::carts::views::event(of.0, event, |cell| of.cell(cell)),
        Event::Returns(event) => crate::subjects::returns::views::event(of.0, event, |cell| of.cell(cell)),
        Event::Transfers(event) => crate::subjects::transfers::views::event(of.0, event, |cell| of.cell(cell)),
    }
}
