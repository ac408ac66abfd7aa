//! Placing the lines of a promise: where its units come from, and what moves for them.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::group::place_in_group;
use super::locations::place_in_locations;
use super::placed::Placed;
use super::replaced::{KnownLocations, LINES_MAX, Released};
use crate::decide::Decide;
use crate::ids::{ChannelId, LocationId, SkuId};
use crate::kernel::few::Few;
use crate::level::{Constraint, StockChange};
use crate::refusal::{Failure, Refusal, Short};
use crate::reservations::command::Reserve;
use crate::reservations::decide::capacity::days_of;
use crate::reservations::decide::moves::{log_moves, new_plan};
use crate::reservations::ledger::Counted;
use crate::reservations::plan;
use crate::reservations::plan::AllocationPlan;
use crate::reservations::promise::{LineTerms, OrderDay, Purpose};
use crate::rules::Kind;

/// The common case, without a plan: one line on one cell that has enough, without rules or backorders. `None` for
/// another case, or a refusal.
pub(super) fn place_plainly(cx: &mut Decide<'_>, reserve: &Reserve, channel: ChannelId) -> Option<Placed> {
    let ([line], []) = (reserve.lines.as_slice(), reserve.supersedes.as_slice()) else { return None };
    let (sku, location, quantity) = (line.sku, line.location, line.quantity);
    let state = Arc::clone(cx.state);
    let book = state.rules.book();
    let is_counted = book.has_quotas() || (!reserve.purpose.is_taken_along() && book.has(Kind::Capacity));
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

/// The lines of one promise, each at its location, and the days that it counts against.
pub(super) type PlacedLines = (Vec<Placed>, Vec<OrderDay>);

/// Finds a location for every line of some promises, all or none, and moves the promises that must make room. Each comes
/// with the units that it replaces itself; `freed` are units that are given back before any of them, whose places in the
/// queues of backorders go on to whoever asks there first.
pub(super) fn place_lines(
    cx: &mut Decide<'_>,
    asked: &[(&Reserve, &Few<Released>)],
    freed: &[Released],
    channel: ChannelId,
) -> Result<Vec<PlacedLines>, Failure> {
    let mut plan = new_plan(cx, channel, Purpose::Cart);
    plan_release(cx, &mut plan, freed);
    for (_, released) in asked {
        plan_release(cx, &mut plan, released);
    }
    let mut places = KnownLocations::of(asked.iter().flat_map(|(_, released)| released.iter()).chain(freed));
    let mut shorts = Vec::new();
    let mut all = Vec::with_capacity(asked.len());
    for (reserve, released) in asked {
        all.push(place_one(cx, &mut plan, reserve, released, &mut places, &mut shorts)?);
    }
    *cx.looks += plan.spent();
    if !shorts.is_empty() {
        shorts.sort_by_key(|short: &Short| short.line);
        return Err(Refusal::Insufficient(shorts).into());
    }
    // Moves for room may have reduced what quotas leave since they were checked.
    if let Err((at, available, rule)) = plan::quotas_hold(&*cx.draft, &mut plan) {
        let placed = all.iter().flat_map(|(placed, _): &PlacedLines| placed);
        let requested = placed.filter(|line| line.at == at).map(|line| line.requested).next().unwrap_or(available);
        let (constraint, rule) = (Constraint::Quota, Some(rule));
        let short = Short { line: at, requested, available, constraint, rule, limit: None };
        return Err(Refusal::Insufficient(vec![short]).into());
    }
    log_moves(cx, plan.moves());
    Ok(all)
}

/// Plans the lines of one promise; missing units are added to `shorts`, unless some will do.
fn place_one(
    cx: &mut Decide<'_>,
    plan: &mut AllocationPlan,
    reserve: &Reserve,
    released: &Few<Released>,
    places: &mut KnownLocations,
    shorts: &mut Vec<Short>,
) -> Result<PlacedLines, Failure> {
    // Units that are sent to the pickup location may come from anywhere.
    plan.purpose = if reserve.fetched_at.is_some() { Purpose::Cart } else { reserve.purpose };
    let mut short = Vec::new();
    let mut days = days_of(plan, reserve);
    let mut placed = place_in_locations(cx, plan, &mut days, reserve, released, places, &mut short);
    // Bounded by the lines of the request, whose groups have at most
    // `reservation_group_cells_max` locations together.
    for line in &reserve.group_lines {
        place_in_group(cx, plan, &mut days, line, places, &mut placed, &mut short);
    }
    let granted = placed.iter().any(|line| line.quantity > 0);
    if !(reserve.allow_partial && granted) {
        shorts.append(&mut short);
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
    let taken_at: FxHashSet<LocationId> =
        placed.iter().filter(|line| line.quantity > 0).map(|line| line.location).collect();
    let orders = days.orders(|at| taken_at.contains(&at));
    Ok((placed, orders))
}

/// Changes the promised units of a cell in the draft.
pub(super) fn promise_units(cx: &mut Decide<'_>, sku: SkuId, location: LocationId, change: StockChange) {
    let level = cx.draft.cell(sku, location).level.checked_add(change);
    let level = level.expect("granted units are available, and released units are reserved");
    cx.draft.set_level(sku, location, level);
}

/// The units of the replaced holds are available to the new one, and no longer count against quotas.
fn plan_release(cx: &mut Decide<'_>, plan: &mut AllocationPlan, released: &[Released]) {
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
