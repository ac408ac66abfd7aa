//! All rules, in force or not, and the compiled book of those in force.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use arc_swap::{ArcSwap, Guard};

use super::Book;
use super::rule::RuleId;
use super::standing::StandingRule;
use crate::catalogue::{Catalogue, SkuDetails};
use crate::ids::{Name, Seq, SkuId, Timestamp};
use crate::rules::set::RuleSet;

impl RuleSet {
    /// The state of the rule after it is set at `seq`; `None` if it is removed.
    pub(crate) fn standing(&self, before: Option<&StandingRule>, seq: Seq) -> Option<StandingRule> {
        let RuleSet { id, name, rule, in_force } = self;
        rule.as_ref().map(|rule| {
            let kept = before.filter(|before| before.in_force == *in_force).map(|before| before.since);
            let (rule, name, since) = (rule.clone(), name.clone(), kept.unwrap_or(seq));
            StandingRule { id: *id, name, rule, in_force: *in_force, since, version: seq }
        })
    }
}

/// All rules.
#[derive(Debug, Default)]
pub struct RuleTable {
    entries: RwLock<Entries>,
    book: ArcSwap<Book>,
    /// Whether any rule is in force.
    in_force: AtomicBool,
    stale: AtomicBool,
}

#[derive(Debug, Default)]
struct Entries {
    by_name: BTreeMap<Name, RuleId>,
    /// By number; `None` if a rule was removed.
    rules: Vec<Option<Arc<StandingRule>>>,
}

impl RuleTable {
    /// The rules in force. Exact at one `seq` if read inside the durable view.
    #[inline]
    pub fn book(&self) -> Guard<Arc<Book>> {
        self.book.load()
    }

    /// The same for admission, which need not be exact: `None` if no rule is in force.
    #[inline]
    pub fn book_if_any(&self) -> Option<Guard<Arc<Book>>> {
        self.in_force.load(Relaxed).then(|| self.book())
    }

    /// The same, shared.
    pub fn share_book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    /// The rule with this id.
    pub fn get(&self, name: &str) -> Option<Arc<StandingRule>> {
        let entries = self.entries();
        entries.by_name.get(name).and_then(|id| entries.at(*id))
    }

    /// The rule with this number; `None` if it was removed.
    pub fn at(&self, id: RuleId) -> Option<Arc<StandingRule>> {
        self.entries().at(id)
    }

    /// Up to `limit` rules, by id, from the one after `after`.
    pub fn page(&self, after: Option<&str>, limit: usize) -> Vec<Arc<StandingRule>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let entries = self.entries();
        let range = entries.by_name.range::<str, _>((after.map_or(Unbounded, Excluded), Unbounded));
        range.filter_map(|(_, id)| entries.at(*id)).take(limit).collect()
    }

    /// All rules, by number; `None` if one was removed.
    pub fn all(&self) -> Vec<Option<Arc<StandingRule>>> {
        self.entries().rules.clone()
    }

    /// The number of the next new rule.
    pub(crate) fn next_id(&self) -> RuleId {
        RuleId(self.entries().rules.len() as u32)
    }

    /// Rules that change at `now`, and whether they are in force from then on.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<(RuleId, bool)> {
        let entries = self.entries();
        let standing = entries.rules.iter().flatten().map(|standing| (standing, standing.rule.runs_at(now)));
        standing
            .filter(|(standing, runs)| standing.in_force != *runs)
            .map(|(standing, runs)| (standing.id, runs))
            .collect()
    }

    /// The time after `now` when the next of them begins or ends.
    pub(crate) fn next_activation(&self, now: Timestamp) -> Option<Timestamp> {
        self.entries().rules.iter().flatten().filter_map(|standing| standing.rule.next_activation(now)).min()
    }

    /// Journal thread only, inside a fold: sets or removes rules.
    pub(crate) fn fold_set(&self, seq: Seq, rows: &[RuleSet]) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            let RuleSet { id, name, .. } = row;
            let before = entries.at(*id);
            let standing = row.standing(before.as_deref(), seq);
            entries.set(*id, name, standing);
        }
        self.stale.store(true, Relaxed);
    }

    /// Journal thread only, inside a fold: activates or ends rules by date.
    pub(crate) fn fold_activated(&self, seq: Seq, rows: &[(RuleId, bool)]) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        for (id, in_force) in rows {
            if let Some(before) = entries.at(*id) {
                let standing = StandingRule { in_force: *in_force, since: seq, ..(*before).clone() };
                entries.set(*id, &before.name, Some(standing));
            }
        }
        self.stale.store(true, Relaxed);
    }

    /// Restores rules from a checkpoint.
    pub(crate) fn restore(&self, id: RuleId, standing: Option<StandingRule>) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let name = standing.as_ref().map(|standing| standing.name.clone());
        match name {
            Some(name) => entries.set(id, &name, standing),
            None => entries.reach(id),
        }
        self.stale.store(true, Relaxed);
    }

    /// Journal thread only, inside a fold: locations or groups changed, which rules may depend on.
    pub(crate) fn fold_places(&self) {
        self.stale.store(true, Relaxed);
    }

    /// Journal thread only, inside a fold: a SKU has new details.
    pub(crate) fn fold_sku(&self, sku: SkuId, details: &SkuDetails) {
        self.book.load().reclassify(sku, details);
    }

    /// Journal thread only, at the end of a fold: compiles the book again if necessary.
    pub(crate) fn refresh(&self, seq: Seq, catalogue: &Catalogue) {
        if !self.stale.swap(false, Relaxed) {
            return;
        }
        let standing: Vec<_> = self.entries().rules.iter().flatten().cloned().collect();
        let before = self.book.load();
        if standing.iter().any(|rule| rule.in_force) || !before.is_empty() {
            let book = Book::compile(seq, &standing, catalogue).succeed(&before);
            self.in_force.store(!book.is_empty(), Relaxed);
            self.book.store(Arc::new(book));
        }
    }

    fn entries(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn at(&self, id: RuleId) -> Option<Arc<StandingRule>> {
        self.rules.get(id.0 as usize).and_then(Clone::clone)
    }

    fn reach(&mut self, id: RuleId) {
        let places = self.rules.len().max(id.0 as usize + 1);
        self.rules.resize(places, None);
    }

    fn set(&mut self, id: RuleId, name: &Name, standing: Option<StandingRule>) {
        self.reach(id);
        match standing {
            Some(_) => drop(self.by_name.insert(name.clone(), id)),
            None if self.by_name.get(name) == Some(&id) => drop(self.by_name.remove(name)),
            None => {}
        }
        if let Some(place) = self.rules.get_mut(id.0 as usize) {
            *place = standing.map(Arc::new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Conditions, Effect, Rule};

    #[test]
    fn what_came_and_went_between_two_looks_is_seen() {
        let (table, catalogue) = (RuleTable::default(), Catalogue::default());
        let set = |seq: Seq, id: u32, in_force: bool, rule: Option<Effect>| {
            let name = Name::parse(&format!("r{id}")).expect("a name");
            let rule =
                rule.map(|effect| Rule { conditions: Conditions::default(), effect, starts_at: None, ends_at: None });
            table.fold_set(seq, &[RuleSet { id: RuleId(id), name, rule, in_force }]);
            table.refresh(seq, &catalogue);
            table.share_book()
        };
        let before = set(1, 0, true, Some(Effect::Access(true)));
        let between = set(2, 1, true, Some(Effect::Access(false)));
        let after = set(3, 1, false, None);
        assert!(after.counts_like(&before) && between.has_turned_since(&before) && after.has_turned_since(&before));
        let same = set(4, 2, false, Some(Effect::Access(false)));
        assert!(same.seq() > after.seq() && !same.has_turned_since(&after));
    }
}
