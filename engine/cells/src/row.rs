//! From (SKU, location) to a cell, and from a SKU to all of its cells.
//!
//! ```text
//!  row[sku].run   = cell (32 bits) | location (17) | length (15)
//!  row[sku].table = start (32 bits) | capacity (24) | gaps, strays    entries[start .. start + capacity] = cell + 1, or 0
//! ```
//!
//! The *run* contains the cells of a SKU that are side by side, as an import or a restart creates them: all stores are
//! read as one piece of memory. If the run's locations are neighbours too, arithmetic finds a cell, and the SKU needs
//! no table. Only a SKU whose run has *gaps* between its locations, or that has *strays* outside its run, has a table:
//! a small hash table with four bytes per entry.
//!
//! Tables live in one append-only arena and probe linearly from the location's hash. Only the journal thread writes. A
//! row that outgrows its table gets a new one, which is filled before the row's word is swapped to it; the space of the
//! old one is reused by other rows. So a reader may probe a table that now belongs to another row: it can miss, or find
//! another SKU's cells, but never accepts them, because every hit is checked against the cell itself, and a miss counts
//! only if the row's word is unchanged.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Release};

use crate::arena::Arena;
use crate::cell::StockCell;
use crate::ids::{LocationId, SkuId};
use crate::writer::{ENTRIES_PER_CHUNK, ENTRY_CHUNK_BITS, RowsWriter};

const CAPACITY_BITS: u32 = 24;

/// A cell's place in the arena of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId(pub u32);

pub(crate) type Cells = Arena<StockCell, 18, 14>;

/// All cells of one SKU: those of its run in memory order, then its strays in the order of its table.
#[derive(Debug, Clone, Copy)]
pub struct RowCells<'a> {
    sku: SkuId,
    run: Run,
    first: &'a [StockCell],
    second: &'a [StockCell],
    cells: &'a Cells,
    /// `None` if there are no strays.
    entries: &'a [AtomicU32],
}

impl<'a> RowCells<'a> {
    /// Each cell with its id.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = (CellId, &'a StockCell)> {
        let ids = (self.run.cell..).map(CellId);
        ids.zip(self.first.iter().chain(self.second)).chain(self.strays())
    }

    /// Passes every cell to `visit`.
    #[inline]
    pub fn for_each(self, mut visit: impl FnMut(&'a StockCell)) {
        self.first.iter().for_each(&mut visit);
        self.second.iter().for_each(&mut visit);
        self.strays().for_each(|(_, cell)| visit(cell));
    }

    /// The approximate number of cells: strays are counted with the free entries of their table.
    #[inline]
    pub fn about(self) -> usize {
        self.first.len() + self.second.len() + self.entries.len()
    }

    /// The cells of its run, in up to two pieces.
    #[inline]
    pub fn pieces(self) -> [&'a [StockCell]; 2] {
        [self.first, self.second]
    }

    /// The cells outside its run.
    #[inline]
    pub fn strays(self) -> impl Iterator<Item = (CellId, &'a StockCell)> {
        self.entries.iter().filter_map(move |entry| {
            // Pairs with the Release in `insert`: the cell behind the entry knows its SKU and location.
            let id = entry.load(Acquire).checked_sub(1).filter(|id| !self.run.ids().contains(id))?;
            let cell = self.cells.get(id as usize)?;
            (cell.sku() == self.sku).then_some((CellId(id), cell))
        })
    }
}

/// The index entry of one SKU.
#[derive(Debug, Default)]
struct Row {
    table: AtomicU64,
    run: AtomicU64,
}

/// Cells that lie side by side.
#[derive(Debug, Clone, Copy)]
struct Run {
    cell: u32,
    location: u32,
    length: u32,
}

impl Run {
    const LENGTH_BITS: u32 = 15;
    const LOCATION_BITS: u32 = 17;

    #[inline]
    fn unpack(word: u64) -> Self {
        Self {
            cell: (word >> 32) as u32,
            location: ((word >> Self::LENGTH_BITS) & ((1 << Self::LOCATION_BITS) - 1)) as u32,
            length: (word & ((1 << Self::LENGTH_BITS) - 1)) as u32,
        }
    }

    fn pack(self) -> u64 {
        (u64::from(self.cell) << 32) | (u64::from(self.location) << Self::LENGTH_BITS) | u64::from(self.length)
    }

    /// The id of the cell of `location`, if the run contains it.
    #[inline]
    fn guess(self, location: LocationId) -> Option<u32> {
        let nth = location.0.wrapping_sub(self.location);
        (nth < self.length).then(|| self.cell + nth)
    }

    /// The run extended by one cell, if that cell is adjacent.
    fn continued(self, cell: CellId, location: LocationId) -> Option<Self> {
        let longest = (1 << Self::LENGTH_BITS) - 1;
        match self.length {
            0 => Some(Self { cell: cell.0, location: location.0, length: 1 }),
            length if length < longest && cell.0 == self.cell + length => Some(Self { length: length + 1, ..self }),
            _ => None,
        }
    }

    /// The ids of its cells.
    fn ids(self) -> std::ops::Range<u32> {
        self.cell..self.cell + self.length
    }
}

/// The tables of all rows.
#[derive(Debug)]
pub(crate) struct Rows {
    rows: Arena<Row, 14, 13>,
    entries: Arena<AtomicU32, ENTRY_CHUNK_BITS, 14>,
}

/// The position of a row's table, and why the row needs one. A table without capacity means that all cells are in a run
/// without gaps.
#[derive(Clone, Copy)]
struct Table {
    start: usize,
    capacity: usize,
    /// Locations of the run are not neighbours.
    gaps: bool,
    /// Some cells are not in the run.
    strays: bool,
}

impl Table {
    const GAPS: u64 = 1;
    const STRAYS: u64 = 2;
    const FLAG_BITS: u32 = 8;

    #[inline]
    fn unpack(word: u64) -> Self {
        Self {
            start: (word >> (CAPACITY_BITS + Self::FLAG_BITS)) as usize,
            capacity: ((word >> Self::FLAG_BITS) & ((1 << CAPACITY_BITS) - 1)) as usize,
            gaps: word & Self::GAPS != 0,
            strays: word & Self::STRAYS != 0,
        }
    }

    fn pack(self) -> u64 {
        let place = ((self.start as u64) << CAPACITY_BITS) | self.capacity as u64;
        let flags = u64::from(self.gaps) * Self::GAPS + u64::from(self.strays) * Self::STRAYS;
        (place << Self::FLAG_BITS) | flags
    }
}

/// The first entry to probe: a multiplicative hash, scaled to the capacity without a division.
#[inline]
fn home(location: LocationId, capacity: usize) -> usize {
    let hash = u64::from(location.0.wrapping_mul(0x9E37_79B1));
    ((hash * capacity as u64) >> 32) as usize
}

/// Table sizes grow by a half or a third: 2, 3, 4, 6, 8, 12, 16, …; larger tables are filled to four fifths.
fn capacity_for(length: usize) -> usize {
    let needed = if length <= 6 { length } else { length + length.div_ceil(4) };
    let mut capacity = 2;
    while capacity < needed {
        capacity += if usize::is_power_of_two(capacity) { capacity / 2 } else { capacity / 3 };
    }
    capacity
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self { rows: Arena::new(), entries: Arena::new() }
    }

    #[inline]
    pub(crate) fn find<'a>(
        &self,
        cells: &'a Cells,
        sku: SkuId,
        location: LocationId,
    ) -> Option<(CellId, &'a StockCell)> {
        let row = self.rows.get(sku.0 as usize)?;
        // Pairs with the Release in `insert`: the table that this word names is filled.
        let mut word = row.table.load(Acquire);
        loop {
            let table = Table::unpack(word);
            // Pairs with the Release in `insert`: the cells of the run know their SKU and location.
            if !table.gaps
                && let Some(guess) = Run::unpack(row.run.load(Acquire)).guess(location)
                && let Some(cell) = cells.get(guess as usize)
                && cell.location() == location
                && cell.sku() == sku
            {
                return Some((CellId(guess), cell));
            }
            let found = self.probe(table, cells, sku, location);
            if found.is_some() {
                return found;
            }
            let now = row.table.load(Acquire);
            if now == word {
                return None;
            }
            word = now;
        }
    }

    #[inline]
    fn probe<'a>(
        &self,
        table: Table,
        cells: &'a Cells,
        sku: SkuId,
        location: LocationId,
    ) -> Option<(CellId, &'a StockCell)> {
        let entries = self.entries.slice(table.start, table.capacity);
        let start = home(location, table.capacity).min(entries.len());
        let (before, from_home) = entries.split_at(start);
        for entry in from_home.iter().chain(before) {
            // Pairs with the Release in `insert`: the cell behind the entry knows its SKU and location.
            let cell = entry.load(Acquire).checked_sub(1)?;
            let found = cells.get(cell as usize)?;
            if found.location() == location && found.sku() == sku {
                return Some((CellId(cell), found));
            }
        }
        None
    }

    /// The cells of `sku`. Inside a durable read, which repeats after a race with a fold, the set is exact.
    #[inline]
    pub(crate) fn row<'a>(&'a self, cells: &'a Cells, sku: SkuId) -> RowCells<'a> {
        let row = self.rows.get(sku.0 as usize);
        let (table, run) = row.map_or((0, 0), |row| (row.table.load(Acquire), row.run.load(Acquire)));
        let (table, run) = (Table::unpack(table), Run::unpack(run));
        let (first, second) = cells.span(run.cell as usize, run.length as usize);
        let entries = if table.strays { self.entries.slice(table.start, table.capacity) } else { &[] };
        RowCells { sku, run, first, second, cells, entries }
    }

    /// Publishes `cell`, which must know its SKU and location and must not be in the row yet.
    pub(crate) fn insert(&self, writer: &mut RowsWriter, cells: &Cells, id: CellId) {
        let cell = cells.get(id.0 as usize).expect("the cell was just made");
        let (sku, location) = (cell.sku().0 as usize, cell.location());
        let row = self.rows.reach(sku);
        if writer.lengths.len() <= sku {
            writer.lengths.resize((sku + 1).next_power_of_two(), 0);
        }
        let length = writer.lengths.get_mut(sku).expect("resized above");
        *length += 1;
        let length = *length as usize;

        let (word, run) = (row.table.load(Acquire), Run::unpack(row.run.load(Acquire)));
        let before = Table::unpack(word);
        let continued = run.continued(id, location);
        let is_gap = continued.is_some() && location.0 != run.location + run.length && run.length > 0;
        let mut table = Table { gaps: before.gaps || is_gap, strays: before.strays || continued.is_none(), ..before };
        if table.gaps || table.strays {
            let capacity = capacity_for(length);
            if capacity > before.capacity {
                (table.start, table.capacity) = (self.allocate(writer, capacity), capacity);
                let known = self.entries.slice(before.start, before.capacity);
                let known = known.iter().filter_map(|entry| entry.load(Acquire).checked_sub(1));
                // A row without a table has all cells in its run.
                let run = if before.capacity == 0 { run.ids() } else { 0..0 };
                run.chain(known).for_each(|known| self.put(table, cells, CellId(known)));
            }
            self.put(table, cells, id);
        }
        if table.pack() != word {
            // Pairs with the Acquire in `find` and `row`.
            row.table.store(table.pack(), Release);
        }
        if let Some(run) = continued {
            // Pairs with the Acquire in `find` and `row`.
            row.run.store(run.pack(), Release);
        }
        if before.capacity > 0 && table.start != before.start {
            writer.given_up.put(before.start, before.capacity);
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

    /// An empty table: one that was released, or a new one within one chunk.
    fn allocate(&self, writer: &mut RowsWriter, capacity: usize) -> usize {
        if let Some(start) = writer.given_up.take(capacity) {
            for entry in self.entries.slice(start, capacity) {
                entry.store(0, Release);
            }
            return start;
        }
        let room = ENTRIES_PER_CHUNK - writer.next_entry % ENTRIES_PER_CHUNK;
        if capacity > room {
            writer.given_up.put(writer.next_entry, room);
            writer.next_entry += room;
            self.entries.reach(writer.next_entry - 1);
        }
        let start = writer.next_entry;
        writer.next_entry += capacity;
        self.entries.reach(start);
        start
    }

    /// Bytes allocated for rows and tables.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.chunks_allocated() * (size_of::<Row>() << 14) + self.entries.chunks_allocated() * (4 << 18)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LOCATIONS_MAX;

    #[test]
    fn every_location_fits_a_run() {
        const { assert!(LOCATIONS_MAX <= 1 << Run::LOCATION_BITS) };
        let run = Run { cell: u32::MAX, location: LOCATIONS_MAX - 1, length: 32_767 };
        let same = Run::unpack(run.pack());
        assert_eq!((same.cell, same.location, same.length), (run.cell, run.location, run.length));
    }

    #[test]
    fn a_sku_stocked_everywhere_fits_one_chunk() {
        assert!(capacity_for(LOCATIONS_MAX as usize) <= ENTRIES_PER_CHUNK);
    }

    #[test]
    fn tables_are_at_most_four_fifths_full_and_at_least_half() {
        for length in 7..10_000 {
            let capacity = capacity_for(length);
            assert!(capacity * 4 >= length * 5 && capacity < length * 2, "{length} in {capacity}");
        }
    }
}
