//! Decides a promise: all lines or none, minus the holds that it replaces, at named locations or anywhere in a group.

use crate::catalogue::release::channel_of;
use crate::catalogue::retire::check_stands;
use crate::decide::draft::{Answer, Draft};
use crate::decide::{Decide, Decision};
use crate::ids::{ChannelId, LocationId, ReservationId, SkuId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::level::{Constraint, StockChange};
use crate::refusal::{Failure, Refusal, Short};
use crate::reservations::command::{GroupLine, Reserve};
use crate::reservations::decide::capacity::{days_of, full_day};
use crate::reservations::decide::moves::{log_moves, new_plan};
use crate::reservations::event::Event;
use crate::reservations::ledger::{Counted, Shift};
use crate::reservations::plan::{self, FromGroup, Plan, World};
use crate::reservations::promise::{
    Arranged, LineBackorder, LineChange, LineTerms, OrderDay, Promised, Purpose, QueuePosition, Replaced, Reserved,
    ReservedLine, Superseded,
};
use crate::reservations::{Backorder, ReservationState};
use crate::rules::{Kind, RuleId};
use crate::supply::Grant;
use crate::supply::decide::grant_to_come;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::capacity::Days;

/// The demand of all lines on one cell.
struct Demand {
    sku: SkuId,
    location: LocationId,
    requested: u32,
    granted: u32,
    /// Inbound units of it.
    to_come: Option<(Grant, Timestamp)>,
    /// Units of the cell that the replaced holds release.
    released: u32,
    /// The latest acceptable date of inbound units, over all lines on the cell that accept any.
    latest: Option<Timestamp>,
    /// Units of lines that accept inbound units, and the number of those lines.
    backordered: u32,
    backordered_lines: u32,
}

/// Units that a line of a replaced hold releases.
struct Released {
    reservation: ReservationId,
    /// All of them, inbound units included.
    change: LineChange,
    /// Units on hand.
    present: u32,
    /// Inbound units, and their queue position.
    waited: Option<(QueuePosition, BackorderOf)>,
}

/// The backorder of a line of a replaced hold.
#[derive(Clone, Copy)]
struct BackorderOf {
    units: u32,
    promised_for: Timestamp,
    on_allowance: bool,
}

/// The queue positions of the replaced holds, by cell, first position first: a caller neither loses its position, nor
/// is refused, because of its own holds.
#[derive(Default)]
struct Places(FxHashMap<(SkuId, LocationId), Vec<(QueuePosition, BackorderOf)>>);

impl Places {
    fn of(released: &[Released]) -> Self {
        let mut places = Self::default();
        for Released { change, waited, .. } in released {
            if let Some(place) = waited {
                places.0.entry((change.cell.sku, change.cell.location)).or_default().push(*place);
            }
        }
        places.0.values_mut().for_each(|places| places.sort_unstable_by_key(|(turn, _)| *turn));
        places
    }

    /// Units of backorders there.
    fn units(&self, sku: SkuId, location: LocationId) -> u32 {
        let places = self.0.get(&(sku, location)).map_or(&[][..], Vec::as_slice);
        places.iter().fold(0, |sum: u32, (_, wait)| sum.saturating_add(wait.units))
    }

    /// Passes on the position for a line that asks for no more inbound units. Of several positions, it is the last of
    /// the first ones that together had enough, for the latest of their dates: so nobody in between gets units later
    /// than before.
    fn hand_on(&mut self, sku: SkuId, location: LocationId, units: u32, latest: Timestamp) -> Option<Grant> {
        let places = self.0.get_mut(&(sku, location)).filter(|_| units > 0)?;
        let (mut waited, mut grant) =
            (0_u64, Grant { units, promised_for: Timestamp(0), on_allowance: false, turn: None });
        for (nth, (turn, wait)) in places.iter().enumerate() {
            waited += u64::from(wait.units);
            grant.promised_for = grant.promised_for.max(wait.promised_for);
            grant.on_allowance |= wait.on_allowance;
            grant.turn = Some(*turn);
            if grant.promised_for > latest {
                return None;
            }
            if waited >= u64::from(units) {
                places.drain(..=nth);
                return Some(grant);
            }
        }
        None
    }
}

/// Deadlines that are examined to find when another hold will be possible.
const ENDS_LOOKED_AT: usize = 64;

/// Lines that a reservation may get; a record could hold far more.
pub(crate) const LINES_MAX: usize = 16_384;

/// A line of the new promise, at the location that was found for it.
struct Placed {
    /// The line of the request.
    at: usize,
    sku: SkuId,
    location: LocationId,
    requested: u32,
    /// Promised units, inbound ones included.
    quantity: u32,
    /// Inbound units of them, and the latest acceptable date.
    to_come: Option<(Grant, Timestamp)>,
    terms: LineTerms,
}

impl Placed {
    /// Units on hand.
    fn present(&self) -> u32 {
        self.quantity - self.to_come()
    }

    /// Inbound units.
    fn to_come(&self) -> u32 {
        self.to_come.map_or(0, |(grant, _)| grant.units)
    }
}

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

/// The common case, without a plan: one line on one cell that has enough, without rules or backorders. `None` for
/// another case, or a refusal.
fn place_plainly(cx: &mut Decide<'_>, reserve: &Reserve, channel: ChannelId) -> Option<Placed> {
    let ([line], []) = (reserve.lines.as_slice(), reserve.supersedes.as_slice()) else { return None };
    let (sku, location, quantity) = (line.sku, line.location, line.quantity);
    let state = Arc::clone(cx.state);
    let book = state.rules.book();
    let is_counted = book.has_quotas() || (reserve.purpose != Purpose::Cart && book.has(Kind::Capacity));
    if is_counted || !reserve.group_lines.is_empty() {
        return None;
    }
    if state.is_barred(reserve, location) {
        return None;
    }
    let gate = cx.draft.gate(&book, sku, location, channel);
    let cell = cx.draft.cell(sku, location);
    gate.reserve(cell.level, quantity).ok().filter(|_| cell.exists)?;
    let (requested, terms) = (quantity, LineTerms::default());
    Some(Placed { at: 0, sku, location, requested, quantity, to_come: None, terms })
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

/// Finds a location for every line, and moves the promises that must make room.
fn place_lines(
    cx: &mut Decide<'_>,
    reserve: &Reserve,
    channel: ChannelId,
    released: &Few<Released>,
) -> Result<(Vec<Placed>, Vec<OrderDay>), Failure> {
    // Units that are sent to the pickup location may come from anywhere.
    let purpose = if reserve.fetched_at.is_some() { Purpose::Cart } else { reserve.purpose };
    let mut plan = new_plan(cx, channel, purpose);
    let mut places = Places::of(released);
    plan_release(cx, &mut plan, released);
    let mut shorts = Vec::new();
    let mut days = days_of(&plan, reserve);
    let mut placed = place_in_locations(cx, &mut plan, &mut days, reserve, released, &mut places, &mut shorts);
    // Bounded by the lines of the request, whose groups have at most
    // `reservation_group_cells_max` locations together.
    for line in &reserve.group_lines {
        place_in_group(cx, &mut plan, &mut days, line, &mut places, &mut placed, &mut shorts);
    }
    *cx.looks += plan.spent();
    let granted = placed.iter().any(|line| line.quantity > 0);
    let some_will_do = reserve.allow_partial && granted;
    if !shorts.is_empty() && !some_will_do {
        shorts.sort_by_key(|short| short.line);
        return Err(Refusal::Insufficient(shorts).into());
    }
    placed.sort_by_key(|line| line.at);
    // Every location of a group may get its own line.
    let reach: usize = reserve.group_lines.iter().map(|line| cx.draft.members_of(line.group).len()).sum();
    if placed.len() + reach > LINES_MAX {
        let reason = format!(
            "the groups have {reach} locations together; a reservation reaches at most {LINES_MAX}; \
                              use smaller groups"
        );
        return Err(Refusal::invalid("lines", reason).into());
    }
    // Moves for room may have reduced what quotas leave since they were checked.
    if let Err((at, available, rule)) = plan::quotas_hold(&*cx.draft, &mut plan) {
        let requested = placed.iter().find(|line| line.at == at).map_or(available, |line| line.requested);
        let (constraint, rule) = (Constraint::Quota, Some(rule));
        let short = Short { line: at, requested, available, constraint, rule, limit: None };
        return Err(Refusal::Insufficient(vec![short]).into());
    }
    let taken_at: FxHashSet<LocationId> =
        placed.iter().filter(|line| line.quantity > 0).map(|line| line.location).collect();
    let orders = days.orders(|at| taken_at.contains(&at));
    log_moves(cx, plan.moves());
    Ok((placed, orders))
}

/// Changes the promised units of a cell in the draft.
fn promise_units(cx: &mut Decide<'_>, sku: SkuId, location: LocationId, change: StockChange) {
    let level = cx.draft.cell(sku, location).level.checked_add(change);
    let level = level.expect("what is granted is free, and what is given back is among the reserved units");
    cx.draft.set_level(sku, location, level);
}

/// The units of the replaced holds are available to the new one, and no longer count against quotas.
fn plan_release(cx: &mut Decide<'_>, plan: &mut Plan, released: &[Released]) {
    for Released { reservation, change, present, .. } in released {
        plan::release(&*cx.draft, plan, change.cell.sku, change.cell.location, *present);
        let held = cx.draft.reservation(*reservation).and_then(|held| held.lines.get(usize::from(change.line)));
        let charges = held.and_then(|line| line.terms.as_ref()).map(|terms| terms.charges.clone());
        for (rule, since) in charges.unwrap_or_default() {
            let counted = Counted { rule, since, sku: change.cell.sku };
            plan.uncharge(counted, change.quantity);
        }
    }
}

/// Location lines: added up by cell, each cell gives all requested units or is short.
fn place_in_locations(
    cx: &mut Decide<'_>,
    plan: &mut Plan,
    days: &mut Days,
    reserve: &Reserve,
    released: &Few<Released>,
    places: &mut Places,
    shorts: &mut Vec<Short>,
) -> Vec<Placed> {
    let mut demands = demands(reserve, released);
    let mut terms = Vec::with_capacity(demands.len());
    // Bounded by the lines of the request; with quotas, the cells of each SKU are looks of the plan.
    for demand in &mut demands {
        let granted = match full_day(cx, days, plan, demand.location) {
            _ if cx.state.is_barred(reserve, demand.location) => Err((Constraint::Access, 0, None)),
            Some(rule) => Err((Constraint::Capacity, 0, Some(rule))),
            None => grant_cell(cx, plan, demand),
        };
        let mut quota = None;
        if let Err((constraint, available, rule)) = granted {
            demand.granted = available;
            if let Some(latest) =
                demand.latest.filter(|_| !matches!(constraint, Constraint::Capacity | Constraint::Access))
            {
                match wait_for(cx, plan, demand, latest, places) {
                    Ok(to_come) => demand.to_come = to_come,
                    Err(rule) => (quota, demand.to_come) = (Some(rule.0), rule.1),
                }
            }
            let to_come = demand.to_come.map_or(0, |(grant, _)| grant.units);
            let available = available + to_come;
            let (constraint, rule) = match quota {
                Some(rule) => (Constraint::Quota, Some(rule)),
                None => (constraint, rule),
            };
            let constraint = match (constraint, demand.latest) {
                (Constraint::Access | Constraint::Quota | Constraint::UnknownCell | Constraint::Capacity, _) => {
                    constraint
                }
                (_, None) => constraint,
                _ => Constraint::Supply,
            };
            if available < demand.requested && (!reserve.allow_partial || available == 0) {
                let asks = |line: &crate::reservations::command::ReserveLine| {
                    (line.sku, line.location) == (demand.sku, demand.location)
                };
                let line = reserve.line_number(reserve.lines.iter().position(asks).unwrap_or_default());
                let (requested, limit) = (demand.requested, plan.over());
                shorts.push(Short { line, requested, available, constraint, rule, limit });
            }
        }
        let to_come = demand.to_come.map_or(0, |(grant, _)| grant.units);
        plan.take_to_come(demand.sku, demand.location, to_come);
        plan::take(&*cx.draft, plan, demand.sku, demand.location, demand.granted.into());
        let charged = i64::from(to_come) + i64::from(demand.granted);
        terms.push(plan::charge(&*cx.draft, plan, demand.sku, demand.location, charged));
    }
    // Lines that do not accept inbound units get units on hand first.
    let mut present: Vec<u32> = vec![0; reserve.lines.len()];
    for waits in [false, true] {
        for (line, present) in reserve.lines.iter().zip(&mut present).filter(|(line, _)| line.latest.is_some() == waits)
        {
            let of = |demand: &&mut Demand| (demand.sku, demand.location) == (line.sku, line.location);
            let demand = demands.iter_mut().find(of).expect("every line is part of a demand");
            *present = line.quantity.min(demand.granted);
            demand.granted -= *present;
        }
    }
    let place = |(nth, line): (usize, &crate::reservations::command::ReserveLine)| {
        let of = |demand: &Demand| (demand.sku, demand.location) == (line.sku, line.location);
        let at = demands.iter().position(of).expect("every line is part of a demand");
        let demand = demands.get_mut(at).expect("just found");
        let present = present.get(nth).copied().unwrap_or(0);
        let to_come = demand.to_come.as_mut().filter(|_| line.latest.is_some()).map(|(grant, latest)| {
            let units = grant.units.min(line.quantity - present);
            grant.units -= units;
            (Grant { units, ..*grant }, *latest)
        });
        let to_come = to_come.filter(|(grant, _)| grant.units > 0);
        let quantity = present + to_come.map_or(0, |(grant, _)| grant.units);
        Placed {
            at: reserve.line_number(nth),
            sku: line.sku,
            location: line.location,
            requested: line.quantity,
            quantity,
            to_come,
            terms: terms.get(at).cloned().unwrap_or_default(),
        }
    };
    let placed: Vec<Placed> = reserve.lines.iter().enumerate().map(place).collect();
    placed.iter().for_each(|line| plan.note_line(line.at, line.sku, line.location, line.present(), line.to_come()));
    placed
}

/// A group line: units come from the location that fewest groups share, then from the next; if that is not enough,
/// unallocated promises move.
fn place_in_group(
    cx: &mut Decide<'_>,
    plan: &mut Plan,
    days: &mut Days,
    line: &GroupLine,
    inherited: &mut Places,
    placed: &mut Vec<Placed>,
    shorts: &mut Vec<Short>,
) {
    let all = cx.draft.members_of(line.group);
    let (open, barred): (Vec<LocationId>, Vec<LocationId>) =
        all.iter().copied().partition(|location| cx.state.catalogue.takes(*location, plan.purpose));
    let (full, members): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|location| full_day(cx, days, plan, *location).is_some());
    let first = placed.len();
    let wanted = line.quantity.into();
    let FromGroup { places, missing, limited } =
        plan::take_in_group(cx.draft, plan, line.at, line.sku, &members, wanted);
    for (location, here) in places {
        let charges = plan::charges(&*cx.draft, plan, line.sku, location);
        let terms = LineTerms { group: Some(line.group), bound: false, charges };
        let (at, sku) = (line.at, line.sku);
        placed.push(Placed { at, sku, location, requested: here, quantity: here, to_come: None, terms });
    }
    let mut missing = missing as u32;
    if missing == 0 {
        return;
    }
    if let Some(latest) = line.latest {
        missing = wait_in_group(cx, plan, &members, line, (latest, inherited), missing, placed);
        if missing == 0 {
            return;
        }
    }
    let available = line.quantity - missing;
    let full = full.first().and_then(|location| full_day(cx, days, plan, *location));
    let constraint = match limited {
        _ if plan.search_ended() => Constraint::Group,
        Some(_) => Constraint::Quota,
        None if full.is_some() => Constraint::Capacity,
        None if members.is_empty() && !barred.is_empty() => Constraint::Access,
        None if line.latest.is_some() => Constraint::Supply,
        None if all.iter().any(|at| cx.state.matrix.find(line.sku, *at).is_some()) => Constraint::Group,
        None => Constraint::UnknownCell,
    };
    match placed.get_mut(first) {
        Some(place) => place.requested += missing,
        // A partial promise keeps the line, with 0 units.
        None => placed.extend(all.first().map(|location| {
            let terms = LineTerms { group: Some(line.group), ..LineTerms::default() };
            let (at, sku, requested) = (line.at, line.sku, line.quantity);
            Placed { at, sku, location: *location, requested, quantity: 0, to_come: None, terms }
        })),
    }
    let (requested, rule, limit) = (line.quantity, limited.or(full), plan.over());
    shorts.push(Short { line: line.at, requested, available, constraint, rule, limit });
}

/// Inbound units that may be promised for a demand, after the units on hand.
///
/// # Errors
/// The quota that leaves fewer units than are missing, with its remainder.
#[allow(clippy::type_complexity, reason = "a grant, and the date up to which it waits")]
fn wait_for(
    cx: &mut Decide<'_>,
    plan: &mut Plan,
    demand: &Demand,
    latest: Timestamp,
    places: &mut Places,
) -> Result<Option<(Grant, Timestamp)>, (RuleId, Option<(Grant, Timestamp)>)> {
    let (sku, location) = (demand.sku, demand.location);
    let missing = (demand.requested - demand.granted).min(demand.backordered);
    // Two lines do not share a queue position.
    if demand.backordered_lines == 1
        && let Some(grant) = places.hand_on(sku, location, missing, latest)
    {
        return Ok(Some((grant, latest)));
    }
    let fence = plan::fence(&*cx.draft, plan, sku, location);
    let left = fence.map_or(missing, |(allowed, _)| missing.min(allowed.saturating_sub(demand.granted)));
    let grant = grant_to_come(cx, plan, sku, location, left, latest).map(|grant| (grant, latest));
    match fence.filter(|_| left < missing && grant.map_or(0, |(grant, _)| grant.units) == left) {
        Some((_, rule)) => Err((rule, grant)),
        None => Ok(grant),
    }
}

/// Missing units of a group line are promised at the location where they arrive first; such units are at a public
/// location. Returns the units still missing.
fn wait_in_group(
    cx: &mut Decide<'_>,
    plan: &mut Plan,
    members: &[LocationId],
    line: &GroupLine,
    (latest, inherited): (Timestamp, &mut Places),
    mut missing: u32,
    placed: &mut Vec<Placed>,
) -> u32 {
    let mut place = |plan: &mut Plan, draft: &Draft, location: LocationId, grant: Grant| {
        plan.take_to_come(line.sku, location, grant.units);
        let charged = plan::charge(draft, plan, line.sku, location, grant.units.into());
        plan.note_line(line.at, line.sku, location, 0, grant.units);
        let terms = LineTerms { group: Some(line.group), bound: true, charges: charged.charges };
        let (at, sku, quantity) = (line.at, line.sku, grant.units);
        let to_come = Some((grant, latest));
        placed.push(Placed { at, sku, location, requested: quantity, quantity, to_come, terms });
    };
    // Bounded by the locations of the group.
    for location in members {
        let units = missing.min(inherited.units(line.sku, *location));
        if let Some(grant) = inherited.hand_on(line.sku, *location, units, latest) {
            missing -= grant.units;
            place(plan, &*cx.draft, *location, grant);
        }
    }
    if missing == 0 {
        return 0;
    }
    let mut grants: Vec<(Timestamp, LocationId)> = Vec::new();
    // Bounded by the locations of the group.
    for location in members {
        let grant = grant_to_come(cx, plan, line.sku, *location, 1, latest);
        grants.extend(grant.map(|grant| (grant.promised_for, *location)));
    }
    grants.sort_by_key(|(date, _)| *date);
    for (_, location) in grants {
        if missing == 0 {
            break;
        }
        let fence = plan::fence(&*cx.draft, plan, line.sku, location);
        let allowed = fence.map_or(missing, |(allowed, _)| allowed.min(missing));
        let Some(grant) = grant_to_come(cx, plan, line.sku, location, allowed, latest) else { continue };
        missing -= grant.units;
        place(plan, &*cx.draft, location, grant);
    }
    missing
}

/// Whether a cell can give the demand, and if not, the constraint, the possible units, and the rule behind it.
fn grant_cell(cx: &mut Decide<'_>, plan: &mut Plan, demand: &Demand) -> Result<(), (Constraint, u32, Option<RuleId>)> {
    let net = demand.requested.saturating_sub(demand.released);
    if net == 0 {
        return Ok(());
    }
    let (sku, location) = (demand.sku, demand.location);
    let is_tracked = cx.state.catalogue.is_tracked(sku);
    let may_be_there = match is_tracked {
        true => cx.draft.cell(sku, location).exists,
        false => cx.state.catalogue.has_uncounted_at(location),
    };
    if !may_be_there {
        return Err((Constraint::UnknownCell, 0, None));
    }
    // Units of the replaced hold are counted separately: they are there even if the cell is short.
    let back = i64::from(demand.released);
    let room = |draft: &Draft, plan: &Plan| Some(plan::own_room(draft, plan, sku, location)? - back);
    let mut free = room(&*cx.draft, plan);
    if let Some(free_now) = free.filter(|free| *free < net.into())
        && cx.draft.has_open(sku, location)
    {
        plan::make_room(cx.draft, plan, sku, location, i64::from(net) - free_now);
        free = room(&*cx.draft, plan);
    }
    let available = (free.unwrap_or(0).max(0) + back).clamp(0, u32::MAX.into()) as u32;
    if let Some((allowed, rule)) = plan::quota_allows(&*cx.draft, plan, sku, location) {
        let allowed = allowed.max(demand.released);
        if allowed < demand.requested.min(available) {
            return Err((Constraint::Quota, allowed, Some(rule)));
        }
    }
    if free.is_some_and(|free| free >= net.into()) {
        return Ok(());
    }
    if plan.search_ended() {
        return Err((Constraint::Group, available, None));
    }
    if !is_tracked && free.is_some() {
        // The cell has its maximum of promises.
        return Err((Constraint::Capacity, available, None));
    }
    let seen = plan::level_before_release(&*cx.draft, plan, sku, location);
    let book = Arc::clone(&plan.book);
    let gate = cx.draft.gate(&book, sku, location, plan.channel);
    // Promises of another line may have raised the floor above the channel's own.
    let constraint = gate.reserve(seen, net).err().unwrap_or(Constraint::Reserved);
    let terms = book.terms(&cx.state.catalogue, sku, location, Some(plan.channel));
    let own_safety_stock = cx.draft.cell(sku, location).safety_stock;
    Err((constraint, available, terms.rule_behind(constraint, own_safety_stock)))
}

/// The units that the replaced holds release, by hold. An expired one releases nothing more; any other that is no
/// longer held must not be replaced, because it is an order.
fn released_by(cx: &mut Decide<'_>, reserve: &Reserve, channel: ChannelId) -> Result<Few<Released>, Failure> {
    let mut released = Few::new();
    // Bounded by SUPERSEDES_MAX, and LINES_MAX lines in total.
    for (at, id) in reserve.replaced() {
        let Some(old) = cx.draft.reservation(id) else {
            match cx.state.reservations.closed_state(id) {
                Some(ReservationState::Expired) => continue,
                Some(state) => return Err(Refusal::NotReplaceable { at, state }.into()),
                None => return Err(Refusal::NothingToReplace { at }.into()),
            }
        };
        match old.state {
            ReservationState::Held => {}
            ReservationState::Expired => continue,
            state => return Err(Refusal::NotReplaceable { at, state }.into()),
        }
        let lines: Few<_> = (0..).zip(old.lines.iter().cloned()).filter(|(_, line)| line.outstanding() > 0).collect();
        if released.len() + lines.len() > LINES_MAX {
            let reason =
                format!("the holds have more than {LINES_MAX} lines together; replace fewer of them at a time");
            return Err(Refusal::invalid("supersedes", reason).into());
        }
        // A queue position belongs to its channel.
        let same_channel = old.channel == channel;
        let change = |(line, held): (u16, crate::reservations::Line)| {
            let cell = cx.draft.cell_after(held.sku, held.location);
            let change = LineChange { line, quantity: held.outstanding(), cell };
            let waited = held.wait.as_deref().filter(|wait| wait.units > 0 && same_channel).map(|wait| {
                let Backorder { units, promised_for, on_allowance, turn, .. } = *wait;
                (turn.unwrap_or((id, line)), BackorderOf { units, promised_for, on_allowance })
            });
            Released { reservation: id, change, present: held.present(), waited }
        };
        released.extend(lines.into_iter().map(change));
    }
    Ok(released)
}

/// The units that the replaced holds release in each cell.
fn given_back(released: &[Released]) -> FxHashMap<(SkuId, LocationId), u32> {
    let mut cells: FxHashMap<(SkuId, LocationId), u32> = FxHashMap::default();
    for Released { change, present, .. } in released {
        *cells.entry((change.cell.sku, change.cell.location)).or_default() += present;
    }
    cells
}

/// Adds up the demand of all lines on each cell. Bounded by the square of the request's lines, and by those of the
/// replaced holds.
fn demands(reserve: &Reserve, released: &Few<Released>) -> Few<Demand> {
    let mut demands: Few<Demand> = Few::new();
    let back = given_back(released);
    for line in &reserve.lines {
        let same = |demand: &&mut Demand| (demand.sku, demand.location) == (line.sku, line.location);
        match demands.iter_mut().find(same) {
            Some(demand) => {
                // Admission keeps the sum within the limit of one line.
                demand.requested += line.quantity;
                demand.latest = [demand.latest, line.latest].into_iter().flatten().min();
                demand.backordered += line.latest.map_or(0, |_| line.quantity);
                demand.backordered_lines += u32::from(line.latest.is_some());
            }
            None => {
                let (sku, location, requested) = (line.sku, line.location, line.quantity);
                let (released, latest) = (back.get(&(sku, location)).copied().unwrap_or(0), line.latest);
                demands.push(Demand {
                    sku,
                    location,
                    requested,
                    granted: 0,
                    to_come: None,
                    released,
                    latest,
                    backordered: latest.map_or(0, |_| requested),
                    backordered_lines: u32::from(latest.is_some()),
                });
            }
        }
    }
    for demand in &mut demands {
        demand.granted = demand.requested;
    }
    demands
}
