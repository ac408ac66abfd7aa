//! The units of a cell for a promise, given the changes of the plan.

use super::differences::{AllocationPlan, Touched};
use super::quota_sets::quota_set;
use super::world::{Of, Shelf, World};
use crate::ids::{ChannelId, LocationId, SkuId};
use crate::level::{StockLevel, UNCOUNTED_MAX};

/// The units that a channel must leave available in a cell; `None` if the channel may not sell there.
pub(super) fn floor<W: World>(
    world: &W,
    plan: &AllocationPlan,
    sku: SkuId,
    location: LocationId,
    channel: ChannelId,
    at: Shelf,
) -> Option<i64> {
    let terms = plan.book.terms(world.catalogue(), sku, location, Some(channel));
    terms.limits().gate(at.safety_stock, world.buffer(channel)).floor_units(at.level)
}

/// The units that the plan's channel may still take in a cell; negative if the cell is below its floor. `None` if the
/// channel may not sell there, the location does not serve the purpose, or the cell does not exist. For an untracked
/// SKU, the units up to the limit of a cell, at every declared location, with or without a cell.
pub(crate) fn own_room<W: World>(world: &W, plan: &AllocationPlan, sku: SkuId, location: LocationId) -> Option<i64> {
    let shelf = world.shelf(sku, location);
    let catalogue = world.catalogue();
    if !catalogue.is_tracked(sku) {
        let denied = || plan.book.terms(catalogue, sku, location, Some(plan.channel)).limits().is_denied();
        let may_be_there = catalogue.has_uncounted_at(location) && world.takes(location, plan.purpose) && !denied();
        let at = plan.touched(sku, location);
        let there = i64::from(shelf.level.on_hand) + at.moved + at.taken - at.released;
        return may_be_there.then(|| UNCOUNTED_MAX - there);
    }
    let may_be_there = shelf.exists && world.takes(location, plan.purpose);
    let floor = floor(world, plan, sku, location, plan.channel, shelf).filter(|_| may_be_there)?;
    let at = plan.touched(sku, location);
    let floor = at.floor.map_or(floor, |other| floor.max(other));
    Some(shelf.level.free() - at.moved - at.taken + at.released - floor)
}

/// The units of unallocated promises of a kind that may still move to a cell; negative if the cell is below its
/// floor. This is the minimum for the cell before and after the plan's own units are taken and released. `None` if
/// the location does not serve their purpose.
pub(super) fn room_for<W: World>(
    world: &W,
    plan: &AllocationPlan,
    sku: SkuId,
    location: LocationId,
    of: Of,
) -> Option<i64> {
    let (_, channel, purpose) = of;
    let shelf = world.shelf(sku, location);
    let may_be_there = shelf.exists && world.takes(location, purpose);
    let theirs = floor(world, plan, sku, location, channel, shelf).filter(|_| may_be_there)?;
    let at = plan.touched(sku, location);
    let theirs = at.floor.map_or(theirs, |other| theirs.max(other));
    let free = shelf.level.free() - at.moved;
    let taken = at.taken - at.released;
    if taken <= 0 {
        return Some(free - theirs);
    }
    let own = floor(world, plan, sku, location, plan.channel, shelf).map_or(theirs, |own| own.max(theirs));
    Some((free - theirs).min(free - taken - own))
}

/// As [`room_for`], if as many promises do not leave the cell: promises do not move into the units that the plan's
/// channel must leave to others.
pub(super) fn room_to_stay<W: World>(
    world: &W,
    plan: &AllocationPlan,
    sku: SkuId,
    location: LocationId,
    of: Of,
) -> Option<i64> {
    let room = room_for(world, plan, sku, location, of)?;
    let shelf = world.shelf(sku, location);
    let own = floor(world, plan, sku, location, plan.channel, shelf);
    let at = plan.touched(sku, location);
    let taken = (at.taken - at.released).max(0);
    Some(own.map_or(room, |own| room.min(shelf.level.free() - at.moved - taken - own)))
}

/// Changes the plan's effect on a cell, and updates the quota pools.
pub(super) fn change<W: World>(
    world: &W,
    plan: &mut AllocationPlan,
    sku: SkuId,
    location: LocationId,
    by: impl FnOnce(&mut Touched),
) {
    let before = plan.touched(sku, location);
    let mut after = before;
    by(&mut after);
    plan.cells.insert((sku, location), after);
    if plan.pools.is_empty() {
        return;
    }
    let set = quota_set(world, plan, sku, location);
    let shelf = world.shelf(sku, location);
    let change = free_of(world, plan, sku, location, shelf, after) - free_of(world, plan, sku, location, shelf, before);
    for id in plan.quota_sets.get(set).map_or(&[][..], |set| &set.ids) {
        if let Some(pool) = plan.pools.get_mut(&(sku, *id)) {
            pool.free += change;
        }
    }
}

/// Available units of a cell above the floor that applies to every channel.
pub(super) fn free_of<W: World>(
    world: &W,
    plan: &AllocationPlan,
    sku: SkuId,
    location: LocationId,
    shelf: Shelf,
    at: Touched,
) -> i64 {
    if !shelf.exists {
        return 0;
    }
    let terms = plan.book.terms(world.catalogue(), sku, location, None);
    let held_back = terms.limits().gate(shelf.safety_stock, 0).safety_stock(shelf.level);
    (shelf.level.free() - at.moved - at.taken + at.released - i64::from(held_back)).max(0)
}

/// Releases units of the replaced hold in a cell.
pub(crate) fn release<W: World>(world: &W, plan: &mut AllocationPlan, sku: SkuId, location: LocationId, units: u32) {
    change(world, plan, sku, location, |at| at.released += i64::from(units));
}

/// Takes units of a cell.
pub(crate) fn take<W: World>(world: &W, plan: &mut AllocationPlan, sku: SkuId, location: LocationId, units: i64) {
    change(world, plan, sku, location, |at| at.taken += units);
}

/// A cell after the plan, before any release.
pub(crate) fn level_before_release<W: World>(
    world: &W,
    plan: &AllocationPlan,
    sku: SkuId,
    location: LocationId,
) -> StockLevel {
    let (level, at) = (world.shelf(sku, location).level, plan.touched(sku, location));
    let reserved = (i64::from(level.reserved) + at.moved + at.taken).clamp(0, u32::MAX.into());
    StockLevel { reserved: reserved as u32, ..level }
}
