//! Decides a promise: all lines or none, minus the holds that it replaces, at named locations or anywhere in a group.

mod backorder;
mod demand;
mod group;
mod locations;
mod place;
mod placed;
mod replaced;

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
use crate::reservations::event::Event;
use crate::reservations::ledger::Shift;
use crate::reservations::promise::{
    Arranged, LineBackorder, LineChange, LineTerms, Promised, Replaced, Reserved, ReservedLine, Superseded,
};
use crate::supply::Grant;
use place::{place_lines, place_plainly, promise_units};
use replaced::{Released, released_by};

pub(crate) use replaced::LINES_MAX;

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
    check_stands(cx, &reserve)?;
    let released = released_by(cx, &reserve, channel)?;
    if !reserve.bounds.is_empty() {
        let caller = cause.as_ref().map_or(0, |cause| cause.caller);
        let mut replaced: Few<(ChannelId, u64, ReservationState)> = Few::new();
        for (_, id) in reserve.replaced() {
            let owner = cx.draft.owner(id);
            replaced.extend(cx.draft.reservation(id).map(|old| (old.channel, owner, old.state)));
        }
        let checked = cx.draft.holds.check(&reserve.bounds, channel, caller, reserve.confirm, &replaced);
        checked.map_err(|failure| until_some_end(cx, failure, &reserve, channel, caller))?;
    }
    let (placed, orders) = match place_plainly(cx, &reserve, channel) {
        Some(line) => (vec![line], Vec::new()),
        None => {
            // The replaced holds are removed first: their unallocated promises make no room, and are not moved.
            let mut replaced = Vec::new();
            for (_, id) in reserve.replaced() {
                replaced.extend(cx.draft.reservation(id).filter(|old| old.is_counted()).cloned());
            }
            replaced.iter().for_each(|old| cx.draft.ledger.reopen(&Shift::hiding(old)));
            let placed = place_lines(cx, &reserve, channel, &released);
            replaced.iter().for_each(|old| cx.draft.ledger.reopen(&Shift::showing(old)));
            placed.inspect_err(|failure| cx.state.note_refused(&reserve, failure))?
        }
    };

    // Nothing below may refuse.
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
    Ok(match (is_arranged, on_terms) {
        (true, _) => {
            let arranged = Arranged { promised: Promised { reserved, terms }, waits, orders };
            match others.is_empty() {
                true => Event::Arranged(Box::new(arranged)),
                false => Event::Replaced(Box::new(Replaced { arranged, others })),
            }
        }
        (false, true) => Event::Promised(Box::new(Promised { reserved, terms })),
        (false, false) => Event::Reserved(Box::new(reserved)),
    })
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
