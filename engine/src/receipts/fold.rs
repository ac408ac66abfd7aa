//! Folds issuers, series and receipts into the durable view.

use std::sync::Arc;

use super::event::Event;
use super::receipt::Issued;
use crate::effect::At;
use crate::state::DurableState;

/// Stores what an event says of issuers and series, and of what an authority said.
pub(crate) fn fold(state: &DurableState, at: At<'_>, event: &Event) {
    let (store, catalogue) = (&state.own.receipts, &state.catalogue);
    match event {
        Event::IssuerSet(set) => store.set_issuer(catalogue, at.seq, &set.name, set.issuer.as_ref()),
        Event::SeriesSet(set) => store.set_series(catalogue, at.seq, &set.name, set.series.as_ref()),
        Event::FiscalTold(told) => store.tell_fiscal(catalogue, at, told),
        // Told by its effects.
        Event::ReceiptsIssued(_) => {}
    }
}

/// Stores a receipt, whichever subject logged it.
pub(crate) fn issued(state: &DurableState, issued: &Arc<Issued>) {
    state.own.receipts.issued(&state.catalogue, issued);
}
