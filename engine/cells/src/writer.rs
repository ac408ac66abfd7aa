//! The right to write, and the state that only its owner uses.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) const ENTRY_CHUNK_BITS: u32 = 18;
pub(crate) const ENTRIES_PER_CHUNK: usize = 1 << ENTRY_CHUNK_BITS;

/// The right to create cells and to change durable words. Each matrix has exactly one: [`Matrix::new`] returns it with
/// the matrix, it cannot be copied, and the journal thread owns it. So the type system ensures that nothing else
/// writes.
///
/// [`Matrix::new`]: crate::matrix::Matrix::new
#[derive(Debug)]
pub struct MatrixWriter {
    pub(crate) rows: RowsWriter,
    pub(crate) next_cell: u32,
}

impl MatrixWriter {
    pub(crate) fn new() -> Self {
        Self { rows: RowsWriter::default(), next_cell: 0 }
    }

    /// The number of cells.
    #[inline]
    pub fn cells(&self) -> u32 {
        self.next_cell
    }
}

impl AsRef<Self> for MatrixWriter {
    #[inline]
    fn as_ref(&self) -> &Self {
        self
    }
}

/// State of the single writer: the position of the next table, and released space.
#[derive(Debug, Default)]
pub(crate) struct RowsWriter {
    pub next_entry: usize,
    pub given_up: GivenUp,
    pub lengths: Vec<u32>,
}

/// Space of released tables, with neighbours joined: rows that grow together leave their old tables side by side, and
/// the joined space fits tables of any size.
#[derive(Debug, Default)]
pub(crate) struct GivenUp {
    by_start: BTreeMap<usize, usize>,
    by_length: BTreeSet<(usize, usize)>,
}

impl GivenUp {
    pub fn put(&mut self, mut start: usize, mut length: usize) {
        let before = self.by_start.range(..start).next_back().map(|(start, length)| (*start, *length));
        if let Some((earlier, earlier_length)) = before.filter(|(earlier, length)| {
            earlier + length == start && earlier / ENTRIES_PER_CHUNK == start / ENTRIES_PER_CHUNK
        }) {
            self.remove(earlier, earlier_length);
            (start, length) = (earlier, earlier_length + length);
        }
        let after = start + length;
        if let Some(later_length) = self.by_start.get(&after).copied()
            && !after.is_multiple_of(ENTRIES_PER_CHUNK)
        {
            self.remove(after, later_length);
            length += later_length;
        }
        self.by_start.insert(start, length);
        self.by_length.insert((length, start));
    }

    /// Takes the smallest sufficient space, cut to size.
    pub fn take(&mut self, wanted: usize) -> Option<usize> {
        let (length, start) = *self.by_length.range((wanted, 0)..).next()?;
        self.remove(start, length);
        if length > wanted {
            self.put(start + wanted, length - wanted);
        }
        Some(start)
    }

    fn remove(&mut self, start: usize, length: usize) {
        self.by_start.remove(&start);
        self.by_length.remove(&(length, start));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_that_was_given_up_is_joined_and_cut() {
        let mut given_up = GivenUp::default();
        for start in [0, 8, 4, 100] {
            given_up.put(start, 4);
        }
        assert_eq!(given_up.take(12), Some(0));
        assert_eq!(given_up.take(3), Some(100));
        assert_eq!(given_up.take(2), None);
        assert_eq!(given_up.take(1), Some(103));
    }
}
