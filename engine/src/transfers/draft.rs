//! Transfers after the batch so far.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::event::Event;
use super::reason::TransferId;
use super::transfer::Transfer;
use crate::effect::At;
use crate::ids::Name;
use crate::state::DurableState;

/// Transfers that the batch created or changed.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    changed: FxHashMap<TransferId, Transfer>,
    made: FxHashMap<Name, TransferId>,
}

impl Draft {
    /// Clears everything for the next batch.
    pub fn restart(&mut self) {
        if !self.changed.is_empty() {
            *self = Self::default();
        }
    }

    /// Makes an event visible to later decisions of the batch.
    pub fn stage(&mut self, state: &DurableState, at: At<'_>, event: &Event) {
        if let Event::Drafted(drafted) = event {
            let made = Transfer::made(at, drafted);
            self.made.insert(made.name.clone(), made.id);
            self.changed.insert(made.id, made);
        }
        let Some(id) = event.transfer() else { return };
        if !self.changed.contains_key(&id)
            && let Some(durable) = state.own.transfers.get(id)
        {
            self.changed.insert(id, Arc::unwrap_or_clone(durable));
        }
        if let Some(transfer) = self.changed.get_mut(&id) {
            transfer.apply(at, event);
        }
    }

    /// A transfer after the batch so far.
    pub fn named(&self, state: &DurableState, name: &Name) -> Option<Transfer> {
        if let Some(id) = self.made.get(name) {
            return self.changed.get(id).cloned();
        }
        let durable = state.own.transfers.named(name.as_str())?;
        Some(self.changed.get(&durable.id).cloned().unwrap_or_else(|| Arc::unwrap_or_clone(durable)))
    }
}
