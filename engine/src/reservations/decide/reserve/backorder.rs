//! Units of a line that are promised from inbound supply.

use super::demand::Demand;
use super::replaced::KnownLocations;
use crate::decide::Decide;
use crate::ids::Timestamp;
use crate::reservations::plan;
use crate::reservations::plan::AllocationPlan;
use crate::rules::RuleId;
use crate::supply::Grant;
use crate::supply::decide::grant_to_come;

/// Inbound units that may be promised for a demand, after the units on hand.
///
/// # Errors
/// The quota that leaves fewer units than are missing, with its remainder.
#[allow(clippy::type_complexity, reason = "a grant, and the date up to which it waits")]
pub(super) fn wait_for(
    cx: &mut Decide<'_>,
    plan: &mut AllocationPlan,
    demand: &Demand,
    latest: Timestamp,
    places: &mut KnownLocations,
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
