//! Price lists: set one, read it back, list them, remove it.

use anaquel_engine::Engine;
use anaquel_engine::command::{Completion, Outcome, Precondition, Version};
use anaquel_engine::event::Thing;
use anaquel_engine::ids::{Name, Seq};
use anaquel_engine::prices::PriceAnswer;
use anaquel_engine::prices::command::Command;
use anaquel_engine::prices::list::{BASE_NAME, ListStanding};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::bodies::PriceListBody;
use super::views;
use crate::app::{App, Executed};
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::http::budget::Payer;
use crate::http::conditions;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::put;
use crate::http::reply::{json_answer, replayed, unexpected};
use crate::subjects::catalogue::routes::{path_name, read};

/// What was told of prices.
pub fn told(executed: &Executed) -> Result<(Seq, &PriceAnswer), Problem> {
    let Outcome::Put { seq, thing: Some(thing) } = &executed.outcome else {
        return Err(unexpected(&executed.outcome));
    };
    let Thing::Prices(told) = &**thing else { return Err(unexpected(&executed.outcome)) };
    Ok((*seq, told))
}

/// Lists and tax classes are about all channels and places: a key that is bound to some sets none.
pub fn acts_everywhere(caller: &Caller) -> Result<(), Problem> {
    caller.may_use_channel("channels", None)?;
    caller.may_use_location("locations", None)
}

fn item(engine: &Engine, sight: &Visibility<'_>, standing: &ListStanding) -> Option<Value> {
    let list = standing.list.as_ref().filter(|list| sight.concerns_list(list))?;
    let item = views::list_at(engine, standing.name.as_str(), list, standing.in_force, standing.version);
    Some(sight.trim(item))
}

/// All price lists, by id.
#[utoipa::path(get, path = "/v1/price-lists", tag = "prices", security(("key" = ["read"])),
    params(("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of price lists")))]
pub async fn list(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit) = (params.name("after")?, params.limit()?);
    params.done()?;
    let page = move |app: &App| {
        let sight = Visibility::of(&app.engine, &caller);
        let after = after.as_ref().map(Name::as_str);
        let standing = app.engine.state().own.prices.lists(after, usize::MAX);
        let seen = standing.iter().filter_map(|list| Some((list.name.to_string(), item(&app.engine, &sight, list)?)));
        let mut all: Vec<(String, Value)> = seen.collect();
        if after.is_none_or(|after| after < BASE_NAME) {
            let at = all.partition_point(|(name, _)| name.as_str() < BASE_NAME);
            all.insert(at, (BASE_NAME.to_owned(), views::base()));
        }
        let more = all.len() > limit;
        let mut page = Page::new(app);
        for (name, item) in all.into_iter().take(limit) {
            if !page.add(item) {
                break;
            }
            page.is_at(name);
        }
        Ok(page.end(None, more))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// One price list.
#[utoipa::path(get, path = "/v1/price-lists/{price_list}", tag = "prices", security(("key" = ["read"])),
    params(("price_list" = String, Path, description = "The price list")),
    responses((status = 200, description = "The price list"), (status = 404, description = "not-found")))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    PathId(id): PathId,
) -> Result<Response, Problem> {
    if id == BASE_NAME {
        return read(&headers, (Version::new(0), views::base()));
    }
    let standing = app.engine.state().own.prices.list(&id).ok_or_else(|| Problem::not_found("price list"))?;
    let item = item(&app.engine, &Visibility::of(&app.engine, &caller), &standing);
    read(&headers, (Version::new(standing.version), item.ok_or_else(|| Problem::not_found("price list"))?))
}

/// Set a price list. A field that is left out stays as it is; `null` and `[]` take it out.
#[utoipa::path(put, path = "/v1/price-lists/{price_list}", tag = "prices", security(("key" = ["import"])),
    params(("price_list" = String, Path, description = "The price list"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = PriceListBody,
    responses((status = 200, description = "The price list"), (status = 400, description = "invalid-request"),
        (status = 409, description = "wrong-state: prices in it are in another currency"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn set(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "price_list")?;
    let asked = conditions::precondition(request.headers())?;
    let request = extract::json::<PriceListBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    acts_everywhere(&caller)?;
    let state = app.engine.state();
    let known = || state.own.prices.list(name.as_str());
    let command = |precondition: Precondition| {
        // Read again where it is composed: what it was read as is what the precondition names, or it is refused.
        let standing = known();
        let list = standing.as_ref().and_then(|standing| standing.list.as_ref());
        let list = body.clone().into_list(&state.catalogue, list)?;
        Ok(Command::SetList(name.clone(), Some(Box::new(list)), precondition))
    };
    let current = || known().map(|standing| Version::new(standing.version));
    let executed = put::put(&app, &caller, &asked, current, command).await?;
    let (seq, PriceAnswer::List(name, Some(list), in_force)) = told(&executed)? else {
        return Err(unexpected(&executed.outcome));
    };
    let item = views::list_at(&app.engine, name.as_str(), list, *in_force, seq);
    Ok(replayed(put::tagged(Version::new(seq), &item), executed.replayed))
}

/// Remove a price list, if no price in it is in force or to come.
#[utoipa::path(delete, path = "/v1/price-lists/{price_list}", tag = "prices", security(("key" = ["import"])),
    params(("price_list" = String, Path, description = "The price list"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    responses((status = 200, description = "Its id, and the `seq` from which on it is no more"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: prices are in it, told in `held_by`"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn remove(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let name = Name::parse(&id).map_err(|_| Problem::not_found("price list"))?;
    let caller = extract::caller(&app, &parts, b"")?;
    acts_everywhere(&caller)?;
    let command = Command::SetList(name, None, conditions::precondition(&parts.headers)?);
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(command, cause, done);
    let executed = app.execute(&caller, submit).await?;
    let (seq, PriceAnswer::List(name, ..)) = told(&executed)? else { return Err(unexpected(&executed.outcome)) };
    Ok(replayed(json_answer(&json!({"price_list": name.as_str(), "seq": seq})), executed.replayed))
}
