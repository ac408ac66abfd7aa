//! Series: set one, read where its numbers are, list them, remove it.

use anaquel_engine::Engine;
use anaquel_engine::command::{Completion, Precondition, Version};
use anaquel_engine::ids::Name;
use anaquel_engine::receipts::ReceiptAnswer;
use anaquel_engine::receipts::command::Command;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, Uri, header};
use serde_json::json;

use super::bodies::SeriesBody;
use super::issuers::told;
use super::views;
use crate::app::App;
use crate::http::budget::Payer;
use crate::http::conditions;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::put;
use crate::http::reply::{json_answer, replayed, unexpected};
use crate::subjects::catalogue::routes::path_name;

/// All series, by id.
#[utoipa::path(get, path = "/v1/series", tag = "receipts", security(("key" = ["sell"])),
    params(("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of series")))]
pub async fn list(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit) = (params.name("after")?, params.limit()?);
    params.done()?;
    let page = move |app: &App| {
        let after = after.as_ref().map(Name::as_str);
        let all = app.engine.state().own.receipts.series_after(after, limit + 1);
        let mut page = Page::new(app);
        for standing in all.iter().take(limit) {
            if !page.add(views::series_at(standing, standing.version)) {
                break;
            }
            page.is_at(standing.name.to_string());
        }
        Ok(page.end(None, all.len() > limit))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// One series: its next number, how many it gave, and its last receipt. Its `ETag` is the version of what it says.
#[utoipa::path(get, path = "/v1/series/{series}", tag = "receipts", security(("key" = ["sell"])),
    params(("series" = String, Path, description = "The series"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    responses((status = 200, description = "The series"), (status = 404, description = "not-found")))]
pub async fn get(State(app): State<App>, PathId(id): PathId, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let min_seq = params.number("min_seq")?;
    params.done()?;
    app.wait_for(min_seq).await?;
    let standing = app.engine.state().own.receipts.series(&id).ok_or_else(|| Problem::not_found("series"))?;
    // Its numbers move without a new version, so no copy of it is current.
    let mut response = put::tagged(Version::new(standing.version), &views::series_at(&standing, standing.version));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Set a series. A field that is left out stays as it is; `null` and `[]` take it out.
#[utoipa::path(put, path = "/v1/series/{series}", tag = "receipts", security(("key" = ["admin"])),
    params(("series" = String, Path, description = "The series"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = SeriesBody,
    responses((status = 200, description = "The series"), (status = 400, description = "invalid-request"),
        (status = 409, description = "number-taken, or wrong-state: after its first number only `locations`, `channels` and `closed` change"),
        (status = 412, description = "stale-version"), (status = 422, description = "idempotency-mismatch")))]
pub async fn set(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "series")?;
    let asked = conditions::precondition(request.headers())?;
    let request = extract::json::<SeriesBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    let known = || app.engine.state().own.receipts.series(name.as_str());
    let command = |precondition: Precondition| {
        let standing = known();
        let series = body.clone().into_series(standing.as_ref().and_then(|standing| standing.series.as_deref()))?;
        Ok(Command::SetSeries(name.clone(), Some(Box::new(series)), precondition))
    };
    let current = || known().map(|standing| Version::new(standing.version));
    let executed = put::put(&app, &caller, &asked, current, command).await?;
    let (seq, ReceiptAnswer::Series(standing)) = told(&executed)? else { return Err(unexpected(&executed.outcome)) };
    let item = views::series_at(standing, seq);
    Ok(replayed(put::tagged(Version::new(seq), &item), executed.replayed))
}

/// Remove a series that gave no number.
#[utoipa::path(delete, path = "/v1/series/{series}", tag = "receipts", security(("key" = ["admin"])),
    params(("series" = String, Path, description = "The series"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    responses((status = 200, description = "Its id, and the `seq` from which on it is no more"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: it gave numbers, told in `held_by`; close it"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn remove(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let name = Name::parse(&id).map_err(|_| Problem::not_found("series"))?;
    let caller = extract::caller(&app, &parts, b"")?;
    let command = Command::SetSeries(name, None, conditions::precondition(&parts.headers)?);
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(command, cause, done);
    let executed = app.execute(&caller, submit).await?;
    let (seq, ReceiptAnswer::Series(standing)) = told(&executed)? else { return Err(unexpected(&executed.outcome)) };
    Ok(replayed(json_answer(&json!({"series": standing.name.as_str(), "seq": seq})), executed.replayed))
}
