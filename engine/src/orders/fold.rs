//! Folds orders into the durable view; stock and promises fold their own parts.

use std::sync::Arc;

use super::event::{Event, Stepped};
use super::exit::{AuditsLeft, left_after};
use super::ledger::{SaleRow, rows_of};
use crate::effect::At;
use crate::state::DurableState;

/// Stores an order after its step, and the rows of the sales ledger.
pub(crate) fn fold(state: &DurableState, at: At<'_>, event: &Event) {
    let Event::Stepped(stepped) = event;
    step(state, at, 0, stepped);
}

/// The same for a step that another subject logged, with the rows `before` it in its record.
pub(crate) fn step(state: &DurableState, at: At<'_>, before: u16, stepped: &Stepped) {
    if state.own.orders.set(&state.catalogue, Arc::clone(&stepped.order)) {
        state.own.orders.add_rows(rows_of(at, before, stepped));
    }
    if let Some((customer, exit)) = stepped.order.customer.as_ref().zip(stepped.order.exit.as_ref()) {
        let left = left_after(state.own.orders.audits_left(customer), stepped.kind, exit);
        state.own.orders.set_audits_left(AuditsLeft { customer: customer.clone(), left, seq: at.seq });
    }
}

/// Adds rows that belong to no order to the sales ledger.
pub(crate) fn rows(state: &DurableState, rows: &[SaleRow]) {
    state.own.orders.add_rows(rows.to_vec());
}
