//! JSON of cells, movements, counts and shortages.

use anaquel_engine::Engine;
use anaquel_engine::event::{CellAfter, Counted, Moved, MovementKind};
use anaquel_engine::ids::{LocationId, ReservationId, SkuId};
use anaquel_engine::level::ON_HAND_RANGE;
use anaquel_engine::query::{GroupView, Shortage};
use anaquel_engine::reservation::Reservation;
use anaquel_engine::rules::Band;
use anaquel_engine::supply::Waiting;
use anaquel_engine::supply::query::InboundView;
use serde_json::{Value, json};

use crate::auth::visibility::Visibility;
use crate::wire::put::put;
use crate::wire::time;

/// The condition of a return that someone must inspect.
pub fn condition_name(kind: MovementKind) -> Option<&'static str> {
    match kind {
        MovementKind::ReturnToInspect => Some("inspect"),
        MovementKind::ReturnDamaged => Some("damaged"),
        _ => None,
    }
}

/// Appends one SKU in one group.
pub fn write_group(out: &mut String, engine: &Engine, group: &GroupView, coming: Option<&InboundView>) {
    let catalogue = &engine.state().catalogue;
    if !group.exact {
        let (sku, name) = (catalogue.skus.name(group.sku), catalogue.groups.name(group.group));
        let band = if group.available > 0 { Band::InStock } else { Band::OutOfStock };
        put!(out, r#"{"sku":""#, sku, r#"","group":""#, name, r#"","band":""#, band.as_str(), "\"");
        out.push_str(if group.tracked { "}" } else { r#","tracked":false}"# });
        return;
    }
    let (sku, name) = (catalogue.skus.name(group.sku), catalogue.groups.name(group.group));
    put!(out, r#"{"sku":""#, sku, r#"","group":""#, name, r#"","on_hand":"#, group.on_hand);
    put!(out, r#","reserved":"#, group.reserved, r#","available":"#, group.available);
    put!(out, r#","locations":"#, group.locations);
    if let Some(InboundView { incoming, orderable, .. }) = coming {
        put!(out, r#","incoming":"#, *incoming, r#","orderable":"#, *orderable);
    }
    out.push_str(match (group.tracked, group.available) {
        (true, _) => "}",
        (false, 0) => r#","availability":"OutOfStock","tracked":false}"#,
        (false, _) => r#","availability":"InStock","tracked":false}"#,
    });
}

/// A cell after an event, for a channel without a buffer, under the rules in force now.
pub fn cell_after(engine: &Engine, cell: &CellAfter) -> Value {
    let catalogue = &engine.state().catalogue;
    let seen = engine.state().lens(None).see(catalogue, cell);
    let mut item = json!({
        "sku": catalogue.skus.name(cell.sku).as_str(),
        "location": catalogue.locations.name(cell.location).as_str(),
        "on_hand": cell.level.on_hand,
        "reserved": cell.level.reserved,
        "safety_stock": seen.held_back(),
        "buffer": seen.buffer,
        "available": seen.available,
    });
    if let (false, Value::Object(members)) = (seen.is_tracked(), &mut item) {
        members.insert("tracked".into(), false.into());
    }
    item
}

/// The row of a movement in its answer: the cell after it, or only its band for a caller that gets no numbers, and what
/// happened to the movement.
pub fn moved(engine: &Engine, row: &Moved, sight: &Visibility) -> Value {
    let mut item = match sight.band_alone(row.cell.sku, row.cell.location) {
        None => cell_after(engine, &row.cell),
        Some(band) => private(engine, (row.cell.sku, row.cell.location), band),
    };
    if let Value::Object(members) = &mut item {
        members.insert("occurred_at".into(), time(row.occurred_at).into());
        let after = i64::from(row.cell.level.on_hand) + row.change;
        let is_tracked = engine.state().catalogue.is_tracked(row.cell.sku);
        if row.absorbed && is_tracked && row.kind == MovementKind::Sale && after < *ON_HAND_RANGE.start() {
            // The movement is in the log; the cell stays at its minimum until a count.
            members.insert("out_of_range".into(), true.into());
        }
        if let Some(condition) = condition_name(row.kind) {
            members.insert("condition".into(), condition.into());
        }
        if row.created {
            members.insert("created".into(), true.into());
        }
        if row.absorbed {
            members.insert("absorbed".into(), true.into());
        }
    }
    item
}

/// A cell for a caller that gets no numbers.
fn private(engine: &Engine, (sku, location): (SkuId, LocationId), band: Band) -> Value {
    let catalogue = &engine.state().catalogue;
    json!({
        "sku": catalogue.skus.name(sku).as_str(),
        "location": catalogue.locations.name(location).as_str(),
        "band": band.as_str(),
    })
}

/// The row of a count in its answer. A caller that gets no numbers gets only its own counts.
pub fn counted_row(engine: &Engine, row: &Counted, sight: &Visibility) -> Value {
    let catalogue = &engine.state().catalogue;
    let delta = if row.outdated { 0 } else { i64::from(row.counted) - i64::from(row.expected) };
    let mut item = match sight.band_alone(row.cell.sku, row.cell.location) {
        None => json!({
            "sku": catalogue.skus.name(row.cell.sku).as_str(),
            "location": catalogue.locations.name(row.cell.location).as_str(),
            "expected": row.expected,
            "counted": row.counted,
            "delta": delta,
            "on_hand": row.cell.level.on_hand,
            "reserved": row.cell.level.reserved,
        }),
        Some(band) => {
            let mut item = private(engine, (row.cell.sku, row.cell.location), band);
            if let Value::Object(members) = &mut item {
                members.insert("counted".into(), row.counted.into());
            }
            item
        }
    };
    if let Value::Object(members) = &mut item {
        // The time of a count: that of its record if the given time is in the future; `None` for stock that was never
        // counted.
        let counted_at = (row.counted_at != anaquel_engine::ids::Timestamp(0)).then(|| time(row.counted_at));
        members.insert("counted_at".into(), counted_at.into());
    }
    if let Value::Object(members) = &mut item
        && row.outdated
    {
        members.insert("outdated".into(), true.into());
    }
    item
}

/// A short cell, with the promises at risk that the caller may see.
pub fn shortage(
    engine: &Engine,
    shortage: &Shortage,
    is_told: impl Fn(&Reservation) -> bool,
    sight: &Visibility,
) -> Value {
    let catalogue = &engine.state().catalogue;
    let band = sight.band_alone(shortage.cell.sku, shortage.cell.location);
    let promise = |id: ReservationId, units: u32| {
        let reservation = engine.state().reservations.get(id).filter(|reservation| is_told(reservation))?;
        Some(json!({
            "reservation": engine.reservation_id(id),
            "quantity": band.is_none().then_some(units),
            "state": reservation.state.as_str(),
            "channel": catalogue.channels.name(reservation.channel).as_str(),
            "customer": reservation.customer,
            "order": reservation.order,
        }))
    };
    let promises: Vec<Value> = shortage.at_risk.iter().filter_map(|(id, units)| promise(*id, *units)).collect();
    let late = |waiting: &Waiting| {
        let mut item = promise(waiting.holder.0, waiting.units)?;
        if let Value::Object(members) = &mut item {
            members.insert("promised_for".into(), time(waiting.promised_for).into());
            members.insert("expected_at".into(), waiting.expected_at.map(time).into());
        }
        Some(item)
    };
    let waiting: Vec<Value> = shortage.late.iter().filter_map(late).collect();
    let mut item = match band {
        None => json!({
            "sku": catalogue.skus.name(shortage.cell.sku).as_str(),
            "location": catalogue.locations.name(shortage.cell.location).as_str(),
            "on_hand": shortage.cell.level.on_hand,
            "reserved": shortage.cell.level.reserved,
            "missing": shortage.missing,
        }),
        Some(band) => private(engine, (shortage.cell.sku, shortage.cell.location), band),
    };
    if let Value::Object(members) = &mut item {
        members.insert("promises".into(), promises.into());
        members.insert("waiting".into(), waiting.into());
        // The newest promises are listed; a flag reports that there are more.
        if shortage.more_at_risk {
            members.insert("more_promises".into(), true.into());
        }
    }
    item
}
