//! A rule: its conditions and its effect.

use serde::{Deserialize, Serialize};

use crate::catalogue::{LocationKind, SkuDetails};
use crate::ids::{ChannelId, GroupId, LocationId, Name, SkuId, Timestamp};
use crate::level::StockLevel;

/// A rule's number in the table of rules. It is never reused, so its counts stay its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleId(pub u32);

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its conditions.
    pub conditions: Conditions,
    /// Its effect.
    pub effect: Effect,
    /// The time from which it applies; always, if left out.
    pub starts_at: Option<Timestamp>,
    /// The time at which it ends; exclusive.
    pub ends_at: Option<Timestamp>,
}

/// The conditions of a rule: all dimensions that it names must match, each with any of its values. Every list is
/// sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// These SKUs.
    pub skus: Vec<SkuId>,
    /// SKUs in these categories.
    pub categories: Vec<String>,
    /// SKUs with these attributes.
    pub attributes: Vec<(String, String)>,
    /// These locations.
    pub locations: Vec<LocationId>,
    /// Locations in these groups.
    pub groups: Vec<GroupId>,
    /// Locations of these kinds.
    pub kinds: Vec<LocationKind>,
    /// These channels.
    pub channels: Vec<ChannelId>,
}

/// The effect of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Holds units back from every channel, or from the named ones.
    SafetyStock(Amount),
    /// Allows or forbids sales.
    Access(bool),
    /// Shows shoppers a band instead of the number.
    Band {
        /// Up to this number of units, the band is few left.
        few_left: u32,
        /// Whether numbers are shown as well.
        exact: bool,
    },
    /// Keeps a share of a SKU's units in all places of the rule for its channels. Promises through them count against
    /// it while the rule is in force, also after they were collected.
    Quota {
        /// The share: units, or a percentage of units on hand and collected under quotas of these places.
        share: Amount,
        /// The minimum number of units, if the share is a percentage.
        minimum: u32,
        /// Whether its channels may also use units that no quota keeps for another.
        spill_over: bool,
    },
    /// Allows promises in each cell beyond units on hand and known inbound supply.
    Backorder {
        /// The maximum number of units beyond supply.
        units: u32,
        /// Promises are dated this many days later.
        lead_days: u16,
    },
    /// The same before sales begin.
    Preorder {
        /// The maximum number of units beyond supply.
        units: u32,
        /// Promises are dated to this time.
        available_at: Timestamp,
    },
    /// Limits the orders, for pickup or delivery, that a location accepts per day.
    Capacity {
        /// The number of orders.
        orders_per_day: u32,
    },
    /// Refuses delivery, but not pickup, of an order below a value.
    PickupOnly {
        /// In minor units.
        below: u64,
        /// ISO 4217.
        currency: [u8; 3],
    },
    /// Says which goods may come back.
    Returns {
        /// Whether they may at all.
        allow: bool,
        /// Days after the hand-over in which they may.
        days: u32,
        /// Whether they may without a sale.
        without_sale: bool,
    },
}

/// An amount of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Amount {
    /// A number of units.
    Units(u32),
    /// A percentage of units on hand, rounded up.
    Percent(u8),
}

/// The kind of an effect; rules of one kind compete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// [`Effect::SafetyStock`].
    SafetyStock,
    /// [`Effect::Access`].
    Access,
    /// [`Effect::Band`].
    Band,
    /// [`Effect::Quota`].
    Quota,
    /// [`Effect::Backorder`].
    Backorder,
    /// [`Effect::Preorder`].
    Preorder,
    /// [`Effect::Capacity`].
    Capacity,
    /// [`Effect::PickupOnly`].
    PickupOnly,
    /// [`Effect::Returns`].
    Returns,
}

impl Kind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SafetyStock => "safety_stock",
            Self::Access => "access",
            Self::Band => "band",
            Self::Quota => "quota",
            Self::Backorder => "backorder",
            Self::Preorder => "preorder",
            Self::Capacity => "capacity",
            Self::PickupOnly => "pickup_only",
            Self::Returns => "returns",
        }
    }

    /// Whether every promise is checked against it, so that the book finds the first of its kind at once.
    pub(crate) fn is_hot(self) -> bool {
        matches!(self, Self::SafetyStock | Self::Access | Self::Band)
    }
}

impl Effect {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::SafetyStock(_) => Kind::SafetyStock,
            Self::Access(_) => Kind::Access,
            Self::Band { .. } => Kind::Band,
            Self::Quota { .. } => Kind::Quota,
            Self::Backorder { .. } => Kind::Backorder,
            Self::Preorder { .. } => Kind::Preorder,
            Self::Capacity { .. } => Kind::Capacity,
            Self::PickupOnly { .. } => Kind::PickupOnly,
            Self::Returns { .. } => Kind::Returns,
        }
    }

    /// Whether it forbids sales.
    pub fn denies(&self) -> bool {
        *self == Self::Access(false)
    }
}

impl Amount {
    /// The number of units at `level`.
    #[inline]
    pub fn units(self, level: StockLevel) -> u32 {
        match self {
            Self::Units(units) => units,
            Self::Percent(percent) => level.share(u32::from(percent)),
        }
    }
}

/// Conditions that the safety stock of a cell's own stock row counts as: its SKU and its location.
pub(super) const OWN_CONDITIONS: usize = 2;

impl Conditions {
    /// The number of named dimensions.
    pub fn count(&self) -> usize {
        let named = [
            self.skus.is_empty(),
            self.categories.is_empty(),
            self.attributes.is_empty(),
            self.locations.is_empty(),
            self.groups.is_empty(),
            self.kinds.is_empty(),
            self.channels.is_empty(),
        ];
        named.iter().filter(|empty| !**empty).count()
    }

    /// Sorts every list, so that equal conditions compare equal.
    pub fn normalise(&mut self) {
        fn sort<T: Ord>(list: &mut Vec<T>) {
            list.sort_unstable();
            list.dedup();
        }
        sort(&mut self.skus);
        sort(&mut self.categories);
        sort(&mut self.attributes);
        sort(&mut self.locations);
        sort(&mut self.groups);
        self.kinds.sort_unstable_by_key(|kind| *kind as u8);
        self.kinds.dedup();
        sort(&mut self.channels);
    }

    /// Whether they name SKUs.
    pub fn name_skus(&self) -> bool {
        !(self.skus.is_empty() && self.categories.is_empty() && self.attributes.is_empty())
    }

    /// Whether they name places.
    pub fn name_places(&self) -> bool {
        !(self.locations.is_empty() && self.groups.is_empty() && self.kinds.is_empty())
    }

    /// Whether the SKU conditions match.
    pub fn hold_for_sku(&self, sku: SkuId, details: Option<&SkuDetails>) -> bool {
        let filed = |category: &String| details.is_some_and(|details| details.categories.contains(category));
        let has = |(key, value): &(String, String)| {
            details.is_some_and(|details| details.attributes.get(key).is_some_and(|have| have == value))
        };
        (self.skus.is_empty() || self.skus.binary_search(&sku).is_ok())
            && (self.categories.is_empty() || self.categories.iter().any(filed))
            && (self.attributes.is_empty() || self.attributes.iter().any(has))
    }

    /// Whether the place conditions match; `groups` are those of the location.
    pub fn hold_for_place(&self, location: LocationId, kind: LocationKind, groups: &[GroupId]) -> bool {
        (self.locations.is_empty() || self.locations.binary_search(&location).is_ok())
            && (self.groups.is_empty() || self.groups.iter().any(|group| groups.contains(group)))
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }

    /// Whether both name the same places.
    pub fn same_places(&self, other: &Self) -> bool {
        (&self.locations, &self.groups, &self.kinds) == (&other.locations, &other.groups, &other.kinds)
    }

    /// Whether the channel condition matches. No particular channel matches no named channel.
    #[inline]
    pub fn hold_for_channel(&self, channel: Option<ChannelId>) -> bool {
        self.channels.is_empty() || channel.is_some_and(|channel| self.channels.binary_search(&channel).is_ok())
    }
}

impl Rule {
    /// Whether it is in force at `now`.
    pub fn runs_at(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= now) && self.ends_at.is_none_or(|end| now < end)
    }

    /// The next time after `now` at which it begins or ends.
    pub fn next_activation(&self, now: Timestamp) -> Option<Timestamp> {
        [self.starts_at, self.ends_at].into_iter().flatten().filter(|turn| *turn > now).min()
    }

    /// The sort key among rules of its kind.
    pub fn rank<'a>(&self, name: &'a Name) -> (std::cmp::Reverse<usize>, u64, &'a str) {
        let ends = self.ends_at.map_or(u64::MAX, |end| end.0);
        (std::cmp::Reverse(self.conditions.count()), ends, name.as_str())
    }
}

/// A band, in place of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Band {
    /// Enough.
    InStock,
    /// Not many.
    FewLeft,
    /// None.
    OutOfStock,
}

impl Band {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InStock => "in_stock",
            Self::FewLeft => "few_left",
            Self::OutOfStock => "out_of_stock",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    fn rule(conditions: Conditions, ends_at: Option<u64>) -> Rule {
        let effect = Effect::SafetyStock(Amount::Units(1));
        Rule { conditions, effect, starts_at: None, ends_at: ends_at.map(Timestamp) }
    }

    #[test]
    fn most_conditions_then_soonest_to_end_then_id() {
        let sku = Conditions { skus: vec![SkuId(1), SkuId(2)], ..Conditions::default() };
        let both = Conditions { locations: vec![LocationId(1)], ..sku.clone() };
        let rules = [
            (named("e"), rule(sku.clone(), None)),
            (named("d"), rule(sku.clone(), None)),
            (named("c"), rule(sku.clone(), Some(9))),
            (named("b"), rule(sku, Some(5))),
            (named("z"), rule(both, None)),
        ];
        let mut order: Vec<_> = rules.iter().collect();
        order.sort_by(|a, b| a.1.rank(&a.0).cmp(&b.1.rank(&b.0)));
        assert_eq!(order.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["z", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_percentage_is_of_what_is_there_and_rounds_up() {
        let at = |on_hand| Amount::Percent(10).units(StockLevel { on_hand, reserved: 3 });
        assert_eq!([at(0), at(1), at(10), at(11), at(-5), at(2_000_000_000)], [0, 1, 1, 2, 0, 200_000_000]);
    }

    #[test]
    fn a_rule_runs_up_to_its_end_and_turns_twice() {
        let rule = Rule { starts_at: Some(Timestamp(10)), ..rule(Conditions::default(), Some(20)) };
        assert_eq!([9, 10, 19, 20].map(|now| rule.runs_at(Timestamp(now))), [false, true, true, false]);
        let turns = [9, 10, 19, 20].map(|now| rule.next_activation(Timestamp(now)).map(|turn| turn.0));
        assert_eq!(turns, [Some(10), Some(20), Some(20), None]);
    }
}
