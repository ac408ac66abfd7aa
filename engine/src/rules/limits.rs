//! The first rules of each kind, in three words.
//!
//! ```text
//!  safety stock  u64   rank (30 bits) | beats own (1) | percent (1) | amount (32)
//!  band          u64   rank (30 bits) |                 private (1) | few left (32)
//!  access        u32   rank (30 bits) | denied (1)
//! ```
//!
//! A rule's rank comes before its content, so the first of two rules is the smaller of two words: no branch is
//! mispredicted, and no rule is looked up, however many name a cell.

use std::hint::select_unpredictable;

use super::rule::OWN_CONDITIONS;
use super::rule::{Amount, Band, Effect, Kind, Rule};
use crate::level::{IN_QUARANTINE, StockLevel};

/// A rule's rank among those in force: the smaller one comes first.
pub(super) type Rank = u32;

/// No rule.
pub(super) const NO_RULE: Rank = (1 << 30) - 1;

const RANK_SHIFT: u32 = 34;
const BEATS_OWN: u64 = 1 << 33;
/// For a safety stock: the amount is a percentage. For a band: the number is private.
const FLAG: u64 = 1 << 32;

/// The terms of one channel in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    safety_stock: u64,
    band: u64,
    access: u32,
}

impl Limits {
    /// No rule is in force.
    pub const NONE: Self = Self {
        safety_stock: (NO_RULE as u64) << RANK_SHIFT,
        band: (NO_RULE as u64) << RANK_SHIFT,
        access: NO_RULE << 1,
    };

    /// The terms of one rule alone.
    pub(super) fn of(rank: Rank, rule: &Rule) -> Self {
        let word =
            |flag: bool, amount: u32| (u64::from(rank) << RANK_SHIFT) | if flag { FLAG } else { 0 } | u64::from(amount);
        let beats_own = if rule.conditions.count() >= OWN_CONDITIONS { BEATS_OWN } else { 0 };
        match rule.effect {
            Effect::SafetyStock(Amount::Units(units)) => {
                Self { safety_stock: word(false, units) | beats_own, ..Self::NONE }
            }
            Effect::SafetyStock(Amount::Percent(percent)) => {
                Self { safety_stock: word(true, u32::from(percent)) | beats_own, ..Self::NONE }
            }
            Effect::Band { few_left, exact } => Self { band: word(!exact, few_left), ..Self::NONE },
            Effect::Access(allow) => Self { access: (rank << 1) | u32::from(!allow), ..Self::NONE },
            // Rules of the other kinds are looked up on demand.
            _ => Self::NONE,
        }
    }

    /// The first rules of both.
    #[inline]
    pub(super) fn first(self, other: Self) -> Self {
        Self {
            safety_stock: self.safety_stock.min(other.safety_stock),
            band: self.band.min(other.band),
            access: self.access.min(other.access),
        }
    }

    /// The first rule of a hot kind.
    pub(super) fn rank(&self, kind: Kind) -> Option<Rank> {
        let rank = match kind {
            Kind::SafetyStock => (self.safety_stock >> RANK_SHIFT) as Rank,
            Kind::Band => (self.band >> RANK_SHIFT) as Rank,
            Kind::Access => self.access >> 1,
            _ => NO_RULE,
        };
        (rank != NO_RULE).then_some(rank)
    }

    /// The same without the rules' ranks, so that equal terms are stored once.
    pub(super) fn anonymous(self) -> Self {
        let what = BEATS_OWN | (BEATS_OWN - 1);
        Self { safety_stock: self.safety_stock & what, band: self.band & what, access: self.access & 1 }
    }

    /// Whether the channel may not sell here.
    #[inline]
    pub fn is_denied(&self) -> bool {
        self.access & 1 != 0
    }

    /// Units held back from every channel if the cell is at `level` and has `own` from its own stock row.
    #[inline]
    pub(super) fn safety_stock(&self, level: StockLevel, own: u32) -> u32 {
        let amount = self.safety_stock as u32;
        let by_rule = if self.safety_stock & FLAG != 0 { level.share(amount) } else { amount };
        select_unpredictable(self.beats(own), by_rule, own)
    }

    /// Whether the terms only hold units back, so that [`units`](Self::units) is the whole result.
    pub(super) fn are_only_units(&self) -> bool {
        let nothing = Self::NONE.anonymous();
        let Self { safety_stock, band, access } = self.anonymous();
        safety_stock & FLAG == 0 && (band, access) == (nothing.band, nothing.access)
    }

    /// [`safety_stock`](Self::safety_stock) if it is not a percentage.
    #[inline]
    pub(super) fn units(&self, own: u32) -> u32 {
        select_unpredictable(self.beats(own), self.safety_stock as u32, own)
    }

    /// Whether the rule's safety stock applies in a cell that has `own`. No rule releases a quarantine.
    #[inline]
    pub(super) fn beats(&self, own: u32) -> bool {
        ((own == 0) | (self.safety_stock & BEATS_OWN != 0)) & (own != IN_QUARANTINE)
    }

    /// The band for `available` units, and whether the number may be shown.
    #[inline]
    pub(super) fn band(&self, available: u32) -> (Band, bool) {
        let band = match available {
            0 => Band::OutOfStock,
            units if units <= self.band as u32 => Band::FewLeft,
            _ => Band::InStock,
        };
        (band, self.band & FLAG == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Conditions;
    use proptest::prelude::*;

    fn some_effect() -> impl Strategy<Value = Effect> {
        prop_oneof![
            any::<u32>().prop_map(|units| Effect::SafetyStock(Amount::Units(units))),
            (0..=100u8).prop_map(|percent| Effect::SafetyStock(Amount::Percent(percent))),
            any::<bool>().prop_map(Effect::Access),
            (any::<u32>(), any::<bool>()).prop_map(|(few_left, exact)| Effect::Band { few_left, exact }),
        ]
    }

    proptest! {
        /// Folding the words finds the rules that going through the list would find, and they still say the same.
        #[test]
        fn first_rule_of_each_kind_wins(
            effects in proptest::collection::vec(some_effect(), 0..12),
            on_hand in 0..1_000i32,
            available: u32,
        ) {
            let rule = |effect: &Effect| {
                Rule { conditions: Conditions::default(), effect: *effect, starts_at: None, ends_at: None }
            };
            let words = (0..).zip(&effects).map(|(rank, effect)| Limits::of(rank, &rule(effect)));
            let limits = words.fold(Limits::NONE, Limits::first);
            let first = |kind: Kind| (0..).zip(&effects).find(|(_, effect)| effect.kind() == kind);
            for kind in [Kind::SafetyStock, Kind::Access, Kind::Band] {
                prop_assert_eq!(limits.rank(kind), first(kind).map(|(rank, _)| rank));
            }
            let level = StockLevel { on_hand, reserved: 0 };
            let units = match first(Kind::SafetyStock) {
                Some((_, Effect::SafetyStock(amount))) => amount.units(level),
                _ => 0,
            };
            prop_assert_eq!((limits.safety_stock(level, 0), limits.safety_stock(level, 7)), (units, 7));
            prop_assert_eq!(limits.is_denied(), first(Kind::Access).is_some_and(|(_, effect)| effect.denies()));
            let (few, told) = match first(Kind::Band) {
                Some((_, Effect::Band { few_left, exact })) => (*few_left, *exact),
                _ => (0, true),
            };
            let band = match available {
                0 => Band::OutOfStock,
                units if units <= few => Band::FewLeft,
                _ => Band::InStock,
            };
            prop_assert_eq!(limits.band(available), (band, told));
        }
    }
}
