//! The store of reservations: lookup by id, and lists, newest first, by filters.
//!
//! Open reservations, and the latest closed ones, are complete, in *segments* of neighbouring ids; readers share the
//! immutable record behind an `Arc` and hold no lock while they use it. For other closed reservations, memory keeps
//! an entry ([`Closed`]), and the log has the rest. Only the journal thread writes.
//!
//! Indexes hold ordered ids of open and closed reservations, so a list walks down all indexes that its filter names
//! together, and skips ids that any of them lacks. It holds the lock of the indexes for some hundreds of steps at a
//! time, and ends after a limited number of steps, with the id to continue from: the cost of a page does not grow
//! with the number of reservations.
//!
//! [`ReservationStore::forget`] is the only way in which a closed reservation leaves memory: an archive that keeps
//! reservations for years would take them there.

mod filter;
mod index;
mod keeping;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dashmap::DashMap;

use crate::hash;
use crate::ids::{ChannelId, LocationId, ReservationId, SkuId, Timestamp};
use crate::reservations::closed::{Closed, closed_at, texts_of};
use crate::reservations::record::{Reservation, ReservationState};
use index::{Index, Keys, Wanted, cell_key, text_key};
use keeping::{bytes_of, stays_whole};

pub use filter::Filter;
pub use keeping::Keeping;

/// `2^SEGMENT_BITS` neighbouring ids share a segment.
const SEGMENT_BITS: u32 = 8;

/// Index steps under one lock.
const STEPS_PER_HOLD: usize = 256;

type Map<K, V> = DashMap<K, V, foldhash::fast::RandomState>;

/// A reservation in memory.
#[derive(Debug, Clone)]
pub enum Known {
    /// Complete.
    Here(Arc<Reservation>),
    /// Only an entry; the log has the rest.
    Closed(Box<Closed>),
}

impl Known {
    /// Its state in the log.
    pub fn state(&self) -> ReservationState {
        match self {
            Self::Here(reservation) => reservation.state,
            Self::Closed(closed) => closed.state,
        }
    }
}

/// The result of a walk over the indexes.
#[derive(Debug, Default)]
pub struct Walked {
    /// Ids that may match, newest first.
    pub ids: Vec<ReservationId>,
    /// Where to continue, inclusive; `None` at the end.
    pub next: Option<ReservationId>,
    /// The number of steps.
    pub steps: usize,
}

/// All open reservations, and the closed ones in memory.
#[derive(Debug, Default)]
pub struct ReservationStore {
    segments: Map<u64, Vec<Arc<Reservation>>>,
    index: RwLock<Index>,
    /// The greatest id so far: any greater id is new.
    newest: AtomicU64,
    count: AtomicUsize,
    open: AtomicUsize,
    closed_bytes: AtomicU64,
}

impl ReservationStore {
    /// Sets the memory limit of closed reservations. The excess is dropped gradually.
    pub(crate) fn keep(&self, keeping: Keeping) {
        self.index_mut().keeping = keeping;
    }

    /// The reservation with this id, if it is complete: every open one is.
    pub fn get(&self, id: ReservationId) -> Option<Arc<Reservation>> {
        let segment = self.segments.get(&(id.0 >> SEGMENT_BITS))?;
        let at = segment.binary_search_by_key(&id, |reservation| reservation.id).ok()?;
        segment.get(at).cloned()
    }

    /// The reservation with this id, complete or as an entry.
    pub fn known(&self, id: ReservationId) -> Option<Known> {
        // A reservation may move from its segment to an entry between the two lookups, but never back.
        self.get(id).map(Known::Here).or_else(|| {
            let closed = self.index().entries.get(id)?;
            Some(Known::Closed(Box::new(closed)))
        })
    }

    /// The final state of a reservation that has only an entry.
    pub(crate) fn closed_state(&self, id: ReservationId) -> Option<ReservationState> {
        Some(self.index().entries.get(id)?.state)
    }

    /// The number of reservations, open and closed.
    pub fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Whether the store is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of open reservations.
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// The counted bytes of closed reservations.
    pub fn closed_bytes(&self) -> u64 {
        self.closed_bytes.load(Relaxed)
    }

    /// The number of entries.
    pub fn entries(&self) -> usize {
        self.index().entries.len()
    }

    /// Up to `limit` ids that may match, newest first, from `from` downwards: all matches down to `next` are among
    /// them. Ends after at most `steps_max` index steps. Texts are found by their digest, so the caller must check
    /// the record itself.
    pub fn walk(&self, filter: &Filter, from: ReservationId, limit: usize, steps_max: usize) -> Walked {
        let digest = |text: &Option<String>| text.as_deref().map(hash::text);
        let wanted = Wanted {
            location: filter.location,
            channel: filter.channel,
            // A reservation that just passed its deadline is still indexed as open: no index contains time.
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

    /// Visits open reservations with units of a cell, newest first, while `visit` returns true.
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
        /// Ids examined; if that many share a digest, the code counts as taken.
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

    /// All reservations, oldest first, for a checkpoint: each complete or as an entry, with its version.
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

    /// The complete reservations, oldest first.
    pub fn whole(&self) -> impl Iterator<Item = Arc<Reservation>> {
        self.each().filter_map(|known| match known {
            Known::Here(reservation) => Some(reservation),
            Known::Closed(_) => None,
        })
    }

    /// Whether any known reservation uses this channel.
    pub(crate) fn uses(&self, channel: ChannelId) -> bool {
        let index = self.index();
        index.by_channel.get(channel.0 as usize).is_some_and(|ids| ids.at_least(0).is_some())
    }

    /// The number of open lines at a location.
    pub(crate) fn open_at(&self, location: LocationId) -> u64 {
        self.index().open_at.get(location.0 as usize).copied().unwrap_or(0)
    }

    /// The number of open reservations of a channel.
    pub(crate) fn open_through(&self, channel: ChannelId) -> u64 {
        self.index().open_through.get(channel.0 as usize).copied().unwrap_or(0)
    }

    /// The number of open reservations with a line of a SKU, up to the examined lines, and up to `limit` of their
    /// ids.
    pub(crate) fn open_of(&self, sku: SkuId, limit: usize) -> (u64, Vec<ReservationId>) {
        /// Lines examined.
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

    /// The open reservations. Bounded by the complete ones.
    pub(crate) fn open_ones(&self) -> impl Iterator<Item = Arc<Reservation>> {
        let numbers: Vec<u64> = self.segments.iter().map(|segment| *segment.key()).collect();
        let of = |number| self.segments.get(&number).map(|segment| segment.to_vec()).unwrap_or_default();
        numbers.into_iter().flat_map(of).filter(|whole| whole.state.is_open())
    }

    /// Whether the id is known.
    pub(crate) fn is_known(&self, id: ReservationId) -> bool {
        id.0 <= self.newest.load(Relaxed) && self.known(id).is_some()
    }

    /// Journal thread only: adds a new durable reservation.
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

    /// Journal thread only: restores an entry from a checkpoint.
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

    /// Journal thread only: ends the restore.
    pub(crate) fn restored(&self) {
        self.index_mut().lanes.sort();
        self.leave_to_log();
    }

    /// Journal thread only: changes a reservation in place, or a copy while a reader uses it.
    #[inline]
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

    /// Adds a closed reservation to the latest ones.
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

    /// Journal thread only, after all callers are answered: replaces older closed reservations by entries.
    pub(crate) fn leave_to_log(&self) {
        let mut index = self.index_mut();
        // Bound: each is removed once, so as many as were closed.
        while index.recent_bytes > index.keeping.recent_bytes
            && let Some((id, bytes)) = index.recent.pop_front()
        {
            index.recent_bytes -= u64::from(bytes);
            let Some(known) = self.get(id).filter(|known| !stays_whole(known, &index.keeping)) else { continue };
            // Inserts the entry before removing the reservation, so that a reader always finds one of both.
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

    /// Journal thread only: drops one reservation that was closed before `before`, or that exceeds the memory limit;
    /// returns whether there was one. A reservation that counts against a day of a location is not dropped for
    /// memory, because a restart counts the reservations in memory. The rules that limit those days bound the number
    /// of such reservations.
    pub(crate) fn forget_one(&self, before: Timestamp, now: Timestamp) -> bool {
        // Bound: the reservations that must stay are examined once per round.
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

    /// Whether a closed reservation was an order that counts against a day of a location.
    fn counts_against_a_day(&self, index: &Index, id: ReservationId) -> bool {
        match self.get(id) {
            Some(whole) => whole.state == ReservationState::Collected && !whole.orders.is_empty(),
            None => index.entries.get(id).is_some_and(|closed| !closed.orders.is_empty()),
        }
    }

    /// Drops a closed reservation.
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

/// How long orders count against their days: as in [`Ledger`](crate::reservations::ledger::Ledger), plus a day.
const COUNTED_MS: u64 = 4 * 86_400_000;

#[cfg(test)]
mod tests;
