//! Issuers: set one, read it back, list them, remove it.

use anaquel_engine::Engine;
use anaquel_engine::command::{Completion, Outcome, Precondition, Version};
use anaquel_engine::event::Thing;
use anaquel_engine::ids::{Name, Seq};
use anaquel_engine::receipts::ReceiptAnswer;
use anaquel_engine::receipts::command::Command;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde_json::json;

use super::bodies::IssuerBody;
use super::views;
use crate::app::{App, Executed};
use crate::http::budget::Payer;
use crate::http::conditions;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::put;
use crate::http::reply::{json_answer, replayed, unexpected};
use crate::subjects::catalogue::routes::{path_name, read};

/// What was told of receipts.
pub fn told(executed: &Executed) -> Result<(Seq, &ReceiptAnswer), Problem> {
    let Outcome::Put { seq, thing: Some(thing) } = &executed.outcome else {
        return Err(unexpected(&executed.outcome));
    };
    let Thing::Receipts(told) = &**thing else { return Err(unexpected(&executed.outcome)) };
    Ok((*seq, told))
}

/// All issuers, by id.
#[utoipa::path(get, path = "/v1/issuers", tag = "receipts", security(("key" = ["sell"])),
    params(("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of issuers")))]
pub async fn list(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit) = (params.name("after")?, params.limit()?);
    params.done()?;
    let page = move |app: &App| {
        let after = after.as_ref().map(Name::as_str);
        let all = app.engine.state().own.receipts.issuers_after(after, limit + 1);
        let mut page = Page::new(app);
        for standing in all.iter().take(limit) {
            let Some(issuer) = standing.issuer() else { continue };
            if !page.add(views::issuer_at(standing.name.as_str(), issuer, standing.version)) {
                break;
            }
            page.is_at(standing.name.to_string());
        }
        Ok(page.end(None, all.len() > limit))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// One issuer.
#[utoipa::path(get, path = "/v1/issuers/{issuer}", tag = "receipts", security(("key" = ["sell"])),
    params(("issuer" = String, Path, description = "The issuer")),
    responses((status = 200, description = "The issuer"), (status = 404, description = "not-found")))]
pub async fn get(State(app): State<App>, headers: HeaderMap, PathId(id): PathId) -> Result<Response, Problem> {
    let standing = app.engine.state().own.receipts.issuer(&id).ok_or_else(|| Problem::not_found("issuer"))?;
    let issuer = standing.issuer().ok_or_else(|| Problem::not_found("issuer"))?;
    read(&headers, (Version::new(standing.version), views::issuer_at(&id, issuer, standing.version)))
}

/// Set an issuer. A field that is left out stays as it is.
#[utoipa::path(put, path = "/v1/issuers/{issuer}", tag = "receipts", security(("key" = ["admin"])),
    params(("issuer" = String, Path, description = "The issuer"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = IssuerBody,
    responses((status = 200, description = "The issuer"), (status = 400, description = "invalid-request"),
        (status = 409, description = "wrong-state: it has issued receipts, and their chain says what would change"),
        (status = 412, description = "stale-version"), (status = 422, description = "idempotency-mismatch")))]
pub async fn set(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "issuer")?;
    let asked = conditions::precondition(request.headers())?;
    let request = extract::json::<IssuerBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    let known = || app.engine.state().own.receipts.issuer(name.as_str());
    let command = |precondition: Precondition| {
        let standing = known();
        let issuer = body.clone().into_issuer(standing.as_ref().and_then(|standing| standing.issuer()))?;
        Ok(Command::SetIssuer(name.clone(), Some(Box::new(issuer)), precondition))
    };
    let current = || known().map(|standing| Version::new(standing.version));
    let executed = put::put(&app, &caller, &asked, current, command).await?;
    let (seq, ReceiptAnswer::Issuer(name, Some(issuer))) = told(&executed)? else {
        return Err(unexpected(&executed.outcome));
    };
    let item = views::issuer_at(name.as_str(), issuer, seq);
    Ok(replayed(put::tagged(Version::new(seq), &item), executed.replayed))
}

/// Remove an issuer without series.
#[utoipa::path(delete, path = "/v1/issuers/{issuer}", tag = "receipts", security(("key" = ["admin"])),
    params(("issuer" = String, Path, description = "The issuer"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    responses((status = 200, description = "Its id, and the `seq` from which on it is no more"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: series are of it, told in `held_by`"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn remove(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let name = Name::parse(&id).map_err(|_| Problem::not_found("issuer"))?;
    let caller = extract::caller(&app, &parts, b"")?;
    let command = Command::SetIssuer(name, None, conditions::precondition(&parts.headers)?);
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(command, cause, done);
    let executed = app.execute(&caller, submit).await?;
    let (seq, ReceiptAnswer::Issuer(name, _)) = told(&executed)? else { return Err(unexpected(&executed.outcome)) };
    Ok(replayed(json_answer(&json!({"issuer": name.as_str(), "seq": seq})), executed.replayed))
}
