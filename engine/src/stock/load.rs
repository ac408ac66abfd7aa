//! Loading rows of stock.

use std::collections::BTreeMap;

use super::command::Count;
use super::confirmed::{CellSet, CountsConfirmed};
use super::decide::{CountVerdict, count_one};
use super::event::Event as StockEvent;
use crate::decide::Decide;
use crate::decide::load::{chunks, row_error};
use crate::event::Event;
use crate::ids::{SkuId, Timestamp};
use crate::kernel::name_ref::NameRef;
use crate::outcome::Loaded;
use crate::refusal::Failure;

/// Cells in one record of counts that confirmed the books.
const CONFIRMED_PER_RECORD: usize = 4000;

/// Counts.
pub(crate) fn counts(
    cx: &mut Decide<'_>,
    mut counts: Vec<Count>,
    create: bool,
    loaded: &mut Loaded,
    events: &mut Vec<Event>,
) {
    // Adjacent in memory: the cells of a SKU are created together.
    counts.sort_by(|a, b| sku_order(&a.sku).cmp(&sku_order(&b.sku)).then(a.line.cmp(&b.line)));
    let (mut set, mut confirmed) = (Vec::new(), BTreeMap::<Timestamp, Vec<_>>::new());
    for count in &counts {
        let defined = cx.draft.defined_so_far();
        match load_count(cx, count, create) {
            Ok(CountVerdict::Counted(counted)) => {
                set.push(counted);
                loaded.count(Some(()));
            }
            Ok(CountVerdict::Confirmed(sku, location, counted_at)) => {
                confirmed.entry(counted_at).or_default().push((sku, location));
                loaded.count::<()>(None);
            }
            Ok(CountVerdict::Stale(_) | CountVerdict::Unchanged) => loaded.count::<()>(None),
            Err(failure) => {
                cx.draft.forget_definitions(defined);
                loaded.errors.push(row_error(count.line, failure));
            }
        }
    }
    events.extend(chunks(set, |_| 64, StockEvent::Counted));
    for (counted_at, cells) in confirmed {
        let confirmed = |cells: &[_]| CountsConfirmed { counted_at, cells: CellSet::new(cells.to_vec()) };
        let events_of = cells.chunks(CONFIRMED_PER_RECORD).map(confirmed);
        events.extend(events_of.map(|confirmed| StockEvent::CountsConfirmed(Box::new(confirmed)).into()));
    }
}

fn load_count(cx: &mut Decide<'_>, count: &Count, create: bool) -> Result<CountVerdict, Failure> {
    if !create {
        cx.known_cell(&count.sku, &count.location)?;
    }
    count_one(cx, count, None, &|field| field.to_owned())
}

fn sku_order(sku: &NameRef<SkuId>) -> (u32, &str) {
    match sku {
        NameRef::Known(id) => (id.0, ""),
        NameRef::New(name) => (u32::MAX, name.as_str()),
    }
}
