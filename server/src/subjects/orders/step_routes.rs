//! The steps of orders.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::receipt::OrderReceiptBody;
use super::bodies::steps::{
    FulfilmentChangeBody, HandOverBody, OrderCancelBody, OrderConfirmBody, OrderExtendBody, PaymentsBody, RefundsBody,
    ReplanBody,
};
use super::steps;
use crate::app::App;
use crate::http::extract::{self, PathId, PathIds};
use crate::http::problem::Problem;
use crate::subjects::reservations::bodies::{BindBody, ReadyBody};

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(confirm))
        .routes(routes!(extend))
        .routes(routes!(replan))
        .routes(routes!(set_fulfilment))
        .routes(routes!(pay))
        .routes(routes!(refund))
        .routes(routes!(ready))
        .routes(routes!(collect))
        .routes(routes!(bind))
        .routes(routes!(cancel))
        .routes(routes!(receipt))
}

/// Confirm an order: everything that it holds becomes final.
#[utoipa::path(post, path = "/v1/orders/{order}/confirm", tag = "orders", security(("key" = ["sell"])),
    params(("order" = String, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Required with `payments`")),
    request_body = OrderConfirmBody,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "unbalanced, or wrong-state"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn confirm(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<OrderConfirmBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::confirm(&app, &request.caller, &id, request.body).await?.into_response())
}

/// Extend the holds of an open order, up to a limit.
#[utoipa::path(post, path = "/v1/orders/{order}/extend", tag = "orders", security(("key" = ["sell"])),
    params(("order" = String, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = OrderExtendBody,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "wrong-state"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn extend(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<OrderExtendBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::extend(&app, &request.caller, &id, request.body).await?.into_response())
}

/// Plan the fulfilments of an open order anew.
#[utoipa::path(put, path = "/v1/orders/{order}/fulfilments", tag = "orders", security(("key" = ["sell"])),
    params(("order" = String, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = ReplanBody,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "insufficient-stock, price-mismatch, or wrong-state"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn replan(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<ReplanBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::replan(&app, &request.caller, &id, request.body).await?.into_response())
}

/// Change a fulfilment before any unit of it is handed over; a location moves all of it.
#[utoipa::path(put, path = "/v1/orders/{order}/fulfilments/{fulfilment}", tag = "orders", security(("key" = ["sell"])),
    params(("order" = String, Path, description = "The order"),
        ("fulfilment" = String, Path, description = "The fulfilment"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = FulfilmentChangeBody,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "insufficient-stock, or wrong-state"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn set_fulfilment(
    State(app): State<App>,
    PathIds(id, fulfilment): PathIds,
    request: Request,
) -> Result<Response, Problem> {
    let request = extract::json::<FulfilmentChangeBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::set_fulfilment(&app, &request.caller, (&id, &fulfilment), request.body).await?.into_response())
}

/// Tell payments, or what became of them.
#[utoipa::path(post, path = "/v1/orders/{order}/payments", tag = "orders", security(("key" = ["sell"])),
    params(("order" = String, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Required")),
    request_body = PaymentsBody,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "already-exists: a payment with this id and other content"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn pay(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<PaymentsBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::pay(&app, &request.caller, &id, request.body).await?.into_response())
}

/// Tell refunds, or what became of them.
#[utoipa::path(post, path = "/v1/orders/{order}/refunds", tag = "orders", security(("key" = ["sell"])),
    params(("order" = String, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Required")),
    request_body = RefundsBody,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "unbalanced, or already-exists: a refund with this id and other content"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn refund(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<RefundsBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::refund(&app, &request.caller, &id, request.body).await?.into_response())
}

/// Mark a fulfilment ready: the units are set aside, and the answer has its pickup code.
#[utoipa::path(post, path = "/v1/orders/{order}/fulfilments/{fulfilment}/ready", tag = "orders", security(("key" = ["fulfil"])),
    params(("order" = String, Path, description = "The order"),
        ("fulfilment" = String, Path, description = "The fulfilment"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = Option<ReadyBody>,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "wrong-state"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn ready(
    State(app): State<App>,
    PathIds(id, fulfilment): PathIds,
    request: Request,
) -> Result<Response, Problem> {
    let request = extract::json::<ReadyBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::ready(&app, &request.caller, (&id, &fulfilment)).await?.into_response())
}

/// Hand over all of a fulfilment, or a part.
#[utoipa::path(post, path = "/v1/orders/{order}/fulfilments/{fulfilment}/collect", tag = "orders", security(("key" = ["fulfil"])),
    params(("order" = String, Path, description = "The order"),
        ("fulfilment" = String, Path, description = "The fulfilment"),
        ("Idempotency-Key" = Option<String>, Header, description = "Required with `lines` or `payments`")),
    request_body = Option<HandOverBody>,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), 
        (status = 403, description = "forbidden: the code is wrong, or is required and missing"),
        (status = 409, description = "unbalanced: money is due, or wrong-state"),
        (status = 429, description = "too-many-requests: after too many wrong codes, the code is locked for an hour"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn collect(
    State(app): State<App>,
    PathIds(id, fulfilment): PathIds,
    request: Request,
) -> Result<Response, Problem> {
    let request = extract::json::<HandOverBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::collect(&app, &request.caller, (&id, &fulfilment), request.body).await?.into_response())
}

/// Make the location of units that were asked of a group public and final.
#[utoipa::path(post, path = "/v1/orders/{order}/fulfilments/{fulfilment}/bind", tag = "orders", security(("key" = ["sell"]), ("key" = ["fulfil"])),
    params(("order" = String, Path, description = "The order"),
        ("fulfilment" = String, Path, description = "The fulfilment"),
        ("Idempotency-Key" = Option<String>, Header, description = "Required if quantities move")),
    request_body = Option<BindBody>,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "insufficient-stock, or wrong-state"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn bind(
    State(app): State<App>,
    PathIds(id, fulfilment): PathIds,
    request: Request,
) -> Result<Response, Problem> {
    let request = extract::json::<BindBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::bind(&app, &request.caller, (&id, &fulfilment), request.body).await?.into_response())
}

/// Cancel what is not handed over: all of it, or the lines and charges that are named.
#[utoipa::path(post, path = "/v1/orders/{order}/cancel", tag = "orders", security(("key" = ["sell"]), ("key" = ["fulfil"])),
    params(("order" = String, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Required with `lines`, `charges` or `refunds`")),
    request_body = OrderCancelBody,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "unbalanced, or wrong-state"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn cancel(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<OrderCancelBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::cancel(&app, &request.caller, &id, request.body).await?.into_response())
}

/// Issue a receipt for what stands on none, or a credit note for what is cancelled.
#[utoipa::path(post, path = "/v1/orders/{order}/receipts", tag = "orders", security(("key" = ["sell"])),
    params(("order" = String, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = OrderReceiptBody,
    responses((status = 200, description = "The order; without a new receipt if nothing is left"),
        (status = 400, description = "invalid-request"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: the series is closed, or a line has no tax rate"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn receipt(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<OrderReceiptBody>(&app, request).await?;
    request.params.done()?;
    Ok(steps::receipt(&app, &request.caller, &id, request.body).await?.into_response())
}
