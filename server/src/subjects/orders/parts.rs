//! The reservations of an order: its fulfilments.

use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::orders::Order;
use anaquel_engine::reservation::{Reservation, ReservationState};

use crate::app::App;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;

/// The reservation of each fulfilment; none of a sale, or where it is no longer in memory.
pub type Parts = Vec<Option<Arc<Reservation>>>;

/// The reservations as they are now.
pub fn now(app: &App, order: &Order) -> Parts {
    in_memory(&app.engine, order)
}

/// The reservations that memory has.
pub fn in_memory(engine: &Engine, order: &Order) -> Parts {
    let of = |id| engine.reservation_in_memory(id);
    order.fulfilments.iter().map(|fulfilment| fulfilment.reservation.and_then(of)).collect()
}

/// The reservations as they were when the order was at its version.
///
/// # Errors
/// The log cannot be read, or no turn comes.
pub async fn as_of(app: &App, caller: &Caller, order: &Order) -> Result<Parts, Problem> {
    let mut parts = now(app, order);
    for (fulfilment, part) in order.fulfilments.iter().zip(&mut parts) {
        let Some(id) = fulfilment.reservation else { continue };
        if part.as_ref().is_some_and(|part| part.version <= order.version) {
            continue;
        }
        let version = order.version;
        let read = app.with_engine(caller, move |engine| engine.as_of(id, version)).await?;
        // The log may no longer reach so far; then what is there counts.
        if let Ok(Some(was)) = read {
            *part = Some(Arc::new(was));
        }
    }
    Ok(parts)
}

/// The state of a fulfilment: that of its reservation. A sale's is handed over; what is no longer in memory is closed, as
/// its units say.
pub fn state(order: &Order, nth: usize, part: Option<&Reservation>) -> ReservationState {
    if let Some(part) = part {
        return part.state;
    }
    let lines = order.fulfilments.get(nth).map(|fulfilment| &fulfilment.lines[..]).unwrap_or_default();
    match lines.iter().any(|line| line.handed_over > 0) || lines.is_empty() {
        true => ReservationState::Collected,
        false if order.state == anaquel_engine::orders::OrderState::Expired => ReservationState::Expired,
        false => ReservationState::Cancelled,
    }
}
