//! Lines for any location of a group.

use super::placed::Placed;
use super::replaced::KnownLocations;
use crate::decide::Decide;
use crate::decide::draft::Draft;
use crate::ids::{LocationId, Timestamp};
use crate::level::Constraint;
use crate::refusal::Short;
use crate::reservations::command::GroupLine;
use crate::reservations::decide::capacity::{Days, full_day};
use crate::reservations::plan;
use crate::reservations::plan::{AllocationPlan, FromGroup};
use crate::reservations::promise::LineTerms;
use crate::supply::Grant;
use crate::supply::decide::grant_to_come;

/// A group line: units come from the location that fewest groups share, then from the next; if that is not enough,
/// unallocated promises move.
pub(super) fn place_in_group(
    cx: &mut Decide<'_>,
    plan: &mut AllocationPlan,
    days: &mut Days,
    line: &GroupLine,
    inherited: &mut KnownLocations,
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

/// Missing units of a group line are promised at the location where they arrive first; such units are at a public
/// location. Returns the units still missing.
fn wait_in_group(
    cx: &mut Decide<'_>,
    plan: &mut AllocationPlan,
    members: &[LocationId],
    line: &GroupLine,
    (latest, inherited): (Timestamp, &mut KnownLocations),
    mut missing: u32,
    placed: &mut Vec<Placed>,
) -> u32 {
    let mut place = |plan: &mut AllocationPlan, draft: &Draft, location: LocationId, grant: Grant| {
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
