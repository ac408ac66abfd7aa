//! Counts that confirmed the books: many cells at one time, in few bytes.
//!
//! A nightly file of all stock changes little, but states for every cell when it was last right: a late report of an
//! earlier event is part of the count. The cost is a byte or two per cell, and none for adjacent cells.
//!
//! ```text
//!  axis u8 (0: SKU by SKU, 1: location by location), then for each row of cells
//!  row: varint, less the row before, less one | runs: varint
//!  run: first: varint, less the end of the run before | length: varint, less one
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, SkuId, Timestamp};

/// Cells whose count confirmed the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsConfirmed {
    /// The time of the counts.
    pub counted_at: Timestamp,
    /// The cells.
    pub cells: CellSet,
}

/// A set of cells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellSet(Vec<u8>);

/// By SKU or by location, whichever is shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    Skus,
    Locations,
}

impl CellSet {
    /// The set of `cells`, which may contain duplicates.
    pub fn new(cells: impl IntoIterator<Item = (SkuId, LocationId)>) -> Self {
        let (mut by_sku, mut by_location): (BTreeMap<u32, Vec<u32>>, BTreeMap<u32, Vec<u32>>) = Default::default();
        for (sku, location) in cells {
            by_sku.entry(sku.0).or_default().push(location.0);
            by_location.entry(location.0).or_default().push(sku.0);
        }
        let (skus, locations) = (written(Axis::Skus, by_sku), written(Axis::Locations, by_location));
        Self(if locations.len() < skus.len() { locations } else { skus })
    }

    /// Each cell once, in order.
    pub fn iter(&self) -> impl Iterator<Item = (SkuId, LocationId)> + '_ {
        Cells::new(&self.0)
    }

    /// The number of cells.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

fn written(axis: Axis, rows: BTreeMap<u32, Vec<u32>>) -> Vec<u8> {
    let mut bytes = vec![u8::from(axis == Axis::Locations)];
    let mut next_row = 0;
    for (row, mut columns) in rows {
        columns.sort_unstable();
        columns.dedup();
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for column in columns {
            match runs.last_mut().filter(|(first, length)| first + length == column) {
                Some((_, length)) => *length += 1,
                None => runs.push((column, 1)),
            }
        }
        put(&mut bytes, row - next_row);
        next_row = row + 1;
        put(&mut bytes, runs.len() as u32);
        let mut end = 0;
        for (first, length) in runs {
            put(&mut bytes, first - end);
            put(&mut bytes, length - 1);
            end = first + length;
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Decodes a set. A truncated encoding ends it: a record is complete, or its checksum is wrong.
struct Cells<'a> {
    bytes: &'a [u8],
    axis: Axis,
    next_row: u32,
    row: u32,
    runs: u32,
    next: u32,
    left: u32,
}

impl<'a> Cells<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let (axis, bytes) = match bytes.split_first() {
            Some((1, rest)) => (Axis::Locations, rest),
            Some((_, rest)) => (Axis::Skus, rest),
            None => (Axis::Skus, bytes),
        };
        Self { bytes, axis, next_row: 0, row: 0, runs: 0, next: 0, left: 0 }
    }

    fn take(&mut self) -> Option<u32> {
        let mut number = 0_u64;
        for shift in (0..35).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(number).ok();
            }
        }
        None
    }
}

impl Iterator for Cells<'_> {
    type Item = (SkuId, LocationId);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left == 0 {
            if self.runs == 0 {
                self.row = self.next_row.checked_add(self.take()?)?;
                self.next_row = self.row.checked_add(1)?;
                self.runs = self.take()?;
                self.next = 0;
                continue;
            }
            self.runs -= 1;
            self.next = self.next.checked_add(self.take()?)?;
            self.left = self.take()?.checked_add(1)?;
        }
        let column = self.next;
        self.next = self.next.checked_add(1)?;
        self.left -= 1;
        Some(match self.axis {
            Axis::Skus => (SkuId(self.row), LocationId(column)),
            Axis::Locations => (SkuId(column), LocationId(self.row)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn bytes(cells: impl IntoIterator<Item = (u32, u32)>) -> usize {
        CellSet::new(cells.into_iter().map(|(sku, location)| (SkuId(sku), LocationId(location)))).0.len()
    }

    proptest! {
        #[test]
        fn a_set_has_the_cells_that_were_put_into_it(
            stretches in proptest::collection::vec((0..40u32, 0..400u32, 1..30u32, 1..4u32), 0..60),
            far in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..4),
        ) {
            let near = stretches.iter().flat_map(|(sku, first, length, step)| {
                (0..*length).map(move |n| (*sku, first + n * step))
            });
            let far = far.iter().map(|(sku, location)| (sku % (1 << 27), location % 131_072));
            let cells: Vec<_> = near.chain(far).map(|(sku, location)| (SkuId(sku), LocationId(location))).collect();
            let set = CellSet::new(cells.iter().copied());
            let read: Vec<_> = set.iter().collect();
            prop_assert_eq!(read.len(), set.len());
            prop_assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), cells.into_iter().collect::<BTreeSet<_>>());
        }

        #[test]
        fn whatever_the_bytes_are_they_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = CellSet(bytes).iter().take(100_000).count();
        }
    }

    #[test]
    fn cells_side_by_side_cost_next_to_nothing() {
        assert!(bytes((0..20).flat_map(|sku| (0..200).map(move |location| (sku, location)))) <= 101);
        assert!(bytes((0..4000).map(|sku| (sku, 17))) <= 7, "one location after the other");
        assert!(
            bytes((0..1000).flat_map(|sku| (0..4).map(move |n| (sku * 3, n * 50)))) <= 10_001,
            "and apart a little"
        );
    }
}
