//! Returns after the batch so far.

use rustc_hash::FxHashMap;

use super::event::Event;
use super::returned::{Return, ReturnId};
use crate::effect::At;
use crate::ids::Name;
use crate::state::DurableState;

/// Returns that the batch made or changed.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    changed: FxHashMap<Name, Return>,
}

impl Draft {
    /// Clears everything for the next batch.
    pub fn restart(&mut self) {
        if !self.changed.is_empty() {
            self.changed.clear();
        }
    }

    /// Makes an event visible to later decisions of the batch.
    pub fn stage(&mut self, _: &DurableState, _: At<'_>, event: &Event) {
        let Event::Stepped(stepped) = event;
        self.changed.insert(stepped.returned.name.clone(), stepped.returned.clone());
    }

    /// A return after the batch so far.
    pub fn named(&self, state: &DurableState, name: &str) -> Option<Return> {
        let durable = || state.own.returns.named(name).map(|returned| (*returned).clone());
        self.changed.get(name).cloned().or_else(durable)
    }

    /// A return after the batch so far, by its identity.
    pub fn get(&self, state: &DurableState, id: ReturnId) -> Option<Return> {
        let name = state.own.returns.get(id)?.name.clone();
        self.named(state, name.as_str())
    }
}
