//! The store-by-SKU matrix: every stocked cell, found by (SKU, location), read by SKU, never moved.
//!
//! The matrix owns the words of stock and the index of cells. It knows nothing of reservations, the log or rules: a
//! floor is a number. Only the owner of the single [`MatrixWriter`] can write.
//!
//! Cells are created in the order of their first stock. An import creates a SKU's cells side by side, and a restart
//! does the same for all SKUs, because the common read is *one SKU, all stores*.

pub use crate::arena::Arena;
pub use crate::cell::StockCell;
use crate::ids::{LocationId, SkuId};
pub use crate::row::{CellId, RowCells};
use crate::row::{Cells, Rows};
pub use crate::writer::MatrixWriter;

/// All cells. Readers and admissions share the matrix.
#[derive(Debug)]
pub struct Matrix {
    cells: Cells,
    rows: Rows,
}

impl Matrix {
    /// Creates an empty matrix and the right to write to it, which no other function creates.
    pub fn new() -> (Self, MatrixWriter) {
        (Self { cells: Cells::new(), rows: Rows::new() }, MatrixWriter::new())
    }

    /// The cell of `sku` at `location`, if it exists.
    #[inline]
    pub fn find(&self, sku: SkuId, location: LocationId) -> Option<CellId> {
        self.rows.find(&self.cells, sku, location).map(|(id, _)| id)
    }

    /// The cell of `sku` at `location` with its id.
    #[inline]
    pub fn find_cell(&self, sku: SkuId, location: LocationId) -> Option<(CellId, &StockCell)> {
        self.rows.find(&self.cells, sku, location)
    }

    /// The cell itself.
    ///
    /// # Panics
    /// The id is not from this matrix.
    #[inline]
    pub fn cell(&self, id: CellId) -> &StockCell {
        self.cells.get(id.0 as usize).expect("cell ids come from find, and cells never go away")
    }

    /// The cell of `sku` at `location`, itself.
    #[inline]
    pub fn get(&self, sku: SkuId, location: LocationId) -> Option<&StockCell> {
        self.find_cell(sku, location).map(|(_, cell)| cell)
    }

    /// All cells of a SKU, in no particular order. Exact inside a durable read.
    #[inline]
    pub fn row(&self, sku: SkuId) -> RowCells<'_> {
        self.rows.row(&self.cells, sku)
    }

    /// Cells `from..to` in the order of their creation; fewer if not so many exist.
    pub fn range(&self, from: u32, to: u32) -> impl Iterator<Item = (CellId, &StockCell)> {
        (from..to).map_while(|id| self.cells.get(id as usize).map(|cell| (CellId(id), cell)))
    }

    /// Creates the cell of `sku` at `location`, empty, unless it exists.
    #[inline]
    pub fn make(&self, writer: &mut MatrixWriter, sku: SkuId, location: LocationId) -> CellId {
        if let Some(found) = self.find(sku, location) {
            return found;
        }
        self.make_new(writer, sku, location)
    }

    fn make_new(&self, writer: &mut MatrixWriter, sku: SkuId, location: LocationId) -> CellId {
        let id = CellId(writer.next_cell);
        self.cells.reach(id.0 as usize).place(sku, location);
        writer.next_cell = writer.next_cell.checked_add(1).expect("a matrix has fewer than 2^32 cells");
        self.rows.insert(&mut writer.rows, &self.cells, id);
        id
    }

    /// Bytes allocated for cells and their index.
    pub fn bytes(&self) -> usize {
        self.cells.chunks_allocated() * (size_of::<StockCell>() << 18) + self.rows.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn finds_what_a_plain_map_finds(
            stretches in proptest::collection::vec((0..20u32, 0..300u32, 1..20u32, 1..4u32), 0..80),
        ) {
            let (matrix, mut writer) = Matrix::new();
            let mut model = BTreeMap::new();
            for (sku, first, length, step) in stretches {
                for location in (first..300).step_by(step as usize).take(length as usize) {
                    let made = matrix.make(&mut writer, SkuId(sku), LocationId(location));
                    let known = *model.entry((sku, location)).or_insert(made);
                    prop_assert_eq!(known, made);
                }
            }
            for sku in 0..20 {
                let mut row: Vec<_> = matrix.row(SkuId(sku)).iter().map(|(id, cell)| ((sku, cell.location().0), id)).collect();
                row.sort();
                let expected: Vec<_> = model.range((sku, 0)..(sku, 300)).map(|(k, v)| (*k, *v)).collect();
                prop_assert_eq!(row, expected);
                for location in 0..300 {
                    let found = matrix.find(SkuId(sku), LocationId(location));
                    prop_assert_eq!(found, model.get(&(sku, location)).copied());
                }
            }
        }
    }

    #[test]
    fn readers_find_published_cells_while_rows_grow() {
        // SKU 0 lies in one run without gaps, 1 in one with them, 2 and 3 take turns and are strays of each other.
        let places = |nth: u32| {
            let (sku, location) = (nth / 20_000, nth % 20_000);
            match sku {
                0 => (0, location),
                1 => (1, location * 3),
                _ => (2 + nth % 2, nth / 2 - 20_000),
            }
        };
        const PLACES: u32 = 80_000;
        let (matrix, mut writer) = Matrix::new();
        let published = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            let (matrix, published) = (&matrix, &published);
            scope.spawn(move || {
                for nth in 0..PLACES {
                    let (sku, location) = places(nth);
                    matrix.make(&mut writer, SkuId(sku), LocationId(location));
                    published.store(nth + 1, std::sync::atomic::Ordering::Release);
                }
            });
            scope.spawn(|| {
                loop {
                    let sure = published.load(std::sync::atomic::Ordering::Acquire);
                    for nth in (0..sure).rev().step_by(97) {
                        let (sku, location) = (SkuId(places(nth).0), LocationId(places(nth).1));
                        let cell = matrix.get(sku, location).expect("published");
                        assert_eq!((cell.sku(), cell.location()), (sku, location));
                    }
                    if sure == PLACES {
                        break;
                    }
                }
            });
        });
        let lengths = [0, 1, 2, 3].map(|sku| matrix.row(SkuId(sku)).iter().count());
        assert_eq!(lengths, [20_000; 4]);
    }
}
