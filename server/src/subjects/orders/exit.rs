//! The exit of a self check-out: its code, which passes once.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Instant;

use anaquel_engine::Engine;
use anaquel_engine::command::{Failure, Refusal};
use anaquel_engine::orders::command::{Command, OrderStep, StepFields};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::act::find;
use super::bodies::exit::{AskedExit, ExitBody};
use super::bodies::teller::Told;
use super::decided::{Decided, decided, reply};
use super::refusal;
use crate::app::App;
use crate::auth::caller::Caller;
use crate::http::extract::{self, PathId};
use crate::http::problem::{Problem, Slug};
use crate::subjects::reservations::codes::{Codes, EXIT_TRIES, Tried};

/// Its route.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(exit))
}

/// Let the customer of a self check-out pass, or stop the customer where the bag is not what was paid.
#[utoipa::path(post, path = "/v1/orders/{order}/exit", tag = "orders", security(("key" = ["sell"])),
    params(("order" = String, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = ExitBody,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 403, description = "forbidden: the code is wrong"),
        (status = 404, description = "not-found: the order, or it has no exit"),
        (status = 409, description = "wrong-state: the exit was passed, or the customer was stopped"),
        (status = 422, description = "idempotency-mismatch"),
        (status = 429, description = "too-many-requests: after 10 wrong codes, the code is locked for an hour")))]
pub async fn exit(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<ExitBody>(&app, request).await?;
    request.params.done()?;
    let asked = request.body.read()?;
    let decided = pass(&app, &request.caller, &id, &asked).await?;
    Ok(reply(&app, &request.caller, &decided, false).await?.into_response())
}

/// Passes an exit, or stops the customer. Wrong codes are limited as those of pickups.
async fn pass(app: &App, caller: &Caller, id: &str, asked: &AskedExit) -> Result<Decided, Problem> {
    /// No code was tried yet.
    const UNTRIED: u32 = u32::MAX;
    let order = find(app, caller, id).await?;
    let what = Tried::Exit(order.id);
    let (tried, wrong) = (AtomicU32::new(UNTRIED), AtomicBool::new(false));
    let compose = |engine: &Engine| {
        let teller = Told::default().teller(engine, caller, Some(&order.channel))?;
        // A repeat under its key tries no code again.
        if tried.load(Relaxed) == UNTRIED {
            tried.store(app.codes.begin(what, Instant::now()).map_err(closed)?, Relaxed);
        }
        let AskedExit { code, checked, actor } = asked.clone();
        let what = StepFields::Exit { code, checked, actor };
        Ok(Command::Step(Box::new(OrderStep { order: order.name.clone(), teller, what })))
    };
    let explain = |failure: Failure| {
        wrong.fetch_or(matches!(&failure, Failure::Refused(Refusal::WrongExitCode)), Relaxed);
        refusal::of_step(app, &order, failure)
    };
    let decided = decided(app, caller, &crate::archived::of_order(&order.name), compose, explain).await;
    note(&app.codes, what, tried.into_inner(), UNTRIED, wrong.into_inner().then_some(order.name.as_str()));
    decided
}

/// Keeps a try that was wrong, and gives back any other.
fn note(codes: &Codes, what: Tried, tried: u32, untried: u32, wrong: Option<&str>) {
    match wrong {
        Some(order) => tracing::warn!(order, tries = tried, most = EXIT_TRIES, "wrong code at an exit"),
        None if tried != untried => codes.give_back(what),
        None => {}
    }
}

/// The refusal after too many wrong codes.
fn closed(seconds: u64) -> Problem {
    let detail = format!("code: {EXIT_TRIES} wrong codes within an hour; wait for Retry-After seconds");
    let problem = Problem::new(Slug::TooManyRequests, detail).with("field", "code");
    problem.with("most", EXIT_TRIES).retry_after(seconds)
}
