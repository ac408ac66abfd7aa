//! Cells in the draft: read, changed by the current command, and restored if it is refused.

use super::Draft;
use super::cell_now::{Before, CellChange, CellNow};
use crate::ids::{ChannelId, LocationId, Seq, SkuId, Timestamp};
use crate::kernel::cell_after::CellAfter;
use crate::kernel::few::Few;
use crate::level::{IN_QUARANTINE, StockLevel};
use crate::reservations::plan::Shelf;
use crate::rules::{Book, Gate};

impl Draft {
    /// The cell after the batch so far.
    pub fn cell(&mut self, sku: SkuId, location: LocationId) -> &mut CellNow {
        let state = &self.state;
        self.cells.entry((sku, location)).or_insert_with(|| {
            let Some(id) = state.matrix.find(sku, location) else { return CellNow::default() };
            let cell = state.matrix.cell(id);
            CellNow {
                id: Some(id),
                exists: true,
                level: cell.durable(),
                safety_stock: cell.safety_stock(),
                counted_at: cell.counted_at(),
                ..CellNow::default()
            }
        })
    }

    /// The stock of a cell for reading; stores nothing in the draft.
    pub fn cell_as_it_is(&self, sku: SkuId, location: LocationId) -> Shelf {
        let made = || self.state.matrix.get(sku, location).map_or_else(Shelf::default, Shelf::of);
        self.in_batch(sku, location).unwrap_or_else(made)
    }

    /// The stock of a cell that this batch touched.
    pub fn in_batch(&self, sku: SkuId, location: LocationId) -> Option<Shelf> {
        let CellNow { exists, level, safety_stock, .. } = self.cells.get(&(sku, location))?;
        Some(Shelf { exists: *exists, level: *level, safety_stock: *safety_stock })
    }

    /// Visits the cells of a SKU that this batch creates.
    pub fn made_in_this_batch(&self, sku: SkuId, visit: &mut dyn FnMut(LocationId, Shelf)) {
        for (_, location) in self.made.range((sku, LocationId(0))..=(sku, LocationId(u32::MAX))) {
            let cell = self.cell_as_it_is(sku, *location);
            if cell.exists {
                visit(*location, cell);
            }
        }
    }

    /// The cell for a change by the current command. Every change goes through this function, so that a refused
    /// command leaves none.
    pub fn touch(&mut self, sku: SkuId, location: LocationId) -> &mut CellNow {
        let cell = self.cell(sku, location);
        let (is_touched, exists) = (cell.before.is_some(), cell.exists);
        if !is_touched {
            self.touched.push((sku, location));
        }
        if !exists {
            self.made.insert((sku, location));
        }
        let is_new_in_quarantine = !exists && self.is_quarantine(location);
        let cell = self.cell(sku, location);
        cell.before.get_or_insert(Before {
            exists: cell.exists,
            level: cell.level,
            safety_stock: cell.safety_stock,
            counted_at: cell.counted_at,
            moved: cell.moved.len(),
        });
        cell.exists = true;
        if is_new_in_quarantine {
            cell.safety_stock = IN_QUARANTINE;
        }
        cell
    }

    /// Sets a cell's level in the current command.
    pub fn set_level(&mut self, sku: SkuId, location: LocationId, level: StockLevel) {
        self.touch(sku, location).level = level;
    }

    /// The cell in the form of an event.
    pub fn cell_after(&mut self, sku: SkuId, location: LocationId) -> CellAfter {
        let cell = self.cell(sku, location);
        CellAfter { sku, location, level: cell.level, safety_stock: cell.safety_stock }
    }

    /// The limits for a reservation through `channel` in a cell. The rules are those of the durable view, because a
    /// command that changes rules ends its batch.
    pub fn gate(&mut self, book: &Book, sku: SkuId, location: LocationId, channel: ChannelId) -> Gate {
        let buffer = self.buffer_of(channel);
        let terms = book.terms(&self.state.catalogue, sku, location, Some(channel));
        terms.limits().gate(self.cell(sku, location).safety_stock, buffer)
    }

    /// The units that moved in a cell after `time`, including this batch; `None` if that is no longer known.
    pub fn moved_since(&mut self, sku: SkuId, location: LocationId, time: Timestamp) -> Option<i64> {
        let earlier = self.state.movements.since(sku, location, time)?;
        let here: i64 = self.cell(sku, location).moved.iter().filter(|(at, _)| *at > time).map(|(_, c)| c).sum();
        Some(earlier + here)
    }

    /// The units recorded as moved in a cell after the durable record `seq`; `None` if that is no longer known.
    pub fn told_since(&mut self, sku: SkuId, location: LocationId, seq: Seq) -> Option<i64> {
        let earlier = self.state.movements.told_since(sku, location, seq)?;
        let here: i64 = self.cell(sku, location).moved.iter().map(|(_, change)| change).sum();
        Some(earlier + here)
    }

    /// The change of each touched cell. Bounded by those cells. Clears the touch list.
    pub fn take_touched(&mut self) -> Few<CellChange> {
        let touched = std::mem::take(&mut self.touched);
        let mut changes = Few::new();
        for (sku, location) in touched {
            let cell = self.cell(sku, location);
            let (id, after) = (cell.id, cell.level);
            let before = cell.before.take().map_or(after, |before| before.level);
            changes.push((sku, location, id, after.since(before)));
        }
        changes
    }

    /// Records that `units` were reported missing in a cell.
    pub fn tell_missing(&mut self, sku: SkuId, location: LocationId, units: u32) {
        self.missing.insert((sku, location), units);
    }

    /// The last reported missing units of a cell that was short by `short_before`.
    pub fn told_missing(&self, sku: SkuId, location: LocationId, short_before: u32) -> u32 {
        if short_before == 0 {
            return 0;
        }
        let here = self.missing.get(&(sku, location)).copied();
        here.unwrap_or_else(|| self.state.told_missing(sku, location))
    }

    /// Reverses every cell change of the current command, which is refused.
    pub fn undo_touched(&mut self) {
        for (sku, location) in std::mem::take(&mut self.touched) {
            let cell = self.cell(sku, location);
            if let Some(before) = cell.before.take() {
                cell.exists = before.exists;
                cell.level = before.level;
                cell.safety_stock = before.safety_stock;
                cell.counted_at = before.counted_at;
                cell.moved.truncate(before.moved);
            }
        }
    }
}
