//! The frames of issuers, series and receipts in a checkpoint.

use std::io;
use std::sync::Arc;

use super::issuer::IssuerStanding;
use super::listed::Key;
use super::receipt::Receipt;
use super::series::SeriesStanding;
use crate::kernel::frames::{ITEMS_PER_HOLD, in_frames, in_pages};
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
        38 => Receipts(Vec<Arc<Receipt>>),
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
    let after = |last: Option<&Arc<Receipt>>| last.map(|last| Key::of(&last.issued));
    let page = |last: Option<&Arc<Receipt>>| {
        let page = store.page(after(last).as_ref(), ITEMS_PER_HOLD).into_iter();
        page.map(|(_, receipt)| receipt).collect()
    };
    in_pages(page, |rows| put(Frame::Receipts(rows)))
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    let (store, catalogue) = (&state.own.receipts, &state.catalogue);
    match frame {
        Frame::Issuers(rows) => rows.into_iter().for_each(|standing| store.restore_issuer(catalogue, standing)),
        Frame::Series(rows) => rows.into_iter().for_each(|standing| store.restore_series(catalogue, standing)),
        Frame::Receipts(rows) => {
            let rows = rows.into_iter().map(Arc::unwrap_or_clone);
            rows.for_each(|receipt| store.restore_receipt(catalogue, receipt));
        }
    }
}
