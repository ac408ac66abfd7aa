//! Making an order: its units are held or promised, all or none, and its prices no longer move.

use super::coverage::Coverage;
use super::document;
use super::money::tell_payments;
use super::step::{NEW, OrderChange, origin_of, tell_as_is};
use crate::carts::decide::take;
use crate::carts::line::CartId;
use crate::carts::ordered::CartOrdered;
use crate::catalogue::release::channel_of;
use crate::decide::{Decide, Decision, unknown};
use crate::ids::{ChannelId, Name, ReservationId, SkuId};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::kernel::name_ref::NameRef;
use crate::orders::command::{ChargeFields, FromCart, FulfilmentFields, LineFields, Place, Pricing};
use crate::orders::event::PartStep;
use crate::orders::line::{Charge, Fulfilment, FulfilmentLine, OrderLine, Source};
use crate::orders::on_receipts::{ChargeOnReceipt, OnReceipts};
use crate::orders::order::{Order, OrderId, OrderState};
use crate::orders::step_kind::StepKind;
use crate::refusal::{Failure, PriceDifference, Refusal};
use crate::reservations::bounds::Bounds;
use crate::reservations::command::{GroupLine, Reserve, ReserveLine};
use crate::reservations::decide::reserve;
use crate::reservations::parent::{Parent, ParentKind};
use crate::reservations::promise::Replaced;

/// Decides an order to make.
pub(super) fn place(cx: &mut Decide<'_>, asked: Place, cause: &mut Option<Box<Cause>>) -> Decision {
    if let Some(known) = cx.draft.own.orders.named(cx.state, &asked.name) {
        if known.digest == asked.digest {
            return tell_as_is(cx, known, cause);
        }
        return Err(Refusal::AlreadyExists { kind: "order", name: asked.name, seq: known.id.0 }.into());
    }
    let origin = origin_of(cx, &asked.teller, cause)?;
    let taken = asked.cart.as_ref().map(|cart| take_cart(cx, cart)).transpose()?;
    let mut order = Order {
        id: OrderId(0),
        version: 0,
        name: asked.name,
        digest: asked.digest,
        state: if asked.confirm { OrderState::Confirmed } else { OrderState::Open },
        channel: asked.teller.channel.clone(),
        begun_in: taken.as_ref().map_or_else(|| asked.teller.channel.clone(), |taken| taken.begun_in.clone()),
        customer: asked.customer.or_else(|| taken.as_ref().and_then(|taken| taken.customer.clone())),
        cart: asked.cart.map(|cart| cart.name),
        reference: asked.reference,
        currency: asked.currency,
        lines: Vec::new(),
        charges: asked.charges.into_iter().map(charge).collect(),
        fulfilments: Vec::new(),
        codes: asked.codes,
        payments: Vec::new(),
        refunds: Vec::new(),
        receipts: Vec::new(),
        returns: Vec::new(),
        imported: None,
        exit: None,
        pay_at_handover: asked.pay_at_handover,
        till: asked.teller.till.clone(),
        till_reference: None,
        flags: Vec::new(),
        priced_at: asked.pricing.seq,
        created_at: cx.draft.now,
        expires_at: None,
        history: Vec::new(),
    };
    let skus = add_lines(cx, &mut order, &asked.fulfilments)?;
    check_prices(cx, &order, &asked.fulfilments, asked.pricing, &skus, asked.expected_total)?;
    tell_payments(&mut order, asked.payments, &origin, "payments")?;
    if asked.confirm && !order.pay_at_handover && order.covered() < order.total() {
        return Err(Refusal::Unbalanced { due: order.total(), tendered: order.covered() }.into());
    }
    let mut change = OrderChange::of(order, StepKind::Placed, origin);
    change.asked = asked.receipt.filter(|_| asked.confirm).map(|receipt| (receipt, Coverage::Order));
    if let Some(asked) = &change.asked {
        change.checked = document::check(cx, &change, asked)?;
    }
    let (supersedes, replaces_parts_of) = match taken {
        Some(taken) => {
            let parent = Parent { kind: ParentKind::Cart, seq: taken.cart.0, name: taken.name.clone() };
            change.cart = Some(taken.ordered(&change.order));
            (taken.holds.iter().copied().collect(), vec![parent])
        }
        None => (Few::new(), Vec::new()),
    };
    let (ttl_seconds, confirm, bounds) = (asked.ttl_seconds, asked.confirm, asked.bounds);
    let holds = Holds { ttl_seconds, confirm, bounds, supersedes, replaces_parts_of };
    let promised = promise(cx, &change.order, &asked.fulfilments, holds, cause)?;
    let order = &mut change.order;
    order.expires_at = promised
        .first()
        .map(|promised| promised.arranged.promised.reserved.expires_at)
        .filter(|_| order.state == OrderState::Open);
    change.parts = promised.into_iter().map(PartStep::Promised).collect();
    change.log(cx, cause)
}

/// What an order takes from a cart.
pub(super) struct TakenCart {
    pub cart: CartId,
    pub name: Name,
    /// The promises that it holds.
    pub holds: Vec<ReservationId>,
    pub begun_in: Name,
    pub customer: Option<Box<str>>,
}

impl TakenCart {
    /// What the cart knows of the order.
    pub fn ordered(&self, order: &Order) -> CartOrdered {
        CartOrdered { cart: self.cart, order: order.name.clone(), channel: order.channel.clone() }
    }
}

/// Takes an open cart at the version that the request was worked out from.
///
/// # Errors
/// The cart is not open; another version than the one that the caller named, or than the one that was read meanwhile.
pub(super) fn take_cart(cx: &mut Decide<'_>, asked: &FromCart) -> Result<TakenCart, Failure> {
    let taken = take(cx, &asked.name, Some(asked.version)).map_err(|failure| match failure {
        Failure::Refused(Refusal::StaleVersion { .. }) if !asked.is_named => Refusal::Repriced.into(),
        failure => failure,
    })?;
    Ok(TakenCart {
        cart: taken.cart,
        name: asked.name.clone(),
        holds: taken.holds,
        begun_in: taken.begun_in,
        customer: taken.customer.map(|customer| customer.as_str().into()),
    })
}

pub(super) fn charge(fields: ChargeFields) -> Charge {
    let ChargeFields { name, amount, tax_rate } = fields;
    Charge {
        name,
        amount,
        tax_rate,
        cancelled_amount: 0,
        returned_amount: 0,
        is_sold: false,
        receipt: ChargeOnReceipt::default(),
    }
}

/// A line at its price; a line without a price costs nothing until [`check_prices`] refuses it.
pub(super) fn line(fields: &LineFields, sku: SkuId) -> OrderLine {
    let LineFields { name, quantity, terms, .. } = fields;
    OrderLine {
        name: name.clone(),
        sku,
        quantity: *quantity,
        unit_amount: terms.unit_amount.unwrap_or(0),
        price_list: terms.price_list.clone(),
        discount: terms.discount,
        tax_rate: terms.tax_rate,
        by_hand: terms.by_hand,
        price_differs: terms.price_differs,
        handed_over: 0,
        cancelled: 0,
        cancelled_amount: 0,
        returned: 0,
        handed_over_at: None,
        receipts: OnReceipts::default(),
    }
}

/// Adds the fulfilments of a request and their lines to an order; returns the SKUs of the lines.
///
/// # Errors
/// A SKU that is not known.
pub(super) fn add_lines(
    cx: &Decide<'_>,
    order: &mut Order,
    fulfilments: &[FulfilmentFields],
) -> Result<Vec<SkuId>, Failure> {
    let count = fulfilments.iter().map(|fulfilment| fulfilment.lines.len()).sum();
    let mut skus = Vec::with_capacity(count);
    order.lines.reserve_exact(count);
    order.fulfilments.reserve_exact(fulfilments.len());
    for (nth, asked) in fulfilments.iter().enumerate() {
        let mut lines = Vec::with_capacity(asked.lines.len());
        for (at, fields) in asked.lines.iter().enumerate() {
            let field = || format!("fulfilments[{nth}].lines[{at}].sku");
            let sku = cx.draft.known_sku(&fields.sku).ok_or_else(|| unknown(&field(), &fields.sku))?;
            lines.push(FulfilmentLine::new(order.lines.len() as u16, fields.quantity));
            order.lines.push(line(fields, sku));
            skus.push(sku);
        }
        order.fulfilments.push(Fulfilment {
            name: asked.name.clone(),
            purpose: asked.purpose,
            source: asked.source,
            reservation: Some(NEW),
            lines,
            address: asked.address.clone(),
            pickup_by: asked.pickup_by,
            promised_for: asked.promised_for,
            tracking: None,
        });
    }
    Ok(skus)
}

/// Checks that the prices of a request are those in force, and what they come to.
///
/// # Errors
/// [`Refusal::Repriced`] if anything that they rest on changed since; a line without a price; another total than expected.
pub(super) fn check_prices(
    cx: &Decide<'_>,
    order: &Order,
    fulfilments: &[FulfilmentFields],
    pricing: Pricing,
    skus: &[SkuId],
    expected_total: Option<u64>,
) -> Result<(), Failure> {
    if !cx.state.own.prices.stand(pricing.seq, pricing.until, cx.draft.now, skus.iter().copied()) {
        return Err(Refusal::Repriced.into());
    }
    let asked = fulfilments.iter().flat_map(|fulfilment| &fulfilment.lines);
    let difference = |fields: &LineFields| PriceDifference {
        line: fields.name.clone(),
        expected: None,
        actual: fields.terms.unit_amount,
    };
    let total = order.total();
    let unpriced: Vec<_> = asked.clone().filter(|line| line.terms.unit_amount.is_none()).map(difference).collect();
    if !unpriced.is_empty() {
        return Err(Refusal::PriceMismatch { lines: unpriced, total }.into());
    }
    if expected_total.is_some_and(|expected| expected != total) {
        return Err(Refusal::PriceMismatch { lines: asked.map(difference).collect(), total }.into());
    }
    Ok(())
}

/// How the promises of an order are made.
pub(super) struct Holds {
    pub ttl_seconds: u32,
    pub confirm: bool,
    pub bounds: Bounds,
    /// The holds that they replace.
    pub supersedes: Few<crate::ids::ReservationId>,
    pub replaces_parts_of: Vec<Parent>,
}

/// The promises of the fulfilments of a request, all or none, in their order.
pub(super) fn promise(
    cx: &mut Decide<'_>,
    order: &Order,
    fulfilments: &[FulfilmentFields],
    holds: Holds,
    cause: &Option<Box<Cause>>,
) -> Result<Vec<Replaced>, Failure> {
    let reserves = reserves(cx, order, fulfilments, holds)?;
    let channel: ChannelId = match reserves.first() {
        Some(first) => channel_of(cx, first, cause)?,
        None => return Err(Refusal::invalid("fulfilments", "is empty; name at least one").into()),
    };
    reserve::promise_together(cx, reserves, channel, cause)
}

/// The promises of the fulfilments of a request, as they are asked for.
pub(super) fn reserves(
    cx: &Decide<'_>,
    order: &Order,
    fulfilments: &[FulfilmentFields],
    holds: Holds,
) -> Result<Vec<Reserve>, Failure> {
    let Holds { ttl_seconds, confirm, bounds, supersedes, replaces_parts_of } = holds;
    let mut first_line = 0;
    let mut reserves = Vec::with_capacity(fulfilments.len());
    for (nth, asked) in fulfilments.iter().enumerate() {
        let (mut lines, mut group_lines) = (Few::new(), Vec::new());
        for (at, line) in asked.lines.iter().enumerate() {
            let sku = cx.draft.known_sku(&line.sku).ok_or_else(|| unknown("sku", &line.sku))?;
            let LineFields { quantity, latest, .. } = *line;
            match asked.source {
                Source::Location(location) => lines.push(ReserveLine { sku, location, quantity, latest }),
                Source::Group(group) => {
                    group_lines.push(GroupLine { at: first_line + at, sku, group, quantity, latest });
                }
            }
        }
        let is_first = nth == 0;
        reserves.push(Reserve {
            channel: NameRef::New(order.channel.clone()),
            channel_name: order.channel.clone(),
            purpose: asked.purpose,
            customer: order.customer.clone(),
            order: Some(order.name.as_str().into()),
            ttl_seconds,
            confirm,
            allow_partial: false,
            supersedes: if is_first { supersedes.clone() } else { Few::new() },
            lines,
            group_lines,
            admitted: Few::new(),
            fetched_at: None,
            is_attempt: false,
            bounds: bounds.clone(),
            first_line,
            replaces_parts_of: if is_first { replaces_parts_of.clone() } else { Vec::new() },
        });
        first_line += asked.lines.len();
    }
    Ok(reserves)
}
