//! Lines in named locations.

use std::sync::Arc;

use super::backorder::wait_for;
use super::demand::{Demand, demands};
use super::placed::Placed;
use super::replaced::{KnownLocations, Released};
use crate::decide::Decide;
use crate::decide::draft::Draft;
use crate::kernel::few::Few;
use crate::level::Constraint;
use crate::refusal::Short;
use crate::reservations::command::Reserve;
use crate::reservations::decide::capacity::{Days, full_day};
use crate::reservations::plan;
use crate::reservations::plan::{AllocationPlan, World};
use crate::rules::RuleId;
use crate::supply::Grant;

/// Location lines: added up by cell, each cell gives all requested units or is short.
pub(super) fn place_in_locations(
    cx: &mut Decide<'_>,
    plan: &mut AllocationPlan,
    days: &mut Days,
    reserve: &Reserve,
    released: &Few<Released>,
    places: &mut KnownLocations,
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

/// Whether a cell can give the demand, and if not, the constraint, the possible units, and the rule behind it.
fn grant_cell(
    cx: &mut Decide<'_>,
    plan: &mut AllocationPlan,
    demand: &Demand,
) -> Result<(), (Constraint, u32, Option<RuleId>)> {
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
    let room = |draft: &Draft, plan: &AllocationPlan| Some(plan::own_room(draft, plan, sku, location)? - back);
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
