//! The decision of a step.

use crate::ids::Seq;
use crate::reservations::event::Event;

/// A decided step.
pub(crate) enum StepDecision {
    /// The reservation is already there, since this version.
    AlreadyThere(Seq),
    /// The event of the step, with its cells changed in the draft: the caller logs it.
    Event(Event),
}
