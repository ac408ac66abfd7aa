//! SKUs, locations, groups, channels: set, read, list, retire.

use anaquel_engine::Engine;
use anaquel_engine::catalogue::Registry;
use anaquel_engine::command::{Command, Completion, Outcome, Put, PutWhat, Version};
use anaquel_engine::event::{Thing, ThingKind};
use anaquel_engine::gtin::Gtin;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, Name, SkuId};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, Executed};
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::http::budget::Payer;
use crate::http::conditions;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::put::tagged;
use crate::http::reply::{json_answer, replayed, unexpected};
use crate::subjects::catalogue::{bodies as words, views};
use crate::wire;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_skus))
        .routes(routes!(get_sku, put_sku, delete_sku))
        .routes(routes!(list_locations))
        .routes(routes!(get_location, put_location, delete_location))
        .routes(routes!(list_groups))
        .routes(routes!(get_group, put_group, delete_group))
        .routes(routes!(list_channels))
        .routes(routes!(get_channel, put_channel, delete_channel))
}

/// An item with its entity tag, or 304 if the caller has the current version. The visible fields depend on the caller.
pub(crate) fn read(headers: &HeaderMap, (version, item): (Version, Value)) -> Result<Response, Problem> {
    let mut response = match conditions::known(headers, &conditions::tag(version))? {
        None => tagged(version, &item),
        Some(known) => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            response.headers_mut().insert(header::ETAG, known);
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("authorization"));
    Ok(response)
}

/// SKUs that one list names.
const SKUS_MAX: usize = 1000;

/// Selects the ids of a list.
enum Ids {
    Below(u32),
    /// All ids below this number, with exceptions.
    But(u32, Vec<u32>),
    These(Vec<u32>),
}

impl Ids {
    /// The names of a registry. `declared=false` selects names that callers created by using them, to be declared or
    /// retired;
    /// `declared=true` selects the others.
    fn of<I, D>(registry: &Registry<I, D>, params: &mut Params) -> Result<Self, Problem>
    where
        I: From<u32> + Into<u32> + Copy + Eq + std::hash::Hash,
        D: Default + Clone,
    {
        let made_up = || registry.made_up_ids().into_iter().map(Into::into).collect();
        match params.one("declared")?.as_deref() {
            None => Ok(Self::Below(registry.count())),
            Some("true") => Ok(Self::But(registry.count(), made_up())),
            Some("false") => Ok(Self::These(made_up())),
            Some(_) => Err(Problem::invalid("declared", "is true or false")),
        }
    }

    fn has(&self, id: u32) -> bool {
        match self {
            Self::Below(count) => id < *count,
            Self::But(count, others) => id < *count && others.binary_search(&id).is_err(),
            Self::These(ids) => ids.binary_search(&id).is_ok(),
        }
    }
}

/// A page of existing items, in the order of their declaration.
async fn list(
    app: &App,
    payer: &Payer,
    mut params: Params,
    ids: Ids,
    is_there: impl Fn(&Engine, u32) -> bool + Send + 'static,
    item: impl Fn(&Engine, u32) -> Value + Send + 'static,
) -> Result<Response, Problem> {
    let (after, limit) = (params.number::<u32>("after")?, params.limit()?);
    params.done()?;
    let first = after.map_or(0, |after| after.saturating_add(1));
    let page = move |app: &App| {
        let mut page = Page::new(app);
        let mut items = 0;
        let (below, these) = match &ids {
            Ids::Below(count) | Ids::But(count, _) => (first..*count, &[][..]),
            Ids::These(these) => (0..0, these.as_slice()),
        };
        let listed = below.chain(these.iter().copied().filter(|id| *id >= first));
        let mut rest = listed.filter(|id| ids.has(*id) && is_there(&app.engine, *id));
        for id in rest.by_ref().take(limit) {
            if !page.add(item(&app.engine, id)) {
                break;
            }
            items += 1;
            page.is_at(id.to_string());
        }
        Ok(page.end(None, items == limit && rest.next().is_some()))
    };
    crate::http::page::list(app, payer, page).await
}

/// Sets one item and answers with it as it is at its `seq`.
pub(crate) async fn put<T: DeserializeOwned>(
    app: &App,
    request: Request,
    what: impl FnOnce(T) -> Result<PutWhat, Problem>,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let request = extract::json::<T>(app, request).await?;
    request.params.done()?;
    let done = put_now(app, &request.caller, &headers, what(request.body)?).await?;
    Ok(replayed(tagged(done.version, &done.item), done.replayed))
}

/// The result of setting an item.
pub(crate) struct Done {
    pub version: Version,
    /// The item, with the `seq` of the change.
    pub item: Value,
    /// Whether this is a repeat, answered with the first answer.
    pub replayed: bool,
}

/// Sets or removes one item, if it has the version that the caller names. A repeat is recognised by its key before the
/// version is checked.
pub(crate) async fn put_now(app: &App, caller: &Caller, headers: &HeaderMap, what: PutWhat) -> Result<Done, Problem> {
    let put = Put { what, precondition: conditions::precondition(headers)? };
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(Command::from(put), cause, done);
    done(app, caller, app.execute(caller, submit).await?)
}

/// The answer for an item that was set.
pub(crate) fn done(app: &App, caller: &Caller, executed: Executed) -> Result<Done, Problem> {
    let Outcome::Put { seq, thing: Some(thing) } = &executed.outcome else {
        return Err(unexpected(&executed.outcome));
    };
    let mut item = views::thing(&app.engine, thing, &Visibility::of(&app.engine, caller));
    if let Value::Object(members) = &mut item {
        members.insert("seq".into(), (*seq).into());
    }
    let version = match &**thing {
        Thing::Location(.., groups) => Version::of_location(*seq, groups),
        Thing::LocationSet(set) | Thing::LocationTrading(set, _) => Version::of_location(*seq, &set.groups),
        _ => Version::new(*seq),
    };
    Ok(Done { version, item, replayed: executed.replayed })
}

/// Retires one item. An invalid name is not found.
async fn retire(app: &App, request: Request, kind: ThingKind, id: &str) -> Result<Response, Problem> {
    let name = match kind {
        ThingKind::Sku => Name::parse_sku(id),
        ThingKind::Location | ThingKind::Group | ThingKind::Channel => Name::parse(id),
    };
    let name = name.map_err(|_| Problem::not_found(kind.title()))?;
    let headers = request.headers().clone();
    let request = extract::json::<NoFields>(app, request).await?;
    request.params.done()?;
    let done = put_now(app, &request.caller, &headers, PutWhat::Retire(kind, name)).await?;
    Ok(replayed(json_answer(&done.item), done.replayed))
}

/// A body without fields.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}

pub(crate) fn path_name(id: &str, what: &'static str) -> Result<Name, Problem> {
    Name::parse(id).map_err(|error| Problem::invalid(what, error))
}

/// List SKUs, or those with a barcode.
#[utoipa::path(get, path = "/v1/skus", tag = "catalogue", security(("key" = ["read"])),
    params(("gtin" = Option<String>, Query, description = "Only those with this GTIN, whether it is written as EAN-8, UPC-A, EAN-13 or GTIN-14", example = "4006381333931"),
           ("sku" = Option<Vec<String>>, Query, description = "Only these; an unknown one is left out"),
           ("declared" = Option<bool>, Query, description = "`false`: only names that callers created by using them, \
               to be declared or retired; `true`: only the others"),
           ("after" = Option<String>, Query, description = "`next` of the previous page"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of SKUs")))]
pub async fn list_skus(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let catalogue = &app.engine.state().catalogue;
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let ids = Ids::of(&catalogue.skus, &mut params)?;
    let named = params.all("sku");
    let gtin = params.one("gtin")?;
    if !named.is_empty() {
        if gtin.is_some() {
            return Err(Problem::invalid("gtin", "is given beside sku; ask for one of both"));
        }
        if named.len() > SKUS_MAX {
            return Err(Problem::invalid("sku", format!("is given {} times; at most {SKUS_MAX}", named.len())));
        }
        for text in &named {
            wire::sku_name("sku", text)?;
        }
        let mut these: Vec<u32> = named.iter().filter_map(|text| catalogue.skus.id(text)).map(|id| id.0).collect();
        these.retain(|id| ids.has(*id));
        these.sort_unstable();
        these.dedup();
        let is_there = |engine: &Engine, id: u32| engine.state().catalogue.skus.is_live(SkuId(id));
        let ids = Ids::These(these);
        return list(&app, &payer, params, ids, is_there, |engine, id| views::sku(engine, SkuId(id)).1).await;
    }
    let Some(gtin) = gtin else {
        let is_there = |engine: &Engine, id: u32| engine.state().catalogue.skus.is_live(SkuId(id));
        return list(&app, &payer, params, ids, is_there, |engine, id| views::sku(engine, SkuId(id)).1).await;
    };
    let gtin = Gtin::parse(gtin.trim()).map_err(|error| Problem::invalid("gtin", error))?;
    let (after, limit) = (params.number::<u32>("after")?, params.limit()?);
    params.done()?;
    let mut found = catalogue.skus_of_gtin(gtin);
    found.retain(|sku| ids.has(sku.0) && after.is_none_or(|after| sku.0 > after));
    let page = move |app: &App| {
        let mut page = Page::new(app);
        let more = found.len() > limit;
        for sku in found.into_iter().take(limit) {
            if !page.add(views::sku(&app.engine, sku).1) {
                break;
            }
            page.is_at(sku.0.to_string());
        }
        Ok(page.end(None, more))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// Read a SKU.
#[utoipa::path(get, path = "/v1/skus/{sku}", tag = "catalogue", security(("key" = ["read"])), params(("sku" = String, Path, description = "The SKU")),
    responses((status = 200, body = words::SkuBody), (status = 404, description = "not-found")))]
pub async fn get_sku(State(app): State<App>, headers: HeaderMap, PathId(id): PathId) -> Result<Response, Problem> {
    let found = app.engine.state().catalogue.skus.id(&id).ok_or_else(|| Problem::not_found("SKU"))?;
    read(&headers, app.engine.state().view.read(|| views::sku(&app.engine, found)).1)
}

/// Set a SKU. A field that is left out keeps its value; `null` removes it.
#[utoipa::path(put, path = "/v1/skus/{sku}", tag = "catalogue", security(("key" = ["import"])),
    params(("sku" = String, Path, description = "The SKU"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::SkuBody,
    responses((status = 200, body = words::SkuBody), (status = 400, description = "invalid-request"),
        (status = 409, description = "wrong-state: `held_by` lists what prevents a change of `tracked`"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn put_sku(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = Name::parse_sku(&id).map_err(|error| Problem::invalid("sku", error))?;
    let what = |body: words::SkuBody| Ok(PutWhat::Sku(name, body.into_fields()?));
    put(&app, request, what).await
}

/// Retire a SKU that nothing holds. Its name accepts nothing new, and may be declared again; its history stays
/// readable.
#[utoipa::path(delete, path = "/v1/skus/{sku}", tag = "catalogue", security(("key" = ["import"])),
    params(("sku" = String, Path, description = "The SKU"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    responses((status = 200, description = "The name, and the `seq` at which it is retired"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: `held_by` lists what holds it"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn delete_sku(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    retire(&app, request, ThingKind::Sku, &id).await
}

/// List locations.
#[utoipa::path(get, path = "/v1/locations", tag = "catalogue", security(("key" = ["read"])),
    params(("declared" = Option<bool>, Query, description = "`false`: only names that callers created by using them, \
        to be declared or retired; `true`: only the others"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"), ("limit" = Option<u32>, Query, description = "1 to 1,000"),
        ("quarantine" = Option<bool>, Query, description = "Include the quarantines that the server created")),
    responses((status = 200, description = "A page of locations")))]
pub async fn list_locations(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let ids = Ids::of(&app.engine.state().catalogue.locations, &mut params)?;
    let quarantine = params.flag("quarantine")?;
    let is_there = move |engine: &Engine, id: u32| {
        let catalogue = &engine.state().catalogue;
        let location = LocationId(id);
        catalogue.locations.is_live(location) && (quarantine || catalogue.quarantine_of(location).is_none())
    };
    list(&app, &payer, params, ids, is_there, |engine, id| views::location(engine, LocationId(id)).1).await
}

/// Read a location.
#[utoipa::path(get, path = "/v1/locations/{location}", tag = "catalogue", security(("key" = ["read"])), params(("location" = String, Path, description = "The location")),
    responses((status = 200, body = words::LocationBody), (status = 404, description = "not-found")))]
pub async fn get_location(State(app): State<App>, headers: HeaderMap, PathId(id): PathId) -> Result<Response, Problem> {
    let found = app.engine.state().catalogue.locations.id(&id).ok_or_else(|| Problem::not_found("location"))?;
    read(&headers, app.engine.state().view.read(|| views::location(&app.engine, found)).1)
}

/// Set a location. A field that is left out keeps its value; `null` removes it.
#[utoipa::path(put, path = "/v1/locations/{location}", tag = "catalogue", security(("key" = ["import"])),
    params(("location" = String, Path, description = "The location"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::LocationBody,
    responses((status = 200, body = words::LocationBody), (status = 400, description = "invalid-request"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn put_location(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "location")?;
    let what = |body: words::LocationBody| Ok(PutWhat::Location(name, body.into_fields()?));
    put(&app, request, what).await
}

/// Retire a location that nothing holds. Its name accepts nothing new, and may be declared again; its history stays
/// readable.
#[utoipa::path(delete, path = "/v1/locations/{location}", tag = "catalogue", security(("key" = ["import"])),
    params(("location" = String, Path, description = "The location"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    responses((status = 200, description = "The name, and the `seq` at which it is retired"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: `held_by` lists what holds it"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn delete_location(
    State(app): State<App>,
    PathId(id): PathId,
    request: Request,
) -> Result<Response, Problem> {
    retire(&app, request, ThingKind::Location, &id).await
}

/// List groups.
#[utoipa::path(get, path = "/v1/groups", tag = "catalogue", security(("key" = ["read"])),
    params(("after" = Option<String>, Query, description = "`next` of the previous page"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of groups")))]
pub async fn list_groups(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let groups = &app.engine.state().catalogue.groups;
    let is_there = |engine: &Engine, id: u32| engine.state().catalogue.groups.is_live(GroupId(id));
    let item = |engine: &Engine, id: u32| views::group(engine, GroupId(id)).1;
    let params = Params::parse(uri.query().unwrap_or_default());
    list(&app, &payer, params, Ids::Below(groups.count()), is_there, item).await
}

/// Read a group.
#[utoipa::path(get, path = "/v1/groups/{group}", tag = "catalogue", security(("key" = ["read"])), params(("group" = String, Path, description = "The group")),
    responses((status = 200, body = words::GroupBody), (status = 404, description = "not-found")))]
pub async fn get_group(State(app): State<App>, headers: HeaderMap, PathId(id): PathId) -> Result<Response, Problem> {
    let found = app.engine.state().catalogue.groups.id(&id).ok_or_else(|| Problem::not_found("group"))?;
    read(&headers, app.engine.state().view.read(|| views::group(&app.engine, found)).1)
}

/// Set a group's members. If left out, they stay.
#[utoipa::path(put, path = "/v1/groups/{group}", tag = "catalogue", security(("key" = ["import"])),
    params(("group" = String, Path, description = "The group"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::GroupBody,
    responses((status = 200, body = words::GroupBody), (status = 400, description = "invalid-request"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn put_group(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "group")?;
    let what = |body: words::GroupBody| Ok(PutWhat::Group(name, body.into_names()?));
    put(&app, request, what).await
}

/// Retire a group that nothing holds. Its name accepts nothing new, and may be declared again; its history stays
/// readable.
#[utoipa::path(delete, path = "/v1/groups/{group}", tag = "catalogue", security(("key" = ["import"])),
    params(("group" = String, Path, description = "The group"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    responses((status = 200, description = "The name, and the `seq` at which it is retired"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: `held_by` lists what holds it"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn delete_group(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    retire(&app, request, ThingKind::Group, &id).await
}

/// List channels.
#[utoipa::path(get, path = "/v1/channels", tag = "catalogue", security(("key" = ["read"])),
    params(("declared" = Option<bool>, Query, description = "`false`: only names that promises created while no channel was declared; `true`: only the others"),
           ("after" = Option<String>, Query, description = "`next` of the previous page"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of channels")))]
pub async fn list_channels(
    State(app): State<App>,
    caller: Caller,
    payer: Payer,
    uri: Uri,
) -> Result<Response, Problem> {
    let channels = &app.engine.state().catalogue.channels;
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let ids = Ids::of(channels, &mut params)?;
    if let Some(principal) = caller.principal.filter(|principal| !principal.identity.channels.is_empty()) {
        // Only the caller's channels, numbered by themselves: their numbers among all channels stay hidden.
        let mut own: Vec<_> = principal.identity.channels.iter().filter_map(|name| channels.id(name)).collect();
        own.retain(|id| ids.has(id.0));
        own.sort_unstable();
        own.dedup();
        let count = own.len() as u32;
        let item = move |engine: &Engine, at: u32| {
            own.get(at as usize).map(|id| views::channel(engine, *id).1).unwrap_or_default()
        };
        let is_there = |_: &Engine, _: u32| true;
        return list(&app, &payer, params, Ids::Below(count), is_there, item).await;
    }
    let is_there = |engine: &Engine, id: u32| engine.state().catalogue.channels.is_live(ChannelId(id));
    let item = |engine: &Engine, id: u32| views::channel(engine, ChannelId(id)).1;
    list(&app, &payer, params, ids, is_there, item).await
}

/// Read a channel.
#[utoipa::path(get, path = "/v1/channels/{channel}", tag = "catalogue", security(("key" = ["read"])), params(("channel" = String, Path, description = "The channel")),
    responses((status = 200, body = words::ChannelBody), (status = 404, description = "not-found")))]
pub async fn get_channel(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    PathId(id): PathId,
) -> Result<Response, Problem> {
    let found = app.engine.state().catalogue.channels.id(&id);
    let found = found.filter(|_| Visibility::of(&app.engine, &caller).has_channel(&id));
    let found = found.ok_or_else(|| Problem::not_found("channel"))?;
    read(&headers, app.engine.state().view.read(|| views::channel(&app.engine, found)).1)
}

/// Set a channel. A field that is left out keeps its value; `null` removes it.
#[utoipa::path(put, path = "/v1/channels/{channel}", tag = "catalogue", security(("key" = ["import"])),
    params(("channel" = String, Path, description = "The channel"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::ChannelBody,
    responses((status = 200, body = words::ChannelBody), (status = 400, description = "invalid-request"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn put_channel(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "channel")?;
    let what = |body: words::ChannelBody| Ok(PutWhat::Channel(name, body.into_fields()?));
    put(&app, request, what).await
}

/// Retire a channel that nothing holds. Its name accepts nothing new, and may be declared again; its history stays
/// readable.
#[utoipa::path(delete, path = "/v1/channels/{channel}", tag = "catalogue", security(("key" = ["import"])),
    params(("channel" = String, Path, description = "The channel"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    responses((status = 200, description = "The name, and the `seq` at which it is retired"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: `held_by` lists what holds it"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn delete_channel(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    retire(&app, request, ThingKind::Channel, &id).await
}
