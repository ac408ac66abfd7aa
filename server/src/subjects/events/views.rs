//! Records of the log on the wire.

use anaquel_engine::Engine;
use anaquel_engine::event::{CellAfter, Definitions, Event, Fill, LineChange, Purpose, Record, SupplyUsed};
use anaquel_engine::ids::ReservationId;
use serde_json::{Map, Value, json};

use crate::auth::sight::Sight;
use crate::http::problem::row_error;
use crate::subjects::stock::views::cell_after;
use crate::wire::time;

/// A record, whole.
pub fn record(engine: &Engine, record: &Record) -> Value {
    let (kind, body) = describe(engine, &record.event);
    let mut item = Map::new();
    item.insert("seq".into(), record.seq.into());
    item.insert("time".into(), time(record.time).into());
    item.insert("kind".into(), kind.into());
    if record.event.reserved().is_some() {
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
    let reservation = match &record.event {
        event if event.reserved().is_some() => Some(ReservationId(record.seq)),
        event => event.changed_reservation(),
    };
    let reservation = reservation.and_then(|id| engine.state().reservations.get(id));
    let reserved_through = match record.event.reserved() {
        Some(reserved) => Some(reserved.channel),
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

fn names(definitions: &Definitions) -> Value {
    json!({
        "skus": definitions.skus.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
        "locations": definitions.locations.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
        "groups": definitions.groups.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
        "channels": definitions.channels.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
    })
}

fn describe(engine: &Engine, event: &Event) -> (&'static str, Value) {
    let catalogue = &engine.state().catalogue;
    let sku = |id| catalogue.skus.name(id).as_str().to_owned();
    let location = |id| catalogue.locations.name(id).as_str().to_owned();
    let id = |id: ReservationId| engine.reservation_id(id);
    let cell = |cell: &CellAfter| cell_after(engine, cell);
    let changes = |lines: &[LineChange]| -> Vec<Value> {
        let change = |change: &LineChange| {
            let mut item = cell(&change.cell);
            if let Value::Object(members) = &mut item {
                members.insert("line".into(), change.line.into());
                members.insert("quantity".into(), change.quantity.into());
            }
            item
        };
        lines.iter().map(change).collect()
    };
    let filled = |fill: &Fill| {
        let mut item = cell(&fill.cell);
        if let Value::Object(members) = &mut item {
            members.insert("reservation".into(), id(fill.reservation).into());
            members.insert("line".into(), fill.line.into());
            members.insert("quantity".into(), fill.quantity.into());
        }
        item
    };
    match event {
        Event::Defined(definitions) => ("defined", names(definitions)),
        Event::MadeUp(made_up) => {
            let mut item = names(&made_up.names);
            if let Value::Object(members) = &mut item {
                members.insert("made_up".into(), true.into());
            }
            ("defined", item)
        }
        Event::Released(definitions) => ("released", names(definitions)),
        Event::Retired(definitions) => ("retired", names(definitions)),
        Event::Revived(definitions) => {
            let mut item = names(definitions);
            if let Value::Object(members) = &mut item {
                members.insert("revived".into(), true.into());
            }
            ("defined", item)
        }
        Event::SkusSet(rows) => ("skus_set", json!({"skus": rows.iter().map(|(id, _)| sku(*id)).collect::<Vec<_>>()})),
        Event::TrackingSet(rows) => {
            let row = |(id, tracked): &(_, bool)| json!({"sku": sku(*id), "tracked": tracked});
            ("tracking_set", json!({"skus": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::LocationsSet(rows) => {
            ("locations_set", json!({"locations": rows.iter().map(|(id, _)| location(*id)).collect::<Vec<_>>()}))
        }
        Event::ServicesSet(rows) => {
            ("services_set", json!({"locations": rows.iter().map(|(id, _)| location(*id)).collect::<Vec<_>>()}))
        }
        Event::HoursSet(rows) => {
            ("hours_set", json!({"locations": rows.iter().map(|(id, _)| location(*id)).collect::<Vec<_>>()}))
        }
        Event::PickupBySet(event) => {
            let pickup_by = event.pickup_by.map(time);
            ("pickup_by_set", json!({"reservation": id(event.reservation), "pickup_by": pickup_by}))
        }
        Event::GroupsSet(rows) => {
            let group = |(group, details): &(_, anaquel_engine::catalogue::GroupDetails)| {
                let members: Vec<_> = details.locations.iter().map(|member| location(*member)).collect();
                json!({"group": catalogue.groups.name(*group).as_str(), "locations": members})
            };
            ("groups_set", json!({"groups": rows.iter().map(group).collect::<Vec<_>>()}))
        }
        Event::ChannelsSet(rows) => {
            let channel = |(channel, details): &(_, anaquel_engine::catalogue::ChannelDetails)| json!({"channel": catalogue.channels.name(*channel).as_str(), "buffer": details.buffer});
            ("channels_set", json!({"channels": rows.iter().map(channel).collect::<Vec<_>>()}))
        }
        Event::PricesSet(rows) => {
            ("prices_set", json!({"skus": rows.iter().map(|(id, _)| sku(*id)).collect::<Vec<_>>()}))
        }
        Event::RulesSet(rows) => {
            let row = |set: &anaquel_engine::event::RuleSet| match &set.rule {
                Some(rule) => {
                    let mut item = crate::subjects::rules::views::rule(engine, set.name.as_str(), rule);
                    item.insert("in_force".into(), set.in_force.into());
                    Value::Object(item)
                }
                None => json!({"rule": set.name.as_str(), "removed": true}),
            };
            ("rules_set", json!({"rules": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::RulesTurned(rows) => {
            let row = |(id, in_force): &(anaquel_engine::rules::RuleId, bool)| {
                let standing = engine.state().rules.at(*id);
                json!({"rule": standing.map(|standing| standing.name.to_string()), "in_force": in_force})
            };
            ("rules_turned", json!({"rules": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::Moved(_) | Event::Received(_) => {
            let (rows, received) = match event {
                Event::Received(received) => (received.rows_after(), Some(received.as_ref())),
                Event::Moved(rows) => (rows.clone(), None),
                _ => (Vec::new(), None),
            };
            let row = |row: &anaquel_engine::event::Moved| {
                let mut item = crate::subjects::stock::views::moved(engine, row, &Sight::everything(engine));
                if let Value::Object(members) = &mut item {
                    members.insert("movement".into(), row.kind.as_str().into());
                    members.insert("quantity".into(), row.change.into());
                    members.insert("occurred_at".into(), time(row.occurred_at).into());
                    members.insert("reference".into(), row.reference.clone().into());
                }
                item
            };
            let items: Vec<_> = rows.iter().map(row).collect();
            let used = |used: &SupplyUsed| {
                json!({
                    "supply": used.name.as_str(),
                    "sku": sku(used.sku),
                    "location": location(used.location),
                    "quantity": used.quantity,
                    "left": used.open,
                })
            };
            match received {
                None => ("moved", json!({"items": items})),
                Some(received) => (
                    "received",
                    json!({
                        "items": items,
                        "supplies": received.used.iter().map(used).collect::<Vec<_>>(),
                        "filled": received.fills.iter().map(filled).collect::<Vec<_>>(),
                    }),
                ),
            }
        }
        Event::Counted(rows) => {
            let row = |row: &anaquel_engine::event::Counted| {
                let mut item = crate::subjects::stock::views::counted_row(engine, row, &Sight::everything(engine));
                if let Value::Object(members) = &mut item {
                    members.insert("safety_stock".into(), row.cell.safety_stock.into());
                }
                item
            };
            ("counted", json!({"items": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::QuarantinesMade(rows) => {
            let row =
                |(quarantine, of): &(_, _)| json!({"location": location(*quarantine), "quarantine_of": location(*of)});
            ("quarantines_made", json!({"locations": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::CountsConfirmed(confirmed) => {
            let row = |(of, at)| json!({"sku": sku(of), "location": location(at)});
            let items: Vec<_> = confirmed.cells.iter().map(row).collect();
            ("counts_confirmed", json!({"counted_at": time(confirmed.counted_at), "items": items}))
        }
        Event::Reserved(_) | Event::Promised(_) | Event::Arranged(_) | Event::Replaced(_) => {
            let Some(reserved) = event.reserved() else { return ("reserved", Value::Null) };
            let (terms, waits) = (event.terms(), event.waits());
            let quota = |(rule, _): &(anaquel_engine::rules::RuleId, u64)| {
                engine.state().rules.at(*rule).map(|standing| standing.name.to_string())
            };
            let line = |(at, line): (usize, &anaquel_engine::event::ReservedLine)| {
                let mut item = cell(&line.cell);
                if let Value::Object(members) = &mut item {
                    if let Some(group) = terms.get(at).and_then(|terms| terms.group) {
                        members.insert("group".into(), catalogue.groups.name(group).as_str().into());
                    }
                    if let Some(terms) = terms.get(at).filter(|terms| !terms.charges.is_empty()) {
                        let quotas: Vec<_> = terms.charges.iter().filter_map(quota).collect();
                        members.insert("quotas".into(), quotas.into());
                    }
                    if let Some(wait) = waits.iter().find(|wait| usize::from(wait.line) == at) {
                        members.insert("waiting".into(), wait.quantity.into());
                        members.insert("promised_for".into(), time(wait.promised_for).into());
                    }
                    members.insert("requested".into(), line.requested.into());
                    members.insert("quantity".into(), line.quantity.into());
                }
                item
            };
            let superseded = |old: &anaquel_engine::event::Superseded| json!({"reservation": id(old.reservation), "items": changes(&old.lines)});
            let mut superseded: Vec<Value> = event.superseded().map(superseded).collect();
            // One stands by itself; several are a list.
            let superseded = match superseded.len() {
                0 | 1 => superseded.pop().unwrap_or_default(),
                _ => superseded.into(),
            };
            (
                "reserved",
                json!({
                    "channel": catalogue.channels.name(reserved.channel).as_str(),
                    "purpose": reserved.purpose.as_str(),
                    "confirmed": reserved.confirmed,
                    "customer": reserved.customer,
                    "order": reserved.order,
                    "expires_at": time(reserved.expires_at),
                    "items": reserved.lines.iter().enumerate().map(line).collect::<Vec<_>>(),
                    "supersedes": superseded,
                }),
            )
        }
        Event::SupplySet(rows) => {
            let row = |row: &anaquel_engine::event::SupplySet| {
                json!({
                    "supply": row.name.as_str(),
                    "sku": sku(row.cell.sku),
                    "location": location(row.cell.location),
                    "kind": row.kind.as_str(),
                    "quantity": row.open,
                    "expected_at": time(row.expected_at),
                })
            };
            ("supply_set", json!({"supplies": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::Filled(fills) => ("filled", json!({"filled": fills.iter().map(filled).collect::<Vec<_>>()})),
        Event::WaitsDated(rows) => {
            let row = |row: &anaquel_engine::event::WaitDated| {
                let reservation = engine.state().reservations.get(row.reservation);
                json!({
                    "reservation": id(row.reservation),
                    "order": reservation.as_ref().and_then(|reservation| reservation.order.as_deref()),
                    "customer": reservation.as_ref().and_then(|reservation| reservation.customer.as_deref()),
                    "line": row.line,
                    "sku": sku(row.sku),
                    "location": location(row.location),
                    "quantity": row.quantity,
                    "promised_for": time(row.promised_for),
                    "expected_at": row.expected_at.map(time),
                    "at_risk": row.at_risk(),
                })
            };
            ("promises_dated", json!({"promises": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::DemandLost(_) | Event::DemandRefused(_) => {
            let row = |(purpose, row): (Option<Purpose>, &anaquel_engine::event::LostDemand)| {
                json!({
                    "sku": sku(row.sku),
                    "location": row.location.map(location),
                    "group": row.group.map(|group| catalogue.groups.name(group).as_str()),
                    "channel": catalogue.channels.name(row.channel).as_str(),
                    "order": row.is_order,
                    "purpose": purpose.map(Purpose::as_str),
                    "requests": row.requests,
                    "units": row.units,
                })
            };
            let lost: Vec<Value> = match event {
                Event::DemandLost(rows) => rows.iter().map(|lost| row((None, lost))).collect(),
                Event::DemandRefused(rows) => rows.iter().map(|(purpose, lost)| row((Some(*purpose), lost))).collect(),
                _ => Vec::new(),
            };
            ("demand_lost", json!({"lost": lost}))
        }
        Event::Told(told) => (
            "told",
            json!({"of": told.seq, "answer": crate::subjects::catalogue::views::thing(engine, &told.thing, &Sight::everything(engine))}),
        ),
        Event::Rebound(event) => {
            let moved = |moved: &anaquel_engine::event::Move| {
                json!({
                    "line": moved.line,
                    "quantity": moved.quantity,
                    "from": cell(&moved.from),
                    "to": cell(&moved.to),
                })
            };
            let moves: Vec<_> = event.moves.iter().map(moved).collect();
            ("rebound", json!({"reservation": id(event.reservation), "moves": moves, "bound": event.bound}))
        }
        Event::Confirmed(event) => (
            "confirmed",
            json!({"reservation": id(event.reservation), "pickup_by": event.pickup_by.map(time), "order": event.order}),
        ),
        Event::Readied(event) => ("ready", json!({"reservation": id(event.reservation)})),
        Event::Collected(event) => (
            "collected",
            json!({
                "reservation": id(event.reservation),
                "code_shown": event.code_shown,
                "items": changes(&event.lines),
            }),
        ),
        Event::Cancelled(event) => (
            "cancelled",
            json!({"reservation": id(event.reservation), "reason": event.reason, "items": changes(&event.lines)}),
        ),
        Event::Extended(event) => {
            ("extended", json!({"reservation": id(event.reservation), "expires_at": time(event.expires_at)}))
        }
        Event::Expired(event) => {
            ("expired", json!({"reservation": id(event.reservation), "items": changes(&event.lines)}))
        }
        Event::ShortageGrew(short) => ("shortage", shortage(cell(short), short)),
        Event::ShortageCleared(short) => ("shortage_cleared", shortage(cell(short), short)),
        Event::Imported(imported) => (
            "imported",
            json!({
                "import": imported.kind.as_str(),
                "accepted": imported.accepted,
                "unchanged": imported.unchanged,
                "rejected": imported.rejected,
                "errors": imported.errors.iter().map(row_error).collect::<Vec<_>>(),
            }),
        ),
    }
}

fn shortage(mut item: Value, cell: &CellAfter) -> Value {
    if let Value::Object(members) = &mut item {
        members.insert("missing".into(), cell.level.shortage().into());
    }
    item
}
