//! The units that quotas leave to a channel, in a plan.

use std::sync::Arc;

use super::differences::{ADDED_UP_PER_LOOK, AllocationPlan, LOOKS_LIMIT, Pool, Take, Touched};
use super::quota_sets::pools_at;
use super::room::{change, free_of, take};
use super::world::World;
use crate::ids::{ChannelId, LocationId, Seq, SkuId};
use crate::reservations::ledger::Counted;
use crate::reservations::promise::LineTerms;
use crate::rules::{Amount, Effect, RuleId, StandingRule};
use crate::settings::Budget;

/// A line that would be short after all moves, its allowed units, and the quota that limits it.
pub(crate) type QuotaBroken = (usize, u32, RuleId);

/// The units that quotas leave to the plan's channel in a cell, and the rule that leaves the fewest.
///
/// A quota keeps a share of its locations' units of a SKU for its channels. For every set of locations with a quota
/// on the cell, the channel may take the larger of two numbers: the rest of its own share; or, if it may spill over
/// or has no share, the available units of those locations beyond the rest of the others' shares. If there are fewer
/// units than all shares together, they are first come, first served.
pub(crate) fn quota_allows<W: World>(
    world: &W,
    plan: &mut AllocationPlan,
    sku: SkuId,
    location: LocationId,
) -> Option<(u32, RuleId)> {
    if !plan.book.has_quotas() {
        return None;
    }
    let mut least: Option<(u32, RuleId)> = None;
    for pool in pools_at(world, plan, sku, location) {
        let allowed = pool_allows(world, plan, sku, &pool);
        if least.is_none_or(|(units, _)| allowed.0 < units) {
            least = Some(allowed);
        }
    }
    least
}

/// The inbound units of a cell that quotas leave to the plan's channel, and the rule that limits them: a channel that
/// may not spill over gets its share of inbound units too, and no more. Inbound units are not kept for any other
/// channel.
pub(crate) fn fence<W: World>(
    world: &W,
    plan: &mut AllocationPlan,
    sku: SkuId,
    location: LocationId,
) -> Option<(u32, RuleId)> {
    if !plan.book.has_quotas() {
        return None;
    }
    let mut least: Option<(u32, RuleId)> = None;
    for pool in pools_at(world, plan, sku, location) {
        let is_fenced = pool.iter().any(|quota| is_own(quota, plan.channel) && is_fence(quota));
        if is_fenced {
            let allowed = pool_allows(world, plan, sku, &pool);
            if least.is_none_or(|(units, _)| allowed.0 < units) {
                least = Some(allowed);
            }
        }
    }
    least
}

fn is_own(quota: &StandingRule, channel: ChannelId) -> bool {
    quota.rule.conditions.hold_for_channel(Some(channel))
}

fn is_fence(quota: &StandingRule) -> bool {
    matches!(quota.rule.effect, Effect::Quota { spill_over: false, .. })
}

/// The units of a SKU at the locations of a quota: added up once, then updated with the plan's changes.
///
/// Bounded by the cells of the SKU, one look for each 16; without looks left, the pool is empty.
fn pool_of<W: World>(world: &W, plan: &mut AllocationPlan, sku: SkuId, first: &Arc<StandingRule>) -> Pool {
    if let Some(pool) = plan.pools.get(&(sku, first.id)) {
        return *pool;
    }
    if plan.looks_left == 0 {
        plan.over = Some(LOOKS_LIMIT);
        let none = Pool { on_hand: 0, free_before: 0, free: 0 };
        plan.pools.insert((sku, first.id), none);
        return none;
    }
    let book = Arc::clone(&plan.book);
    let is_there = book.places_of(first);
    let (mut on_hand, mut free_before, mut free, mut cells) = (0, 0, 0, 0);
    world.for_each_shelf(sku, &mut |location, shelf| {
        cells += 1;
        if is_there(location) {
            on_hand += i64::from(shelf.level.on_hand.max(0));
            let before = free_of(world, plan, sku, location, shelf, Touched::default());
            free_before += before;
            free += match plan.cells.get(&(sku, location)) {
                Some(at) => free_of(world, plan, sku, location, shelf, *at),
                None => before,
            };
        }
    });
    plan.look(cells / ADDED_UP_PER_LOOK);
    let pool = Pool { on_hand, free_before, free };
    plan.pools.insert((sku, first.id), pool);
    pool
}

/// The units that the quotas of one set of locations leave.
fn pool_allows<W: World>(
    world: &W,
    plan: &mut AllocationPlan,
    sku: SkuId,
    pool: &[Arc<StandingRule>],
) -> (u32, RuleId) {
    let first = pool.first().expect("a pool has a quota");
    let Pool { on_hand, free, .. } = pool_of(world, plan, sku, first);
    let counted = |standing: &StandingRule| Counted { rule: standing.id, since: standing.since, sku };
    let used = |standing: &StandingRule| world.used(counted(standing));
    let handed_over: i64 = pool.iter().map(|quota| used(quota).handed_over).sum();
    let left = |standing: &StandingRule| {
        let Effect::Quota { share, minimum, .. } = standing.rule.effect else { return 0 };
        let share = match share {
            Amount::Units(units) => i64::from(units),
            Amount::Percent(percent) => ((on_hand + handed_over) * i64::from(percent) / 100).max(i64::from(minimum)),
        };
        let planned = plan.charged.get(&counted(standing)).copied().unwrap_or(0);
        (share - used(standing).promised - planned).max(0)
    };
    let (own, others): (Vec<&Arc<StandingRule>>, Vec<&Arc<StandingRule>>) =
        pool.iter().partition(|quota| is_own(quota, plan.channel));
    let kept_for_others: i64 = others.iter().map(|quota| left(quota)).sum();
    let own_left: i64 = own.iter().map(|quota| left(quota)).sum();
    let fenced = own.iter().find(|quota| is_fence(quota));
    let allowed = if fenced.is_some() { own_left } else { own_left.max(free - kept_for_others) };
    let rule = fenced.or(others.first().or(own.first())).map_or(first.id, |quota| quota.id);
    (allowed.clamp(0, u32::MAX.into()) as u32, rule)
}

/// The quotas that a promise of the plan's channel in a cell counts against.
pub(crate) fn charges<W: World>(
    world: &W,
    plan: &AllocationPlan,
    sku: SkuId,
    location: LocationId,
) -> Vec<(RuleId, Seq)> {
    let quotas = plan.book.quotas(world.catalogue(), sku, location).into_iter();
    let own = quotas.filter(|quota| is_own(quota, plan.channel));
    let mut charges: Vec<_> = own.map(|quota| (quota.id, quota.since)).collect();
    charges.sort_unstable();
    charges
}

/// Counts units of a cell against the quotas of the plan's channel.
pub(crate) fn charge<W: World>(
    world: &W,
    plan: &mut AllocationPlan,
    sku: SkuId,
    location: LocationId,
    units: i64,
) -> LineTerms {
    let charges = charges(world, plan, sku, location);
    for (rule, since) in &charges {
        *plan.charged.entry(Counted { rule: *rule, since: *since, sku }).or_default() += units;
    }
    LineTerms { charges, ..LineTerms::default() }
}

/// Whether, after all moves, each line still takes only units that the quotas leave: a move may reduce what the
/// quotas left when the line was granted.
///
/// Bounded by the cells and lines of the plan.
///
/// # Errors
/// The first line that takes more than it may.
pub(crate) fn quotas_hold<W: World>(world: &W, plan: &mut AllocationPlan) -> Result<(), QuotaBroken> {
    if !plan.book.has_quotas() {
        return Ok(());
    }
    plan.look((plan.cells.len() + plan.takes.len()) / ADDED_UP_PER_LOOK);
    let budget = Budget { looks: usize::MAX, promises: 0 };
    let mut again = AllocationPlan::new(plan.channel, plan.purpose, Arc::clone(&plan.book), budget);
    again.quota_sets = std::mem::take(&mut plan.quota_sets);
    again.quota_ids = std::mem::take(&mut plan.quota_ids);
    again.quota_at = std::mem::take(&mut plan.quota_at);
    again.pools = plan.pools.iter().map(|(of, pool)| (*of, Pool { free: pool.free_before, ..*pool })).collect();
    for ((sku, location), at) in plan.cells.iter().filter(|(_, at)| at.moved != 0 || at.released != 0) {
        change(world, &mut again, *sku, *location, |again| *again = Touched { taken: 0, ..*at });
    }
    for (counted, units) in &plan.uncharged {
        *again.charged.entry(*counted).or_default() += units;
    }
    let mut takes = plan.takes.clone();
    takes.sort_by_key(|take| take.line);
    let mut broken = Ok(());
    for Take { line, sku, location, present, to_come } in
        takes.into_iter().filter(|take| take.present + take.to_come > 0)
    {
        if present > again.touched(sku, location).released
            && let Some((allowed, rule)) = quota_allows(world, &mut again, sku, location)
            && i64::from(allowed) < present
        {
            broken = Err((line, allowed, rule));
            break;
        }
        take(world, &mut again, sku, location, present);
        charge(world, &mut again, sku, location, present + to_come);
    }
    plan.quota_sets = again.quota_sets;
    plan.quota_ids = again.quota_ids;
    plan.quota_at = again.quota_at;
    broken
}
