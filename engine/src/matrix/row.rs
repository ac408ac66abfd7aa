//! From (SKU, location) to a cell: one small hash table a SKU, four bytes an entry.
//!
//! ```text
//!  row[sku] = table (40 bits) | capacity (24 bits)       entries[table .. table + capacity] = cell + 1, or 0
//! ```
//!
//! Tables live in one append-only arena and probe linearly from the location's hash. Only the journal thread writes.
//! A row that outgrows its table gets a new one, filled before the row's word is swapped to it; the old table is kept
//! for another row of its size. A reader may therefore probe a table that was just given away: it can miss, or meet
//! another SKU's cells, but never take them for its own, since every hit is checked against the cell itself, and a miss
//! is believed only while the row's word is still the one it started from.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Release};

use rustc_hash::FxHashMap;

use super::arena::Arena;
use super::cell::StockCell;
use crate::ids::{LocationId, SkuId};

const CAPACITY_BITS: u32 = 24;

/// A cell's place in the arena of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId(pub u32);

pub(super) type Cells = Arena<StockCell, 16, 16>;

/// The tables of all rows.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Arena<AtomicU64, 14, 13>,
    entries: Arena<AtomicU32, 18, 14>,
}

/// What only the one writer knows: where the next table goes, and which tables were given up.
#[derive(Debug, Default)]
pub(super) struct RowsWriter {
    next_entry: usize,
    given_up: FxHashMap<usize, Vec<usize>>,
    lengths: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Table {
    start: usize,
    capacity: usize,
}

impl Table {
    fn unpack(word: u64) -> Self {
        Self { start: (word >> CAPACITY_BITS) as usize, capacity: (word & ((1 << CAPACITY_BITS) - 1)) as usize }
    }

    fn pack(self) -> u64 {
        ((self.start as u64) << CAPACITY_BITS) | self.capacity as u64
    }
}

/// Where probing starts: a multiplicative hash, scaled to the capacity without a division.
#[inline]
fn home(location: LocationId, capacity: usize) -> usize {
    let hash = u64::from(location.0.wrapping_mul(0x9E37_79B1));
    ((hash * capacity as u64) >> 32) as usize
}

/// Table sizes grow by a half or a third: 2, 3, 4, 6, 8, 12, 16, …; larger ones are filled to four fifths.
fn capacity_for(length: usize) -> usize {
    let needed = if length <= 6 { length } else { length + length.div_ceil(4) };
    let mut capacity = 2;
    while capacity < needed {
        capacity += if usize::is_power_of_two(capacity) { capacity / 2 } else { capacity / 3 };
    }
    capacity
}

impl Rows {
    pub(super) fn new() -> Self {
        Self { rows: Arena::new(), entries: Arena::new() }
    }

    #[inline]
    pub(super) fn find(&self, cells: &Cells, sku: SkuId, location: LocationId) -> Option<CellId> {
        let row = self.rows.get(sku.0 as usize)?;
        // Pairs with the Release in `insert`: the table that this word names is filled.
        let mut word = row.load(Acquire);
        loop {
            let table = Table::unpack(word);
            let found = self.probe(table, cells, sku, location);
            if found.is_some() {
                return found;
            }
            let now = row.load(Acquire);
            if now == word {
                return None;
            }
            word = now;
        }
    }

    #[inline]
    fn probe(&self, table: Table, cells: &Cells, sku: SkuId, location: LocationId) -> Option<CellId> {
        let entries = self.entries.slice(table.start, table.capacity);
        let start = home(location, table.capacity).min(entries.len());
        let (before, from_home) = entries.split_at(start);
        for entry in from_home.iter().chain(before) {
            // Pairs with the Release in `insert`: the cell behind the entry knows its SKU and location.
            let cell = entry.load(Acquire).checked_sub(1)?;
            let found = cells.get(cell as usize)?;
            if found.location() == location && found.sku() == sku {
                return Some(CellId(cell));
            }
        }
        None
    }

    /// The cells of `sku` in the order of its table. Inside a durable read, which repeats whatever raced with a fold,
    /// the set is exact.
    pub(super) fn row<'a>(&'a self, cells: &'a Cells, sku: SkuId) -> impl Iterator<Item = (CellId, &'a StockCell)> {
        let word = self.rows.get(sku.0 as usize).map_or(0, |row| row.load(Acquire));
        let table = Table::unpack(word);
        self.entries.slice(table.start, table.capacity).iter().filter_map(move |entry| {
            let id = entry.load(Acquire).checked_sub(1)?;
            let cell = cells.get(id as usize)?;
            (cell.sku() == sku).then_some((CellId(id), cell))
        })
    }

    /// Publishes `cell`, which must know its SKU and location and must not be in the row yet.
    pub(super) fn insert(&self, writer: &mut RowsWriter, cells: &Cells, cell: CellId) {
        let sku = cells.get(cell.0 as usize).expect("the cell was just made").sku().0 as usize;
        let row = self.rows.reach(sku);
        if writer.lengths.len() <= sku {
            writer.lengths.resize((sku + 1).next_power_of_two(), 0);
        }
        let length = writer.lengths.get_mut(sku).expect("resized above");
        *length += 1;
        let length = *length as usize;
        let table = Table::unpack(row.load(Acquire));
        let capacity = capacity_for(length);
        if capacity <= table.capacity {
            self.put(table, cells, cell);
            return;
        }
        let grown = Table { start: self.allocate(writer, capacity), capacity };
        for entry in self.entries.slice(table.start, table.capacity) {
            if let Some(old) = entry.load(Acquire).checked_sub(1) {
                self.put(grown, cells, CellId(old));
            }
        }
        self.put(grown, cells, cell);
        // Pairs with the Acquire in `find` and `row`.
        row.store(grown.pack(), Release);
        if table.capacity > 0 {
            writer.given_up.entry(table.capacity).or_default().push(table.start);
        }
    }

    fn put(&self, table: Table, cells: &Cells, cell: CellId) {
        let location = cells.get(cell.0 as usize).expect("cells are made before they are indexed").location();
        let entries = self.entries.slice(table.start, table.capacity);
        let (before, from_home) = entries.split_at(home(location, table.capacity));
        let free = from_home.iter().chain(before).find(|entry| entry.load(Acquire) == 0);
        // Pairs with the Acquire in `probe`: whoever sees the entry sees the cell.
        free.expect("a table is larger than its row").store(cell.0 + 1, Release);
    }

    /// An empty table: one that was given up, or a fresh one that lies within one chunk.
    fn allocate(&self, writer: &mut RowsWriter, capacity: usize) -> usize {
        if let Some(start) = writer.given_up.get_mut(&capacity).and_then(Vec::pop) {
            for entry in self.entries.slice(start, capacity) {
                entry.store(0, Release);
            }
            return start;
        }
        const CHUNK: usize = 1 << 18;
        let room = CHUNK - (writer.next_entry & (CHUNK - 1));
        if capacity > room {
            writer.next_entry += room;
        }
        let start = writer.next_entry;
        writer.next_entry += capacity;
        self.entries.reach(start);
        start
    }

    /// Bytes allocated for rows and tables.
    pub(super) fn bytes(&self) -> usize {
        self.rows.chunks_allocated() * (8 << 14) + self.entries.chunks_allocated() * (4 << 18)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LOCATIONS_MAX;

    #[test]
    fn a_sku_stocked_everywhere_fits_one_chunk() {
        assert!(capacity_for(LOCATIONS_MAX as usize) <= 1 << 18);
    }

    #[test]
    fn tables_are_at_most_four_fifths_full_and_at_least_half() {
        for length in 7..10_000 {
            let capacity = capacity_for(length);
            assert!(capacity * 4 >= length * 5 && capacity < length * 2, "{length} in {capacity}");
        }
    }
}
