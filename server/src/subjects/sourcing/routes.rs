//! Sourcing: which location each unit of an order comes from.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::http::extract;
use crate::http::problem::Problem;
use crate::subjects::sourcing::bodies::SourcingBody;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(source))
}

/// Choose the location of each unit of an order, and reserve it in the same step; with `dry_run`, only compute the
/// plan.
#[utoipa::path(
    post, path = "/v1/sourcing", tag = "reservations", security(("key" = ["reserve"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = SourcingBody,
    responses(
        (status = 200, description = "`dry_run`: the plan, what each weight adds to its score, and the runner-up", example = json!({
            "seq": 1900, "runner_up": null,
            "plan": {"score": 0.31, "missing": [], "shipments": [{"location": "es-001", "distance_km": 15.4, "lines": [{"sku": "TSHIRT-RED-M", "quantity": 2}]}],
                "parts": {"shipments": 0.001, "distance": 0.308, "priority": 0.0, "stock": 0.0, "store": 0.0, "cover": 0.0}}
        })),
        (status = 201, description = "Reserved, and durable: the reservation, and its shipments"),
        (status = 400, description = "invalid-request"), (status = 404, description = "not-found"),
        (status = 409, description = "insufficient-stock: what is short, and what would succeed"),
        (status = 422, description = "idempotency-mismatch"), (status = 503, description = "read-only or overloaded")
    )
)]
pub async fn source(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<SourcingBody>(&app, request).await?;
    request.params.done()?;
    Ok(crate::subjects::sourcing::ops::source(&app, &request.caller, request.body).await?.into_response())
}
