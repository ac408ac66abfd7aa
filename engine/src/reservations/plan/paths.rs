//! Makes room: unallocated promises move along a path, from a full cell to one with room.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::differences::{AllocationPlan, Moving, PROMISES_LIMIT};
use super::quota_sets::quota_set;
use super::room::{change, floor, own_room, room_for, room_to_stay};
use super::world::{Of, OpenKind, World};
use crate::ids::{LocationId, SkuId};

/// One hop of a path: unallocated promises of one kind that go from one location to another.
#[derive(Debug, Clone, Copy)]
struct Hop {
    from: LocationId,
    to: LocationId,
    of: Of,
}

/// Unallocated promises in a cell after the plan.
fn open_in<W: World>(world: &W, plan: &AllocationPlan, sku: SkuId, location: LocationId) -> Vec<OpenKind> {
    let mut open = world.open(sku, location);
    for (of, drift) in plan.drifts_in(sku, location) {
        match open.binary_search_by_key(&of, |kind| kind.of) {
            Ok(at) => {
                if let Some(kind) = open.get_mut(at) {
                    kind.units += drift.units;
                    kind.lines += drift.lines;
                }
            }
            Err(at) => open.insert(at, OpenKind { of, units: drift.units, lines: drift.lines }),
        }
    }
    open.retain(|kind| kind.units > 0);
    open
}

pub(super) fn has_open<W: World>(world: &W, plan: &AllocationPlan, sku: SkuId, location: LocationId) -> bool {
    world.has_open(sku, location) || plan.drifts_in(sku, location).any(|(_, drift)| drift.units > 0)
}

/// Moves unallocated promises away until the plan's channel may take `wanted` more units of a cell, or no more can
/// move. Moves that yield nothing are undone.
///
/// Bounded by the plan's budget.
pub(crate) fn make_room<W: World>(world: &mut W, plan: &mut AllocationPlan, sku: SkuId, at: LocationId, wanted: i64) {
    let (mark, Some(before)) = (plan.moves.len(), own_room(world, plan, sku, at)) else { return };
    let mut left = wanted;
    while left > 0 {
        let units = send_on(world, plan, sku, at, left);
        if units == 0 {
            break;
        }
        left -= units;
    }
    if own_room(world, plan, sku, at).is_none_or(|after| after.max(0) <= before.max(0)) {
        undo_moves(world, plan, mark);
    }
}

/// Moves up to `wanted` units of unallocated promises away from a cell along the shortest path, all at once; returns
/// how many.
pub(super) fn send_on<W: World>(
    world: &mut W,
    plan: &mut AllocationPlan,
    sku: SkuId,
    at: LocationId,
    wanted: i64,
) -> i64 {
    let Some(path) = find_path(world, plan, sku, at) else { return 0 };
    let mut units = wanted;
    // The last hop comes first: it goes to the cell with room. Each other hop goes to a cell where the previous one
    // made room.
    if let Some(last) = path.first() {
        units = units.min(room_to_stay(world, plan, sku, last.to, last.of).unwrap_or(0));
    }
    let mut lines: SmallVec<[i64; 4]> = SmallVec::new();
    for hop in &path {
        let kinds = open_in(world, plan, sku, hop.from);
        let kind = kinds.iter().find(|kind| kind.of == hop.of);
        units = units.min(kind.map_or(0, |kind| kind.units));
        lines.push(kind.map_or(0, |kind| kind.lines as i64));
    }
    // The most promises that move with this many units.
    let moved = |units: i64| lines.iter().map(|lines| units.min(*lines)).sum::<i64>();
    let left = plan.promises_left as i64;
    if moved(units) > left {
        plan.over = Some(PROMISES_LIMIT);
        let (mut fits, mut too_many) = (0, units);
        // At most 32 rounds.
        while fits + 1 < too_many {
            let middle = fits + (too_many - fits) / 2;
            if moved(middle) <= left { fits = middle } else { too_many = middle }
        }
        units = fits;
    }
    if units <= 0 {
        return 0;
    }
    plan.promises_left -= moved(units) as usize;
    for (hop, lines) in path.iter().zip(lines) {
        shift(world, plan, sku, *hop, units, lines.min(units) as usize);
    }
    units
}

fn shift<W: World>(world: &W, plan: &mut AllocationPlan, sku: SkuId, hop: Hop, units: i64, lines: usize) {
    let Hop { from, to, of } = hop;
    plan.drifts.entry((sku, from, of)).or_default().units -= units;
    let there = plan.drifts.entry((sku, to, of)).or_default();
    there.units += units;
    there.lines += lines;
    change(world, plan, sku, from, |at| at.moved -= units);
    let floor_before = plan.touched(sku, to).floor;
    let floor = floor(world, plan, sku, to, of.1, world.shelf(sku, to));
    change(world, plan, sku, to, |at| {
        at.moved += units;
        at.floor = at.floor.max(floor);
    });
    plan.moves.push(Moving { sku, of, from, to, units, lines, floor_before });
}

/// Undoes the moves since `mark`.
pub(super) fn undo_moves<W: World>(world: &W, plan: &mut AllocationPlan, mark: usize) {
    if plan.moves.len() <= mark {
        return;
    }
    while plan.moves.len() > mark
        && let Some(Moving { sku, of, from, to, units, lines, floor_before }) = plan.moves.pop()
    {
        plan.drifts.entry((sku, from, of)).or_default().units += units;
        let there = plan.drifts.entry((sku, to, of)).or_default();
        there.units -= units;
        there.lines -= lines;
        change(world, plan, sku, from, |at| at.moved += units);
        change(world, plan, sku, to, |at| {
            at.moved -= units;
            at.floor = floor_before;
        });
        plan.promises_left += lines;
    }
    // Cells that were full may have room again.
    plan.dead_ends.clear();
    plan.full_members.clear();
}

/// The shortest path from a full cell to one with room, over unallocated promises; the last hop comes first.
///
/// Each kind of promise is expanded once, and the looks count against the plan.
fn find_path<W: World>(world: &mut W, plan: &mut AllocationPlan, sku: SkuId, at: LocationId) -> Option<Vec<Hop>> {
    if plan.dead_ends.contains(&(sku, at)) {
        return None;
    }
    let mut came_by: FxHashMap<LocationId, Option<Hop>> = FxHashMap::default();
    came_by.insert(at, None);
    let mut next = VecDeque::from([at]);
    let mut looked_at: FxHashSet<(Of, usize)> = FxHashSet::default();
    while let Some(from) = next.pop_front() {
        // Promises of one kind can go to the same locations from every cell, so each kind is expanded once. They
        // never cross the border of a quota.
        let set = quota_set(world, plan, sku, from);
        let kinds = open_in(world, plan, sku, from);
        if !plan.look(1 + kinds.len()) {
            return None;
        }
        let fresh: Vec<Of> = kinds.iter().map(|kind| kind.of).filter(|of| looked_at.insert((*of, set))).collect();
        for of in &fresh {
            if let Some(to) = member_with_room(world, plan, sku, *of, set, &came_by)? {
                let mut path = vec![Hop { from, to, of: *of }];
                let mut at = from;
                // Each location was reached once.
                while let Some(Some(hop)) = came_by.get(&at) {
                    path.push(*hop);
                    at = hop.from;
                }
                return Some(path);
            }
        }
        for of in fresh {
            for to in world.members(of.0).iter().copied() {
                if !plan.look(1) {
                    return None;
                }
                // A promise may enter a full cell if another leaves, and if this channel may sell there.
                if came_by.contains_key(&to)
                    || plan.dead_ends.contains(&(sku, to))
                    || !has_open(world, plan, sku, to)
                    || quota_set(world, plan, sku, to) != set
                    || room_for(world, plan, sku, to, of).is_none_or(|room| room < 0)
                {
                    continue;
                }
                came_by.insert(to, Some(Hop { from, to, of }));
                next.push_back(to);
            }
        }
    }
    plan.dead_ends.extend(came_by.into_keys().map(|at| (sku, at)));
    None
}

/// The first member of a group with room for unallocated promises of a kind; `None` if the looks are used up.
fn member_with_room<W: World>(
    world: &mut W,
    plan: &mut AllocationPlan,
    sku: SkuId,
    of: Of,
    set: usize,
    came_by: &FxHashMap<LocationId, Option<Hop>>,
) -> Option<Option<LocationId>> {
    let members = world.members(of.0);
    let mut full = plan.full_members.get(&(sku, of, set)).copied().unwrap_or(0);
    let mut are_full = true;
    let mut found = None;
    for (nth, to) in members.iter().copied().enumerate().skip(full) {
        if !plan.look(1) {
            return None;
        }
        if came_by.contains_key(&to) {
            are_full = false;
        } else if quota_set(world, plan, sku, to) == set
            && room_to_stay(world, plan, sku, to, of).is_some_and(|room| room > 0)
        {
            found = Some(to);
            break;
        } else if are_full {
            full = nth + 1;
        }
    }
    plan.full_members.insert((sku, of, set), full);
    Some(found)
}
