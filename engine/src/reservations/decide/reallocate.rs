//! Decides allocations: makes the location of group lines public, and moves units elsewhere.

use crate::decide::Decide;
use crate::ids::{GroupId, LocationId, ReservationId, SkuId};
use crate::level::Constraint;
use crate::refusal::{Failure, Refusal, Short};
use crate::reservations::command::Reallocation;
use crate::reservations::decide::moves::{log_moves, new_plan, shift_units};
use crate::reservations::event::Event;
use crate::reservations::ledger::Shift;
use crate::reservations::plan::{self, AllocationPlan, Moving};
use crate::reservations::promise::Reallocated;
use crate::reservations::{Line, Reservation};
use rustc_hash::FxHashMap;

use super::reserve::replaced::LINES_MAX;
use super::step_decision::StepDecision;

/// Units of one line that go to another location, or stay.
struct Wanted {
    /// The line of the request.
    at: usize,
    line: u16,
    sku: SkuId,
    from: LocationId,
    to: LocationId,
    quantity: u32,
    /// Whether they are not a whole unallocated line that stays where it is.
    is_part: bool,
}

/// Units move to their new locations, and with `binds` the locations become public.
pub(crate) fn reallocate_lines(
    cx: &mut Decide<'_>,
    id: ReservationId,
    lines: Option<&[Reallocation]>,
    binds: bool,
) -> Result<StepDecision, Failure> {
    let reservation = cx.draft.reservation(id).ok_or(Refusal::NotFound("reservation"))?;
    let (channel, version) = (reservation.channel, reservation.version);
    let wanted = wanted(&reservation.lines, lines, binds)?;
    let own = reservation.clone();
    let is_open =
        |units: &Wanted| own.lines.get(usize::from(units.line)).is_some_and(|line| line.unallocated().is_some());
    // A caller that names a location knows it from then on; a named part of an unallocated line becomes a line of its
    // own.
    let moves: Vec<_> = wanted.iter().filter(|units| units.from != units.to || units.is_part).collect();
    if moves.is_empty() && !wanted.iter().any(is_open) {
        return Ok(StepDecision::AlreadyThere(version));
    }
    if own.lines.len() + moves.len() > LINES_MAX {
        let reason = format!("the reservation would have more than {LINES_MAX} lines; move whole lines");
        return Err(Refusal::invalid("lines", reason).into());
    }
    // Finds room for all of it before any of it moves; the room that it leaves is available to its other units.
    let mut plan = new_plan(cx, channel, own.purpose);
    for units in &moves {
        plan::release(&*cx.draft, &mut plan, units.sku, units.from, units.quantity);
    }
    cx.draft.ledger.reopen(&Shift::hiding(&own));
    let moving = place_elsewhere(cx, &mut plan, &own, &wanted, binds);
    *cx.looks += plan.spent();
    if let Ok(moving) = &moving {
        log_moves(cx, moving);
    }
    cx.draft.ledger.reopen(&Shift::showing(&own));
    moving?;

    // Nothing below may refuse.
    let mut after = own.clone();
    let (mut bound, mut shifted) = (Vec::new(), Vec::new());
    for units in &wanted {
        let mut line = units.line;
        if units.from != units.to || units.is_part {
            let moved = shift_units(cx, units.sku, units.line, units.quantity, units.from, units.to);
            line = after.shift(&moved, false).into;
            shifted.push(moved);
        }
        if is_open(units) {
            bound.push(line);
        }
    }
    // Every cell after the whole event.
    for moved in &mut shifted {
        moved.from = cx.draft.cell_after(moved.from.sku, moved.from.location);
        moved.to = cx.draft.cell_after(moved.to.sku, moved.to.location);
    }
    let event = Event::Reallocated(Box::new(Reallocated { reservation: id, moves: shifted, bound }));
    Ok(StepDecision::Event(event))
}

/// Finds room for the units, and the promises that must move for them.
fn place_elsewhere(
    cx: &mut Decide<'_>,
    plan: &mut AllocationPlan,
    own: &Reservation,
    wanted: &[Wanted],
    binds: bool,
) -> Result<Vec<Moving>, Failure> {
    let mut shorts = Vec::new();
    // Bounded by the lines of the request, and the plan's budget.
    for units in wanted.iter().filter(|units| units.from != units.to) {
        let mut short = |plan: &AllocationPlan, available, constraint, rule| {
            let (requested, limit) = (units.quantity, plan.over());
            let constraint = if limit.is_some() { Constraint::Group } else { constraint };
            shorts.push(Short { line: units.at, requested, available, constraint, rule, limit });
        };
        let group = own.lines.get(usize::from(units.line)).and_then(Line::unallocated).filter(|_| binds);
        if group.is_some_and(|group| !is_member(cx, group, units.to)) {
            short(plan, 0, Constraint::Group, None);
            continue;
        }
        if !cx.state.catalogue.takes(units.to, own.purpose) {
            short(plan, 0, Constraint::Access, None);
            continue;
        }
        let catalogue = &cx.state.catalogue;
        let may_be_there = match catalogue.is_tracked(units.sku) {
            true => cx.draft.cell(units.sku, units.to).exists,
            false => catalogue.has_uncounted_at(units.to),
        };
        if !may_be_there {
            short(plan, 0, Constraint::UnknownCell, None);
            continue;
        }
        let wanted = i64::from(units.quantity);
        let room = plan::own_room(&*cx.draft, plan, units.sku, units.to).unwrap_or(0);
        if room < wanted {
            plan::make_room(cx.draft, plan, units.sku, units.to, wanted - room);
        }
        let room = plan::own_room(&*cx.draft, plan, units.sku, units.to).unwrap_or(0);
        let available = room.clamp(0, u32::MAX.into()) as u32;
        if room < wanted {
            short(plan, available, Constraint::Reserved, None);
        } else if let Some((allowed, rule)) = plan::quota_allows(&*cx.draft, plan, units.sku, units.to)
            && allowed < units.quantity
            && !plan::same_quotas(&*cx.draft, plan, units.sku, units.from, units.to)
        {
            short(plan, allowed, Constraint::Quota, Some(rule));
        }
        plan::take(&*cx.draft, plan, units.sku, units.to, wanted);
    }
    if !shorts.is_empty() {
        return Err(Refusal::Insufficient(shorts).into());
    }
    Ok(plan.moves().to_vec())
}

/// Whether a location is one of a group's.
fn is_member(cx: &Decide<'_>, group: GroupId, location: LocationId) -> bool {
    let members = cx.state.catalogue.groups.details(group);
    members.is_some_and(|set| set.details.locations.binary_search(&location).is_ok())
}

/// The lines and units that a request selects.
fn wanted(lines: &[Line], asked: Option<&[Reallocation]>, binds: bool) -> Result<Vec<Wanted>, Failure> {
    let mine = |line: &Line| line.present() > 0 && (!binds || line.unallocated().is_some());
    let stay = |at: usize, (number, line): (u16, &Line)| Wanted {
        at,
        line: number,
        sku: line.sku,
        from: line.location,
        to: line.location,
        quantity: line.present(),
        is_part: false,
    };
    let Some(asked) = asked else {
        return Ok((0..).zip(lines).filter(|(_, line)| mine(line)).map(|line| stay(0, line)).collect());
    };
    let mut found: Vec<Wanted> = Vec::new();
    let mut used: FxHashMap<u16, u32> = FxHashMap::default();
    // Bounded by the lines of the request and of the reservation, at most LINES_MAX.
    for (at, units) in asked.iter().enumerate() {
        let fits = |line: &Line| {
            line.sku == units.sku
                && units.from.is_none_or(|from| line.location == from && line.unallocated().is_none())
                && units.group.is_none_or(|group| line.terms.as_ref().is_some_and(|terms| terms.group == Some(group)))
        };
        let here: Vec<_> = (0..).zip(lines).filter(|(_, line)| mine(line) && fits(line)).collect();
        if here.is_empty() {
            let reason = if binds { "is not in this reservation, or is bound" } else { "is not in this reservation" };
            return Err(Refusal::invalid(format!("lines[{at}].sku"), reason).into());
        }
        let mut left = units.quantity.unwrap_or(u32::MAX);
        for (number, line) in here {
            let used = used.entry(number).or_default();
            let quantity = left.min(line.present() - (*used).min(line.present()));
            *used += quantity;
            if quantity > 0 {
                let to = units.to.unwrap_or(line.location);
                let is_part = line.unallocated().is_some() && to == line.location && quantity < line.present();
                found.push(Wanted { quantity, to, is_part, ..stay(at, (number, line)) });
                left -= quantity;
            }
        }
        if units.quantity.is_some() && left > 0 {
            let reason = format!("is {left} units more than the reservation has of these; ask for fewer");
            return Err(Refusal::invalid(format!("lines[{at}].quantity"), reason).into());
        }
    }
    Ok(found)
}
