//! Orders: make, read, list.

use std::sync::Arc;

use anaquel_engine::ids::{Name, Timestamp};
use anaquel_engine::orders::{Filter, Order, OrderId, OrderState};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::Uri;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::money::one_of;
use super::bodies::place::OrderBody;
use super::bodies::steps::fulfilment_state;
use super::shown::Sees;
use super::views;
use super::{act, exit, parts, sales, sight, step_routes};
use crate::app::App;
use crate::archived;
use crate::auth::caller::Caller;
use crate::http::budget::Payer;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::reply::json_answer;
use crate::subjects::reservations::lists::{self, Sort};
use crate::wire;

/// Orders that one page examines.
const LOOKS_PER_PAGE: usize = 20_000;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(make, list))
        .routes(routes!(find))
        .routes(routes!(get))
        .routes(routes!(history))
        .merge(step_routes::routes())
        .merge(sales::routes())
        .merge(exit::routes())
}

/// Make an order: all of its units are held, or none; with `dry_run`, only price and plan it.
#[utoipa::path(post, path = "/v1/orders", tag = "orders", security(("key" = ["sell"]), ("key" = ["shop"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Required if `order` is left out")),
    request_body = OrderBody,
    responses((status = 201, description = "Made"),
        (status = 200, description = "An order with this id and the same content exists; or `dry_run`: what it would be"),
        (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found: the cart"),
        (status = 409, description = "insufficient-stock, price-mismatch, unbalanced, or already-exists"),
        (status = 412, description = "stale-version: the cart changed"),
        (status = 422, description = "idempotency-mismatch"), (status = 503, description = "read-only or overloaded")))]
pub async fn make(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (request, digest) = extract::json_digested::<OrderBody>(&app, request).await?;
    request.params.done()?;
    Ok(act::place(&app, &request.caller, digest, request.body).await?.into_response())
}

/// An order as a caller sees it, exact at one `seq`.
pub fn told(app: &App, caller: &Caller, order: &Order, codes: bool) -> Value {
    let sees = Sees { codes, address: Box::new(|fulfilment| sight::sees_address(app, caller, fulfilment)) };
    views::order(&app.engine, order, &parts::now(app, order), &sees)
}

/// Read an order, with its history.
#[utoipa::path(get, path = "/v1/orders/{order}", tag = "orders", security(("key" = ["sell"]), ("key" = ["fulfil"])),
    params(("order" = String, Path, description = "The order"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    responses((status = 200, description = "The order"), (status = 404, description = "not-found")))]
pub async fn get(State(app): State<App>, caller: Caller, PathId(id): PathId, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let min_seq = params.number("min_seq")?;
    params.done()?;
    app.wait_for(min_seq).await?;
    let seen = |order: &Order| {
        sight::sees(&app, &caller, order)?;
        Ok::<_, Problem>(told(&app, &caller, order, sight::sees_codes(&caller, order)))
    };
    // The order and its reservations at one `seq`.
    let state = app.engine.state();
    let (_, item) = state.view.read(|| state.own.orders.named(&id).map(|order| seen(&order)));
    match item {
        Some(item) => Ok(json_answer(&item?)),
        // What is archived does not change; if it comes back meanwhile, this is how it was before.
        None => Ok(json_answer(&seen(&*act::find(&app, &caller, &id).await?)?)),
    }
}

/// A token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderFindBody {
    /// The `token` of the order.
    #[schema(example = "o-7K2M9-4W1Q0GZ6T3V8Y5B2N7C9D0E1F2")]
    pub token: String,
}

/// Find an order by its token, in any channel.
#[utoipa::path(post, path = "/v1/orders/find", tag = "orders", security(("key" = ["sell"]), ("key" = ["shop"])),
    params(("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    request_body = OrderFindBody,
    responses((status = 200, description = "The order"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found")))]
pub async fn find(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let mut request = extract::json_question::<OrderFindBody>(&app, request).await?;
    let min_seq = request.params.number("min_seq")?;
    request.params.done()?;
    let unknown = || Problem::not_found("order");
    app.wait_for(min_seq).await?;
    let id = OrderId(app.engine.identity().parse_order_token(&request.body.token).ok_or_else(unknown)?);
    let caller = request.caller;
    let order = archived::order_by_id(&app, caller.who, id).await?.ok_or_else(unknown)?;
    // Who has the token is the customer, or was shown it by the customer.
    let codes = caller.needs_token() || sight::sees_codes(&caller, &order);
    let sees = Sees { codes, address: Box::new(|_| true) };
    Ok(json_answer(&views::order(&app.engine, &order, &parts::now(&app, &order), &sees)))
}

/// List orders that match all parameters, the newest first.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", security(("key" = ["sell"]), ("key" = ["fulfil"])),
    params(
        ("customer" = Option<String>, Query, description = "Of this customer"),
        ("channel" = Option<String>, Query, description = "Made through this channel"),
        ("location" = Option<String>, Query, description = "With a fulfilment from this location"),
        ("till" = Option<String>, Query, description = "Told at this till"),
        ("till_reference" = Option<String>, Query, description = "With this number of a till"),
        ("state" = Option<Vec<String>>, Query, description = "In one of these states"),
        ("fulfilment_state" = Option<Vec<String>>, Query, description = "With a fulfilment in one of these states"),
        ("sort" = Option<String>, Query, description = "`pickup_by`: the earliest pickup deadline first, of at most 10,000 matches; the newest first if left out"),
        ("total" = Option<bool>, Query, description = "Whether to add `total`, the number of matches; beyond 10,000 it is 10,000, and `more` is true"),
        ("to_void" = Option<bool>, Query, description = "Whether it ended with authorised money"),
        ("from" = Option<String>, Query, description = "Made at this time or later"),
        ("to" = Option<String>, Query, description = "Made before this time"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, description = "A page of orders; it may be short, and still have a `next`"),
        (status = 400, description = "invalid-request"), (status = 404, description = "not-found: a location")))]
pub async fn list(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (customer, channel) = (params.outside_name("customer")?, params.name("channel")?);
    let (location, till) = (params.one("location")?, params.outside_name("till")?);
    let till_reference = params.outside_name("till_reference")?;
    let state = |text: &String| one_of("state", text, &OrderState::ALL, OrderState::as_str);
    let states = params.all("state").iter().map(state).collect::<Result<Vec<_>, _>>()?;
    let asked = params.all("fulfilment_state");
    let fulfilments = asked.iter().map(|text| fulfilment_state(text)).collect::<Result<Vec<_>, _>>()?;
    let (sort, counts) = (lists::sort(params.one("sort")?.as_deref())?, params.flag("total")?);
    let to_void = match params.one("to_void")?.as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => return Err(Problem::invalid("to_void", format!("{other:?} is not true or false"))),
    };
    let (from, to) = (moment(&mut params, "from")?, moment(&mut params, "to")?);
    Params::check_span(from, to)?;
    let (after, limit, min_seq) = (params.number::<u64>("after")?, params.limit()?, params.number("min_seq")?);
    params.done()?;
    app.wait_for(min_seq).await?;
    let catalogue = &app.engine.state().catalogue;
    let filter = Filter {
        customer: customer.map(|name| name.to_string()),
        channel,
        location: location.map(|text| wire::known_location(catalogue, &text)).transpose()?,
        till: till.map(|name| name.to_string()),
        till_reference: till_reference.map(|name| name.to_string()),
        state: states.first().copied().filter(|_| states.len() == 1),
        to_void,
        from,
        to,
    };
    let page = move |app: &App| {
        let is_asked = |order: &Order| {
            let parts = parts::now(app, order);
            let mut part_states = parts.iter().enumerate().map(|(nth, part)| parts::state(order, nth, part.as_deref()));
            fulfilments.is_empty() || part_states.any(|state| fulfilments.contains(&state))
        };
        let is_asked = |order: &Order| (states.is_empty() || states.contains(&order.state)) && is_asked(order);
        let is_open = !states.is_empty() && states.iter().all(|state| state.is_open());
        if sort == Sort::Newest && !counts {
            return page_of(app, &caller, &filter, (after, limit), is_asked);
        }
        let is_seen = |order: &Order| sight::sees(app, &caller, order).is_ok() && is_asked(order);
        let (mut all, more) = all_of(app, &filter, is_open, is_seen)?;
        let (total, seq) = (all.len(), app.engine.state().view.seq());
        if sort == Sort::Newest {
            // The page itself goes on where the one before ended, also beyond what is counted.
            let page = page_of(app, &caller, &filter, (after, limit), is_asked)?;
            return Ok(lists::with_total(page, total, more));
        }
        if more {
            return Err(lists::too_many());
        }
        all.sort_by_key(|order| by_pickup(order));
        let last = after.and_then(|id| all.iter().find(|order| order.id.0 == id).cloned().or_else(|| memory(app, id)));
        all.retain(|order| last.as_ref().is_none_or(|last| by_pickup(order) > by_pickup(last)));
        let next = all.get(limit.saturating_sub(1)).filter(|_| all.len() > limit).map(|order| order.id.0.to_string());
        let mut page = Page::new(app);
        if counts {
            lists::tell_total(&mut page, total, more);
        }
        for order in all.iter().take(limit) {
            if !page.add(told(app, &caller, order, false)) {
                break;
            }
            page.is_at(order.id.0.to_string());
        }
        Ok(page.end_before(seq, next))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// By the earliest pickup deadline of an order, then by age.
fn by_pickup(order: &Order) -> (Timestamp, OrderId) {
    let earliest = order.fulfilments.iter().filter_map(|fulfilment| fulfilment.pickup_by).min();
    (earliest.unwrap_or(Timestamp(u64::MAX)), order.id)
}

/// An order in memory, by the record that made it.
fn memory(app: &App, id: u64) -> Option<Arc<Order>> {
    app.engine.state().own.orders.get(OrderId(id))
}

/// All matches that `is_seen` lets through, newest first, and whether there are more than are counted. Orders that may
/// still change are all in memory.
fn all_of(
    app: &App,
    filter: &Filter,
    is_open: bool,
    is_seen: impl Fn(&Order) -> bool,
) -> Result<(Vec<Arc<Order>>, bool), Problem> {
    let (mut all, mut before) = (Vec::new(), None);
    for _ in 0..lists::READS_MAX {
        let (found, next) = match is_open {
            true => app.engine.state().own.orders.list(filter, before, LOOKS_PER_PAGE, LOOKS_PER_PAGE),
            false => app.engine.orders(filter, before, LOOKS_PER_PAGE, LOOKS_PER_PAGE)?,
        };
        all.extend(found.into_iter().filter(|order| is_seen(order)));
        before = next;
        if before.is_none() || all.len() > lists::MATCHES_MAX {
            break;
        }
    }
    let more = before.is_some() || all.len() > lists::MATCHES_MAX;
    all.truncate(lists::MATCHES_MAX);
    Ok((all, more))
}

fn moment(params: &mut Params, field: &str) -> Result<Option<Timestamp>, Problem> {
    params.one(field)?.map(|text| wire::parse_time(field, &text)).transpose()
}

/// A page of orders that a caller sees.
fn page_of(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    (after, limit): (Option<u64>, usize),
    is_asked: impl Fn(&Order) -> bool,
) -> Result<String, Problem> {
    let seq = app.engine.state().view.seq();
    let (found, next) = app.engine.orders(filter, after.map(OrderId), limit, LOOKS_PER_PAGE)?;
    let mut page = Page::new(app);
    let seen = |order: &&Arc<Order>| sight::sees(app, caller, order).is_ok() && is_asked(order);
    for order in found.iter().filter(seen) {
        if !page.add(told(app, caller, order, false)) {
            break;
        }
        page.is_at(order.id.0.to_string());
    }
    Ok(page.end_before(seq, next.map(|id| id.0.to_string())))
}

/// List what a customer bought, in all channels, the newest first.
#[utoipa::path(get, path = "/v1/customers/{customer}/history", tag = "orders", security(("key" = ["sell"])),
    params(("customer" = String, Path, description = "The customer"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    responses((status = 200, description = "A page of orders and sales; it may be short, and still have a `next`"),
        (status = 400, description = "invalid-request")))]
pub async fn history(
    State(app): State<App>,
    caller: Caller,
    payer: Payer,
    PathId(customer): PathId,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit, min_seq) = (params.number::<u64>("after")?, params.limit()?, params.number("min_seq")?);
    params.done()?;
    let customer: Name = wire::outside_name("customer", &customer)?;
    app.wait_for(min_seq).await?;
    let filter = Filter { customer: Some(customer.to_string()), ..Filter::default() };
    let page = move |app: &App| page_of(app, &caller, &filter, (after, limit), |_| true);
    crate::http::page::list(&app, &payer, page).await
}
