//! Folds returns into the durable view; orders, receipts and stock fold their own parts.

use super::event::Event;
use crate::effect::At;
use crate::state::DurableState;

/// Stores a return after its step.
pub(crate) fn fold(state: &DurableState, _: At<'_>, event: &Event) {
    let Event::Stepped(stepped) = event;
    state.own.returns.set(&state.catalogue, stepped.returned.clone());
}
