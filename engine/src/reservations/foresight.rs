//! Outcomes of commands that are known before they are decided.

use crate::ids::ReservationId;
use crate::refusal::{Failure, Refusal};
use crate::reservations::Verdict;
use crate::reservations::command::StepRequest;
use crate::state::DurableState;

impl DurableState {
    /// The outcome of a step of a reservation that has only an entry left: it is closed for ever, so the outcome is
    /// known before the command is queued. `None` for any other.
    pub(crate) fn step_of_closed(&self, id: ReservationId, request: &StepRequest) -> Option<Failure> {
        let state = self.reservations.closed_state(id)?;
        Some(match request.verdict(state) {
            Verdict::WrongState(state) => Refusal::WrongState(state).into(),
            Verdict::AlreadyThere | Verdict::Go => Failure::AsItIs(id),
        })
    }
}
