//! One cell in memory: two words of stock and their metadata, 32 bytes, two cells per cache line.
//!
//! ```text
//!  promise  u64   what any thread may compare-and-swap: durable stock, less every debit in flight
//!  durable  u64   the exact fold of the log at the visible seq; written with the one `MatrixWriter`
//!  place    u64   counted_at (42 bits, ms) | location (22 bits); the location never changes
//!  sku      u32   never changes
//!  safety   u32   units held back from every channel
//! ```
//!
//! Promises are admitted on the first word and decided on the second. Why all orderings here are `Relaxed`:
//! - *promise* orders nothing but itself. After its swap, an admission pushes a command on the queue, whose release and
//!   acquire order everything else; and the decision is made again on words that only the decider writes.
//! - *durable*, *counted_at* and *safety* are read inside [`DurableView::read`](crate::view::DurableView::read), whose
//!   fences order them; a reader that raced with a fold discards its values.
//! - *place* and *sku* are written before the index entry of the cell is published with `Release`
//!   ([`row`](crate::row)), and are read after that entry was loaded with `Acquire`.

use std::sync::atomic::Ordering::Relaxed;

use crate::ids::{LocationId, SkuId, Timestamp};
use crate::level::{Constraint, Floor, StockChange, StockLevel};
use crate::sync::{AtomicU32, AtomicU64};
use crate::writer::MatrixWriter;

const LOCATION_BITS: u32 = 22;

/// The atomics of one (SKU, location).
#[derive(Debug, Default)]
#[repr(align(32))]
pub struct StockCell {
    promise: AtomicU64,
    durable: AtomicU64,
    place: AtomicU64,
    sku: AtomicU32,
    safety_stock: AtomicU32,
}

impl StockCell {
    #[inline]
    pub(crate) fn place(&self, sku: SkuId, location: LocationId) {
        self.sku.store(sku.0, Relaxed);
        self.place.store(u64::from(location.0), Relaxed);
    }

    /// The SKU of the cell.
    #[inline]
    pub fn sku(&self) -> SkuId {
        SkuId(self.sku.load(Relaxed))
    }

    /// The location of the cell.
    #[inline]
    pub fn location(&self) -> LocationId {
        LocationId((self.place.load(Relaxed) & ((1 << LOCATION_BITS) - 1)) as u32)
    }

    /// The time of the last count; 0 for never.
    #[inline]
    pub fn counted_at(&self) -> Timestamp {
        Timestamp(self.place.load(Relaxed) >> LOCATION_BITS)
    }

    /// Safety stock.
    #[inline]
    pub fn safety_stock(&self) -> u32 {
        self.safety_stock.load(Relaxed)
    }

    /// The fold of the log. Exact at one `seq` when read inside the durable view.
    #[inline]
    pub fn durable(&self) -> StockLevel {
        StockLevel::unpack(self.durable.load(Relaxed))
    }

    /// The word that admissions use: it never grants more than the durable log.
    #[inline]
    pub fn promised(&self) -> StockLevel {
        StockLevel::unpack(self.promise.load(Relaxed))
    }

    /// Takes `quantity` for a promise unless this violates `floor`. No two callers ever get the same unit.
    ///
    /// # Errors
    /// The constraint that was short.
    #[inline]
    pub fn admit(&self, quantity: u32, floor: Floor) -> Result<(), Constraint> {
        self.admit_by(|level| level.reserve(quantity, floor))
    }

    /// The same with a floor that depends on the level.
    ///
    /// # Errors
    /// Whatever `promise` returns for the level at that moment.
    #[inline]
    pub fn admit_by<E>(&self, promise: impl Fn(StockLevel) -> Result<StockLevel, E>) -> Result<(), E> {
        let mut seen = self.promise.load(Relaxed);
        loop {
            let after = promise(StockLevel::unpack(seen))?;
            match self.promise.compare_exchange_weak(seen, after.pack(), Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
    }

    /// Adds `change` to the promise word without a check: for an unconditional debit, a release, or a credit that
    /// became durable. One addition changes both halves: units that lower `reserved` were added to it before, so the
    /// lower half never borrows from the upper one; the upper half may wrap while changes are in flight.
    #[inline]
    pub fn adjust_promise(&self, change: StockChange) {
        let both = (change.on_hand << 32).wrapping_add(change.reserved);
        let before = self.promise.fetch_add(both.cast_unsigned(), Relaxed);
        debug_assert_eq!(
            StockLevel::unpack(before.wrapping_add(both.cast_unsigned())),
            StockLevel::unpack(before).wrapping_add(change),
            "no half borrows from the other"
        );
    }

    /// Inside a fold: sets the level that the log now grants.
    #[inline]
    pub fn fold_level(&self, _: &MatrixWriter, level: StockLevel) {
        self.durable.store(level.pack(), Relaxed);
    }

    /// Inside a fold: sets `counted_at` after a count.
    #[inline]
    pub fn fold_counted_at(&self, _: &MatrixWriter, counted_at: Timestamp) {
        let location = self.place.load(Relaxed) & ((1 << LOCATION_BITS) - 1);
        self.place.store((counted_at.0.min(Timestamp::MAX.0) << LOCATION_BITS) | location, Relaxed);
    }

    /// Inside a fold: sets the safety stock.
    #[inline]
    pub fn fold_safety_stock(&self, _: &MatrixWriter, safety_stock: u32) {
        self.safety_stock.store(safety_stock, Relaxed);
    }

    /// Only before serving: nothing is in flight, so the promise word becomes the durable one.
    #[inline]
    pub fn rebuild_promise(&self, _: &MatrixWriter) {
        self.promise.store(self.durable.load(Relaxed), Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_half_a_cache_line() {
        assert_eq!(size_of::<StockCell>(), 32);
        const { assert!(crate::ids::LOCATIONS_MAX < 1 << LOCATION_BITS) };
    }

    #[test]
    fn counting_does_not_move_a_cell() {
        let cell = StockCell::default();
        cell.place(SkuId(7), LocationId(131_000));
        cell.fold_counted_at(&MatrixWriter::new(), Timestamp::MAX);
        assert_eq!((cell.sku(), cell.location(), cell.counted_at()), (SkuId(7), LocationId(131_000), Timestamp::MAX));
    }

    #[test]
    fn one_addition_serves_both_halves() {
        let cell = StockCell::default();
        let changes = [(5, 0), (-7, 2), (0, 3), (1, -4), (-3, -1), (4, 0)];
        let mut model = StockLevel::default();
        for (on_hand, reserved) in changes {
            let change = StockChange { on_hand, reserved };
            cell.adjust_promise(change);
            model = model.wrapping_add(change);
            assert_eq!(cell.promised(), model, "after {change:?}");
        }
    }

    #[test]
    fn last_unit_is_granted_once() {
        let cell = StockCell::default();
        cell.adjust_promise(StockChange::bring(1000));
        let granted: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1000).filter(|_| cell.admit(1, Floor::default()).is_ok()).count()))
                .collect();
            takers.into_iter().map(|taker| taker.join().expect("takers do not panic")).sum()
        });
        assert_eq!(granted, 1000);
        assert_eq!(cell.promised(), StockLevel { on_hand: 1000, reserved: 1000 });
    }
}
