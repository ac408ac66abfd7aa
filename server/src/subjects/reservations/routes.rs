//! Reservations and their lives.

use std::time::Instant;

use anaquel_engine::engine::Listed;
use anaquel_engine::ids::Timestamp;
use anaquel_engine::reservation::{Filter, Reservation};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::Uri;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::caller::Caller;
use crate::http::budget::Payer;
use crate::http::extract::{self, JsonRequest, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::reply::ok;
use crate::subjects::reservations::bodies::{
    BindBody, CancelBody, CollectBody, ConfirmBody, ExtendBody, PickupByBody, ReadyBody, RebindBody, ReserveBody,
    parse_state,
};
use crate::subjects::reservations::codes::{Tried, closed, lists_codes, note_wrong, tells_code};
use crate::subjects::reservations::lists::{self, Asked, Sort};
use crate::subjects::reservations::ops::{StepBody, find};
use crate::subjects::reservations::recall::handles;
use crate::subjects::reservations::views::ReservationView;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(reserve, list))
        .routes(routes!(get))
        .routes(routes!(confirm))
        .routes(routes!(ready))
        .routes(routes!(collect))
        .routes(routes!(cancel))
        .routes(routes!(extend))
        .routes(routes!(pickup_by))
        .routes(routes!(bind))
        .routes(routes!(rebind))
}

/// Reserve units.
#[utoipa::path(
    post, path = "/v1/reservations", tag = "reservations", security(("key" = ["reserve"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = ReserveBody,
    responses(
        (status = 201, description = "Reserved, and durable", body = inline(ReservationView<'static>)),
        (status = 400, description = "invalid-request"),
        (status = 409, description = "insufficient-stock, with the lines that were short and the constraint of each", example = json!({
            "type": "/problems/insufficient-stock", "title": "There is not enough stock", "status": 409,
            "detail": "2 of TSHIRT-RED-M were requested at mx-014, and 1 can be promised",
            "lines": [{"sku": "TSHIRT-RED-M", "location": "mx-014", "requested": 2, "available": 1, "constraint": "reserved"}]
        })),
        (status = 422, description = "idempotency-mismatch"), (status = 503, description = "read-only or overloaded")
    )
)]
pub async fn reserve(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<ReserveBody>(&app, request).await?;
    request.params.done()?;
    Ok(crate::subjects::reservations::ops::reserve(&app, &request.caller, request.body).await?.into_response())
}

/// Read a reservation, with its history.
#[utoipa::path(
    get, path = "/v1/reservations/{id}", tag = "reservations", security(("key" = ["reserve"]), ("key" = ["fulfil"])),
    params(
        ("id" = String, Path, description = "The reservation", example = "r-7K2M9-4W1Q0GZ6T3V8Y5B2N7C9D0E1F2"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, body = inline(ReservationView<'static>)), (status = 404, description = "not-found"),
              (status = 410, description = "gone: it is closed, and no longer in memory or the log"),
              (status = 503, description = "overloaded"))
)]
pub async fn get(State(app): State<App>, caller: Caller, PathId(id): PathId, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let min_seq = params.number("min_seq")?;
    params.done()?;
    app.wait_for(min_seq).await?;
    let reservation = crate::subjects::reservations::recall::reservation(&app, &caller, find(&app, &id)?).await?;
    handles(&app, &caller, &reservation)?;
    let view = ReservationView::new(&app.engine, &reservation, app.engine.now());
    let view = view.telling_code(tells_code(&caller)).with_history(&app.engine, &reservation);
    Ok(ok(serde_json::to_string(&view).unwrap_or_default()))
}

/// List reservations that match, the newest first.
#[utoipa::path(
    get, path = "/v1/reservations", tag = "reservations", security(("key" = ["reserve"]), ("key" = ["fulfil"])),
    params(
        ("location" = Option<String>, Query, description = "With a line at this location"),
        ("customer" = Option<String>, Query, description = "Of this customer"),
        ("state" = Option<Vec<String>>, Query, description = "In one of these states"),
        ("channel" = Option<String>, Query, description = "Made through this channel"),
        ("order" = Option<String>, Query, description = "Of this order"),
        ("pickup_code" = Option<String>, Query, description = "With this code"),
        ("sort" = Option<String>, Query, description = "`pickup_by`: the earliest pickup deadline first, of at most 10,000 matches; the newest first if left out"),
        ("total" = Option<bool>, Query, description = "Whether to add `total`, the number of matches; beyond 10,000 it is 10,000, and `more` is true"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, description = "A page of reservations; it may be short or empty and still have a `next`, \
        because the cost of a page is bounded"),
              (status = 400, description = "invalid-request"), (status = 503, description = "overloaded"))
)]
pub async fn list(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (location, channel) = (params.name("location")?, params.name("channel")?);
    let (customer, order) = (params.outside_name("customer")?, params.outside_name("order")?);
    let pickup_code = params.one("pickup_code")?.map(|code| code.to_ascii_uppercase());
    let states = params.all("state").iter().map(|text| parse_state(text)).collect::<Result<Vec<_>, _>>()?;
    let (sort, counts) = (lists::sort(params.one("sort")?.as_deref())?, params.flag("total")?);
    let (after, limit, min_seq) = (params.one("after")?, params.limit()?, params.number("min_seq")?);
    params.done()?;
    app.wait_for(min_seq).await?;
    let before = match after {
        Some(text) => Some(find(&app, &text).map_err(|_| Problem::invalid("after", "is not a `next` of this list"))?),
        None => None,
    };
    let catalogue = &app.engine.state().catalogue;
    // An unknown name matches nothing.
    let location = location.map(|name| catalogue.locations.id(name.as_str()));
    // Reservations may exist through a channel that was never declared.
    let channel = match channel {
        Some(name) => match catalogue.channels.id(name.as_str()) {
            Some(known) => Some(Some(known)),
            None => Some(app.engine.state().channel("channel", &name)?),
        },
        None => None,
    };
    let matches_nothing = location == Some(None) || channel == Some(None);
    let filter = Filter {
        location: location.flatten(),
        customer: customer.map(|name| name.to_string()),
        state: None,
        channel: channel.flatten(),
        order: order.map(|name| name.to_string()),
        pickup_code,
    };
    // A caller that hands over may look up a code that a customer shows, but not try all codes.
    let share =
        caller.principal.as_ref().filter(|_| filter.pickup_code.is_some()).map(|principal| principal.identity.share);
    let looks_up = match share.map(Tried::LookUp) {
        Some(what) => {
            let begun = app.codes.begin(what, Instant::now());
            let nth = begun.map_err(|seconds| closed("look-ups by pickup_code", app.codes.most(what), seconds))?;
            Some((what, nth))
        }
        None => None,
    };
    let page = move |app: &App| {
        let engine = &app.engine;
        // The answer is at least as new as this.
        let (seq, now) = (engine.state().view.seq(), engine.now());
        // While expiry is frozen, a reservation is only closed if the log says so.
        let seen_at = if engine.expiry_frozen() { Timestamp(0) } else { now };
        let asked = Asked { filter, states, seen_at };
        let mut page = Page::new(app);
        // A bound caller does not see reservations with foreign lines here, either.
        let is_seen = |reservation: &Reservation| handles(app, &caller, reservation).is_ok();
        let all = match (sort, counts) {
            _ if matches_nothing => Some((Vec::new(), false)),
            (Sort::Newest, false) => None,
            (Sort::PickupBy, _) | (_, true) => Some(asked.all(engine, is_seen)?),
        };
        if let Some((all, more)) = all.as_ref().filter(|_| counts) {
            lists::tell_total(&mut page, all.len(), *more);
        }
        let found = match (sort, all) {
            (Sort::PickupBy, Some((_, true))) => return Err(lists::too_many()),
            (Sort::PickupBy, Some((mut all, false))) => {
                all.sort_by_key(|reservation| lists::key(reservation));
                // It goes on after the deadline that the last one has now.
                let last = match before {
                    Some(id) => all.iter().find(|known| known.id == id).cloned().or(engine.reservation_in_memory(id)),
                    None => None,
                };
                all.retain(|one| last.as_ref().is_none_or(|last| lists::key(one) > lists::key(last)));
                let next = all.get(limit.saturating_sub(1)).filter(|_| all.len() > limit).map(|last| last.id);
                all.truncate(limit);
                Listed { items: all, next, ..Listed::default() }
            }
            (Sort::Newest, _) if matches_nothing => Listed::default(),
            _ => asked.list(engine, before, limit)?,
        };
        let mut is_found = false;
        for reservation in &found.items {
            if is_seen(reservation) {
                is_found = true;
                let view = ReservationView::new(engine, reservation, now).telling_code(lists_codes(&caller));
                if !page.add(serde_json::to_string(&view).unwrap_or_default()) {
                    break;
                }
            }
            page.is_at(engine.reservation_id(reservation.id));
        }
        if let Some((what, nth)) = looks_up {
            match is_found || found.next.is_some() {
                true => app.codes.give_back(what),
                false => note_wrong(&caller, "look-up", nth, app.codes.most(what)),
            }
        }
        Ok(page.end_before(seq, found.next.map(|last| engine.reservation_id(last))))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// Takes a reservation one step further.
async fn step<T: StepBody>(app: &App, id: &str, request: Request) -> Result<Response, Problem> {
    find(app, id)?;
    let JsonRequest { caller, body, params } = extract::json::<T>(app, request).await?;
    params.done()?;
    Ok(crate::subjects::reservations::ops::step(app, &caller, id, body).await?.into_response())
}

/// Confirm a hold: it becomes an order, and its TTL no longer applies.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/confirm", tag = "reservations", security(("key" = ["reserve"])),
    params(("id" = String, Path, description = "The reservation"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = Option<ConfirmBody>,
    responses((status = 200, body = inline(ReservationView<'static>)), (status = 404, description = "not-found"),
              (status = 409, description = "wrong-state"))
)]
pub async fn confirm(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step::<ConfirmBody>(&app, &id, request).await
}

/// Mark it ready: the units are set aside in the store, and the record gets a pickup code.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/ready", tag = "reservations", security(("key" = ["fulfil"])),
    params(("id" = String, Path, description = "The reservation"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = Option<ReadyBody>,
    responses((status = 200, body = inline(ReservationView<'static>)), (status = 404, description = "not-found"),
              (status = 409, description = "wrong-state"))
)]
pub async fn ready(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step::<ReadyBody>(&app, &id, request).await
}

/// Hand over all or a part.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/collect", tag = "reservations", security(("key" = ["fulfil"])),
    params(("id" = String, Path, description = "The reservation"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe; required with lines")),
    request_body = Option<CollectBody>,
    responses((status = 200, body = inline(ReservationView<'static>)),
              (status = 403, description = "forbidden: the code is wrong, or is required and missing"),
              (status = 404, description = "not-found"), (status = 409, description = "wrong-state"),
              (status = 429, description = "too-many-requests: after too many wrong codes, the code is locked for an \
                  hour"))
)]
pub async fn collect(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step::<CollectBody>(&app, &id, request).await
}

/// Cancel all or a part.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/cancel", tag = "reservations", security(("key" = ["reserve"])),
    params(("id" = String, Path, description = "The reservation"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe; required with lines")),
    request_body = Option<CancelBody>,
    responses((status = 200, body = inline(ReservationView<'static>)), (status = 404, description = "not-found"),
              (status = 409, description = "wrong-state"))
)]
pub async fn cancel(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step::<CancelBody>(&app, &id, request).await
}

/// Extend a hold, up to a limit.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/extend", tag = "reservations", security(("key" = ["reserve"])),
    params(("id" = String, Path, description = "The reservation"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = ExtendBody,
    responses((status = 200, body = inline(ReservationView<'static>)), (status = 404, description = "not-found"),
              (status = 409, description = "wrong-state"))
)]
pub async fn extend(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step::<ExtendBody>(&app, &id, request).await
}

/// Set or remove the pickup deadline: the order expires then if it is not collected.
#[utoipa::path(
    put, path = "/v1/reservations/{id}/pickup-by", tag = "reservations", security(("key" = ["reserve"])),
    params(("id" = String, Path, description = "The reservation"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = PickupByBody,
    responses((status = 200, body = inline(ReservationView<'static>)), (status = 404, description = "not-found"),
              (status = 409, description = "wrong-state"))
)]
pub async fn pickup_by(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step::<PickupByBody>(&app, &id, request).await
}

/// Make the location of group lines public and final.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/bind", tag = "reservations", security(("key" = ["reserve"])),
    params(("id" = String, Path, description = "The reservation"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe; required with quantities")),
    request_body = Option<BindBody>,
    responses((status = 200, body = inline(ReservationView<'static>)), (status = 404, description = "not-found"),
              (status = 409, description = "wrong-state, or insufficient-stock at the requested location"))
)]
pub async fn bind(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step::<BindBody>(&app, &id, request).await
}

/// Move units to other locations, in one record.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/rebind", tag = "reservations", security(("key" = ["reserve"])),
    params(("id" = String, Path, description = "The reservation"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe; required with quantities")),
    request_body = RebindBody,
    responses((status = 200, body = inline(ReservationView<'static>)), (status = 404, description = "not-found"),
              (status = 409, description = "wrong-state, or insufficient-stock at the requested location"))
)]
pub async fn rebind(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step::<RebindBody>(&app, &id, request).await
}
