//! Decides a step of a reservation, and expires reservations after their deadline.

use crate::decide::draft::Answer;
use crate::decide::{Decide, Decision};
use crate::ids::{ReservationId, SkuId, Timestamp, crockford};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::level::StockChange;
use crate::refusal::{Failure, Refusal};
use crate::reservations::command::{LineUnits, StepRequest};
use crate::reservations::decide::reallocate::reallocate_lines;
use crate::reservations::decide::step_decision::StepDecision;
use crate::reservations::event::Event;
use crate::reservations::parent::{Parent, ParentKind};
use crate::reservations::promise::{
    Cancelled, Collected, Confirmed, Expired, Extended, LineChange, PickupBySet, Purpose, Readied,
};
use crate::reservations::{Line, Reservation, Verdict};
use smallvec::SmallVec;

/// Expiries per batch. More are done batch by batch, oldest first, so that other commands are not blocked.
const EXPIRIES_PER_BATCH: usize = 4096;

/// Digits of a pickup code: 30 bits, short enough to read aloud.
const PICKUP_CODE_DIGITS: u32 = 6;

pub(crate) fn take_step(
    cx: &mut Decide<'_>,
    id: ReservationId,
    request: StepRequest,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    if let Some(reservation) = cx.draft.reservation(id) {
        // The promise of a transfer takes only the steps of the transfer, and a part only those of what it is a part of.
        if reservation.purpose == Purpose::Transfer {
            return Err(Refusal::WrongState(reservation.state).into());
        }
        if let Some(parent) = reservation.parent.as_deref() {
            return Err(Refusal::PartOf { state: reservation.state, parent: parent.clone() }.into());
        }
    }
    match decide_step(cx, id, request)? {
        // Nothing is logged, but the answer may depend on this batch, so it waits for the batch.
        StepDecision::AlreadyThere(version) => Ok(Answer::Reservation(id, version)),
        StepDecision::Event(event) => Ok(Answer::Reservation(id, cx.draft.log(cause.take(), event))),
    }
}

/// Decides a step, whatever the reservation is a part of; the caller logs it, by itself or in a larger event. Promises that
/// make room for it are logged before.
pub(crate) fn decide_step(
    cx: &mut Decide<'_>,
    id: ReservationId,
    request: StepRequest,
) -> Result<StepDecision, Failure> {
    let now = if cx.kept.holds(id) { Timestamp(0) } else { cx.draft.now };
    let Some(reservation) = cx.draft.reservation(id) else {
        // It may have been closed, and moved to the log, while this command was queued.
        let failure = cx.state.step_of_closed(id, &request);
        return Err(failure.unwrap_or_else(|| Refusal::NotFound("reservation").into()));
    };
    let verdict = request.verdict(reservation.state_at(now));
    match verdict {
        Verdict::Go => {}
        Verdict::WrongState(state) => return Err(Refusal::WrongState(state).into()),
        Verdict::AlreadyThere => return Ok(StepDecision::AlreadyThere(reservation.version)),
    }
    if let StepRequest::PickupBy { pickup_by } = request
        && pickup_by == reservation.pickup_by
    {
        return Ok(StepDecision::AlreadyThere(reservation.version));
    }
    let joins = matches!(request, StepRequest::Extend { .. }) && reservation.is_being_extended();
    if request.lengthens() && !joins && reservation.changes.len() >= cx.settings.reservation_changes_max {
        return Err(Refusal::TooManyChanges(reservation.state, reservation.changes.len()).into());
    }
    // An unallocated line can be cancelled, but neither made ready nor collected.
    if matches!(request, StepRequest::Ready { .. } | StepRequest::Collect { .. }) && reservation.is_unallocated() {
        return Err(Refusal::Unallocated(reservation.state).into());
    }
    // Inbound units can be neither made ready nor collected; units on hand can, if they are named.
    let needs_all = matches!(request, StepRequest::Ready { .. } | StepRequest::Collect { lines: None, .. });
    if needs_all && reservation.waiting() > 0 {
        return Err(Refusal::Waiting(reservation.state, reservation.waiting()).into());
    }
    let event = match request {
        StepRequest::Bind { lines } => return reallocate_lines(cx, id, lines.as_deref(), true),
        StepRequest::Reallocation { lines } => return reallocate_lines(cx, id, Some(&lines), false),
        StepRequest::PickupBy { pickup_by } => {
            check_pickup_by(cx, pickup_by)?;
            Event::PickupBySet(PickupBySet { reservation: id, pickup_by })
        }
        StepRequest::Confirm { pickup_by, order } => {
            check_pickup_by(cx, pickup_by)?;
            Event::Confirmed(Box::new(Confirmed { reservation: id, pickup_by, order }))
        }
        StepRequest::Ready { entropy } => {
            let event = Readied { reservation: id, pickup_code: pickup_code(cx, entropy).into() };
            Event::Readied(Box::new(event))
        }
        StepRequest::Collect { lines, pickup_code } => {
            let code_shown = code_fits(reservation, pickup_code.as_deref(), cx.settings.pickup_code_required)?;
            let changes = outstanding(reservation, lines.as_deref(), true)?;
            let lines = change_lines(cx, &changes, Gone::Sold)?;
            Event::Collected(Box::new(Collected { reservation: id, code_shown, lines }))
        }
        StepRequest::Cancel { lines, reason } => {
            let whole = lines.is_none();
            let changes = outstanding(reservation, lines.as_deref(), false)?;
            let lines = change_lines(cx, &changes, Gone::Back)?;
            Event::Cancelled(Box::new(Cancelled { reservation: id, whole, reason, lines }))
        }
        StepRequest::Extend { ttl_seconds } => {
            let channel = cx.state.catalogue.channels.name(reservation.channel);
            let own = cx.settings.channel_limits.of(channel.as_str()).hold_seconds;
            let most = own.unwrap_or(u64::MAX).min(cx.settings.hold_seconds_max);
            let (made, had) = (reservation.created_at, reservation.expires_at);
            let cap = cx.anchors.meant(cx.anchors.told(made).plus_seconds(most));
            // A limit that was introduced later extends nothing, and takes nothing away.
            let expires_at = cx.deadline_in(ttl_seconds.into()).min(cap.max(had));
            Event::Extended(Extended { reservation: id, expires_at })
        }
    };
    Ok(StepDecision::Event(event))
}

/// Gives back everything that an existing reservation has left. The caller logs it.
pub(crate) fn give_back_all(cx: &mut Decide<'_>, id: ReservationId) -> Cancelled {
    let Expired { reservation, lines } = expired_now(cx, id);
    Cancelled { reservation, whole: true, reason: None, lines }
}

/// Gives back units of a reservation by SKU, wherever they are: inbound units first, then those of its last lines. The
/// caller logs it.
///
/// # Errors
/// More units than it has left.
pub(crate) fn give_back(
    cx: &mut Decide<'_>,
    id: ReservationId,
    units: &[(SkuId, u32)],
    reason: Option<Box<str>>,
) -> Result<Cancelled, Failure> {
    let reservation = cx.draft.reservation(id).ok_or(Refusal::NotFound("reservation"))?;
    let mut changes: SmallVec<[Taken; 1]> = SmallVec::new();
    // A SKU may be named several times: by each line of an order.
    let mut skus: Few<(SkuId, u32)> = Few::new();
    for (sku, wanted) in units {
        match skus.iter_mut().find(|(known, _)| known == sku) {
            Some((_, sum)) => *sum += wanted,
            None => skus.push((*sku, *wanted)),
        }
    }
    for (at, (sku, wanted)) in skus.iter().enumerate() {
        let mut left = *wanted;
        let lines = (0..).zip(&reservation.lines).filter(|(_, line)| line.sku == *sku);
        let mut lines: Vec<(u16, &Line)> = lines.collect();
        lines.sort_by_key(|(number, line)| (line.waiting() == 0, std::cmp::Reverse(*number)));
        for (number, line) in lines {
            let waited = left.min(line.waiting());
            let present = (left - waited).min(line.present());
            if waited + present > 0 {
                left -= waited + present;
                changes.push(Taken { number, line: line.clone(), units: waited + present, present });
            }
        }
        if left > 0 {
            return Err(Refusal::TooManyUnits { state: reservation.state, line: at, left: wanted - left }.into());
        }
    }
    changes.sort_by_key(|taken| taken.number);
    Ok(Cancelled { reservation: id, whole: false, reason, lines: change_lines(cx, &changes, Gone::Back)? })
}

/// The pickup deadline must be in the future.
fn check_pickup_by(cx: &Decide<'_>, pickup_by: Option<Timestamp>) -> Result<(), Failure> {
    match pickup_by.is_some_and(|by| by <= cx.draft.now) {
        true => Err(Refusal::invalid("pickup_by", "is not in the future; choose a later time").into()),
        false => Ok(()),
    }
}

/// Expires what is due, oldest first, each settled separately, and returns it, to be restored if the batch fails. What is
/// a part of an order expires by a record of the order, which `expire_part` logs.
pub(crate) fn expire(
    cx: &mut Decide<'_>,
    settle: impl Fn(&mut Decide<'_>),
    expire_part: impl Fn(&mut Decide<'_>, ReservationId, &Parent),
) -> Vec<(Timestamp, ReservationId)> {
    let now = cx.draft.now;
    let mut expired = Vec::new();
    // Bounded by EXPIRIES_PER_BATCH, and the lines of each.
    for id in cx.deadlines.take_due(now, EXPIRIES_PER_BATCH) {
        let is_kept_alive = cx.kept.holds(id);
        let Some(reservation) = cx.draft.reservation(id) else { continue };
        let Some(deadline) = reservation.deadline().filter(|deadline| *deadline <= now) else {
            // Another part of its order was due before it, in this batch.
            let durable = cx.state.reservations.get(id).filter(|durable| durable.parent.is_some());
            let deadline = durable.and_then(|durable| durable.deadline()).filter(|deadline| *deadline <= now);
            expired.extend(deadline.map(|deadline| (deadline, id)));
            continue;
        };
        if is_kept_alive {
            cx.kept.due.push((deadline, id));
            continue;
        }
        let parent = reservation.parent.as_deref().filter(|parent| parent.kind == ParentKind::Order).cloned();
        match parent {
            Some(parent) => expire_part(cx, id, &parent),
            None => {
                let event = Event::Expired(Box::new(expired_now(cx, id)));
                cx.draft.log(None, event);
            }
        }
        settle(cx);
        expired.push((deadline, id));
    }
    expired
}

/// The expiry of a reservation that exists, with its cells changed in the draft.
pub(crate) fn expired_now(cx: &mut Decide<'_>, id: ReservationId) -> Expired {
    let reservation = cx.draft.reservation(id).expect("only an existing reservation expires");
    let changes = outstanding(reservation, None, false).expect("all outstanding units can be cancelled");
    let lines = change_lines(cx, &changes, Gone::Back);
    Expired { reservation: id, lines: lines.expect("a reservation's units are reserved in its cells") }
}

/// How promised units leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// They are cancelled.
    Back,
    /// They are collected now.
    Sold,
    /// They left at this time.
    Moved(Timestamp),
}

/// Changes the cells of some lines, whose units are collected or cancelled, and returns each cell after it.
fn change_lines(cx: &mut Decide<'_>, changes: &[Taken], gone: Gone) -> Result<Few<LineChange>, Failure> {
    let collected = gone != Gone::Back;
    for Taken { line, present: quantity, .. } in changes.iter().filter(|taken| taken.present > 0) {
        let is_tracked = cx.state.catalogue.is_tracked(line.sku);
        // Untracked units vanish with their promise in both cases.
        let change = match collected || !is_tracked {
            true => StockChange::conjure(*quantity).inverse(),
            false => StockChange::reserve(*quantity).inverse(),
        };
        let level = cx.draft.cell(line.sku, line.location).level;
        let level = level.checked_add(change).ok_or_else(|| {
            Refusal::invalid("lines", format!("on_hand would fall below {}", crate::level::ON_HAND_RANGE.start()))
        })?;
        let left_at = if let Gone::Moved(time) = gone { time } else { cx.draft.now };
        let cell = cx.draft.touch(line.sku, line.location);
        cell.level = level;
        if collected && is_tracked {
            // After a count in the same batch: a late count must know of it.
            cell.moved.push((left_at.after_count(cell.counted_at), change.on_hand));
        }
    }
    let after = |Taken { number, line, units, .. }: &Taken| LineChange {
        line: *number,
        quantity: *units,
        cell: cx.draft.cell_after(line.sku, line.location),
    };
    Ok(changes.iter().map(after).collect())
}

/// Collects or cancels units of a reservation by line number: changes the cells in the draft; the caller logs the step.
///
/// # Errors
/// A line that it does not have, or more units than it has left.
pub(crate) fn change_units(
    cx: &mut Decide<'_>,
    id: ReservationId,
    units: &[(u16, u32)],
    gone: Gone,
) -> Result<Few<LineChange>, Failure> {
    let reservation = cx.draft.reservation(id).ok_or(Refusal::NotFound("reservation"))?;
    let mut changes = Vec::new();
    for (at, (number, units)) in units.iter().enumerate() {
        let line = reservation.lines.get(usize::from(*number)).filter(|line| line.present() >= *units);
        let Some(line) = line else {
            return Err(Refusal::TooManyUnits { state: reservation.state, line: at, left: 0 }.into());
        };
        changes.push(Taken { number: *number, line: line.clone(), units: *units, present: *units });
    }
    change_lines(cx, &changes, gone)
}

/// A code that no open reservation has, from random bits of the caller.
fn pickup_code(cx: &Decide<'_>, entropy: u64) -> String {
    let taken = |code: &String| cx.state.reservations.code_is_taken(code);
    let candidates = (0..64).map(|n| crockford(entropy.rotate_right(n), PICKUP_CODE_DIGITS));
    let fallback = crockford(entropy, PICKUP_CODE_DIGITS);
    candidates.into_iter().find(|code| !taken(code)).unwrap_or(fallback)
}

/// Checks the pickup code. Without a code, staff decide, unless a code is required; a wrong one is refused. A delivery
/// is handed to a carrier, who has no code; a cart is taken along at once.
fn code_fits(reservation: &Reservation, shown: Option<&str>, is_demanded: bool) -> Result<bool, Failure> {
    let Some(shown) = shown else {
        let has_one = reservation.pickup_code.is_some();
        let needs_one = match reservation.purpose {
            Purpose::Pickup => true,
            Purpose::Cart | Purpose::CarryOut => has_one,
            Purpose::Delivery | Purpose::Transfer => false,
        };
        return match is_demanded && needs_one {
            true => Err(Refusal::PickupCodeRequired { has_one }.into()),
            false => Ok(false),
        };
    };
    // People read 0 for O and 1 for I or L; the alphabet has neither letter.
    let read = |c: char| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    let shown: String = shown.chars().filter(|c| !matches!(c, ' ' | '-')).map(read).collect();
    match reservation.pickup_code.as_deref() {
        Some(code) if code == shown => Ok(true),
        _ => Err(Refusal::WrongPickupCode.into()),
    }
}

/// Units of a line that are collected or cancelled.
struct Taken {
    number: u16,
    line: Line,
    units: u32,
    /// Units of them on hand; the others were inbound.
    present: u32,
}

/// The lines and units that a request selects: the named ones, or all that is left; with `present`, only units on hand.
/// Bounded by the lines of the request and of the reservation, at most 16,384.
fn outstanding(
    reservation: &Reservation,
    wanted: Option<&[LineUnits]>,
    present: bool,
) -> Result<SmallVec<[Taken; 1]>, Failure> {
    let left = (0..).zip(reservation.lines.iter().cloned());
    let Some(wanted) = wanted else {
        let open = left.filter(|(_, line)| line.outstanding() > 0).map(|(number, line)| {
            let (units, present) = (line.outstanding(), line.present());
            Taken { number, line, units, present }
        });
        return Ok(open.collect());
    };
    // Unallocated units look as if they were at one location.
    let public = |line: &Line| line.unallocated().is_none().then_some(line.location);
    let mut changes = SmallVec::new();
    // The rest of each line: units on hand, and inbound units.
    let mut lines: Vec<(u16, Line, u32, u32)> = left
        .map(|(number, line)| (number, line.present(), line.waiting(), line))
        .map(|(n, p, w, l)| (n, l, p, w))
        .collect();
    for (at, units) in wanted.iter().enumerate() {
        let fits =
            |line: &Line| line.sku == units.sku && units.location.is_none_or(|location| public(line) == Some(location));
        let mut places: Vec<_> =
            lines.iter().filter(|(_, line, ..)| fits(line)).map(|(_, line, ..)| public(line)).collect();
        places.sort_unstable();
        places.dedup();
        match places.as_slice() {
            [] => return Err(Refusal::invalid(format!("lines[{at}].sku"), "is not in this reservation").into()),
            [_] => {}
            _ => {
                return Err(Refusal::invalid(
                    format!("lines[{at}].location"),
                    "several lines have this SKU; name the location",
                )
                .into());
            }
        }
        // Several lines may be on one cell: uses them in order; when cancelling, inbound units first.
        let mut missing = units.quantity;
        for (number, line, there, to_come) in lines.iter_mut().filter(|(_, line, ..)| fits(line)) {
            let waited = if present { 0 } else { missing.min(*to_come) };
            let taken = (missing - waited).min(*there);
            if waited + taken > 0 {
                missing -= waited + taken;
                *to_come -= waited;
                *there -= taken;
                changes.push(Taken { number: *number, line: line.clone(), units: waited + taken, present: taken });
            }
        }
        if missing > 0 {
            let left = units.quantity - missing;
            return Err(Refusal::TooManyUnits { state: reservation.state, line: at, left }.into());
        }
    }
    Ok(changes)
}
