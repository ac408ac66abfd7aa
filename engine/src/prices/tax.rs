//! Tax classes: at which rate something is taxed, by place.

use serde::{Deserialize, Serialize};

use crate::ids::{GroupId, LocationId};

/// The class of a SKU of which nothing is said.
pub const STANDARD: &str = "standard";

/// Rates of one class.
pub const RATES_MAX: usize = 1000;

/// The highest rate, in hundredths of a percent.
pub const RATE_MAX: u32 = 100_000;

/// A rate, and where it holds: where every condition that it names does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// In hundredths of a percent.
    pub rate: u32,
    /// Only at these locations.
    pub locations: Vec<LocationId>,
    /// Only at the locations of these groups.
    pub groups: Vec<GroupId>,
}

impl Rate {
    /// How many conditions it names.
    pub fn conditions(&self) -> usize {
        usize::from(!self.locations.is_empty()) + usize::from(!self.groups.is_empty())
    }
}

/// A tax class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxClass {
    /// What people call it.
    pub name: Option<String>,
    /// Its rates: of those that hold at a place, the one with the most conditions counts, then the first.
    pub rates: Vec<Rate>,
}
