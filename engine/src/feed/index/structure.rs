//! Changes of names, groups, channels and rules: they change the keys of subscriptions, and the results of their
//! cells.

use std::sync::Arc;

use super::Index;
use super::pending::{Shared, Slot, Step};
use super::sub::Mode;
use crate::feed::entry::{Entry, Moving, Rests, What};
use crate::feed::reset::Reset;
use crate::ids::{GroupId, LocationId, Seq, SkuId};
use crate::state::DurableState;

impl Index {
    /// Handles new names and changed groups or channels: rare, and may visit all subscriptions.
    pub(super) fn restructure(&mut self, state: &DurableState, entry: &Entry, shared: &Shared<'_>) {
        match &entry.what {
            What::Cell(_) => {}
            What::Names => self.resolve_names(state),
            What::Group(group, members) => self.regroup(entry.seq, *group, members, shared),
            What::Stands(moving, joins) => self.restand(entry.seq, moving, *joins, shared),
            What::Declared(locations) if state.catalogue.has_uncounted() => {
                self.redeclare(state, entry.seq, locations, shared);
            }
            What::Declared(_) => {}
            What::Channel(channel, buffer) => {
                let before = self.buffers.insert(*channel, *buffer).unwrap_or(0);
                let asked = self.channels.get(state.catalogue.channels.name(*channel));
                let asked: Vec<Slot> = asked.into_iter().flatten().filter(|_| before != *buffer).copied().collect();
                self.recount(entry.seq, Reset::BufferChanged, asked.into_iter(), shared);
            }
            What::Rules(rests) => {
                let before = std::mem::replace(&mut self.book, state.rules.share_book());
                let described_anew = matches!(rests, Rests::Skus) && self.book.looks_at_traits();
                // Rules that came and went since the last check count too: a reader may have read under them.
                if described_anew || self.book.has_turned_since(&before) {
                    // The book may be newer than the entry: a reader of earlier cells must read again.
                    let seq = entry.seq.max(self.book.seq());
                    let all = 0..self.subs.len() as Slot;
                    self.recount(seq, Reset::RulesChanged, all, shared);
                }
            }
        }
    }

    /// All cells of some subscriptions have other results.
    fn recount(&mut self, seq: Seq, reason: Reset, slots: impl Iterator<Item = Slot>, shared: &Shared<'_>) {
        for slot in slots {
            let Some(Some(sub)) = self.subs.get(slot as usize) else { continue };
            let mut pending = sub.lock_pending();
            match sub.mode {
                // A recount from a later record stays.
                Mode::Conflated => {
                    pending.recounted = pending.recounted.filter(|(of, _)| *of > seq).or(Some((seq, reason)))
                }
                Mode::Lossless => pending.push(Step::Recounted(seq, reason), shared),
            }
            pending.mark(seq, slot, self.round, &mut self.marked);
        }
    }

    fn resolve_names(&mut self, state: &DurableState) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|slot| self.resolve(*slot, state));
        self.waiting = waiting;
    }

    /// Looks up the unknown names of a registered subscription again; returns whether any remain.
    pub fn resolve(&mut self, slot: Slot, state: &DurableState) -> bool {
        let Some(sub) = self.sub(slot) else { return false };
        let (keys, waits, before, after) = {
            let mut filter = sub.lock_filter();
            let before = filter.cost();
            (filter.resolve(&state.catalogue), filter.has_unknown(), before, filter.cost())
        };
        self.count_anew(&sub, before, after);
        self.add_keys(sub.mode, slot, keys);
        waits
    }

    /// Names were retired or revived: their cells leave or enter every selection that covers them.
    fn restand(&mut self, seq: Seq, moving: &[Moving], joins: bool, shared: &Shared<'_>) {
        for (slot, sub) in (0..).zip(&self.subs) {
            let Some(sub) = sub else { continue };
            let filter = sub.lock_filter();
            let mut pending = sub.lock_pending();
            for moving in moving {
                let is_selected = match moving {
                    Moving::Location(location) => filter.has_place(*location, self.groups_of(*location)),
                    Moving::Sku(sku) | Moving::Counting(sku) => filter.has_sku(*sku),
                };
                if !is_selected {
                    continue;
                }
                match sub.mode {
                    Mode::Conflated => drop(pending.moved.insert(*moving, (seq, joins))),
                    Mode::Lossless => pending.push(Step::Moved(seq, *moving, joins), shared),
                }
                pending.mark(seq, slot, self.round, &mut self.marked);
            }
        }
    }

    /// Untracked SKUs are available at more locations: subscriptions that name such a SKU and such a location receive
    /// it again.
    fn redeclare(&mut self, state: &DurableState, seq: Seq, locations: &[LocationId], shared: &Shared<'_>) {
        for (slot, sub) in (0..).zip(&self.subs) {
            let Some(sub) = sub else { continue };
            let filter = sub.lock_filter();
            let uncounted: Vec<SkuId> = filter.uncounted(&state.catalogue).collect();
            let has_place = |at: &LocationId| filter.has_place(*at, self.groups_of(*at));
            if uncounted.is_empty() || !locations.iter().any(has_place) {
                continue;
            }
            let mut pending = sub.lock_pending();
            for sku in uncounted {
                let moving = Moving::Counting(sku);
                match sub.mode {
                    Mode::Conflated => drop(pending.moved.insert(moving, (seq, true))),
                    Mode::Lossless => pending.push(Step::Moved(seq, moving, true), shared),
                }
            }
            pending.mark(seq, slot, self.round, &mut self.marked);
        }
    }

    fn regroup(&mut self, seq: Seq, group: GroupId, members: &Arc<[LocationId]>, shared: &Shared<'_>) {
        let before = self.members.get(&group).cloned().unwrap_or_default();
        let left = before.iter().filter(|location| members.binary_search(location).is_err());
        let joined = members.iter().filter(|location| before.binary_search(location).is_err());
        let moved: Vec<(LocationId, bool)> =
            left.map(|location| (*location, false)).chain(joined.map(|location| (*location, true))).collect();
        let groups_before: Vec<_> = moved.iter().map(|(location, _)| self.groups_of(*location).to_vec()).collect();
        self.set_members(group, Arc::clone(members));
        for (slot, sub) in (0..).zip(&self.subs) {
            let Some(sub) = sub else { continue };
            let filter = sub.lock_filter();
            if !filter.groups.ids.contains(&group) {
                continue;
            }
            let mut pending = sub.lock_pending();
            for ((location, joins), groups_before) in moved.iter().zip(&groups_before) {
                // A location that is selected by its own name or by another group neither enters nor leaves.
                let had = filter.has_place(*location, groups_before);
                let has = filter.has_place(*location, self.groups_of(*location));
                if had == has {
                    continue;
                }
                match sub.mode {
                    Mode::Conflated => drop(pending.moved.insert(Moving::Location(*location), (seq, *joins))),
                    Mode::Lossless => pending.push(Step::Moved(seq, Moving::Location(*location), *joins), shared),
                }
                pending.mark(seq, slot, self.round, &mut self.marked);
            }
        }
    }
}
