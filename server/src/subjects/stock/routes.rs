//! Availability, stock, movements, counts, shortages.

use anaquel_engine::Engine;
use anaquel_engine::ids::{ChannelId, LocationId, SkuId};
use anaquel_engine::reservation::Reservation;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::Uri;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::http::budget::Payer;
use crate::http::extract::{self, JsonRequest, Params};
use crate::http::page::{Page, list, read_cell_cursor};
use crate::http::problem::Problem;
use crate::subjects::stock::cell::CellWriter;
use crate::subjects::stock::{bodies as words, views};
use crate::wire;
use crate::wire::put::{put, write_array};

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(availability))
        .routes(routes!(availability_query))
        .routes(routes!(stock))
        .routes(routes!(movements))
        .routes(routes!(counts))
        .routes(routes!(shortages))
}

/// Read how many units can be promised.
#[utoipa::path(
    get, path = "/v1/availability", tag = "stock", security(("key" = ["read"])),
    params(
        ("sku" = Vec<String>, Query, description = "One or more SKUs", example = json!(["TSHIRT-RED-M"])),
        ("location" = Option<Vec<String>>, Query, description = "Only these locations; all that stock the SKU if left \
            out"),
        ("group" = Option<Vec<String>>, Query, description = "Added up over each group"),
        ("channel" = Option<String>, Query, description = "The channel that sells; its buffer is subtracted"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses(
        (status = 200, description = "Cells, or one item per SKU and group", example = json!({
            "seq": 1841, "unknown": [],
            "items": [{"sku": "TSHIRT-RED-M", "location": "mx-014", "on_hand": 4, "reserved": 1, "safety_stock": 0, "buffer": 0, "available": 3}]
        })),
        (status = 400, description = "invalid-request"),
        (status = 503, description = "overloaded: min_seq is not visible yet")
    )
)]
pub async fn availability(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let min_seq = params.number("min_seq")?;
    let some = |values: Vec<String>| (!values.is_empty()).then_some(values);
    let (skus, locations, groups) = (params.all("sku"), some(params.all("location")), some(params.all("group")));
    let (channel, quarantine) = (params.one("channel")?, params.flag("quarantine")?);
    params.done()?;
    app.wait_for(min_seq).await?;
    let body = words::AvailabilityBody { skus, locations, groups, channel, quarantine };
    // The middleware has checked the channel.
    Ok(crate::subjects::stock::ops::availability(&app, &Caller::default(), &payer, body).await?.into_response())
}

/// Read the same for many SKUs: a listing page in one call.
#[utoipa::path(
    post, path = "/v1/availability/query", tag = "stock", security(("key" = ["read"])),
    params(("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    request_body = words::AvailabilityBody,
    responses((status = 200, description = "As GET /v1/availability"), (status = 400, description = "invalid-request"))
)]
pub async fn availability_query(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let payer = Payer::of(request.extensions());
    let JsonRequest { caller, body, mut params } =
        extract::json_question::<words::AvailabilityBody>(&app, request).await?;
    let min_seq = params.number("min_seq")?;
    params.done()?;
    app.wait_for(min_seq).await?;
    Ok(crate::subjects::stock::ops::availability(&app, &caller, &payer, body).await?.into_response())
}

/// List the cells of a location or a SKU.
#[utoipa::path(
    get, path = "/v1/stock", tag = "stock", security(("key" = ["read"])),
    params(
        ("location" = Option<String>, Query, description = "The location"),
        ("sku" = Option<String>, Query, description = "The SKU"),
        ("channel" = Option<String>, Query, description = "The channel that sells; its buffer is subtracted"),
        ("quarantine" = Option<bool>, Query, description = "Include quarantines"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses(
        (status = 200, description = "A page of cells, exact at `seq`; for a location it may be short or empty and \
                                      still have a `next`"),
        (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found")
    )
)]
pub async fn stock(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (location, sku, channel) = (params.one("location")?, params.one("sku")?, params.name("channel")?);
    let (after, limit, min_seq) = (params.number::<u32>("after")?, params.limit()?, params.number("min_seq")?);
    let quarantine = params.flag("quarantine")?;
    params.done()?;
    app.wait_for(min_seq).await?;
    let catalogue = &app.engine.state().catalogue;
    let channel = wire::asking_channel(&app.engine, channel.as_ref())?;
    let sku = sku.map(|text| wire::known_sku(catalogue, &text)).transpose()?;
    let location = location.map(|text| wire::known_location(catalogue, &text)).transpose()?;
    if sku.is_none() && location.is_none() {
        return Err(Problem::invalid("location", "name a location or a sku"));
    }
    let page = move |app: &App| Ok(stock_page(&app.engine, sku, location, after, limit, (channel, quarantine)));
    list(&app, &payer, page).await
}

fn stock_page(
    engine: &Engine,
    sku: Option<SkuId>,
    location: Option<LocationId>,
    after: Option<u32>,
    limit: usize,
    (channel, quarantine): (Option<ChannelId>, bool),
) -> String {
    let ((seq, cells), next): (_, Option<u32>) = match (sku, location) {
        (Some(sku), Some(location)) => (engine.state().availability(&[sku], Some(&[location]), channel), None),
        (Some(sku), None) => {
            let found = engine.state().stock_of_sku(sku, after.map(LocationId), limit, channel, quarantine);
            let next = found.1.get(limit - 1).map(|last| last.location.0);
            (found, next)
        }
        (None, Some(location)) => {
            let (seq, cells, next) = engine.state().stock_of_location(location, after.map(SkuId), limit, channel);
            ((seq, cells), next.map(|sku| sku.0))
        }
        (None, None) => ((engine.state().view.seq(), Vec::new()), None),
    };
    let mut out = String::with_capacity(64 + cells.len() * 140);
    put!(&mut out, r#"{"seq":"#, seq, r#","items":"#);
    let mut writer = CellWriter::new(engine);
    write_array(&mut out, &cells, |out, cell| writer.whole_cell(out, cell));
    match next {
        Some(next) => put!(&mut out, r#","next":""#, next, r#""}"#),
        None => put!(&mut out, r#","next":null}"#),
    }
    out
}

/// Book movements: receipts, sales, returns, adjustments, damage.
#[utoipa::path(
    post, path = "/v1/stock/movements", tag = "stock", security(("key" = ["stock"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::MovementsBody,
    responses(
        (status = 200, description = "Durable; the cells after each movement", example = json!({
            "seq": 1842,
            "items": [{"sku": "TSHIRT-RED-M", "location": "mx-014", "on_hand": 3, "reserved": 1, "safety_stock": 0, "buffer": 0, "available": 2}]
        })),
        (status = 400, description = "invalid-request"), (status = 422, description = "idempotency-mismatch"),
        (status = 503, description = "read-only or overloaded")
    )
)]
pub async fn movements(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<words::MovementsBody>(&app, request).await?;
    request.params.done()?;
    Ok(crate::subjects::stock::ops::movements(&app, &request.caller, request.body).await?.into_response())
}

/// Book counts.
#[utoipa::path(
    post, path = "/v1/stock/counts", tag = "stock", security(("key" = ["stock"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::CountsBody,
    responses(
        (status = 200, description = "Durable; the expected and the counted quantities", example = json!({
            "seq": 1843, "items": [{"sku": "TSHIRT-RED-M", "location": "mx-014", "expected": 3, "counted": 4, "delta": 1}]
        })),
        (status = 400, description = "invalid-request"), (status = 422, description = "idempotency-mismatch"),
        (status = 503, description = "read-only or overloaded")
    )
)]
pub async fn counts(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<words::CountsBody>(&app, request).await?;
    request.params.done()?;
    Ok(crate::subjects::stock::ops::counts(&app, &request.caller, request.body).await?.into_response())
}

/// List cells whose stock does not cover their promises, or whose supply is late, with the promises at risk.
#[utoipa::path(
    get, path = "/v1/shortages", tag = "stock", security(("key" = ["stock"]), ("key" = ["ops"])),
    params(
        ("after" = Option<String>, Query, description = "`next` of the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, description = "A page of shortages; each is exact, and the page includes all records up \
        to `seq`; it may be short"), (status = 400, description = "invalid-request"))
)]
pub async fn shortages(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit, min_seq) = (params.one("after")?, params.limit()?, params.number("min_seq")?);
    params.done()?;
    app.wait_for(min_seq).await?;
    let after = read_cell_cursor(after)?;
    let page = move |app: &App| {
        let (seq, short, next) = app.engine.state().shortages_page(after, limit);
        let locations = &app.engine.state().catalogue.locations;
        let is_told = |reservation: &Reservation| {
            crate::subjects::reservations::recall::handles(app, &caller, reservation).is_ok()
        };
        let sight = Visibility::of(&app.engine, &caller);
        let mut page = Page::new(app);
        for shortage in &short {
            let cell = &shortage.cell;
            if caller.may_use_location("location", Some(locations.name(cell.location).as_str())).is_ok()
                && !page.add(views::shortage(&app.engine, shortage, is_told, &sight))
            {
                break;
            }
            page.is_at(format!("{}-{}", cell.sku.0, cell.location.0));
        }
        Ok(page.end_before(seq, next.map(|(sku, location)| format!("{}-{}", sku.0, location.0))))
    };
    list(&app, &payer, page).await
}
