//! What was found, as its caller sees it: the record or, if it waits at another location, only where.

use std::time::Instant;

use anaquel_engine::barcodes::{InStore, Measure, Patterns, units_of_amount};
use anaquel_engine::gtin::Gtin;
use anaquel_engine::ids::{ChannelId, LocationId, SkuId, Timestamp};
use anaquel_engine::orders::Source;
use anaquel_engine::prices::book::Asked;
use anaquel_engine::prices::query::LinePrice;
use anaquel_engine::reservation::{Filter, Reservation};
use anaquel_engine::reservations::parent::ParentKind;
use serde_json::{Value, json};

use super::code;
use crate::app::App;
use crate::archived;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;
use crate::subjects::catalogue::views as catalogue;
use crate::subjects::orders::{routes as orders, sight};
use crate::subjects::receipts::{routes as receipts, views as receipt_views};
use crate::subjects::reservations::codes::{Tried, closed, lists_codes, note_wrong};
use crate::subjects::reservations::recall::handles;
use crate::subjects::reservations::views::ReservationView;
use crate::subjects::returns::{act as returns, views as return_views};
use crate::subjects::stock::cell::CellWriter;
use crate::subjects::{prices, transfers};

/// What a code may name, in the order in which it is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A SKU, by its id or GTIN, or by a barcode of the location's own.
    Sku,
    /// A reservation, by its pickup code or id.
    Reservation,
    /// An order, by its id, or by the pickup code of a fulfilment.
    Order,
    /// A receipt, by its id, number, key, or link.
    Receipt,
    /// A return.
    Return,
    /// A transfer.
    Transfer,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [Self::Sku, Self::Reservation, Self::Order, Self::Receipt, Self::Return, Self::Transfer];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sku => "sku",
            Self::Reservation => "reservation",
            Self::Order => "order",
            Self::Receipt => "receipt",
            Self::Return => "return",
            Self::Transfer => "transfer",
        }
    }

    /// The scopes of which one lets a caller find it.
    fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Sku => &[Scope::Read, Scope::Sell, Scope::Stock, Scope::Fulfil],
            Self::Reservation => &[Scope::Reserve, Scope::Fulfil],
            Self::Order => &[Scope::Sell, Scope::Fulfil],
            Self::Receipt => &[Scope::Sell],
            Self::Return => &[Scope::Sell, Scope::Stock],
            Self::Transfer => &[Scope::Stock],
        }
    }
}

/// Where it is looked for.
pub struct Place {
    /// The location.
    pub location: Option<LocationId>,
    /// The channel.
    pub channel: Option<ChannelId>,
    /// Which price is asked for, if any.
    pub price: Option<Asked>,
}

/// What a code names.
pub struct Found {
    kind: &'static str,
    id: String,
    record: Value,
    /// What of an order the code names.
    fulfilment: Option<String>,
    /// What waits at the location, if only that is told.
    of: Option<&'static str>,
    /// What a barcode of the location's own says of the SKU.
    measure: Option<Value>,
}

impl Found {
    fn new(kind: Kind, id: impl Into<String>, record: Value) -> Self {
        Self { kind: kind.as_str(), id: id.into(), record, fulfilment: None, of: None, measure: None }
    }

    /// What a caller hears of something that is at another location.
    fn elsewhere(app: &App, kind: Kind, location: LocationId) -> Self {
        let record = catalogue::location(&app.engine, location).1;
        let id = app.engine.state().catalogue.locations.name(location).to_string();
        Self { of: Some(kind.as_str()), kind: "location", ..Self::new(kind, id, record) }
    }

    /// The answer.
    pub fn into_value(self, seq: u64) -> Value {
        let Self { kind, id, record, fulfilment, of, measure } = self;
        json!({
            "seq": seq, "kind": kind, "id": id, "record": record, "fulfilment": fulfilment, "of": of, "measure": measure,
        })
    }
}

/// Looks a code up as one kind after the other; `None` if it names nothing that the caller may find.
///
/// # Errors
/// Too many unknown pickup codes, or the archive is unreadable.
pub async fn find(
    app: &App,
    caller: &Caller,
    code: &str,
    kinds: &[Kind],
    place: &Place,
) -> Result<Option<Found>, Problem> {
    for kind in kinds.iter().filter(|kind| caller.may(kind.scopes()).is_ok()) {
        let found = match kind {
            Kind::Sku => sku(app, code, place),
            Kind::Reservation => reservation(app, caller, code, place).await?,
            Kind::Order => order(app, caller, code).await?,
            Kind::Receipt => receipt(app, caller, code).await?,
            Kind::Return => match returns::find_announced(app, caller, code).await {
                Ok(back) => Some(Found::new(Kind::Return, back.name.as_str(), return_views::item(&app.engine, &back))),
                Err(problem) => nothing(problem)?,
            },
            Kind::Transfer => transfer(app, caller, code),
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Not to be there is no error here.
fn nothing<T>(problem: Problem) -> Result<Option<T>, Problem> {
    if problem.slug() == "not-found" { Ok(None) } else { Err(problem) }
}

fn sku(app: &App, code: &str, place: &Place) -> Option<Found> {
    let state = app.engine.state();
    let by_id = |text: &str| state.catalogue.skus.id(text).filter(|id| state.catalogue.skus.is_live(*id));
    let by_gtin = |gtin| state.catalogue.skus_of_gtin(gtin).into_iter().find(|id| state.catalogue.skus.is_live(*id));
    let (id, read) = match by_id(code).or_else(|| by_gtin(Gtin::parse(code).ok()?)) {
        Some(id) => (id, None),
        None => {
            let read = in_store(app, code, place)?;
            (by_gtin(read.gtin).or_else(|| by_id(&read.item))?, Some(read))
        }
    };
    let name = state.catalogue.skus.name(id);
    let price = price(app, id, place);
    let measure = read.map(|read| measure(app, id, &read, price.as_ref()));
    let price = price.zip(place.price.as_ref());
    let price = price.map(|(line, asked)| prices::views::line(name.as_str(), 1, asked.currency.as_str(), &line));
    let mut record = catalogue::sku(&app.engine, id).1;
    if let Value::Object(members) = &mut record {
        members.insert("price".into(), price.into());
        members.insert("cell".into(), cell(app, id, place));
    }
    Some(Found { measure, ..Found::new(Kind::Sku, name.as_str(), record) })
}

/// A code that the location printed itself, as its patterns read it.
fn in_store(app: &App, code: &str, place: &Place) -> Option<InStore> {
    let trading = app.engine.state().catalogue.trading(place.location?)?;
    Patterns::of_details(&trading.details.barcodes).read(code)
}

/// What such a code says of its SKU.
fn measure(app: &App, id: SkuId, read: &InStore, price: Option<&LinePrice>) -> Value {
    let details = app.engine.state().catalogue.skus.details_or_default(id);
    let (grams, amount, quantity) = match read.measure {
        Measure::Grams(grams) => (Some(grams), None, details.units_of_grams(grams)),
        Measure::Amount(amount) => (None, Some(amount), price.and_then(|price| units_of_amount(amount, price.amount))),
    };
    json!({"pattern": read.pattern, "item": read.item, "grams": grams, "amount": amount, "quantity": quantity})
}

fn price(app: &App, id: SkuId, place: &Place) -> Option<LinePrice> {
    let quote = app.engine.state().quote(place.price.as_ref()?, &[(Some(id), 1)]);
    quote.lines.into_iter().next().flatten()
}

/// The cell at the location, as the channel sees it.
fn cell(app: &App, id: SkuId, place: &Place) -> Value {
    let Some(location) = place.location else { return Value::Null };
    let Some(view) = app.engine.state().cell(id, location, place.channel) else { return Value::Null };
    let mut text = String::new();
    CellWriter::new(&app.engine).whole_cell(&mut text, &view);
    serde_json::from_str(&text).unwrap_or_default()
}

/// A reservation by its pickup code or its id; where it is a fulfilment of an order, the order.
async fn reservation(app: &App, caller: &Caller, code: &str, place: &Place) -> Result<Option<Found>, Problem> {
    if let Some(id) = app.engine.parse_reservation_id(code) {
        let found = crate::subjects::reservations::recall::reservation(app, caller, id).await;
        return match found {
            Ok(reservation) => seen(app, caller, &reservation, place).await,
            Err(problem) => nothing(problem),
        };
    }
    let Some(pickup_code) = code::pickup_code(code) else { return Ok(None) };
    // A caller that hands over may look up a code that a customer shows, but not try all codes.
    let tried = caller.principal.as_ref().map(|principal| Tried::LookUp(principal.identity.share));
    let nth = match tried {
        Some(what) => {
            let begun = app.codes.begin(what, Instant::now());
            Some((what, begun.map_err(|wait| closed("look-ups by pickup_code", app.codes.most(what), wait))?))
        }
        None => None,
    };
    let filter = Filter { pickup_code: Some(pickup_code), ..Filter::default() };
    let seen_at = if app.engine.expiry_frozen() { Timestamp(0) } else { app.engine.now() };
    let listed = app.with_engine(caller, move |engine| engine.list(&filter, seen_at, None, 16)).await??;
    // A code is that of one open reservation; closed ones may have had it before.
    let newest = listed.items.iter().find(|found| found.state.is_open()).or_else(|| listed.items.first());
    match (newest, nth) {
        (Some(_), Some((what, _))) => app.codes.give_back(what),
        (None, Some((what, nth))) => note_wrong(caller, "look-up", nth, app.codes.most(what)),
        (_, None) => {}
    }
    match newest {
        Some(found) => seen(app, caller, found, place).await,
        None => Ok(None),
    }
}

/// A reservation as a caller sees it: its order, itself, or only where it is.
async fn seen(app: &App, caller: &Caller, reservation: &Reservation, place: &Place) -> Result<Option<Found>, Problem> {
    let places: Vec<LocationId> =
        reservation.lines.iter().filter(|line| line.unallocated().is_none()).map(|line| line.location).collect();
    let is_here = place.location.is_none_or(|here| places.is_empty() || places.contains(&here));
    if !is_here || handles(app, caller, reservation).is_err() {
        let first = places.first().filter(|_| !is_here || place.location.is_some());
        return Ok(first.map(|location| Found::elsewhere(app, Kind::Reservation, *location)));
    }
    let parent = reservation.parent.as_deref().filter(|parent| parent.kind == ParentKind::Order);
    if let Some(parent) = parent
        && let Some(order) = archived::order(app, caller.who, parent.name.as_str()).await?
    {
        let named = order.fulfilments.iter().find(|one| one.reservation == Some(reservation.id));
        let record = orders::told(app, caller, &order, false);
        let found = Found::new(Kind::Order, order.name.as_str(), record);
        return Ok(Some(Found { fulfilment: named.map(|one| one.name.to_string()), ..found }));
    }
    let view = ReservationView::new(&app.engine, reservation, app.engine.now()).telling_code(lists_codes(caller));
    let record = serde_json::to_value(&view).unwrap_or_default();
    Ok(Some(Found::new(Kind::Reservation, app.engine.reservation_id(reservation.id), record)))
}

async fn order(app: &App, caller: &Caller, code: &str) -> Result<Option<Found>, Problem> {
    let Some(order) = archived::order(app, caller.who, code).await? else { return Ok(None) };
    if sight::sees(app, caller, &order).is_ok() {
        let record = orders::told(app, caller, &order, sight::sees_codes(caller, &order));
        return Ok(Some(Found::new(Kind::Order, order.name.as_str(), record)));
    }
    let first = order.fulfilments.iter().find_map(|one| match one.source {
        Source::Location(location) => Some(location),
        Source::Group(_) => None,
    });
    Ok(first.map(|location| Found::elsewhere(app, Kind::Order, location)))
}

async fn receipt(app: &App, caller: &Caller, code: &str) -> Result<Option<Found>, Problem> {
    let found = match code::receipt_key(code) {
        Some(key) => archived::receipt_by_key(app, caller.who, key).await?,
        None => {
            let mut found = None;
            for id in code::receipts(code, &app.engine.state().own.receipts) {
                found = archived::receipt(app, caller.who, &id).await?;
                if found.is_some() {
                    break;
                }
            }
            found
        }
    };
    let Some(receipt) = found else { return Ok(None) };
    let id = receipt.issued.id.to_string();
    if receipts::is_visible(caller, &receipt) {
        return Ok(Some(Found::new(Kind::Receipt, id, receipt_views::receipt(&app.engine, &receipt))));
    }
    let location = receipt.issued.location.as_ref();
    let location = location.and_then(|name| app.engine.state().catalogue.locations.id(name.as_str()));
    Ok(location.map(|location| Found::elsewhere(app, Kind::Receipt, location)))
}

fn transfer(app: &App, caller: &Caller, code: &str) -> Option<Found> {
    let transfer = app.engine.state().own.transfers.named(code)?;
    match transfers::routes::visible(app, caller, &transfer) {
        Ok(()) => {
            let record = transfers::views::transfer(&app.engine, &transfer);
            Some(Found::new(Kind::Transfer, transfer.name.as_str(), record))
        }
        Err(_) => Some(Found::elsewhere(app, Kind::Transfer, transfer.content.to)),
    }
}
