//! Where reservations are kept and found: by id, newest first, and by what a store or a shop asks for.
//!
//! Ids ascend with the log, so reservations lie in *segments* of neighbouring ids: adding one is a push, finding one a
//! short binary search, and newest-first is walking segments downwards. The journal thread alone writes; readers share
//! the immutable record behind an `Arc` and never hold a lock while they look at it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use dashmap::DashMap;
use smallvec::SmallVec;

use super::{Reservation, State};
use crate::event::Few;
use crate::ids::{ChannelId, LocationId, ReservationId, SkuId, Timestamp};

/// `2^SEGMENT_BITS` neighbouring ids share a segment.
const SEGMENT_BITS: u32 = 8;

type Map<K, V> = DashMap<K, V, foldhash::fast::RandomState>;
type Ids = SmallVec<[ReservationId; 2]>;

/// What to list. Empty fields do not narrow.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// With a line at this location.
    pub location: Option<LocationId>,
    /// Of this customer.
    pub customer: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// Made through this channel.
    pub channel: Option<ChannelId>,
    /// Of this order.
    pub order: Option<String>,
    /// With this code.
    pub pickup_code: Option<String>,
}

/// All reservations that are open or closed only recently.
#[derive(Debug, Default)]
pub struct ReservationStore {
    segments: Map<u64, Vec<Arc<Reservation>>>,
    by_location: Map<LocationId, BTreeSet<ReservationId>>,
    by_customer: Map<Box<str>, Ids>,
    by_order: Map<Box<str>, Ids>,
    by_pickup_code: Map<Box<str>, Ids>,
    /// Segments that may hold something: from the first to the last, inclusive.
    first_segment: AtomicU64,
    last_segment: AtomicU64,
    count: AtomicUsize,
    open: AtomicUsize,
}

impl ReservationStore {
    /// The reservation with this id.
    pub fn get(&self, id: ReservationId) -> Option<Arc<Reservation>> {
        let segment = self.segments.get(&(id.0 >> SEGMENT_BITS))?;
        let at = segment.binary_search_by_key(&id, |reservation| reservation.id).ok()?;
        segment.get(at).cloned()
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

    /// Up to `limit` reservations that match, newest first, from the one before `before`.
    pub fn list(
        &self,
        filter: &Filter,
        now: Timestamp,
        before: Option<ReservationId>,
        limit: usize,
    ) -> Vec<Arc<Reservation>> {
        let before = before.unwrap_or(ReservationId(u64::MAX));
        let mut found = Vec::new();
        let mut keep = |reservation: Arc<Reservation>| {
            if reservation.id < before && matches(&reservation, filter, now) {
                found.push(reservation);
            }
            found.len() < limit
        };
        if let Some(ids) = self.candidates(filter) {
            let _ = ids.into_iter().rev().filter_map(|id| self.get(id)).all(&mut keep);
            return found;
        }
        let (first, last) = (self.first_segment.load(Relaxed), self.last_segment.load(Relaxed));
        for number in (first..=last.min(before.0 >> SEGMENT_BITS)).rev() {
            let segment = self.segments.get(&number).map(|segment| segment.clone()).unwrap_or_default();
            if !segment.into_iter().rev().all(&mut keep) {
                break;
            }
        }
        found
    }

    /// Ids that may match, ascending, from the narrowest index that applies.
    fn candidates(&self, filter: &Filter) -> Option<Vec<ReservationId>> {
        let of = |index: &Map<Box<str>, Ids>, key: &str| {
            let mut ids = index.get(key).map(|ids| ids.to_vec()).unwrap_or_default();
            ids.sort_unstable();
            ids
        };
        if let Some(code) = &filter.pickup_code {
            return Some(of(&self.by_pickup_code, code));
        }
        if let Some(order) = &filter.order {
            return Some(of(&self.by_order, order));
        }
        if let Some(customer) = &filter.customer {
            return Some(of(&self.by_customer, customer));
        }
        let location = filter.location?;
        Some(self.by_location.get(&location).map(|ids| ids.iter().copied().collect()).unwrap_or_default())
    }

    /// Open reservations that hold units of a cell, oldest first.
    pub fn open_on(&self, sku: SkuId, location: LocationId) -> Vec<Arc<Reservation>> {
        let ids: Vec<_> = self.by_location.get(&location).map(|ids| ids.iter().copied().collect()).unwrap_or_default();
        let holds = |reservation: &Arc<Reservation>| {
            reservation.state.is_open()
                && reservation.lines.iter().any(|l| l.sku == sku && l.location == location && l.present() > 0)
        };
        ids.into_iter().filter_map(|id| self.get(id)).filter(holds).collect()
    }

    /// Copies one segment after the other, for an image. Each reservation is whole, and carries its version.
    pub fn segments(&self) -> impl Iterator<Item = Vec<Arc<Reservation>>> {
        let (first, last) = (self.first_segment.load(Relaxed), self.last_segment.load(Relaxed));
        (first..=last).filter_map(|number| self.segments.get(&number).map(|segment| segment.clone()))
    }

    /// Journal thread only: a reservation that became durable.
    pub(crate) fn insert(&self, reservation: Reservation) {
        let id = reservation.id;
        if self.get(id).is_some() {
            return;
        }
        for line in &reservation.lines {
            self.by_location.entry(line.location).or_default().insert(id);
        }
        index(&self.by_customer, reservation.customer.as_deref(), id);
        index(&self.by_order, reservation.order.as_deref(), id);
        index(&self.by_pickup_code, reservation.pickup_code.as_deref(), id);
        let number = id.0 >> SEGMENT_BITS;
        if self.count.fetch_add(1, Relaxed) == 0 {
            self.first_segment.store(number, Relaxed);
        }
        self.first_segment.fetch_min(number, Relaxed);
        self.last_segment.fetch_max(number, Relaxed);
        self.open.fetch_add(usize::from(reservation.state.is_open()), Relaxed);
        let mut segment = self.segments.entry(number).or_default();
        let at = segment.partition_point(|earlier| earlier.id < id);
        segment.insert(at, Arc::new(reservation));
    }

    /// Journal thread only: changes a reservation in place, or in a copy while a reader looks at it.
    pub(crate) fn change(&self, id: ReservationId, change: impl FnOnce(&mut Reservation)) {
        let Some(mut segment) = self.segments.get_mut(&(id.0 >> SEGMENT_BITS)) else { return };
        let Ok(at) = segment.binary_search_by_key(&id, |reservation| reservation.id) else { return };
        let Some(shared) = segment.get_mut(at) else { return };
        let reservation = Arc::make_mut(shared);
        let (was_open, order, code) =
            (reservation.state.is_open(), reservation.order.clone(), reservation.pickup_code.clone());
        let places: Few<LocationId> = reservation.lines.iter().map(|line| line.location).collect();
        change(reservation);
        if !reservation.lines.iter().map(|line| line.location).eq(places.iter().copied()) {
            for place in &places {
                if let Some(mut ids) = self.by_location.get_mut(place) {
                    ids.remove(&id);
                }
            }
            for line in &reservation.lines {
                self.by_location.entry(line.location).or_default().insert(id);
            }
        }
        if was_open && !reservation.state.is_open() {
            self.open.fetch_sub(1, Relaxed);
        }
        if reservation.order != order {
            unindex(&self.by_order, order.as_deref(), id);
            index(&self.by_order, reservation.order.as_deref(), id);
        }
        if reservation.pickup_code != code {
            index(&self.by_pickup_code, reservation.pickup_code.as_deref(), id);
        }
    }

    /// Journal thread only: forgets a closed reservation.
    pub(crate) fn forget(&self, id: ReservationId) {
        let Some(reservation) = self.get(id).filter(|reservation| !reservation.state.is_open()) else { return };
        for line in &reservation.lines {
            if let Some(mut ids) = self.by_location.get_mut(&line.location) {
                ids.remove(&id);
            }
        }
        unindex(&self.by_customer, reservation.customer.as_deref(), id);
        unindex(&self.by_order, reservation.order.as_deref(), id);
        unindex(&self.by_pickup_code, reservation.pickup_code.as_deref(), id);
        let number = id.0 >> SEGMENT_BITS;
        if let Some(mut segment) = self.segments.get_mut(&number) {
            segment.retain(|kept| kept.id != id);
        }
        self.segments.remove_if(&number, |_, segment| segment.is_empty());
        self.count.fetch_sub(1, Relaxed);
    }
}

fn matches(reservation: &Reservation, filter: &Filter, now: Timestamp) -> bool {
    let same = |wanted: &Option<String>, have: &Option<Box<str>>| {
        wanted.as_deref().is_none_or(|wanted| have.as_deref() == Some(wanted))
    };
    // Where a promise is that is not bound is nobody's business.
    let is_at = |wanted| reservation.lines.iter().any(|line| line.location == wanted && line.unbound().is_none());
    filter.location.is_none_or(is_at)
        && filter.state.is_none_or(|wanted| reservation.state_at(now) == wanted)
        && filter.channel.is_none_or(|wanted| reservation.channel == wanted)
        && same(&filter.customer, &reservation.customer)
        && same(&filter.order, &reservation.order)
        && same(&filter.pickup_code, &reservation.pickup_code)
}

fn index(index: &Map<Box<str>, Ids>, key: Option<&str>, id: ReservationId) {
    if let Some(key) = key {
        index.entry(key.into()).or_default().push(id);
    }
}

fn unindex(index: &Map<Box<str>, Ids>, key: Option<&str>, id: ReservationId) {
    let Some(key) = key else { return };
    if let Some(mut ids) = index.get_mut(key) {
        ids.retain(|kept| *kept != id);
    }
    index.remove_if(key, |_, ids| ids.is_empty());
}
