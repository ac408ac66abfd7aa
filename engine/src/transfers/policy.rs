//! Policies of replenishment, and what their runs came to.

use serde::{Deserialize, Serialize};

use crate::ids::{GroupId, LocationId, Name, SkuId, Timestamp};

/// What a policy goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PolicyKind {
    /// A position below `min` is brought to `max`.
    MinMax,
    /// The same in days that the position lasts at the rate of sale.
    DaysOfCover,
    /// From places where a SKU lies to places that sell it.
    Rebalance,
}

impl PolicyKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MinMax, Self::DaysOfCover, Self::Rebalance];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MinMax => "min_max",
            Self::DaysOfCover => "days_of_cover",
            Self::Rebalance => "rebalance",
        }
    }
}

/// Where a policy may take units from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Giver {
    /// One place.
    Location(LocationId),
    /// The places of a group, those with the most days of cover first.
    Group(GroupId),
}

/// A policy of replenishment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What it goes by.
    pub kind: PolicyKind,
    /// Places that it supplies.
    pub to_locations: Vec<LocationId>,
    /// Groups whose places it supplies.
    pub to_groups: Vec<GroupId>,
    /// Where it takes from, in the order in which they are asked.
    pub from: Vec<Giver>,
    /// These SKUs; empty for all.
    pub skus: Vec<SkuId>,
    /// SKUs in one of these categories; empty for all.
    pub categories: Vec<String>,
    /// SKUs with one of these attributes; empty for all.
    pub attributes: Vec<(String, String)>,
    /// Units below which a position is brought up; at the giver of a rebalance, what stays.
    pub min: Option<u32>,
    /// Units to which it is brought.
    pub max: Option<u32>,
    /// Days of cover below which a position is brought up.
    pub cover_days_min: Option<u32>,
    /// Days of cover to which it is brought; of a rebalance, those above which a place gives.
    pub cover_days_max: Option<u32>,
    /// Days without a sale after which a place gives.
    pub idle_days: Option<u32>,
    /// Units that are moved together.
    pub pack: u32,
    /// Whether its transfers are made ready at once.
    pub ready: bool,
    /// The minute of the day at which it runs by itself, in the receiver's own time.
    pub at: Option<u16>,
    /// From when on it holds.
    pub starts_at: Option<Timestamp>,
    /// Until when.
    pub ends_at: Option<Timestamp>,
}

impl Policy {
    /// One of which nothing is said but what it goes by.
    pub fn of(kind: PolicyKind) -> Self {
        Self {
            kind,
            to_locations: Vec::new(),
            to_groups: Vec::new(),
            from: Vec::new(),
            skus: Vec::new(),
            categories: Vec::new(),
            attributes: Vec::new(),
            min: None,
            max: None,
            cover_days_min: None,
            cover_days_max: None,
            idle_days: None,
            pack: 1,
            ready: false,
            at: None,
            starts_at: None,
            ends_at: None,
        }
    }

    /// Whether it holds at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= now) && self.ends_at.is_none_or(|end| now < end)
    }
}

/// A policy was set, or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySet {
    /// Its id.
    pub name: Name,
    /// What it says; none where it was removed.
    pub policy: Option<Policy>,
}

/// What a run could not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunItem {
    /// The SKU.
    pub sku: SkuId,
    /// The place that needs it.
    pub location: LocationId,
    /// Units that it needs.
    pub wanted: u32,
    /// Units that it gets.
    pub given: u32,
}

/// A run of replenishment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub name: Name,
    /// Transfers that it made.
    pub made: u32,
    /// Cells that got less than they need.
    pub short: u32,
    /// What it looked into, those that are short first: up to 10,000.
    pub items: Vec<RunItem>,
}
