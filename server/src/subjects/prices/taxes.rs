//! Tax classes: set one, read it back, list them, remove it.

use anaquel_engine::Engine;
use anaquel_engine::command::{Completion, Precondition, Version};
use anaquel_engine::ids::Name;
use anaquel_engine::prices::PriceAnswer;
use anaquel_engine::prices::command::Command;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde_json::json;

use super::bodies::TaxClassBody;
use super::lists::{acts_everywhere, told};
use super::views;
use crate::app::App;
use crate::http::budget::Payer;
use crate::http::conditions;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::put;
use crate::http::reply::{json_answer, replayed, unexpected};
use crate::subjects::catalogue::routes::{path_name, read};

/// All tax classes, by id.
#[utoipa::path(get, path = "/v1/tax-classes", tag = "prices", security(("key" = ["read"])),
    params(("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of tax classes")))]
pub async fn list(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit) = (params.name("after")?, params.limit()?);
    params.done()?;
    let page = move |app: &App| {
        let mut classes = app.engine.state().own.prices.classes();
        classes.retain(|(name, ..)| after.as_ref().is_none_or(|after| name > after));
        let more = classes.len() > limit;
        let mut page = Page::new(app);
        for (name, seq, class) in classes.iter().take(limit) {
            if !page.add(views::class_at(&app.engine, name.as_str(), class, *seq)) {
                break;
            }
            page.is_at(name.to_string());
        }
        Ok(page.end(None, more))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// One tax class.
#[utoipa::path(get, path = "/v1/tax-classes/{tax_class}", tag = "prices", security(("key" = ["read"])),
    params(("tax_class" = String, Path, description = "The tax class")),
    responses((status = 200, description = "The tax class"), (status = 404, description = "not-found")))]
pub async fn get(State(app): State<App>, headers: HeaderMap, PathId(id): PathId) -> Result<Response, Problem> {
    let (seq, class) = app.engine.state().own.prices.class(&id).ok_or_else(|| Problem::not_found("tax class"))?;
    read(&headers, (Version::new(seq), views::class_at(&app.engine, &id, &class, seq)))
}

/// Set a tax class. A field that is left out stays as it is; `null` and `[]` take it out.
#[utoipa::path(put, path = "/v1/tax-classes/{tax_class}", tag = "prices", security(("key" = ["import"])),
    params(("tax_class" = String, Path, description = "The tax class"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = TaxClassBody,
    responses((status = 200, description = "The tax class"), (status = 400, description = "invalid-request"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn set(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "tax_class")?;
    let asked = conditions::precondition(request.headers())?;
    let request = extract::json::<TaxClassBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    acts_everywhere(&caller)?;
    let state = app.engine.state();
    let known = || state.own.prices.class(name.as_str());
    let command = |precondition: Precondition| {
        let class = known();
        let class = body.clone().into_class(&state.catalogue, class.as_ref().map(|(_, class)| &**class))?;
        Ok(Command::SetTaxClass(name.clone(), Some(Box::new(class)), precondition))
    };
    let current = || known().map(|(seq, _)| Version::new(seq));
    let executed = put::put(&app, &caller, &asked, current, command).await?;
    let (seq, PriceAnswer::TaxClass(name, Some(class))) = told(&executed)? else {
        return Err(unexpected(&executed.outcome));
    };
    let item = views::class_at(&app.engine, name.as_str(), class, seq);
    Ok(replayed(put::tagged(Version::new(seq), &item), executed.replayed))
}

/// Remove a tax class that no SKU names.
#[utoipa::path(delete, path = "/v1/tax-classes/{tax_class}", tag = "prices", security(("key" = ["import"])),
    params(("tax_class" = String, Path, description = "The tax class"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    responses((status = 200, description = "Its id, and the `seq` from which on it is no more"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: SKUs name it, told in `held_by`"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn remove(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let name = Name::parse(&id).map_err(|_| Problem::not_found("tax class"))?;
    let caller = extract::caller(&app, &parts, b"")?;
    acts_everywhere(&caller)?;
    let command = Command::SetTaxClass(name, None, conditions::precondition(&parts.headers)?);
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(command, cause, done);
    let executed = app.execute(&caller, submit).await?;
    let (seq, PriceAnswer::TaxClass(name, _)) = told(&executed)? else { return Err(unexpected(&executed.outcome)) };
    Ok(replayed(json_answer(&json!({"tax_class": name.as_str(), "seq": seq})), executed.replayed))
}
