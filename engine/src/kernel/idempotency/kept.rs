//! Kept keys by their tag: a table in shards of different sizes.

use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::callers::CALLER_BITS;
use crate::ids::Seq;

/// Shards of kept keys.
const SHARDS: usize = 1 << SHARD_BITS;

const SHARD_BITS: u32 = 10;

/// A kept key: its tag, and its record's `seq` with its caller in the lowest bits.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    tag: u64,
    place: u64,
}

impl Slot {
    fn seq(self) -> Seq {
        self.place >> CALLER_BITS
    }

    pub(super) fn caller(self) -> u16 {
        self.place as u16
    }
}

/// Kept keys, by tag.
pub(super) struct Kept {
    pub(super) shards: Box<[Mutex<HashTable<Slot>>]>,
    /// Tags come from callers, so a secret hasher spreads them.
    scatter: RandomState,
}

impl Default for Kept {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), scatter: RandomState::default() }
    }
}

impl Kept {
    fn hash(&self, tag: u64) -> u64 {
        self.scatter.hash_one(tag)
    }

    /// Shards get shares of the tags from 0.75 to 1.5 of the average, so that they fill up at different times.
    fn shard(&self, hash: u64) -> MutexGuard<'_, HashTable<Slot>> {
        let x = hash >> 34;
        let spread = (x * ((4 << 30) - x) / 3) >> 30;
        let at = (spread >> (30 - SHARD_BITS)) as usize;
        self.shards.get(at).expect("the shift leaves SHARD_BITS bits").lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hash table uses the lowest and the highest bits of a hash. Keys of one shard share their highest bits, so
    /// the rotation moves those to the middle.
    fn inner(hash: u64) -> u64 {
        hash.rotate_left(32)
    }

    pub(super) fn find(&self, tag: u64) -> Vec<Seq> {
        self.places(tag).into_iter().map(|(seq, _)| seq).collect()
    }

    pub(super) fn places(&self, tag: u64) -> Vec<(Seq, u16)> {
        let hash = self.hash(tag);
        let shard = self.shard(hash);
        let found = shard.iter_hash(Self::inner(hash)).filter(|slot| slot.tag == tag);
        found.map(|slot| (slot.seq(), slot.caller())).collect()
    }

    pub(super) fn has(&self, tag: u64, seq: Seq) -> bool {
        let hash = self.hash(tag);
        self.shard(hash).find(Self::inner(hash), |slot| slot.tag == tag && slot.seq() == seq).is_some()
    }

    pub(super) fn insert(&self, tag: u64, seq: Seq, caller: u16) {
        let hash = self.hash(tag);
        let mut shard = self.shard(hash);
        if shard.len() == shard.capacity() {
            // Removed entries may leave tombstones; then the table is rebuilt at the same size.
            let wanted = shard.len() + shard.len() / 64 + 1;
            self.resize(&mut shard, wanted);
        }
        let place = seq << CALLER_BITS | u64::from(caller);
        shard.insert_unique(Self::inner(hash), Slot { tag, place }, |slot| Self::inner(self.hash(slot.tag)));
    }

    /// Removes the oldest entry of a tag, and returns its caller.
    pub(super) fn remove_oldest(&self, tag: u64) -> Option<u16> {
        let hash = self.hash(tag);
        let mut shard = self.shard(hash);
        let oldest = shard.iter_hash(Self::inner(hash)).filter(|slot| slot.tag == tag).map(|slot| slot.seq()).min()?;
        let found = shard.find_entry(Self::inner(hash), |slot| slot.tag == tag && slot.seq() == oldest);
        let (slot, _) = found.ok()?.remove();
        if shard.capacity() > 8 && shard.len() < shard.capacity() / 4 {
            let wanted = shard.len() * 2;
            self.resize(&mut shard, wanted);
        }
        Some(slot.caller())
    }

    fn resize(&self, shard: &mut HashTable<Slot>, wanted: usize) {
        let mut table = HashTable::with_capacity(wanted);
        for slot in shard.drain() {
            table.insert_unique(Self::inner(self.hash(slot.tag)), slot, |slot| Self::inner(self.hash(slot.tag)));
        }
        *shard = table;
    }

    /// Allocates the shards for the given total number of keys.
    pub(super) fn reserve(&self, keys: u64) {
        let average = keys as f64 / SHARDS as f64;
        for (at, shard) in self.shards.iter().enumerate() {
            // The inverse of `shard`: where the share of each shard begins.
            let begins = |at: usize| 2.0 - (4.0 - 3.0 * at as f64 / SHARDS as f64).sqrt();
            let share = (begins(at + 1) - begins(at)) * SHARDS as f64;
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let wanted = (average * share) as usize;
            if wanted > shard.capacity() {
                self.resize(&mut shard, wanted);
            }
        }
    }
}
