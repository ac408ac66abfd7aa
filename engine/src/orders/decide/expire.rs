//! The end of holds and of pickups that nobody collected: one record for all holds of an order.

use super::cancel::{cancel_charges, take_back};
use super::step::{OrderChange, open_parts};
use crate::decide::Decide;
use crate::ids::ReservationId;
use crate::orders::event::PartStep;
use crate::orders::order::{Order, OrderId, OrderState};
use crate::orders::payment::Origin;
use crate::orders::step_kind::StepKind;
use crate::reservations::decide::step::expired_now;
use crate::reservations::event::Event as ReservationEvent;
use crate::reservations::parent::Parent;

/// Expires a reservation of an order that is due: with all holds of an open order, or as a pickup that lapses.
pub(crate) fn expire_part(cx: &mut Decide<'_>, id: ReservationId, parent: &Parent) {
    let Some(order) = cx.draft.own.orders.get(cx.state, OrderId(parent.seq)) else {
        let expired = expired_now(cx, id);
        cx.draft.log(None, ReservationEvent::Expired(Box::new(expired)));
        return;
    };
    match order.state == OrderState::Open {
        true => expire(cx, order),
        false => lapse(cx, order, id),
    }
}

/// By the engine itself, now.
fn own_origin(cx: &Decide<'_>, order: &Order) -> Origin {
    let now = cx.draft.now;
    Origin {
        channel: order.channel.clone(),
        location: None,
        till: None,
        occurred_at: now,
        business_date: (now.0 / 86_400_000) as i32,
    }
}

fn expire(cx: &mut Decide<'_>, mut order: Order) {
    let mut parts = Vec::new();
    for (_, id) in open_parts(cx, &order) {
        parts.push(PartStep::Expired(expired_now(cx, id)));
    }
    let units: Vec<_> = order.lines.iter().enumerate().map(|(at, line)| (at, line.outstanding())).collect();
    let _ = take_back(&mut order, &units);
    cancel_charges(&mut order);
    order.state = OrderState::Expired;
    order.expires_at = None;
    log(cx, order, StepKind::Expired, parts);
}

fn lapse(cx: &mut Decide<'_>, mut order: Order, id: ReservationId) {
    let part = PartStep::Expired(expired_now(cx, id));
    let lines = order.fulfilments.iter().filter(|one| one.reservation == Some(id)).flat_map(|one| &one.lines);
    let units: Vec<_> = lines.map(|line| (usize::from(line.line), line.outstanding())).collect();
    let _ = take_back(&mut order, &units);
    cancel_charges(&mut order);
    order.settle_state();
    log(cx, order, StepKind::Lapsed, vec![part]);
}

fn log(cx: &mut Decide<'_>, order: Order, kind: StepKind, parts: Vec<PartStep>) {
    let origin = own_origin(cx, &order);
    let mut change = OrderChange::of(order, kind, origin);
    change.parts = parts;
    let logged = change.log(cx, &mut None);
    debug_assert!(logged.is_ok(), "an expiry is never refused");
}
