//! Units from a group: from its members in their order, with room made if there is none.

use rustc_hash::FxHashMap;

use super::differences::{AllocationPlan, Take};
use super::paths::{has_open, send_on, undo_moves};
use super::quotas::{charge, quota_allows, quotas_hold};
use super::room::{own_room, take};
use super::world::World;
use crate::ids::{LocationId, SkuId};
use crate::rules::RuleId;

/// The units that a group line got.
#[derive(Debug, Default)]
pub(crate) struct FromGroup {
    /// The locations, each once.
    pub places: Vec<(LocationId, u32)>,
    /// Missing units.
    pub missing: i64,
    /// A quota that left fewer units than available.
    pub limited: Option<RuleId>,
}

/// Takes up to `wanted` units of a SKU from `members`, in their order; if that is not enough, moves unallocated
/// promises to make room.
///
/// Bounded by twice the members and the plan's budget.
pub(crate) fn take_in_group<W: World>(
    world: &mut W,
    plan: &mut AllocationPlan,
    line: usize,
    sku: SkuId,
    members: &[LocationId],
    wanted: i64,
) -> FromGroup {
    let mut got = FromGroup { missing: wanted, ..FromGroup::default() };
    let mut nth_of: FxHashMap<LocationId, usize> = FxHashMap::default();
    for rearranges in [false, true] {
        if rearranges && !world.has_open_anywhere(sku) {
            break;
        }
        for location in members.iter().copied() {
            if got.missing == 0 || !plan.look(1) {
                break;
            }
            if rearranges && !has_open(world, plan, sku, location) {
                continue;
            }
            let (mark, mut here) = (plan.moves.len(), 0);
            // Each round takes units, or moves promises along a path.
            while got.missing > here
                && let Some(room) = own_room(world, plan, sku, location)
            {
                let mut may_have = got.missing - here;
                if room <= 0 && !rearranges {
                    break;
                }
                if let Some((allowed, rule)) = quota_allows(world, plan, sku, location)
                    && i64::from(allowed) < may_have
                {
                    if i64::from(allowed) < room.max(1) {
                        got.limited = Some(rule);
                    }
                    may_have = allowed.into();
                }
                if may_have == 0 {
                    break;
                }
                if room > 0 {
                    let units = room.min(may_have);
                    take(world, plan, sku, location, units);
                    charge(world, plan, sku, location, units);
                    here += units;
                } else if send_on(world, plan, sku, location, may_have - room) == 0 {
                    break;
                }
            }
            if here > 0 {
                note_take(plan, line, sku, location, here);
            }
            // Undoes moves that yielded nothing, and moves after which the quotas no longer hold.
            if plan.moves.len() > mark && (here == 0 || quotas_hold(world, plan).is_err()) {
                if here > 0 {
                    note_take(plan, line, sku, location, -here);
                    take(world, plan, sku, location, -here);
                    charge(world, plan, sku, location, -here);
                    here = 0;
                }
                undo_moves(world, plan, mark);
            }
            if here > 0 {
                got.missing -= here;
                let nth = *nth_of.entry(location).or_insert(got.places.len());
                match got.places.get_mut(nth) {
                    Some((_, units)) => *units += here as u32,
                    None => got.places.push((location, here as u32)),
                }
            }
        }
    }
    got
}

fn note_take(plan: &mut AllocationPlan, line: usize, sku: SkuId, location: LocationId, units: i64) {
    let same = |take: &&mut Take| (take.line, take.sku, take.location) == (line, sku, location);
    // The takes of this line are at the end.
    match plan.takes.iter_mut().rev().take_while(|take| take.line == line).find(same) {
        Some(take) => take.present += units,
        None => plan.takes.push(Take { line, sku, location, present: units, to_come: 0 }),
    }
}
