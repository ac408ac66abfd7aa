//! The quotas of a cell, and which cells have the same quotas.

use std::sync::Arc;

use super::differences::{AllocationPlan, QuotaSet};
use super::world::World;
use crate::ids::{LocationId, SkuId};
use crate::rules::{RuleId, StandingRule};

/// The quotas of a cell, as a number that cells with the same quotas share.
pub(super) fn quota_set<W: World>(world: &W, plan: &mut AllocationPlan, sku: SkuId, location: LocationId) -> usize {
    if !plan.book.has_quotas() {
        return 0;
    }
    if let Some(set) = plan.quota_at.get(&(sku, location)) {
        return *set;
    }
    let quotas: Vec<Arc<StandingRule>> =
        plan.book.quotas(world.catalogue(), sku, location).into_iter().cloned().collect();
    let ids: Vec<RuleId> = quotas.iter().map(|quota| quota.id).collect();
    let next = plan.quota_sets.len();
    let set = if ids.is_empty() { 0 } else { *plan.quota_ids.entry(ids.clone()).or_insert(next) };
    if set == next {
        let (mut pools, mut rest) = (Vec::new(), quotas);
        while let Some(first) = rest.first().cloned() {
            let same = |quota: &Arc<StandingRule>| quota.rule.conditions.same_places(&first.rule.conditions);
            let (pool, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(same);
            pools.push(pool.into());
            rest = others;
        }
        plan.quota_sets.push(QuotaSet { ids, pools });
    }
    plan.quota_at.insert((sku, location), set);
    set
}

/// Whether two cells have the same quotas, so that a move between them does not affect other channels.
pub(crate) fn same_quotas<W: World>(
    world: &W,
    plan: &mut AllocationPlan,
    sku: SkuId,
    one: LocationId,
    other: LocationId,
) -> bool {
    quota_set(world, plan, sku, one) == quota_set(world, plan, sku, other)
}

pub(super) fn pools_at<W: World>(
    world: &W,
    plan: &mut AllocationPlan,
    sku: SkuId,
    location: LocationId,
) -> Vec<Arc<[Arc<StandingRule>]>> {
    let set = quota_set(world, plan, sku, location);
    plan.quota_sets.get(set).map(|set| set.pools.clone()).unwrap_or_default()
}
