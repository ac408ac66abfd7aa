//! The same request twice has one effect and one answer.
//!
//! A key is *in flight* from the moment its request is taken in until its record is durable, and *kept* from then on for
//! the retention. Only effects are kept: a refused request leaves no trace, and its repeat is decided anew. What is kept
//! of a key is a tag, and where its effect stands in the log: whose key it is, which body it came with and what it was
//! answered is read from there, when a repeat comes, on its caller's thread. Two keys may share a tag; the record tells
//! them apart, so a tag never answers for another key.
//!
//! Entries are completed by the journal thread, never by a caller, so one who hangs up leaves nobody waiting.
//!
//! # What a key costs
//!
//! Sixteen bytes in a table of its shard, and eight in the line of those that are to be forgotten. Shards differ in
//! size, the largest being twice the smallest, so that they grow one after the other: there are at most 1.7 places a
//! key, whatever their number, and all shards never double at once. With the byte that a table spends on each place
//! that is [`KEY_BYTES`] a key, the line included.
//!
//! # Whose room it is
//!
//! Keys are counted by caller. A caller may keep up to [`SHARE`] times as many as there is room for beside all that is
//! kept: one alone has four fifths of the room, two have four ninths each, and whoever comes later always finds some.
//! Where a caller's share is reached, its new keys are refused, and nobody else's.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry as MapEntry;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::ids::{ReservationId, Seq, Timestamp};
use crate::journal::ReadError;
use crate::kernel::cause::IdempotencyKey;

/// Wakes a request that waits for the first one with its key.
pub type Wake = Box<dyn FnOnce() + Send + Sync>;

/// Who sends keys: a digest of the caller, the same after a restart; 0 where nobody knows.
pub type CallerDigest = u64;

/// Bytes of memory that a kept key costs at the most, all tables and lines included.
pub const KEY_BYTES: u64 = 39;

/// How many times what is free a caller may keep.
pub const SHARE: u64 = 4;

/// Shards of kept keys.
const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 10;

/// Callers that are counted apart; those beyond share one share.
const CALLERS_MAX: usize = 1 << CALLER_BITS;
const CALLER_BITS: u32 = 16;

/// Tags in one piece of the line of those that are to be forgotten.
const PIECE: usize = 4096;

/// Keys that came within so many milliseconds are forgotten together, when the last of them is old enough.
const RUN_MS: u64 = 16_000;

/// Keys forgotten in one turn of the journal thread.
const FORGOTTEN_AT_A_TIME: usize = 4096;

/// Of its share, what a caller may keep before that is worth a warning.
const WARNING: f64 = 0.8;

/// An effect that a key had, as its record tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Where it stands in the log.
    pub seq: Seq,
    /// When.
    pub time: Timestamp,
    /// The digest of the body it came with.
    pub fingerprint: u128,
    /// The reservation whose version at `seq` is the answer; none where the record itself is.
    pub reservation: Option<ReservationId>,
}

struct InFlight {
    fingerprint: u128,
    caller: u16,
    waiting: Vec<Wake>,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Begin {
    /// It is the first with its key: go on, and the journal thread completes it.
    First,
    /// The first is in flight; `wake` is called when its outcome is known. Then begin again.
    Wait,
    /// It was done: answer from there.
    Done(Done),
    /// The key came with another body.
    Mismatch,
    /// The caller keeps as many keys as it may.
    Full(Share),
    /// The key was used, and the record at this `seq` that says how cannot be read: nothing is done, and nothing told.
    Unreadable(Seq, ReadError),
}

/// What the table knows of a request by itself.
pub(crate) enum Found {
    First,
    Wait,
    Mismatch,
    Full(Share),
    /// Records that may be the key's.
    Kept(Vec<Seq>),
}

/// How much room a caller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Keys of its own, kept and in flight.
    pub keys: u64,
    /// As many as it may have while the others keep what they keep.
    pub most: u64,
    /// Those of `keys` that are in flight.
    pub in_flight: u64,
}

/// How full the table is; for metrics and warnings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fullness {
    /// Keys kept and in flight.
    pub keys: u64,
    /// Keys that there is room for.
    pub most: u64,
    /// Callers that have any.
    pub callers: u64,
    /// Of the caller that is nearest to the end of its share.
    pub fullest: Share,
    /// Keys that were refused since the start, for want of a share.
    pub refused: u64,
}

impl Fullness {
    /// Bytes that they cost at the most.
    pub fn bytes(&self) -> u64 {
        self.keys * KEY_BYTES
    }

    /// Whether some caller will soon be refused, or everybody's room is nearly gone.
    pub fn is_near(&self) -> bool {
        let near = |keys: u64, most: u64| keys as f64 >= WARNING * most as f64;
        near(self.fullest.keys, self.fullest.most) || near(self.keys, self.most)
    }
}

/// All keys that are in flight or kept.
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
    /// A table of at most so many bytes.
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

    /// Keys kept and in flight.
    pub fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How full it is.
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

    /// Takes a request in. `others` are records that were looked at, and are of other keys.
    pub(crate) fn begin(
        &self,
        key: &IdempotencyKey,
        caller: CallerDigest,
        others: &[Seq],
        wake: impl FnOnce() -> Wake,
    ) -> Found {
        match self.in_flight.entry(key.scope) {
            MapEntry::Vacant(vacant) => {
                // Whoever completes a key keeps it first, and ends its flight afterwards.
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

    /// Records that may be the key's.
    pub(crate) fn kept(&self, scope: u128) -> Vec<Seq> {
        self.kept.find(tag_of(scope))
    }

    /// The request came to nothing: its repeat is decided anew.
    pub fn abandon(&self, scope: u128) {
        if let Some((_, flight)) = self.in_flight.remove(&scope) {
            self.callers().crash(flight.caller);
            self.count.fetch_sub(1, Relaxed);
            flight.waiting.into_iter().for_each(|wake| wake());
        }
    }

    /// Journal thread only, inside a fold or in replay: the effect is durable.
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

    /// Puts back a key that a checkpoint holds.
    pub(crate) fn restore(&self, tag: u64, caller: CallerDigest, seq: Seq, time: Timestamp) {
        self.keep(tag, seq, time, |callers| callers.add(caller));
    }

    /// Makes room for keys that are about to be put back.
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

    /// Journal thread only: forgets keys whose effect is older than `before`, a bounded number at a time.
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

    /// The next keys in the order in which they were kept, from the `from`th that was ever kept on, for a checkpoint; and
    /// where those behind them begin. None where there are no more.
    pub(crate) fn page(&self, from: u64) -> Option<(KeptKeys, u64)> {
        let (tags, next) = self.line().page(from)?;
        let mut page = KeptKeys { room: self.len() as u64, ..KeptKeys::default() };
        for (time, tag) in tags {
            // None if it was forgotten meanwhile; one of two of the same tag comes twice, and is put back once.
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

    /// Puts back a page.
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

    /// Bytes that the tables and the line of kept keys have allocated.
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

/// What tables hold of a key's scope.
pub(crate) fn tag_of(scope: u128) -> u64 {
    (scope >> 64) as u64 ^ scope as u64
}

/// Kept keys as a checkpoint holds them, in the order in which they were kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptKeys {
    /// About as many keys as there are in the whole checkpoint.
    room: u64,
    /// Whose they are.
    callers: Vec<CallerDigest>,
    /// Up to which row they came by when.
    runs: Vec<(Timestamp, u32)>,
    /// The tag, and the record's `seq` with the caller's place in the list of callers in its lowest bits.
    rows: Vec<(u64, u64)>,
}

/// A kept key: its tag, and its record's `seq` with its caller in the lowest bits.
#[derive(Clone, Copy)]
struct Slot {
    tag: u64,
    place: u64,
}

impl Slot {
    fn seq(self) -> Seq {
        self.place >> CALLER_BITS
    }

    fn caller(self) -> u16 {
        self.place as u16
    }
}

/// Kept keys, by tag.
struct Kept {
    shards: Box<[Mutex<HashTable<Slot>>]>,
    /// Tags come from outside, and are scattered by what nobody outside knows.
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

    /// Shards get shares of the tags that grow from 0.75 to 1.5 of the average, so that they fill up at different times.
    fn shard(&self, hash: u64) -> MutexGuard<'_, HashTable<Slot>> {
        let x = hash >> 34;
        let spread = (x * ((4 << 30) - x) / 3) >> 30;
        let at = (spread >> (30 - SHARD_BITS)) as usize;
        self.shards.get(at).expect("30 bits, less all but the shard's").lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table looks at the lowest and the highest bits, of which a shard has its own.
    fn inner(hash: u64) -> u64 {
        hash.rotate_left(32)
    }

    fn find(&self, tag: u64) -> Vec<Seq> {
        self.places(tag).into_iter().map(|(seq, _)| seq).collect()
    }

    fn places(&self, tag: u64) -> Vec<(Seq, u16)> {
        let hash = self.hash(tag);
        let shard = self.shard(hash);
        let found = shard.iter_hash(Self::inner(hash)).filter(|slot| slot.tag == tag);
        found.map(|slot| (slot.seq(), slot.caller())).collect()
    }

    fn has(&self, tag: u64, seq: Seq) -> bool {
        let hash = self.hash(tag);
        self.shard(hash).find(Self::inner(hash), |slot| slot.tag == tag && slot.seq() == seq).is_some()
    }

    fn insert(&self, tag: u64, seq: Seq, caller: u16) {
        let hash = self.hash(tag);
        let mut shard = self.shard(hash);
        if shard.len() == shard.capacity() {
            // What was removed may have left marks, for which a table of the same size is made anew.
            let wanted = shard.len() + shard.len() / 64 + 1;
            self.resize(&mut shard, wanted);
        }
        let place = seq << CALLER_BITS | u64::from(caller);
        shard.insert_unique(Self::inner(hash), Slot { tag, place }, |slot| Self::inner(self.hash(slot.tag)));
    }

    /// Takes out the oldest of those with a tag; whose it was.
    fn remove_oldest(&self, tag: u64) -> Option<u16> {
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

    /// Makes each shard as large as it will be with so many keys.
    fn reserve(&self, keys: u64) {
        let average = keys as f64 / SHARDS as f64;
        for (at, shard) in self.shards.iter().enumerate() {
            // The inverse of what `shard` does: where the shares of the shards begin.
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

/// What a caller has.
#[derive(Clone, Copy, Default)]
struct Held {
    caller: CallerDigest,
    kept: u32,
    in_flight: u32,
}

impl Held {
    fn keys(&self) -> u64 {
        u64::from(self.kept) + u64::from(self.in_flight)
    }
}

/// Keys counted by caller. The first is for whoever is not counted apart.
struct Callers {
    index: HashMap<CallerDigest, u16, RandomState>,
    held: Vec<Held>,
    free: Vec<u16>,
    total: u64,
}

impl Default for Callers {
    fn default() -> Self {
        let index = HashMap::from_iter([(0, 0)]);
        Self { index, held: vec![Held::default()], free: Vec::new(), total: 0 }
    }
}

impl Callers {
    fn share(&self, held: &Held, most: u64) -> Share {
        // Were it to go on while the others keep what they keep: as many as that, and a fifth of all of it is free.
        let room = (held.keys() + most.saturating_sub(self.total)) * SHARE / (SHARE + 1);
        Share { keys: held.keys(), most: room, in_flight: held.in_flight.into() }
    }

    fn place_of(&mut self, caller: CallerDigest) -> u16 {
        if let Some(known) = self.index.get(&caller) {
            return *known;
        }
        let new = Held { caller, ..Held::default() };
        let place = match self.free.pop() {
            Some(place) => {
                if let Some(held) = self.held.get_mut(usize::from(place)) {
                    *held = new;
                }
                place
            }
            None if self.held.len() < CALLERS_MAX => {
                self.held.push(new);
                (self.held.len() - 1) as u16
            }
            None => return 0,
        };
        self.index.insert(caller, place);
        place
    }

    fn change<T>(&mut self, place: u16, change: impl FnOnce(&mut Held) -> T) -> T {
        let at = usize::from(place).min(self.held.len() - 1);
        let held = self.held.get_mut(at).expect("there is always the first");
        let before = held.keys();
        let changed = change(held);
        let (caller, after) = (held.caller, held.keys());
        self.total = self.total + after - before;
        if after == 0 && at != 0 {
            self.index.remove(&caller);
            self.free.push(place);
        }
        changed
    }

    /// A key takes off, if its caller may have one more.
    fn take_off(&mut self, caller: CallerDigest, most: u64) -> Result<u16, Share> {
        let place = self.place_of(caller);
        let free = most.saturating_sub(self.total);
        self.change(place, |held| {
            if free == 0 || held.keys() >= SHARE * free {
                return Err((held.keys(), u64::from(held.in_flight)));
            }
            held.in_flight += 1;
            Ok(place)
        })
        .map_err(|(keys, in_flight)| Share { keys, most: (keys + free) * SHARE / (SHARE + 1), in_flight })
    }

    fn land(&mut self, place: u16) -> u16 {
        self.change(place, |held| {
            held.in_flight -= 1;
            held.kept += 1;
        });
        place
    }

    fn crash(&mut self, place: u16) {
        self.change(place, |held| held.in_flight -= 1);
    }

    fn add(&mut self, caller: CallerDigest) -> u16 {
        let place = self.place_of(caller);
        self.change(place, |held| held.kept += 1);
        place
    }

    fn leave(&mut self, place: u16) {
        self.change(place, |held| held.kept -= 1);
    }

    fn digest(&self, place: u16) -> CallerDigest {
        self.held.get(usize::from(place)).map_or(0, |held| held.caller)
    }
}

/// Keys that came at about the same time, in the line.
#[derive(Clone, Copy)]
struct Run {
    /// When the last of them may have come.
    time: Timestamp,
    keys: u32,
}

/// The line of those that are to be forgotten, in the order in which they were kept.
#[derive(Default)]
struct Line {
    pieces: VecDeque<Box<[u64]>>,
    /// The place of the first in the first piece, and of the next in the last.
    first: usize,
    next: usize,
    runs: VecDeque<Run>,
    /// Keys that have left.
    left: u64,
}

impl Line {
    fn len(&self) -> usize {
        match self.pieces.len() {
            0 => 0,
            pieces => (pieces - 1) * PIECE + self.next - self.first,
        }
    }

    fn push(&mut self, tag: u64, time: Timestamp) {
        if self.pieces.is_empty() || self.next == PIECE {
            self.pieces.push_back(vec![0; PIECE].into_boxed_slice());
            self.next = 0;
        }
        if let Some(place) = self.pieces.back_mut().and_then(|piece| piece.get_mut(self.next)) {
            *place = tag;
        }
        self.next += 1;
        // What comes out of turn, as it may while a log is replayed behind a checkpoint, is kept a little longer.
        let time = Timestamp(time.0 - time.0 % RUN_MS + RUN_MS - 1);
        match self.runs.back_mut() {
            Some(run) if run.time >= time && run.keys < u32::MAX => run.keys += 1,
            _ => self.runs.push_back(Run { time, keys: 1 }),
        }
    }

    fn is_due(&self, before: Timestamp) -> bool {
        self.runs.front().is_some_and(|run| run.time < before)
    }

    fn pop(&mut self, before: Timestamp) -> Option<u64> {
        let run = self.runs.front_mut().filter(|run| run.time < before)?;
        run.keys -= 1;
        if run.keys == 0 {
            self.runs.pop_front();
        }
        let tag = *self.pieces.front()?.get(self.first)?;
        self.first += 1;
        self.left += 1;
        if self.len() == 0 {
            self.pieces.clear();
            self.first = 0;
            self.next = 0;
        } else if self.first == PIECE {
            self.pieces.pop_front();
            self.first = 0;
        }
        Some(tag)
    }

    /// Tags with when they came, from the `from`th that was ever kept on, and where the next begin.
    fn page(&self, from: u64) -> Option<(Vec<(Timestamp, u64)>, u64)> {
        let from = from.max(self.left);
        let at = (from - self.left) as usize;
        let end = self.len().min(at + PIECE);
        if at >= end {
            return None;
        }
        let mut runs = self.runs.iter().copied();
        let mut run = runs.next()?;
        let mut run_end = run.keys as usize;
        let mut tags = Vec::with_capacity(end - at);
        for place in at..end {
            while place >= run_end
                && let Some(next) = runs.next()
            {
                run = next;
                run_end += next.keys as usize;
            }
            let absolute = self.first + place;
            let tag = self.pieces.get(absolute / PIECE).and_then(|piece| piece.get(absolute % PIECE));
            tags.push((run.time, tag.copied().unwrap_or(0)));
        }
        Some((tags, self.left + end as u64))
    }
}

impl std::fmt::Debug for IdempotencyTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdempotencyTable").field("keys", &self.len()).field("most", &self.most).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: CallerDigest = 1;
    const BEN: CallerDigest = 2;

    fn key(scope: u128, fingerprint: u128) -> IdempotencyKey {
        IdempotencyKey { key: "k".into(), scope, fingerprint }
    }

    fn no_wake() -> Wake {
        Box::new(|| ())
    }

    fn table(keys: u64) -> IdempotencyTable {
        IdempotencyTable::new(keys * KEY_BYTES)
    }

    fn is_first(table: &IdempotencyTable, caller: CallerDigest, scope: u128) -> bool {
        matches!(table.begin(&key(scope, 7), caller, &[], no_wake), Found::First)
    }

    fn is_full(table: &IdempotencyTable, caller: CallerDigest, scope: u128) -> bool {
        matches!(table.begin(&key(scope, 7), caller, &[], no_wake), Found::Full(_))
    }

    #[test]
    fn a_second_request_waits_for_the_first_and_is_told_where_it_stands() {
        let table = table(10);
        let (tx, rx) = std::sync::mpsc::channel();
        assert!(is_first(&table, ANN, 1));
        let wake: Wake = Box::new(move || tx.send(()).expect("the test listens"));
        assert!(matches!(table.begin(&key(1, 7), ANN, &[], || wake), Found::Wait));
        assert!(matches!(table.begin(&key(1, 8), ANN, &[], no_wake), Found::Mismatch));
        table.complete(1, ANN, 5, Timestamp(9));
        rx.recv().expect("woken");
        assert!(matches!(table.begin(&key(1, 7), ANN, &[], no_wake), Found::Kept(seqs) if seqs == [5]));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_refused_request_is_decided_anew() {
        let table = table(10);
        assert!(is_first(&table, ANN, 1));
        table.abandon(1);
        assert!(is_first(&table, ANN, 1));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn two_keys_of_one_tag_are_two() {
        let table = table(10);
        let (one, other) = (1_u128, 1_u128 << 64);
        assert_eq!(tag_of(one), tag_of(other));
        table.complete(one, ANN, 5, Timestamp(9));
        assert!(matches!(table.begin(&key(other, 7), BEN, &[], no_wake), Found::Kept(seqs) if seqs == [5]));
        assert!(matches!(table.begin(&key(other, 7), BEN, &[5], no_wake), Found::First), "the record was another's");
        table.complete(other, BEN, 6, Timestamp(RUN_MS * 2));
        assert_eq!(table.kept(one).len(), 2);
        table.forget(Timestamp(RUN_MS * 2));
        assert_eq!(table.kept(other), [6], "the older one is forgotten");
    }

    #[test]
    fn whoever_fills_a_share_fills_no_other() {
        let table = table(100);
        for scope in 0..80 {
            assert!(is_first(&table, ANN, scope), "{scope}");
            table.complete(scope, ANN, scope as Seq, Timestamp(10));
        }
        assert!(is_full(&table, ANN, 80), "four fifths of the room are one caller's");
        assert!(table.fullness().is_near() && table.fullness().refused == 1);
        for scope in 100..116 {
            assert!(is_first(&table, BEN, scope), "{scope}");
        }
        assert!(is_full(&table, BEN, 116), "and four fifths of what is left are the next one's");
        assert!(is_first(&table, 3, 200), "there is room for whoever comes");
        table.forget(Timestamp(10));
        assert!(is_full(&table, ANN, 80), "kept for the whole retention");
        table.forget(Timestamp(RUN_MS));
        assert!(is_first(&table, ANN, 80));
        assert_eq!(table.len(), 18);
    }

    #[test]
    fn keys_are_put_back_as_they_were() {
        let (table, count) = (table(1_000_000), 3 * PIECE as u64 + 17);
        for seq in 1..=count {
            table.complete(u128::from(seq) << 3, seq % 3, seq, Timestamp(seq * 100));
        }
        table.forget(Timestamp(RUN_MS * 5));
        let (again, mut from) = (IdempotencyTable::new(1_000_000 * KEY_BYTES), 0);
        while let Some((page, next)) = table.page(from) {
            again.restore_page(&page);
            again.restore_page(&page);
            from = next;
        }
        assert_eq!(again.len(), table.len());
        assert!(table.len() > 2 * PIECE && table.len() < count as usize);
        for table in [&table, &again] {
            table.forget(Timestamp(RUN_MS * 60));
        }
        assert_eq!(again.len(), table.len());
        let held = |table: &IdempotencyTable| {
            let callers = table.callers();
            let mut held: Vec<_> = callers.held.iter().map(|held| (held.caller, held.kept)).collect();
            held.sort_unstable();
            held
        };
        assert_eq!(held(&again), held(&table));
        for seq in 1..=count {
            assert_eq!(again.kept(u128::from(seq) << 3), table.kept(u128::from(seq) << 3), "{seq}");
        }
        table.forget(Timestamp(u64::MAX));
        (0..10).for_each(|_| table.forget(Timestamp(u64::MAX)));
        assert!(table.is_empty() && table.line().len() == 0);
    }

    /// Keys of a day, weighed at every hundredth of them, and never more than their promised weight; then as many again
    /// while the oldest are forgotten, and in the end nothing.
    #[test]
    fn a_key_never_costs_more_than_it_may() {
        let keys: u64 = std::env::var("ANAQUEL_KEYS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
        };
        let before = resident();
        let table = IdempotencyTable::new(u64::MAX);
        let (mut worst, mut worst_resident) = (0.0_f64, 0.0_f64);
        let mut weigh = |what: &str| {
            let kept = table.len() as f64;
            let each = table.allocated() as f64 / kept;
            if kept >= 200_000.0 {
                assert!(each <= KEY_BYTES as f64, "{each:.1} bytes a key at {kept}, {what}");
                worst = worst.max(each);
                worst_resident = worst_resident.max(resident().saturating_sub(before) as f64 / kept);
            }
        };
        // Scopes are digests: spread evenly.
        let scope = |seq: u64| u128::from(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(seq);
        let time = |seq: u64| Timestamp(seq * 4);
        for seq in 1..=keys {
            table.complete(scope(seq), seq % 7 + 1, seq, time(seq));
            if seq % (keys / 100) == 0 {
                weigh("growing");
            }
        }
        for seq in keys + 1..=2 * keys {
            table.complete(scope(seq), seq % 7 + 1, seq, time(seq));
            table.forget(time(seq - keys));
            if seq % (keys / 100) == 0 {
                weigh("coming and going");
            }
        }
        println!("{worst:.2} bytes a key at the most, {worst_resident:.2} of the process, of {keys} keys");
        while !table.is_empty() {
            table.forget(Timestamp(u64::MAX));
        }
        assert!(table.allocated() < 1 << 20, "{} bytes are left of nothing", table.allocated());
    }
}
