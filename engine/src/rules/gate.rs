//! What a promise must pass in one cell: safety stock, buffer, access. Admission, decision and reading ask the same gate,
//! so what is shown as available and what is refused are one arithmetic.

use std::hint::select_unpredictable;

use super::Limits;
use super::rule::Band;
use crate::level::{Constraint, Floor, StockLevel};

/// The gate of one channel in one cell.
#[derive(Debug, Clone, Copy)]
pub struct Gate {
    limits: Limits,
    own_safety_stock: u32,
    buffer: u32,
}

impl Gate {
    #[inline]
    pub(super) fn new(limits: Limits, own_safety_stock: u32, buffer: u32) -> Self {
        Self { limits, own_safety_stock, buffer }
    }

    /// Units that may be promised of a cell that holds `level`.
    #[inline]
    pub fn available(&self, level: StockLevel) -> u32 {
        let available = level.available(self.floor(level));
        select_unpredictable(self.limits.is_denied(), 0, available)
    }

    /// Units that must remain free; none where the channel may not sell.
    pub fn floor_units(&self, level: StockLevel) -> Option<i64> {
        (!self.limits.is_denied()).then_some(self.floor(level).units())
    }

    /// The level after promising `quantity` more.
    ///
    /// # Errors
    /// What keeps it from being promised.
    #[inline]
    pub fn reserve(&self, level: StockLevel, quantity: u32) -> Result<StockLevel, Constraint> {
        if self.limits.is_denied() {
            return Err(Constraint::Access);
        }
        level.reserve(quantity, self.floor(level))
    }

    /// Units held back from every channel.
    #[inline]
    pub fn safety_stock(&self, level: StockLevel) -> u32 {
        self.limits.safety_stock(level, self.own_safety_stock)
    }

    /// Units that the channel must leave to others beyond those: all that are free where it may not sell.
    #[inline]
    pub fn buffer(&self, level: StockLevel) -> u32 {
        let left = (level.free() - i64::from(self.safety_stock(level))).max(i64::from(self.buffer)) as u32;
        select_unpredictable(self.limits.is_denied(), left, self.buffer)
    }

    /// What must remain free.
    #[inline]
    fn floor(&self, level: StockLevel) -> Floor {
        Floor { safety_stock: self.safety_stock(level), buffer: self.buffer }
    }

    /// How much there is if `available` units are, and whether the number may be told.
    #[inline]
    pub fn band(&self, available: u32) -> (Band, bool) {
        self.limits.band(available)
    }
}

impl Limits {
    /// The gate of a cell whose stock row has a safety stock of its own, for a channel that leaves `buffer` units to others.
    #[inline]
    pub fn gate(self, own_safety_stock: u32, buffer: u32) -> Gate {
        Gate::new(self, own_safety_stock, buffer)
    }
}
