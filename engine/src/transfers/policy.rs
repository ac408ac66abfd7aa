//! Policies of replenishment, and the results of their runs.

use serde::{Deserialize, Serialize};

use crate::ids::{GroupId, LocationId, Name, SkuId, Timestamp};

/// The criterion of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PolicyKind {
    /// A position below `min` is raised to `max`.
    MinMax,
    /// As `MinMax`, in days that the position lasts at the rate of sale.
    DaysOfCover,
    /// From locations with idle or excess stock to locations that sell the SKU.
    Rebalance,
}

impl PolicyKind {
    /// All kinds.
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

/// The source of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Giver {
    /// One location.
    Location(LocationId),
    /// The locations of a group, those with the most days of cover first.
    Group(GroupId),
}

/// A policy of replenishment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its criterion.
    pub kind: PolicyKind,
    /// Locations that it supplies.
    pub to_locations: Vec<LocationId>,
    /// Groups whose locations it supplies.
    pub to_groups: Vec<GroupId>,
    /// The sources, in the order in which they are used.
    pub from: Vec<Giver>,
    /// These SKUs; empty for all.
    pub skus: Vec<SkuId>,
    /// SKUs in one of these categories; empty for all.
    pub categories: Vec<String>,
    /// SKUs with one of these attributes; empty for all.
    pub attributes: Vec<(String, String)>,
    /// Units below which a position is raised; for the source of a rebalance, the units that stay.
    pub min: Option<u32>,
    /// The target in units.
    pub max: Option<u32>,
    /// Days of cover below which a position is raised.
    pub cover_days_min: Option<u32>,
    /// The target in days of cover; for a rebalance, the days above which a location gives.
    pub cover_days_max: Option<u32>,
    /// Days without a sale after which a location gives.
    pub idle_days: Option<u32>,
    /// Units that are moved together.
    pub pack: u32,
    /// Whether its transfers are made ready at once.
    pub ready: bool,
    /// The minute of the day of its automatic run, in the receiver's own time.
    pub at: Option<u16>,
    /// When it takes effect.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
}

impl Policy {
    /// A policy with only a kind.
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

    /// Whether it is in force at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= now) && self.ends_at.is_none_or(|end| now < end)
    }
}

/// A policy was set or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySet {
    /// Its id.
    pub name: Name,
    /// Its content; `None` if it was removed.
    pub policy: Option<Policy>,
}

/// The need of one cell in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunItem {
    /// The SKU.
    pub sku: SkuId,
    /// The location that needs units.
    pub location: LocationId,
    /// Units needed.
    pub wanted: u32,
    /// Units assigned.
    pub given: u32,
}

/// A run of replenishment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub name: Name,
    /// The number of transfers that it created.
    pub made: u32,
    /// The number of cells that got less than they need.
    pub short: u32,
    /// The examined cells, short ones first: up to 10,000.
    pub items: Vec<RunItem>,
}
