//! Confirming an order, and extending its holds.

use super::coverage::Coverage;
use super::money::tell_payments;
use super::step::{OrderChange, in_state, open_parts, origin_of, tell_as_is};
use crate::decide::{Decide, Decision};
use crate::ids::Timestamp;
use crate::kernel::cause::Cause;
use crate::orders::command::{PaymentFields, ReceiptFields, Teller};
use crate::orders::event::PartStep;
use crate::orders::order::{Order, OrderState};
use crate::orders::step_kind::StepKind;
use crate::refusal::{Failure, Refusal};
use crate::reservations::command::StepRequest;
use crate::reservations::decide::step::decide_step;
use crate::reservations::decide::step_decision::StepDecision;
use crate::reservations::event::Event as ReservationEvent;
use crate::reservations::promise::Purpose;

/// What is asked of a confirmation.
pub(super) struct Confirm {
    pub payments: Vec<PaymentFields>,
    pub pay_at_handover: bool,
    pub pickup_by: Option<Timestamp>,
    pub receipt: Option<ReceiptFields>,
}

/// Confirms an order: every hold becomes final.
pub(super) fn confirm(
    cx: &mut Decide<'_>,
    mut order: Order,
    by: &Teller,
    asked: Confirm,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    match order.state {
        OrderState::Open => {}
        OrderState::Confirmed | OrderState::Completed => return tell_as_is(cx, order, cause),
        OrderState::Cancelled | OrderState::Expired => return Err(in_state(&order)),
    }
    let Confirm { payments, pay_at_handover, pickup_by, receipt } = asked;
    let origin = origin_of(cx, by, cause)?;
    tell_payments(&mut order, payments, &origin, "payments")?;
    order.pay_at_handover |= pay_at_handover;
    if !order.pay_at_handover && order.covered() < order.total() {
        return Err(Refusal::Unbalanced { due: order.total(), tendered: order.covered() }.into());
    }
    let mut parts = Vec::new();
    for (at, id) in open_parts(cx, &order) {
        let Some(fulfilment) = order.fulfilments.get_mut(at) else { continue };
        if fulfilment.purpose == Purpose::Pickup && pickup_by.is_some() {
            fulfilment.pickup_by = pickup_by;
        }
        let request = StepRequest::Confirm { pickup_by: fulfilment.pickup_by, order: None };
        parts.extend(part_of(decide_step(cx, id, request)?)?);
    }
    order.state = OrderState::Confirmed;
    order.expires_at = None;
    let mut change = OrderChange::of(order, StepKind::Confirmed, origin);
    change.parts = parts;
    change.asked = receipt.map(|receipt| (receipt, Coverage::Order));
    change.log(cx, cause)
}

/// Extends all holds of an open order.
pub(super) fn extend(
    cx: &mut Decide<'_>,
    mut order: Order,
    by: &Teller,
    ttl_seconds: u32,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    if order.state != OrderState::Open {
        return Err(in_state(&order));
    }
    let origin = origin_of(cx, by, cause)?;
    let mut parts = Vec::new();
    for (_, id) in open_parts(cx, &order) {
        parts.extend(part_of(decide_step(cx, id, StepRequest::Extend { ttl_seconds })?)?);
    }
    let deadlines = parts.iter().filter_map(|part| match part {
        PartStep::Extended(extended) => Some(extended.expires_at),
        _ => None,
    });
    order.expires_at = deadlines.min().or(order.expires_at);
    let mut change = OrderChange::of(order, StepKind::Extended, origin);
    change.parts = parts;
    change.log(cx, cause)
}

/// The step of a reservation as a part of an order's record; `None` if it was there already.
pub(super) fn part_of(decided: StepDecision) -> Result<Option<PartStep>, Failure> {
    let event = match decided {
        StepDecision::AlreadyThere(_) => return Ok(None),
        StepDecision::Event(event) => event,
    };
    Ok(Some(match event {
        ReservationEvent::Confirmed(event) => PartStep::Confirmed(*event),
        ReservationEvent::Readied(event) => PartStep::Readied(*event),
        ReservationEvent::Collected(event) => PartStep::Collected(*event),
        ReservationEvent::Cancelled(event) => PartStep::Cancelled(*event),
        ReservationEvent::Extended(event) => PartStep::Extended(event),
        ReservationEvent::Expired(event) => PartStep::Expired(*event),
        ReservationEvent::Reallocated(event) => PartStep::Reallocated(*event),
        ReservationEvent::PickupBySet(event) => PartStep::PickupBySet(event),
        event @ (ReservationEvent::Reserved(_)
        | ReservationEvent::Promised(_)
        | ReservationEvent::Arranged(_)
        | ReservationEvent::Replaced(_)
        | ReservationEvent::IdTaken(_)) => match event.into_replaced() {
            Ok(replaced) => PartStep::Promised(replaced),
            Err(_) => return Ok(None),
        },
    }))
}
