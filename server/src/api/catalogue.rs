//! SKUs, locations, groups, channels: set one, read it back, list them.

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Completion, Outcome, Put, PutWhat};
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, Name, Seq, SkuId};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Uri, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{etag, json_answer, page, replayed};
use crate::app::{App, Caller, Executed};
use crate::extract::{self, Params, PathId};
use crate::ops::unexpected;
use crate::problem::Problem;
use crate::wire::catalogue as words;

/// An item with its entity tag.
pub(super) fn tagged((version, item): (Seq, Value)) -> Response {
    let mut response = json_answer(&item);
    if let Ok(tag) = HeaderValue::from_str(&etag(version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A page of items, in the order in which they were declared.
fn list(uri: &Uri, count: u32, item: impl Fn(u32) -> Value) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit) = (params.number::<u32>("after")?, params.limit()?);
    params.done()?;
    let first = after.map_or(0, |after| after.saturating_add(1));
    let items: Vec<Value> = (first..count).take(limit).map(item).collect();
    let next = first.saturating_add(items.len() as u32);
    let more = items.len() == limit && next < count;
    Ok(page(items, more.then(|| (next - 1).to_string())))
}

/// `If-Match`: a version, or `*` for any that exists.
fn if_match(headers: &HeaderMap) -> Result<Option<Seq>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Some(0));
    }
    let version = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|text| text.parse().ok());
    // A tag that this server did not give out is nobody's version.
    Ok(Some(version.filter(|version| *version > 0).unwrap_or(Seq::MAX)))
}

/// Sets one thing and answers with it as it is from its `seq` on.
pub(super) async fn put<T: DeserializeOwned>(
    app: &App,
    request: Request,
    what: impl FnOnce(T) -> Result<PutWhat, Problem>,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let request = extract::json::<T>(app, request).await?;
    request.params.done()?;
    let done = put_now(app, &request.caller, &headers, what(request.body)?).await?;
    Ok(replayed(tagged((done.seq, done.item)), done.replayed))
}

/// What became of a thing that was to be set.
pub(super) struct Done {
    pub seq: Seq,
    /// The thing, with the `seq` of its effect.
    pub item: Value,
    /// Whether this is the first answer told again.
    pub replayed: bool,
}

/// Sets or removes one thing, if it has the version that the caller names. A repeat is told by its key before the version
/// is looked at.
pub(super) async fn put_now(app: &App, caller: &Caller, headers: &HeaderMap, what: PutWhat) -> Result<Done, Problem> {
    let put = Put { what, if_match: if_match(headers)? };
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(Command::Put(Box::new(put)), cause, done);
    done(app, app.execute(caller, submit).await?)
}

/// What is told of something that was set.
pub(super) fn done(app: &App, executed: Executed) -> Result<Done, Problem> {
    let Outcome::Put { seq, thing: Some(thing) } = &executed.outcome else {
        return Err(unexpected(&executed.outcome));
    };
    let mut item = words::thing(&app.engine, thing);
    if let Value::Object(members) = &mut item {
        members.insert("seq".into(), (*seq).into());
    }
    Ok(Done { seq: *seq, item, replayed: executed.replayed })
}

pub(super) fn path_name(id: &str, what: &'static str) -> Result<Name, Problem> {
    Name::parse(id).map_err(|error| Problem::invalid(what, error))
}

/// All SKUs.
#[utoipa::path(get, path = "/v1/skus", tag = "catalogue", security(("key" = ["read"])),
    params(("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of SKUs")))]
pub async fn list_skus(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    list(&uri, app.engine.state().catalogue.skus.count(), |id| words::sku(&app.engine, SkuId(id)).1)
}

/// One SKU.
#[utoipa::path(get, path = "/v1/skus/{sku}", tag = "catalogue", security(("key" = ["read"])), params(("sku" = String, Path, description = "The SKU")),
    responses((status = 200, body = words::SkuBody), (status = 404, description = "not-found")))]
pub async fn get_sku(State(app): State<App>, PathId(id): PathId) -> Result<Response, Problem> {
    let found = app.engine.state().catalogue.skus.id(&id).ok_or_else(|| Problem::not_found("SKU"))?;
    Ok(tagged(words::sku(&app.engine, found)))
}

/// Set a SKU, whole.
#[utoipa::path(put, path = "/v1/skus/{sku}", tag = "catalogue", security(("key" = ["import"])),
    params(("sku" = String, Path, description = "The SKU"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::SkuBody,
    responses((status = 200, body = words::SkuBody), (status = 400, description = "invalid-request"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn put_sku(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = Name::parse_sku(&id).map_err(|error| Problem::invalid("sku", error))?;
    let what = |body: words::SkuBody| Ok(PutWhat::Sku(name, body.into_fields()?));
    put(&app, request, what).await
}

/// All locations.
#[utoipa::path(get, path = "/v1/locations", tag = "catalogue", security(("key" = ["read"])),
    params(("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of locations")))]
pub async fn list_locations(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    list(&uri, app.engine.state().catalogue.locations.count(), |id| words::location(&app.engine, LocationId(id)).1)
}

/// One location.
#[utoipa::path(get, path = "/v1/locations/{location}", tag = "catalogue", security(("key" = ["read"])), params(("location" = String, Path, description = "The location")),
    responses((status = 200, body = words::LocationBody), (status = 404, description = "not-found")))]
pub async fn get_location(State(app): State<App>, PathId(id): PathId) -> Result<Response, Problem> {
    let found = app.engine.state().catalogue.locations.id(&id).ok_or_else(|| Problem::not_found("location"))?;
    Ok(tagged(words::location(&app.engine, found)))
}

/// Set a location, whole.
#[utoipa::path(put, path = "/v1/locations/{location}", tag = "catalogue", security(("key" = ["import"])),
    params(("location" = String, Path, description = "The location"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::LocationBody,
    responses((status = 200, body = words::LocationBody), (status = 400, description = "invalid-request"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn put_location(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "location")?;
    let what = |body: words::LocationBody| Ok(PutWhat::Location(name, body.into_fields()?));
    put(&app, request, what).await
}

/// All groups.
#[utoipa::path(get, path = "/v1/groups", tag = "catalogue", security(("key" = ["read"])),
    params(("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of groups")))]
pub async fn list_groups(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    list(&uri, app.engine.state().catalogue.groups.count(), |id| words::group(&app.engine, GroupId(id)).1)
}

/// One group.
#[utoipa::path(get, path = "/v1/groups/{group}", tag = "catalogue", security(("key" = ["read"])), params(("group" = String, Path, description = "The group")),
    responses((status = 200, body = words::GroupBody), (status = 404, description = "not-found")))]
pub async fn get_group(State(app): State<App>, PathId(id): PathId) -> Result<Response, Problem> {
    let found = app.engine.state().catalogue.groups.id(&id).ok_or_else(|| Problem::not_found("group"))?;
    Ok(tagged(words::group(&app.engine, found)))
}

/// Set a group's members.
#[utoipa::path(put, path = "/v1/groups/{group}", tag = "catalogue", security(("key" = ["import"])),
    params(("group" = String, Path, description = "The group"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::GroupBody,
    responses((status = 200, body = words::GroupBody), (status = 400, description = "invalid-request"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn put_group(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "group")?;
    let what = |body: words::GroupBody| Ok(PutWhat::Group(name, body.into_names()?));
    put(&app, request, what).await
}

/// All channels.
#[utoipa::path(get, path = "/v1/channels", tag = "catalogue", security(("key" = ["read"])),
    params(("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of channels")))]
pub async fn list_channels(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    list(&uri, app.engine.state().catalogue.channels.count(), |id| words::channel(&app.engine, ChannelId(id)).1)
}

/// One channel.
#[utoipa::path(get, path = "/v1/channels/{channel}", tag = "catalogue", security(("key" = ["read"])), params(("channel" = String, Path, description = "The channel")),
    responses((status = 200, body = words::ChannelBody), (status = 404, description = "not-found")))]
pub async fn get_channel(State(app): State<App>, PathId(id): PathId) -> Result<Response, Problem> {
    let found = app.engine.state().catalogue.channels.id(&id).ok_or_else(|| Problem::not_found("channel"))?;
    Ok(tagged(words::channel(&app.engine, found)))
}

/// Set what holds for a channel.
#[utoipa::path(put, path = "/v1/channels/{channel}", tag = "catalogue", security(("key" = ["import"])),
    params(("channel" = String, Path, description = "The channel"), ("If-Match" = Option<String>, Header, description = "Only at this version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::ChannelBody,
    responses((status = 200, body = words::ChannelBody), (status = 400, description = "invalid-request"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn put_channel(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "channel")?;
    let what = |body: words::ChannelBody| Ok(PutWhat::Channel(name, body.into_details()?));
    put(&app, request, what).await
}

/// The prices of a SKU.
#[utoipa::path(get, path = "/v1/prices", tag = "catalogue", security(("key" = ["read"])), params(("sku" = String, Query, description = "The SKU")),
    responses((status = 200, description = "Its prices"), (status = 404, description = "not-found")))]
pub async fn prices(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let sku = params.one("sku")?.ok_or_else(|| Problem::invalid("sku", "is needed"))?;
    params.done()?;
    let catalogue = &app.engine.state().catalogue;
    let id = catalogue.skus.id(&sku).ok_or_else(|| Problem::not_found("SKU"))?;
    let prices = catalogue.prices(id).map(|prices| prices.details.clone()).unwrap_or_default();
    Ok(page(prices.iter().map(|price| words::price(&sku, price)).collect(), None))
}
