//! Transfers: create, list, read, and take a transfer through its life.

use anaquel_engine::Engine;
use anaquel_engine::command::{Completion, Outcome};
use anaquel_engine::event::Thing;
use anaquel_engine::ids::crockford;
use anaquel_engine::transfers::command::Command;
use anaquel_engine::transfers::{Filter, Transfer, TransferAnswer, TransferId};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::caller::Caller;
use crate::http::budget::Payer;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::reply::{Reply, json_answer, unexpected};
use crate::subjects::reservations::lists::{MATCHES_MAX, tell_total};
use crate::subjects::transfers::bodies::{
    ReceiveBody, ShipBody, TransferBody, TransferCancelBody, TransferReadyBody, find, parse_reason, parse_state,
    transfer_name,
};
use crate::subjects::transfers::{replenishment, views};
use crate::wire;

/// Transfers that one page examines.
const LOOKS_PER_PAGE: usize = 20_000;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(make, list))
        .routes(routes!(get, redraft))
        .routes(routes!(ready))
        .routes(routes!(ship))
        .routes(routes!(receive))
        .routes(routes!(cancel))
        .merge(replenishment::routes::routes())
}

/// Whether a key may see or change a transfer: it is bound to one of its locations, or to none.
fn acts_at(caller: &Caller, from: &str, to: &str) -> Result<(), Problem> {
    caller.may_use_location("from", Some(from)).or_else(|_| caller.may_use_location("to", Some(to)))
}

/// The same for an existing transfer. An invisible transfer does not exist for the caller.
///
/// # Errors
/// `not-found`, with the same text as for an unknown transfer.
pub fn visible(app: &App, caller: &Caller, transfer: &Transfer) -> Result<(), Problem> {
    let place = |id| app.engine.state().catalogue.locations.name(id).as_str();
    acts_at(caller, place(transfer.content.from), place(transfer.content.to))
        .map_err(|_| Problem::not_found("transfer"))
}

/// Without an idempotency key, a repeat would be done twice.
fn needs_key(caller: &Caller, why: &str) -> Result<(), Problem> {
    match caller.idempotency {
        Some(_) => Ok(()),
        None => Err(Problem::invalid("Idempotency-Key", format!("is required {why}, so that a repeat is recognised"))),
    }
}

/// Submits a command; returns the transfer after it, whether the command created it, and whether this is the first
/// answer again.
async fn decided(app: &App, caller: &Caller, command: Command) -> Result<(Value, bool, bool), Problem> {
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(command, cause, done);
    let executed = app.execute(caller, submit).await?;
    let Outcome::Put { thing: Some(thing), .. } = &executed.outcome else {
        return Err(unexpected(&executed.outcome));
    };
    let Thing::Transfers(told) = &**thing else { return Err(unexpected(&executed.outcome)) };
    let is_made = matches!(&**told, TransferAnswer::Made(_));
    let (TransferAnswer::Transfer(transfer) | TransferAnswer::Made(transfer)) = &**told else {
        return Err(unexpected(&executed.outcome));
    };
    Ok((views::transfer(&app.engine, transfer), is_made, executed.replayed))
}

/// Create a transfer: a draft, or ready at once.
#[utoipa::path(post, path = "/v1/transfers", tag = "transfers", security(("key" = ["stock"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Required if `transfer` is left out")),
    request_body = TransferBody,
    responses((status = 201, description = "Made"), (status = 200, description = "A transfer with this id and the \
        same content exists"),
        (status = 400, description = "invalid-request"),
        (status = 409, description = "insufficient-stock if it is made ready, or already-exists"),
        (status = 422, description = "idempotency-mismatch"), (status = 503, description = "read-only or overloaded")))]
pub async fn make(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<TransferBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    acts_at(&caller, &body.from, &body.to)?;
    let name = match &body.transfer {
        Some(id) => transfer_name(id)?,
        None => {
            needs_key(&caller, "if transfer is left out")?;
            transfer_name(&format!("t-{}", crockford(crate::random()?, 12)))?
        }
    };
    let command = Command::Make(Box::new(body.into_make(name)?));
    let (item, is_made, replayed) = decided(&app, &caller, command).await?;
    let status = if is_made { StatusCode::CREATED } else { StatusCode::OK };
    // A repeat returns the id of the first answer, not the new one.
    let path = format!("/v1/transfers/{}", item.get("transfer").and_then(Value::as_str).unwrap_or_default());
    let reply = Reply::new(status, item.to_string()).replayed(replayed);
    Ok(if is_made { reply.at(path) } else { reply }.into_response())
}

/// Read a transfer, with its history.
#[utoipa::path(get, path = "/v1/transfers/{transfer}", tag = "transfers", security(("key" = ["stock"])),
    params(("transfer" = String, Path, description = "The transfer"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    responses((status = 200, description = "The transfer"), (status = 404, description = "not-found")))]
pub async fn get(State(app): State<App>, caller: Caller, PathId(id): PathId, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let min_seq = params.number("min_seq")?;
    params.done()?;
    app.wait_for(min_seq).await?;
    let transfer = find(&app.engine, &id)?;
    visible(&app, &caller, &transfer)?;
    Ok(json_answer(&views::transfer(&app.engine, &transfer)))
}

/// List transfers that match all parameters, the newest first.
#[utoipa::path(get, path = "/v1/transfers", tag = "transfers", security(("key" = ["stock"])),
    params(
        ("from" = Option<String>, Query, description = "From this location"),
        ("to" = Option<String>, Query, description = "To this location"),
        ("state" = Option<Vec<String>>, Query, description = "In one of these states"),
        ("total" = Option<bool>, Query, description = "Whether to add `total`, the number of matches; beyond 10,000 it is 10,000, and `more` is true"),
        ("reason" = Option<String>, Query, description = "With this reason"),
        ("sku" = Option<String>, Query, description = "With a line of this SKU"), ("order" = Option<String>, Query, description = "For this order"),
        ("run" = Option<String>, Query, description = "Created by this run of replenishment"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"), ("limit" = Option<u32>, Query, description = "1 to 1,000"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, description = "A page of transfers; it may be short, and still have a `next`"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found: a location or a SKU")))]
pub async fn list(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (from, to, sku) = (params.one("from")?, params.one("to")?, params.one("sku")?);
    let (states, reason, counts) = (params.all("state"), params.one("reason")?, params.flag("total")?);
    let states = states.iter().map(|text| parse_state(text)).collect::<Result<Vec<_>, _>>()?;
    let (order, run) = (params.outside_name("order")?, params.outside_name("run")?);
    let (after, limit, min_seq) = (params.number::<u64>("after")?, params.limit()?, params.number("min_seq")?);
    params.done()?;
    app.wait_for(min_seq).await?;
    let catalogue = &app.engine.state().catalogue;
    let place = |text: Option<String>| text.map(|text| wire::known_location(catalogue, &text)).transpose();
    let filter = Filter {
        from: place(from)?,
        to: place(to)?,
        state: states.first().copied().filter(|_| states.len() == 1),
        reason: reason.as_deref().map(parse_reason).transpose()?,
        sku: sku.map(|text| wire::known_sku(catalogue, &text)).transpose()?,
        order: order.map(|name| name.to_string()),
        run,
    };
    let page = move |app: &App| {
        let store = &app.engine.state().own.transfers;
        let is_asked = |transfer: &Transfer| {
            (states.is_empty() || states.contains(&transfer.state)) && visible(app, &caller, transfer).is_ok()
        };
        let mut page = Page::new(app);
        if counts {
            let (mut total, mut before) = (0, None);
            loop {
                let (found, next) = store.list(&filter, before, LOOKS_PER_PAGE, LOOKS_PER_PAGE);
                total += found.iter().filter(|transfer| is_asked(transfer)).count();
                before = next;
                if before.is_none() || total > MATCHES_MAX {
                    break;
                }
            }
            tell_total(&mut page, total.min(MATCHES_MAX), total > MATCHES_MAX);
        }
        let (found, next) = store.list(&filter, after.map(TransferId), limit, LOOKS_PER_PAGE);
        for transfer in found.iter().filter(|transfer| is_asked(transfer)) {
            if !page.add(views::transfer(&app.engine, transfer)) {
                break;
            }
            page.is_at(transfer.id.0);
        }
        Ok(page.end_before(app.engine.state().view.seq(), next.map(|id| id.0.to_string())))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// Takes a transfer one step further.
async fn step<T: DeserializeOwned>(
    app: &App,
    id: &str,
    request: Request,
    command: impl FnOnce(&Caller, &Transfer, T) -> Result<Command, Problem>,
) -> Result<Response, Problem> {
    let request = extract::json::<T>(app, request).await?;
    request.params.done()?;
    let transfer = find(&app.engine, id)?;
    visible(app, &request.caller, &transfer)?;
    let command = command(&request.caller, &transfer, request.body)?;
    let (item, _, replayed) = decided(app, &request.caller, command).await?;
    Ok(Reply::new(StatusCode::OK, item.to_string()).replayed(replayed).into_response())
}

/// Replace the content of a draft.
#[utoipa::path(put, path = "/v1/transfers/{transfer}", tag = "transfers", security(("key" = ["stock"])),
    params(("transfer" = String, Path, description = "The transfer"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = TransferBody,
    responses((status = 200, description = "The transfer"), (status = 400, description = "invalid-request"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: it is no longer a draft"), (status = 422, description = "idempotency-mismatch")))]
pub async fn redraft(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step(&app, &id, request, |caller, known, body: TransferBody| {
        if body.transfer.as_ref().is_some_and(|name| name != known.name.as_str()) {
            return Err(Problem::invalid("transfer", "differs from the id in the path; leave it out"));
        }
        if body.ready || body.allow_partial {
            return Err(Problem::invalid("ready", "is a separate step: POST …/ready"));
        }
        acts_at(caller, &body.from, &body.to)?;
        Ok(Command::Redraft(known.name.clone(), Box::new(body.fields()?)))
    })
    .await
}

/// Reserve the units at the sender; from the same `seq` on, they are inbound supply of the receiver.
#[utoipa::path(post, path = "/v1/transfers/{transfer}/ready", tag = "transfers", security(("key" = ["stock"])),
    params(("transfer" = String, Path, description = "The transfer"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = Option<TransferReadyBody>,
    responses((status = 200, description = "The transfer"), (status = 400, description = "invalid-request"), (status = 404, description = "not-found"),
        (status = 409, description = "insufficient-stock, or wrong-state"), (status = 422, description = "idempotency-mismatch")))]
pub async fn ready(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step(&app, &id, request, |_, known, body: TransferReadyBody| {
        let (transfer, expected_at) = (known.name.clone(), body.date()?);
        Ok(Command::Ready { transfer, expected_at, allow_partial: body.allow_partial })
    })
    .await
}

/// Ship the units.
#[utoipa::path(post, path = "/v1/transfers/{transfer}/ship", tag = "transfers", security(("key" = ["stock"])),
    params(("transfer" = String, Path, description = "The transfer"), ("Idempotency-Key" = Option<String>, Header, description = "Required with `lines`")),
    request_body = Option<ShipBody>,
    responses((status = 200, description = "The transfer"), (status = 400, description = "invalid-request"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state"), (status = 422, description = "idempotency-mismatch")))]
pub async fn ship(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step(&app, &id, request, |caller, known, body: ShipBody| {
        if body.lines.is_some() {
            needs_key(caller, "with lines")?;
        }
        Ok(Command::Ship(Box::new(body.into_ship(&app.engine, known.name.clone())?)))
    })
    .await
}

/// Receive units: to the shelf, or damaged to the quarantine. Units beyond the outstanding ones are surplus.
#[utoipa::path(post, path = "/v1/transfers/{transfer}/receive", tag = "transfers", security(("key" = ["stock"])),
    params(("transfer" = String, Path, description = "The transfer"), ("Idempotency-Key" = Option<String>, Header, description = "Required \
        with `lines`")),
    request_body = ReceiveBody,
    responses((status = 200, description = "The transfer"), (status = 400, description = "invalid-request"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state"), (status = 422, description = "idempotency-mismatch")))]
pub async fn receive(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step(&app, &id, request, |caller, known, body: ReceiveBody| {
        if !body.lines.is_empty() {
            needs_key(caller, "with lines")?;
        }
        Ok(Command::Receive(Box::new(body.into_receive(&app.engine, known.name.clone())?)))
    })
    .await
}

/// Cancel the transfer, or its outstanding part.
#[utoipa::path(post, path = "/v1/transfers/{transfer}/cancel", tag = "transfers", security(("key" = ["stock"])),
    params(("transfer" = String, Path, description = "The transfer"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = Option<TransferCancelBody>,
    responses((status = 200, description = "The transfer"), (status = 400, description = "invalid-request: units is required while some are in transit"),
        (status = 404, description = "not-found"), (status = 409, description = "wrong-state"), (status = 422, description = "idempotency-mismatch")))]
pub async fn cancel(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    step(&app, &id, request, |_, known, body: TransferCancelBody| {
        Ok(Command::Cancel { transfer: known.name.clone(), units: body.units()? })
    })
    .await
}
