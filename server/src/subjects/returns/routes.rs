//! Returns over HTTP.

use anaquel_engine::returns::{Filter, Return, ReturnId, ReturnState};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::Uri;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::{InspectBody, ReceiveBody, ReturnBody, ReturnCancelBody, ReturnRefundsBody};
use super::{act, views};
use crate::app::App;
use crate::auth::caller::Caller;
use crate::http::budget::Payer;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::reply::json_answer;
use crate::subjects::orders::bodies::money::one_of;
use crate::subjects::reservations::lists;
use crate::wire;

/// Returns that one page examines.
const LOOKS_PER_PAGE: usize = 20_000;

/// Returns that are counted at a time.
const COUNTED_TOGETHER: usize = 1000;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(take_back, list))
        .routes(routes!(get))
        .routes(routes!(receive))
        .routes(routes!(inspect))
        .routes(routes!(refund))
        .routes(routes!(cancel))
}

/// Take goods back, at any place and through any channel; or announce that they will come.
#[utoipa::path(post, path = "/v1/returns", tag = "returns", security(("key" = ["sell"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Required if `return` is left out")),
    request_body = ReturnBody,
    responses((status = 201, description = "The return"),
        (status = 200, description = "The return with this id, which the same content made; or `dry_run`: what it would be"),
        (status = 400, description = "invalid-request"), (status = 404, description = "not-found: the order or the receipt"),
        (status = 409, description = "not-returnable, unbalanced, price-mismatch, or already-exists"),
        (status = 422, description = "idempotency-mismatch"), (status = 503, description = "read-only or overloaded")))]
pub async fn take_back(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (request, digest) = extract::json_digested::<ReturnBody>(&app, request).await?;
    request.params.done()?;
    Ok(act::take_back(&app, &request.caller, digest, request.body).await?.into_response())
}

/// Read a return, with its history.
#[utoipa::path(get, path = "/v1/returns/{return}", tag = "returns", security(("key" = ["sell"]), ("key" = ["stock"])),
    params(("return" = String, Path, description = "The return"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    responses((status = 200, description = "The return"), (status = 404, description = "not-found")))]
pub async fn get(State(app): State<App>, caller: Caller, PathId(id): PathId, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let min_seq = params.number("min_seq")?;
    params.done()?;
    app.wait_for(min_seq).await?;
    let returned = act::find_announced(&app, &caller, &id).await?;
    Ok(json_answer(&views::item(&app.engine, &returned)))
}

/// List returns that match all parameters, the newest first.
#[utoipa::path(get, path = "/v1/returns", tag = "returns", security(("key" = ["sell"])),
    params(
        ("customer" = Option<String>, Query, description = "Of this customer"),
        ("order" = Option<String>, Query, description = "Of this order"),
        ("location" = Option<String>, Query, description = "At this location"),
        ("state" = Option<Vec<String>>, Query, description = "In one of these states"),
        ("total" = Option<bool>, Query, description = "Whether to add `total`, the number of matches; beyond 10,000 it is 10,000, and `more` is true"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, description = "A page of returns; it may be short, and still have a `next`"),
        (status = 400, description = "invalid-request"), (status = 404, description = "not-found: a location")))]
pub async fn list(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (customer, order) = (params.outside_name("customer")?, params.outside_name("order")?);
    let location = params.one("location")?;
    let state = |text: &String| one_of("state", text, &ReturnState::ALL, ReturnState::as_str);
    let states = params.all("state").iter().map(state).collect::<Result<Vec<_>, _>>()?;
    let counts = params.flag("total")?;
    let (after, limit, min_seq) = (params.number::<u64>("after")?, params.limit()?, params.number("min_seq")?);
    params.done()?;
    let catalogue = &app.engine.state().catalogue;
    let filter = Filter {
        customer: customer.map(|name| name.to_string()),
        order,
        location: location.map(|text| wire::known_location(catalogue, &text)).transpose()?,
        state: states.first().copied().filter(|_| states.len() == 1),
    };
    app.wait_for(min_seq).await?;
    let page = move |app: &App| {
        let seq = app.engine.state().view.seq();
        let is_asked = |returned: &Return| {
            (states.is_empty() || states.contains(&returned.state)) && act::sees(app, &caller, returned)
        };
        let mut page = Page::new(app);
        if counts {
            let (total, more) = count(app, &filter, is_asked)?;
            lists::tell_total(&mut page, total, more);
        }
        let (found, next) = app.engine.returns(&filter, after.map(ReturnId), limit, LOOKS_PER_PAGE)?;
        for returned in found.iter().filter(|returned| is_asked(returned)) {
            if !page.add(views::item(&app.engine, returned)) {
                break;
            }
            page.is_at(returned.id.0.to_string());
        }
        Ok(page.end_before(seq, next.map(|id| id.0.to_string())))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// How many returns match, up to as many as are counted, and whether there are more.
fn count(app: &App, filter: &Filter, is_asked: impl Fn(&Return) -> bool) -> Result<(usize, bool), Problem> {
    let (mut total, mut before) = (0, None);
    for _ in 0..lists::READS_MAX {
        let (found, next) = app.engine.returns(filter, before, COUNTED_TOGETHER, LOOKS_PER_PAGE)?;
        total += found.iter().filter(|returned| is_asked(returned)).count();
        if total > lists::MATCHES_MAX {
            break;
        }
        if next.is_none() {
            return Ok((total, false));
        }
        before = next;
    }
    Ok((total.min(lists::MATCHES_MAX), true))
}

/// Take announced goods back, at any place.
#[utoipa::path(post, path = "/v1/returns/{return}/receive", tag = "returns", security(("key" = ["sell"])),
    params(("return" = String, Path, description = "The return"),
        ("Idempotency-Key" = Option<String>, Header, description = "Required")),
    request_body = ReceiveBody,
    responses((status = 200, description = "The return"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "not-returnable, unbalanced, or wrong-state"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn receive(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<ReceiveBody>(&app, request).await?;
    request.params.done()?;
    Ok(act::receive(&app, &request.caller, &id, request.body).await?.into_response())
}

/// Book what became of goods in quarantine that somebody looked at.
#[utoipa::path(post, path = "/v1/returns/{return}/inspect", tag = "returns", security(("key" = ["sell"]), ("key" = ["stock"])),
    params(("return" = String, Path, description = "The return"),
        ("Idempotency-Key" = Option<String>, Header, description = "Required")),
    request_body = InspectBody,
    responses((status = 200, description = "The return"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "wrong-state"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn inspect(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<InspectBody>(&app, request).await?;
    request.params.done()?;
    Ok(act::inspect(&app, &request.caller, &id, request.body).await?.into_response())
}

/// Report what became of the refunds of a return.
#[utoipa::path(post, path = "/v1/returns/{return}/refunds", tag = "returns", security(("key" = ["sell"])),
    params(("return" = String, Path, description = "The return"),
        ("Idempotency-Key" = Option<String>, Header, description = "Required")),
    request_body = ReturnRefundsBody,
    responses((status = 200, description = "The return"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "unbalanced, wrong-state, or already-exists: a refund with this id and other content"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn refund(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<ReturnRefundsBody>(&app, request).await?;
    request.params.done()?;
    Ok(act::refund(&app, &request.caller, &id, request.body).await?.into_response())
}

/// Cancel an announced return.
#[utoipa::path(post, path = "/v1/returns/{return}/cancel", tag = "returns", security(("key" = ["sell"])),
    params(("return" = String, Path, description = "The return"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = ReturnCancelBody,
    responses((status = 200, description = "The return"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "wrong-state"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn cancel(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<ReturnCancelBody>(&app, request).await?;
    request.params.done()?;
    Ok(act::cancel(&app, &request.caller, &id, request.body).await?.into_response())
}
