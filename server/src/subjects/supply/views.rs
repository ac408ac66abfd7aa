//! JSON of inbound supply.

use anaquel_engine::Engine;
use anaquel_engine::event::CellToCome;
use anaquel_engine::ids::{ReservationId, Timestamp};
use anaquel_engine::reservation::Reservation;
use anaquel_engine::supply::query::ExpectedSupply;
use anaquel_engine::supply::{Supply, Waiting};
use serde_json::{Value, json};

use crate::auth::visibility::Visibility;
use crate::wire::time;

/// A cell with inbound supply, and the promises at risk that the caller may see; without quantities for a caller that
/// gets no numbers.
pub fn expected(
    engine: &Engine,
    expected: &ExpectedSupply,
    is_told: impl Fn(&Reservation) -> bool,
    sight: &Visibility,
) -> Value {
    let own = |waiting: &&Waiting| engine.state().reservations.get(waiting.holder.0).is_some_and(|held| is_told(&held));
    let risk = |waiting: &Waiting| (waiting.holder.0, waiting.units, waiting.promised_for, waiting.expected_at);
    let at_risk = expected.at_risk.iter().filter(own).map(risk).collect();
    let (sku, location, supplies, waiting) =
        (expected.sku, expected.location, expected.supplies.clone(), expected.waiting);
    cell(engine, &CellToCome { sku, location, supplies, waiting, at_risk }, sight)
}

/// The same, as the answer to the caller that set it.
pub fn cell(engine: &Engine, cell: &CellToCome, sight: &Visibility) -> Value {
    let catalogue = &engine.state().catalogue;
    let exact = sight.band_alone(cell.sku, cell.location).is_none();
    let supply = |supply: &Supply| {
        json!({
            "supply": supply.name.as_str(),
            "kind": supply.kind.as_str(),
            "quantity": exact.then_some(supply.open),
            "expected_at": time(supply.expected_at),
        })
    };
    let at_risk = |(holder, units, promised_for, expected_at): &(ReservationId, u32, Timestamp, Option<Timestamp>)| {
        json!({
            "reservation": engine.reservation_id(*holder),
            "quantity": exact.then_some(units),
            "promised_for": time(*promised_for),
            "expected_at": expected_at.map(time),
        })
    };
    json!({
        "sku": catalogue.skus.name(cell.sku).as_str(),
        "location": catalogue.locations.name(cell.location).as_str(),
        "incoming": exact.then(|| cell.supplies.iter().map(|supply| u64::from(supply.open)).sum::<u64>()),
        "waiting": exact.then_some(cell.waiting),
        "supplies": cell.supplies.iter().map(supply).collect::<Vec<_>>(),
        "at_risk": cell.at_risk.iter().map(at_risk).collect::<Vec<_>>(),
    })
}
