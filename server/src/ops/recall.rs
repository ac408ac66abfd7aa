//! Looks into the log for what memory no longer has, off the workers that serve everybody.

use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::engine::Recalled;
use anaquel_engine::ids::ReservationId;
use anaquel_engine::reservation::Reservation;

use super::handles;
use crate::app::{App, Caller};
use crate::problem::{Problem, Slug};

/// Runs `work` on a thread that may block, in a turn of the caller.
///
/// # Errors
/// `overloaded`, with `Retry-After`, where no turn comes.
pub async fn aside<T: Send + 'static>(
    app: &App,
    caller: &Caller,
    work: impl FnOnce(&Engine) -> T + Send + 'static,
) -> Result<T, Problem> {
    let engine = app.engine.clone();
    app.reads.run(caller.who, move || work(&engine)).await
}

/// The reservation with this id, from memory or from the log.
///
/// # Errors
/// `not-found` where there never was one, `gone` where there was and nothing tells it any more.
pub async fn reservation(app: &App, caller: &Caller, id: ReservationId) -> Result<Arc<Reservation>, Problem> {
    if let Some(reservation) = app.engine.reservation_in_memory(id) {
        return Ok(reservation);
    }
    match aside(app, caller, move |engine| engine.recall(id)).await?? {
        Recalled::Found(reservation) => Ok(reservation),
        Recalled::Never => Err(Problem::not_found("reservation")),
        Recalled::Gone => {
            // Whoever is bound hears of what was not theirs that it is not there; its beginning tells whose it was.
            if caller.is_bound()
                && let Ok(Some(born)) = aside(app, caller, move |engine| engine.as_of(id, id.0)).await?
            {
                handles(app, caller, &born)?;
            }
            Err(gone())
        }
    }
}

fn gone() -> Problem {
    let detail = "the reservation is over, and left memory or the log: \
                  see reservations.closed_bytes, reservations.closed_retention_seconds and journal.retention_seconds";
    Problem::new(Slug::Gone, detail)
}
