//! Cancelling: gives back what is not handed over, whole or by line; the total falls by its worth.

use super::coverage::Coverage;
use super::money::tell_refunds;
use super::step::{OrderChange, in_state, origin_of, tell_as_is};
use crate::decide::{Decide, Decision};
use crate::ids::{LocationId, ReservationId, SkuId};
use crate::kernel::cause::Cause;
use crate::level::LINE_QUANTITY_MAX;
use crate::orders::command::{LineQuantity, ReceiptFields, RefundFields, Teller};
use crate::orders::event::PartStep;
use crate::orders::order::{Order, OrderState};
use crate::orders::payment::RefundState;
use crate::orders::refunds::plan;
use crate::orders::step_kind::StepKind;
use crate::refusal::{Failure, Refusal};
use crate::reservations::decide::step::give_back;
use crate::stock::decide::count_now;

/// What is asked of a cancel.
pub(super) struct Cancel {
    pub lines: Option<Vec<LineQuantity>>,
    pub charges: Vec<(Box<str>, u64)>,
    pub refunds: Vec<RefundFields>,
    pub reason: Option<Box<str>>,
    pub receipt: Option<ReceiptFields>,
}

/// Cancels units or charges of an order, or all of it.
pub(super) fn cancel(
    cx: &mut Decide<'_>,
    mut order: Order,
    by: &Teller,
    asked: Cancel,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    match order.state {
        OrderState::Open | OrderState::Confirmed => {}
        OrderState::Cancelled if asked.lines.is_none() => return tell_as_is(cx, order, cause),
        OrderState::Cancelled | OrderState::Completed | OrderState::Expired => return Err(in_state(&order)),
    }
    let origin = origin_of(cx, by, cause)?;
    let due_before = order.refund_due();
    let is_whole = asked.lines.is_none() && asked.charges.is_empty();
    let units: Vec<(usize, u32)> = match &asked.lines {
        Some(lines) => named(&order, lines)?,
        None if is_whole => {
            let open = order.lines.iter().enumerate().filter(|(_, line)| line.outstanding() > 0);
            open.map(|(at, line)| (at, line.outstanding())).collect()
        }
        None => Vec::new(),
    };
    let shelves = counted(cx, &order, asked.lines.as_deref().unwrap_or_default(), &units)?;
    let mut parts = Vec::new();
    for (id, skus) in take_back(&mut order, &units) {
        parts.push(PartStep::Cancelled(give_back(cx, id, &skus, asked.reason.clone())?));
    }
    for (at, (name, amount)) in asked.charges.iter().enumerate() {
        let charge = order.charges.iter_mut().find(|charge| charge.name == *name);
        let charge = charge.ok_or_else(|| {
            Refusal::invalid(format!("charges[{at}].charge"), "is not a charge of this order; leave it out")
        })?;
        if charge.is_sold || *amount > charge.left() {
            let left = if charge.is_sold { 0 } else { charge.left() };
            let reason = format!("is more than the {left} that may be cancelled of it; a return brings back the rest");
            return Err(Refusal::invalid(format!("charges[{at}].amount"), reason).into());
        }
        charge.cancelled_amount += amount;
    }
    cancel_charges(&mut order);
    order.settle_state();
    let due = order.refund_due();
    if asked.refunds.is_empty() {
        refund_by_plan(&mut order, due.saturating_sub(due_before), &origin)?;
    } else {
        tell_refunds(&mut order, asked.refunds, &origin, Some(due))?;
    }
    let mut change = OrderChange::of(order, StepKind::Cancelled, origin);
    change.parts = parts;
    change.reason = asked.reason;
    change.asked = asked.receipt.map(|receipt| (receipt, Coverage::Order));
    let of_part = cause.as_deref().and_then(Cause::of_part);
    let answer = change.log(cx, cause)?;
    // The units given back are promised to nobody before the shelf is counted: one decision does both.
    if !shelves.is_empty() {
        count_now(cx, &shelves, of_part);
    }
    Ok(answer)
}

/// The units of each counted cell: those on the shelf, those set aside, and those of its line that were found. This checks
/// everything that a count can be refused for, before anything is logged.
fn counted(
    cx: &Decide<'_>,
    order: &Order,
    lines: &[LineQuantity],
    units: &[(usize, u32)],
) -> Result<Vec<(SkuId, LocationId, i32)>, Failure> {
    let mut cells: Vec<(SkuId, LocationId, i32)> = Vec::new();
    for (at, (asked, (number, quantity))) in lines.iter().zip(units).enumerate() {
        let field = |name: &str| format!("lines[{at}].{name}");
        let Some((line, shelf)) = order.lines.get(*number).zip(asked.shelf) else { continue };
        cx.refuse_uncounted(line.sku, &field)?;
        if cells.iter().any(|(sku, location, _)| (*sku, *location) == (line.sku, shelf.location)) {
            return Err(
                Refusal::invalid(field("shelf"), "is given twice for one SKU and location; give it once").into()
            );
        }
        let found = line.outstanding().saturating_sub(*quantity);
        let all = u64::from(shelf.left) + u64::from(shelf.put_aside) + u64::from(found);
        let on_hand =
            i32::try_from(all).ok().filter(|all| u32::try_from(*all).is_ok_and(|all| all <= LINE_QUANTITY_MAX));
        let on_hand = on_hand.ok_or_else(|| Refusal::invalid(field("shelf"), "is too large"))?;
        cells.push((line.sku, shelf.location, on_hand));
    }
    Ok(cells)
}

/// Cancelling the last units of an order of which nothing was handed over cancels its charges.
pub(super) fn cancel_charges(order: &mut Order) {
    let is_over = order.lines.iter().all(|line| line.outstanding() == 0 && line.handed_over == 0);
    if is_over {
        order.charges.iter_mut().for_each(|charge| charge.cancelled_amount = charge.amount);
    }
}

/// Adds the refunds of the plan for `amount`, to be done.
pub(super) fn refund_by_plan(
    order: &mut Order,
    amount: u64,
    origin: &crate::orders::payment::Origin,
) -> Result<(), Failure> {
    let parts = plan(order, amount).into_iter().map(|part| RefundFields {
        name: None,
        tender: part.tender,
        amount: part.amount,
        state: RefundState::Pending,
        payment: part.payment,
        reference: None,
    });
    let parts: Vec<_> = parts.collect();
    tell_refunds(order, parts, origin, None).map(|_| ())
}

/// The lines and units that a request names.
fn named(order: &Order, lines: &[LineQuantity]) -> Result<Vec<(usize, u32)>, Failure> {
    let mut units: Vec<(usize, u32)> = Vec::with_capacity(lines.len());
    for (at, asked) in lines.iter().enumerate() {
        let number = order.lines.iter().position(|line| line.name == asked.line);
        let number = number.filter(|number| !units.iter().any(|(known, _)| known == number)).ok_or_else(|| {
            Refusal::invalid(format!("lines[{at}].line"), "is not a line of this order, or is named twice")
        })?;
        let left = order.lines.get(number).map_or(0, |line| line.outstanding());
        if asked.quantity > left {
            let reason = format!("is more than the {left} units that are not handed over; ask for at most that many");
            return Err(Refusal::invalid(format!("lines[{at}].quantity"), reason).into());
        }
        units.push((number, asked.quantity));
    }
    Ok(units)
}

/// Counts units as cancelled, in the lines and in their fulfilments; returns what each reservation gives back.
pub(super) fn take_back(order: &mut Order, units: &[(usize, u32)]) -> Vec<(ReservationId, Vec<(SkuId, u32)>)> {
    let mut back: Vec<(ReservationId, Vec<(SkuId, u32)>)> = Vec::new();
    for (number, quantity) in units {
        let Some(line) = order.lines.get_mut(*number) else { continue };
        line.cancelled += quantity;
        line.cancelled_amount = line.worth_cancelled(line.cancelled);
        let (sku, mut left) = (line.sku, *quantity);
        for fulfilment in &mut order.fulfilments {
            let of_line = fulfilment.lines.iter_mut().filter(|one| usize::from(one.line) == *number);
            for one in of_line {
                let here = left.min(one.outstanding());
                one.cancelled += here;
                left -= here;
                let Some(id) = fulfilment.reservation.filter(|_| here > 0) else { continue };
                match back.iter_mut().find(|(known, _)| *known == id) {
                    Some((_, skus)) => match skus.iter_mut().find(|(known, _)| *known == sku) {
                        Some((_, units)) => *units += here,
                        None => skus.push((sku, here)),
                    },
                    None => back.push((id, vec![(sku, here)])),
                }
            }
        }
    }
    back
}
