//! Folds what leaves memory and what comes back.

use super::event::Event;
use super::parts;
use crate::effect::At;
use crate::state::DurableState;

/// Takes out what left, or puts back what came back.
pub(crate) fn fold(state: &DurableState, at: At<'_>, event: &Event) {
    match event {
        Event::Archived(archived) => {
            archived.left.iter().for_each(|left| parts::take_out(state, left));
            state.own.archive.archived(at.seq, archived.end());
        }
        Event::Recalled(recalled) => recalled.kept.iter().for_each(|kept| parts::put_back(state, at.time, kept)),
    }
}
