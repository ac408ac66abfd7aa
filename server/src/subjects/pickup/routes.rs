//! Locations where a customer can pick up a basket.

use anaquel_engine::ids::LocationId;
use anaquel_engine::pickup::{PickupPlace, PickupQuestion};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Uri;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::visibility::Visibility;
use crate::http::budget::Payer;
use crate::http::budget::answers::SMALL_BYTES;
use crate::http::extract::Params;
use crate::http::problem::Problem;
use crate::http::reply::{Reply, ok};
use crate::subjects::catalogue::bodies::coordinates;
use crate::wire::{asking_channel, parse_time, quantity, sku_name, time};

/// The routes of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(pickup))
}

/// The maximum number of lines of a basket.
const LINES_MAX: usize = 100;

/// A question about at most this many cells is answered directly; a larger one runs in the background.
const LOOKS_AT_ONCE: usize = 10_000;

/// Bytes that are reserved for each line of an answer.
const LINE_BYTES: usize = 256;

/// The default number of locations in an answer.
const PLACES: usize = 20;

/// List stores that can hand over a whole basket, by distance, with the time when it would be ready; then stores that
/// lack a part.
#[utoipa::path(
    get, path = "/v1/pickup", tag = "stock", security(("key" = ["read"])),
    params(
        ("sku" = Vec<String>, Query, description = "SKU and units, as `A:2`; one unit if left out, or if the whole \
            text is a SKU", example = json!(["A:2", "B:1"])),
        ("quantity" = Option<Vec<u32>>, Query, description = "Units of each `sku`, in the same order; then the text \
            of `sku` is only the SKU"),
        ("near" = Option<String>, Query, description = "Degrees north and east", example = "40.41,-3.70"),
        ("radius_km" = Option<f64>, Query, description = "The maximum distance"),
        ("channel" = Option<String>, Query, description = "For whom"),
        ("at" = Option<String>, Query, description = "When the order is placed; within two minutes if left out"),
        ("limit" = Option<u32>, Query, description = "Number of locations, 1 to 1,000; 20 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses(
        (status = 200, description = "Locations by distance, those that can hand over the whole basket first", example = json!({
            "seq": 1841, "unknown": [], "items": [{
                "location": "mx-014", "name": "Madrid, Gran V\u{ed}a", "distance_km": 1.2, "complete": true,
                "ready_at": "2026-11-20T13:00:00.000Z",
                "lines": [{"sku": "A", "requested": 2, "available": 5, "missing": 0, "from": null}]
            }]
        })),
        (status = 400, description = "invalid-request")
    )
)]
pub async fn pickup(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let min_seq = params.number("min_seq")?;
    let (basket, units, near) = (params.all("sku"), params.all("quantity"), params.one("near")?);
    let (radius, channel, at) = (params.one("radius_km")?, params.name("channel")?, params.one("at")?);
    let limit = match params.number::<usize>("limit")? {
        None => PLACES,
        Some(limit @ 1..=1000) => limit,
        Some(other) => return Err(Problem::invalid("limit", format!("{other} is not between 1 and 1000"))),
    };
    params.done()?;
    app.wait_for(min_seq).await?;
    let (engine, catalogue) = (&app.engine, &app.engine.state().catalogue);
    let lines = read_basket(&basket, &units, |sku| catalogue.skus.id(sku).is_some())?;
    let near = near.as_deref().map(read_near).transpose()?;
    let radius_km = radius.as_deref().map(read_radius).transpose()?;
    if radius_km.is_some() && near.is_none() {
        return Err(Problem::invalid("near", "is required beside radius_km"));
    }
    // An answer for now stays true for an order that is placed a little later.
    let at = at.as_deref().map(|text| parse_time("at", text)).transpose()?;
    let (now, since) =
        at.map_or_else(|| (crate::subjects::reservations::refusal::advised(engine), engine.now()), |at| (at, at));
    let mut unknown = Vec::new();
    let mut known = Vec::new();
    for (sku, units) in &lines {
        match catalogue.skus.id(sku) {
            Some(id) => known.push((id, *units)),
            None => unknown.push(sku.clone()),
        }
    }
    let channel = asking_channel(engine, channel.as_ref())?;
    // An unknown SKU cannot be picked up anywhere.
    let basket = if unknown.is_empty() { known } else { Vec::new() };
    let question = PickupQuestion { basket, near, radius_km, channel, now, since, limit };
    let cells = limit.saturating_mul(question.basket.len());
    let most = app.config.limits.response_cells;
    if cells > most {
        let detail = format!(
            "limits.response_cells: {limit} locations of {} SKUs are {cells} cells, and at most {most} are allowed; \
             set a smaller limit, or ask for fewer SKUs at a time",
            question.basket.len()
        );
        return Err(Problem::invalid("limit", detail).with("limit", "limits.response_cells").with("most", most));
    }
    let looks = question.basket.len().saturating_mul(catalogue.locations.count() as usize);
    // The number of locations that are counted here is bounded.
    if looks <= LOOKS_AT_ONCE && cells * LINE_BYTES < SMALL_BYTES {
        let transfers = count_transfers(&app, &question)?;
        if transfers.saturating_mul(question.basket.len()) <= LOOKS_AT_ONCE {
            return Ok(ok(answer(&app, question, unknown)));
        }
    }
    let make = move |app: &App| {
        count_transfers(app, &question)?;
        Ok(answer(app, question, unknown))
    };
    let reply = app.aside(&payer, 1024 + cells * LINE_BYTES, make).await;
    Ok(reply.map(Reply::aside)?.into_response())
}

/// Counts the locations that may supply units to others.
///
/// # Errors
/// There are too many.
fn count_transfers(app: &App, question: &PickupQuestion) -> Result<usize, Problem> {
    if question.basket.is_empty() {
        return Ok(0);
    }
    let (most, transfers) = (app.config.limits.group_cells, app.engine.state().pickup_transfers(question));
    if transfers > most {
        let detail = format!(
            "limits.group_cells: the transfer groups of the locations have {transfers} members together, and at most \
             {most} are allowed; set a smaller radius_km"
        );
        return Err(Problem::invalid("radius_km", detail).with("limit", "limits.group_cells").with("most", most));
    }
    Ok(transfers)
}

fn answer(app: &App, question: PickupQuestion, unknown: Vec<String>) -> String {
    let (engine, catalogue) = (&app.engine, &app.engine.state().catalogue);
    let (seq, found) = match question.basket.is_empty() {
        true => (engine.state().view.seq(), Vec::new()),
        false => engine.state().pickup(&question),
    };
    let sight = Visibility::as_channel(engine, question.channel);
    let name = |location: LocationId| catalogue.locations.name(location).as_str();
    let item = |place: &PickupPlace| {
        let line = |(at, (id, requested)): (usize, &(_, u32))| {
            let available = place.available.get(at).copied().unwrap_or(0);
            let from = place.from.get(at).copied().flatten();
            let band = sight.band_alone(*id, place.location);
            let mut told = json!({
                "sku": catalogue.skus.name(*id).as_str(),
                "requested": requested,
                "available": band.is_none().then_some(available),
                "missing": band.is_none().then_some(requested.saturating_sub(available)),
                "from": from.map(name),
            });
            if let (Value::Object(members), Some(band)) = (&mut told, band) {
                members.insert("band".into(), band.as_str().into());
            }
            told
        };
        json!({
            "location": name(place.location),
            "name": catalogue.locations.details_or_default(place.location).name,
            "distance_km": place.distance_km.map(|km| (km * 10.0).round() / 10.0),
            "complete": place.complete,
            "ready_at": place.ready_at.map(time),
            "lines": question.basket.iter().enumerate().map(line).collect::<Vec<_>>(),
        })
    };
    let items: Vec<Value> = found.iter().map(item).collect();
    json!({"seq": seq, "items": items, "unknown": unknown}).to_string()
}

/// Lines of a basket; lines of the same SKU are added up. Units are separate, or follow the last colon of a SKU: of
/// both readings, the one with a known SKU counts.
fn read_basket(
    texts: &[String],
    apart: &[String],
    is_known: impl Fn(&str) -> bool,
) -> Result<Vec<(String, u32)>, Problem> {
    if !(1..=LINES_MAX).contains(&texts.len()) {
        return Err(Problem::invalid("sku", format!("is given {} times; give it 1 to {LINES_MAX} times", texts.len())));
    }
    if !apart.is_empty() && apart.len() != texts.len() {
        let reason =
            format!("is given {} times beside {} SKUs; give it once for each, or not at all", apart.len(), texts.len());
        return Err(Problem::invalid("quantity", reason));
    }
    let mut apart = apart.iter();
    let mut lines: Vec<(String, u32)> = Vec::new();
    for text in texts {
        let (sku, units) = match apart.next() {
            Some(units) => (text.as_str(), read_units("quantity", units)?),
            None => read_line(text, &is_known)?,
        };
        sku_name("sku", sku)?;
        match lines.iter_mut().find(|(known, _)| known == sku) {
            Some((_, known)) => *known = quantity("sku", i64::from(*known) + i64::from(units))?,
            None => lines.push((sku.to_owned(), units)),
        }
    }
    Ok(lines)
}

fn read_units(field: &str, text: &str) -> Result<u32, Problem> {
    let units = text.parse().map_err(|_| {
        let shown: String = text.chars().take(20).collect();
        Problem::invalid(field, format!("{shown:?} is not a number of units; write a whole number"))
    });
    quantity(field, units?)
}

/// A SKU, with its units if the text has them.
fn read_line<'a>(text: &'a str, is_known: &impl Fn(&str) -> bool) -> Result<(&'a str, u32), Problem> {
    let is_units = |units: &str| !units.is_empty() && units.bytes().all(|digit| digit.is_ascii_digit());
    let Some((sku, units)) = text.rsplit_once(':').filter(|(_, units)| is_units(units)) else { return Ok((text, 1)) };
    match (is_known(text), is_known(sku)) {
        (true, true) => {
            let reason = format!(
                "{text:?} is a SKU, and {sku:?} is one as well; write sku={text}&quantity=1, or \
                 sku={sku}&quantity={units}"
            );
            Err(Problem::invalid("sku", reason))
        }
        (true, false) => Ok((text, 1)),
        (false, _) => Ok((sku, read_units("sku", units)?)),
    }
}

fn read_near(text: &str) -> Result<(f64, f64), Problem> {
    let wrong = || Problem::invalid("near", format!("{text:?} is not like 40.41,-3.70"));
    let (latitude, longitude) = text.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|degrees| degrees.is_finite());
    let (latitude, longitude) = number(latitude).zip(number(longitude)).ok_or_else(wrong)?;
    coordinates(latitude, longitude).map_err(|(_, reason)| Problem::invalid("near", reason))
}

fn read_radius(text: &str) -> Result<f64, Problem> {
    let radius = text.parse::<f64>().ok().filter(|km| km.is_finite() && *km >= 0.0);
    radius.ok_or_else(|| Problem::invalid("radius_km", format!("{text:?} is not a distance in kilometres")))
}
