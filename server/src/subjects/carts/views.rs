//! JSON of carts. Prices, taxes and what is available are worked out here, at one `seq`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::carts::event::Event;
use anaquel_engine::carts::line::{CartId, CartLine};
use anaquel_engine::carts::{Cart, CartAnswer, Happened};
use anaquel_engine::effect::Effect;
use anaquel_engine::event::{CellAfter, Made};
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, SkuId};
use anaquel_engine::money::tax_in;
use anaquel_engine::prices::book::{Asked, PriceTarget};
use anaquel_engine::prices::query::Quote;
use anaquel_engine::prices::row::AMOUNT_MAX;
use anaquel_engine::reservation::ReservationState;
use anaquel_engine::state::DurableState;
use serde_json::{Value, json};

use super::bodies::token_text;
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::wire::time;

/// Where a cart's prices and stock are looked up.
enum Place {
    Location(LocationId),
    Group(GroupId),
    Nowhere,
}

impl Place {
    /// The location of the cart; otherwise the target of its hold.
    fn of(cart: &Cart) -> Self {
        let (location, group) = cart.hold.as_ref().map_or((None, None), |hold| (hold.location, hold.group));
        match (cart.location.or(location), group) {
            (Some(location), _) => Self::Location(location),
            (None, Some(group)) => Self::Group(group),
            (None, None) => Self::Nowhere,
        }
    }

    fn target(&self, state: &DurableState) -> PriceTarget {
        match self {
            Self::Location(id) => PriceTarget::Location(*id, state.catalogue.locations.name(*id).clone()),
            Self::Group(id) => PriceTarget::Group(*id),
            Self::Nowhere => PriceTarget::Nowhere,
        }
    }
}

/// The amounts of a cart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    subtotal: u64,
    tax: u64,
}

/// Adds up the lines that have a price: each with its amount and its rate. Tax is worked out once for each rate.
fn sums(lines: impl Iterator<Item = (u64, u32)>) -> Sums {
    let mut by_rate: BTreeMap<u32, u64> = BTreeMap::new();
    for (amount, rate) in lines {
        let sum = by_rate.entry(rate).or_default();
        *sum = sum.saturating_add(amount);
    }
    let subtotal = by_rate.values().fold(0_u64, |sum, of_rate| sum.saturating_add(*of_rate));
    let tax = by_rate.iter().map(|(rate, sum)| tax_in(*sum, *rate)).sum();
    Sums { subtotal, tax }
}

/// What a line comes to; `None` without a price, or beyond the largest amount.
fn amount_of(unit_amount: Option<u64>, quantity: u32) -> Option<u64> {
    unit_amount?.checked_mul(quantity.into()).filter(|amount| *amount <= AMOUNT_MAX)
}

/// What is available of each line; `None` where the channel gets no numbers, and without a place.
fn available(
    state: &DurableState,
    sight: &Visibility<'_>,
    skus: &[SkuId],
    channel: Option<ChannelId>,
    place: &Place,
) -> Vec<(SkuId, u64)> {
    match place {
        Place::Location(location) => {
            let (_, cells) = state.availability(skus, Some(&[*location]), channel);
            let exact = |sku: SkuId| sight.band_alone(sku, *location).is_none();
            let found = cells.iter().filter(|cell| cell.exact && exact(cell.sku));
            let mut found: Vec<_> = found.map(|cell| (cell.sku, u64::from(cell.available))).collect();
            // A location without a cell has nothing of the SKU.
            let missing = skus.iter().filter(|sku| !cells.iter().any(|cell| cell.sku == **sku));
            found.extend(missing.map(|sku| (*sku, 0)));
            found
        }
        Place::Group(group) => {
            let (_, groups) = state.group_availability(skus, &[*group], channel);
            let exact = groups.iter().filter(|of| of.exact && !sight.has_bands());
            exact.map(|of| (of.sku, of.available)).collect()
        }
        Place::Nowhere => Vec::new(),
    }
}

/// Whether what is available of a cart is planned over a group, which takes longer than looking up a location.
pub fn needs_plan(cart: &Cart) -> bool {
    matches!(Place::of(cart), Place::Group(_))
}

/// A cart at one `seq`, with its prices and stock. `shows_token` if the answer is about this one cart; without `plans`,
/// what is available in a group stays unknown.
pub fn cart(engine: &Engine, caller: &Caller, id: CartId, shows_token: bool, plans: bool) -> Option<(Seq, Value)> {
    let state = engine.state();
    let sight = Visibility::of(engine, caller);
    let now = engine.now();
    let skus_of = |cart: &Cart| {
        let mut skus: Vec<SkuId> = cart.lines.iter().map(|line| line.sku).collect();
        skus.sort_unstable();
        skus.dedup();
        skus
    };
    let (seq, found) = state.view.read(|| {
        let cart = state.own.carts.get(id)?;
        let place = Place::of(&cart);
        let channel = state.catalogue.channels.id(cart.channel.as_str());
        let target = place.target(state);
        let (channel_name, currency) = (cart.channel.clone(), cart.currency);
        let asked = Asked { channel: channel_name, place: target, currency, at: now, now };
        let wanted: Vec<_> = cart.lines.iter().map(|line| (Some(line.sku), line.quantity)).collect();
        let quote = state.quote(&asked, &wanted);
        let book = state.own.prices.book();
        let rate = |line: &CartLine| book.rate(&state.own.prices.tax_class_of(line.sku), &asked.place).unwrap_or(0);
        let rates: Vec<u32> = cart.lines.iter().map(rate).collect();
        let at_location = matches!(place, Place::Location(_));
        let available = at_location.then(|| available(state, &sight, &skus_of(&cart), channel, &place));
        let is_held = |id: &&ReservationId| {
            state.reservations.get(**id).is_some_and(|held| held.state_at(now) == ReservationState::Held)
        };
        let holds: Vec<ReservationId> = cart.holds().iter().filter(is_held).copied().collect();
        Some((cart, quote, rates, available, holds, channel, place))
    });
    let (cart, quote, rates, available, holds, channel, place) = found?;
    // Planning a group takes longer than one read may.
    let available = match available {
        Some(available) => available,
        None if plans => self::available(state, &sight, &skus_of(&cart), channel, &place),
        None => Vec::new(),
    };
    let shows_token = shows_token && caller.may_use_channel("channel", Some(cart.channel.as_str())).is_ok();
    let item = item(engine, &cart, seq, (&quote, &rates), &available, &holds);
    Some((cart.version, with_token(item, &cart, shows_token)))
}

fn with_token(mut item: Value, cart: &Arc<Cart>, shows_token: bool) -> Value {
    if let Value::Object(members) = &mut item
        && shows_token
    {
        members.insert("token".into(), token_text(cart.token).into());
    }
    item
}

fn item(
    engine: &Engine,
    cart: &Cart,
    seq: Seq,
    (quote, rates): (&Quote, &[u32]),
    available: &[(SkuId, u64)],
    holds: &[ReservationId],
) -> Value {
    let catalogue = &engine.state().catalogue;
    let place = |id: LocationId| catalogue.locations.name(id).as_str();
    let unit_amount = |at: usize| Some(quote.lines.get(at)?.as_ref()?.amount);
    let amounts: Vec<Option<u64>> =
        cart.lines.iter().enumerate().map(|(at, line)| amount_of(unit_amount(at), line.quantity)).collect();
    let line = |(at, line): (usize, &CartLine)| {
        json!({
            "line": &*line.line,
            "sku": catalogue.skus.name(line.sku).as_str(),
            "quantity": line.quantity,
            "unit_amount": unit_amount(at),
            "amount": amounts.get(at).copied().flatten(),
            "available": available.iter().find(|(sku, _)| *sku == line.sku).map(|(_, units)| units),
        })
    };
    let happened = |step: &Happened| {
        json!({
            "seq": step.seq,
            "time": time(step.time),
            "kind": step.kind.as_str(),
            "channel": step.channel.as_ref().map(|name| name.as_str()),
            "location": step.location.map(place),
            "actor": step.actor.as_deref(),
        })
    };
    let Sums { subtotal, tax } = sums(amounts.iter().zip(rates).filter_map(|(amount, rate)| Some(((*amount)?, *rate))));
    json!({
        "cart": cart.name.as_str(),
        "state": cart.state.as_str(),
        "channel": cart.channel.as_str(),
        "customer": cart.customer.as_ref().map(|name| name.as_str()),
        "location": cart.location.map(place),
        "currency": cart.currency.as_str(),
        "lines": cart.lines.iter().enumerate().map(line).collect::<Vec<_>>(),
        "codes": cart.codes,
        "offers": [],
        "subtotal": subtotal,
        "discount": 0,
        "tax": tax,
        "total": subtotal,
        "holds": holds.iter().map(|id| engine.reservation_id(*id)).collect::<Vec<_>>(),
        "merged_into": cart.merged_into.as_ref().map(|(_, name)| name.as_str()),
        "order": cart.order.as_ref().map(|name| name.as_str()),
        "updated_at": time(cart.updated_at),
        "expires_at": time(cart.expires_at),
        "history": cart.history.iter().map(happened).collect::<Vec<_>>(),
        "version": cart.version,
        "seq": seq,
    })
}

/// Lines that a merge left out.
pub fn dropped(engine: &Engine, lines: &[CartLine]) -> Vec<Value> {
    lines.iter().map(|line| plain_line(engine, line)).collect()
}

fn plain_line(engine: &Engine, line: &CartLine) -> Value {
    let sku = engine.state().catalogue.skus.name(line.sku);
    json!({"line": &*line.line, "sku": sku.as_str(), "quantity": line.quantity})
}

/// The kept answer of a step: which cart it is about.
pub fn told(engine: &Engine, told: &CartAnswer) -> Value {
    json!({"cart": name(engine, told.cart), "dropped": dropped(engine, &told.dropped)})
}

/// The id of a cart; null once it is forgotten.
fn name(engine: &Engine, id: CartId) -> Option<String> {
    engine.state().own.carts.get(id).map(|cart| cart.name.to_string())
}

/// An event, as `/v1/events` tells it: its kind, and what it says; never the secret of a cart.
pub fn event(engine: &Engine, event: &Event, cell: impl Fn(&CellAfter) -> Value) -> (&'static str, Value) {
    let catalogue = &engine.state().catalogue;
    let name = |id| name(engine, id);
    let location = |id: LocationId| catalogue.locations.name(id).as_str();
    let lines = |lines: &[CartLine]| lines.iter().map(|line| plain_line(engine, line)).collect::<Vec<_>>();
    let cells = || {
        let mut items = Vec::new();
        event.effects(&mut |effect| {
            if let Effect::Cell(after, _) = effect {
                items.push(cell(after));
            }
        });
        items
    };
    match event {
        Event::Made(made) => (
            "cart_made",
            json!({
                "cart": made.name.as_str(),
                "channel": made.channel.as_str(),
                "customer": made.customer.as_ref().map(|name| name.as_str()),
                "location": made.location.map(location),
                "currency": made.currency.as_str(),
                "lines": lines(&made.lines),
                "codes": made.codes,
                "expires_at": time(made.expires_at),
            }),
        ),
        Event::LinesSet(set) => (
            "cart_lines_set",
            json!({
                "cart": name(set.cart),
                "channel": set.channel.as_str(),
                "lines": lines(&set.lines),
                "codes": set.codes,
                "expires_at": time(set.expires_at),
            }),
        ),
        Event::CustomerSet(set) => (
            "cart_customer_set",
            json!({
                "cart": name(set.cart),
                "customer": set.customer.as_str(),
                "expires_at": time(set.expires_at),
            }),
        ),
        Event::Merged(merged) => (
            "cart_merged",
            json!({
                "cart": name(merged.cart),
                "merged_into": merged.into_name.as_str(),
                "lines": lines(&merged.lines),
                "dropped": lines(&merged.dropped),
                "items": cells(),
            }),
        ),
        Event::Held(held) => {
            let promises = std::slice::from_ref(&held.promise);
            let reserved = &held.promise.arranged.promised.reserved;
            let superseded = Made::parts(promises, &held.parent).flat_map(|made| made.superseded());
            let superseded: Vec<_> = superseded.map(|old| engine.reservation_id(old.reservation)).collect();
            (
                "cart_held",
                json!({
                    "cart": held.parent.name.as_str(),
                    "channel": held.channel.as_str(),
                    "purpose": reserved.purpose.as_str(),
                    "location": held.location.map(location),
                    "group": held.group.map(|id| catalogue.groups.name(id).as_str()),
                    "expires_at": time(reserved.expires_at),
                    "supersedes": superseded,
                    "items": cells(),
                }),
            )
        }
        Event::Closed(closed) => ("cart_closed", json!({"cart": name(closed.cart), "items": cells()})),
        Event::Expired(expired) => (
            "cart_expired",
            json!({
                "carts": expired.carts.iter().filter_map(|id| name(*id)).collect::<Vec<_>>(),
                "made_room": expired.made_room,
                "items": cells(),
            }),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_is_worked_out_once_for_each_rate_and_included_in_the_total() {
        let cases: &[(&[(u64, u32)], Sums)] = &[
            (&[], Sums::default()),
            (&[(1000, 2100)], Sums { subtotal: 1000, tax: 174 }),
            // 1,000 and 500 at 21 %: 260.33; each by itself would be 173.55 and 86.78.
            (&[(1000, 2100), (500, 2100)], Sums { subtotal: 1500, tax: 260 }),
            (&[(1000, 2100), (105, 500), (7, 0)], Sums { subtotal: 1112, tax: 179 }),
        ];
        for (lines, expected) in cases {
            assert_eq!(sums(lines.iter().copied()), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_line_beyond_the_largest_amount_has_none() {
        assert_eq!(amount_of(Some(5), 3), Some(15));
        assert_eq!(amount_of(None, 3), None);
        assert_eq!(amount_of(Some(AMOUNT_MAX), 1), Some(AMOUNT_MAX));
        assert_eq!(amount_of(Some(AMOUNT_MAX), 2), None);
        assert_eq!(amount_of(Some(u64::MAX), 2), None);
    }
}
