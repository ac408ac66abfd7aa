//! Reservations on the wire.

pub use crate::subjects::reservations::bodies::*;
pub use crate::subjects::reservations::supersedes::Supersedes;
pub use crate::subjects::reservations::views::{LineView, ReservationView, tells_waits, write_record};

use anaquel_engine::event::Purpose;
use anaquel_engine::reservation::State;

use crate::http::problem::Problem;

/// Reads a state.
pub fn parse_state(text: &str) -> Result<State, Problem> {
    let states = [State::Held, State::Confirmed, State::Ready, State::Collected, State::Cancelled, State::Expired];
    states.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        Problem::invalid("state", format!("{text:?} is not held, confirmed, ready, collected, cancelled or expired"))
    })
}

/// Reads a purpose.
pub fn parse_purpose(text: &str) -> Result<Purpose, Problem> {
    [Purpose::Cart, Purpose::Pickup, Purpose::Delivery]
        .into_iter()
        .find(|purpose| purpose.as_str() == text)
        .ok_or_else(|| Problem::invalid("purpose", format!("{text:?} is not cart, pickup or delivery")))
}
