//! The auditor's own evaluation of rules: checks every rule for every cell, one after the other, without the engine's
//! compiled book.

use std::collections::{BTreeMap, BTreeSet};

use super::{Amount, Effect, Kind, Rule, RuleId};
use crate::catalogue::names::Definitions;
use crate::catalogue::{LocationKind, SkuDetails};
use crate::effect::{At, Described, RuleChange};
use crate::ids::{ChannelId, GroupId, LocationId, Name, Seq, SkuId};
use crate::level::{IN_QUARANTINE, StockChange, StockLevel};
use crate::state::DurableState;

/// Everything except stock that decides what may be promised.
#[derive(Debug, Default)]
pub(crate) struct RuleAudit {
    rules: BTreeMap<RuleId, (Name, Rule, bool)>,
    skus: BTreeMap<SkuId, SkuDetails>,
    kinds: BTreeMap<LocationId, LocationKind>,
    groups: BTreeMap<GroupId, Vec<LocationId>>,
    buffers: BTreeMap<ChannelId, u32>,
    /// Untracked SKUs.
    uncounted: BTreeSet<SkuId>,
    /// Promised and collected units under each quota since its activation.
    used: Counts,
    /// The `seq` of the activation of each rule.
    since: BTreeMap<RuleId, Seq>,
    /// Results that are cached since the last change.
    found: BTreeMap<(SkuId, LocationId, ChannelId), Found>,
}

/// Promised and collected units under each quota since its activation.
type Counts = BTreeMap<(RuleId, Seq, SkuId), (i64, i64)>;

/// Units that a record promises or releases under quotas, before they are counted.
pub(crate) type Planned = BTreeMap<(RuleId, Seq, SkuId), i64>;

/// The winning safety stock rule, and whether the channel may sell.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    safety_stock: Option<RuleId>,
    denied_by: Option<RuleId>,
}

impl RuleAudit {
    pub fn start_from(&mut self, state: &DurableState) {
        let catalogue = &state.catalogue;
        for sku in (0..catalogue.skus.count()).map(SkuId) {
            if let Some(set) = catalogue.skus.details(sku) {
                self.skus.insert(sku, set.details.clone());
            }
            if !catalogue.is_tracked(sku) {
                self.uncounted.insert(sku);
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
        for channel in (0..catalogue.channels.count()).map(ChannelId).filter(|id| catalogue.is_declared(*id)) {
            self.buffers.insert(channel, catalogue.buffer(channel));
        }
        for standing in state.rules.all().into_iter().flatten() {
            self.rules.insert(standing.id, (standing.name.clone(), standing.rule.clone(), standing.in_force));
            self.since.insert(standing.id, standing.since);
        }
        for (counted, used) in state.ledger().quotas() {
            self.used.insert((counted.rule, counted.since, counted.sku), (used.promised, used.handed_over));
        }
    }

    /// Whether a channel is declared.
    pub fn is_declared(&self, channel: ChannelId) -> bool {
        self.buffers.contains_key(&channel)
    }

    /// Whether a SKU is tracked.
    pub fn is_tracked(&self, sku: SkuId) -> bool {
        !self.uncounted.contains(&sku)
    }

    /// Applies a change of `tracked`.
    pub fn track(&mut self, sku: SkuId, tracked: bool) {
        if tracked {
            self.uncounted.remove(&sku)
        } else {
            self.uncounted.insert(sku)
        };
    }

    /// The change of a cell by a promise of `units`.
    pub fn promise(&self, sku: SkuId, units: u32) -> StockChange {
        if self.is_tracked(sku) { StockChange::reserve(units) } else { StockChange::conjure(units) }
    }

    /// No quota has been used.
    pub fn forget_counts(&mut self) {
        self.used.clear();
    }

    /// Whether a rule is in force; `None` if it does not exist.
    pub fn runs(&self, id: RuleId) -> Option<bool> {
        self.rules.get(&id).map(|(.., runs)| *runs)
    }

    /// Removes a rule.
    pub fn remove(&mut self, id: RuleId) {
        self.found.clear();
        self.rules.remove(&id);
    }

    /// Sets a rule, in force or not, from `seq` on.
    pub fn set(&mut self, id: RuleId, name: &Name, rule: &Rule, in_force: bool, seq: Seq) {
        self.found.clear();
        let before = self.rules.insert(id, (name.clone(), rule.clone(), in_force));
        if before.is_none_or(|(_, _, was)| was != in_force) {
            self.since.insert(id, seq);
        }
    }

    /// Activates or deactivates a rule.
    pub fn turn(&mut self, id: RuleId, in_force: bool, seq: Seq) {
        self.found.clear();
        if let Some((.., runs)) = self.rules.get_mut(&id) {
            *runs = in_force;
            self.since.insert(id, seq);
        }
    }

    /// Applies a change of rules.
    ///
    /// # Errors
    /// A rule that begins or ends without existing, or against its own dates.
    pub fn change_rules(&mut self, at: At<'_>, change: RuleChange<'_>) -> Result<(), String> {
        self.found.clear();
        match change {
            RuleChange::Set(rows) => {
                for set in rows {
                    match &set.rule {
                        Some(rule) if rule.runs_at(at.time) != set.in_force => {
                            return Err(format!("rule {} is stated to be in force against its own dates", set.name));
                        }
                        Some(rule) => self.set(set.id, &set.name, rule, set.in_force, at.seq),
                        None => self.remove(set.id),
                    }
                }
            }
            RuleChange::Activated(rows) => {
                for (id, in_force) in rows {
                    let (name, rule, was) = self.rules.get(id).ok_or("an unknown rule was activated or ended")?;
                    if was == in_force || rule.runs_at(at.time) != *in_force {
                        return Err(format!("rule {name} was activated or ended against its own dates"));
                    }
                    self.turn(*id, *in_force, at.seq);
                }
            }
        }
        Ok(())
    }

    /// Applies details that rules depend on.
    pub fn describe(&mut self, described: Described<'_>) {
        self.found.clear();
        match described {
            Described::Skus(rows) => self.skus.extend(rows.iter().cloned()),
            Described::Tracking(rows) => rows.iter().for_each(|(sku, tracked)| self.track(*sku, *tracked)),
            Described::Locations(rows) => self.kinds.extend(rows.iter().map(|(id, details)| (*id, details.kind))),
            Described::Groups(rows) => {
                self.groups.extend(rows.iter().map(|(id, details)| (*id, details.locations.clone())));
            }
            Described::Channels(rows) => self.buffers.extend(rows.iter().map(|(id, details)| (*id, details.buffer))),
            Described::Services(_) | Described::Hours(_) | Described::Trading(_) => {}
        }
    }

    /// Applies a retirement of names.
    pub fn retire(&mut self, names: &Definitions) {
        self.found.clear();
        for (sku, _) in &names.skus {
            self.skus.remove(sku);
            self.uncounted.remove(sku);
        }
        for (location, _) in &names.locations {
            self.kinds.remove(location);
        }
        for (group, _) in &names.groups {
            self.groups.remove(group);
        }
        for (channel, _) in &names.channels {
            self.buffers.remove(channel);
        }
    }

    /// Applies a return of names.
    pub fn revive(&mut self) {
        self.found.clear();
    }

    /// Units of a cell at `level` that a channel must leave.
    ///
    /// # Errors
    /// The rule by which the channel may not sell there.
    pub fn held_back(
        &mut self,
        (sku, location): (SkuId, LocationId),
        channel: ChannelId,
        level: StockLevel,
        own: u32,
    ) -> Result<i64, String> {
        let Found { safety_stock, denied_by } = self.find(sku, location, channel);
        if let Some((name, ..)) = denied_by.and_then(|id| self.rules.get(&id)) {
            return Err(format!("units were promised through a channel that may not sell them by rule {name}"));
        }
        let by_rule = safety_stock.and_then(|id| self.rules.get(&id)).and_then(|(_, rule, _)| match rule.effect {
            _ if own == IN_QUARANTINE => None,
            Effect::SafetyStock(amount) if own == 0 || rule.conditions.count() >= 2 => Some(amount.units(level)),
            _ => None,
        });
        let buffer = self.buffers.get(&channel).copied().unwrap_or(0);
        Ok(i64::from(by_rule.unwrap_or(own)) + i64::from(buffer))
    }

    /// The first rule of a kind that is in force for a channel in a cell.
    pub fn first(&self, kind: Kind, (sku, location): (SkuId, LocationId), channel: ChannelId) -> Option<&Rule> {
        let details = self.skus.get(&sku);
        self.first_of(kind, location, channel, |rule| rule.conditions.hold_for_sku(sku, details))
    }

    /// The same for a kind of rule that names only places and channels.
    pub fn first_at(&self, kind: Kind, location: LocationId, channel: ChannelId) -> Option<&Rule> {
        self.first_of(kind, location, channel, |_| true)
    }

    fn first_of(
        &self,
        kind: Kind,
        location: LocationId,
        channel: ChannelId,
        holds: impl Fn(&Rule) -> bool,
    ) -> Option<&Rule> {
        let all = self.rules.values().filter(|(_, rule, in_force)| {
            *in_force
                && rule.effect.kind() == kind
                && rule.conditions.hold_for_channel(Some(channel))
                && holds(rule)
                && self.is_at(rule, location)
        });
        all.min_by(|a, b| a.1.rank(&a.0).cmp(&b.1.rank(&b.0))).map(|(_, rule, _)| rule)
    }

    /// Whether a location belongs to a group.
    pub fn is_in(&self, location: LocationId, group: GroupId) -> bool {
        self.groups.get(&group).is_some_and(|members| members.contains(&location))
    }

    /// The quotas in force that apply to a cell, whatever the channel.
    fn quotas(&self, sku: SkuId, location: LocationId) -> Vec<(RuleId, Seq, &Rule)> {
        // Untracked units never run out, so no quota keeps them.
        if !self.is_tracked(sku) {
            return Vec::new();
        }
        let quotas = self.rules.iter().filter(|(_, (_, rule, in_force))| {
            *in_force && rule.effect.kind() == Kind::Quota && rule.conditions.hold_for_sku(sku, self.skus.get(&sku))
        });
        let here = quotas.filter(|(_, (_, rule, _))| self.is_at(rule, location));
        here.map(|(id, (_, rule, _))| (*id, self.since.get(id).copied().unwrap_or(0), rule)).collect()
    }

    fn is_at(&self, rule: &Rule, location: LocationId) -> bool {
        let groups: Vec<_> =
            self.groups.iter().filter(|(_, members)| members.contains(&location)).map(|(id, _)| *id).collect();
        let kind = self.kinds.get(&location).copied().unwrap_or_default();
        rule.conditions.hold_for_place(location, kind, &groups)
    }

    /// The quotas that a promise counts against.
    pub fn charges(&self, sku: SkuId, location: LocationId, channel: ChannelId) -> Vec<(RuleId, Seq)> {
        let own = self.quotas(sku, location);
        let own = own.into_iter().filter(|(_, _, rule)| rule.conditions.hold_for_channel(Some(channel)));
        own.map(|(id, since, _)| (id, since)).collect()
    }

    /// Units that were promised, released (negative) or collected under quotas.
    pub fn count(&mut self, charges: &[(RuleId, Seq)], sku: SkuId, promised: i64, handed_over: i64) {
        for (rule, since) in charges {
            let used = self.used.entry((*rule, *since, sku)).or_default();
            used.0 += promised;
            used.1 += handed_over;
        }
    }

    /// Checks that the units that a channel took in a cell were its own share or nobody else's, for the cells as they
    /// were before.
    ///
    /// # Errors
    /// The violated quota, with the numbers.
    pub fn check_quotas(
        &self,
        (sku, location): (SkuId, LocationId),
        channel: ChannelId,
        units: i64,
        cells: &[(LocationId, StockLevel, i64)],
        planned: &Planned,
    ) -> Result<(), String> {
        let quotas = self.quotas(sku, location);
        for (_, _, rule) in &quotas {
            let pool: Vec<_> =
                quotas.iter().filter(|(_, _, other)| other.conditions.same_places(&rule.conditions)).collect();
            let used = |id: RuleId, since: Seq| {
                let (promised, handed_over) = self.used.get(&(id, since, sku)).copied().unwrap_or_default();
                (promised + planned.get(&(id, since, sku)).copied().unwrap_or(0), handed_over)
            };
            let mine: Vec<_> = cells.iter().filter(|(at, ..)| self.is_at(rule, *at)).collect();
            let on_hand: i64 = mine.iter().map(|(_, level, _)| i64::from(level.on_hand.max(0))).sum();
            let free: i64 = mine.iter().map(|(_, level, held_back)| (level.free() - held_back).max(0)).sum();
            let handed_over: i64 = pool.iter().map(|(id, since, _)| used(*id, *since).1).sum();
            let left = |(id, since, rule): &(RuleId, Seq, &Rule)| {
                let Effect::Quota { share, minimum, .. } = rule.effect else { return 0 };
                let share = match share {
                    Amount::Units(units) => i64::from(units),
                    Amount::Percent(percent) => {
                        ((on_hand + handed_over) * i64::from(percent) / 100).max(minimum.into())
                    }
                };
                (share - used(*id, *since).0).max(0)
            };
            let own = |quota: &&&(RuleId, Seq, &Rule)| quota.2.conditions.hold_for_channel(Some(channel));
            let own_left: i64 = pool.iter().filter(own).map(|quota| left(quota)).sum();
            let others_left: i64 = pool.iter().filter(|quota| !own(quota)).map(|quota| left(quota)).sum();
            let fenced =
                pool.iter().filter(own).any(|quota| matches!(quota.2.effect, Effect::Quota { spill_over: false, .. }));
            let allowed = if fenced { own_left } else { own_left.max(free - others_left) };
            if units > allowed {
                return Err(format!("{units} units were promised where quotas left {allowed}"));
            }
        }
        Ok(())
    }

    /// Units of a cell that every channel must leave.
    pub fn held_back_from_all(&self, (sku, location): (SkuId, LocationId), level: StockLevel, own: u32) -> i64 {
        let holds = |(_, (_, rule, in_force)): &(&RuleId, &(Name, Rule, bool))| {
            *in_force
                && rule.effect.kind() == Kind::SafetyStock
                && rule.conditions.channels.is_empty()
                && rule.conditions.hold_for_sku(sku, self.skus.get(&sku))
                && self.is_at(rule, location)
        };
        let first = self.rules.iter().filter(holds).min_by(|a, b| a.1.1.rank(&a.1.0).cmp(&b.1.1.rank(&b.1.0)));
        let units = first.and_then(|(_, (_, rule, _))| match rule.effect {
            Effect::SafetyStock(amount) if own == 0 || rule.conditions.count() >= 2 => Some(amount.units(level)),
            _ => None,
        });
        units.unwrap_or(own).into()
    }

    /// Compares the quota counts. Inactive quotas without outstanding units may be dropped.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, counted: &Counts) -> Result<(), String> {
        let of = |counts: &Counts, of: &(RuleId, Seq, SkuId)| counts.get(of).copied().unwrap_or_default();
        for key in self.used.keys().chain(counted.keys()) {
            let (mine, theirs) = (of(&self.used, key), of(counted, key));
            let runs = self.since.get(&key.0) == Some(&key.1) && self.rules.get(&key.0).is_some_and(|(.., runs)| *runs);
            let forgotten = !runs && mine.0 == mine.1 && theirs == (0, 0);
            if mine != theirs && !forgotten {
                return Err(format!("memory counts {theirs:?} under a quota, and the log leads to {mine:?}"));
            }
        }
        Ok(())
    }

    /// Whether any quota is in force.
    pub fn has_quotas(&self) -> bool {
        self.rules.values().any(|(_, rule, in_force)| *in_force && rule.effect.kind() == Kind::Quota)
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
