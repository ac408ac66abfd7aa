//! Decides promises and the steps of their life.

mod capacity;
pub(crate) mod moves;
mod reallocate;
pub(crate) mod reserve;
pub(crate) mod step;
pub(crate) mod step_decision;

use super::command::Command;
use crate::decide::{Decide, Decision};
use crate::kernel::cause::Cause;

/// Decides a command of reservations.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::Reserve(reserve) => reserve::make_promise(cx, *reserve, cause),
        Command::Step(id, request) => step::take_step(cx, id, request, cause),
    }
}
