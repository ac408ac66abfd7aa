//! What quotas leave to a channel.
//!
//! A quota keeps a share of what the places of its rule hold of a SKU for its channels. What a channel may take in a cell
//! is, over every set of places that a quota there is about: what is left of its own share, or, where it may spill over
//! or has no share, whatever is free in those places beyond what is left of the others' shares; the larger of both. Where
//! there is less than all shares together, they are first come, first served.

use std::sync::Arc;

use super::Sequencer;
use super::plan::Plan;
use crate::event::LineTerms;
use crate::ids::{LocationId, Seq, SkuId};
use crate::ledger::Counted;
use crate::rules::{Amount, Effect, RuleId, Standing};

impl Sequencer {
    /// Units that quotas leave to the plan's channel in a cell, and the rule that leaves the fewest.
    pub(super) fn quota_allows(&mut self, plan: &mut Plan, sku: SkuId, location: LocationId) -> Option<(u32, RuleId)> {
        if !plan.book.has_quotas() {
            return None;
        }
        let book = Arc::clone(&plan.book);
        let mut quotas = book.quotas(&self.state.catalogue, sku, location);
        // Cells under the same quotas are asked once, until the plan changes.
        let same: Vec<_> = quotas.iter().map(|quota| quota.id).collect();
        if let Some((_, known)) = plan.quota_answers.iter().find(|((of, rules), _)| *of == sku && *rules == same) {
            return *known;
        }
        let mut least = None;
        while let Some(first) = quotas.first().copied() {
            let (pool, others): (Vec<_>, Vec<_>) =
                quotas.into_iter().partition(|quota| quota.rule.conditions.same_places(&first.rule.conditions));
            quotas = others;
            let allowed = self.pool_allows(plan, sku, &pool);
            if least.is_none_or(|(units, _)| allowed.0 < units) {
                least = Some(allowed);
            }
        }
        plan.quota_answers.push(((sku, same), least));
        least
    }

    /// Units that quotas leave to the plan's channel of what is to come to a cell, and the rule behind it: a channel that
    /// may not spill over has its share of that, too, and no more; what is to come is kept for nobody else.
    pub(super) fn fence(&mut self, plan: &Plan, sku: SkuId, location: LocationId) -> Option<(u32, RuleId)> {
        if !plan.book.has_quotas() {
            return None;
        }
        let book = Arc::clone(&plan.book);
        let quotas = book.quotas(&self.state.catalogue, sku, location);
        let fenced = |quota: &&&Arc<Standing>| {
            quota.rule.conditions.hold_for_channel(Some(plan.channel))
                && matches!(quota.rule.effect, Effect::Quota { spill_over: false, .. })
        };
        let allowed = quotas.iter().filter(fenced).map(|quota| {
            let of = |other: &&&Arc<Standing>| other.rule.conditions.same_places(&quota.rule.conditions);
            let pool: Vec<_> = quotas.iter().filter(of).copied().collect();
            self.pool_allows(plan, sku, &pool)
        });
        allowed.min_by_key(|(units, _)| *units)
    }

    /// What the quotas of one set of places leave.
    fn pool_allows(&mut self, plan: &Plan, sku: SkuId, pool: &[&Arc<Standing>]) -> (u32, RuleId) {
        let first = pool.first().expect("a pool has a quota");
        let (mut on_hand, mut free) = (0, 0);
        let (state, book) = (Arc::clone(&self.state), Arc::clone(&plan.book));
        let is_there = book.places_of(first);
        for (_, cell) in state.matrix.row(sku).iter() {
            let location = cell.location();
            if !is_there(location) {
                continue;
            }
            let terms = plan.book.terms(&state.catalogue, sku, location, None);
            let cell = self.draft.cell(sku, location);
            let level = plan.level(cell.level, sku, location);
            on_hand += i64::from(level.on_hand.max(0));
            let gate = terms.limits().gate(cell.safety_stock, 0);
            free += (level.free() - i64::from(gate.safety_stock(level))).max(0);
        }
        let used =
            |standing: &Standing| self.draft.ledger.used(Counted { rule: standing.id, since: standing.since, sku });
        let handed_over: i64 = pool.iter().map(|quota| used(quota).handed_over).sum();
        let left = |standing: &Standing| {
            let Effect::Quota { share, minimum, .. } = standing.rule.effect else { return 0 };
            let share = match share {
                Amount::Units(units) => i64::from(units),
                Amount::Percent(percent) => {
                    ((on_hand + handed_over) * i64::from(percent) / 100).max(i64::from(minimum))
                }
            };
            let counted = Counted { rule: standing.id, since: standing.since, sku };
            let planned = plan.charged.iter().filter(|(of, _)| *of == counted);
            let planned: i64 = planned.map(|(_, units)| units).sum();
            (share - used(standing).promised - planned).max(0)
        };
        let (own, others): (Vec<&Arc<Standing>>, Vec<&Arc<Standing>>) =
            pool.iter().copied().partition(|quota| quota.rule.conditions.hold_for_channel(Some(plan.channel)));
        let kept_for_others: i64 = others.iter().map(|quota| left(quota)).sum();
        let own_left: i64 = own.iter().map(|quota| left(quota)).sum();
        let fenced = |quota: &&&Arc<Standing>| matches!(quota.rule.effect, Effect::Quota { spill_over: false, .. });
        let allowed = match own.iter().find(|quota| fenced(quota)) {
            Some(_) => own_left,
            None => own_left.max(free - kept_for_others),
        };
        let rule = own.iter().find(|quota| fenced(quota)).or(others.first().or(own.first())).map_or(first.id, |q| q.id);
        (allowed.clamp(0, u32::MAX.into()) as u32, rule)
    }

    /// The quotas that a promise of the plan's channel in a cell counts against.
    pub(super) fn charges(&self, plan: &Plan, sku: SkuId, location: LocationId) -> Vec<(RuleId, Seq)> {
        let quotas = plan.book.quotas(&self.state.catalogue, sku, location).into_iter();
        let own = quotas.filter(|quota| quota.rule.conditions.hold_for_channel(Some(plan.channel)));
        let mut charges: Vec<_> = own.map(|quota| (quota.id, quota.since)).collect();
        charges.sort_unstable();
        charges
    }

    /// Takes units of a cell into the plan, with what they count against.
    pub(super) fn plan_take(&mut self, plan: &mut Plan, sku: SkuId, location: LocationId, units: u32) -> LineTerms {
        plan.take(sku, location, units);
        self.charge(plan, sku, location, units)
    }

    /// Counts units of a cell against the quotas of the plan's channel.
    pub(super) fn charge(&mut self, plan: &mut Plan, sku: SkuId, location: LocationId, units: u32) -> LineTerms {
        let charges = self.charges(plan, sku, location);
        let counted = |(rule, since): &(RuleId, Seq)| Counted { rule: *rule, since: *since, sku };
        plan.charged.extend(charges.iter().map(|charge| (counted(charge), i64::from(units))));
        LineTerms { charges, ..LineTerms::default() }
    }
}
