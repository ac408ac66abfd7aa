//! The frames of orders in a checkpoint.

use std::io;
use std::sync::Arc;

use super::exit::AuditsLeft;
use super::ledger::SaleRow;
use super::order::Order;
use crate::kernel::frames::{ITEMS_PER_HOLD, in_frames, in_pages};
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Orders.
        40 => Orders(Vec<Arc<Order>>),
        /// Rows of the sales ledger.
        41 => Sales(Vec<Arc<SaleRow>>),
        /// By customer: bags of self check-outs that are still to be looked into.
        45 => AuditsLeft(Vec<AuditsLeft>),
    }
}

/// Saves every order, oldest first, and the sales ledger.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let store = &state.own.orders;
    in_pages(
        |last: Option<&Arc<Order>>| store.after(last.map(|last| last.id), ITEMS_PER_HOLD),
        |orders| put(Frame::Orders(orders)),
    )?;
    in_pages(
        |last: Option<&Arc<SaleRow>>| store.rows_after(last.map(|last| last.key()), ITEMS_PER_HOLD),
        |rows| put(Frame::Sales(rows)),
    )?;
    in_frames(store.all_audits_left(), |rows| put(Frame::AuditsLeft(rows)))
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Orders(rows) => rows.into_iter().for_each(|order| {
            state.own.orders.set(&state.catalogue, order);
        }),
        Frame::Sales(rows) => state.own.orders.add_rows(rows),
        Frame::AuditsLeft(rows) => rows.into_iter().for_each(|row| state.own.orders.set_audits_left(row)),
    }
}
