//! Prices: set them, read them, ask what something costs, and why.

use anaquel_engine::Engine;
use anaquel_engine::command::Completion;
use anaquel_engine::ids::{Name, SkuId, Timestamp};
use anaquel_engine::prices::PriceAnswer;
use anaquel_engine::prices::book::{Asked, PriceTarget};
use anaquel_engine::prices::command::Command;
use anaquel_engine::prices::list::{BASE, Currency, KEPT_MS, ListId};
use anaquel_engine::prices::priced::Priced;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::{PriceQueryBody, PricesBody};
use super::{lists, taxes, views};
use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::http::budget::Payer;
use crate::http::extract::{self, JsonRequest, Params};
use crate::http::problem::{Problem, Slug};
use crate::http::reply::{Reply, unexpected};
use crate::wire::{self, currency, declared, name, parse_time, time};

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(prices, set))
        .routes(routes!(query))
        .routes(routes!(explain))
        .routes(routes!(lists::list))
        .routes(routes!(lists::get, lists::set, lists::remove))
        .routes(routes!(taxes::list))
        .routes(routes!(taxes::get, taxes::set, taxes::remove))
}

/// Set prices, or take them out: all or none.
#[utoipa::path(put, path = "/v1/prices", tag = "prices", security(("key" = ["import"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = PricesBody,
    responses((status = 200, description = "How many changed"), (status = 400, description = "invalid-request"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn set(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let request = extract::json::<PricesBody>(&app, request).await?;
    request.params.done()?;
    let (caller, rows) = (request.caller, request.body.into_rows()?);
    for (at, row) in rows.iter().enumerate() {
        caller.may_use_channel(&format!("prices[{at}].channel"), row.channel.as_ref().map(Name::as_str))?;
        caller.may_use_location(format!("prices[{at}].location"), row.location.as_ref().map(Name::as_str))?;
    }
    let submit = |engine: &Engine, cause, done: Completion| engine.submit(Command::SetRows(rows), cause, done);
    let executed = app.execute(&caller, submit).await?;
    let (seq, told @ PriceAnswer::Rows { .. }) = lists::told(&executed)? else {
        return Err(unexpected(&executed.outcome));
    };
    let body = views::joined(json!({"seq": seq}), views::told(&app.engine, told));
    Ok(Reply::new(StatusCode::OK, body.to_string()).replayed(executed.replayed).into_response())
}

/// Whether a row concerns the caller: it is for one of their channels and locations, or for all, and so is its list.
fn is_seen(
    engine: &Engine,
    sight: &Visibility<'_>,
    list: ListId,
    channel: Option<&Name>,
    location: Option<&Name>,
) -> bool {
    let book = engine.state().own.prices.book();
    let standing = book.list(list).and_then(|standing| standing.list.clone());
    channel.is_none_or(|channel| sight.has_channel(channel.as_str()))
        && location.is_none_or(|location| sight.has_location(location.as_str()))
        && (list == BASE || sight.is_free() || standing.is_some_and(|list| sight.concerns_list(&list)))
}

/// The prices of a SKU.
#[utoipa::path(get, path = "/v1/prices", tag = "prices", security(("key" = ["read"])),
    params(("sku" = String, Query, description = "The SKU"),
        ("ended" = Option<bool>, Query, description = "With those that ended or were taken out in the last 60 days")),
    responses((status = 200, description = "Its prices"), (status = 404, description = "not-found")))]
pub async fn prices(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let sku = params.one("sku")?.ok_or_else(|| Problem::invalid("sku", "is needed"))?;
    let with_ended = params.flag("ended")?;
    params.done()?;
    let id = app.engine.state().catalogue.skus.id(&sku).ok_or_else(|| Problem::not_found("SKU"))?;
    let told = move |app: &App| {
        let (state, now) = (app.engine.state(), app.engine.now());
        let sight = Visibility::of(&app.engine, &caller);
        let (seq, (prices, book)) = state.view.read(|| {
            let prices = state.own.prices.get(id);
            (prices, arc_of(state))
        });
        let rows = prices.iter().flat_map(|prices| &prices.rows);
        let rows = rows.filter(|row| with_ended || row.is_live(now));
        let seen = rows.filter(|row| {
            let (channel, location) = (row.key.channel.as_ref(), row.key.location.as_ref());
            is_seen(&app.engine, &sight, row.key.list, channel, location)
        });
        let mut seen: Vec<_> = seen.map(|row| (book.name(row.key.list), row)).collect();
        // By the names of lists, which do not depend on when each was made.
        seen.sort_by(|a, b| a.0.cmp(b.0));
        let items: Vec<Value> = seen.into_iter().map(|(list, row)| views::row(&sku, list, row, now)).collect();
        Ok(json!({"seq": seq, "items": items, "next": null}).to_string())
    };
    crate::http::page::list(&app, &payer, told).await
}

fn arc_of(state: &anaquel_engine::state::DurableState) -> std::sync::Arc<anaquel_engine::prices::book::Book> {
    std::sync::Arc::clone(&state.own.prices.book())
}

/// For whom prices are asked.
pub struct Question {
    /// Through which channel.
    pub channel: String,
    /// At which location.
    pub location: Option<String>,
    /// From whichever location of a group.
    pub group: Option<String>,
    /// In which currency.
    pub currency: String,
    /// At which moment; now if left out.
    pub at: Option<String>,
}

impl Question {
    /// Resolves the names.
    ///
    /// # Errors
    /// A name is wrong, or the caller may not ask for it.
    pub fn read(self, engine: &Engine, caller: &Caller) -> Result<Asked, Problem> {
        let catalogue = &engine.state().catalogue;
        let channel = name("channel", &self.channel)?;
        caller.may_use_channel("channel", Some(channel.as_str()))?;
        wire::asking_channel(engine, Some(&channel))?;
        let code = Currency(currency::read("currency", &self.currency)?);
        let place = match (self.location, self.group) {
            (Some(_), Some(_)) => {
                return Err(Problem::invalid("group", "is given beside location; ask for one of both"));
            }
            (Some(text), None) => {
                let id = declared::location(catalogue, "location", &text)?;
                caller.may_use_location("location", Some(&text))?;
                PriceTarget::Location(id, name("location", &text)?)
            }
            (None, Some(text)) => {
                let id = declared::group(catalogue, "group", &text)?;
                if !Visibility::of(engine, caller).is_in(id) {
                    let detail = format!("group: this key is bound to locations, and none of them is in {text}");
                    return Err(Problem::new(Slug::Forbidden, detail).with("field", "group"));
                }
                PriceTarget::Group(id)
            }
            (None, None) => PriceTarget::Nowhere,
        };
        let now = engine.now();
        let at = self.at.map(|text| parse_time("at", &text)).transpose()?.unwrap_or(now);
        if now.since_ms(at) > KEPT_MS {
            let oldest = time(Timestamp(now.0 - KEPT_MS));
            return Err(Problem::invalid("at", format!("lies more than 60 days back; ask from {oldest} on")));
        }
        Ok(Asked { channel, place, currency: code, at, now })
    }
}

/// What lines cost: what is in force, or was, or will be.
#[utoipa::path(post, path = "/v1/prices/query", tag = "prices", security(("key" = ["read"])),
    params(("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")),
    request_body = PriceQueryBody,
    responses((status = 200, description = "What they cost"), (status = 400, description = "invalid-request")))]
pub async fn query(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let payer = Payer::of(request.extensions());
    let JsonRequest { caller, body, mut params } = extract::json_question::<PriceQueryBody>(&app, request).await?;
    let min_seq = params.number("min_seq")?;
    params.done()?;
    let lines = body.read_lines()?;
    app.wait_for(min_seq).await?;
    let PriceQueryBody { channel, location, group, currency, at, .. } = body;
    let asked = Question { channel, location, group, currency, at }.read(&app.engine, &caller)?;
    let told = move |app: &App| {
        let state = app.engine.state();
        let ids: Vec<(Option<SkuId>, u32)> =
            lines.iter().map(|(name, units)| (state.catalogue.skus.id(name.as_str()), *units)).collect();
        let quote = state.quote(&asked, &ids);
        let code = asked.currency.as_str();
        let mut missing: Vec<&str> = Vec::new();
        let mut items = Vec::with_capacity(lines.len());
        for ((name, units), price) in lines.iter().zip(&quote.lines) {
            match price {
                Some(price) => items.push(views::line(name.as_str(), *units, code, price)),
                None if missing.contains(&name.as_str()) => {}
                None => missing.push(name.as_str()),
            }
        }
        Ok(json!({"seq": quote.seq, "items": items, "missing": missing}).to_string())
    };
    crate::http::page::list(&app, &payer, told).await
}

/// Why something costs what it costs: the list that wins, those that lost, and to which.
#[utoipa::path(get, path = "/v1/prices/explain", tag = "prices", security(("key" = ["read"])),
    params(("sku" = String, Query, description = "The SKU"), ("channel" = String, Query, description = "Through which channel"),
        ("location" = Option<String>, Query, description = "At which location"),
        ("group" = Option<String>, Query, description = "From whichever location of a group"),
        ("currency" = String, Query, description = "In which currency", example = "EUR"),
        ("quantity" = Option<i64>, Query, description = "Units; 1 if left out"),
        ("at" = Option<String>, Query, description = "At which moment, up to 60 days back; now if left out")),
    responses((status = 200, description = "Why"), (status = 400, description = "invalid-request"), (status = 404, description = "not-found: the SKU")))]
pub async fn explain(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (sku, channel) = (params.one("sku")?, params.one("channel")?);
    let (location, group) = (params.one("location")?, params.one("group")?);
    let (code, units, at) = (params.one("currency")?, params.number::<i64>("quantity")?, params.one("at")?);
    params.done()?;
    let needed = |field: &str, text: Option<String>| text.ok_or_else(|| Problem::invalid(field, "is needed"));
    let (sku, channel, code) = (needed("sku", sku)?, needed("channel", channel)?, needed("currency", code)?);
    let units = wire::quantity("quantity", units.unwrap_or(1))?;
    let id = wire::known_sku(&app.engine.state().catalogue, &sku)?;
    let place = (location.clone(), group.clone());
    let asked = Question { channel, location, group, currency: code, at }.read(&app.engine, &caller)?;
    let told = move |app: &App| {
        let state = app.engine.state();
        let sight = Visibility::of(&app.engine, &caller);
        let (seq, (explained, book, class, rate)) = state.view.read(|| {
            let book = arc_of(state);
            let prices = state.own.prices.get(id);
            let none = Priced::default();
            let explained = book.explain(&asked, prices.as_deref().unwrap_or(&none), units);
            let class = state.own.prices.tax_class_of(id);
            let rate = book.rate(&class, &asked.place).unwrap_or(0);
            (explained, book, class, rate)
        });
        let seen = |list: ListId| is_seen(&app.engine, &sight, list, None, None);
        let (location, group) = place;
        let item = json!({
            "seq": seq,
            "sku": sku,
            "channel": asked.channel.as_str(),
            "location": location,
            "group": group,
            "currency": asked.currency.as_str(),
            "quantity": units,
            "at": time(asked.at),
            "tax_class": class,
            "tax_rate": rate,
        });
        let why = views::explained(&explained, |list| book.name(list).to_owned(), seen);
        Ok(views::joined(item, why).to_string())
    };
    crate::http::page::list(&app, &payer, told).await
}
