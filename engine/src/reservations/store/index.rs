//! Ordered ids of reservations: by location, channel, state and text; open ones also by cell.

use std::collections::VecDeque;

use super::keeping::Keeping;
use crate::ids::{ChannelId, LocationId, ReservationId, SkuId};
use crate::kernel::few::Few;
use crate::reservations::closed::{Lanes, Pages, texts_of};
use crate::reservations::ordered::Ordered;
use crate::reservations::record::{Reservation, ReservationState};

#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) all: Ordered<u64>,
    by_location: Vec<Ordered<u64>>,
    pub(super) by_channel: Vec<Ordered<u64>>,
    by_state: [Ordered<u64>; 6],
    /// Customers, orders and pickup codes: digest, then id.
    pub(super) by_text: [Ordered<[u32; 3]>; 3],
    /// Cells of open reservations: SKU, location, then id.
    pub(super) by_cell: Ordered<[u32; 4]>,
    /// The number of open lines by location, and of open reservations by channel.
    pub(super) open_at: Vec<u64>,
    pub(super) open_through: Vec<u64>,
    pub(super) entries: Pages,
    pub(super) lanes: Lanes,
    /// Closed reservations that are still complete, oldest first, with their bytes.
    pub(super) recent: VecDeque<(ReservationId, u32)>,
    pub(super) recent_bytes: u64,
    pub(super) keeping: Keeping,
}

impl Index {
    fn of_state(&mut self, state: ReservationState) -> &mut Ordered<u64> {
        self.by_state.get_mut(state as usize).expect("there are six states")
    }

    pub(super) fn insert(&mut self, id: u64, channel: ChannelId, keys: &Keys) {
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

    #[inline]
    pub(super) fn change(&mut self, id: u64, channel: ChannelId, before: &Keys, after: &Keys) {
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

    /// Updates the open counts of locations and channels after a change.
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

    pub(super) fn remove(
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

    /// The greatest id at or below `at` in each index that the filter names; one step of `ReservationStore::walk`.
    pub(super) fn step(&self, filter: &Wanted, at: u64) -> Option<u64> {
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

/// The index keys of a reservation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) state: ReservationState,
    pub(super) texts: [Option<u32>; 3],
    /// The cells of its lines; after it is closed, only their locations count.
    pub(super) cells: Few<(SkuId, LocationId)>,
}

impl Keys {
    pub(super) fn of(reservation: &Reservation) -> Self {
        let cells = reservation.lines.iter().map(|line| (line.sku, line.location)).collect();
        Self { state: reservation.state, texts: texts_of(reservation), cells }
    }
}

pub(super) fn text_key(digest: u32, id: u64) -> [u32; 3] {
    [digest, (id >> 32) as u32, id as u32]
}

pub(super) fn cell_key(sku: SkuId, location: LocationId, id: u64) -> [u32; 4] {
    [sku.0, location.0, (id >> 32) as u32, id as u32]
}

fn numbered<T: Default>(list: &mut Vec<T>, number: u32) -> &mut T {
    let number = number as usize;
    if list.len() <= number {
        list.resize_with(number + 1, T::default);
    }
    list.get_mut(number).expect("the list was just extended")
}

/// A filter in terms of the indexes.
pub(super) struct Wanted {
    pub(super) location: Option<LocationId>,
    pub(super) channel: Option<ChannelId>,
    pub(super) state: Option<ReservationState>,
    pub(super) texts: [Option<u32>; 3],
}
