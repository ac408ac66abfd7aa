//! Looks into the log for what memory no longer has, off the workers that serve everybody.

use std::sync::Arc;
use std::time::Duration;

use anaquel_engine::Engine;
use anaquel_engine::engine::Recalled;
use anaquel_engine::ids::ReservationId;
use anaquel_engine::reservation::Reservation;
use tokio::sync::Semaphore;

use super::handles;
use crate::app::{App, Caller};
use crate::problem::{Problem, Slug};

/// Requests that look into the log at a time.
const LOOKS_AT_A_TIME: usize = 8;

/// How long a request waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(2);

static LOOKS: Semaphore = Semaphore::const_new(LOOKS_AT_A_TIME);

/// Runs `work` on a thread that may block; a bounded number at a time.
///
/// # Errors
/// `overloaded`, with `Retry-After`, where no turn comes.
pub async fn aside<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Engine) -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = tokio::time::timeout(TURN_WAIT, LOOKS.acquire()).await;
    let Ok(Ok(turn)) = turn else {
        let detail = format!("{LOOKS_AT_A_TIME} requests look into the log already; try again in a moment");
        return Err(Problem::new(Slug::Overloaded, detail));
    };
    let engine = app.engine.clone();
    // The turn goes along: it ends with the work, also where nobody waits for it any more.
    let done = tokio::task::spawn_blocking(move || (work(&engine), drop(turn)).0).await;
    done.map_err(|error| Problem::new(Slug::Internal, error.to_string()))
}

/// The reservation with this id, from memory or from the log.
///
/// # Errors
/// `not-found` where there never was one, `gone` where there was and nothing tells it any more.
pub async fn reservation(app: &App, caller: &Caller, id: ReservationId) -> Result<Arc<Reservation>, Problem> {
    if let Some(reservation) = app.engine.reservation_in_memory(id) {
        return Ok(reservation);
    }
    match aside(app, move |engine| engine.recall(id)).await?? {
        Recalled::Found(reservation) => Ok(reservation),
        Recalled::Never => Err(Problem::not_found("reservation")),
        Recalled::Gone => {
            // Whoever is bound hears of what was not theirs that it is not there; its beginning tells whose it was.
            if caller.is_bound()
                && let Ok(Some(born)) = aside(app, move |engine| engine.as_of(id, id.0)).await?
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
