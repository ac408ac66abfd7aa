//! The terms in every cell of a SKU, computed once for each class of SKUs and channel: a reader of a SKU in many stores
//! then looks up one byte per store. Classes are few, and a book has a limited number of bytes for these rows; beyond
//! it, each cell is evaluated separately.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustc_hash::FxHashMap;

use crate::ids::LocationId;
use crate::rules::Limits;

/// Bytes that one book may use for complete rows.
const ROOM: usize = 64 << 20;

/// The rules' numbers for one channel in every cell of one class of SKUs.
#[derive(Debug)]
pub struct WholeRow {
    /// For each location, then for all others: the index of the distinct numbers.
    at: Box<[u8]>,
    /// At most as many as a byte distinguishes.
    distinct: Box<[Limits; 256]>,
    /// Whether no rule does more than hold units back.
    only_units: bool,
}

/// The complete rows of one class of SKUs, by column; `None` if there was no room.
pub(super) type WholeRows = Box<[OnceLock<Option<Box<WholeRow>>>]>;

/// The rest of a book's room.
#[derive(Debug)]
pub(super) struct Room(AtomicUsize);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicUsize::new(ROOM))
    }
}

impl Room {
    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

impl WholeRow {
    /// A row is worth computing for a SKU that is in at least one of this many locations.
    pub(super) const WORTH: usize = 8;

    /// Computes the terms at each of the first `locations`, and elsewhere.
    #[cold]
    pub(super) fn of(limits_at: impl Fn(LocationId) -> Limits, locations: usize, room: &Room) -> Option<Box<Self>> {
        let mut numbers = FxHashMap::default();
        let mut distinct = Box::new([Limits::NONE; 256]);
        // The entry after the known locations stands for all unknown ones.
        let at = (0..=locations as u32).map(|location| {
            let limits = limits_at(LocationId(location)).anonymous();
            let next = numbers.len();
            let number = *numbers.entry(limits).or_insert(next);
            *distinct.get_mut(number)? = limits;
            u8::try_from(number).ok()
        });
        let at = at.collect::<Option<Box<[u8]>>>()?;
        let only_units = distinct.iter().all(Limits::are_only_units);
        let bytes = at.len() + size_of::<[Limits; 256]>();
        room.take(bytes).then(|| Box::new(Self { at, distinct, only_units }))
    }

    /// The terms at `location`.
    #[inline]
    pub fn limits(&self, location: LocationId) -> Limits {
        let at = self.at.get((location.0 as usize).min(self.at.len() - 1)).copied().unwrap_or_default();
        self.distinct.get(usize::from(at)).copied().unwrap_or(Limits::NONE)
    }

    /// Whether no rule does more than hold units back, so that [`units`](Self::units) is the whole result.
    #[inline]
    pub fn is_only_units(&self) -> bool {
        self.only_units
    }

    /// Units held back at `location` if the cell has `own` from its own stock row.
    #[inline]
    pub fn units(&self, location: LocationId, own: u32) -> u32 {
        self.limits(location).units(own)
    }
}
