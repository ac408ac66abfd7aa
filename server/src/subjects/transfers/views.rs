//! JSON of transfers.

use anaquel_engine::Engine;
use anaquel_engine::effect::Effect;
use anaquel_engine::event::CellAfter;
use anaquel_engine::transfers::event::Event;
use anaquel_engine::transfers::policy::{Giver, Policy, Run, RunItem};
use anaquel_engine::transfers::{Happened, Transfer, TransferAnswer, TransferId, TransferLine};
use serde_json::{Value, json};

use crate::wire::time;

/// A transfer.
pub fn transfer(engine: &Engine, transfer: &Transfer) -> Value {
    let catalogue = &engine.state().catalogue;
    let place = |id| catalogue.locations.name(id).as_str();
    let line = |line: &TransferLine| {
        json!({
            "sku": catalogue.skus.name(line.sku).as_str(),
            "quantity": line.quantity,
            "reserved": line.reserved,
            "shipped": line.shipped,
            "received": line.received,
            "damaged": line.damaged,
            "missing": line.missing,
            "returned": line.returned,
            "surplus": line.surplus,
            "outstanding": line.outstanding(),
        })
    };
    let happened = |step: &Happened| {
        json!({
            "seq": step.seq,
            "time": time(step.time),
            "kind": &*step.kind,
            "channel": step.channel.as_ref().map(|name| name.as_str()),
            "location": step.location.map(place),
            "actor": step.actor.as_deref(),
        })
    };
    let content = &transfer.content;
    json!({
        "transfer": transfer.name.as_str(),
        "state": transfer.state.as_str(),
        "from": place(content.from),
        "to": place(content.to),
        "reason": content.reason.as_str(),
        "policy": content.policy.as_ref().map(|name| name.as_str()),
        "run": content.run.as_ref().map(|name| name.as_str()),
        "order": content.order.as_deref(),
        "reference": content.reference.as_deref(),
        "lines": transfer.lines.iter().map(line).collect::<Vec<_>>(),
        "reservation": transfer.reservation.map(|id| engine.reservation_id(id)),
        "expected_at": transfer.expected_at.map(time),
        "shipped_at": transfer.shipped_at.map(time),
        "received_at": transfer.received_at.map(time),
        "tracking": transfer.tracking.as_deref(),
        "history": transfer.history.iter().map(happened).collect::<Vec<_>>(),
        "seq": transfer.version,
    })
}

/// A policy of replenishment.
pub fn policy(engine: &Engine, name: &str, policy: &Policy) -> Value {
    let catalogue = &engine.state().catalogue;
    let location = |id| catalogue.locations.name(id).to_string();
    let group = |id| catalogue.groups.name(id).to_string();
    let giver = |giver: &Giver| match giver {
        Giver::Location(id) => location(*id),
        Giver::Group(id) => group(*id),
    };
    json!({
        "policy": name,
        "kind": policy.kind.as_str(),
        "to": {
            "locations": policy.to_locations.iter().map(|id| location(*id)).collect::<Vec<_>>(),
            "groups": policy.to_groups.iter().map(|id| group(*id)).collect::<Vec<_>>(),
        },
        "from": policy.from.iter().map(giver).collect::<Vec<_>>(),
        "skus": policy.skus.iter().map(|id| catalogue.skus.name(*id).to_string()).collect::<Vec<_>>(),
        "categories": policy.categories,
        "attributes": policy.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(),
        "min": policy.min,
        "max": policy.max,
        "cover_days_min": policy.cover_days_min,
        "cover_days_max": policy.cover_days_max,
        "idle_days": policy.idle_days,
        "pack": policy.pack,
        "mode": if policy.ready { "ready" } else { "propose" },
        "at": policy.at.map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60)),
        "starts_at": policy.starts_at.map(time),
        "ends_at": policy.ends_at.map(time),
    })
}

/// The result of a run of replenishment.
pub fn run(engine: &Engine, run: &Run) -> Value {
    let catalogue = &engine.state().catalogue;
    let item = |item: &RunItem| {
        json!({
            "sku": catalogue.skus.name(item.sku).as_str(),
            "location": catalogue.locations.name(item.location).as_str(),
            "wanted": item.wanted,
            "given": item.given,
        })
    };
    json!({
        "run": run.name.as_str(),
        "made": run.made,
        "short": run.short,
        "items": run.items.iter().map(item).collect::<Vec<_>>(),
    })
}

/// The kept answer of a change or a step.
pub fn told(engine: &Engine, told: &TransferAnswer) -> Value {
    match told {
        TransferAnswer::Transfer(of) | TransferAnswer::Made(of) => transfer(engine, of),
        TransferAnswer::Policy(name, Some(of)) => policy(engine, name.as_str(), of),
        TransferAnswer::Policy(name, None) => json!({"policy": name.as_str()}),
        TransferAnswer::Run(of) => run(engine, of),
    }
}

/// An event, as `/v1/events` tells it: its kind, and what it says.
pub fn event(engine: &Engine, event: &Event, cell: impl Fn(&CellAfter) -> Value) -> (&'static str, Value) {
    let state = engine.state();
    let name = |id: TransferId| state.own.transfers.get(id).map(|transfer| transfer.name.to_string());
    let location = |id| state.catalogue.locations.name(id).to_string();
    let sku = |id| state.catalogue.skus.name(id).to_string();
    let cells = || {
        let mut items = Vec::new();
        event.effects(&mut |effect| {
            if let Effect::Cell(after, _) = effect {
                items.push(cell(after));
            }
        });
        items
    };
    let lines = |lines: &[(anaquel_engine::ids::SkuId, u32)]| -> Vec<Value> {
        lines.iter().map(|(id, units)| json!({"sku": sku(*id), "quantity": units})).collect()
    };
    match event {
        Event::Drafted(drafted) => (
            "transfer_drafted",
            json!({
                "transfer": drafted.name.as_str(),
                "from": location(drafted.content.from),
                "to": location(drafted.content.to),
                "reason": drafted.content.reason.as_str(),
                "lines": lines(&drafted.content.lines),
                "ready": drafted.ready.is_some(),
                "items": cells(),
            }),
        ),
        Event::Redrafted(redrafted) => (
            "transfer_redrafted",
            json!({
                "transfer": name(redrafted.transfer),
                "from": location(redrafted.content.from),
                "to": location(redrafted.content.to),
                "lines": lines(&redrafted.content.lines),
            }),
        ),
        Event::Readied(readied) => (
            "transfer_ready",
            json!({
                "transfer": name(readied.transfer),
                "expected_at": readied.expected_at.map(time),
                "items": cells(),
            }),
        ),
        Event::Shipped(shipped) => (
            "transfer_shipped",
            json!({
                "transfer": name(shipped.transfer),
                "units": shipped.lines.iter().map(|(_, units)| u64::from(*units)).sum::<u64>(),
                "expected_at": shipped.expected_at.map(time),
                "tracking": shipped.tracking.as_deref(),
                "occurred_at": time(shipped.occurred_at),
                "items": cells(),
            }),
        ),
        Event::Received(received) => {
            let row = |row: &anaquel_engine::transfers::event::Arrived| {
                json!({
                    "sku": sku(row.sku),
                    "received": row.received,
                    "damaged": row.damaged,
                    "surplus": row.surplus,
                    "missing": row.missing,
                })
            };
            (
                "transfer_received",
                json!({
                    "transfer": name(received.transfer),
                    "lines": received.lines.iter().map(row).collect::<Vec<_>>(),
                    "reference": received.reference.as_deref(),
                    "closed": received.closes,
                    "occurred_at": time(received.occurred_at),
                    "items": cells(),
                }),
            )
        }
        Event::Cancelled(cancelled) => {
            let sum = |of: fn(&anaquel_engine::transfers::event::GoneBack) -> u32| {
                cancelled.lines.iter().map(|line| u64::from(of(line))).sum::<u64>()
            };
            (
                "transfer_cancelled",
                json!({
                    "transfer": name(cancelled.transfer),
                    "returned": sum(|line| line.returned),
                    "missing": sum(|line| line.missing),
                    "items": cells(),
                }),
            )
        }
        Event::PolicySet(set) => match &set.policy {
            Some(of) => ("policy_set", policy(engine, set.name.as_str(), of)),
            None => ("policy_set", json!({"policy": set.name.as_str(), "removed": true})),
        },
        Event::RunMade(made) => {
            ("replenishment_run", json!({"run": made.name.as_str(), "made": made.made, "short": made.short}))
        }
    }
}
