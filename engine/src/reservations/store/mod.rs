//! Where reservations are kept and found: by id, newest first, and by what a store or a shop asks for.
//!
//! Open ones, and the last few that were closed, are kept whole, in *segments* of neighbouring ids; readers share the
//! immutable record behind an `Arc` and never hold a lock while they look at it. Of others that are closed, memory keeps
//! an entry ([`Closed`]), and the log tells the rest. The journal thread alone writes.
//!
//! Indexes hold ids in order, for open and closed ones alike, so a list walks down those that its filter names, all at
//! once, and steps over what any of them lacks. It holds the lock of the indexes for some hundreds of steps at a time, and
//! ends after a number of steps, with the id to go on from: what a page costs does not grow with what is kept.
//!
//! [`ReservationStore::forget`] is the one way by which a closed reservation leaves memory: an archive that keeps them
//! for years takes them in there.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dashmap::DashMap;

use super::closed::{Closed, Lanes, Pages, closed_at, texts_of};
use super::ordered::Ordered;
use super::record::{Reservation, ReservationState};
use crate::hash;
use crate::ids::{ChannelId, LocationId, ReservationId, SkuId, Timestamp};
use crate::kernel::few::Few;

/// `2^SEGMENT_BITS` neighbouring ids share a segment.
const SEGMENT_BITS: u32 = 8;

/// Steps over indexes under one hold of their lock.
const STEPS_PER_HOLD: usize = 256;

/// Lines of a closed reservation that has an entry; one with more is kept whole.
const ENTRY_LINES_MAX: usize = 1000;

type Map<K, V> = DashMap<K, V, foldhash::fast::RandomState>;

/// What to list. Empty fields do not narrow.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// With a line at this location.
    pub location: Option<LocationId>,
    /// Of this customer.
    pub customer: Option<String>,
    /// In this state.
    pub state: Option<ReservationState>,
    /// Made through this channel.
    pub channel: Option<ChannelId>,
    /// Of this order.
    pub order: Option<String>,
    /// With this code.
    pub pickup_code: Option<String>,
}

impl Filter {
    /// Whether a reservation matches, as it is at `now`.
    pub fn matches(&self, reservation: &Reservation, now: Timestamp) -> bool {
        let same = |wanted: &Option<String>, have: &Option<Box<str>>| {
            wanted.as_deref().is_none_or(|wanted| have.as_deref() == Some(wanted))
        };
        // The location of an unallocated line is private: never match or show it.
        let is_at =
            |wanted| reservation.lines.iter().any(|line| line.location == wanted && line.unallocated().is_none());
        self.location.is_none_or(is_at)
            && self.state.is_none_or(|wanted| reservation.state_at(now) == wanted)
            && self.channel.is_none_or(|wanted| reservation.channel == wanted)
            && same(&self.customer, &reservation.customer)
            && same(&self.order, &reservation.order)
            && same(&self.pickup_code, &reservation.pickup_code)
    }
}

/// How much memory closed reservations may take.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    /// Bytes of all that are closed; beyond, the oldest of whoever has most leave.
    pub closed_bytes: u64,
    /// Bytes of the last few that are kept whole, so that ordinary repeats cost no look into the log.
    pub recent_bytes: u64,
    /// One that was open for longer stays whole, since the log may lose its beginning while it is still asked for.
    pub whole_after_ms: u64,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { closed_bytes: 512 << 20, recent_bytes: 16 << 20, whole_after_ms: 24 * 60 * 60 * 1000 }
    }
}

/// A reservation that memory knows.
#[derive(Debug, Clone)]
pub enum Known {
    /// Whole.
    Here(Arc<Reservation>),
    /// Where the log tells it.
    Closed(Box<Closed>),
}

impl Known {
    /// Its state, as the log says it.
    pub fn state(&self) -> ReservationState {
        match self {
            Self::Here(reservation) => reservation.state,
            Self::Closed(closed) => closed.state,
        }
    }
}

/// What a walk over the indexes found.
#[derive(Debug, Default)]
pub struct Walked {
    /// Ids that may match, newest first.
    pub ids: Vec<ReservationId>,
    /// Where to go on, inclusive; none where there is nothing left.
    pub next: Option<ReservationId>,
    /// Steps taken.
    pub steps: usize,
}

/// All reservations that are open, and what is known of those that are closed.
#[derive(Debug, Default)]
pub struct ReservationStore {
    segments: Map<u64, Vec<Arc<Reservation>>>,
    index: RwLock<Index>,
    /// The greatest id ever kept: one beyond is new.
    newest: AtomicU64,
    count: AtomicUsize,
    open: AtomicUsize,
    closed_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct Index {
    all: Ordered<u64>,
    by_location: Vec<Ordered<u64>>,
    by_channel: Vec<Ordered<u64>>,
    by_state: [Ordered<u64>; 6],
    /// Customers, orders and pickup codes: digest, then id.
    by_text: [Ordered<[u32; 3]>; 3],
    /// Cells that open ones hold units of: SKU, location, then id.
    by_cell: Ordered<[u32; 4]>,
    /// Lines of open ones by location, and open ones by channel: how many.
    open_at: Vec<u64>,
    open_through: Vec<u64>,
    entries: Pages,
    lanes: Lanes,
    /// Closed ones that are still whole, oldest first, with their bytes.
    recent: VecDeque<(ReservationId, u32)>,
    recent_bytes: u64,
    keeping: Keeping,
}

/// What of a reservation is in the indexes.
#[derive(Debug, PartialEq, Eq)]
struct Keys {
    state: ReservationState,
    texts: [Option<u32>; 3],
    /// The cells of its lines; only their locations count once it is closed.
    cells: Few<(SkuId, LocationId)>,
}

impl Keys {
    fn of(reservation: &Reservation) -> Self {
        let cells = reservation.lines.iter().map(|line| (line.sku, line.location)).collect();
        Self { state: reservation.state, texts: texts_of(reservation), cells }
    }
}

fn text_key(digest: u32, id: u64) -> [u32; 3] {
    [digest, (id >> 32) as u32, id as u32]
}

fn cell_key(sku: SkuId, location: LocationId, id: u64) -> [u32; 4] {
    [sku.0, location.0, (id >> 32) as u32, id as u32]
}

fn numbered<T: Default>(list: &mut Vec<T>, number: u32) -> &mut T {
    let number = number as usize;
    if list.len() <= number {
        list.resize_with(number + 1, T::default);
    }
    list.get_mut(number).expect("just made")
}

impl Index {
    fn of_state(&mut self, state: ReservationState) -> &mut Ordered<u64> {
        self.by_state.get_mut(state as usize).expect("there are six states")
    }

    fn insert(&mut self, id: u64, channel: ChannelId, keys: &Keys) {
        if keys.state.is_open() {
            *numbered(&mut self.open_through, channel.0) += 1;
        }
        self.all.insert(id);
        numbered(&mut self.by_channel, channel.0).insert(id);
        self.insert_keys(id, keys);
    }

    fn insert_keys(&mut self, id: u64, keys: &Keys) {
        self.of_state(keys.state).insert(id);
        for (index, digest) in self.by_text.iter_mut().zip(keys.texts) {
            if let Some(digest) = digest {
                index.insert(text_key(digest, id));
            }
        }
        for (sku, location) in &keys.cells {
            numbered(&mut self.by_location, location.0).insert(id);
            if keys.state.is_open() {
                self.by_cell.insert(cell_key(*sku, *location, id));
                *numbered(&mut self.open_at, location.0) += 1;
            }
        }
    }

    fn change(&mut self, id: u64, channel: ChannelId, before: &Keys, after: &Keys) {
        self.recount(channel, before, after);
        if before.state != after.state {
            self.of_state(before.state).remove(id);
            self.of_state(after.state).insert(id);
        }
        for (index, (old, new)) in self.by_text.iter_mut().zip(before.texts.iter().zip(after.texts)) {
            if *old != new {
                if let Some(digest) = old {
                    index.remove(text_key(*digest, id));
                }
                if let Some(digest) = new {
                    index.insert(text_key(digest, id));
                }
            }
        }
        let is_over = !after.state.is_open();
        if before.cells != after.cells || is_over {
            for (sku, location) in &before.cells {
                self.by_cell.remove(cell_key(*sku, *location, id));
            }
        }
        if before.cells != after.cells {
            for (_, location) in &before.cells {
                numbered(&mut self.by_location, location.0).remove(id);
            }
            for (sku, location) in &after.cells {
                numbered(&mut self.by_location, location.0).insert(id);
                if !is_over {
                    self.by_cell.insert(cell_key(*sku, *location, id));
                }
            }
        }
    }

    /// What is open at locations and through channels, after a change.
    fn recount(&mut self, channel: ChannelId, before: &Keys, after: &Keys) {
        let (was, is) = (before.state.is_open(), after.state.is_open());
        if (was, &before.cells) == (is, &after.cells) || !was {
            return;
        }
        for (_, location) in &before.cells {
            let lines = numbered(&mut self.open_at, location.0);
            *lines = lines.saturating_sub(1);
        }
        match is {
            true => after.cells.iter().for_each(|(_, location)| *numbered(&mut self.open_at, location.0) += 1),
            false => {
                let through = numbered(&mut self.open_through, channel.0);
                *through = through.saturating_sub(1);
            }
        }
    }

    fn remove(
        &mut self,
        id: u64,
        channel: ChannelId,
        state: ReservationState,
        texts: [Option<u32>; 3],
        locations: impl Iterator<Item = LocationId>,
    ) {
        self.all.remove(id);
        numbered(&mut self.by_channel, channel.0).remove(id);
        self.of_state(state).remove(id);
        for (index, digest) in self.by_text.iter_mut().zip(texts) {
            if let Some(digest) = digest {
                index.remove(text_key(digest, id));
            }
        }
        locations.for_each(|location| numbered(&mut self.by_location, location.0).remove(id));
    }

    /// The greatest id at or below `at` in each index that a filter names; the walk of [`ReservationStore::walk`].
    fn step(&self, filter: &Wanted, at: u64) -> Option<u64> {
        let in_text = |index: &Ordered<[u32; 3]>, digest: u32| {
            let [found, high, low] = index.at_most(text_key(digest, at))?;
            (found == digest).then_some((u64::from(high) << 32) | u64::from(low))
        };
        let mut least = self.all.at_most(at)?;
        if let Some(location) = filter.location {
            least = least.min(self.by_location.get(location.0 as usize)?.at_most(at)?);
        }
        if let Some(channel) = filter.channel {
            least = least.min(self.by_channel.get(channel.0 as usize)?.at_most(at)?);
        }
        if let Some(state) = filter.state {
            least = least.min(self.by_state.get(state as usize)?.at_most(at)?);
        }
        for (index, digest) in self.by_text.iter().zip(filter.texts) {
            if let Some(digest) = digest {
                least = least.min(in_text(index, digest)?);
            }
        }
        Some(least)
    }
}

/// A filter as the indexes understand it.
struct Wanted {
    location: Option<LocationId>,
    channel: Option<ChannelId>,
    state: Option<ReservationState>,
    texts: [Option<u32>; 3],
}

impl ReservationStore {
    /// Sets how much closed ones may take. What is beyond leaves by and by.
    pub(crate) fn keep(&self, keeping: Keeping) {
        self.index_mut().keeping = keeping;
    }

    /// The reservation with this id, if it is kept whole: every open one is.
    pub fn get(&self, id: ReservationId) -> Option<Arc<Reservation>> {
        let segment = self.segments.get(&(id.0 >> SEGMENT_BITS))?;
        let at = segment.binary_search_by_key(&id, |reservation| reservation.id).ok()?;
        segment.get(at).cloned()
    }

    /// What is known of this id.
    pub fn known(&self, id: ReservationId) -> Option<Known> {
        // It may leave its segment for an entry between two looks, but never the other way.
        self.get(id).map(Known::Here).or_else(|| {
            let closed = self.index().entries.get(id)?;
            Some(Known::Closed(Box::new(closed)))
        })
    }

    /// How one ended of which only an entry is left.
    pub(crate) fn closed_state(&self, id: ReservationId) -> Option<ReservationState> {
        Some(self.index().entries.get(id)?.state)
    }

    /// Reservations kept, open and closed.
    pub fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reservations that still promise units.
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Bytes that closed ones take, as they are counted.
    pub fn closed_bytes(&self) -> u64 {
        self.closed_bytes.load(Relaxed)
    }

    /// Entries: closed ones that the log tells.
    pub fn entries(&self) -> usize {
        self.index().entries.len()
    }

    /// Up to `limit` ids that may match, newest first, from `from` downwards: all that match are among them, up to `next`.
    /// Ends after `steps_max` steps over the indexes at the latest. Texts are found by a digest, so whoever asks looks at
    /// the record itself.
    pub fn walk(&self, filter: &Filter, from: ReservationId, limit: usize, steps_max: usize) -> Walked {
        let digest = |text: &Option<String>| text.as_deref().map(hash::text);
        let wanted = Wanted {
            location: filter.location,
            channel: filter.channel,
            // What outlived its deadline a moment ago stands among those that are open: no index tells of time.
            state: filter.state,
            texts: [digest(&filter.customer), digest(&filter.order), digest(&filter.pickup_code)],
        };
        let (mut at, mut walked) = (from.0, Walked::default());
        // Bound: `steps_max`.
        while walked.steps < steps_max {
            let index = self.index();
            for _ in 0..STEPS_PER_HOLD.min(steps_max - walked.steps) {
                walked.steps += 1;
                let Some(least) = index.step(&wanted, at) else { return walked };
                let agrees = least == at || index.step(&wanted, least) == Some(least);
                if agrees {
                    walked.ids.push(ReservationId(least));
                    let Some(below) = least.checked_sub(1) else { return walked };
                    at = below;
                    if walked.ids.len() >= limit {
                        walked.next = Some(ReservationId(at));
                        return walked;
                    }
                } else {
                    at = least;
                }
            }
        }
        walked.next = Some(ReservationId(at));
        walked
    }

    /// Open reservations that hold units of a cell, newest first, as long as `visit` asks for more.
    pub fn open_on(&self, sku: SkuId, location: LocationId, mut visit: impl FnMut(&Reservation) -> bool) {
        let mut at = u64::MAX;
        loop {
            let ids: Vec<u64> = {
                let index = self.index();
                let mut ids = Vec::new();
                while ids.len() < STEPS_PER_HOLD
                    && let Some([of, there, high, low]) = index.by_cell.at_most(cell_key(sku, location, at))
                    && (of, there) == (sku.0, location.0)
                {
                    let id = (u64::from(high) << 32) | u64::from(low);
                    ids.push(id);
                    let Some(below) = id.checked_sub(1) else { break };
                    at = below;
                }
                ids
            };
            for id in &ids {
                let Some(reservation) = self.get(ReservationId(*id)) else { continue };
                let holds = |line: &super::Line| line.sku == sku && line.location == location && line.present() > 0;
                if reservation.state.is_open() && reservation.lines.iter().any(holds) && !visit(&reservation) {
                    return;
                }
            }
            if ids.len() < STEPS_PER_HOLD {
                return;
            }
        }
    }

    /// Whether an open reservation may have this pickup code.
    pub(crate) fn code_is_taken(&self, code: &str) -> bool {
        /// Ids looked at; with so many of one digest, another code is tried.
        const LOOKS: usize = 16;
        let (digest, index) = (hash::text(code), self.index());
        let [_, _, codes] = &index.by_text;
        let mut at = u64::MAX;
        for _ in 0..LOOKS {
            let found = codes.at_most(text_key(digest, at)).filter(|[found, ..]| *found == digest);
            let Some([_, high, low]) = found else { return false };
            let id = (u64::from(high) << 32) | u64::from(low);
            if self.get(ReservationId(id)).is_some_and(|known| known.pickup_code.as_deref() == Some(code)) {
                return true;
            }
            let Some(below) = id.checked_sub(1) else { return false };
            at = below;
        }
        true
    }

    /// What is kept, oldest first, for a checkpoint: each whole or as an entry, with its version.
    pub fn each(&self) -> impl Iterator<Item = Known> {
        let mut from = Some(0);
        let next = move || {
            let ids: Vec<u64> = {
                let (index, mut at, mut ids) = (self.index(), from?, Vec::new());
                while ids.len() < STEPS_PER_HOLD
                    && let Some(id) = index.all.at_least(at)
                {
                    ids.push(id);
                    at = id + 1;
                }
                from = ids.last().map(|last| last + 1);
                ids
            };
            (!ids.is_empty()).then_some(ids)
        };
        std::iter::from_fn(next).flatten().filter_map(|id| self.known(ReservationId(id)))
    }

    /// Those that are kept whole, oldest first.
    pub fn whole(&self) -> impl Iterator<Item = Arc<Reservation>> {
        self.each().filter_map(|known| match known {
            Known::Here(reservation) => Some(reservation),
            Known::Closed(_) => None,
        })
    }

    /// Whether one that is known was made through this channel.
    pub(crate) fn uses(&self, channel: ChannelId) -> bool {
        let index = self.index();
        index.by_channel.get(channel.0 as usize).is_some_and(|ids| ids.at_least(0).is_some())
    }

    /// Lines of open ones at a location.
    pub(crate) fn open_at(&self, location: LocationId) -> u64 {
        self.index().open_at.get(location.0 as usize).copied().unwrap_or(0)
    }

    /// Open ones through a channel.
    pub(crate) fn open_through(&self, channel: ChannelId) -> u64 {
        self.index().open_through.get(channel.0 as usize).copied().unwrap_or(0)
    }

    /// How many open ones have a line of a SKU, up to a number that is looked at, and up to `limit` of them.
    pub(crate) fn open_of(&self, sku: SkuId, limit: usize) -> (u64, Vec<ReservationId>) {
        /// Lines looked at.
        const LOOKS: u64 = 1000;
        let (index, mut at) = (self.index(), [sku.0, u32::MAX, u32::MAX, u32::MAX]);
        let (mut count, mut some) = (0, Vec::new());
        while count < LOOKS
            && let Some(key) = index.by_cell.at_most(at)
            && let [of, location, high, low] = key
            && of == sku.0
        {
            let id = ReservationId((u64::from(high) << 32) | u64::from(low));
            count += 1;
            if some.len() < limit && !some.contains(&id) {
                some.push(id);
            }
            let below = (u64::from(location) << 32 | u64::from(high), low);
            at = match below {
                (0, 0) => break,
                (upper, 0) => [of, ((upper - 1) >> 32) as u32, (upper - 1) as u32, u32::MAX],
                (_, low) => [of, location, high, low - 1],
            };
        }
        (count, some)
    }

    /// Those that are open. Bounded by those that are kept whole.
    pub(crate) fn open_ones(&self) -> impl Iterator<Item = Arc<Reservation>> {
        let numbers: Vec<u64> = self.segments.iter().map(|segment| *segment.key()).collect();
        let of = |number| self.segments.get(&number).map(|segment| segment.to_vec()).unwrap_or_default();
        numbers.into_iter().flat_map(of).filter(|whole| whole.state.is_open())
    }

    /// Whether anything is known of this id.
    pub(crate) fn is_known(&self, id: ReservationId) -> bool {
        id.0 <= self.newest.load(Relaxed) && self.known(id).is_some()
    }

    /// Journal thread only: a reservation that became durable, and of which nothing is known yet.
    pub(crate) fn insert(&self, reservation: Reservation) {
        let id = reservation.id;
        let is_open = reservation.state.is_open();
        self.index_mut().insert(id.0, reservation.channel, &Keys::of(&reservation));
        self.newest.fetch_max(id.0, Relaxed);
        self.count.fetch_add(1, Relaxed);
        self.open.fetch_add(usize::from(is_open), Relaxed);
        let reservation = Arc::new(reservation);
        let mut segment = self.segments.entry(id.0 >> SEGMENT_BITS).or_default();
        let at = segment.partition_point(|earlier| earlier.id < id);
        segment.insert(at, Arc::clone(&reservation));
        drop(segment);
        if !is_open {
            self.close(&reservation);
        }
    }

    /// Journal thread only: puts back an entry from a checkpoint.
    pub(crate) fn restore(&self, closed: &Closed) {
        let id = closed.id;
        if self.known(id).is_some() {
            return;
        }
        let mut index = self.index_mut();
        let cells = closed.locations.iter().map(|location| (SkuId(0), *location)).collect();
        index.insert(id.0, closed.channel, &Keys { state: closed.state, texts: closed.texts, cells });
        index.entries.insert(closed);
        index.lanes.push(closed.caller, closed.closed_at, id, closed.cost());
        self.closed_bytes.store(index.lanes.bytes(), Relaxed);
        self.newest.fetch_max(id.0, Relaxed);
        self.count.fetch_add(1, Relaxed);
    }

    /// Journal thread only: everything is put back.
    pub(crate) fn restored(&self) {
        self.index_mut().lanes.sort();
        self.leave_to_log();
    }

    /// Journal thread only: changes a reservation in place, or in a copy while a reader looks at it.
    pub(crate) fn change(&self, id: ReservationId, change: impl FnOnce(&mut Reservation)) {
        let Some(mut segment) = self.segments.get_mut(&(id.0 >> SEGMENT_BITS)) else { return };
        let Ok(at) = segment.binary_search_by_key(&id, |reservation| reservation.id) else { return };
        let Some(shared) = segment.get_mut(at) else { return };
        let reservation = Arc::make_mut(shared);
        let before = Keys::of(reservation);
        change(reservation);
        let (after, channel) = (Keys::of(reservation), reservation.channel);
        let shared = Arc::clone(shared);
        drop(segment);
        if before != after {
            self.index_mut().change(id.0, channel, &before, &after);
        }
        if before.state.is_open() && !after.state.is_open() {
            self.open.fetch_sub(1, Relaxed);
            self.close(&shared);
        }
    }

    /// One is over: it joins the last few.
    fn close(&self, reservation: &Reservation) {
        let mut index = self.index_mut();
        let bytes = bytes_of(reservation);
        let cost = match stays_whole(reservation, &index.keeping) {
            true => bytes,
            false => Closed::of(reservation).cost(),
        };
        index.lanes.push(reservation.caller, closed_at(reservation), reservation.id, cost);
        self.closed_bytes.store(index.lanes.bytes(), Relaxed);
        index.recent.push_back((reservation.id, bytes));
        index.recent_bytes += u64::from(bytes);
    }

    /// Journal thread only, when everybody is answered: what is closed and not among the last few is left to the log.
    pub(crate) fn leave_to_log(&self) {
        let mut index = self.index_mut();
        // Bound: each is taken out once, so as many as were closed.
        while index.recent_bytes > index.keeping.recent_bytes
            && let Some((id, bytes)) = index.recent.pop_front()
        {
            index.recent_bytes -= u64::from(bytes);
            let Some(known) = self.get(id).filter(|known| !stays_whole(known, &index.keeping)) else { continue };
            // The entry first: whoever does not find the one finds the other.
            index.entries.insert(&Closed::of(&known));
            self.take_out(id);
        }
    }

    fn take_out(&self, id: ReservationId) {
        let number = id.0 >> SEGMENT_BITS;
        if let Some(mut segment) = self.segments.get_mut(&number) {
            segment.retain(|kept| kept.id != id);
            if segment.capacity() > 2 * segment.len() + 8 {
                segment.shrink_to_fit();
            }
        }
        self.segments.remove_if(&number, |_, segment| segment.is_empty());
    }

    /// Journal thread only: lets go of one that was closed before `before`, or that is too much; tells whether there was
    /// one. What still counts against a day of a location does not go because there is too much: a restart counts what is
    /// here. How much of that there is, is bounded by the rules that limit those days.
    pub(crate) fn forget_one(&self, before: Timestamp, now: Timestamp) -> bool {
        // Bound: what has to stay is looked at once in a round.
        const LOOKS: usize = 16;
        let id = {
            let mut index = self.index_mut();
            let mut id = index.lanes.pop_older(before);
            for _ in 0..LOOKS {
                if id.is_some() || index.lanes.bytes() <= index.keeping.closed_bytes {
                    break;
                }
                let Some((caller, closed_at, cost, oldest)) = index.lanes.pop_of_largest() else { break };
                if closed_at.0.saturating_add(COUNTED_MS) > now.0 && self.counts_against_a_day(&index, oldest) {
                    index.lanes.push(caller, closed_at, oldest, cost);
                } else {
                    id = Some(oldest);
                }
            }
            self.closed_bytes.store(index.lanes.bytes(), Relaxed);
            id
        };
        id.inspect(|id| self.forget(*id)).is_some()
    }

    /// Whether a closed reservation was an order that a day of a location counts.
    fn counts_against_a_day(&self, index: &Index, id: ReservationId) -> bool {
        match self.get(id) {
            Some(whole) => whole.state == ReservationState::Collected && !whole.orders.is_empty(),
            None => index.entries.get(id).is_some_and(|closed| !closed.orders.is_empty()),
        }
    }

    /// A closed reservation leaves memory.
    fn forget(&self, id: ReservationId) {
        let mut index = self.index_mut();
        match self.get(id) {
            Some(whole) => {
                let locations = whole.lines.iter().map(|line| line.location);
                index.remove(id.0, whole.channel, whole.state, texts_of(&whole), locations);
                self.take_out(id);
            }
            None => {
                let Some(closed) = index.entries.remove(id) else { return };
                index.remove(id.0, closed.channel, closed.state, closed.texts, closed.locations.iter().copied());
            }
        }
        self.count.fetch_sub(1, Relaxed);
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long orders are counted against their days: as [`Ledger`](crate::reservations::ledger::Ledger) does, with a day to spare.
const COUNTED_MS: u64 = 4 * 86_400_000;

/// Changes of a closed reservation that has an entry: an entry's length has 16 bits, and a change takes up to 25 bytes.
const ENTRY_CHANGES_MAX: usize = 1500;

/// Whether a closed reservation is one that the log cannot tell, or not for as long as it may be asked for.
fn stays_whole(reservation: &Reservation, keeping: &Keeping) -> bool {
    closed_at(reservation).since_ms(reservation.created_at) > keeping.whole_after_ms
        || reservation.lines.len() > ENTRY_LINES_MAX
        || reservation.changes.len() > ENTRY_CHANGES_MAX
        // What waited is asked how it was, by those who replay the demand of the past.
        || reservation.lines.iter().any(|line| line.wait.is_some())
        || reservation.changes.iter().any(|change| change.is_summary())
}

/// Bytes of a reservation that is kept whole, roughly, its share of the indexes included.
fn bytes_of(reservation: &Reservation) -> u32 {
    let texts = [&reservation.customer, &reservation.order, &reservation.pickup_code];
    let texts: usize = texts.into_iter().flatten().map(|text| text.len() + 32).sum();
    let lines = reservation.lines.len() * 160;
    (640 + texts + lines + reservation.changes.len() * 160) as u32
}

#[cfg(test)]
mod tests;
