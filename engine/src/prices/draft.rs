//! Prices as the batch in the making leaves them: as they are durable. What changes prices ends its batch, so nothing that
//! is decided later in it looks at them.

use super::event::Event;
use crate::effect::At;
use crate::state::DurableState;

/// Nothing.
#[derive(Debug, Default)]
pub(crate) struct Draft;

impl Draft {
    /// Another batch begins.
    pub fn restart(&mut self) {}

    /// An event is logged.
    pub fn stage(&mut self, _: &DurableState, _: At<'_>, _: &Event) {}
}
