//! What holds in every cell of a SKU, found out once for each class of SKUs and channel: whoever reads a SKU in all its
//! stores, and is in many, then looks up a byte a store. Classes are few, and a book has room for so many bytes of this; beyond them,
//! each cell is asked about as it comes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustc_hash::FxHashMap;

use crate::ids::LocationId;
use crate::rules::Limits;

/// Bytes that one book may spend on whole rows.
const ROOM: usize = 64 << 20;

/// The rules' numbers for one channel in every cell of one class of SKUs.
#[derive(Debug)]
pub struct WholeRow {
    /// Location by location, then that of all others: which of the distinct ones hold.
    at: Box<[u8]>,
    /// As many as a byte tells apart, so that no byte leads astray.
    distinct: Box<[Limits; 256]>,
    /// Whether no rule does more than hold units back.
    only_units: bool,
}

/// The whole rows of one class of SKUs, column by column; none where there was no room.
pub(super) type WholeRows = Box<[OnceLock<Option<Box<WholeRow>>>]>;

/// What is left of a book's room.
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
    /// It is worth finding out for a SKU that is in at least one of so many locations.
    pub(super) const WORTH: usize = 8;

    /// Finds out what holds at each of the first `locations`, and elsewhere.
    #[cold]
    pub(super) fn of(limits_at: impl Fn(LocationId) -> Limits, locations: usize, room: &Room) -> Option<Box<Self>> {
        let mut numbers = FxHashMap::default();
        let mut distinct = Box::new([Limits::NONE; 256]);
        // The one past those that are known stands for all that are not.
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

    /// What holds at `location`.
    #[inline]
    pub fn limits(&self, location: LocationId) -> Limits {
        let at = self.at.get((location.0 as usize).min(self.at.len() - 1)).copied().unwrap_or_default();
        self.distinct.get(usize::from(at)).copied().unwrap_or(Limits::NONE)
    }

    /// Whether no rule does more than hold units back, so that [`units`](Self::units) says all.
    #[inline]
    pub fn is_only_units(&self) -> bool {
        self.only_units
    }

    /// Units held back at `location` where the cell has `own` by its own stock row.
    #[inline]
    pub fn units(&self, location: LocationId, own: u32) -> u32 {
        self.limits(location).units(own)
    }
}
