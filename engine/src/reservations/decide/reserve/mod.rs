//! Decides a promise: all lines or none, minus the holds that it replaces, at named locations or anywhere in a group.

mod backorder;
mod demand;
mod group;
mod locations;
mod place;
mod placed;
pub(crate) mod replaced;

use crate::catalogue::release::channel_of;
use crate::catalogue::retire::check_stands;
use crate::decide::draft::Answer;
use crate::decide::{Decide, Decision};
use crate::ids::{ChannelId, ReservationId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::refusal::{Failure, Refusal};
use crate::reservations::ReservationState;
use crate::reservations::command::Reserve;
use crate::reservations::decide::step::give_back_all;
use crate::reservations::event::Event;
use crate::reservations::ledger::Shift;
use crate::reservations::promise::{
    Arranged, Cancelled, LineBackorder, LineChange, LineTerms, OrderDay, Promised, Replaced, Reserved, ReservedLine,
    Superseded,
};
use crate::supply::Grant;
use place::{PlacedLines, place_lines, place_plainly, promise_units};
use placed::Placed;
use replaced::{Released, released_by, units_of};

/// Deadlines that are examined to find when another hold will be possible.
const ENDS_LOOKED_AT: usize = 64;

/// Decides a promise.
pub(crate) fn make_promise(cx: &mut Decide<'_>, reserve: Reserve, cause: &mut Option<Box<Cause>>) -> Decision {
    let channel = channel_of(cx, &reserve, cause)?;
    let event = promise(cx, reserve, channel, cause)?;
    let seq = cx.draft.log(cause.take(), event);
    Ok(Answer::Reservation(ReservationId(seq), seq))
}

/// The promise through `channel`, with its cells changed in the draft: the caller logs it, by itself or in a larger
/// event. Promises that make room for it are logged before.
pub(crate) fn promise(
    cx: &mut Decide<'_>,
    reserve: Reserve,
    channel: ChannelId,
    cause: &Option<Box<Cause>>,
) -> Result<Event, Failure> {
    let released = may_promise(cx, &reserve, channel, cause)?;
    let (placed, orders) = match place_plainly(cx, &reserve, channel) {
        Some(line) => (vec![line], Vec::new()),
        None => {
            let asked = [(&reserve, &released)];
            let placed = place_beside(cx, &asked, &[], channel);
            let mut placed = placed.inspect_err(|failure| cx.state.note_refused(&reserve, failure))?;
            placed.pop().expect("one promise was placed")
        }
    };
    // Nothing below may refuse.
    Ok(make_event(cx, reserve, channel, placed, orders, &released))
}

/// Some promises of one request, all or none: the caller logs them in one event. Each line of the request has a number of
/// its own ([`Reserve::first_line`]). What any of them replaces is available to all; the first one names it as replaced.
pub(crate) fn promise_together(
    cx: &mut Decide<'_>,
    reserves: Vec<Reserve>,
    channel: ChannelId,
    cause: &Option<Box<Cause>>,
) -> Result<Vec<Replaced>, Failure> {
    let mut released: Few<Released> = Few::new();
    for reserve in &reserves {
        released.extend(may_promise(cx, reserve, channel, cause)?);
    }
    // The first promise replaces; what it has no line for is free for the others.
    let wants = |reserve: &Reserve, released: &Released| {
        let cell = (released.change.cell.sku, released.change.cell.location);
        reserve.lines.iter().any(|line| (line.sku, line.location) == cell)
            || reserve.group_lines.iter().any(|line| line.sku == cell.0)
    };
    let first = reserves.first();
    let of_first = |units: &&Released| first.is_some_and(|reserve| wants(reserve, units));
    let own: Few<Released> = released.iter().filter(of_first).cloned().collect();
    let freed: Vec<Released> = released.iter().filter(|units| !of_first(units)).cloned().collect();
    let none = Few::new();
    let asked: Vec<_> =
        reserves.iter().enumerate().map(|(nth, reserve)| (reserve, if nth == 0 { &own } else { &none })).collect();
    let placed = place_beside(cx, &asked, &freed, channel);
    let placed = placed.inspect_err(|failure| reserves.iter().for_each(|one| cx.state.note_refused(one, failure)))?;
    // Nothing below may refuse.
    let mut made = Vec::with_capacity(reserves.len());
    for (reserve, (placed, orders)) in reserves.into_iter().zip(placed) {
        let event = make_event(cx, reserve, channel, placed, orders, &std::mem::take(&mut released));
        made.push(event.into_replaced().expect("the event is a promise"));
    }
    Ok(made)
}

/// A promise in place of one that is confirmed, whose units are available to it: the new promise takes, the old one gives
/// everything back. The caller logs both in one event.
pub(crate) fn promise_instead(
    cx: &mut Decide<'_>,
    reserve: Reserve,
    channel: ChannelId,
    old: ReservationId,
    cause: &Option<Box<Cause>>,
) -> Result<(Cancelled, Replaced), Failure> {
    may_promise(cx, &reserve, channel, cause)?;
    let released = units_of(cx, old, channel);
    let known = cx.draft.reservation(old).filter(|old| old.is_counted()).cloned();
    known.iter().for_each(|old| cx.draft.ledger.reopen(&Shift::hiding(old)));
    // A promise in a cell that is short needs units there, whatever the old one had: it is given back first.
    let placed = place_lines(cx, &[(&reserve, &Few::new())], &released, channel);
    known.iter().for_each(|old| cx.draft.ledger.reopen(&Shift::showing(old)));
    let placed = placed.inspect_err(|failure| cx.state.note_refused(&reserve, failure))?.pop();
    let (placed, orders) = placed.expect("one promise was placed");
    // Nothing below may refuse.
    let given_back = give_back_all(cx, old);
    let event = make_event(cx, reserve, channel, placed, orders, &Few::new());
    Ok((given_back, event.into_replaced().expect("the event is a promise")))
}

/// Checks whether a promise may be made at all; returns the units that it replaces.
fn may_promise(
    cx: &mut Decide<'_>,
    reserve: &Reserve,
    channel: ChannelId,
    cause: &Option<Box<Cause>>,
) -> Result<Few<Released>, Failure> {
    check_stands(cx, reserve)?;
    let released = released_by(cx, reserve, channel)?;
    if !reserve.bounds.is_empty() {
        let caller = cause.as_ref().map_or(0, |cause| cause.caller);
        let mut replaced: Few<(ChannelId, u64, ReservationState)> = Few::new();
        for (_, id) in reserve.replaced() {
            let owner = cx.draft.owner(id);
            replaced.extend(cx.draft.reservation(id).map(|old| (old.channel, owner, old.state)));
        }
        let checked = cx.draft.holds.check(&reserve.bounds, channel, caller, reserve.confirm, &replaced);
        checked.map_err(|failure| until_some_end(cx, failure, reserve, channel, caller))?;
    }
    Ok(released)
}

/// Places lines while the replaced holds are away: their unallocated promises make no room, and are not moved.
fn place_beside(
    cx: &mut Decide<'_>,
    asked: &[(&Reserve, &Few<Released>)],
    freed: &[Released],
    channel: ChannelId,
) -> Result<Vec<PlacedLines>, Failure> {
    let mut replaced = Vec::new();
    for (_, id) in asked.iter().flat_map(|(reserve, _)| reserve.replaced()) {
        replaced.extend(cx.draft.reservation(id).filter(|old| old.is_counted()).cloned());
    }
    replaced.iter().for_each(|old| cx.draft.ledger.reopen(&Shift::hiding(old)));
    let placed = place_lines(cx, asked, freed, channel);
    replaced.iter().for_each(|old| cx.draft.ledger.reopen(&Shift::showing(old)));
    placed
}

/// The event of a placed promise, with its cells changed in the draft.
fn make_event(
    cx: &mut Decide<'_>,
    reserve: Reserve,
    channel: ChannelId,
    placed: Vec<Placed>,
    orders: Vec<OrderDay>,
    released: &Few<Released>,
) -> Event {
    for Released { change, present, .. } in released.iter().filter(|released| released.present > 0) {
        let promised = cx.state.catalogue.promise(change.cell.sku, *present);
        promise_units(cx, change.cell.sku, change.cell.location, promised.inverse());
    }
    for line in placed.iter().filter(|line| line.quantity > 0) {
        // The first promise of inbound supply creates its cell, and so does the first of an untracked SKU.
        promise_units(cx, line.sku, line.location, cx.state.catalogue.promise(line.sku, line.present()));
    }
    let lines = placed.iter().map(|line| ReservedLine {
        requested: line.requested,
        quantity: line.quantity,
        cell: cx.draft.cell_after(line.sku, line.location),
    });
    let lines: Few<ReservedLine> = lines.collect();
    // The lines of one hold are adjacent.
    let mut superseded = released.chunk_by(|one, next| one.reservation == next.reservation).map(|of_hold| {
        let lines = of_hold.iter().map(|Released { change, .. }| LineChange {
            cell: cx.draft.cell_after(change.cell.sku, change.cell.location),
            ..*change
        });
        let reservation = of_hold.first().map_or(ReservationId(0), |first| first.reservation);
        Superseded { reservation, lines: lines.collect() }
    });
    let supersedes = superseded.next().map(Box::new);
    let others: Vec<Superseded> = superseded.collect();
    let reserved = Reserved {
        channel,
        purpose: reserve.purpose,
        confirmed: reserve.confirm,
        expires_at: cx.deadline_in(u64::from(reserve.ttl_seconds).min(cx.settings.hold_seconds_max)),
        customer: reserve.customer,
        order: reserve.order,
        lines,
        supersedes,
    };
    let waits = (0..).zip(&placed).filter_map(|(line, placed)| {
        let (Grant { units: quantity, promised_for, on_allowance, turn }, latest) = placed.to_come?;
        Some(LineBackorder { line, quantity, latest, promised_for, on_allowance, turn })
    });
    let waits: Vec<_> = waits.collect();
    let on_terms = placed.iter().any(|line| line.terms != LineTerms::default());
    let is_counted = on_terms || !(waits.is_empty() && orders.is_empty());
    let is_arranged = !(waits.is_empty() && orders.is_empty() && others.is_empty());
    let terms = match is_counted {
        true => placed.into_iter().map(|line| line.terms).collect(),
        false => Vec::new(),
    };
    match (is_arranged, on_terms) {
        (true, _) => {
            let arranged = Arranged { promised: Promised { reserved, terms }, waits, orders };
            match others.is_empty() {
                true => Event::Arranged(Box::new(arranged)),
                false => Event::Replaced(Box::new(Replaced { arranged, others })),
            }
        }
        (false, true) => Event::Promised(Box::new(Promised { reserved, terms })),
        (false, false) => Event::Reserved(Box::new(reserved)),
    }
}

/// If more is open than a limit allows, and the next deadlines bring it below the limit, the time is known.
///
/// Bounded by `ENDS_LOOKED_AT`.
fn until_some_end(cx: &Decide<'_>, failure: Failure, reserve: &Reserve, channel: ChannelId, caller: u64) -> Failure {
    let Failure::Refused(Refusal::Limited { field, limit, asked, most, passes: true, .. }) = failure else {
        return failure;
    };
    let (of_channel, held) = (field == "channel", limit.ends_with("open_holds"));
    let counts = |(_, id): &(Timestamp, ReservationId)| {
        let known = cx.state.reservations.get(*id);
        let is_theirs = known.is_some_and(|known| {
            let is_open = known.state == ReservationState::Held || (!held && known.state.is_open());
            is_open && if of_channel { known.channel == channel } else { cx.state.owner(*id) == caller }
        });
        is_theirs && !reserve.supersedes.contains(id)
    };
    let mut ends = cx.deadlines.first(ENDS_LOOKED_AT).filter(counts);
    let enough = usize::try_from(asked - most).unwrap_or(usize::MAX);
    let end = ends.nth(enough.saturating_sub(1)).map(|(end, _)| end.0.saturating_sub(cx.draft.now.0));
    // Only after its end is in the log, a moment later.
    let seconds = end.map(|ms| ms.div_ceil(1000) + 1);
    Refusal::Limited { field, limit, asked, most, passes: true, seconds }.into()
}
