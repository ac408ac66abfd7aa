//! An append-only table whose items never move.
//!
//! Items live in chunks that are allocated whole and never move. So a reference stays valid as long as the table lives,
//! and growth never races with a reader. Items start as `T::default()` and change through their own atomics; the arena
//! only grows.

use std::sync::OnceLock;

/// Up to `2^DIRECTORY_BITS` chunks of `2^CHUNK_BITS` items.
#[derive(Debug)]
pub struct Arena<T, const CHUNK_BITS: u32, const DIRECTORY_BITS: u32> {
    chunks: Box<[OnceLock<Box<[T]>>]>,
}

impl<T: Default, const CHUNK_BITS: u32, const DIRECTORY_BITS: u32> Default for Arena<T, CHUNK_BITS, DIRECTORY_BITS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Default, const CHUNK_BITS: u32, const DIRECTORY_BITS: u32> Arena<T, CHUNK_BITS, DIRECTORY_BITS> {
    /// Items per chunk.
    pub const CHUNK: usize = 1 << CHUNK_BITS;

    /// An empty table.
    pub fn new() -> Self {
        Self { chunks: (0..1usize << DIRECTORY_BITS).map(|_| OnceLock::new()).collect() }
    }

    /// The item at `index`, if the table reaches that far.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index >> CHUNK_BITS)?.get()?.get(index & (Self::CHUNK - 1))
    }

    /// The item at `index`, after growing the table to reach it.
    ///
    /// # Panics
    /// Past the capacity of the directory; callers bound their ids below it.
    pub fn reach(&self, index: usize) -> &T {
        let slot = self.chunks.get(index >> CHUNK_BITS).expect("ids stay below the capacity of their table");
        let chunk = slot.get_or_init(|| (0..Self::CHUNK).map(|_| T::default()).collect());
        chunk.get(index & (Self::CHUNK - 1)).expect("the mask keeps the index inside a chunk")
    }

    /// `length` items from `index`, which must lie in one chunk.
    #[inline]
    pub fn slice(&self, index: usize, length: usize) -> &[T] {
        let start = index & (Self::CHUNK - 1);
        self.chunks
            .get(index >> CHUNK_BITS)
            .and_then(OnceLock::get)
            .and_then(|chunk| chunk.get(start..start + length))
            .unwrap_or(&[])
    }

    /// Up to a chunk of items from `index`, in the two pieces in which they may lie.
    #[inline]
    pub fn span(&self, index: usize, length: usize) -> (&[T], &[T]) {
        let first = length.min(Self::CHUNK - (index & (Self::CHUNK - 1)));
        (self.slice(index, first), self.slice(index + first, length - first))
    }

    /// Chunks allocated so far.
    pub fn chunks_allocated(&self) -> usize {
        self.chunks.iter().filter(|chunk| chunk.get().is_some()).count()
    }
}
