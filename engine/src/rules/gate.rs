//! The gate of a promise in one cell: safety stock, buffer, access. Admission, decision and reading use the same gate,
//! so that shown availability and refusals agree.

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

    /// Units that may be promised in a cell at `level`.
    #[inline]
    pub fn available(&self, level: StockLevel) -> u32 {
        let available = level.available(self.floor(level));
        select_unpredictable(self.limits.is_denied(), 0, available)
    }

    /// Units that must stay available; `None` if the channel may not sell.
    pub fn floor_units(&self, level: StockLevel) -> Option<i64> {
        (!self.limits.is_denied()).then_some(self.floor(level).units())
    }

    /// The level after a promise of `quantity`.
    ///
    /// # Errors
    /// The constraint.
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

    /// Units beyond those that the channel must leave to others: all available ones if it may not sell.
    #[inline]
    pub fn buffer(&self, level: StockLevel) -> u32 {
        let left = (level.free() - i64::from(self.safety_stock(level))).max(i64::from(self.buffer)) as u32;
        select_unpredictable(self.limits.is_denied(), left, self.buffer)
    }

    /// The floor.
    #[inline]
    fn floor(&self, level: StockLevel) -> Floor {
        Floor { safety_stock: self.safety_stock(level), buffer: self.buffer }
    }

    /// The band for `available` units, and whether the number may be shown.
    #[inline]
    pub fn band(&self, available: u32) -> (Band, bool) {
        self.limits.band(available)
    }
}

impl Limits {
    /// The gate of a cell whose stock row has a safety stock, for a channel with a buffer of `buffer` units.
    #[inline]
    pub fn gate(self, own_safety_stock: u32, buffer: u32) -> Gate {
        Gate::new(self, own_safety_stock, buffer)
    }
}
