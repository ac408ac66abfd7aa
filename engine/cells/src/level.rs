//! The arithmetic of one cell, as plain values.
//!
//! ```text
//!   63            32 31             0
//!  +----------------+----------------+
//!  |  on_hand: i32  |  reserved: u32 |      one 64-bit word
//!  +----------------+----------------+
//! ```
//!
//! This module knows nothing of threads, of the log or of rules: a floor is a number. `on_hand` may be negative: that
//! is a shortage which a till reported, not an error.

use serde::{Deserialize, Serialize};

/// The largest quantity of one line.
pub const LINE_QUANTITY_MAX: u32 = 1_000_000_000;

/// The bounds of a cell's `on_hand` in the log: inside an `i32`, with room for changes in flight.
pub const ON_HAND_RANGE: std::ops::RangeInclusive<i64> = -2_000_000_000..=2_000_000_000;

/// The lowest level that corrections and damage can reach: the range below is left to tills, whose sales are never
/// refused.
pub const CORRECTED_ON_HAND_MIN: i64 = -1_000_000_000;

/// Units of an untracked SKU that one cell can promise at the same time: as many as it has room for.
pub const UNCOUNTED_MAX: i64 = *ON_HAND_RANGE.end();

/// The safety stock of a cell in quarantine: more than a cell can hold, so nothing is available. A stock row cannot set
/// so much.
pub const IN_QUARANTINE: u32 = u32::MAX;

/// Units on hand, and units of them that are promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct StockLevel {
    /// Units physically present. Negative if more were sold than the books had.
    pub on_hand: i32,
    /// Units promised and on hand.
    pub reserved: u32,
}

/// A difference between two levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StockChange {
    /// Added to `on_hand`.
    pub on_hand: i64,
    /// Added to `reserved`.
    pub reserved: i64,
}

/// The units that must stay available in a cell after a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Floor {
    /// Held back from every channel.
    pub safety_stock: u32,
    /// Units that the channel leaves to others.
    pub buffer: u32,
}

/// What was short when a promise was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Constraint {
    /// Fewer units are on hand than requested.
    OnHand,
    /// They are on hand, but promised to others.
    Reserved,
    /// They are available, but held back as safety stock.
    SafetyStock,
    /// They are available, but the channel leaves them to others.
    Buffer,
    /// The location does not stock the SKU, or one of the two is unknown.
    UnknownCell,
    /// The cell would leave its 32 bits, or the location accepts no more orders that day.
    Capacity,
    /// The channel may not sell the SKU from there.
    Access,
    /// The units are kept for other channels, or the channel has used its share.
    Quota,
    /// The inbound supply up to that date is promised to others.
    Supply,
    /// No location of the group has the units, however the group's unallocated promises are moved.
    Group,
}

impl Constraint {
    /// Its name on the wire.
    #[inline]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnHand => "on_hand",
            Self::Reserved => "reserved",
            Self::SafetyStock => "safety_stock",
            Self::Buffer => "buffer",
            Self::UnknownCell => "unknown_cell",
            Self::Capacity => "capacity",
            Self::Access => "access",
            Self::Quota => "quota",
            Self::Group => "group",
            Self::Supply => "supply",
        }
    }
}

impl Floor {
    /// Units that must remain.
    #[inline]
    pub fn units(self) -> i64 {
        i64::from(self.safety_stock) + i64::from(self.buffer)
    }
}

impl StockLevel {
    /// Whether the cell has stock, a shortage, or promises.
    #[inline]
    pub fn is_stocked(self) -> bool {
        self.on_hand != 0 || self.reserved != 0
    }

    /// The level as one word.
    #[inline]
    pub fn pack(self) -> u64 {
        (u64::from(self.on_hand.cast_unsigned()) << 32) | u64::from(self.reserved)
    }

    /// The level of a word that [`StockLevel::pack`] made.
    #[inline]
    pub fn unpack(word: u64) -> Self {
        Self { on_hand: ((word >> 32) as u32).cast_signed(), reserved: word as u32 }
    }

    /// Units on hand and not promised; negative if promises exceed what is on hand.
    #[inline]
    pub fn free(self) -> i64 {
        i64::from(self.on_hand) - i64::from(self.reserved)
    }

    /// A percentage of the units on hand, rounded up.
    #[inline]
    pub fn share(self, percent: u32) -> u32 {
        let on_hand = u64::from(self.on_hand.max(0).unsigned_abs());
        (on_hand * u64::from(percent)).div_ceil(100) as u32
    }

    /// Units that can still be promised above `floor`.
    #[inline]
    pub fn available(self, floor: Floor) -> u32 {
        (self.free() - floor.units()).clamp(0, i64::from(u32::MAX)) as u32
    }

    /// Promised units that `on_hand` does not cover, plus units sold beyond it.
    #[inline]
    pub fn shortage(self) -> u32 {
        (-self.free()).clamp(0, i64::from(u32::MAX)) as u32
    }

    /// The level after a promise of `quantity`, if it respects the floor.
    ///
    /// # Errors
    /// The constraint that was short, the one nearest to the shelf first.
    #[inline]
    pub fn reserve(self, quantity: u32, floor: Floor) -> Result<Self, Constraint> {
        let wanted = i64::from(quantity);
        if self.free() - floor.units() >= wanted {
            return Ok(Self { reserved: self.reserved + quantity, ..self });
        }
        Err(if i64::from(self.on_hand) < wanted {
            Constraint::OnHand
        } else if self.free() < wanted {
            Constraint::Reserved
        } else if self.free() - i64::from(floor.safety_stock) < wanted {
            Constraint::SafetyStock
        } else {
            Constraint::Buffer
        })
    }

    /// Units that one line of an untracked SKU can still be promised.
    #[inline]
    pub fn uncounted_room(self) -> u32 {
        (UNCOUNTED_MAX - i64::from(self.on_hand)).clamp(0, LINE_QUANTITY_MAX.into()) as u32
    }

    /// The level after `change`, or `None` if it would leave the bounds of a cell.
    #[must_use]
    #[inline]
    pub fn checked_add(self, change: StockChange) -> Option<Self> {
        let on_hand = i64::from(self.on_hand) + change.on_hand;
        let reserved = i64::from(self.reserved) + change.reserved;
        if !ON_HAND_RANGE.contains(&on_hand) {
            return None;
        }
        let after = Self { on_hand: on_hand as i32, reserved: u32::try_from(reserved).ok()? };
        debug_assert_eq!(after.since(self), change, "the level after a change is the level before plus the change");
        Some(after)
    }

    /// The level after `change`, each half modulo 2^32.
    ///
    /// For promise words, which admit and never decide: a half may wrap while changes are in flight, and is exact again
    /// when all of them are in the log; decisions use a level that cannot wrap.
    #[must_use]
    #[inline]
    pub fn wrapping_add(self, change: StockChange) -> Self {
        Self {
            on_hand: self.on_hand.wrapping_add(change.on_hand as i32),
            reserved: self.reserved.wrapping_add(change.reserved as u32),
        }
    }

    /// The difference from `earlier` to this level.
    #[inline]
    pub fn since(self, earlier: Self) -> StockChange {
        StockChange {
            on_hand: i64::from(self.on_hand) - i64::from(earlier.on_hand),
            reserved: i64::from(self.reserved) - i64::from(earlier.reserved),
        }
    }
}

impl StockChange {
    /// Nothing.
    pub const NONE: Self = Self { on_hand: 0, reserved: 0 };

    /// Units promised.
    #[inline]
    pub fn reserve(quantity: u32) -> Self {
        Self { on_hand: 0, reserved: i64::from(quantity) }
    }

    /// Promised units of an untracked SKU: the promise creates them, and they vanish with it.
    #[inline]
    pub fn conjure(quantity: u32) -> Self {
        Self { on_hand: i64::from(quantity), reserved: i64::from(quantity) }
    }

    /// Units brought (positive) or taken (negative).
    #[inline]
    pub fn bring(on_hand: i64) -> Self {
        Self { on_hand, reserved: 0 }
    }

    /// Whether it changes nothing.
    #[inline]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// This change minus the part that `part` did already.
    #[must_use]
    #[inline]
    pub fn minus(self, part: Self) -> Self {
        Self { on_hand: self.on_hand - part.on_hand, reserved: self.reserved - part.reserved }
    }

    /// The sum of both changes.
    #[must_use]
    #[inline]
    pub fn plus(self, other: Self) -> Self {
        Self { on_hand: self.on_hand + other.on_hand, reserved: self.reserved + other.reserved }
    }

    /// The change that undoes this one.
    #[must_use]
    #[inline]
    pub fn inverse(self) -> Self {
        Self::NONE.minus(self)
    }

    /// Units by which it lowers what is available; 0 if it does not.
    #[inline]
    pub fn debit(self) -> i64 {
        (self.reserved - self.on_hand).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NO_FLOOR: Floor = Floor { safety_stock: 0, buffer: 0 };

    fn level(on_hand: i32, reserved: u32) -> StockLevel {
        StockLevel { on_hand, reserved }
    }

    #[test]
    fn the_constraint_names_what_was_short() {
        let floor = Floor { safety_stock: 2, buffer: 3 };
        let cases = [
            (level(4, 0), 5, Constraint::OnHand),
            (level(8, 4), 5, Constraint::Reserved),
            (level(10, 4), 5, Constraint::SafetyStock),
            (level(10, 2), 5, Constraint::Buffer),
            (level(-1, 0), 1, Constraint::OnHand),
        ];
        for (level, quantity, constraint) in cases {
            assert_eq!(level.reserve(quantity, floor), Err(constraint), "{level:?}");
        }
        assert_eq!(level(10, 0).reserve(5, floor), Ok(level(10, 5)));
    }

    #[test]
    fn extremes_neither_wrap_nor_panic() {
        let top = level(i32::MAX, 0);
        assert_eq!(top.available(NO_FLOOR), i32::MAX as u32);
        assert_eq!(level(i32::MIN, u32::MAX).available(NO_FLOOR), 0);
        assert_eq!(level(i32::MIN, u32::MAX).shortage(), u32::MAX);
        assert_eq!(level(2_000_000_000, 0).checked_add(StockChange::bring(1)), None);
        assert_eq!(level(0, 0).checked_add(StockChange { on_hand: 0, reserved: -1 }), None);
    }

    proptest! {
        #[test]
        fn packing_is_lossless(on_hand: i32, reserved: u32) {
            prop_assert_eq!(StockLevel::unpack(level(on_hand, reserved).pack()), level(on_hand, reserved));
        }

        #[test]
        fn a_granted_promise_leaves_the_floor(
            on_hand: i32, reserved in 0..u32::MAX / 2, quantity in 1..=LINE_QUANTITY_MAX,
            safety_stock in 0..1000u32, buffer in 0..1000u32,
        ) {
            let floor = Floor { safety_stock, buffer };
            let before = level(on_hand, reserved);
            match before.reserve(quantity, floor) {
                Ok(after) => {
                    prop_assert!(after.free() >= floor.units());
                    prop_assert_eq!(after.since(before), StockChange::reserve(quantity));
                }
                Err(_) => prop_assert!(before.available(floor) < quantity),
            }
        }

        #[test]
        fn wrapping_halves_come_back(on_hand: i32, reserved: u32, a in -1_000_000_000i64..1_000_000_000, b: u32) {
            let change = StockChange { on_hand: a, reserved: i64::from(b) };
            let start = level(on_hand, reserved);
            prop_assert_eq!(start.wrapping_add(change).wrapping_add(change.inverse()), start);
        }
    }
}
