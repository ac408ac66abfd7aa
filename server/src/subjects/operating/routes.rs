//! Health, metrics, and information about the server.

use anaquel_engine::Health;
use anaquel_engine::hash::Part;
use anaquel_engine::journal::StoreKind;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Uri, header};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::backup;
use super::last_backup::LastBackup;
use crate::app::App;
use crate::http::extract::Params;
use crate::http::problem::{Problem, Slug};
use crate::http::reply::json_answer;
use crate::telemetry::recent::SECONDS_MAX;
use crate::wire;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(recent))
        .routes(routes!(info))
        .routes(routes!(trust_clock))
        .routes(routes!(backup::backup))
}

/// Check that the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operating", responses((status = 200, description = "It does")))]
pub async fn healthz() -> Response {
    json_answer(&json!({"status": "alive"}))
}

/// Check that the server accepts writes or, if it follows another node, that it keeps up with it.
#[utoipa::path(get, path = "/readyz", tag = "operating",
    responses((status = 200, description = "It does"), (status = 503, description = "read-only, with the reason")))]
pub async fn readyz(State(app): State<App>) -> Response {
    if let Some(reason) = app.watchdog.stuck() {
        return Problem::new(Slug::ReadOnly, reason).into_response();
    }
    let status = app.node.status(&app.engine);
    let ready = || {
        json_answer(&json!({
            "status": "ready",
            "role": status.role,
            "term": TERM,
            "seq": app.engine.state().view.seq(),
            "lag_ms": status.lag_ms,
            "follows": status.follows,
            "expiry_frozen": app.engine.expiry_frozen(),
            "warnings": warnings(&app),
        }))
    };
    match app.engine.health() {
        Health::Ready => ready(),
        Health::Follows if status.lag_ms.is_some() && !app.node.is_lost() => ready(),
        Health::Follows => {
            let why = status.trouble.clone().unwrap_or_else(|| "nothing was heard yet".to_owned());
            let follows = status.follows.clone().unwrap_or_default();
            not_ready(&app, format!("this node follows {follows}, and is not in contact: {why}"))
        }
        Health::Demoted => not_ready(&app, "this node was told to stop deciding, and follows no other".to_owned()),
        Health::Failed(reason) | Health::Full(reason) => Problem::new(Slug::ReadOnly, reason).into_response(),
        Health::Closing => Problem::new(Slug::ReadOnly, "the server is shutting down").into_response(),
    }
}

/// The term of the writer. A node that decides alone has none.
const TERM: u64 = 0;

/// A node that does not decide, and is not in contact with one that does.
fn not_ready(app: &App, why: String) -> Response {
    let status = app.node.status(&app.engine);
    let problem = Problem::new(Slug::ReadOnly, why).with("role", status.role).with("lag_ms", status.lag_ms);
    problem.with("seq", app.engine.state().view.seq()).into_response()
}

/// Warnings for the operator while the server accepts writes.
fn warnings(app: &App) -> Vec<serde_json::Value> {
    let mut warnings = Vec::new();
    let mut warn = |warning: &str, detail: String| warnings.push(json!({"warning": warning, "detail": detail}));
    if let Some(damage) = app.engine.old_log().damage {
        let what = "the server accepts writes, because they do not depend on it; repeats, events and verify may fail \
                    there";
        warn("log-damaged", format!("{damage}; {what}"));
    }
    if let Some(trouble) = app.node.status(&app.engine).trouble {
        warn("not-following", format!("this node cannot follow, and tries again: {trouble}"));
    }
    if let Some(trouble) = app.engine.archive_trouble() {
        let what =
            "orders that have ended stay in memory until it can be written; free disk space, or replace the disk";
        warn("archive-failing", format!("the archive cannot be written: {trouble}; {what}"));
    }
    let keys = app.engine.state().idempotency.fullness();
    if keys.is_near() {
        warn(
            "idempotency-nearly-full",
            format!(
                "idempotency.bytes: the caller with the most idempotency keys uses {} of its {}, and all callers {} \
                 of {}; new keys of a caller that has used up its share are refused; raise idempotency.bytes",
                keys.fullest.keys, keys.fullest.most, keys.keys, keys.most
            ),
        );
    }
    let clock = app.clock();
    if clock.held_back {
        let seconds = -clock.offset_ms / 1000;
        warn(
            "clock-ahead",
            format!(
                "at the start, the clock was ahead of the log by more than clock.jump_seconds_max; the log is \
                 {seconds} seconds behind the clock, and holds from before the start do not expire; if the clock is \
                 right: POST /v1/clock/trust; if it is wrong: set it, and restart"
            ),
        );
    } else if clock.offset_ms.abs() > CLOCK_OFFSET_MS {
        let (seconds, side) = (clock.offset_ms.abs() / 1000, if clock.offset_ms > 0 { "ahead of" } else { "behind" });
        warn(
            "clock-offset",
            format!(
                "the log is {seconds} seconds {side} the clock; a log that is ahead runs at half speed until both are \
                 equal; after a change of the clock, restart the server"
            ),
        );
    }
    warnings
}

/// The difference between the log and the clock, in milliseconds, that is reported.
const CLOCK_OFFSET_MS: i64 = 5000;

/// Read the metrics in Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "operating", security(("key" = ["ops"])), responses((status = 200, description = "Metrics")))]
pub async fn metrics(State(app): State<App>) -> Response {
    let mut response = Response::new(crate::telemetry::render(&app).await.into());
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

/// Read what the server did lately, second by second.
#[utoipa::path(get, path = "/v1/metrics/recent", tag = "operating", security(("key" = ["ops"])),
    params(("seconds" = Option<u32>, Query, description = "The last so many seconds, 1 to 3,600; 60 if left out")),
    responses((status = 200, description = "Samples, oldest first; fewer after a start"), (status = 400, description = "invalid-request")))]
pub async fn recent(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let seconds = params.number::<usize>("seconds")?.unwrap_or(60);
    params.done()?;
    if !(1..=SECONDS_MAX).contains(&seconds) {
        return Err(Problem::invalid("seconds", format!("{seconds} is not between 1 and {SECONDS_MAX}")));
    }
    Ok(json_answer(&json!({"step_seconds": 1, "items": app.recent.read(seconds)})))
}

/// The free space, and when it is used up at the rate of the last hour.
fn disk(app: &App) -> serde_json::Value {
    let (free, size) = app.machine.disk();
    let reserve = app.config.journal.reserve_bytes;
    json!({"free_bytes": free, "size_bytes": size, "reserve_bytes": reserve,
        "full_in_seconds": app.recent.full_in_seconds(reserve)})
}

/// The newest checkpoint: a start loads it, and replays the log from there.
fn checkpoint(app: &App) -> serde_json::Value {
    let newest = anaquel_engine::checkpoint::list(&app.config.data.join("images")).ok();
    let Some((seq, path)) = newest.and_then(|all| all.into_iter().next()) else { return serde_json::Value::Null };
    let taken = std::fs::metadata(path).and_then(|found| found.modified()).ok();
    let taken = taken.and_then(|at| jiff::Timestamp::try_from(at).ok());
    json!({"seq": seq, "taken_at": taken.map(|at| at.to_string())})
}

/// Read version, log, cells, and the state hash that `anaquel verify` also computes.
#[utoipa::path(get, path = "/v1/info", tag = "operating", security(("key" = ["ops"]), ("key" = ["node"])), responses((status = 200, description = "Facts \
    about the server")))]
pub async fn info(State(app): State<App>) -> Response {
    let state = app.engine.state();
    let (seq, hash) = state.view.read(|| state.hash.sums());
    let clock = app.clock();
    let health = match app.engine.health() {
        Health::Ready => "ready",
        Health::Failed(_) => "failed",
        Health::Full(_) => "full",
        Health::Closing => "closing",
        Health::Follows => "follows",
        Health::Demoted => "demoted",
    };
    let status = app.node.status(&app.engine);
    json_answer(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "epoch": app.engine.epoch().to_string(),
        "epochs": app.engine.identity().eras().map(|era| json!({"epoch": era.epoch.to_string(), "after": era.after})).collect::<Vec<_>>(),
        "seq": seq,
        "role": status.role,
        "term": TERM,
        "lag_ms": status.lag_ms,
        "follows": status.follows,
        "known_seq": status.known_seq,
        "stale": status.is_stale,
        "oldest_seq": app.engine.oldest(),
        "state_hash": hash.all(),
        "files_hash": hash.in_files(),
        "state_parts": Part::ALL.iter().map(|part| (part.as_str().to_owned(), hash.part(*part).into())).collect::<serde_json::Map<_, _>>(),
        "cells": state.cells(),
        "skus": state.catalogue.skus.count() - state.catalogue.skus.retired(),
        "locations": state.catalogue.own_locations(),
        "reservations": {"open": state.reservations.open(), "kept": state.reservations.len(),
            "closed_bytes": state.reservations.closed_bytes()},
        "shortages": state.shortage_count(),
        "idempotency_keys": state.idempotency.len(),
        "matrix_bytes": state.matrix.bytes(),
        "uptime_seconds": app.started.elapsed().as_secs(),
        "journal": {"kind": app.engine.log_store().map(StoreKind::as_str), "sync": app.config.journal.sync, "health": health},
        "old_log": old_log(&app),
        "disk": disk(&app),
        "checkpoint": tokio::task::block_in_place(|| checkpoint(&app)),
        "backup": tokio::task::block_in_place(|| LastBackup::read(&app.config.data)),
        "clock": {
            "offset_ms": clock.offset_ms,
            "held_back": clock.held_back,
            "log_time": wire::time(app.engine.now()),
        },
        "expiry": if app.engine.expiry_frozen() { "frozen" } else { "running" },
    }))
}

/// The state of the log before the checkpoint.
fn old_log(app: &App) -> serde_json::Value {
    let old_log = app.engine.old_log();
    let state = match (&old_log.damage, old_log.is_over) {
        (Some(_), _) => "damaged",
        (None, true) => "whole",
        (None, false) => "checking",
    };
    json!({
        "state": state,
        "until_seq": old_log.until,
        "checked_seq": old_log.checked,
        "damaged_seq": old_log.damage.map(|damage| damage.seq),
    })
}

/// Confirm that the clock is right: everything that is due expires now.
#[utoipa::path(post, path = "/v1/clock/trust", tag = "operating", security(("key" = ["ops"])), responses((status = 200, description = "Expiry runs")))]
pub async fn trust_clock(State(app): State<App>) -> Response {
    app.engine.trust_clock();
    tracing::info!("the clock is trusted; expiry continues");
    json_answer(&json!({"expiry": "running"}))
}
