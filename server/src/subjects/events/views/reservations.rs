//! Events of reservations on the wire.

use anaquel_engine::event::{Made, Move, ReservedLine, Superseded};
use anaquel_engine::ids::Seq;
use anaquel_engine::reservation::event::Event;
use anaquel_engine::rules::RuleId;
use serde_json::{Value, json};

use super::lookup::{Described, Lookup};
use crate::wire::time;

pub(super) fn describe(of: Lookup<'_>, event: &Event) -> Described {
    match event {
        Event::Reserved(reserved) => ("reserved", made(of, Made::plain(reserved))),
        Event::Promised(promised) => ("reserved", made(of, promised.made())),
        Event::Arranged(arranged) => ("reserved", made(of, Made::arranged(arranged))),
        Event::Replaced(replaced) => ("reserved", made(of, replaced.made())),
        Event::IdTaken(records) => ("id_taken", json!({"records": records})),
        Event::PickupBySet(event) => {
            let pickup_by = event.pickup_by.map(time);
            ("pickup_by_set", json!({"reservation": of.reservation(event.reservation), "pickup_by": pickup_by}))
        }
        Event::Reallocated(event) => {
            let moved = |moved: &Move| {
                json!({
                    "line": moved.line,
                    "quantity": moved.quantity,
                    "from": of.cell(&moved.from),
                    "to": of.cell(&moved.to),
                })
            };
            let moves: Vec<_> = event.moves.iter().map(moved).collect();
            let reservation = of.reservation(event.reservation);
            ("rebound", json!({"reservation": reservation, "moves": moves, "bound": event.bound}))
        }
        Event::Confirmed(event) => (
            "confirmed",
            json!({
                "reservation": of.reservation(event.reservation),
                "pickup_by": event.pickup_by.map(time),
                "order": event.order,
            }),
        ),
        Event::Readied(event) => ("ready", json!({"reservation": of.reservation(event.reservation)})),
        Event::Collected(event) => (
            "collected",
            json!({
                "reservation": of.reservation(event.reservation),
                "code_shown": event.code_shown,
                "items": of.changes(&event.lines),
            }),
        ),
        Event::Cancelled(event) => (
            "cancelled",
            json!({
                "reservation": of.reservation(event.reservation),
                "reason": event.reason,
                "items": of.changes(&event.lines),
            }),
        ),
        Event::Extended(event) => (
            "extended",
            json!({"reservation": of.reservation(event.reservation), "expires_at": time(event.expires_at)}),
        ),
        Event::Expired(event) => {
            ("expired", json!({"reservation": of.reservation(event.reservation), "items": of.changes(&event.lines)}))
        }
    }
}

fn made(of: Lookup<'_>, made: Made<'_>) -> Value {
    let (reserved, terms, waits) = (made.reserved, made.terms, made.waits());
    let quota = |(rule, _): &(RuleId, Seq)| of.0.state().rules.at(*rule).map(|standing| standing.name.to_string());
    let line = |(at, line): (usize, &ReservedLine)| {
        let mut item = of.cell(&line.cell);
        if let Value::Object(members) = &mut item {
            if let Some(group) = terms.get(at).and_then(|terms| terms.group) {
                members.insert("group".into(), of.group(group).into());
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
    let superseded =
        |old: &Superseded| json!({"reservation": of.reservation(old.reservation), "items": of.changes(&old.lines)});
    let mut superseded: Vec<Value> = made.superseded().map(superseded).collect();
    // One stands by itself; several are a list.
    let superseded = match superseded.len() {
        0 | 1 => superseded.pop().unwrap_or_default(),
        _ => superseded.into(),
    };
    json!({
        "channel": of.0.state().catalogue.channels.name(reserved.channel).as_str(),
        "purpose": reserved.purpose.as_str(),
        "confirmed": reserved.confirmed,
        "customer": reserved.customer,
        "order": reserved.order,
        "expires_at": time(reserved.expires_at),
        "items": reserved.lines.iter().enumerate().map(line).collect::<Vec<_>>(),
        "supersedes": superseded,
    })
}
