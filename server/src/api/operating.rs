//! Health, metrics, and what the server says of itself.

use anaquel_engine::Health;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde_json::json;

use super::json_answer;
use crate::app::App;
use crate::problem::{Problem, Slug};

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "operating", responses((status = 200, description = "It does")))]
pub async fn healthz() -> Response {
    json_answer(&json!({"status": "alive"}))
}

/// Writes are taken.
#[utoipa::path(get, path = "/readyz", tag = "operating",
    responses((status = 200, description = "They are"), (status = 503, description = "read-only, with the reason")))]
pub async fn readyz(State(app): State<App>) -> Response {
    if let Some(reason) = app.watchdog.stuck() {
        return Problem::new(Slug::ReadOnly, reason).into_response();
    }
    match app.engine.health() {
        Health::Ready => json_answer(&json!({"status": "ready", "expiry_frozen": app.engine.expiry_frozen()})),
        Health::Failed(reason) | Health::Full(reason) => Problem::new(Slug::ReadOnly, reason).into_response(),
        Health::Closing => Problem::new(Slug::ReadOnly, "the server is shutting down").into_response(),
    }
}

/// Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "operating", security(("key" = ["ops"])), responses((status = 200, description = "Metrics")))]
pub async fn metrics(State(app): State<App>) -> Response {
    crate::telemetry::measure(&app);
    let mut response = Response::new(app.metrics.render().into());
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

/// Version, log, cells, and the state hash that `anaquel verify` computes, too.
#[utoipa::path(get, path = "/v1/info", tag = "operating", security(("key" = ["ops"])), responses((status = 200, description = "The server, in numbers")))]
pub async fn info(State(app): State<App>) -> Response {
    let state = app.engine.state();
    let (seq, hash) = state.view.read(|| state.hash.show());
    let health = match app.engine.health() {
        Health::Ready => "ready",
        Health::Failed(_) => "failed",
        Health::Full(_) => "full",
        Health::Closing => "closing",
    };
    json_answer(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "epoch": app.engine.epoch().to_string(),
        "seq": seq,
        "oldest_seq": app.engine.oldest(),
        "state_hash": hash,
        "cells": state.cells(),
        "skus": state.catalogue.skus.count(),
        "locations": state.catalogue.locations.count(),
        "reservations": {"open": state.reservations.open(), "kept": state.reservations.len()},
        "shortages": state.shortage_count(),
        "idempotency_keys": state.idempotency.len(),
        "matrix_bytes": state.matrix.bytes(),
        "uptime_seconds": app.started.elapsed().as_secs(),
        "journal": {"kind": "sled", "sync": app.config.journal.sync, "health": health},
        "expiry": if app.engine.expiry_frozen() { "frozen" } else { "running" },
    }))
}

/// The operator says that the clock is right after all: what is due expires now.
#[utoipa::path(post, path = "/v1/clock/trust", tag = "operating", security(("key" = ["ops"])), responses((status = 200, description = "Expiry runs")))]
pub async fn trust_clock(State(app): State<App>) -> Response {
    app.engine.trust_clock();
    tracing::info!("the clock is trusted; expiry runs");
    json_answer(&json!({"expiry": "running"}))
}
