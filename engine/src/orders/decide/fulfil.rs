//! The steps of a fulfilment: its reservation's steps, and what they mean for the order.

use super::confirm::part_of;
use super::coverage::Coverage;
use super::money::tell_payments;
use super::place::{Holds, reserves};
use super::step::{NEW, OrderChange, in_state, origin_of, tell_as_is};
use crate::catalogue::release::channel_of;
use crate::decide::{Decide, Decision};
use crate::ids::{LocationId, ReservationId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::orders::command::{
    Binding, FulfilmentFields, LineFields, LineTerms, PaymentFields, ReceiptFields, SkuQuantity, Teller,
};
use crate::orders::event::PartStep;
use crate::orders::line::Source;
use crate::orders::order::{Flag, Order, OrderState};
use crate::orders::step_kind::StepKind;
use crate::refusal::{Failure, Refusal};
use crate::reservations::command::{LineUnits, StepRequest};
use crate::reservations::decide::reserve::promise_instead;
use crate::reservations::decide::step::decide_step;
use crate::reservations::promise::Collected;
use crate::reservations::{Reservation, ReservationState};

/// The number of a fulfilment, and its reservation.
fn find(order: &Order, name: &str) -> Result<(usize, ReservationId), Failure> {
    let (at, fulfilment) = order.fulfilment(name).ok_or(Refusal::NotFound("fulfilment"))?;
    match fulfilment.reservation {
        Some(id) => Ok((at, id)),
        None => Err(in_state(order)),
    }
}

/// The reservation of a fulfilment that is confirmed: of an open order nothing is handed over.
fn must_be_confirmed(order: &Order) -> Result<(), Failure> {
    match order.state {
        OrderState::Confirmed | OrderState::Completed => Ok(()),
        OrderState::Open | OrderState::Cancelled | OrderState::Expired => Err(in_state(order)),
    }
}

/// Makes a fulfilment ready.
pub(super) fn ready(
    cx: &mut Decide<'_>,
    order: Order,
    by: &Teller,
    fulfilment: &str,
    entropy: u64,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let (_, id) = find(&order, fulfilment)?;
    must_be_confirmed(&order)?;
    step(cx, order, by, id, StepRequest::Ready { entropy }, StepKind::Readied, cause)
}

/// Makes the location of units public and final.
pub(super) fn bind(
    cx: &mut Decide<'_>,
    order: Order,
    by: &Teller,
    fulfilment: &str,
    lines: Option<Vec<Binding>>,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let (_, id) = find(&order, fulfilment)?;
    let lines = lines.map(|lines| lines.into_iter().map(|Binding(line)| line).collect());
    step(cx, order, by, id, StepRequest::Bind { lines }, StepKind::Bound, cause)
}

/// A step of a reservation that changes nothing else of its order.
fn step(
    cx: &mut Decide<'_>,
    order: Order,
    by: &Teller,
    id: ReservationId,
    request: StepRequest,
    kind: StepKind,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let origin = origin_of(cx, by, cause)?;
    match part_of(decide_step(cx, id, request)?)? {
        None => tell_as_is(cx, order, cause),
        Some(part) => {
            let mut change = OrderChange::of(order, kind, origin);
            change.parts.push(part);
            change.log(cx, cause)
        }
    }
}

/// What is asked of a hand-over.
pub(super) struct Collect {
    pub lines: Option<Vec<SkuQuantity>>,
    pub pickup_code: Option<String>,
    pub payments: Vec<PaymentFields>,
    pub tracking: Option<Box<str>>,
    pub receipt: Option<ReceiptFields>,
}

/// Hands units of a fulfilment over.
pub(super) fn collect(
    cx: &mut Decide<'_>,
    mut order: Order,
    by: &Teller,
    fulfilment: &str,
    asked: Collect,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let (at, id) = find(&order, fulfilment)?;
    let origin = origin_of(cx, by, cause)?;
    let is_late = by.occurred_at.is_some();
    let reservation = cx.draft.reservation(id).cloned();
    if reservation.as_ref().is_none_or(|reservation| reservation.state == ReservationState::Collected) {
        // It is reached already; a payment that is told with the repeat was told before.
        return tell_as_is(cx, order, cause);
    }
    must_be_confirmed(&order)?;
    let mut lines = None;
    if let Some(asked) = asked.lines {
        let mut units = Vec::with_capacity(asked.len());
        for (nth, one) in asked.into_iter().enumerate() {
            let sku = cx.draft.known_sku(&one.sku);
            let sku = sku.ok_or_else(|| Refusal::invalid(format!("lines[{nth}].sku"), "is not in this fulfilment"))?;
            units.push(LineUnits { sku, location: one.location, quantity: one.quantity });
        }
        lines = Some(units);
    }
    tell_payments(&mut order, asked.payments, &origin, "payments")?;
    let request = StepRequest::Collect { lines, pickup_code: asked.pickup_code };
    let Some(PartStep::Collected(collected)) = part_of(decide_step(cx, id, request)?)? else {
        return tell_as_is(cx, order, cause);
    };
    let mut change = OrderChange::of(order, StepKind::HandedOver, origin);
    hand_over(&mut change, at, &collected);
    change.parts.push(PartStep::Collected(collected));
    let order = &mut change.order;
    if let Some(fulfilment) = order.fulfilments.get_mut(at)
        && asked.tracking.is_some()
    {
        fulfilment.tracking = asked.tracking;
    }
    let covered = if order.pay_at_handover { order.paid() } else { order.covered() };
    let due = order.worth_handed_over();
    if covered < due {
        if !is_late {
            return Err(Refusal::Unbalanced { due, tendered: covered }.into());
        }
        if !order.flags.contains(&Flag::Unbalanced) {
            order.flags.push(Flag::Unbalanced);
        }
    }
    order.settle_state();
    change.asked = asked.receipt.map(|receipt| (receipt, Coverage::HandedOver));
    change.log(cx, cause)
}

/// Counts collected units for the lines of a fulfilment: of several lines of one SKU, for the first with units left.
fn hand_over(change: &mut OrderChange, at: usize, collected: &Collected) {
    let mut first = None;
    for taken in &collected.lines {
        let (sku, location) = (taken.cell.sku, taken.cell.location);
        first = first.or(Some(location));
        let mut left = taken.quantity;
        // Bounded by the lines of the fulfilment.
        while left > 0 {
            let order = &change.order;
            let is_of = |line: u16| order.lines.get(usize::from(line)).is_some_and(|line| line.sku == sku);
            let lines = order.fulfilments.get(at).map_or(&[][..], |fulfilment| &fulfilment.lines);
            let Some(nth) = lines.iter().position(|line| line.outstanding() > 0 && is_of(line.line)) else { break };
            let Some(line) = change.order.fulfilments.get_mut(at).and_then(|one| one.lines.get_mut(nth)) else { break };
            let units = left.min(line.outstanding());
            line.handed_over += units;
            left -= units;
            let number = usize::from(line.line);
            change.hand_over(number, units, Some(location), false);
        }
    }
    change.sell_charges(first);
}

/// What is changed of a fulfilment.
pub(super) struct SetFulfilment {
    pub pickup_by: Option<Option<Timestamp>>,
    pub promised_for: Option<Option<Timestamp>>,
    pub address: Option<Option<Box<str>>>,
    pub location: Option<LocationId>,
}

/// Changes a fulfilment before any unit of it is handed over.
pub(super) fn set(
    cx: &mut Decide<'_>,
    mut order: Order,
    by: &Teller,
    fulfilment: &str,
    asked: SetFulfilment,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let (at, id) = find(&order, fulfilment)?;
    if order.state != OrderState::Confirmed {
        return Err(in_state(&order));
    }
    let known = cx.draft.reservation(id).cloned().ok_or(Refusal::NotFound("reservation"))?;
    let is_touched = order.fulfilments.get(at).is_some_and(|one| one.lines.iter().any(|line| line.handed_over > 0));
    if !matches!(known.state, ReservationState::Confirmed | ReservationState::Ready) || is_touched {
        return Err(Refusal::WrongState(known.state).into());
    }
    let origin = origin_of(cx, by, cause)?;
    let before = order.fulfilments.get(at).cloned();
    if let Some(fulfilment) = order.fulfilments.get_mut(at) {
        if let Some(promised_for) = asked.promised_for {
            fulfilment.promised_for = promised_for;
        }
        if let Some(address) = asked.address {
            fulfilment.address = address;
        }
        if let Some(pickup_by) = asked.pickup_by {
            fulfilment.pickup_by = pickup_by;
        }
    }
    let mut parts = Vec::new();
    let moves_to = asked.location.filter(|location| {
        order.fulfilments.get(at).is_some_and(|fulfilment| fulfilment.source != Source::Location(*location))
    });
    match moves_to {
        Some(location) => parts = move_fulfilment(cx, &mut order, at, &known, location, cause)?,
        None if asked.pickup_by.is_some() => {
            let pickup_by = asked.pickup_by.flatten();
            parts.extend(part_of(decide_step(cx, id, StepRequest::PickupBy { pickup_by })?)?);
        }
        None => {}
    }
    if parts.is_empty() && before.as_ref() == order.fulfilments.get(at) {
        return tell_as_is(cx, order, cause);
    }
    let mut change = OrderChange::of(order, StepKind::FulfilmentSet, origin);
    change.parts = parts;
    change.log(cx, cause)
}

/// Moves a whole fulfilment to another location: the new one takes, the old one gives back, in one step.
fn move_fulfilment(
    cx: &mut Decide<'_>,
    order: &mut Order,
    at: usize,
    known: &Reservation,
    location: LocationId,
    cause: &Option<Box<Cause>>,
) -> Result<Vec<PartStep>, Failure> {
    let Some(fulfilment) = order.fulfilments.get(at) else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    for units in fulfilment.lines.iter().filter(|units| units.outstanding() > 0) {
        let Some(line) = order.lines.get(usize::from(units.line)) else { continue };
        let latest = known.lines.iter().find(|held| held.sku == line.sku).and_then(|held| held.wait.as_deref());
        lines.push(LineFields {
            name: line.name.clone(),
            sku: cx.state.catalogue.skus.name(line.sku).clone(),
            quantity: units.outstanding(),
            latest: latest.map(|wait| wait.latest),
            terms: LineTerms {
                unit_amount: Some(line.unit_amount),
                price_list: line.price_list.clone(),
                discount: line.discount,
                tax_rate: line.tax_rate,
                by_hand: line.by_hand,
                price_differs: line.price_differs,
            },
        });
    }
    let asked = FulfilmentFields {
        name: fulfilment.name.clone(),
        purpose: fulfilment.purpose,
        source: Source::Location(location),
        lines,
        address: None,
        pickup_by: None,
        promised_for: None,
    };
    let holds = Holds {
        ttl_seconds: 0,
        confirm: true,
        bounds: Vec::new(),
        supersedes: Few::new(),
        replaces_parts_of: Vec::new(),
    };
    let mut reserves = reserves(cx, order, std::slice::from_ref(&asked), holds)?;
    let Some(reserve) = reserves.pop() else { return Ok(Vec::new()) };
    let channel = channel_of(cx, &reserve, cause)?;
    let (given_back, promised) = promise_instead(cx, reserve, channel, known.id, cause)?;
    if let Some(fulfilment) = order.fulfilments.get_mut(at) {
        fulfilment.source = Source::Location(location);
        fulfilment.reservation = Some(NEW);
    }
    Ok(vec![PartStep::Cancelled(given_back), PartStep::Promised(promised)])
}
