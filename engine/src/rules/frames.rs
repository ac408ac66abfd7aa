//! The frames of rules in a checkpoint.

use std::io;
use std::sync::Arc;

use super::{RuleId, StandingRule};
use crate::kernel::frames::in_frames;
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Rules by their numbers in the table; `None` if one was removed.
        11 => Rules(Vec<(RuleId, Option<StandingRule>)>),
    }
}

/// Saves the rules.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let rules = (0..).map(RuleId).zip(state.rules.all());
    in_frames(rules.map(|(id, standing)| (id, standing.map(Arc::unwrap_or_clone))), |rows| put(Frame::Rules(rows)))
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Rules(rows) => rows.into_iter().for_each(|(id, standing)| super::fold::restore(state, id, standing)),
    }
}
