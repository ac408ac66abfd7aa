//! Conflated: the latest value of each changed cell.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::change::Change;
use super::super::entry::Moving;
use super::super::filter::{CellKey, Part, cell_key};
use super::pieces::{Pieces, Then};
use super::{Item, Joining, LiveOutput, Message, Phase, Reset, Subscription};
use crate::ids::{LocationId, Seq, SkuId};
use crate::stock::lens::CellView;

impl Subscription {
    /// Conflated: locations entered or left, or all cells have other results. Cells that entered are read; cells that
    /// left are listed.
    pub(super) fn reselect(
        &mut self,
        moved: &BTreeMap<Moving, (Seq, bool)>,
        recounted: Option<Reset>,
    ) -> Option<LiveOutput> {
        let limit = self.shared.settings.subscription_cells_max;
        let moved_at = moved.values().map(|(seq, _)| *seq).max().unwrap_or(0);
        let moved: Vec<_> = moved.iter().map(|(moving, (_, joins))| (*moving, *joins)).collect();
        let (left, retired) = (Moving::locations(&moved, false), Moving::skus(&moved, false));
        let mut gone = self.gone(&left, &retired);
        let without_cell = self.without_cell(&Moving::counted(&moved));
        gone.extend(&without_cell);
        let came = match recounted {
            Some(_) => self.read(Part::Whole, limit),
            None => self.came(&moved, limit),
        };
        if !(left.is_empty() && retired.is_empty() && without_cell.is_empty()) {
            let is_gone = |sku: SkuId, location: LocationId| {
                left.contains(&location) || retired.contains(&sku) || without_cell.contains(&(sku, location))
            };
            // Changes that arrived meanwhile came after it left.
            let stays = |change: &Change| change.seq > moved_at || !is_gone(change.cell.sku, change.cell.location);
            let mut pending = self.sub.lock_pending();
            pending.ready.retain(|_, change| stays(change));
            pending.dirty.retain(|_, change| stays(change));
            drop(pending);
            self.joining.iter_mut().for_each(|joining| joining.let_go(is_gone));
            self.untracked.get_or_insert_default().cells.extend(gone);
        }
        match came {
            // Too much for one delta.
            Ok(cells) if cells.cells.len() > self.delta_cells_max() => {
                self.restart(recounted.unwrap_or(Reset::GroupChanged)).map(LiveOutput::Message)
            }
            Ok(cells) => {
                self.lens = cells.lens.clone();
                self.join(cells, None);
                Some(LiveOutput::Pieces)
            }
            Err(wanted) => {
                self.phase = Phase::Over;
                Some(LiveOutput::Message(Message::TooLarge(self.too_large(wanted))))
            }
        }
    }

    /// Conflated: all pending changes, exact at `position`.
    pub(super) fn tell_latest(
        &mut self,
        position: Seq,
        mut dirty: FxHashMap<CellKey, Arc<Change>>,
    ) -> Option<LiveOutput> {
        dirty.retain(|_, change| change.seq > self.base);
        // A cell may join more than once, as a tracked SKU and with its location. Changes between two reads may be
        // missing, because a location may have been out of its group meanwhile: the last read decides, wherever it is
        // sent.
        let mut read: FxHashMap<CellKey, (Seq, &CellView)> = FxHashMap::default();
        for Joining { cells, .. } in &self.joining {
            read.extend(cells.cells.iter().map(|cell| (cell_key(cell.sku, cell.location), (cells.seq, cell))));
        }
        let mut joins = Vec::new();
        for Joining { cells, tracked, .. } in &self.joining {
            let item = |cell: &CellView| {
                let key = cell_key(cell.sku, cell.location);
                let (seq, cell) = read.get(&key).copied().unwrap_or((cells.seq, cell));
                // Read at `seq`, changed since: the change is newer.
                let change = dirty.get(&key).filter(|change| change.seq > seq);
                // Whatever lens was used for reading, all are sent with the same lens.
                let read = || Item::Read(self.lens.see_again(&self.shared.state.catalogue, cell));
                change.map_or_else(read, |change| Item::Changed(Arc::clone(change)))
            };
            joins.push((cells.cells.iter().map(item).collect::<Vec<_>>(), *tracked));
        }
        for Joining { keys, .. } in self.joining.drain(..) {
            dirty.retain(|key, _| !keys.contains(key));
        }
        // A cell that changed after it was untracked, or left, is back.
        if let Some(untracked) = &mut self.untracked {
            untracked.cells.retain(|(sku, at)| !dirty.contains_key(&cell_key(*sku, *at)));
        }
        let mut changes: Vec<_> = dirty.into_values().collect();
        changes.sort_unstable_by_key(|change| (change.seq, change.cell.sku, change.cell.location));
        let untracked = self.untracked.take();
        if untracked.as_ref().is_some_and(|untracked| untracked.cells.len() > self.delta_cells_max()) {
            return self.restart(Reset::SelectionChanged).map(LiveOutput::Message);
        }
        if changes.is_empty() && untracked.is_none() && joins.is_empty() {
            self.told = self.told.max(position);
            return None;
        }
        let items: Vec<_> = changes.into_iter().map(Item::Changed).collect();
        match untracked {
            Some(untracked) => self.push_untracked(position, items, untracked),
            None if items.is_empty() => {}
            None => self.push_items(position, items),
        }
        // Deltas first: a cursor must not pass one, while a requested snapshot is identified by its digest.
        joins.sort_by_key(|(_, tracked)| tracked.is_some());
        for (items, tracked) in joins {
            match tracked {
                Some(digest) => {
                    let cells: Vec<_> =
                        items.into_iter().map(|item| item.view(&self.lens, &self.shared.state.catalogue)).collect();
                    let then = Then::Changed(digest);
                    self.out.push_back(Pieces::Snapshot { seq: position, cells: cells.into_iter(), then });
                }
                None if items.is_empty() => {}
                None => self.push_items(position, items),
            }
        }
        Some(LiveOutput::Pieces)
    }
}
