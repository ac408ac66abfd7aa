//! Carts: create, read, find, change, hold and close them.

use anaquel_engine::Engine;
use anaquel_engine::admission::{LineRequest, Target};
use anaquel_engine::carts::command::{Command, Hold, HoldTarget, SetLines};
use anaquel_engine::carts::line::CartId;
use anaquel_engine::carts::{Cart, CartAnswer};
use anaquel_engine::command::{Completion, Failure, Outcome, Refusal, Version};
use anaquel_engine::event::Thing;
use anaquel_engine::ids::{Name, crockford};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::{
    CartBody, CartCloseBody, CartCustomerBody, CartFindBody, CartHoldBody, CartLinesBody, cart_name, customer_name,
    parse_token,
};
use super::views;
use crate::app::App;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::http::budget::Payer;
use crate::http::conditions;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::reply::{Reply, unexpected};
use crate::subjects::reservations::refusal;
use crate::wire;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(make, list))
        .routes(routes!(find))
        .routes(routes!(get))
        .routes(routes!(set_lines))
        .routes(routes!(set_customer))
        .routes(routes!(hold))
        .routes(routes!(close))
}

/// What a request names of a cart, so that a key bound to other channels gets at it.
#[derive(Debug, Default)]
struct Named {
    token: Option<u128>,
    customer: Option<Name>,
}

impl Named {
    fn read(token: Option<&str>, customer: Option<&str>) -> Result<Self, Problem> {
        Ok(Self {
            token: token.map(parse_token).transpose()?,
            customer: customer.map(|text| customer_name("customer", text)).transpose()?,
        })
    }

    /// Whether the caller gets at a cart: it was begun in a channel of theirs, or they name its secret or its customer.
    fn opens(&self, caller: &Caller, cart: &Cart) -> bool {
        if caller.needs_token() {
            return self.token == Some(cart.token);
        }
        caller.may_use_channel("channel", Some(cart.channel.as_str())).is_ok()
            || self.token == Some(cart.token)
            || (self.customer.is_some() && self.customer == cart.customer)
    }
}

/// The cart of a path. A cart that the caller does not get at does not exist for them.
fn known(app: &App, caller: &Caller, id: &str, named: &Named) -> Result<std::sync::Arc<Cart>, Problem> {
    let found = app.engine.state().own.carts.named(id).filter(|cart| named.opens(caller, cart));
    found.ok_or_else(|| Problem::not_found("cart"))
}

/// A cart as JSON, with its version. What a group has is planned in a turn of the caller; where none comes, it stays
/// unknown, because the step that is answered is done.
async fn shown(app: &App, caller: &Caller, id: CartId) -> Result<(Version, Value), Problem> {
    let plans = app.engine.state().own.carts.get(id).is_some_and(|cart| views::needs_plan(&cart));
    let planned = match plans {
        true => {
            let of = caller.clone();
            app.with_engine(caller, move |engine| views::cart(engine, &of, id, true, true)).await.ok()
        }
        false => None,
    };
    let shown = planned.unwrap_or_else(|| views::cart(&app.engine, caller, id, true, false));
    let (version, item) = shown.ok_or_else(|| Problem::not_found("cart"))?;
    Ok((Version::new(version), item))
}

fn reply(status: StatusCode, (version, item): (Version, Value), replayed: bool) -> Response {
    let path = format!("/v1/carts/{}", item.get("cart").and_then(Value::as_str).unwrap_or_default());
    let reply = Reply::new(status, item.to_string()).replayed(replayed);
    let reply = if status == StatusCode::CREATED { reply.at(path) } else { reply };
    let mut response = reply.into_response();
    if let Ok(tag) = HeaderValue::from_str(&conditions::tag(version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The answer of a decided step, and whether it repeats the first one.
fn answer(outcome: &Outcome) -> Result<&CartAnswer, Problem> {
    let Outcome::Put { thing: Some(thing), .. } = outcome else { return Err(unexpected(outcome)) };
    match &**thing {
        Thing::Carts(answer) => Ok(answer),
        _ => Err(unexpected(outcome)),
    }
}

/// Submits a step; answers with the cart as it is, and adds what a merge left out.
async fn step(app: &App, caller: &Caller, command: Command, tells_dropped: bool) -> Result<Response, Problem> {
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(command, cause, done);
    let executed = app.execute(caller, submit).await?;
    let told = answer(&executed.outcome)?;
    let (version, mut item) = shown(app, caller, told.cart).await?;
    if tells_dropped && let Value::Object(members) = &mut item {
        members.insert("dropped".into(), views::dropped(&app.engine, &told.dropped).into());
    }
    Ok(reply(StatusCode::OK, (version, item), executed.replayed))
}

/// Create a cart; or put lines into the customer's open one.
#[utoipa::path(post, path = "/v1/carts", tag = "carts", security(("key" = ["sell"]), ("key" = ["shop"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Required with `lines`, if `cart` is left out")),
    request_body = CartBody,
    responses((status = 201, description = "Made"), (status = 200, description = "The customer's open cart in this \
        currency, with the lines put in; or the cart that the same request made"),
        (status = 400, description = "invalid-request"),
        (status = 409, description = "already-exists: a cart with this id and other content"),
        (status = 422, description = "idempotency-mismatch"),
        (status = 429, description = "too-many-requests: every open cart holds something, and there are as many as \
            `carts.open_max`"),
        (status = 503, description = "read-only or overloaded")))]
pub async fn make(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<CartBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    caller.may_use_channel("channel", Some(&body.channel))?;
    if body.customer.is_some() {
        // Whoever names a customer gets at the customer's open cart.
        caller.may(&[Scope::Sell]).map_err(|problem| problem.with("field", "customer"))?;
    }
    if let Some(location) = &body.location {
        caller.may_use_location("location", Some(location))?;
    }
    let name = match &body.cart {
        Some(id) => cart_name(id)?,
        None if caller.idempotency.is_none() && !body.lines.is_empty() => {
            let reason = "is required with lines if cart is left out, so that a repeat is recognised";
            return Err(Problem::invalid("Idempotency-Key", reason));
        }
        None => cart_name(&format!("k-{}", crockford(crate::random()?, 12)))?,
    };
    let token = (u128::from(crate::random()?) << 64) | u128::from(crate::random()?);
    let make = body.into_make(name, token)?;
    let named = Named { token: None, customer: make.customer.clone() };
    let command = Command::Make(Box::new(make));
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(command, cause, done);
    let executed = app.execute(&caller, submit).await?;
    let told = answer(&executed.outcome)?;
    // An id in use may be one of another channel.
    let opens = |cart: &std::sync::Arc<Cart>| named.opens(&caller, cart) || (told.made && caller.needs_token());
    let cart = app.engine.state().own.carts.get(told.cart).filter(opens);
    cart.ok_or_else(|| Problem::not_found("cart"))?;
    let status = if told.made { StatusCode::CREATED } else { StatusCode::OK };
    Ok(reply(status, shown(&app, &caller, told.cart).await?, executed.replayed))
}

/// Read a cart, with prices and stock as they are now.
#[utoipa::path(get, path = "/v1/carts/{cart}", tag = "carts", security(("key" = ["sell"])),
    params(("cart" = String, Path, description = "The cart"),
        ("customer" = Option<String>, Query, description = "Its customer, for a key that is bound to other channels"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    responses((status = 200, description = "The cart"), (status = 404, description = "not-found")))]
pub async fn get(State(app): State<App>, caller: Caller, PathId(id): PathId, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (customer, min_seq) = (params.one("customer")?, params.number("min_seq")?);
    params.done()?;
    let named = Named::read(None, customer.as_deref())?;
    app.wait_for(min_seq).await?;
    let cart = known(&app, &caller, &id, &named)?;
    Ok(reply(StatusCode::OK, shown(&app, &caller, cart.id).await?, false))
}

/// Find a cart by its token, in any channel.
#[utoipa::path(post, path = "/v1/carts/find", tag = "carts", security(("key" = ["sell"]), ("key" = ["shop"])),
    params(("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    request_body = CartFindBody,
    responses((status = 200, description = "The cart"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found")))]
pub async fn find(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let mut request = extract::json_question::<CartFindBody>(&app, request).await?;
    let min_seq = request.params.number("min_seq")?;
    request.params.done()?;
    let token = parse_token(&request.body.token)?;
    app.wait_for(min_seq).await?;
    let cart = app.engine.state().own.carts.with_token(token).ok_or_else(|| Problem::not_found("cart"))?;
    Ok(reply(StatusCode::OK, shown(&app, &request.caller, cart.id).await?, false))
}

/// List the carts of a customer, the newest first.
#[utoipa::path(get, path = "/v1/carts", tag = "carts", security(("key" = ["sell"])),
    params(("customer" = String, Query, description = "The customer"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    responses((status = 200, description = "A page of carts"), (status = 400, description = "invalid-request")))]
pub async fn list(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let customer = params.one("customer")?.ok_or_else(|| Problem::invalid("customer", "is missing; name one"))?;
    let (after, limit, min_seq) = (params.number::<u64>("after")?, params.limit()?, params.number("min_seq")?);
    params.done()?;
    let customer = customer_name("customer", &customer)?;
    app.wait_for(min_seq).await?;
    let page = move |app: &App| {
        let state = app.engine.state();
        // One more than the page has, to know whether there are more.
        let found = state.own.carts.of_customer(&customer, after.map(CartId), limit + 1);
        let more = found.len() > limit;
        let mut page = Page::new(app);
        for cart in found.iter().take(limit) {
            let Some((_, item)) = views::cart(&app.engine, &caller, cart.id, false, true) else { continue };
            if !page.add(item) {
                break;
            }
            page.is_at(cart.id.0.to_string());
        }
        Ok(page.end(Some(state.view.seq()), more))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// Set lines to absolute quantities; the others stay.
#[utoipa::path(put, path = "/v1/carts/{cart}/lines", tag = "carts", security(("key" = ["sell"]), ("key" = ["shop"])),
    params(("cart" = String, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "Only at this version"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = CartLinesBody,
    responses((status = 200, description = "The cart"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "wrong-state: it is no longer open"),
        (status = 412, description = "stale-version"), (status = 422, description = "idempotency-mismatch")))]
pub async fn set_lines(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let precondition = conditions::precondition(request.headers())?;
    let request = extract::json::<CartLinesBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    caller.may_use_channel("channel", Some(&body.channel))?;
    let named = Named::read(body.token.as_deref(), body.customer.as_deref())?;
    let (channel, lines) = (wire::name("channel", &body.channel)?, body.rows()?);
    let cart = known(&app, &caller, &id, &named)?;
    let set = SetLines { cart: cart.name.clone(), channel, lines, precondition };
    step(&app, &caller, Command::SetLines(Box::new(set)), false).await
}

/// Give a cart to a customer; if they have an open one, merge it into that.
#[utoipa::path(put, path = "/v1/carts/{cart}/customer", tag = "carts", security(("key" = ["sell"])),
    params(("cart" = String, Path, description = "The cart"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = CartCustomerBody,
    responses((status = 200, description = "The customer's cart"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: it is no longer open, or another customer's"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn set_customer(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<CartCustomerBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    let named = Named::read(body.token.as_deref(), Some(&body.customer))?;
    let (customer, rule) = (customer_name("customer", &body.customer)?, body.rule()?);
    let cart = known(&app, &caller, &id, &named)?;
    step(&app, &caller, Command::SetCustomer { cart: cart.name.clone(), customer, rule }, true).await
}

/// Promise a cart's lines, in place of what it held before.
#[utoipa::path(post, path = "/v1/carts/{cart}/hold", tag = "carts", security(("key" = ["sell"]), ("key" = ["shop"])),
    params(("cart" = String, Path, description = "The cart"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = CartHoldBody,
    responses((status = 200, description = "The cart; `holds` names the reservations"),
        (status = 400, description = "invalid-request"), (status = 404, description = "not-found"),
        (status = 409, description = "insufficient-stock, or wrong-state: it is no longer open"),
        (status = 422, description = "idempotency-mismatch"),
        (status = 429, description = "too-many-requests: a limit of the channel or the key"),
        (status = 503, description = "read-only or overloaded")))]
pub async fn hold(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<CartHoldBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    caller.may_use_channel("channel", Some(&body.channel))?;
    if caller.is_bound() {
        caller.may_use_location("location", body.location.as_deref())?;
    }
    let named = Named::read(body.token.as_deref(), body.customer.as_deref())?;
    let cart = known(&app, &caller, &id, &named)?;
    let asked = Hold {
        cart: cart.name.clone(),
        channel: wire::name("channel", &body.channel)?,
        purpose: body.purpose()?,
        target: body.target()?,
        ttl_seconds: body.ttl()?,
        allow_partial: body.allow_partial,
        bounds: app.bounds(&caller, &body.channel),
    };
    let command = Command::Hold(Box::new(asked.clone()));
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(command, cause, done);
    let executed = app.execute(&caller, submit).await;
    let executed = executed.map_err(|failure| match failure {
        Failure::Refused(Refusal::Insufficient(shorts)) => {
            // As the cart is now: it may have changed since it was asked for.
            let cart = app.engine.state().own.carts.get(cart.id).unwrap_or(cart);
            let skus = &app.engine.state().catalogue.skus;
            let place = match &asked.target {
                HoldTarget::Location(name) => Target::Location(name.clone()),
                HoldTarget::Group(name) => Target::Group(name.clone()),
            };
            let line = |line: &anaquel_engine::carts::line::CartLine| LineRequest {
                sku: skus.name(line.sku).clone(),
                place: place.clone(),
                quantity: line.quantity,
                latest: None,
            };
            let lines: Vec<LineRequest> = cart.lines.iter().map(line).collect();
            let (channel, purpose, supersedes) = (&asked.channel, asked.purpose, cart.holds());
            let asked = refusal::Asked { caller: &caller, channel, purpose, supersedes, lines: &lines };
            let problem = refusal::explain(&app.engine, &asked, &shorts);
            Visibility::of(&app.engine, &caller).hide_rules(problem)
        }
        other => other.into(),
    })?;
    let told = answer(&executed.outcome)?;
    Ok(reply(StatusCode::OK, shown(&app, &caller, told.cart).await?, executed.replayed))
}

/// Close a cart, and give back what it holds.
#[utoipa::path(post, path = "/v1/carts/{cart}/close", tag = "carts", security(("key" = ["sell"]), ("key" = ["shop"])),
    params(("cart" = String, Path, description = "The cart"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = Option<CartCloseBody>,
    responses((status = 200, description = "The cart"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"), (status = 409, description = "wrong-state: it is no longer open"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn close(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<CartCloseBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    let named = Named::read(body.token.as_deref(), body.customer.as_deref())?;
    let cart = known(&app, &caller, &id, &named)?;
    step(&app, &caller, Command::Close { cart: cart.name.clone() }, false).await
}
