//! The auditor's own reading of the rules: every rule is looked at for every cell, one after the other, with none of the
//! engine's compiling.

use std::collections::BTreeMap;

use crate::catalogue::{LocationKind, SkuDetails};
use crate::event::{Event, Record};
use crate::ids::{ChannelId, GroupId, LocationId, Name, SkuId};
use crate::level::StockLevel;
use crate::rules::{Effect, Kind, Rule, RuleId};
use crate::state::State;

/// Everything that decides what may be promised beside stock itself.
#[derive(Debug, Default)]
pub(super) struct Law {
    rules: BTreeMap<RuleId, (Name, Rule, bool)>,
    skus: BTreeMap<SkuId, SkuDetails>,
    kinds: BTreeMap<LocationId, LocationKind>,
    groups: BTreeMap<GroupId, Vec<LocationId>>,
    buffers: BTreeMap<ChannelId, u32>,
    /// What was found out since the last change.
    found: BTreeMap<(SkuId, LocationId, ChannelId), Found>,
}

/// The safety stock rule that wins, and whether the channel may sell.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    safety_stock: Option<RuleId>,
    denied_by: Option<RuleId>,
}

impl Law {
    pub fn start_from(&mut self, state: &State) {
        let catalogue = &state.catalogue;
        for sku in (0..catalogue.skus.count()).map(SkuId) {
            if let Some(set) = catalogue.skus.details(sku) {
                self.skus.insert(sku, set.details.clone());
            }
        }
        for location in (0..catalogue.locations.count()).map(LocationId) {
            if let Some(set) = catalogue.locations.details(location) {
                self.kinds.insert(location, set.details.kind);
            }
        }
        for group in (0..catalogue.groups.count()).map(GroupId) {
            if let Some(set) = catalogue.groups.details(group) {
                self.groups.insert(group, set.details.locations.clone());
            }
        }
        for channel in (0..catalogue.channels.count()).map(ChannelId) {
            self.buffers.insert(channel, catalogue.buffer(channel));
        }
        for standing in state.rules.all().into_iter().flatten() {
            self.rules.insert(standing.id, (standing.name.clone(), standing.rule.clone(), standing.in_force));
        }
    }

    /// Takes in a record that changes it.
    ///
    /// # Errors
    /// A rule that begins or ends without being there, or against its own dates.
    pub fn change(&mut self, record: &Record) -> Result<(), String> {
        self.found.clear();
        match &record.event {
            Event::SkusSet(rows) => self.skus.extend(rows.iter().cloned()),
            Event::LocationsSet(rows) => self.kinds.extend(rows.iter().map(|(id, details)| (*id, details.kind))),
            Event::GroupsSet(rows) => {
                self.groups.extend(rows.iter().map(|(id, details)| (*id, details.locations.clone())));
            }
            Event::ChannelsSet(rows) => self.buffers.extend(rows.iter().map(|(id, details)| (*id, details.buffer))),
            Event::RulesSet(rows) => {
                for set in rows {
                    match &set.rule {
                        Some(rule) if rule.runs_at(record.time) != set.in_force => {
                            return Err(format!("rule {} is told to be in force against its own dates", set.name));
                        }
                        Some(rule) => drop(self.rules.insert(set.id, (set.name.clone(), rule.clone(), set.in_force))),
                        None => drop(self.rules.remove(&set.id)),
                    }
                }
            }
            Event::RulesTurned(rows) => {
                for (id, in_force) in rows {
                    let (name, rule, was) = self.rules.get_mut(id).ok_or("a rule turned that is not there")?;
                    if *was == *in_force || rule.runs_at(record.time) != *in_force {
                        return Err(format!("rule {name} turned against its own dates"));
                    }
                    *was = *in_force;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Units of a cell that a channel must leave where `level` is.
    ///
    /// # Errors
    /// The rule by which the channel may not sell there at all.
    pub fn held_back(
        &mut self,
        (sku, location): (SkuId, LocationId),
        channel: ChannelId,
        level: StockLevel,
        own: u32,
    ) -> Result<i64, String> {
        let Found { safety_stock, denied_by } = self.find(sku, location, channel);
        if let Some((name, ..)) = denied_by.and_then(|id| self.rules.get(&id)) {
            return Err(format!("units were promised through a channel that rule {name} keeps from selling them"));
        }
        let by_rule = safety_stock.and_then(|id| self.rules.get(&id)).and_then(|(_, rule, _)| match rule.effect {
            Effect::SafetyStock(amount) if own == 0 || rule.conditions.count() >= 2 => Some(amount.units(level)),
            _ => None,
        });
        let buffer = self.buffers.get(&channel).copied().unwrap_or(0);
        Ok(i64::from(by_rule.unwrap_or(own)) + i64::from(buffer))
    }

    fn find(&mut self, sku: SkuId, location: LocationId, channel: ChannelId) -> Found {
        if self.rules.is_empty() {
            return Found::default();
        }
        if let Some(found) = self.found.get(&(sku, location, channel)) {
            return *found;
        }
        let details = self.skus.get(&sku);
        let kind = self.kinds.get(&location).copied().unwrap_or_default();
        let groups: Vec<_> =
            self.groups.iter().filter(|(_, members)| members.contains(&location)).map(|(id, _)| *id).collect();
        let mut holding: Vec<_> = self
            .rules
            .iter()
            .filter(|(_, (_, rule, in_force))| {
                let conditions = &rule.conditions;
                *in_force
                    && conditions.hold_for_sku(sku, details)
                    && conditions.hold_for_place(location, kind, &groups)
                    && conditions.hold_for_channel(Some(channel))
            })
            .collect();
        holding.sort_by(|a, b| a.1.1.rank(&a.1.0).cmp(&b.1.1.rank(&b.1.0)));
        let first = |kind: Kind| holding.iter().find(|(_, (_, rule, _))| rule.effect.kind() == kind);
        let denies = |(_, (_, rule, _)): &&(&RuleId, &(Name, Rule, bool))| rule.effect.denies();
        let found = Found {
            safety_stock: first(Kind::SafetyStock).map(|(id, _)| **id),
            denied_by: first(Kind::Access).filter(|rule| denies(rule)).map(|(id, _)| **id),
        };
        self.found.insert((sku, location, channel), found);
        found
    }
}
