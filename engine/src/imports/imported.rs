//! The end of an import, as an event tells it.

use serde::{Deserialize, Serialize};

/// What an import loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ImportKind {
    /// Locations and the groups they are in.
    Locations,
    /// Groups and their members.
    Groups,
    /// The catalogue.
    Skus,
    /// Counts of stock.
    Stock,
    /// Prices.
    Prices,
    /// Rules.
    Rules,
    /// What is to come.
    Supply,
    /// Channels and their buffers; since format 6.
    Channels,
}

impl ImportKind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Locations => "locations",
            Self::Groups => "groups",
            Self::Skus => "skus",
            Self::Stock => "stock",
            Self::Prices => "prices",
            Self::Rules => "rules",
            Self::Supply => "supply",
            Self::Channels => "channels",
        }
    }
}

/// An import came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// What was loaded.
    pub kind: ImportKind,
    /// Rows that changed something.
    pub accepted: u64,
    /// Rows that said what was known.
    pub unchanged: u64,
    /// Rows that were refused.
    pub rejected: u64,
    /// Why, for the first of them.
    pub errors: Vec<RowError>,
}

/// Why a row of an import was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// Line of the file, from 1.
    pub line: u64,
    /// The column, where one is to blame.
    pub field: Option<String>,
    /// What is wrong, and what would be right.
    pub reason: String,
}
