//! Sales: sell, read the ledger, add it up.

use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use anaquel_engine::engine::archive::ArchiveError;
use anaquel_engine::ids::{LocationId, Name, Seq, Timestamp};
use anaquel_engine::orders::payment::Origin;
use anaquel_engine::orders::{Filter, Order, SaleRow, SalesFilter};
use anaquel_engine::returns::Return;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::Uri;
use rustc_hash::{FxHashSet, FxHasher};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::act;
use super::bodies::sale::SaleBody;
use super::ledger::{self, By, Totals, read_by};
use crate::app::App;
use crate::auth::caller::Caller;
use crate::http::budget::Payer;
use crate::http::extract::{self, Params};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::wire;

/// Rows that one page examines.
const LOOKS_PER_PAGE: usize = 50_000;

/// Sums of one answer.
const SUMS_MAX: usize = 10_000;

/// Rows, orders and returns that the sums of one answer are made of.
const LOOKS_MAX: usize = 2_000_000;

/// What is left of them.
struct Looks(usize);

impl Looks {
    /// Takes so many.
    ///
    /// # Errors
    /// There are no more.
    fn take(&mut self, looks: usize) -> Result<(), Problem> {
        self.0 = self.0.checked_sub(looks).ok_or_else(|| {
            let reason = format!(
                "the sums would be of more than {LOOKS_MAX} rows or orders; give a from, a later one, an order or a customer"
            );
            Problem::invalid("from", reason)
        })?;
        Ok(())
    }
}

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sell, list)).routes(routes!(totals))
}

/// Sell: an order that is made, paid and handed over in one step.
#[utoipa::path(post, path = "/v1/sales", tag = "orders", security(("key" = ["sell"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Required if `order` is left out")),
    request_body = SaleBody,
    responses((status = 201, description = "The order"),
        (status = 200, description = "The order with this id, which the same content made; or `dry_run`: what it would be"),
        (status = 400, description = "invalid-request"), (status = 404, description = "not-found: the cart"),
        (status = 409, description = "price-mismatch, unbalanced, or already-exists"),
        (status = 412, description = "stale-version: the cart changed"),
        (status = 422, description = "idempotency-mismatch"), (status = 503, description = "read-only or overloaded")))]
pub async fn sell(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (request, digest) = extract::json_digested::<SaleBody>(&app, request).await?;
    request.params.done()?;
    Ok(act::sell(&app, &request.caller, digest, request.body).await?.into_response())
}

/// One end of a span: a moment, or a day of the locations' books.
#[derive(Debug, Clone, Copy)]
enum End {
    Moment(Timestamp),
    Day(i32),
}

/// Which rows are asked for.
#[derive(Debug, Clone, Default)]
struct Asked {
    filter: SalesFilter,
    first_day: Option<i32>,
    last_day: Option<i32>,
}

/// How far the day of a location's books may begin before that of UTC.
const ZONE_MS: u64 = 14 * 60 * 60 * 1000;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Asked {
    /// Before this moment nothing happened that is asked for.
    fn since(&self) -> Option<Timestamp> {
        let of_day = |day: i32| u64::try_from(day).unwrap_or(0) * DAY_MS;
        let day = self.first_day.map(|day| Timestamp(of_day(day).saturating_sub(ZONE_MS)));
        day.max(self.filter.from)
    }

    /// A digest of what is asked for: pages of two queries have no place in common.
    fn digest(&self) -> u32 {
        let mut hasher = FxHasher::default();
        format!("{self:?}").hash(&mut hasher);
        let wide = hasher.finish();
        (wide ^ (wide >> 32)) as u32
    }

    /// Money is told in a change of its order, at most a little ahead of the log.
    fn money_since(&self) -> Timestamp {
        self.since().map_or(Timestamp(0), |since| Timestamp(since.0.saturating_sub(DAY_MS)))
    }

    fn has_day(&self, business_date: i32) -> bool {
        self.first_day.is_none_or(|first| business_date >= first)
            && self.last_day.is_none_or(|last| business_date <= last)
    }
}

fn end(params: &mut Params, field: &str) -> Result<Option<End>, Problem> {
    let Some(text) = params.one(field)? else { return Ok(None) };
    let date = (text.len() == "1970-01-01".len()).then(|| text.parse::<jiff::civil::Date>().ok()).flatten();
    let Some(date) = date else { return wire::parse_time(field, &text).map(|at| Some(End::Moment(at))) };
    let days = jiff::civil::date(1970, 1, 1).until(date).map(|span| span.get_days());
    days.map(|days| Some(End::Day(days))).map_err(|_| Problem::invalid(field, format!("{text:?} is not a date")))
}

/// Reads the filter of both calls.
fn asked(app: &App, params: &mut Params) -> Result<Asked, Problem> {
    let catalogue = &app.engine.state().catalogue;
    let (from, to) = (end(params, "from")?, end(params, "to")?);
    let (channel, location) = (params.name("channel")?, params.one("location")?);
    let (till, customer) = (params.outside_name("till")?, params.outside_name("customer")?);
    let (sku, order) = (params.one("sku")?, params.outside_name("order")?);
    let moment = |end: Option<End>| match end {
        Some(End::Moment(at)) => Some(at),
        _ => None,
    };
    let day = |end: Option<End>| match end {
        Some(End::Day(day)) => Some(day),
        _ => None,
    };
    Params::check_span(moment(from), moment(to))?;
    Params::check_span(day(from), day(to))?;
    let filter = SalesFilter {
        from: moment(from),
        to: moment(to),
        channel,
        location: location.map(|text| wire::known_location(catalogue, &text)).transpose()?,
        till: till.map(|name| name.to_string()),
        customer: customer.map(|name| name.to_string()),
        sku: sku.map(|text| wire::known_sku(catalogue, &text)).transpose()?,
        order,
    };
    Ok(Asked { filter, first_day: day(from), last_day: day(to) })
}

/// Whether a bound caller sees what happened there: at one of their locations, or through one of their channels.
fn is_seen(app: &App, caller: &Caller, channel: &Name, location: Option<LocationId>) -> bool {
    let location = location.map(|id| app.engine.state().catalogue.locations.name(id).as_str());
    match caller.principal.as_ref().is_some_and(|principal| !principal.identity.locations.is_empty()) {
        true => caller.may_use_location("location", location).is_ok(),
        false => caller.may_use_channel("channel", Some(channel.as_str())).is_ok(),
    }
}

/// Which rows and which money an answer may count: those of the days that are asked for that the caller sees.
#[derive(Clone, Copy)]
struct Sight<'a> {
    app: &'a App,
    caller: &'a Caller,
    asked: &'a Asked,
}

impl Sight<'_> {
    fn has_row(&self, row: &SaleRow) -> bool {
        self.asked.has_day(row.business_date) && is_seen(self.app, self.caller, &row.channel, row.location)
    }

    fn has_money(&self, origin: &Origin) -> bool {
        self.asked.has_day(origin.business_date) && is_seen(self.app, self.caller, &origin.channel, origin.location)
    }
}

/// Where a page of the ledger begins: the place of the row before it, and what the pages are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    place: (Seq, u16),
    of: u32,
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let place = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let of = u32::from_str_radix(parts.next()?, 36).ok()?;
        parts.next().is_none().then_some(Self { place, of })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place: (seq, nth), of } = self;
        let mut digits = Vec::new();
        let mut left = *of;
        // Seven digits at most.
        loop {
            digits.extend(char::from_digit(left % 36, 36));
            left /= 36;
            if left == 0 {
                break;
            }
        }
        let digits: String = digits.into_iter().rev().collect();
        write!(f, "{seq}-{nth}-{digits}")
    }
}

/// The place of a `next` of the same query.
fn cursor(text: Option<String>, of: u32) -> Result<Option<(Seq, u16)>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let cursor = Cursor::read(&text).ok_or_else(|| Problem::invalid("after", "is not a `next` of this list"))?;
    match cursor.of == of {
        true => Ok(Some(cursor.place)),
        false => {
            Err(Problem::invalid("after", "is a `next` of another query; leave it out, or send that query's filter"))
        }
    }
}

/// The sales ledger: a row for each line that was handed over or came back, in log order.
#[utoipa::path(get, path = "/v1/sales", tag = "orders", security(("key" = ["sell"])),
    params(
        ("from" = Option<String>, Query, description = "Happened at this time or later; or a date: from this business day on"),
        ("to" = Option<String>, Query, description = "Happened before this time; or a date: up to this business day"),
        ("channel" = Option<String>, Query, description = "Through this channel"),
        ("location" = Option<String>, Query, description = "At this location"),
        ("till" = Option<String>, Query, description = "At this till"),
        ("customer" = Option<String>, Query, description = "Of this customer"),
        ("sku" = Option<String>, Query, description = "Of this SKU"),
        ("order" = Option<String>, Query, description = "Of this order"),
        ("after" = Option<String>, Query, description = "`next` of the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, description = "A page of rows; it may be short, and still have a `next`"),
        (status = 400, description = "invalid-request"), (status = 404, description = "not-found: a location or a SKU")))]
pub async fn list(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let asked = asked(&app, &mut params)?;
    let of = asked.digest();
    let (after, limit, min_seq) = (cursor(params.one("after")?, of)?, params.limit()?, params.number("min_seq")?);
    params.done()?;
    app.wait_for(min_seq).await?;
    let page = move |app: &App| {
        let seq = app.engine.state().view.seq();
        let (rows, next) = app.engine.sales(&asked.filter, asked.since(), after, limit, LOOKS_PER_PAGE)?;
        let mut page = Page::new(app);
        let sight = Sight { app, caller: &caller, asked: &asked };
        for row in rows.iter().filter(|row| sight.has_row(row)) {
            if !page.add(ledger::row(&app.engine, row)) {
                break;
            }
            page.is_at(Cursor { place: row.key(), of }.to_string());
        }
        Ok(page.end_before(seq, next.map(|place| Cursor { place, of }.to_string())))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// Sums of the ledger; with `tender`, of payments captured and refunds done.
#[utoipa::path(get, path = "/v1/sales/totals", tag = "orders", security(("key" = ["sell"])),
    params(
        ("by" = Option<String>, Query, description = "`channel`, `location`, `till`, `business_date`, `tender`, `tax_rate`, with commas between; all in one if left out", example = "location,business_date"),
        ("from" = Option<String>, Query, description = "Happened at this time or later; or a date: from this business day on"),
        ("to" = Option<String>, Query, description = "Happened before this time; or a date: up to this business day"),
        ("channel" = Option<String>, Query, description = "Through this channel"),
        ("location" = Option<String>, Query, description = "At this location"),
        ("till" = Option<String>, Query, description = "At this till"),
        ("customer" = Option<String>, Query, description = "Of this customer"),
        ("sku" = Option<String>, Query, description = "Of this SKU; not with `tender`"),
        ("order" = Option<String>, Query, description = "Of this order"),
        ("min_seq" = Option<u64>, Query, description = "Wait until this `seq` is visible")
    ),
    responses((status = 200, description = "The sums"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found: a location or a SKU")))]
pub async fn totals(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let by = read_by(&params.one("by")?.unwrap_or_default())?;
    let asked = asked(&app, &mut params)?;
    let min_seq = params.number("min_seq")?;
    params.done()?;
    let of_money = by.contains(&By::Tender);
    if of_money && asked.filter.sku.is_some() {
        return Err(Problem::invalid("sku", "is given with tender: money is of whole orders; leave one of both out"));
    }
    app.wait_for(min_seq).await?;
    let told = move |app: &App| {
        let state = app.engine.state();
        let seq = state.view.seq();
        let sight = Sight { app, caller: &caller, asked: &asked };
        let (mut totals, mut looks) = (Totals::new(&app.engine, &by), Looks(LOOKS_MAX));
        if of_money {
            add_money(sight, &mut totals, &mut looks)?;
            add_refunds(sight, &mut totals, &mut looks)?;
        } else {
            let (mut after, since) = (None, asked.since());
            loop {
                let (rows, next) = app.engine.sales(&asked.filter, since, after, LOOKS_PER_PAGE, LOOKS_PER_PAGE)?;
                rows.iter().filter(|row| sight.has_row(row)).for_each(|row| totals.add(row));
                after = next;
                if after.is_none() || totals.len() > SUMS_MAX {
                    break;
                }
                looks.take(LOOKS_PER_PAGE)?;
            }
        }
        if totals.len() > SUMS_MAX {
            let reason = format!("asks for more than {SUMS_MAX} sums; ask for fewer at a time");
            return Err(Problem::invalid("by", reason));
        }
        Ok(json!({"seq": seq, "items": totals.items(), "next": null}).to_string())
    };
    crate::http::page::list(&app, &payer, told).await
}

/// Pages through memory, or through memory and the archive where that has keys; each page is added with the ids of what is
/// in it. Memory is read page by page, so that no read keeps the writer waiting long. Returns the ids.
fn each_page<I: Copy + Eq + Hash, T>(
    totals: &mut Totals<'_>,
    looks: &mut Looks,
    page: impl Fn(Option<I>) -> Result<(Vec<Arc<T>>, Option<I>), ArchiveError>,
    add: impl Fn(&mut Totals<'_>, &T) -> I,
) -> Result<FxHashSet<I>, Problem> {
    let (mut known, mut before) = (FxHashSet::default(), None);
    loop {
        let (found, next) = page(before)?;
        known.extend(found.iter().map(|one| add(totals, one)));
        before = next;
        if before.is_none() || totals.len() > SUMS_MAX {
            return Ok(known);
        }
        looks.take(LOOKS_PER_PAGE)?;
    }
}

/// Whether a walk of the archive goes on: it ends once there are too many sums or no looks are left.
fn goes_on(totals: &Totals<'_>, looks: &mut Looks, over: &mut Result<(), Problem>) -> ControlFlow<()> {
    *over = looks.take(1);
    match over.is_err() || totals.len() > SUMS_MAX {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Adds the refunds of returns, as [`add_money`] does the money of orders.
fn add_refunds(sight: Sight<'_>, totals: &mut Totals<'_>, looks: &mut Looks) -> Result<(), Problem> {
    let Sight { app, asked, .. } = sight;
    let matching = anaquel_engine::returns::Filter {
        customer: asked.filter.customer.clone(),
        order: asked.filter.order.clone(),
        ..Default::default()
    };
    let add = |totals: &mut Totals<'_>, back: &Return| {
        totals.add_refunds(back, |origin: &Origin| sight.has_money(origin), &asked.filter);
        back.id
    };
    let engine = &app.engine;
    if matching.customer.is_some() || matching.order.is_some() {
        // The archive has keys for these.
        let page = |before| engine.returns(&matching, before, LOOKS_PER_PAGE, LOOKS_PER_PAGE);
        return each_page(totals, looks, page, add).map(drop);
    }
    let page = |before| Ok(engine.state().own.returns.list(&matching, before, LOOKS_PER_PAGE, LOOKS_PER_PAGE));
    let known = each_page(totals, looks, page, add)?;
    let mut over = Ok(());
    engine.archived_returns_since(asked.money_since(), &known, &mut |back| {
        add(totals, back);
        goes_on(totals, looks, &mut over)
    })?;
    over
}

/// Adds the money of orders: of one, or of all that match. Memory is read before the archive, so that what leaves meanwhile
/// is found once.
fn add_money(sight: Sight<'_>, totals: &mut Totals<'_>, looks: &mut Looks) -> Result<(), Problem> {
    let Sight { app, asked, .. } = sight;
    let of_customer = Filter { customer: asked.filter.customer.clone(), ..Filter::default() };
    let add = |totals: &mut Totals<'_>, order: &Order| {
        totals.add_money(order, |origin: &Origin| sight.has_money(origin), &asked.filter);
        order.id
    };
    let engine = &app.engine;
    if let Some(name) = &asked.filter.order {
        let order = engine.order(name.as_str())?;
        if let Some(order) = order.filter(|order| of_customer.matches(order)) {
            add(totals, &order);
        }
        return Ok(());
    }
    if of_customer.customer.is_some() {
        // The archive has keys for these.
        let page = |before| engine.orders(&of_customer, before, LOOKS_PER_PAGE, LOOKS_PER_PAGE);
        return each_page(totals, looks, page, add).map(drop);
    }
    let page = |before| Ok(engine.state().own.orders.list(&of_customer, before, LOOKS_PER_PAGE, LOOKS_PER_PAGE));
    let known = each_page(totals, looks, page, add)?;
    let mut over = Ok(());
    engine.archived_orders_since(asked.money_since(), &known, &mut |order| {
        add(totals, order);
        goes_on(totals, looks, &mut over)
    })?;
    over
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_its_own_query() {
        for of in [0, 35, 36, u32::MAX] {
            let cursor = Cursor { place: (70_000, 3), of };
            assert_eq!(Cursor::read(&cursor.to_string()), Some(cursor));
            assert_eq!(self::cursor(Some(cursor.to_string()), of).unwrap(), Some((70_000, 3)));
            assert_eq!(self::cursor(Some(cursor.to_string()), of ^ 1).unwrap_err().status(), 400);
        }
        for text in ["", "7", "7-1", "7-1-z-1", "x-1-1", "7-70000-1", "7-1-\u{e9}"] {
            assert_eq!(Cursor::read(text), None, "{text}");
        }
        let of_order = Asked {
            filter: SalesFilter { order: Some(Name::from("a".to_owned())), ..SalesFilter::default() },
            ..Asked::default()
        };
        assert_ne!(of_order.digest(), Asked::default().digest());
    }

    #[test]
    fn sums_end_at_their_bound() {
        let mut looks = Looks(3);
        looks.take(2).unwrap();
        assert_eq!(looks.take(2).unwrap_err().status(), 400);
    }
}
