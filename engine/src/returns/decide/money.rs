//! What is paid back, and what is taken in exchange.

use super::record::Change;
use super::step::{find, in_exchange, in_state, tell_as_is};
use crate::decide::{Decide, Decision};
use crate::ids::Name;
use crate::kernel::cause::Cause;
use crate::kernel::tender::Tender;
use crate::orders::Order;
use crate::orders::command::{PaymentFields, RefundFields, Sell};
use crate::orders::decide::{OrderChange, RefundBounds, origin_of, refunds_told, sold};
use crate::orders::payment::RefundPart;
use crate::orders::payment::{PaymentState, RefundState};
use crate::orders::step_kind::StepKind as OrderStepKind;
use crate::refusal::{Failure, Refusal};
use crate::returns::command::{Money, Refunds};
use crate::returns::refund_plan::{Look, refund_plan};
use crate::returns::repaid::{Repaid, free_name, has_payment, is_planned, pays_for, put_exchanged};
use crate::returns::returned::{Return, ReturnState, StepKind};

/// Adds the refunds of a return to it: the exchange first, then those of the request or of the plan.
///
/// # Errors
/// They are not what the plan says, or do not add up; the exchange is refused.
pub(super) fn pay_back(
    cx: &mut Decide<'_>,
    change: &mut Change,
    money: &Money,
    is_late: bool,
    cause: &Option<Box<Cause>>,
) -> Result<(), Failure> {
    if let Some(exchange) = &money.exchange {
        take_exchange(cx, change, (**exchange).clone(), money, cause)?;
    }
    let order = change.order.as_ref().map(|order| order.order.clone());
    let repaid = Repaid { order: order.as_ref(), money, origin: &change.origin, is_late, look: &InBatch(cx) };
    repaid.put(&mut change.returned)?;
    link(change);
    Ok(())
}

/// The order knows what was paid back, and to which of its payments.
fn link(change: &mut Change) {
    let Some(of_order) = &mut change.order else { return };
    let parts = change.returned.refund_parts();
    if let Some(link) = of_order.order.returns.iter_mut().find(|link| link.name == change.returned.name) {
        link.refunds = parts;
    }
}

fn plan(cx: &Decide<'_>, order: &Order, amount: u64) -> Vec<RefundPart> {
    refund_plan(order, amount, &InBatch(cx))
}

/// Returns and orders after the batch so far.
struct InBatch<'a, 'd>(&'a Decide<'d>);

impl Look for InBatch<'_, '_> {
    fn returned(&self, name: &str) -> Option<Return> {
        self.0.draft.own.returns.named(self.0.state, name)
    }

    fn order(&self, name: &Name) -> Option<Order> {
        self.0.draft.own.orders.named(self.0.state, name)
    }
}

/// Takes a sale in exchange: what comes back pays for it, as far as it reaches.
fn take_exchange(
    cx: &mut Decide<'_>,
    change: &mut Change,
    mut sell: Sell,
    money: &Money,
    cause: &Option<Box<Cause>>,
) -> Result<(), Failure> {
    let amount = pays_for(&change.returned, &sell)?;
    if sell.customer.is_none() {
        sell.customer.clone_from(&change.returned.customer);
    }
    if amount > 0 {
        let reference = Some(change.returned.name.as_str().into());
        let (tender, state) = (Tender::Exchange, PaymentState::Captured);
        let name = free_name("exchange", sell.payments.iter().filter_map(|one| one.name.as_deref()));
        sell.payments.push(PaymentFields { name: Some(name), tender, amount, state, reference, given: None });
    }
    let name: Name = sell.name.clone();
    let taken = sold(cx, sell, cause).map_err(in_exchange)?;
    if amount > 0 {
        put_exchanged(&mut change.returned, money, &name, amount, &change.origin);
    }
    change.returned.exchange = Some(name);
    change.exchange = Some(taken);
    Ok(())
}

/// Reports refunds of a return.
pub(super) fn refunds(cx: &mut Decide<'_>, asked: Refunds, cause: &mut Option<Box<Cause>>) -> Decision {
    let mut returned = find(cx, &asked.name)?;
    match returned.state {
        ReturnState::Received | ReturnState::Settled => {}
        ReturnState::Announced | ReturnState::Cancelled => return Err(in_state(&returned)),
    }
    let origin = origin_of(cx, &asked.teller, cause)?;
    let is_late = origin.late(cx.draft.now).is_some();
    let order = returned.order.clone().and_then(|name| cx.draft.own.orders.named(cx.state, &name));
    let order = order.filter(|order| order.returns.iter().any(|link| link.name == returned.name));
    if !is_late && !asked.may_divide && !is_replaced_or_planned(cx, &returned, order.as_ref(), &asked.refunds) {
        return Err(Refusal::OffPlan.into());
    }
    let mut refunds = returned.refunds.clone();
    // What the order itself paid back since is not paid back again.
    let due =
        returned.refund_due().min(order.as_ref().map_or(u64::MAX, |order| order.refund_due() + rest_due(&returned)));
    let bounds = RefundBounds {
        of: &returned.name,
        version: returned.version,
        due: (!is_late).then_some(due),
        must_be: None,
        is_payment: &|payment| order.as_ref().is_some_and(|order| has_payment(order, payment)),
    };
    if !refunds_told(&mut refunds, asked.refunds, &origin, &bounds)? {
        return tell_as_is(cx, returned, cause);
    }
    returned.refunds = refunds;
    returned.owed = returned.owed.max(returned.refunded());
    if returned.state == ReturnState::Settled && returned.refund_due() > 0 {
        returned.state = ReturnState::Received;
    }
    let mut change = Change::of(returned, StepKind::Refunded, origin.clone());
    if let Some(order) = order {
        let mut of_order = OrderChange::of(order, OrderStepKind::Refunded, origin);
        of_order.returned = Some(change.returned.name.clone());
        change.order = Some(of_order);
        link(&mut change);
    }
    change.log(cx, cause)
}

/// What is due of a return that belongs to no order.
fn rest_due(returned: &Return) -> u64 {
    returned.lines.iter().filter(|line| line.is_unreferenced).map(|line| line.refund_amount).sum()
}

/// Whether refunds are those of the plan, or replace one that failed.
fn is_replaced_or_planned(
    cx: &Decide<'_>,
    returned: &Return,
    order: Option<&Order>,
    reported: &[RefundFields],
) -> bool {
    let is_known =
        |name: Option<&str>| name.is_some() && returned.refunds.iter().any(|known| name == Some(&known.name));
    let new: Vec<RefundFields> = reported
        .iter()
        .filter(|reported| !is_known(reported.name.as_deref()) && reported.state.counts())
        .cloned()
        .collect();
    let fails = |reported: &RefundFields| reported.state == RefundState::Failed && is_known(reported.name.as_deref());
    let any_failed =
        returned.refunds.iter().any(|refund| refund.state == RefundState::Failed) || reported.iter().any(fails);
    let amount = new.iter().map(|reported| reported.amount).sum();
    let planned = order.map(|order| plan(cx, order, amount)).unwrap_or_default();
    any_failed || is_planned(&new, &planned)
}
