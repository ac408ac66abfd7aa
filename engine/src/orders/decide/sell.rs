//! Selling: an order that is made, paid and handed over in one step. Goods that a customer took along are always recorded.

use super::coverage::Coverage;
use super::exit;
use super::money::tell_payments;
use super::place::{charge, line, take_cart};
use super::step::{OrderChange, origin_of, tell_as_is};
use crate::decide::{Decide, Decision};
use crate::ids::SkuId;
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::kernel::name_ref::NameRef;
use crate::orders::command::Sell;
use crate::orders::event::PartStep;
use crate::orders::line::Fulfilment;
use crate::orders::order::{Flag, Order, OrderId, OrderState};
use crate::orders::step_kind::StepKind;
use crate::refusal::{Failure, PriceDifference, Refusal};
use crate::reservations::decide::step::give_back_all;
use crate::stock::decide::{ToldMovement, move_cell};
use crate::stock::movement::MovementKind;

/// Decides a sale.
pub(super) fn sell(cx: &mut Decide<'_>, asked: Sell, cause: &mut Option<Box<Cause>>) -> Decision {
    if let Some(known) = cx.draft.own.orders.named(cx.state, &asked.name) {
        if known.digest == asked.digest {
            return tell_as_is(cx, known, cause);
        }
        return Err(Refusal::AlreadyExists { kind: "order", name: asked.name, seq: known.id.0 }.into());
    }
    sold(cx, asked, cause)?.log(cx, cause)
}

/// A sale as a step of its order, not logged yet.
///
/// # Errors
/// Prices changed or are missing, or it is not paid.
pub(crate) fn sold(cx: &mut Decide<'_>, asked: Sell, cause: &Option<Box<Cause>>) -> Result<OrderChange, Failure> {
    let Some(location) = asked.teller.location else {
        return Err(Refusal::invalid("location", "is required: goods leave a location").into());
    };
    let (till, number) = (asked.teller.till.as_deref(), asked.till_reference.as_deref());
    if let (Some(till), Some(number)) = (till, number)
        && let Some(order) = cx.draft.own.orders.told_by_till(cx.state, location, till, number)
    {
        let seq = cx.draft.own.orders.named(cx.state, &order).map_or(0, |order| order.id.0);
        return Err(Refusal::AlreadyExists { kind: "order", name: order, seq }.into());
    }
    let is_late = asked.pricing.is_none();
    let origin = origin_of(cx, &asked.teller, cause)?;
    let taken = asked.cart.as_ref().map(|cart| take_cart(cx, cart)).transpose()?;
    let caller = Cause::caller(cause.as_deref());
    let mut skus: Vec<SkuId> = Vec::with_capacity(asked.lines.len());
    for (at, fields) in asked.lines.iter().enumerate() {
        let field = || format!("lines[{at}].sku");
        skus.push(cx.draft.make_up_sku(&NameRef::New(fields.sku.clone()), caller, &field)?);
    }
    if let Some(pricing) = asked.pricing
        && !cx.state.own.prices.stand(pricing.seq, pricing.until, cx.draft.now, skus.iter().copied())
    {
        return Err(Refusal::Repriced.into());
    }
    let mut order = Order {
        id: OrderId(0),
        version: 0,
        name: asked.name,
        digest: asked.digest,
        state: OrderState::Confirmed,
        channel: asked.teller.channel.clone(),
        begun_in: taken.as_ref().map_or_else(|| asked.teller.channel.clone(), |taken| taken.begun_in.clone()),
        customer: asked.customer.or_else(|| taken.as_ref().and_then(|taken| taken.customer.clone())),
        cart: asked.cart.map(|cart| cart.name),
        reference: None,
        currency: asked.currency,
        lines: asked.lines.iter().zip(&skus).map(|(fields, sku)| line(fields, *sku)).collect(),
        charges: asked.charges.into_iter().map(charge).collect(),
        fulfilments: Vec::new(),
        codes: asked.codes,
        payments: Vec::new(),
        refunds: Vec::new(),
        receipts: Vec::new(),
        returns: Vec::new(),
        imported: None,
        exit: None,
        pay_at_handover: false,
        till: asked.teller.till.clone(),
        till_reference: asked.till_reference,
        flags: Vec::new(),
        priced_at: asked.pricing.map_or(cx.draft.builder.next_seq() - 1, |pricing| pricing.seq),
        created_at: cx.draft.now,
        expires_at: None,
        history: Vec::new(),
    };
    if let Some(checkout) = &asked.self_checkout {
        order.exit = Some(Box::new(exit::begin(cx, checkout, order.customer.as_deref())));
    }
    let unpriced: Vec<PriceDifference> = asked
        .lines
        .iter()
        .filter(|line| line.terms.unit_amount.is_none())
        .map(|line| PriceDifference { line: line.name.clone(), expected: None, actual: None })
        .collect();
    if !unpriced.is_empty() {
        return Err(Refusal::PriceMismatch { lines: unpriced, total: order.total() }.into());
    }
    if !is_late && asked.expected_total.is_some_and(|expected| expected != order.total()) {
        let difference = |line: &crate::orders::command::LineFields| PriceDifference {
            line: line.name.clone(),
            expected: None,
            actual: line.terms.unit_amount,
        };
        let lines = asked.lines.iter().map(difference).collect();
        return Err(Refusal::PriceMismatch { lines, total: order.total() }.into());
    }
    tell_payments(&mut order, asked.payments, &origin, "payments")?;
    if order.covered() < order.total() {
        if !is_late {
            return Err(Refusal::Unbalanced { due: order.total(), tendered: order.covered() }.into());
        }
        order.flags.push(Flag::Unbalanced);
    }
    order.fulfilments = vec![Fulfilment::carried_out(location, &order.lines)];
    let told_at = origin.late(cx.draft.now);
    let quantities: Few<u32> = order.lines.iter().map(|line| line.quantity).collect();
    let reference = order.name.to_string();
    let mut change = OrderChange::of(order, StepKind::Sold, origin);
    if let Some(taken) = taken {
        // What the cart held is sold from its holds, or given back: it is free for nobody in between.
        for id in &taken.holds {
            change.parts.push(PartStep::Cancelled(give_back_all(cx, *id)));
        }
        change.cart = Some(taken.ordered(&change.order));
    }
    for (at, (sku, quantity)) in skus.into_iter().zip(quantities).enumerate() {
        let told = ToldMovement {
            kind: MovementKind::Sale,
            change: -i64::from(quantity),
            told_at,
            reference: Some(reference.clone()),
            supply: None,
            unplanned: false,
        };
        let moved = move_cell(cx, (sku, location), told, &mut Vec::new(), &|field| format!("lines[{at}].{field}"))?;
        let absorbed = moved.absorbed;
        change.moved.push(moved);
        change.hand_over(at, quantity, Some(location), absorbed);
    }
    change.sell_charges(Some(location));
    change.order.settle_state();
    change.asked = asked.receipt.map(|receipt| (receipt, Coverage::HandedOver));
    Ok(change)
}
