//! Explains why a rule is in force for a cell, and why another is not; evaluated rule by rule, without the book.

use std::sync::Arc;

use super::StandingRule;
use super::rule::Kind;
use super::rule::OWN_CONDITIONS;
use crate::ids::{ChannelId, LocationId, SkuId};
use crate::state::DurableState;

/// A rule that applies to a cell and a channel, and its verdict.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The rule.
    pub standing: Arc<StandingRule>,
    /// Its verdict.
    pub fate: Fate,
}

/// The verdict of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is in force.
    InForce,
    /// Another rule precedes it.
    LosesTo(Arc<str>),
    /// The safety stock of the cell's own stock row precedes it.
    LosesToOwn,
    /// Its start is in the future, or its end in the past.
    NotNow,
}

impl DurableState {
    /// The rules that apply to `channel` in the cell of `sku` at `location`, by kind, best first.
    ///
    /// Exact at one `seq` inside the durable view.
    pub fn explain(&self, sku: SkuId, location: LocationId, channel: Option<ChannelId>) -> Vec<Explained> {
        let own = self.matrix.get(sku, location).map_or(0, |cell| cell.safety_stock());
        let rules = self.rules.all().into_iter().flatten().collect();
        explain(rules, own, |standing| self.holds(standing, sku, location, channel))
    }

    /// Whether the conditions of a rule match.
    fn holds(&self, standing: &StandingRule, sku: SkuId, location: LocationId, channel: Option<ChannelId>) -> bool {
        let conditions = &standing.rule.conditions;
        let catalogue = &self.catalogue;
        let details = catalogue.skus.details(sku);
        let kind = catalogue.locations.details(location).map(|set| set.details.kind).unwrap_or_default();
        conditions.hold_for_channel(channel)
            && conditions.hold_for_sku(sku, details.as_deref().map(|set| &set.details))
            && conditions.hold_for_place(location, kind, &catalogue.groups_of(location))
    }
}

fn explain(mut rules: Vec<Arc<StandingRule>>, own: u32, holds: impl Fn(&StandingRule) -> bool) -> Vec<Explained> {
    rules.retain(|standing| holds(standing));
    let order = |standing: &Arc<StandingRule>| (standing.rule.effect.kind(), !standing.in_force);
    rules.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.rule.rank(&a.name).cmp(&b.rule.rank(&b.name))));
    let mut winners: Vec<(Kind, Arc<str>)> = Vec::new();
    let fate = |standing: &Arc<StandingRule>| {
        let kind = standing.rule.effect.kind();
        if !standing.in_force {
            return Fate::NotNow;
        }
        if kind == Kind::Quota {
            return Fate::InForce;
        }
        if let Some((_, winner)) = winners.iter().find(|(of, _)| *of == kind) {
            return Fate::LosesTo(Arc::clone(winner));
        }
        if kind == Kind::SafetyStock && own > 0 && standing.rule.conditions.count() < OWN_CONDITIONS {
            return Fate::LosesToOwn;
        }
        winners.push((kind, standing.name.as_str().into()));
        Fate::InForce
    };
    let fates: Vec<_> = rules.iter().map(fate).collect();
    rules.into_iter().zip(fates).map(|(standing, fate)| Explained { standing, fate }).collect()
}
