//! JSON of plans and shipments.

use std::collections::BTreeMap;

use anaquel_engine::Engine;
use anaquel_engine::geo::distance_km;
use anaquel_engine::ids::LocationId;
use anaquel_engine::reservation::Reservation;
use anaquel_engine::sourcing::{Question, Shipment, SourcingPlan, Weights};
use serde_json::{Value, json};

use crate::subjects::reservations::views::tells_waits;
use crate::subjects::sourcing::bodies::Order;

fn rounded(km: Option<f64>) -> Option<f64> {
    km.map(|km| (km * 10.0).round() / 10.0)
}

/// A plan that is only returned.
pub fn plan(engine: &Engine, order: &Order, plan: &SourcingPlan) -> Value {
    let catalogue = &engine.state().catalogue;
    let sku = |line: usize| order.question.lines.get(line).map(|(sku, ..)| catalogue.skus.name(*sku).as_str());
    // The split of a line and its score reveal quantities; a caller that gets no numbers does not get them.
    let Question { lines, channel, .. } = &order.question;
    let exact = lines.iter().all(|(sku, ..)| engine.state().tells_numbers(*sku, *channel));
    let line = |(line, units): &(usize, u32)| json!({"sku": sku(*line), "quantity": exact.then_some(units)});
    let shipment = |shipment: &Shipment| {
        json!({
            "location": catalogue.locations.name(shipment.location).as_str(),
            "distance_km": rounded(shipment.distance_km),
            "lines": shipment.lines.iter().map(line).collect::<Vec<_>>(),
        })
    };
    let missing = plan.missing.iter().enumerate().filter(|(_, units)| **units > 0);
    let missing: Vec<Value> =
        missing.map(|(line, units)| json!({"sku": sku(line), "quantity": exact.then_some(units)})).collect();
    let mut told = json!({"shipments": plan.shipments.iter().map(shipment).collect::<Vec<_>>(), "missing": missing});
    if let Value::Object(members) = &mut told
        && exact
    {
        members.insert("score".into(), plan.score.into());
        members.insert("parts".into(), parts(&plan.parts));
    }
    told
}

fn parts(parts: &Weights) -> Value {
    json!({
        "shipments": parts.shipments,
        "distance": parts.distance,
        "priority": parts.priority,
        "stock": parts.stock,
        "store": parts.store,
        "cover": parts.cover,
    })
}

/// The shipments of a reservation, by location.
pub fn shipments(engine: &Engine, order: &Order, reservation: &Reservation) -> Value {
    let catalogue = &engine.state().catalogue;
    let mut by_place: BTreeMap<usize, (LocationId, Vec<Value>)> = BTreeMap::new();
    for (at, line) in reservation.lines.iter().enumerate().filter(|(_, line)| line.quantity > 0) {
        let known = by_place.values_mut().find(|(location, _)| *location == line.location);
        let item = json!({
            "sku": catalogue.skus.name(line.sku).as_str(),
            "quantity": line.quantity,
            "waiting": tells_waits(engine, reservation, line).then(|| line.waiting()),
        });
        match known {
            Some((_, lines)) => lines.push(item),
            None => drop(by_place.insert(at, (line.location, vec![item]))),
        }
    }
    let shipment = |(location, lines): (LocationId, Vec<Value>)| {
        let at = catalogue.locations.details_or_default(location).coordinates;
        let km = order.question.near.zip(at).map(|(near, at)| distance_km(near, at));
        json!({"location": catalogue.locations.name(location).as_str(), "distance_km": rounded(km), "lines": lines})
    };
    by_place.into_values().map(shipment).collect()
}
