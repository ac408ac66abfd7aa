//! Goods come back: they go to the shelf or into quarantine, and what they are worth is paid back.

use super::came::came;
use super::money::pay_back;
use super::record::Change;
use super::step::{find, in_state, known_lines};
use crate::decide::{Decide, Decision, left};
use crate::ids::{ChannelId, LocationId, SkuId, Timestamp};
use crate::kernel::cause::Cause;
use crate::orders::decide::{BroughtBack, Coverage, OrderChange, origin_of};
use crate::orders::event::SoldRow;
use crate::orders::payment::Origin;
use crate::orders::step_kind::StepKind as OrderStepKind;
use crate::orders::{Charge, Order, SaleRow};
use crate::receipts::receipt::Tendered;
use crate::refusal::{Failure, Refusal};
use crate::returns::command::{ChargeFields, KnownLine, Money, Receive};
use crate::returns::planned::{
    Planned, PlannedLine, Question, checked_place, kind_of_move, take as take_of_order, take_without_sale,
};
use crate::returns::returned::{Condition, Return, ReturnState, StepKind};
use crate::stock::decide::{ToldMovement, move_cell};
use crate::stock::movement::{Moved, MovementKind};

/// Goods that come back.
pub(super) struct Taking {
    pub returned: Return,
    pub order: Option<Order>,
    pub lines: Vec<KnownLine>,
    pub charges: Vec<ChargeFields>,
    pub money: Money,
    pub origin: Origin,
    pub is_late: bool,
    /// Whether it names an order or a receipt, known or not.
    pub is_of_sale: bool,
}

/// Takes announced goods back.
pub(super) fn receive(cx: &mut Decide<'_>, asked: Receive, cause: &mut Option<Box<Cause>>) -> Decision {
    let mut returned = find(cx, &asked.name)?;
    if returned.state != ReturnState::Announced {
        return Err(in_state(&returned));
    }
    let origin = origin_of(cx, &asked.teller, cause)?;
    let is_late = origin.late(cx.draft.now).is_some();
    let order = returned.order.clone().and_then(|name| cx.draft.own.orders.named(cx.state, &name));
    let order = order.ok_or(Refusal::NotFound("order"))?;
    let mut lines = came(&returned, asked.lines, is_late)?;
    // What was said when they were announced still counts, as far as nothing else is said.
    for fields in &mut lines {
        let announced = returned.lines.iter().find(|of| Some(&of.name) == fields.line.as_ref());
        fields.condition = fields.condition.or(announced.and_then(|of| of.condition));
        fields.reason = fields.reason.take().or_else(|| announced.and_then(|of| of.reason.clone()));
    }
    lines.retain(|fields| fields.quantity > 0);
    let charges = asked.charges.unwrap_or_else(|| announced_charges(&returned, &order, lines.is_empty()));
    returned.state = ReturnState::Received;
    returned.expires_at = None;
    returned.channel = origin.channel.clone();
    (returned.location, returned.till) = (origin.location, origin.till.clone());
    let lines = known_lines(cx, lines, is_late, cause)?;
    let (order, money) = (Some(order), asked.money);
    let taking = Taking { returned, order, lines, charges, money, origin, is_late, is_of_sale: true };
    take(cx, taking, cause)
}

/// What of the announced charges can still come back; none if no goods come.
fn announced_charges(returned: &Return, order: &Order, is_nothing: bool) -> Vec<ChargeFields> {
    let left = |name: &str| order.charges.iter().find(|charge| &*charge.name == name).map_or(0, Charge::returnable);
    let announced = returned.charges.iter().filter(|_| !is_nothing);
    let charges = announced.map(|of| ChargeFields { charge: of.name.clone(), amount: of.amount.min(left(&of.name)) });
    charges.filter(|charge| charge.amount > 0).collect()
}

/// Takes goods back.
pub(super) fn take(cx: &mut Decide<'_>, taking: Taking, cause: &mut Option<Box<Cause>>) -> Decision {
    let Taking { mut returned, mut order, lines, charges, money, origin, is_late, is_of_sale } = taking;
    let is_quarantine = origin.location.is_some_and(|location| cx.draft.is_quarantine(location));
    let location = checked_place(origin.location, is_quarantine, &lines)?;
    let channel = cx.draft.known_channel(&origin.channel);
    let at = origin.occurred_at;
    let reported: u64 = money.refunds.iter().flatten().filter(|one| one.state.counts()).map(|one| one.amount).sum();
    let planned = plan(cx, order.as_mut(), &lines, &charges, (location, channel), (at, is_late, reported))?;
    planned.put(&mut returned, order.as_mut(), is_of_sale);
    let mut change = Change::of(returned, StepKind::Received, origin.clone());
    let mut of_order = order.map(|order| OrderChange::of(order, OrderStepKind::Returned, origin.clone()));
    for (nth, planned) in planned.lines.iter().enumerate() {
        let moved = move_back(cx, planned, location, (at, is_late), change.returned.name.as_str(), nth)?;
        match (&mut of_order, planned.of) {
            (Some(of_order), Some(number)) => bring(of_order, planned, number, location, moved),
            _ => {
                change.rows.push(row_of(&change.returned, planned, &origin, moved.absorbed));
                change.moved.push(moved);
            }
        }
    }
    if let Some(of_order) = &mut of_order {
        for (number, amount) in &planned.charges {
            of_order.sold.push(SoldRow {
                line: *number as u16,
                is_charge: true,
                location: Some(location),
                quantity: 0,
                amount: -(*amount as i64),
                discount: 0,
                absorbed: false,
            });
        }
        of_order.returned = Some(change.returned.name.clone());
    }
    change.order = of_order;
    pay_back(cx, &mut change, &money, is_late, cause)?;
    ask_receipt(&mut change, &planned, money);
    change.log(cx, cause)
}

fn plan(
    cx: &Decide<'_>,
    order: Option<&mut Order>,
    lines: &[KnownLine],
    charges: &[ChargeFields],
    (location, channel): (LocationId, Option<ChannelId>),
    (at, is_late, paid_back): (Timestamp, bool, u64),
) -> Result<Planned, Failure> {
    let policy = |sku: SkuId| cx.state.return_policy(sku, Some(location), channel);
    let question = Question { lines, charges, at, is_late, paid_back, policy: &policy };
    let planned = match order {
        Some(order) => take_of_order(order, &question),
        None => take_without_sale(&question),
    };
    planned.map_err(Failure::from)
}

/// Moves units to the shelf, or into the quarantine of the place.
fn move_back(
    cx: &mut Decide<'_>,
    planned: &PlannedLine,
    location: LocationId,
    (at, is_late): (Timestamp, bool),
    reference: &str,
    nth: usize,
) -> Result<Moved, Failure> {
    let sku = planned.line.sku;
    let is_sellable = planned.line.condition == Some(Condition::Sellable);
    let kind = kind_of_move(planned.line.condition, cx.state.catalogue.is_tracked(sku));
    let place = match kind {
        MovementKind::Return => location,
        _ => cx.draft.quarantine_at(location).ok_or_else(|| left::locations("location"))?,
    };
    debug_assert!(is_sellable || place != location || !cx.state.catalogue.is_tracked(sku), "it is not sold unseen");
    let reported = ToldMovement {
        kind,
        change: i64::from(planned.line.quantity),
        told_at: is_late.then_some(at),
        reference: Some(reference.to_owned()),
        supply: None,
        unplanned: false,
    };
    move_cell(cx, (sku, place), reported, &mut Vec::new(), &|field| format!("lines[{nth}].{field}"))
}

/// Adds units that come back to the step of the order.
fn bring(change: &mut OrderChange, planned: &PlannedLine, number: usize, location: LocationId, moved: Moved) {
    change.sold.push(SoldRow {
        line: number as u16,
        is_charge: false,
        location: Some(location),
        quantity: -i64::from(planned.line.quantity),
        amount: -(planned.line.refund_amount as i64),
        discount: -planned.discount,
        absorbed: moved.absorbed,
    });
    change.moved.push(moved);
}

/// The row of the ledger for units of no known sale; its place in the log is known when it is logged.
fn row_of(returned: &Return, planned: &PlannedLine, origin: &Origin, absorbed: bool) -> SaleRow {
    SaleRow {
        seq: 0,
        nth: 0,
        time: Timestamp(0),
        occurred_at: origin.occurred_at,
        business_date: origin.business_date,
        channel: origin.channel.clone(),
        location: origin.location,
        till: origin.till.clone(),
        // Of no order, whichever was named: its units are not the order's.
        order: None,
        returned: Some(returned.name.clone()),
        receipt: None,
        customer: returned.customer.clone(),
        line: Some(planned.line.name.clone()),
        charge: None,
        sku: Some(planned.line.sku),
        quantity: -i64::from(planned.line.quantity),
        amount: -(planned.line.refund_amount as i64),
        discount: 0,
        tax_rate: planned.tax_rate,
        currency: returned.currency,
        absorbed,
    }
}

/// Asks for the credit note: of what stands on receipts.
fn ask_receipt(change: &mut Change, planned: &Planned, money: Money) {
    let (Some(receipt), Some(order)) = (money.receipt, &mut change.order) else { return };
    let units = planned.lines.iter().filter_map(|planned| {
        let number = planned.of?;
        Some((number, planned.before, planned.before + planned.line.quantity))
    });
    let counting = change.returned.refunds.iter().filter(|refund| refund.state.counts());
    let tender = |refund: &crate::orders::payment::Refund| Tendered {
        tender: refund.tender,
        amount: refund.amount as i64,
        given: None,
    };
    let tenders = counting.map(tender).collect();
    let returned = BroughtBack { units: units.collect(), charges: planned.charges.clone(), tenders };
    order.asked = Some((receipt, Coverage::Returned(returned)));
}
