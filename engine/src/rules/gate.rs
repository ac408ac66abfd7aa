//! What a promise must pass in one cell: safety stock, buffer, access. Admission, decision and reading ask the same gate,
//! so what is shown as available and what is refused are one arithmetic.

use super::{RuleId, Standing, Terms};
use crate::level::{Constraint, StockLevel};

/// The gate of one channel in one cell.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    terms: Terms<'a>,
    own_safety_stock: u32,
    buffer: u32,
}

impl<'a> Gate<'a> {
    /// Of the terms that hold, the cell's own safety stock, and the units that the channel leaves to others.
    #[inline]
    pub fn new(terms: Terms<'a>, own_safety_stock: u32, buffer: u32) -> Self {
        Self { terms, own_safety_stock, buffer }
    }

    /// Units that may be promised of a cell that holds `level`.
    #[inline]
    pub fn available(&self, level: StockLevel) -> u32 {
        if self.terms.is_denied() {
            return 0;
        }
        level.available(self.terms.floor(level, self.own_safety_stock, self.buffer))
    }

    /// Units above the floor, negative below it; none where the channel may not sell.
    pub fn free(&self, level: StockLevel) -> Option<i64> {
        let floor = self.terms.floor(level, self.own_safety_stock, self.buffer);
        (!self.terms.is_denied()).then_some(level.free() - floor.units())
    }

    /// The level after promising `quantity` more.
    ///
    /// # Errors
    /// What keeps it from being promised.
    #[inline]
    pub fn reserve(&self, level: StockLevel, quantity: u32) -> Result<StockLevel, Constraint> {
        if self.terms.is_denied() {
            return Err(Constraint::Access);
        }
        level.reserve(quantity, self.terms.floor(level, self.own_safety_stock, self.buffer))
    }

    /// Units held back from every channel.
    #[inline]
    pub fn safety_stock(&self, level: StockLevel) -> u32 {
        self.terms.safety_stock(level, self.own_safety_stock)
    }

    /// The terms behind it.
    pub fn terms(&self) -> Terms<'a> {
        self.terms
    }

    /// The rule behind a refusal, where one is.
    pub fn rule_behind(&self, constraint: Constraint) -> Option<RuleId> {
        let standing: Option<&Standing> = match constraint {
            Constraint::Access => self.terms.denied_by(),
            Constraint::SafetyStock => self.terms.safety_rule(self.own_safety_stock),
            Constraint::OnHand
            | Constraint::Reserved
            | Constraint::Buffer
            | Constraint::UnknownCell
            | Constraint::Quota
            | Constraint::Group
            | Constraint::Supply
            | Constraint::Capacity => None,
        };
        standing.map(|standing| standing.id)
    }
}
