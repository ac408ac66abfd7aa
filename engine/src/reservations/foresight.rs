//! What is known of a command before it is decided, from the state that it will meet.

use crate::ids::ReservationId;
use crate::refusal::{Failure, Refusal};
use crate::reservations::Verdict;
use crate::reservations::command::StepRequest;
use crate::state::DurableState;

impl DurableState {
    /// What a step comes to that is asked of a reservation of which only an entry is left: it is over, and never opens
    /// again, so it is known before it is queued. None for any other.
    pub(crate) fn step_of_closed(&self, id: ReservationId, request: &StepRequest) -> Option<Failure> {
        let state = self.reservations.closed_state(id)?;
        Some(match request.verdict(state) {
            Verdict::WrongState(state) => Refusal::WrongState(state).into(),
            Verdict::AlreadyThere | Verdict::Go => Failure::AsItIs(id),
        })
    }
}
