//! The archive after the batch so far: nothing, because a command of the archive is the only one of its batch.

use super::event::Event;
use crate::effect::At;
use crate::state::DurableState;

/// Nothing.
#[derive(Debug, Default)]
pub(crate) struct Draft;

impl Draft {
    /// Clears everything for the next batch.
    pub fn restart(&mut self) {}

    /// Makes an event visible to later decisions of the batch: there are none.
    pub fn stage(&mut self, _: &DurableState, _: At<'_>, event: &Event) {
        match event {
            Event::Archived(_) | Event::Recalled(_) => {}
        }
    }
}
