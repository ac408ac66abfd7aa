//! The frames of issuers, series and receipts in a checkpoint.

use std::io;
use std::sync::Arc;

use super::issuer::IssuerStanding;
use super::receipt::Receipt;
use super::series::SeriesStanding;
use crate::kernel::frames::{ITEMS_PER_FRAME, in_frames};
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Issuers.
        36 => Issuers(Vec<IssuerStanding>),
        /// Series.
        37 => Series(Vec<SeriesStanding>),
        /// Receipts, in the order of issue.
        38 => Receipts(Vec<Receipt>),
    }
}

/// Saves issuers, series and receipts.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let store = &state.own.receipts;
    in_frames(store.all_issuers().into_iter().map(Arc::unwrap_or_clone), |rows| put(Frame::Issuers(rows)))?;
    in_frames(store.all_series().into_iter().map(Arc::unwrap_or_clone), |rows| put(Frame::Series(rows)))?;
    let mut after = None;
    // Bounded by the receipts; a page at a time, so that folds run between.
    loop {
        let page = store.page(after.as_ref(), ITEMS_PER_FRAME);
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        put(Frame::Receipts(page.into_iter().map(|(_, receipt)| Arc::unwrap_or_clone(receipt)).collect()))?;
    }
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    let (store, catalogue) = (&state.own.receipts, &state.catalogue);
    match frame {
        Frame::Issuers(rows) => rows.into_iter().for_each(|standing| store.restore_issuer(catalogue, standing)),
        Frame::Series(rows) => rows.into_iter().for_each(|standing| store.restore_series(catalogue, standing)),
        Frame::Receipts(rows) => rows.into_iter().for_each(|receipt| store.restore_receipt(catalogue, receipt)),
    }
}
