//! Folds transfers into the durable view; stock, promises and supply fold their own parts.

use super::event::Event;
use super::reason::TransferId;
use super::transfer::Transfer;
use crate::effect::At;
use crate::state::DurableState;

impl Event {
    /// The existing transfer that the event changes.
    pub(super) fn transfer(&self) -> Option<TransferId> {
        match self {
            Self::Drafted(_) | Self::PolicySet(_) | Self::RunMade(_) => None,
            Self::Redrafted(event) => Some(event.transfer),
            Self::Readied(event) => Some(event.transfer),
            Self::Shipped(event) => Some(event.transfer),
            Self::Received(event) => Some(event.transfer),
            Self::Cancelled(event) => Some(event.transfer),
        }
    }
}

/// Stores the transfer and policy part of an event.
pub(crate) fn fold(state: &DurableState, at: At<'_>, event: &Event) {
    let store = &state.own.transfers;
    match event {
        Event::Drafted(drafted) => {
            if store.get(TransferId(at.seq)).is_none() {
                store.insert(Transfer::made(at, drafted));
            }
        }
        Event::PolicySet(set) => store.set_policy(at.seq, &set.name, set.policy.clone()),
        Event::RunMade(run) => store.note_run(at.seq, (**run).clone()),
        Event::Redrafted(_) | Event::Readied(_) | Event::Shipped(_) | Event::Received(_) | Event::Cancelled(_) => {
            if let Some(id) = event.transfer() {
                store.change(id, |transfer| transfer.apply(at, event));
            }
        }
    }
}
