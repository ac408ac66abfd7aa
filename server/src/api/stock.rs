//! Availability, stock, movements, counts, shortages.

use std::fmt::Write;

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Outcome};
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, SkuId};
use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;
use serde_json::{Value, json};

use super::{json_answer, ok, replayed, unexpected};
use crate::app::App;
use crate::extract::{self, Params};
use crate::problem::Problem;
use crate::wire::{self, stock as words};

/// SKUs, locations or groups in one question.
const ASKED_MAX: usize = 1000;

/// A question about availability, its names resolved.
struct Question {
    skus: Vec<SkuId>,
    unknown: Vec<String>,
    locations: Option<Vec<LocationId>>,
    groups: Option<Vec<GroupId>>,
    channel: Option<ChannelId>,
}

impl Question {
    fn new(
        engine: &Engine,
        skus: Vec<String>,
        locations: Option<Vec<String>>,
        groups: Option<Vec<String>>,
        channel: Option<String>,
    ) -> Result<Self, Problem> {
        let catalogue = &engine.state().catalogue;
        for (field, count) in [
            ("skus", skus.len()),
            ("locations", locations.as_ref().map_or(0, Vec::len)),
            ("groups", groups.as_ref().map_or(0, Vec::len)),
        ] {
            if count > ASKED_MAX {
                return Err(Problem::invalid(field, format!("has {count} entries; up to {ASKED_MAX} are taken")));
            }
        }
        if skus.is_empty() {
            return Err(Problem::invalid("sku", "at least one is needed"));
        }
        if locations.is_some() && groups.is_some() {
            return Err(Problem::invalid("groups", "ask for locations or for groups, not for both"));
        }
        let (mut known, mut unknown) = (Vec::with_capacity(skus.len()), Vec::new());
        for text in skus {
            wire::sku_name("sku", &text)?;
            match catalogue.skus.id(&text) {
                Some(sku) if known.contains(&sku) => {}
                Some(sku) => known.push(sku),
                None if unknown.contains(&text) => {}
                None => unknown.push(text),
            }
        }
        // A place that nobody declared stocks nothing.
        let locations = locations.map(|texts| {
            let id = |text: &String| wire::name("location", text).map(|name| catalogue.locations.id(name.as_str()));
            texts.iter().map(id).filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
        });
        let groups = groups.map(|texts| {
            let id = |text: &String| wire::name("group", text).map(|name| catalogue.groups.id(name.as_str()));
            texts.iter().map(id).filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
        });
        let channel = match channel {
            Some(text) => catalogue.channels.id(wire::name("channel", &text)?.as_str()),
            None => None,
        };
        Ok(Self { skus: known, unknown, locations: locations.transpose()?, groups: groups.transpose()?, channel })
    }

    fn answer(&self, engine: &Engine) -> Response {
        let mut out = String::with_capacity(256);
        let seq = match &self.groups {
            Some(groups) => {
                let (seq, found) = engine.state().group_availability(&self.skus, groups, self.channel);
                out.push_str(r#","items":"#);
                words::write_array(&mut out, &found, |out, group| words::write_group(out, engine, group));
                seq
            }
            None => {
                let (seq, found) = engine.state().availability(&self.skus, self.locations.as_deref(), self.channel);
                out.reserve(found.len() * 120);
                out.push_str(r#","items":"#);
                words::write_array(&mut out, &found, |out, cell| words::write_cell(out, engine, cell));
                seq
            }
        };
        let _ = write!(out, r#","unknown":{}}}"#, Value::from(self.unknown.clone()));
        ok(format!(r#"{{"seq":{seq}{out}"#))
    }
}

/// How many can be promised.
#[utoipa::path(
    get, path = "/v1/availability", tag = "stock",
    params(
        ("sku" = Vec<String>, Query, description = "One or more SKUs", example = json!(["TSHIRT-RED-M"])),
        ("location" = Option<Vec<String>>, Query, description = "Only here; everywhere that stocks the SKU if left out"),
        ("group" = Option<Vec<String>>, Query, description = "Added up over each group"),
        ("channel" = Option<String>, Query, description = "For whom: its buffer counts"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses(
        (status = 200, description = "Cells, or one item per SKU and group", example = json!({
            "seq": 1841, "unknown": [],
            "items": [{"sku": "TSHIRT-RED-M", "location": "mx-014", "on_hand": 4, "reserved": 1, "safety_stock": 0, "available": 3}]
        })),
        (status = 400, description = "invalid-request"),
        (status = 503, description = "overloaded: min_seq is not visible yet")
    )
)]
pub async fn availability(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let min_seq = params.number("min_seq")?;
    let some = |values: Vec<String>| (!values.is_empty()).then_some(values);
    let (skus, locations, groups) = (params.all("sku"), some(params.all("location")), some(params.all("group")));
    let channel = params.one("channel")?;
    params.done()?;
    app.wait_for(min_seq).await?;
    Ok(Question::new(&app.engine, skus, locations, groups, channel)?.answer(&app.engine))
}

/// The same for many: a listing page in one call.
#[utoipa::path(
    post, path = "/v1/availability/query", tag = "stock",
    params(("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    request_body = words::AvailabilityBody,
    responses((status = 200, description = "As GET /v1/availability"), (status = 400, description = "invalid-request"))
)]
pub async fn availability_query(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (mut params, body) = extract::json_question::<words::AvailabilityBody>(&app, request).await?;
    let min_seq = params.number("min_seq")?;
    params.done()?;
    app.wait_for(min_seq).await?;
    let words::AvailabilityBody { skus, locations, groups, channel } = body;
    Ok(Question::new(&app.engine, skus, locations, groups, channel)?.answer(&app.engine))
}

/// All cells of a place or of a SKU.
#[utoipa::path(
    get, path = "/v1/stock", tag = "stock",
    params(
        ("location" = Option<String>, Query, description = "All cells of this place"),
        ("sku" = Option<String>, Query, description = "All cells of this SKU"),
        ("channel" = Option<String>, Query, description = "For whom: its buffer counts"),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses(
        (status = 200, description = "A page of cells, exact at `seq`"),
        (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found")
    )
)]
pub async fn stock(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (location, sku, channel) = (params.one("location")?, params.one("sku")?, params.name("channel")?);
    let (after, limit, min_seq) = (params.number::<u32>("after")?, params.limit()?, params.number("min_seq")?);
    params.done()?;
    app.wait_for(min_seq).await?;
    let (engine, catalogue) = (&app.engine, &app.engine.state().catalogue);
    let channel = channel.and_then(|channel| catalogue.channels.id(channel.as_str()));
    let sku = match sku {
        Some(text) => {
            wire::sku_name("sku", &text)?;
            Some(catalogue.skus.id(&text).ok_or_else(|| Problem::not_found("SKU"))?)
        }
        None => None,
    };
    let location = match location {
        Some(text) => {
            wire::name("location", &text)?;
            Some(catalogue.locations.id(&text).ok_or_else(|| Problem::not_found("location"))?)
        }
        None => None,
    };
    let ((seq, cells), next): (_, Option<u32>) = match (sku, location) {
        (Some(sku), Some(location)) => (engine.state().availability(&[sku], Some(&[location]), channel), None),
        (Some(sku), None) => {
            let found = engine.state().stock_of_sku(sku, after.map(LocationId), limit, channel);
            let next = found.1.get(limit - 1).map(|last| last.location.0);
            (found, next)
        }
        (None, Some(location)) => {
            let found = engine.state().stock_of_location(location, after.map(SkuId), limit, channel);
            let next = found.1.get(limit - 1).map(|last| last.sku.0);
            (found, next)
        }
        (None, None) => return Err(Problem::invalid("location", "name a location or a sku")),
    };
    let mut out = String::with_capacity(64 + cells.len() * 120);
    let _ = write!(out, r#"{{"seq":{seq},"items":"#);
    words::write_array(&mut out, &cells, |out, cell| words::write_cell(out, engine, cell));
    let _ = match next {
        Some(next) => write!(out, r#","next":"{next}"}}"#),
        None => write!(out, r#","next":null}}"#),
    };
    Ok(ok(out))
}

/// Goods came in, were sold, came back, were corrected or broke.
#[utoipa::path(
    post, path = "/v1/stock/movements", tag = "stock",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::MovementsBody,
    responses(
        (status = 200, description = "Durable; the cells after each movement", example = json!({
            "seq": 1842,
            "items": [{"sku": "TSHIRT-RED-M", "location": "mx-014", "on_hand": 3, "reserved": 1, "safety_stock": 0, "available": 2}]
        })),
        (status = 400, description = "invalid-request"), (status = 422, description = "idempotency-mismatch"),
        (status = 503, description = "read-only or overloaded")
    )
)]
pub async fn movements(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<words::MovementsBody>(&app, request).await?;
    request.params.done()?;
    let movements = request.body.into_requests()?;
    let executed =
        app.execute(&request.caller, |engine, cause, done| engine.move_stock(movements, cause, done)).await?;
    let Outcome::Moved { seq, rows } = &executed.outcome else { return Err(unexpected(&executed.outcome)) };
    let items: Vec<Value> = rows.iter().map(|row| words::moved(&app.engine, row)).collect();
    Ok(replayed(json_answer(&json!({"seq": seq, "items": items})), executed.replayed))
}

/// Somebody counted.
#[utoipa::path(
    post, path = "/v1/stock/counts", tag = "stock",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::CountsBody,
    responses(
        (status = 200, description = "Durable; what the books said and what was found", example = json!({
            "seq": 1843, "items": [{"sku": "TSHIRT-RED-M", "location": "mx-014", "expected": 3, "counted": 4, "delta": 1}]
        })),
        (status = 400, description = "invalid-request"), (status = 422, description = "idempotency-mismatch"),
        (status = 503, description = "read-only or overloaded")
    )
)]
pub async fn counts(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<words::CountsBody>(&app, request).await?;
    request.params.done()?;
    let command = Command::Count(request.body.into_counts()?);
    let executed = app.execute(&request.caller, |engine, cause, done| engine.submit(command, cause, done)).await?;
    let Outcome::Counted { seq, rows } = &executed.outcome else { return Err(unexpected(&executed.outcome)) };
    let items: Vec<Value> = rows.iter().map(|row| words::counted_row(&app.engine, row)).collect();
    Ok(replayed(json_answer(&json!({"seq": seq, "items": items})), executed.replayed))
}

/// Cells that no longer cover what is promised, with the promises at risk.
#[utoipa::path(
    get, path = "/v1/shortages", tag = "stock",
    params(
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, description = "A page of shortages"), (status = 400, description = "invalid-request"))
)]
pub async fn shortages(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit, min_seq) = (params.one("after")?, params.limit()?, params.number("min_seq")?);
    params.done()?;
    app.wait_for(min_seq).await?;
    let after = after.map(|text| {
        let (sku, location) = text.split_once('-')?;
        Some((SkuId(sku.parse().ok()?), LocationId(location.parse().ok()?)))
    });
    let after = match after {
        Some(None) => return Err(Problem::invalid("after", "is not the next of a page")),
        Some(after) => after,
        None => None,
    };
    let (seq, short) = app.engine.state().shortages_page(after, limit);
    let next = short.get(limit - 1).map(|last| format!("{}-{}", last.cell.sku.0, last.cell.location.0));
    let items: Vec<Value> = short.iter().map(|shortage| words::shortage(&app.engine, shortage)).collect();
    Ok(json_answer(&json!({"seq": seq, "items": items, "next": next})))
}
