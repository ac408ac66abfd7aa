//! Events of refused demand on the wire.

use anaquel_engine::demand::event::Event;
use anaquel_engine::event::{LostDemand, Purpose};
use serde_json::{Value, json};

use super::lookup::{Described, Lookup};

pub(super) fn describe(of: Lookup<'_>, event: &Event) -> Described {
    let lost: Vec<Value> = match event {
        Event::DemandLost(rows) => rows.iter().map(|lost| row(of, None, lost)).collect(),
        Event::DemandRefused(rows) => rows.iter().map(|(purpose, lost)| row(of, Some(*purpose), lost)).collect(),
    };
    ("demand_lost", json!({"lost": lost}))
}

fn row(of: Lookup<'_>, purpose: Option<Purpose>, row: &LostDemand) -> Value {
    json!({
        "sku": of.sku(row.sku),
        "location": row.location.map(|location| of.location(location)),
        "group": row.group.map(|group| of.group(group)),
        "channel": of.0.state().catalogue.channels.name(row.channel).as_str(),
        "order": row.is_order,
        "purpose": purpose.map(Purpose::as_str),
        "requests": row.requests,
        "units": row.units,
    })
}
