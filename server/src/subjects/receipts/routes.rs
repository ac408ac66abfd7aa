//! Receipts: list, read, print, replace by an invoice, tell what an authority said; and the customer's copy.

use std::time::Instant;

use anaquel_engine::Engine;
use anaquel_engine::command::{Completion, Failure, Refusal};
use anaquel_engine::engine::archive::Needed;
use anaquel_engine::ids::Name;
use anaquel_engine::receipts::command::{Command, Invoice};
use anaquel_engine::receipts::{Filter, Key, Receipt, ReceiptAnswer, ReceiptId};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::{FiscalBody, InvoiceBody, fiscal_state};
use super::page::{self, Reader};
use super::{issuers, series, views};
use crate::app::App;
use crate::archived;
use crate::auth::caller::Caller;
use crate::auth::principal::Peer;
use crate::console::pages::POLICY;
use crate::http::accept::prefers_html;
use crate::http::budget::Payer;
use crate::http::extract::{self, Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::reply::{Reply, json_answer, unexpected};
use crate::wire::{self, parse_time};

/// Receipts that one page examines.
const LOOKS_PER_PAGE: usize = 20_000;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(issuers::list))
        .routes(routes!(issuers::get, issuers::set, issuers::remove))
        .routes(routes!(series::list))
        .routes(routes!(series::get, series::set, series::remove))
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(invoice))
        .routes(routes!(fiscal))
        .routes(routes!(copy))
}

/// Whether a caller may see a receipt: it is of one of the channels and locations of its key.
pub fn is_visible(caller: &Caller, receipt: &Receipt) -> bool {
    let (channel, location) = (receipt.issued.channel.as_str(), receipt.issued.location.as_ref().map(Name::as_str));
    caller.may_use_channel("channel", Some(channel)).is_ok() && caller.may_use_location("location", location).is_ok()
}

/// A receipt that the caller may see. Another is not there.
async fn find(app: &App, caller: &Caller, id: &ReceiptId) -> Result<std::sync::Arc<Receipt>, Problem> {
    let receipt = archived::receipt(app, caller.who, id).await?.filter(|receipt| is_visible(caller, receipt));
    receipt.ok_or_else(|| Problem::not_found("receipt"))
}

fn path_id(text: &str) -> Result<ReceiptId, Problem> {
    ReceiptId::parse(text).ok_or_else(|| Problem::not_found("receipt"))
}

/// Receipts that match all parameters, in the order of issue.
#[utoipa::path(get, path = "/v1/receipts", tag = "receipts", security(("key" = ["sell"])),
    params(
        ("series" = Option<String>, Query, description = "Of this series"), ("issuer" = Option<String>, Query, description = "Of this issuer"),
        ("customer" = Option<String>, Query, description = "Of this customer"), ("order" = Option<String>, Query, description = "Of this order"),
        ("fiscal" = Option<String>, Query, description = "In this state with the authority: `pending` is what is still to be told to it"),
        ("from" = Option<String>, Query, description = "Issued at this time or later"), ("to" = Option<String>, Query, description = "Issued before this time"),
        ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "1 to 1,000"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, description = "A page of receipts; it may be short, and still have a `next`"), (status = 400, description = "invalid-request")))]
pub async fn list(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (of_series, issuer) = (params.name("series")?, params.name("issuer")?);
    let (customer, order) = (params.outside_name("customer")?, params.outside_name("order")?);
    let fiscal = params.one("fiscal")?.map(|text| fiscal_state("fiscal", &text)).transpose()?;
    let from = params.one("from")?.map(|text| parse_time("from", &text)).transpose()?;
    let to = params.one("to")?.map(|text| parse_time("to", &text)).transpose()?;
    Params::check_span(from, to)?;
    let wrong = || Problem::invalid("after", "is not a `next` of this list");
    let after = params.one("after")?.map(|text| ReceiptId::parse(&text).ok_or_else(wrong)).transpose()?;
    let (limit, min_seq) = (params.limit()?, params.number("min_seq")?);
    params.done()?;
    app.wait_for(min_seq).await?;
    let identity = caller.principal.as_ref().map(|principal| &principal.identity);
    let bound = |all: Option<&Vec<String>>| all.into_iter().flatten().map(|name| Name::from(name.clone())).collect();
    let filter = Filter {
        series: of_series,
        issuer,
        customer,
        order,
        fiscal,
        from,
        to,
        channels: bound(identity.map(|identity| &identity.channels)),
        locations: bound(identity.map(|identity| &identity.locations)),
    };
    let page = move |app: &App| {
        let after = match &after {
            Some(id) => Some(Key::of(&app.engine.receipt(id)?.ok_or_else(wrong)?.issued)),
            None => None,
        };
        let (found, next) = app.engine.receipts(&filter, after.as_ref(), limit, LOOKS_PER_PAGE)?;
        let mut page = Page::new(app);
        for receipt in &found {
            if !page.add(views::receipt(&app.engine, receipt)) {
                break;
            }
            page.is_at(receipt.issued.id.to_string());
        }
        Ok(page.end_before(app.engine.state().view.seq(), next.map(|last| last.issued.id.to_string())))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// One receipt: JSON, or with `Accept: text/html` a page to print.
#[utoipa::path(get, path = "/v1/receipts/{receipt}", tag = "receipts", security(("key" = ["sell"])),
    params(("receipt" = String, Path, description = "The receipt"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    responses((status = 200, description = "The receipt"), (status = 404, description = "not-found")))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    PathId(id): PathId,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let min_seq = params.number("min_seq")?;
    params.done()?;
    app.wait_for(min_seq).await?;
    let receipt = find(&app, &caller, &path_id(&id)?).await?;
    let mut response = match prefers_html(&headers) {
        true => printed(&app, &receipt, Reader::Caller)?,
        false => kept_by_nobody(json_answer(&views::receipt_with_key(&app.engine, &receipt))),
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    Ok(response)
}

/// Headers of what no cache keeps, no index lists and no other site is told of.
fn kept_by_nobody(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The page of a receipt.
fn printed(app: &App, receipt: &Receipt, reader: Reader) -> Result<Response, Problem> {
    let standing = app.engine.state().own.receipts.issuer(receipt.issued.issuer.as_str());
    let issuer = standing.as_ref().and_then(|standing| standing.at(receipt.issued.chain.position));
    let issuer = issuer.ok_or_else(|| Problem::not_found("issuer"))?;
    let mut response = kept_by_nobody(Response::new(Body::from(page::page(issuer, receipt, reader))));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}

/// How often a command is sent again after what it names left meanwhile.
const TRIES: usize = 8;

/// Submits a command of receipts, which are brought back if they are archived, and answers with the receipt after it.
async fn decided(
    app: &App,
    caller: &Caller,
    receipts: Vec<ReceiptId>,
    command: impl Fn() -> Command,
) -> Result<Response, Problem> {
    let needed = Needed { receipts, ..Needed::default() };
    let mut tries = 0;
    let executed = loop {
        archived::bring(app, caller.who, &needed).await?;
        let submit = |engine: &Engine, cause, done: Completion| engine.submit(command(), cause, done);
        tries += 1;
        match app.execute(caller, submit).await {
            // It was there, and left before this was decided.
            Err(Failure::Refused(Refusal::NotFound("receipt"))) if app.engine.has_archived() && tries < TRIES => {}
            executed => break executed?,
        }
    };
    let (_, ReceiptAnswer::Receipt(receipt)) = issuers::told(&executed)? else {
        return Err(unexpected(&executed.outcome));
    };
    let item = views::receipt_with_key(&app.engine, receipt);
    let reply = Reply::new(StatusCode::OK, item.to_string()).replayed(executed.replayed);
    Ok(kept_by_nobody(reply.into_response()))
}

/// Replace simplified receipts by a full invoice.
#[utoipa::path(post, path = "/v1/receipts/{receipt}/invoice", tag = "receipts", security(("key" = ["sell"])),
    params(("receipt" = String, Path, description = "The receipt"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = InvoiceBody,
    responses((status = 200, description = "The invoice"), (status = 400, description = "invalid-request"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: a receipt is replaced already, told with the invoice, or nothing of it is left"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn invoice(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<InvoiceBody>(&app, request).await?;
    request.params.done()?;
    let (caller, body) = (request.caller, request.body);
    let receipts = body.read_receipts(&path_id(&id)?)?;
    for receipt in &receipts {
        find(&app, &caller, receipt).await?;
    }
    let series = wire::name("series", &body.series)?;
    let recipient = body.recipient.into_recipient("recipient")?;
    let entropy = entropy()?;
    let invoice = Invoice { receipts: receipts.clone(), series, recipient, entropy };
    decided(&app, &caller, receipts, || Command::Invoice(Box::new(invoice.clone()))).await
}

/// 128 random bits, for the key of a receipt.
///
/// # Errors
/// The operating system returned none.
pub fn entropy() -> Result<[u8; 16], Problem> {
    let bits = u128::from(crate::random()?) << 64 | u128::from(crate::random()?);
    Ok(bits.to_be_bytes())
}

/// Tell what the authority, or the software that signs for it, said of a receipt.
#[utoipa::path(post, path = "/v1/receipts/{receipt}/fiscal", tag = "receipts", security(("key" = ["sell"])),
    params(("receipt" = String, Path, description = "The receipt"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = FiscalBody,
    responses((status = 200, description = "The receipt"), (status = 400, description = "invalid-request"), (status = 404, description = "not-found"),
        (status = 409, description = "wrong-state: nothing is asked for, or it is accepted"), (status = 422, description = "idempotency-mismatch")))]
pub async fn fiscal(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<FiscalBody>(&app, request).await?;
    request.params.done()?;
    let id = path_id(&id)?;
    find(&app, &request.caller, &id).await?;
    let told = request.body.into_answer()?;
    let command = || Command::TellFiscal(id.clone(), Box::new(told.clone()));
    decided(&app, &request.caller, vec![id.clone()], command).await
}

/// The customer's copy of a receipt, as a page.
#[utoipa::path(get, path = "/r/{key}", tag = "receipts",
    params(("key" = String, Path, description = "The `key` of the receipt")),
    responses((status = 200, description = "The page", content_type = "text/html"), (status = 404, description = "not-found"),
        (status = 429, description = "too-many-requests: 60 a minute of one address")))]
pub async fn copy(State(app): State<App>, PathId(text): PathId, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>().map(|Peer(peer, _)| peer.ip());
    let counted = peer.map_or(Ok(()), |address| app.copies.count(address, Instant::now()));
    let who = Payer::of(request.extensions()).who;
    drop(request);
    let found = async {
        counted?;
        // A text that is no key is looked up as one, so that it takes as long.
        let key = views::read_key(&text).unwrap_or_default();
        let receipt = archived::receipt_by_key(&app, who, key).await?;
        let receipt = receipt.filter(|receipt| views::key(&receipt.issued.key) == text);
        let receipt = receipt.ok_or_else(|| Problem::not_found("receipt"))?;
        printed(&app, &receipt, Reader::Anybody)
    };
    found.await.unwrap_or_else(|problem| kept_by_nobody(problem.into_response()))
}
