//! A set of ids that readers use without a lock.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::matrix::Arena;

const BITS: u32 = u32::BITS;

/// Ids below 2^27, one bit each. One thread writes.
#[derive(Debug)]
pub(crate) struct IdSet {
    words: Arena<AtomicU32, 10, 12>,
    count: AtomicU32,
}

impl Default for IdSet {
    fn default() -> Self {
        Self { words: Arena::new(), count: AtomicU32::new(0) }
    }
}

impl IdSet {
    /// The number of ids.
    #[inline]
    pub fn len(&self) -> u32 {
        self.count.load(Relaxed)
    }

    /// Whether `id` is in the set.
    #[inline]
    pub fn contains(&self, id: u32) -> bool {
        self.len() > 0
            && self.words.get((id / BITS) as usize).is_some_and(|word| word.load(Relaxed) & (1 << (id % BITS)) != 0)
    }

    /// Adds `id`.
    pub fn insert(&self, id: u32) {
        let bit = 1 << (id % BITS);
        if self.words.reach((id / BITS) as usize).fetch_or(bit, Relaxed) & bit == 0 {
            self.count.fetch_add(1, Relaxed);
        }
    }

    /// Removes `id`.
    pub fn remove(&self, id: u32) {
        let bit = 1 << (id % BITS);
        let word = self.words.get((id / BITS) as usize);
        if word.is_some_and(|word| word.fetch_and(!bit, Relaxed) & bit != 0) {
            self.count.fetch_sub(1, Relaxed);
        }
    }

    /// All ids below `end`, ascending.
    pub fn below(&self, end: u32) -> impl Iterator<Item = u32> + '_ {
        (0..end).filter(|id| self.contains(*id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_and_go() {
        let set = IdSet::default();
        for id in [0, 31, 32, 40_000, 31] {
            set.insert(id);
        }
        assert_eq!((set.len(), set.below(100).collect::<Vec<_>>()), (4, vec![0, 31, 32]));
        set.remove(31);
        set.remove(31);
        assert_eq!((set.len(), set.contains(31), set.contains(40_000), set.contains(1 << 26)), (3, false, true, false));
    }
}
