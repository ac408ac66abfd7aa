//! A round: passes the changed cells of a batch to the subscriptions that select them.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::pending::{Shared, Step};
use super::{Index, Slots};
use crate::feed::change::Change;
use crate::feed::entry::{Entry, What};
use crate::feed::filter::{cell_key, keys_of_cell};
use crate::ids::Seq;
use crate::kernel::cell_after::CellAfter;
use crate::state::DurableState;

impl Index {
    /// Adds `entries`, which complete the index up to `last`, and wakes every subscription with new messages.
    pub fn round(&mut self, state: &DurableState, entries: &[Entry], last: Seq, shared: &Shared<'_>) {
        self.round += 1;
        if self.is_empty() {
            for entry in entries {
                self.restructure(state, entry, shared);
            }
        } else {
            let mut cells = Vec::new();
            for entry in entries {
                match &entry.what {
                    What::Cell(cell) => cells.push((entry.seq, *cell)),
                    What::Names
                    | What::Group(..)
                    | What::Channel(..)
                    | What::Rules(_)
                    | What::Stands(..)
                    | What::Declared(_) => {
                        // Cells before this entry are matched with the structure before it.
                        self.match_cells(&cells, shared);
                        cells.clear();
                        self.restructure(state, entry, shared);
                    }
                }
            }
            self.match_cells(&cells, shared);
        }
        self.position = last;
        // Release: a reader of this position finds everything up to it in the pending data.
        shared.position.store(last, Release);
        let held = &mut self.held;
        let due: Slots = held.extract_if(.., |(seq, _)| *seq <= last).map(|(_, slot)| slot).collect();
        for slot in self.marked.drain(..).chain(due) {
            if let Some(Some(sub)) = self.subs.get(slot as usize) {
                (sub.wake)();
            }
        }
    }

    fn match_cells(&mut self, cells: &[(Seq, CellAfter)], shared: &Shared<'_>) {
        if !self.lossless.is_empty() {
            for (seq, cell) in cells {
                self.match_lossless(*seq, cell, shared);
            }
        }
        if !self.conflated.is_empty() {
            // Of several changes of a cell in one round, only the last is sent.
            let mut latest = FxHashMap::default();
            for (at, (_, cell)) in cells.iter().enumerate() {
                latest.insert(cell_key(cell.sku, cell.location), at);
            }
            for (at, (seq, cell)) in cells.iter().enumerate() {
                if latest.get(&cell_key(cell.sku, cell.location)) == Some(&at) {
                    self.match_conflated(*seq, cell, shared);
                }
            }
        }
    }

    fn match_conflated(&mut self, seq: Seq, cell: &CellAfter, shared: &Shared<'_>) {
        let Self { conflated, subs, groups_of, marked, round, position, .. } = self;
        let groups = groups_of.get(&cell.location).map_or(&[][..], SmallVec::as_slice);
        let mut change = None;
        let mut replaced = 0;
        for key in keys_of_cell(cell.sku, cell.location, groups) {
            for slot in conflated.get(&key).into_iter().flatten() {
                let Some(Some(sub)) = subs.get(*slot as usize) else { continue };
                let change = change.get_or_insert_with(|| Arc::new(Change::new(seq, *cell)));
                let mut pending = sub.lock_pending();
                if pending.overrun {
                    continue;
                }
                pending.settle(*position, *round);
                let before = pending.dirty.insert(cell_key(cell.sku, cell.location), Arc::clone(change));
                match before {
                    Some(before) if before.seq < seq => replaced += 1,
                    Some(_) => {}
                    None if pending.ready.len() + pending.dirty.len() > shared.settings.dirty_cells_max => {
                        pending.ready = FxHashMap::default();
                        pending.dirty = FxHashMap::default();
                        pending.overrun = true;
                        shared.counters.overruns.fetch_add(1, Relaxed);
                    }
                    None => {}
                }
                pending.mark(seq, *slot, *round, marked);
            }
        }
        if change.is_some() {
            shared.counters.matched.fetch_add(1, Relaxed);
            shared.counters.conflated.fetch_add(replaced, Relaxed);
        }
    }

    fn match_lossless(&mut self, seq: Seq, cell: &CellAfter, shared: &Shared<'_>) {
        let Self { lossless, subs, groups_of, marked, round, .. } = self;
        let groups = groups_of.get(&cell.location).map_or(&[][..], SmallVec::as_slice);
        let mut change = None;
        for key in keys_of_cell(cell.sku, cell.location, groups) {
            for slot in lossless.get(&key).into_iter().flatten() {
                let Some(Some(sub)) = subs.get(*slot as usize) else { continue };
                let change = change.get_or_insert_with(|| Arc::new(Change::new(seq, *cell)));
                let mut pending = sub.lock_pending();
                // A change found under two keys is still one change.
                let again = matches!(pending.queue.back(), Some(Step::Changed(last)) if Arc::ptr_eq(last, change));
                if pending.overrun || again {
                    continue;
                }
                pending.push(Step::Changed(Arc::clone(change)), shared);
                pending.mark(seq, *slot, *round, marked);
            }
        }
        if change.is_some() {
            shared.counters.matched.fetch_add(1, Relaxed);
        }
    }
}
