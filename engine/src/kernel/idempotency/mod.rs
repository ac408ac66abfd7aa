//! The same request twice has one effect and one answer.
//!
//! A key is *in flight* from the admission of its request until its record is durable, and then *kept* for the
//! retention. Only effects are kept: a refused request leaves no trace, and its repeat is decided again. The table
//! stores a tag and the position of the effect in the log. When a repeat comes, its caller's thread reads the record
//! for the key's caller, the body and the answer. Two keys may share a tag; the record tells them apart, so a tag
//! never answers for another key.
//!
//! The journal thread completes entries, never a caller, so a caller that disconnects blocks no other.
//!
//! # The cost of a key
//!
//! Sixteen bytes in the table of its shard, and eight in the queue of keys to forget. Shards differ in size, the
//! largest being twice the smallest, so that they grow one after the other: there are at most 1.7 slots per key,
//! whatever their number, and all shards never double at once. With the one byte that a table uses per slot, that is
//! [`KEY_BYTES`] per key, the queue included.
//!
//! # Shares
//!
//! Keys are counted by caller. A caller may keep up to [`SHARE`] times as many keys as fit into the free room: a
//! single caller gets four fifths of the room, two callers get four ninths each, and later callers always find some
//! room. At its limit, new keys of that caller are refused, and no others.

mod callers;
mod fullness;
mod kept;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry as MapEntry;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::ids::{ReservationId, Seq, Timestamp};
use crate::journal::ReadError;
use crate::kernel::cause::IdempotencyKey;
use callers::{CALLER_BITS, CALLERS_MAX, Callers};
use kept::{Kept, Slot};
use queue::{Line, PIECE, Run};

pub use callers::{CallerDigest, SHARE, Share};
pub use fullness::{Fullness, KEY_BYTES};

/// Wakes a request that waits for the first request with its key.
pub type Wake = Box<dyn FnOnce() + Send + Sync>;

/// Keys forgotten in one cycle of the journal thread.
const FORGOTTEN_AT_A_TIME: usize = 4096;

/// The effect of a key, from its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Its position in the log.
    pub seq: Seq,
    /// Its time.
    pub time: Timestamp,
    /// The digest of the request body.
    pub fingerprint: u128,
    /// The reservation whose version at `seq` is the answer; `None` if the record itself is.
    pub reservation: Option<ReservationId>,
}

struct InFlight {
    fingerprint: u128,
    caller: u16,
    waiting: Vec<Wake>,
}

/// How to continue with a request.
#[derive(Debug)]
pub enum Begin {
    /// The first request with its key: continue, and the journal thread completes it.
    First,
    /// The first is in flight; `wake` is called when its outcome is known. Then begin again.
    Wait,
    /// Already done: answer from this record.
    Done(Done),
    /// The key belongs to another body.
    Mismatch,
    /// The caller has reached its limit of keys.
    Full(Share),
    /// The key was used, but its record at this `seq` cannot be read: nothing is changed or answered.
    Unreadable(Seq, ReadError),
}

/// The table's own knowledge about a request.
pub(crate) enum Found {
    First,
    Wait,
    Mismatch,
    Full(Share),
    /// Records that may belong to the key.
    Kept(Vec<Seq>),
}

/// All keys in flight or kept.
pub struct IdempotencyTable {
    in_flight: DashMap<u128, InFlight, RandomState>,
    kept: Kept,
    callers: Mutex<Callers>,
    line: Mutex<Line>,
    count: AtomicUsize,
    most: u64,
    refused: AtomicU64,
}

impl IdempotencyTable {
    /// A table of at most `bytes` bytes.
    pub fn new(bytes: u64) -> Self {
        Self {
            in_flight: DashMap::default(),
            kept: Kept::default(),
            callers: Mutex::default(),
            line: Mutex::default(),
            count: AtomicUsize::new(0),
            most: bytes / KEY_BYTES,
            refused: AtomicU64::new(0),
        }
    }

    /// The number of keys in flight or kept.
    pub fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fill level.
    pub fn fullness(&self) -> Fullness {
        let callers = self.callers();
        let (keys, most) = (callers.total, self.most);
        let shares = callers.held.iter().map(|held| callers.share(held, most));
        let fullest = shares.max_by_key(|share| share.keys).unwrap_or(Share { keys: 0, most, in_flight: 0 });
        let refused = self.refused.load(Relaxed);
        Fullness {
            keys,
            most,
            callers: callers.held.iter().filter(|held| held.keys() > 0).count() as u64,
            fullest,
            refused,
        }
    }

    /// Begins a request. `others` are records that were read and belong to other keys.
    pub(crate) fn begin(
        &self,
        key: &IdempotencyKey,
        caller: CallerDigest,
        others: &[Seq],
        wake: impl FnOnce() -> Wake,
    ) -> Found {
        match self.in_flight.entry(key.scope) {
            MapEntry::Vacant(vacant) => {
                // Completion keeps a key before it ends the flight, so a key is always found.
                let mut kept = self.kept.find(tag_of(key.scope));
                kept.retain(|seq| !others.contains(seq));
                if !kept.is_empty() {
                    return Found::Kept(kept);
                }
                let caller = match self.callers().take_off(caller, self.most) {
                    Ok(caller) => caller,
                    Err(share) => {
                        self.refused.fetch_add(1, Relaxed);
                        return Found::Full(share);
                    }
                };
                self.count.fetch_add(1, Relaxed);
                vacant.insert(InFlight { fingerprint: key.fingerprint, caller, waiting: Vec::new() });
                Found::First
            }
            MapEntry::Occupied(mut occupied) => {
                let InFlight { fingerprint, waiting, .. } = occupied.get_mut();
                if *fingerprint != key.fingerprint {
                    return Found::Mismatch;
                }
                waiting.push(wake());
                Found::Wait
            }
        }
    }

    /// Records that may belong to the key.
    pub(crate) fn kept(&self, scope: u128) -> Vec<Seq> {
        self.kept.find(tag_of(scope))
    }

    /// The request had no effect: its repeat is decided again.
    pub fn abandon(&self, scope: u128) {
        if let Some((_, flight)) = self.in_flight.remove(&scope) {
            self.callers().crash(flight.caller);
            self.count.fetch_sub(1, Relaxed);
            flight.waiting.into_iter().for_each(|wake| wake());
        }
    }

    /// Journal thread only, inside a fold or a replay: the effect is durable.
    pub(crate) fn complete(&self, scope: u128, caller: CallerDigest, seq: Seq, time: Timestamp) {
        let flying = self.in_flight.get(&scope).map(|flight| flight.caller);
        self.keep(tag_of(scope), seq, time, |callers| match flying {
            Some(caller) => callers.land(caller),
            None => callers.add(caller),
        });
        if flying.is_some() {
            self.count.fetch_sub(1, Relaxed);
            let flight = self.in_flight.remove(&scope);
            flight.into_iter().flat_map(|(_, flight)| flight.waiting).for_each(|wake| wake());
        }
    }

    /// Restores a key from a checkpoint.
    pub(crate) fn restore(&self, tag: u64, caller: CallerDigest, seq: Seq, time: Timestamp) {
        self.keep(tag, seq, time, |callers| callers.add(caller));
    }

    /// Allocates room for keys that are about to be restored.
    pub(crate) fn reserve(&self, keys: u64) {
        self.kept.reserve(keys.min(self.most));
    }

    fn keep(&self, tag: u64, seq: Seq, time: Timestamp, count: impl FnOnce(&mut Callers) -> u16) {
        if self.kept.has(tag, seq) {
            return;
        }
        let caller = count(&mut self.callers());
        self.line().push(tag, time);
        self.kept.insert(tag, seq, caller);
        self.count.fetch_add(1, Relaxed);
    }

    /// Journal thread only: forgets keys whose effect is older than `before`, a bounded number per call.
    pub(crate) fn forget(&self, before: Timestamp) {
        let mut line = self.line();
        if !line.is_due(before) {
            return;
        }
        let mut callers = self.callers();
        for _ in 0..FORGOTTEN_AT_A_TIME {
            let Some(tag) = line.pop(before) else { break };
            if let Some(caller) = self.kept.remove_oldest(tag) {
                callers.leave(caller);
                self.count.fetch_sub(1, Relaxed);
            }
        }
    }

    /// The next keys in the order in which they were kept, starting at the `from`th key ever kept, for a checkpoint;
    /// and where the next page begins. `None` after the last page.
    pub(crate) fn page(&self, from: u64) -> Option<(KeptKeys, u64)> {
        let (tags, next) = self.line().page(from)?;
        let mut page = KeptKeys { room: self.len() as u64, ..KeptKeys::default() };
        for (time, tag) in tags {
            // Empty if the key was forgotten meanwhile. Of two keys with one tag, each appears twice and is restored
            // once.
            let places = self.kept.places(tag);
            page.rows.extend(places.into_iter().map(|(seq, caller)| (tag, seq << CALLER_BITS | u64::from(caller))));
            match page.runs.last_mut() {
                Some((last, rows)) if *last == time => *rows = page.rows.len() as u32,
                _ => page.runs.push((time, page.rows.len() as u32)),
            }
        }
        let mut known: HashMap<u16, u64> = HashMap::new();
        let callers = self.callers();
        for (_, place) in &mut page.rows {
            let caller = *place as u16;
            let index = *known.entry(caller).or_insert_with(|| {
                page.callers.push(callers.digest(caller));
                page.callers.len() as u64 - 1
            });
            *place = (*place >> CALLER_BITS) << CALLER_BITS | index;
        }
        Some((page, next))
    }

    /// Restores a page.
    pub(crate) fn restore_page(&self, page: &KeptKeys) {
        if self.is_empty() {
            self.reserve(page.room);
        }
        let mut runs = page.runs.iter().copied().peekable();
        for (at, (tag, place)) in (0..).zip(&page.rows) {
            while runs.next_if(|(_, end)| *end <= at).is_some() {}
            let time = runs.peek().map_or(Timestamp(0), |(time, _)| *time);
            let caller = page.callers.get(*place as usize % CALLERS_MAX).copied().unwrap_or(0);
            self.restore(*tag, caller, place >> CALLER_BITS, time);
        }
    }

    /// Allocated bytes of the tables and the queue.
    pub fn allocated(&self) -> u64 {
        let table = |shard: &Mutex<HashTable<Slot>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).allocation_size() as u64
        };
        let line = self.line();
        let pieces = (line.pieces.len() * PIECE * size_of::<u64>()) as u64;
        let runs = (line.runs.capacity() * size_of::<Run>()) as u64;
        self.kept.shards.iter().map(table).sum::<u64>() + pieces + runs
    }

    fn callers(&self) -> MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tag of a key's scope.
pub(crate) fn tag_of(scope: u128) -> u64 {
    (scope >> 64) as u64 ^ scope as u64
}

/// Kept keys in a checkpoint, in the order in which they were kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptKeys {
    /// About the number of keys in the whole checkpoint.
    room: u64,
    /// The callers of the keys.
    callers: Vec<CallerDigest>,
    /// The time of the rows up to each row number.
    runs: Vec<(Timestamp, u32)>,
    /// The tag, and the record's `seq` with the index of the caller in its lowest bits.
    rows: Vec<(u64, u64)>,
}

impl std::fmt::Debug for IdempotencyTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdempotencyTable").field("keys", &self.len()).field("most", &self.most).finish()
    }
}
