//! What-if: replays a past span of demand under other rules or with other stock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anaquel_engine::journal::ReadError;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::http::extract;
use crate::http::problem::{Problem, Slug};
use crate::http::reply::json_answer;
use crate::subjects::what_if::bodies::WhatIfBody;
use crate::subjects::what_if::views::report;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(what_if))
}

/// A replay reads the log; only one runs at a time, so that sales are not slowed down.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// Replay the demand of a past span under other rules or with other stock. Nothing is changed.
///
/// The replay repeats the granted requests and the refused ones (logged every few seconds). A promise that only the
/// replay grants is kept to the end of the span; a promise of inbound supply is repeated as it was; quotas and orders
/// per day count from the beginning of the span; groups and the catalogue are today's. `replayed` is the replay without
/// changes, as close to `actual` as a replay gets; `difference` is `what_if` minus `replayed`.
#[utoipa::path(
    post, path = "/v1/what-if", tag = "rules", security(("key" = ["rules"])),
    request_body = WhatIfBody,
    responses(
        (status = 200, description = "The actual and the computed result, in total and by location and channel", example = json!({
            "first_seq": 1201, "last_seq": 90311, "records": 89111, "oldest_seq": 1,
            "actual": {"accepted": 40110, "accepted_units": 52300, "refused": 910, "lost_units": 1204},
            "replayed": {"accepted": 40110, "accepted_units": 52300, "refused": 910, "lost_units": 1204},
            "what_if": {"accepted": 40702, "accepted_units": 53110, "refused": 318, "lost_units": 394},
            "difference": {"accepted": 592, "accepted_units": 810, "refused": -592, "lost_units": -810},
            "items": [{"location": "mx-014", "channel": "web",
                "actual": {"accepted": 12, "accepted_units": 14, "refused": 3, "lost_units": 3},
                "replayed": {"accepted": 12, "accepted_units": 14, "refused": 3, "lost_units": 3},
                "what_if": {"accepted": 15, "accepted_units": 17, "refused": 0, "lost_units": 0}}]
        })),
        (status = 400, description = "invalid-request"), (status = 410, description = "gone: the log no longer has \
            the span"),
        (status = 503, description = "overloaded: another replay is running")
    )
)]
pub async fn what_if(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json_question::<WhatIfBody>(&app, request).await?;
    request.params.done()?;
    let question = request.body.into_question(&app.engine)?;
    let Ok(turn) = ONE_AT_A_TIME.try_acquire() else {
        return Err(Problem::new(Slug::Overloaded, "another replay is running; try again when it is finished"));
    };
    let oldest = app.engine.oldest();
    if question.after > 0 && question.after.saturating_add(1) < oldest {
        return Err(ReadError::Trimmed { oldest }.into());
    }
    // A client that disconnects ends the replay; the replay keeps its turn until it has ended.
    let stop = Arc::new(AtomicBool::new(false));
    let _stops = StopOnDrop(Arc::clone(&stop));
    let engine = app.engine.clone();
    let replay = move || {
        let _turn = turn;
        engine.what_if(&question, &stop)
    };
    match tokio::task::spawn_blocking(replay).await {
        Ok(replayed) => Ok(json_answer(&report(&app.engine, &replayed?))),
        Err(error) => Err(Problem::new(Slug::Internal, error.to_string())),
    }
}

/// The client is gone; nobody reads the result.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
