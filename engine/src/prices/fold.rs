//! Folding prices into the durable view.

use super::event::Event;
use crate::effect::At;
use crate::state::DurableState;

/// Stores what an event says of prices, price lists and tax classes.
pub(crate) fn fold(state: &DurableState, at: At<'_>, event: &Event) {
    let (store, catalogue) = (&state.own.prices, &state.catalogue);
    match event {
        Event::BaseSet(rows) => rows.iter().for_each(|(sku, all)| store.fold_base(catalogue, at, *sku, all)),
        Event::RowsSet(rows) => rows.iter().for_each(|rows| store.fold_rows(catalogue, at, rows)),
        Event::ListSet(set) => store.fold_list(catalogue, at, set),
        Event::ListsTurned(rows) => store.fold_turned(catalogue, at, rows),
        Event::TaxClassSet(set) => store.fold_class(catalogue, at.seq, set),
        Event::SkusTaxed(rows) => store.fold_taxed(catalogue, at.seq, rows),
    }
}
