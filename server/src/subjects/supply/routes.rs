//! Inbound supply: set it, read it, and list the promises that it does not cover.

use anaquel_engine::command::Command;
use anaquel_engine::ids::{LocationId, Name, Seq, SkuId};
use anaquel_engine::reservation::Reservation;
use anaquel_engine::supply::query::ExpectedSupply;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::http::budget::Payer;
use crate::http::extract::{self, Params};
use crate::http::page::{Page, read_cell_cursor};
use crate::http::problem::Problem;
use crate::http::reply::{json_answer, replayed};
use crate::subjects::supply::{bodies as words, views};
use crate::wire;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(set, list))
}

/// Set inbound supply: purchase orders, and stock in transit. A receipt uses it up.
///
/// A unit that arrived does not count as inbound again. A supply that is used up, or that was ended with 0 after a part
/// arrived, stays closed until a larger quantity is sent; then only the difference is open. A supply that was ended
/// before anything arrived may be set again. Arrivals are remembered as long as the log is kept. A receipt uses up the
/// earliest supplies that were set before it; a receipt that comes before its supply counts for none.
#[utoipa::path(put, path = "/v1/supply", tag = "stock", security(("key" = ["stock"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::SuppliesBody,
    responses(
        (status = 200, description = "Durable; each cell with all its inbound supply, and the promises at risk", example = json!({
            "seq": 1850, "items": [{"sku": "TSHIRT-RED-M", "location": "mx-014", "incoming": 40, "waiting": 3, "at_risk": [],
                "supplies": [{"supply": "PO-4711", "kind": "purchase_order", "quantity": 40, "expected_at": "2026-12-01T09:00:00.000Z"}]}]
        })),
        (status = 400, description = "invalid-request"), (status = 422, description = "idempotency-mismatch"),
        (status = 503, description = "read-only or overloaded")))]
pub async fn set(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<words::SuppliesBody>(&app, request).await?;
    request.params.done()?;
    for (at, supply) in request.body.supplies.iter().enumerate() {
        request.caller.may_use_location(format!("supplies[{at}].location"), Some(&supply.location))?;
    }
    let rows = request.body.into_rows(&app.engine)?;
    let submit = |engine: &anaquel_engine::Engine, cause, done: anaquel_engine::command::Completion| {
        engine.submit(Command::supply(rows), cause, done);
    };
    let done =
        crate::subjects::catalogue::routes::done(&app, &request.caller, app.execute(&request.caller, submit).await?)?;
    Ok(replayed(json_answer(&done.item), done.replayed))
}

/// List inbound supply by cell, with the promises at risk.
#[utoipa::path(get, path = "/v1/supply", tag = "stock", security(("key" = ["stock"]), ("key" = ["ops"])),
    params(
        ("sku" = Option<String>, Query, description = "Only of this SKU"),
        ("location" = Option<String>, Query, description = "Only for this location"),
        ("supply" = Option<String>, Query, description = "Only this supply: the lines of one delivery. A page may be short, and still have a `next`"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, description = "A page of cells; each is exact, and the page includes all records up to \
        `seq`; it may be short"),
        (status = 400, description = "invalid-request"), (status = 404, description = "not-found")))]
pub async fn list(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (sku, location, after) = (params.one("sku")?, params.one("location")?, params.one("after")?);
    let supply = params.outside_name("supply")?;
    let (limit, min_seq) = (params.limit()?, params.number("min_seq")?);
    params.done()?;
    app.wait_for(min_seq).await?;
    let catalogue = &app.engine.state().catalogue;
    let sku = sku.map(|text| wire::known_sku(catalogue, &text)).transpose()?;
    let location = location.map(|text| wire::known_location(catalogue, &text)).transpose()?;
    let after = read_cell_cursor(after)?;
    let page = move |app: &App| {
        let (seq, found, next) = match &supply {
            None => app.engine.state().expected(sku, location, after, limit),
            Some(name) => lines_of(app, name, (sku, location), after, limit),
        };
        let is_told = |reservation: &Reservation| {
            crate::subjects::reservations::recall::handles(app, &caller, reservation).is_ok()
        };
        let sight = Visibility::of(&app.engine, &caller);
        let mut page = Page::new(app);
        for expected in &found {
            if !page.add(views::expected(&app.engine, expected, is_told, &sight)) {
                break;
            }
            page.is_at(format!("{}-{}", expected.sku.0, expected.location.0));
        }
        Ok(page.end_before(seq, next.map(|(sku, location)| format!("{}-{}", sku.0, location.0))))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// Cells that are examined for the lines of one delivery.
const LOOKS_PER_PAGE: usize = 20_000;

/// Cells that are read at a time.
const CHUNK: usize = 1000;

/// The cells of one supply, each with this supply alone.
fn lines_of(
    app: &App,
    name: &Name,
    (sku, location): (Option<SkuId>, Option<LocationId>),
    mut after: Option<(SkuId, LocationId)>,
    limit: usize,
) -> (Seq, Vec<ExpectedSupply>, Option<(SkuId, LocationId)>) {
    let (mut lines, mut looks) = (Vec::new(), 0);
    loop {
        let (seq, found, next) = app.engine.state().expected(sku, location, after, CHUNK);
        looks += found.len();
        for mut cell in found {
            cell.supplies.retain(|supply| supply.name == *name);
            if !cell.supplies.is_empty() {
                let at = (cell.sku, cell.location);
                lines.push(cell);
                if lines.len() == limit {
                    return (seq, lines, Some(at));
                }
            }
        }
        after = next;
        if after.is_none() || looks >= LOOKS_PER_PAGE {
            return (seq, lines, after);
        }
    }
}
