//! Folds movements and counts into the durable view.
//!
//! The [`Writer`] is created once, with the matrix: only the journal thread owns it, so only the journal thread writes
//! cells.

use super::confirmed::CountsConfirmed;
use super::movement::{Counted, Moved, MovementKind};
use crate::effect::{At, Left};
use crate::hash::{self, Part};
use crate::ids::{LocationId, SkuId, Timestamp};
use crate::kernel::cell_after::CellAfter;
use crate::level::{IN_QUARANTINE, StockLevel};
use crate::matrix::MatrixWriter;
use crate::reservations::promise::LineChange;
use crate::state::DurableState;

/// The single writer of cells, with its own state.
#[derive(Debug)]
pub(crate) struct Writer {
    pub cells: MatrixWriter,
    /// For each location, the hash of its cells without those of retired SKUs. So a location leaves the hash, and comes
    /// back, at the cost of one cell.
    counts_for: Vec<hash::Digest>,
}

impl Writer {
    /// The writer of a new matrix.
    pub fn new(cells: MatrixWriter) -> Self {
        Self { cells, counts_for: Vec::new() }
    }
}

/// The content of a cell, as far as it is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holding {
    level: StockLevel,
    safety_stock: u32,
    counted_at: Timestamp,
}

/// The hash of a cell: exports contain no cells of quarantines.
pub(crate) fn part_of(safety_stock: u32) -> Part {
    if safety_stock == IN_QUARANTINE { Part::Quarantine } else { Part::Stock }
}

/// Updates the state hash of cells: cells of retired names are not served, and are not part of it.
impl Writer {
    #[inline]
    fn rehash_cell(
        &mut self,
        state: &DurableState,
        sku: SkuId,
        location: LocationId,
        before: Option<Holding>,
        after: Holding,
    ) {
        let at = state.catalogue.place(sku, location);
        let stock = |Holding { level, safety_stock, counted_at }: Holding| {
            hash::stock(at, level.on_hand, safety_stock, counted_at)
        };
        // Most changes affect one of the two.
        let same = |before: Holding| Holding { level: StockLevel { reserved: 0, ..before.level }, ..before };
        if before.map(same) != Some(same(after)) {
            let part = part_of(after.safety_stock);
            self.change_stock(state, (sku, location), part, before.map_or(0, stock), stock(after));
        }
        let reserved = before.map_or(0, |before| before.level.reserved);
        if reserved != after.level.reserved {
            let before = StockLevel { reserved, ..after.level };
            state.hash.change(Part::Reserved, hash::reserved(at, before), hash::reserved(at, after.level));
        }
    }

    /// Replaces a cell's hash.
    #[inline]
    fn change_stock(
        &mut self,
        state: &DurableState,
        (sku, location): (SkuId, LocationId),
        part: Part,
        leaves: hash::Digest,
        comes: hash::Digest,
    ) {
        // An untracked cell holds only its promises.
        if state.catalogue.skus.is_retired(sku) || !state.catalogue.is_tracked(sku) {
            return;
        }
        let at = location.0 as usize;
        if at >= self.counts_for.len() {
            self.counts_for.resize(at + 1, 0);
        }
        if let Some(sum) = self.counts_for.get_mut(at) {
            *sum = sum.wrapping_sub(leaves).wrapping_add(comes);
        }
        if !state.catalogue.locations.is_retired(location) {
            state.hash.change(part, leaves, comes);
        }
    }

    /// The hash of all cells of a location.
    pub(crate) fn stock_of(&self, state: &DurableState, location: LocationId) -> (Part, hash::Digest) {
        let is_inside = state.catalogue.quarantine_of(location).is_some();
        let part = if is_inside { Part::Quarantine } else { Part::Stock };
        (part, self.counts_for.get(location.0 as usize).copied().unwrap_or(0))
    }

    /// The cells of a SKU leave the hash, or come back.
    pub(crate) fn rehash_row(&mut self, state: &DurableState, sku: SkuId, comes: bool) {
        for (_, cell) in state.matrix.row(sku).iter() {
            let (location, safety_stock) = (cell.location(), cell.safety_stock());
            let at = state.catalogue.place(sku, location);
            let digest = hash::stock(at, cell.durable().on_hand, safety_stock, cell.counted_at());
            let (leaves, comes) = if comes { (0, digest) } else { (digest, 0) };
            self.change_stock(state, (sku, location), part_of(safety_stock), leaves, comes);
        }
    }
}

impl Writer {
    pub(crate) fn cell(&mut self, state: &DurableState, after: &CellAfter, counted_at: Option<Timestamp>) {
        let made_before = self.cells.cells();
        let id = state.matrix.make(&mut self.cells, after.sku, after.location);
        let cell = state.matrix.cell(id);
        let holds =
            || Holding { level: cell.durable(), safety_stock: cell.safety_stock(), counted_at: cell.counted_at() };
        let before = if self.cells.cells() == made_before {
            Some(holds())
        } else {
            state.set_cells(self.cells.cells());
            None
        };
        let was_stocked = cell.durable().is_stocked();
        cell.fold_level(&self.cells, after.level);
        if was_stocked != after.level.is_stocked() {
            state.count_stocked(after.location, !was_stocked);
        }
        if cell.safety_stock() != after.safety_stock {
            cell.fold_safety_stock(&self.cells, after.safety_stock);
        }
        if let Some(counted_at) = counted_at {
            cell.fold_counted_at(&self.cells, counted_at);
        }
        self.rehash_cell(state, after.sku, after.location, before, holds());
    }

    /// A count that confirmed the books.
    pub(crate) fn confirmed(&mut self, state: &DurableState, sku: SkuId, location: LocationId, counted_at: Timestamp) {
        if let Some(cell) = state.matrix.get(sku, location) {
            let (level, safety_stock) = (cell.durable(), cell.safety_stock());
            let before = Holding { level, safety_stock, counted_at: cell.counted_at() };
            // A later row of the same file may contain a later count.
            cell.fold_counted_at(&self.cells, counted_at.max(cell.counted_at()));
            self.rehash_cell(state, sku, location, Some(before), Holding { counted_at: cell.counted_at(), ..before });
            state.movements.fold_counted(sku, location, counted_at);
        }
    }

    /// Restores a cell from a checkpoint.
    pub(crate) fn restore_cell(&mut self, state: &DurableState, after: &CellAfter, counted_at: Timestamp) {
        if after.level.shortage() > 0 {
            state.short_cells().insert((after.sku, after.location), after.level.shortage());
        }
        self.cell(state, after, Some(counted_at));
    }

    /// Nothing is in flight: the promise word of a cell equals its durable word.
    pub(crate) fn level_promise(&self, state: &DurableState, cell: &CellAfter) {
        if let Some(cell) = state.matrix.get(cell.sku, cell.location) {
            cell.rebuild_promise(&self.cells);
        }
    }

    /// Only before serving: nothing is in flight, so the promise words equal the log.
    pub(crate) fn rebuild_promises(&mut self, state: &DurableState) {
        for (_, cell) in state.matrix.range(0, self.cells.cells()) {
            cell.rebuild_promise(&self.cells);
        }
        state.reservations.restored();
    }
}

/// Promised units left a cell: late counts need this movement, and a sale changes the cell's rate.
pub(crate) fn handed_over(state: &DurableState, at: At<'_>, row: u32, line: &LineChange, left: Left) {
    let CellAfter { sku, location, .. } = line.cell;
    let change = -i64::from(line.quantity);
    let counted_at = state.matrix.get(sku, location).map(|cell| cell.counted_at()).unwrap_or_default();
    if state.catalogue.is_tracked(sku) {
        let happened_at = match left {
            Left::Sold => at.time.after_count(counted_at),
            Left::Moved(time) => time.after_count(counted_at),
        };
        state.movements.fold_moved(sku, location, (at.seq, row), happened_at, change);
    }
    if left == Left::Sold {
        state.rates.fold_sold(sku, location, (at.seq, row), at.time, line.quantity);
    }
}

pub(crate) fn moved(state: &DurableState, at: At<'_>, row: u32, moved: &Moved) {
    let CellAfter { sku, location, .. } = moved.cell;
    if !moved.absorbed {
        state.movements.fold_moved(sku, location, (at.seq, row), moved.occurred_at, moved.change);
    }
    if moved.kind == MovementKind::Sale {
        state.rates.fold_sold(sku, location, (at.seq, row), at.time, moved.change.unsigned_abs() as u32);
    }
}

/// For late counts. The level and its time follow with the cell.
pub(crate) fn counted(state: &DurableState, at: At<'_>, row: u32, counted: &Counted) {
    let CellAfter { sku, location, .. } = counted.cell;
    if counted.outdated {
        return;
    }
    let counted_at = counted.counted_at;
    let known_at = state.matrix.get(sku, location).map(|cell| cell.counted_at());
    if known_at == Some(counted_at) {
        let corrected = i64::from(counted.counted) - i64::from(counted.expected);
        state.movements.fold_recounted(sku, location, (at.seq, row), counted_at, corrected);
    } else {
        state.movements.fold_counted(sku, location, counted_at);
    }
}

/// Counts that confirmed the books.
pub(crate) fn counts_confirmed(writer: &mut Writer, state: &DurableState, confirmed: &CountsConfirmed) {
    for (sku, location) in confirmed.cells.iter() {
        writer.confirmed(state, sku, location, confirmed.counted_at);
    }
}

/// A shortage of a cell begins or ends.
pub(crate) fn shortage(state: &DurableState, cell: &CellAfter, grew: bool) {
    let key = (cell.sku, cell.location);
    match grew {
        true => state.short_cells().insert(key, cell.level.shortage()),
        false => state.short_cells().remove(&key),
    };
}
