//! Replenishment: set, read and remove a policy; run policies; read the result of a run; explain a cell.

use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::command::{Completion, Failure, Outcome, Precondition, Version};
use anaquel_engine::event::Thing;
use anaquel_engine::ids::{Name, Seq, crockford};
use anaquel_engine::transfers::TransferAnswer;
use anaquel_engine::transfers::command::Command;
use anaquel_engine::transfers::policy::{Policy, RunItem};
use anaquel_engine::transfers::replenishment::explain as explain_cell;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::{PolicyBody, RunBody, policy_name};
use super::run::{Asked, Turn};
use super::views;
use crate::app::{App, Executed};
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::http::budget::Payer;
use crate::http::conditions;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::{Problem, Slug};
use crate::http::put;
use crate::http::reply::{Reply, json_answer, replayed, unexpected};
use crate::subjects::catalogue::routes::read;
use crate::wire;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(run))
        .routes(routes!(get_run))
        .routes(routes!(explain))
        .routes(routes!(get, set, remove))
}

/// A policy affects all locations, so a bound key may not set or run one. Its transfers reveal quantities, so neither
/// may a key that gets only bands.
fn acts_everywhere(engine: &Engine, caller: &Caller) -> Result<(), Problem> {
    caller.may_use_location("to", None)?;
    if Visibility::of(engine, caller).has_bands() {
        let detail =
            "this key is bound to channels, and rules show bands; set and run policies with a key that is not bound";
        return Err(Problem::new(Slug::Forbidden, detail));
    }
    Ok(())
}

/// The kept answer for a policy or a run.
fn told(executed: &Executed) -> Result<(Seq, &TransferAnswer), Problem> {
    let Outcome::Put { seq, thing: Some(thing) } = &executed.outcome else {
        return Err(unexpected(&executed.outcome));
    };
    let Thing::Transfers(told) = &**thing else { return Err(unexpected(&executed.outcome)) };
    Ok((*seq, told))
}

/// List policies, by id.
#[utoipa::path(get, path = "/v1/replenishment", tag = "transfers", security(("key" = ["stock"])),
    params(("after" = Option<String>, Query, description = "`next` of the previous page"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of policies")))]
pub async fn list(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit) = (params.name("after")?, params.limit()?);
    params.done()?;
    let page = move |app: &App| {
        let mut policies = app.engine.state().own.transfers.policies();
        policies.retain(|(name, ..)| after.as_ref().is_none_or(|after| name > after));
        let more = policies.len() > limit;
        let mut page = Page::new(app);
        for (name, seq, policy) in policies.iter().take(limit) {
            if !page.add(views::policy(&app.engine, name.as_str(), *seq, policy)) {
                break;
            }
            page.is_at(name.to_string());
        }
        Ok(page.end(None, more))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// Read a policy.
#[utoipa::path(get, path = "/v1/replenishment/{policy}", tag = "transfers", security(("key" = ["stock"])),
    params(("policy" = String, Path, description = "The policy")),
    responses((status = 200, description = "The policy"), (status = 404, description = "not-found")))]
pub async fn get(State(app): State<App>, headers: HeaderMap, PathId(id): PathId) -> Result<Response, Problem> {
    let (seq, policy) = app.engine.state().own.transfers.policy(&id).ok_or_else(|| Problem::not_found("policy"))?;
    read(&headers, (Version::new(seq), views::policy(&app.engine, &id, seq, &policy)))
}

/// Set a policy. A field that is left out keeps its value; `null` and `[]` remove it.
#[utoipa::path(put, path = "/v1/replenishment/{policy}", tag = "transfers", security(("key" = ["stock"])),
    params(("policy" = String, Path, description = "The policy"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = PolicyBody,
    responses((status = 200, description = "The policy"), (status = 400, description = "invalid-request"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn set(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = policy_name("policy", &id)?;
    let asked = conditions::precondition(request.headers())?;
    let request = extract::json::<PolicyBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    acts_everywhere(&app.engine, &caller)?;
    let state = app.engine.state();
    let known = || state.own.transfers.policy(name.as_str());
    let command = |precondition: Precondition| {
        let known = known();
        let policy = body.clone().into_policy(&state.catalogue, known.as_ref().map(|(_, known)| &**known))?;
        Ok(Command::SetPolicy(name.clone(), Some(Box::new(policy)), precondition))
    };
    let current = || known().map(|(seq, _)| Version::new(seq));
    let executed = put::put(&app, &caller, &asked, current, command).await?;
    let (seq, TransferAnswer::Policy(name, Some(policy))) = told(&executed)? else {
        return Err(unexpected(&executed.outcome));
    };
    let answer = put::tagged(Version::new(seq), &views::policy(&app.engine, name.as_str(), seq, policy));
    Ok(replayed(answer, executed.replayed))
}

/// Remove a policy. The transfers that it proposed stay.
#[utoipa::path(delete, path = "/v1/replenishment/{policy}", tag = "transfers", security(("key" = ["stock"])),
    params(("policy" = String, Path, description = "The policy"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    responses((status = 200, description = "Its id, and the `seq` from which it no longer applies"), (status = 404, description = "not-found"),
        (status = 412, description = "stale-version"), (status = 422, description = "idempotency-mismatch")))]
pub async fn remove(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let name = Name::parse(&id).map_err(|_| Problem::not_found("policy"))?;
    let caller = extract::caller(&app, &parts, b"")?;
    acts_everywhere(&app.engine, &caller)?;
    let command = Command::SetPolicy(name, None, conditions::precondition(&parts.headers)?);
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(command, cause, done);
    let executed = app.execute(&caller, submit).await?;
    let (seq, TransferAnswer::Policy(name, _)) = told(&executed)? else { return Err(unexpected(&executed.outcome)) };
    Ok(replayed(json_answer(&json!({"policy": name.as_str(), "seq": seq})), executed.replayed))
}

/// The policies of a run, by id.
fn chosen(app: &App, named: Option<Vec<String>>) -> Result<Vec<(Name, Arc<Policy>)>, Problem> {
    let store = &app.engine.state().own.transfers;
    let all = store.policies().into_iter().map(|(name, _, policy)| (name, policy));
    let Some(named) = named else { return Ok(all.collect()) };
    if named.is_empty() {
        return Err(Problem::invalid("policies", "is empty; leave it out for all policies"));
    }
    for (at, id) in named.iter().enumerate() {
        if store.policy(id).is_none() {
            return Err(Problem::invalid(&format!("policies[{at}]"), format!("the policy {id} does not exist")));
        }
    }
    Ok(all.filter(|(name, _)| named.iter().any(|id| id == name.as_str())).collect())
}

/// Run policies now. The plan is computed beside the writer; then each transfer is a step of its own that checks its
/// sender again.
#[utoipa::path(post, path = "/v1/replenishment/run", tag = "transfers", security(("key" = ["stock"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = Option<RunBody>,
    responses((status = 200, description = "The result of the run"), (status = 400, description = "invalid-request, or more cells than replenishment.cells"),
        (status = 409, description = "wrong-state: another run is in progress"), (status = 422, description = "idempotency-mismatch")))]
pub async fn run(State(app): State<App>, payer: Payer, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<RunBody>(&app, request).await?;
    request.params.done()?;
    let (caller, RunBody { policies, dry_run }) = (request.caller, request.body);
    acts_everywhere(&app.engine, &caller)?;
    let policies = chosen(&app, policies)?;
    let name = Name::from(format!("rr-{}", crockford(crate::random()?, 12)));
    let asked = Asked { name, policies, cells_max: app.config.replenishment.cells };
    if dry_run {
        let turn = Turn::take(&asked.name).map_err(Failure::from)?;
        let plan = move |app: &App| {
            let _turn = turn;
            let plan = asked.plan(&app.engine).map_err(Failure::from)?;
            Ok(views::planned(&app.engine, &plan, app.config.limits.page_bytes).to_string())
        };
        return crate::http::page::list(&app, &payer, plan).await;
    }
    let by = caller.clone();
    let submit = |engine: &Engine, cause, done: Completion| asked.start(engine, by, cause, done);
    let executed = app.execute(&caller, submit).await?;
    let (seq, TransferAnswer::Run(run)) = told(&executed)? else { return Err(unexpected(&executed.outcome)) };
    let reply = Reply::new(StatusCode::OK, views::ran(seq, run).to_string());
    Ok(reply.replayed(executed.replayed).into_response())
}

/// Read the result of a run, with the cells that it examined: the short ones first.
#[utoipa::path(get, path = "/v1/replenishment/runs/{run}", tag = "transfers", security(("key" = ["stock"])),
    params(("run" = String, Path, description = "The run"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of the run's cells"), (status = 404, description = "not-found: it never existed, or is no longer stored")))]
pub async fn get_run(
    State(app): State<App>,
    caller: Caller,
    payer: Payer,
    PathId(id): PathId,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit) = (params.number::<usize>("after")?.unwrap_or(0), params.limit()?);
    params.done()?;
    let (seq, run) = app.engine.state().own.transfers.run(&id).ok_or_else(|| Problem::not_found("run"))?;
    let page = move |app: &App| {
        let catalogue = &app.engine.state().catalogue;
        let is_seen = |location| caller.may_use_location("location", Some(catalogue.locations.name(location).as_str()));
        // A caller that gets bands gets no cells.
        let sight = Visibility::of(&app.engine, &caller);
        let is_told = |item: &&RunItem| sight.band_alone(item.sku, item.location).is_none();
        let seen = run.items.iter().filter(|item| is_seen(item.location).is_ok()).filter(is_told);
        let items: Vec<Value> = seen.skip(after).take(limit + 1).map(|item| views::item(&app.engine, item)).collect();
        let next = (items.len() > limit).then(|| (after + limit).to_string());
        let mut answer = views::ran(seq, &run);
        if let Value::Object(members) = &mut answer {
            members.insert("items".to_owned(), items.into_iter().take(limit).collect());
            members.insert("next".to_owned(), next.into());
        }
        Ok(answer.to_string())
    };
    crate::http::page::list(&app, &payer, page).await
}

/// Explain a cell: its position, its rate of sale, and the verdict of each policy. A channel that gets bands gets
/// `sku`, `location` and `band`.
#[utoipa::path(get, path = "/v1/replenishment/explain", tag = "transfers", security(("key" = ["stock"])),
    params(("sku" = String, Query, description = "The SKU"), ("location" = String, Query, description = "The location")),
    responses((status = 200, description = "The facts about the cell"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found: the SKU or the location")))]
pub async fn explain(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (sku_text, location_text) = (params.one("sku")?, params.one("location")?);
    params.done()?;
    let catalogue = &app.engine.state().catalogue;
    let sku_text = sku_text.ok_or_else(|| Problem::invalid("sku", "is needed"))?;
    let location_text = location_text.ok_or_else(|| Problem::invalid("location", "is needed"))?;
    caller.may_use_location("location", Some(&location_text))?;
    let sku = wire::known_sku(catalogue, &sku_text)?;
    let location = wire::known_location(catalogue, &location_text)?;
    let told = move |app: &App| {
        if let Some(band) = Visibility::of(&app.engine, &caller).band_alone(sku, location) {
            return Ok(json!({"sku": sku_text, "location": location_text, "band": band.as_str()}).to_string());
        }
        let explained = explain_cell(app.engine.state(), sku, location, app.engine.now());
        Ok(views::explained(&sku_text, &location_text, &explained).to_string())
    };
    crate::http::page::list(&app, &payer, told).await
}
