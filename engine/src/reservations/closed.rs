//! What memory keeps of a closed reservation: its index keys, its records in the log, and its caller.
//!
//! A closed reservation never opens again, so only its record is ever requested, as it is or as it was; and the records
//! of the log lead to it. An entry names them, and takes about fifty bytes; with the indexes that lead to it, a closed
//! reservation costs less than 200. Entries are in *pages* of neighbouring ids, in the order of their arrival.
//!
//! Their bytes are counted by caller. If there are too many, the oldest of the caller with most are dropped first: a
//! flood of one caller drops its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::record::Stretch;
use super::record::{Reservation, ReservationState};
use crate::hash;
use crate::ids::{ChannelId, LocationId, ReservationId, Seq, Timestamp};
use crate::kernel::few::Few;
use crate::reservations::promise::OrderDay;

/// The entry of a closed reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Its id.
    pub id: ReservationId,
    /// Its final state.
    pub state: ReservationState,
    /// Its channel.
    pub channel: ChannelId,
    /// When it was closed, in whole seconds, rounded up.
    pub closed_at: Timestamp,
    /// The digest of its caller.
    pub caller: u32,
    /// Digests of the customer, the order and the pickup code.
    pub texts: [Option<u32>; 3],
    /// The locations of its lines.
    pub locations: Few<LocationId>,
    /// The days of locations that it counts against.
    pub orders: Few<OrderDay>,
    /// Its records after the one that created it.
    pub trail: SmallVec<[Stretch; 4]>,
}

impl Closed {
    /// Creates the entry of a closed reservation.
    pub(super) fn of(reservation: &Reservation) -> Self {
        let mut locations: Few<LocationId> = reservation.lines.iter().map(|line| line.location).collect();
        locations.sort_unstable();
        locations.dedup();
        let counts = reservation.state == ReservationState::Collected;
        Self {
            id: reservation.id,
            state: reservation.state,
            channel: reservation.channel,
            closed_at: Timestamp(closed_at(reservation).0.div_ceil(1000) * 1000),
            caller: reservation.caller,
            texts: texts_of(reservation),
            locations,
            orders: if counts { reservation.orders.clone() } else { Few::new() },
            trail: reservation.changes.iter().map(|change| change.stretch()).collect(),
        }
    }

    /// The `seq` of its last change.
    pub fn version(&self) -> Seq {
        self.trail.last().map_or(self.id.0, |stretch| stretch.last)
    }

    /// Its cost in bytes, with its share of the indexes.
    pub(super) fn cost(&self) -> u32 {
        let mut bytes = Vec::with_capacity(64);
        self.encode(&mut bytes);
        let texts = self.texts.iter().flatten().count();
        (84 + bytes.len() + texts * 17 + self.locations.len() * 10) as u32
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let flags = self.texts.iter().enumerate().filter(|(_, text)| text.is_some()).map(|(bit, _)| 1 << bit);
        let flags: u8 = flags.sum();
        let state = match self.state {
            ReservationState::Held => 0,
            ReservationState::Confirmed => 1,
            ReservationState::Ready => 2,
            ReservationState::Collected => 3,
            ReservationState::Cancelled => 4,
            ReservationState::Expired => 5,
        };
        let has_orders = u8::from(!self.orders.is_empty());
        out.push(state | (flags << 3) | (has_orders << 6));
        put(out, self.channel.0.into());
        put(out, self.closed_at.0 / 1000);
        out.extend_from_slice(&self.caller.to_le_bytes());
        self.texts.iter().flatten().for_each(|text| out.extend_from_slice(&text.to_le_bytes()));
        put(out, self.locations.len() as u64);
        self.locations.iter().for_each(|location| put(out, location.0.into()));
        if has_orders == 1 {
            put(out, self.orders.len() as u64);
            for OrderDay { location, day } in &self.orders {
                put(out, location.0.into());
                put(out, *day as u32 as u64);
            }
        }
        put(out, self.trail.len() as u64);
        let mut at = self.id.0;
        for Stretch { first, last, count } in &self.trail {
            let is_run = u64::from(first != last);
            put(out, ((first - at) << 1) | is_run);
            if is_run == 1 {
                put(out, last - first);
                put(out, (*count).into());
            }
            at = *last;
        }
    }

    fn decode(id: ReservationId, mut bytes: &[u8]) -> Option<Self> {
        let from = &mut bytes;
        let first = byte(from)?;
        let state = match first & 7 {
            0 => ReservationState::Held,
            1 => ReservationState::Confirmed,
            2 => ReservationState::Ready,
            3 => ReservationState::Collected,
            4 => ReservationState::Cancelled,
            _ => ReservationState::Expired,
        };
        let channel = ChannelId(get(from)? as u32);
        let closed_at = Timestamp(get(from)? * 1000);
        let caller = word(from)?;
        let mut texts = [None; 3];
        for (bit, text) in texts.iter_mut().enumerate() {
            if (first >> (3 + bit)) & 1 == 1 {
                *text = Some(word(from)?);
            }
        }
        let mut locations = Few::new();
        for _ in 0..get(from)? {
            locations.push(LocationId(get(from)? as u32));
        }
        let mut orders = Few::new();
        if (first >> 6) & 1 == 1 {
            for _ in 0..get(from)? {
                let location = LocationId(get(from)? as u32);
                orders.push(OrderDay { location, day: get(from)? as u32 as i32 });
            }
        }
        let mut trail = SmallVec::new();
        let mut at = id.0;
        for _ in 0..get(from)? {
            let gap = get(from)?;
            let first = at + (gap >> 1);
            let (last, count) = if gap & 1 == 1 { (first + get(from)?, get(from)? as u32) } else { (first, 1) };
            trail.push(Stretch { first, last, count });
            at = last;
        }
        Some(Self { id, state, channel, closed_at, caller, texts, locations, orders, trail })
    }
}

/// When a closed reservation was closed.
pub(super) fn closed_at(reservation: &Reservation) -> Timestamp {
    reservation.changes.last().map_or(reservation.created_at, |change| change.time)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn byte(from: &mut &[u8]) -> Option<u8> {
    let (first, rest) = from.split_first()?;
    *from = rest;
    Some(*first)
}

fn word(from: &mut &[u8]) -> Option<u32> {
    let (first, rest) = from.split_first_chunk::<4>()?;
    *from = rest;
    Some(u32::from_le_bytes(*first))
}

fn get(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let next = byte(from)?;
        number |= u64::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// `2^PAGE_BITS` neighbouring ids share a page, which bounds a search.
const PAGE_BITS: u32 = 10;

/// Before each entry in its page: its length, and the low bits of its id.
const HEAD: usize = 4;

/// Entries by id.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pages: BTreeMap<u64, Vec<u8>>,
    count: usize,
    buffer: Vec<u8>,
}

impl Pages {
    /// The number of entries.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Adds an entry; its id must be new.
    pub fn insert(&mut self, closed: &Closed) {
        self.buffer.clear();
        closed.encode(&mut self.buffer);
        let page = self.pages.entry(closed.id.0 >> PAGE_BITS).or_default();
        let needed = HEAD + self.buffer.len();
        if page.capacity() - page.len() < needed {
            page.reserve_exact(needed.max(page.len() / 8));
        }
        page.extend_from_slice(&(self.buffer.len() as u16).to_le_bytes());
        page.extend_from_slice(&(low(closed.id)).to_le_bytes());
        page.extend_from_slice(&self.buffer);
        self.count += 1;
    }

    /// The entry of `id`.
    pub fn get(&self, id: ReservationId) -> Option<Closed> {
        let page = self.pages.get(&(id.0 >> PAGE_BITS))?;
        let (at, end) = find(page, id)?;
        Closed::decode(id, page.get(at + HEAD..end)?)
    }

    /// Removes an entry.
    pub fn remove(&mut self, id: ReservationId) -> Option<Closed> {
        let number = id.0 >> PAGE_BITS;
        let page = self.pages.get_mut(&number)?;
        let (at, end) = find(page, id)?;
        let closed = Closed::decode(id, page.get(at + HEAD..end)?);
        page.drain(at..end);
        self.count -= 1;
        if page.is_empty() {
            self.pages.remove(&number);
        } else if page.capacity() > 2 * page.len() + 256 {
            page.shrink_to(page.len() + 64);
        }
        closed
    }
}

fn low(id: ReservationId) -> u16 {
    (id.0 & ((1 << PAGE_BITS) - 1)) as u16
}

/// The range of the entry of `id` in its page.
fn find(page: &[u8], id: ReservationId) -> Option<(usize, usize)> {
    let (mut at, wanted) = (0, low(id).to_le_bytes());
    // Bound: a page has at most 2^PAGE_BITS entries.
    while let Some([a, b, c, d]) = page.get(at..at + HEAD) {
        let end = at + HEAD + usize::from(u16::from_le_bytes([*a, *b]));
        if [*c, *d] == wanted {
            return Some((at, end));
        }
        at = end;
    }
    None
}

/// A candidate for dropping: its close time in seconds, its cost, and its id.
#[derive(Debug, Clone, Copy)]
struct Leaving {
    closed_at: u32,
    cost: u32,
    id: ReservationId,
}

/// The entries of one caller.
#[derive(Debug, Default)]
struct Lane {
    queue: VecDeque<Leaving>,
    bytes: u64,
}

/// Bytes that a caller costs beside its entries.
const LANE_BYTES: u64 = 256;

/// A caller's rank changes in steps of `2^LANE_STEP` bytes.
const LANE_STEP: u32 = 12;

/// The costs by caller, and the next candidates.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: FxHashMap<u32, Lane>,
    by_bytes: BTreeSet<(u64, u32)>,
    by_age: BTreeSet<(u32, u32)>,
    bytes: u64,
}

impl Lanes {
    /// The bytes of all.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a closed reservation of `caller`.
    pub fn push(&mut self, caller: u32, closed_at: Timestamp, id: ReservationId, cost: u32) {
        let closed_at = closed_at.0.div_ceil(1000) as u32;
        let is_new = !self.lanes.contains_key(&caller);
        let lane = self.lanes.entry(caller).or_default();
        let before = lane.bytes >> LANE_STEP;
        if is_new {
            lane.bytes = LANE_BYTES;
            self.bytes += LANE_BYTES;
            self.by_bytes.insert((LANE_BYTES >> LANE_STEP, caller));
            self.by_age.insert((closed_at, caller));
        }
        lane.queue.push_back(Leaving { closed_at, cost, id });
        lane.bytes += u64::from(cost);
        self.bytes += u64::from(cost);
        let after = lane.bytes >> LANE_STEP;
        if before != after {
            self.by_bytes.remove(&(before, caller));
            self.by_bytes.insert((after, caller));
        }
    }

    /// Sorts each caller's entries after an unordered restore, oldest first.
    pub fn sort(&mut self) {
        self.by_age.clear();
        for (caller, lane) in &mut self.lanes {
            lane.queue.make_contiguous().sort_unstable_by_key(|leaving| (leaving.closed_at, leaving.id));
            if let Some(first) = lane.queue.front() {
                self.by_age.insert((first.closed_at, *caller));
            }
        }
    }

    /// The next entry that was closed before `before`.
    pub fn pop_older(&mut self, before: Timestamp) -> Option<ReservationId> {
        let (closed_at, caller) = *self.by_age.first()?;
        (u64::from(closed_at) * 1000 < before.0).then(|| self.pop(caller)).flatten().map(|leaving| leaving.id)
    }

    /// The oldest entry of the caller with most: caller, close time, cost, and id.
    pub fn pop_of_largest(&mut self) -> Option<(u32, Timestamp, u32, ReservationId)> {
        let (_, caller) = *self.by_bytes.last()?;
        let Leaving { closed_at, cost, id } = self.pop(caller)?;
        Some((caller, Timestamp(u64::from(closed_at) * 1000), cost, id))
    }

    fn pop(&mut self, caller: u32) -> Option<Leaving> {
        let lane = self.lanes.get_mut(&caller)?;
        let leaving @ Leaving { closed_at, cost, .. } = lane.queue.pop_front()?;
        let before = lane.bytes >> LANE_STEP;
        lane.bytes -= u64::from(cost);
        self.bytes -= u64::from(cost);
        self.by_age.remove(&(closed_at, caller));
        match lane.queue.front() {
            Some(next) => {
                self.by_age.insert((next.closed_at, caller));
                let after = lane.bytes >> LANE_STEP;
                if before != after {
                    self.by_bytes.remove(&(before, caller));
                    self.by_bytes.insert((after, caller));
                }
                if lane.queue.capacity() > 4 * lane.queue.len() + 64 {
                    lane.queue.shrink_to(2 * lane.queue.len());
                }
            }
            None => {
                self.by_bytes.remove(&(before, caller));
                self.bytes -= LANE_BYTES;
                self.lanes.remove(&caller);
            }
        }
        Some(leaving)
    }
}

/// The digests of a reservation's customer, order and pickup code.
pub(super) fn texts_of(reservation: &Reservation) -> [Option<u32>; 3] {
    let digest = |text: &Option<Box<str>>| text.as_deref().map(hash::text);
    [digest(&reservation.customer), digest(&reservation.order), digest(&reservation.pickup_code)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stretch() -> impl Strategy<Value = (u64, u64, u32)> {
        (1..5000u64, prop_oneof![Just(0u64), 1..400u64], 2..9u32)
    }

    proptest! {
        #[test]
        fn an_entry_is_read_as_it_was_written(
            id in 1..u64::MAX / 2,
            state in 0..3u8,
            texts in proptest::array::uniform3(proptest::option::of(any::<u32>())),
            locations in proptest::collection::vec(0..131_072u32, 0..5),
            orders in proptest::collection::vec((0..9u32, -3..40_000i32), 0..3),
            trail in proptest::collection::vec(stretch(), 0..6),
        ) {
            let mut at = id;
            let closed = Closed {
                id: ReservationId(id),
                state: [ReservationState::Collected, ReservationState::Cancelled, ReservationState::Expired][usize::from(state)],
                channel: ChannelId(id as u32 % 65_536),
                closed_at: Timestamp(id % 4_000_000_000 * 1000),
                caller: id as u32,
                texts,
                locations: locations.into_iter().map(LocationId).collect(),
                orders: orders.into_iter().map(|(location, day)| OrderDay { location: LocationId(location), day }).collect(),
                trail: trail.into_iter().map(|(gap, length, count)| {
                    let first = at + gap;
                    at = first + length;
                    Stretch { first, last: at, count: if length == 0 { 1 } else { count } }
                }).collect(),
            };
            let mut pages = Pages::default();
            let other = Closed { id: ReservationId(id ^ 1), ..closed.clone() };
            pages.insert(&closed);
            if other.trail.first().is_none_or(|stretch| stretch.first > other.id.0) {
                pages.insert(&other);
            }
            prop_assert_eq!(pages.get(closed.id), Some(closed.clone()));
            prop_assert_eq!(pages.remove(closed.id), Some(closed.clone()));
            prop_assert_eq!(pages.get(closed.id), None);
        }
    }

    #[test]
    fn the_flood_of_one_caller_pushes_out_its_own() {
        let mut lanes = Lanes::default();
        for nth in 0..10 {
            lanes.push(1, Timestamp(nth * 1000), ReservationId(nth), 150);
        }
        for nth in 10..10_010 {
            lanes.push(2, Timestamp(nth * 1000), ReservationId(nth), 150);
        }
        let before = lanes.bytes();
        for nth in 10..9_000 {
            assert_eq!(lanes.pop_of_largest().map(|(.., id)| id), Some(ReservationId(nth)));
        }
        assert_eq!(lanes.bytes(), before - 8_990 * 150);
        assert_eq!(lanes.pop_older(Timestamp(5_000)), Some(ReservationId(0)), "the oldest of all, by time");
        let all = std::iter::from_fn(|| lanes.pop_older(Timestamp(u64::from(u32::MAX) * 1000))).count();
        assert_eq!((all, lanes.bytes()), (10_010 - 8_990 - 1, 0));
    }
}
