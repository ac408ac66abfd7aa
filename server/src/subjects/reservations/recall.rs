//! Reads reservations from the log that are no longer in memory, off the threads that serve requests.

use std::sync::Arc;

use anaquel_engine::engine::Recalled;
use anaquel_engine::ids::ReservationId;
use anaquel_engine::reservation::{Line, Reservation};

use crate::app::App;
use crate::auth::caller::Caller;
use crate::http::problem::{Problem, Slug};

/// The reservation with this id, from memory or from the log.
///
/// # Errors
/// `not-found` if it never existed, `gone` if it existed and is no longer stored.
pub async fn reservation(app: &App, caller: &Caller, id: ReservationId) -> Result<Arc<Reservation>, Problem> {
    if let Some(reservation) = app.engine.reservation_in_memory(id) {
        return Ok(reservation);
    }
    match app.with_engine(caller, move |engine| engine.recall(id)).await?? {
        Recalled::Found(reservation) => Ok(reservation),
        Recalled::Never => Err(Problem::not_found("reservation")),
        Recalled::Gone => {
            // For a bound caller, a foreign reservation does not exist; its first record tells whose it was.
            if caller.is_bound()
                && let Ok(Some(born)) = app.with_engine(caller, move |engine| engine.as_of(id, id.0)).await?
            {
                handles(app, caller, &born)?;
            }
            Err(gone())
        }
    }
}

/// Whether a reservation concerns a caller: for a caller bound to locations, by its lines; for one bound only to
/// channels, by its channel.
///
/// # Errors
/// `not-found`, with the same text as for an unknown id, so that the existence of foreign reservations stays hidden.
pub fn handles(app: &App, caller: &Caller, reservation: &Reservation) -> Result<(), Problem> {
    if has_to_do(app, caller, reservation).is_err() { Err(Problem::not_found("reservation")) } else { Ok(()) }
}

fn has_to_do(app: &App, caller: &Caller, reservation: &Reservation) -> Result<(), Problem> {
    let Some(principal) = &caller.principal else { return Ok(()) };
    let catalogue = &app.engine.state().catalogue;
    if principal.identity.locations.is_empty() {
        return caller.may_use_channel("channel", Some(catalogue.channels.name(reservation.channel).as_str()));
    }
    // Cancelled units have no location any more. If all units were cancelled, the original lines count.
    let stands = |line: &&Line| line.outstanding() > 0 || line.collected > 0;
    let is_over = !reservation.lines.iter().any(|line| stands(&line));
    for line in reservation.lines.iter().filter(|line| is_over || stands(line)) {
        caller.may_use_location("location", Some(catalogue.locations.name(line.location).as_str()))?;
    }
    Ok(())
}

fn gone() -> Problem {
    let detail = "the reservation is closed, and no longer in memory or the log: see reservations.closed_bytes, \
                  reservations.closed_retention_seconds and journal.retention_seconds";
    Problem::new(Slug::Gone, detail)
}
