//! What changed for a till after a record: some SKUs, or what values all of them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use anaquel_engine::Engine;
use anaquel_engine::catalogue::names::MadeUp;
use anaquel_engine::effect::{Described, Effect, Naming};
use anaquel_engine::event::{Event, Record};
use anaquel_engine::ids::{Seq, SkuId, Timestamp};
use anaquel_engine::journal::ReadError;
use anaquel_engine::prices::event::Event as PriceEvent;

use super::row::Till;

/// Records that a delta examines; beyond, it is every row.
const RECORDS_MAX: usize = 262_144;

/// What changed.
pub enum Changed {
    /// These SKUs, or rows of them, may have changed.
    Skus(BTreeSet<SkuId>),
    /// All rows may have.
    All,
}

/// What changed for `till` after the record `since`.
///
/// # Errors
/// The log no longer has these records, or is unreadable.
pub fn changed(engine: &Engine, till: &Till, since: Seq) -> Result<Changed, ReadError> {
    let visible = engine.state().view.seq();
    if usize::try_from(visible.saturating_sub(since)).unwrap_or(usize::MAX) > RECORDS_MAX {
        return Ok(Changed::All);
    }
    let (mut skus, mut is_all, mut first_at) = (BTreeSet::new(), false, None);
    engine.for_each_event(since, RECORDS_MAX, &mut |record| {
        first_at.get_or_insert(record.time);
        is_all |= look(record, till, &mut skus);
        if is_all { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if is_all {
        return Ok(Changed::All);
    }
    // Rows of prices begin and end by time, without a record.
    let from = match engine.record(since)? {
        Some(record) => record.time,
        None => first_at.unwrap_or(Timestamp(0)),
    };
    skus.extend(engine.state().own.prices.turned(from, engine.now()));
    Ok(Changed::Skus(skus))
}

/// Adds the SKUs of a record; true if it may change all rows.
fn look(record: &Record, till: &Till, skus: &mut BTreeSet<SkuId>) -> bool {
    let mut is_all = false;
    record.event.effects(|effect| match effect {
        Effect::Names(
            Naming::Defined(names)
            | Naming::MadeUp(MadeUp { names, .. })
            | Naming::Retired(names)
            | Naming::Revived(names)
            | Naming::Released(names),
        ) => skus.extend(names.skus.iter().map(|(id, _)| *id)),
        Effect::Cell(cell, _) => {
            if cell.location == till.location {
                skus.insert(cell.sku);
            }
        }
        Effect::Described(Described::Skus(rows)) => skus.extend(rows.iter().map(|(id, _)| *id)),
        Effect::Described(Described::Tracking(rows)) => skus.extend(rows.iter().map(|(id, _)| *id)),
        Effect::Rules(_)
        | Effect::Described(Described::Channels(_) | Described::Groups(_) | Described::Locations(_)) => is_all = true,
        // No row tells of these, but by the cells that they change.
        Effect::Names(Naming::Quarantines(_))
        | Effect::Described(Described::Services(_) | Described::Hours(_) | Described::Trading(_))
        | Effect::Moved(..)
        | Effect::Counted(..)
        | Effect::CountsConfirmed(_)
        | Effect::Shortage(..)
        | Effect::HandedOver(..)
        | Effect::Promise(_)
        | Effect::Filled(_)
        | Effect::Dated(_)
        | Effect::Inbound(_)
        | Effect::Refused(..)
        | Effect::Receipt(_)
        | Effect::Cart(_)
        | Effect::Order(..)
        | Effect::Sales(_) => {}
    });
    match &record.event {
        Event::Prices(event) => match event {
            PriceEvent::BaseSet(rows) => skus.extend(rows.iter().map(|(id, _)| *id)),
            PriceEvent::RowsSet(rows) => skus.extend(rows.iter().map(|rows| rows.sku)),
            PriceEvent::SkusTaxed(rows) => skus.extend(rows.iter().map(|(id, _)| *id)),
            PriceEvent::ListSet(_) | PriceEvent::ListsTurned(_) | PriceEvent::TaxClassSet(_) => is_all = true,
        },
        // Their effects say it.
        Event::Reservations(_)
        | Event::Stock(_)
        | Event::Catalogue(_)
        | Event::Supply(_)
        | Event::Rules(_)
        | Event::Demand(_)
        | Event::Imports(_)
        | Event::Answers(_)
        | Event::Transfers(_)
        | Event::Orders(_)
        | Event::Receipts(_)
        | Event::Carts(_)
        | Event::Returns(_)
        | Event::Archive(_) => {}
    }
    is_all
}
