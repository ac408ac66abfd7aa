//! The route that finds what a code names.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::code;
use super::found::{self, Kind, Place};
use crate::app::App;
use crate::http::extract::{self, JsonRequest};
use crate::http::problem::Problem;
use crate::http::reply::json_answer;
use crate::subjects::prices::routes::Question;
use crate::wire;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(find))
}

/// A code, and where it was scanned.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindBody {
    /// What was scanned or typed: a GTIN, a barcode of the location's own, the id of a SKU, a pickup code, the number of
    /// a receipt, its link, or any id.
    code: String,
    /// Where. What waits at another location is told by its location alone; its `barcodes` read a weight or a price.
    location: Option<String>,
    /// Through which channel a SKU would be sold.
    channel: Option<String>,
    /// The currency of the price of a SKU.
    currency: Option<String>,
    /// Only these kinds, looked up in this order: `sku`, `reservation`, `order`, `receipt`, `return`, `transfer`. All, in
    /// this order, if left out.
    kinds: Option<Vec<String>>,
}

/// Find what a code names.
#[utoipa::path(
    post, path = "/v1/find", tag = "find",
    security(("key" = ["read", "reserve", "fulfil", "stock", "sell"])),
    params(("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    request_body = FindBody,
    responses(
        (status = 200, description = "What it names"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found: nothing that this caller may find has this code"),
        (status = 429, description = "too-many-requests: too many unknown pickup codes")
    )
)]
pub async fn find(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let JsonRequest { caller, body, mut params } = extract::json_question::<FindBody>(&app, request).await?;
    let min_seq = params.number("min_seq")?;
    params.done()?;
    let code = code::read(&body.code)?.to_owned();
    let kinds = match &body.kinds {
        None => Kind::ALL.to_vec(),
        Some(names) => read_kinds(names)?,
    };
    app.wait_for(min_seq).await?;
    let state = app.engine.state();
    let location = match &body.location {
        Some(text) => {
            caller.may_use_location("location", Some(text))?;
            Some(wire::known_location(&state.catalogue, text)?)
        }
        None => {
            caller.may_use_location("location", None)?;
            None
        }
    };
    let channel = match &body.channel {
        Some(text) => {
            caller.may_use_channel("channel", Some(text))?;
            wire::asking_channel(&app.engine, Some(&wire::name("channel", text)?))?
        }
        None => None,
    };
    let price = match (body.channel, body.currency) {
        (Some(channel), Some(currency)) => {
            let question = Question { channel, location: body.location, group: None, currency, at: None };
            Some(question.read(&app.engine, &caller)?)
        }
        (None, Some(_)) => {
            return Err(Problem::invalid(
                "channel",
                "is missing: a price is one of a channel; name it, or leave \
                out currency",
            ));
        }
        (_, None) => None,
    };
    let place = Place { location, channel, price };
    let seq = state.view.seq();
    let found = found::find(&app, &caller, &code, &kinds, &place).await?;
    let found = found.ok_or_else(|| Problem::not_found("code").with("field", "code"))?;
    Ok(json_answer(&found.into_value(seq)))
}

fn read_kinds(names: &[String]) -> Result<Vec<Kind>, Problem> {
    if names.is_empty() {
        return Err(Problem::invalid("kinds", "is empty; name at least one, or leave it out for all"));
    }
    let mut kinds = Vec::new();
    for (at, text) in names.iter().enumerate() {
        let known = || Kind::ALL.map(Kind::as_str).join(", ");
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Problem::invalid(&format!("kinds[{at}]"), format!("{text:?} is not one of {}", known())))?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}
