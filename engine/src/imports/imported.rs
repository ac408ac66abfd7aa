//! The end of an import in an event.

use serde::{Deserialize, Serialize};

/// The kind of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ImportKind {
    /// Locations and their groups.
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
    /// Inbound supply.
    Supply,
    /// Channels and their buffers; since format 6.
    Channels,
    /// Sales of before this log; since format 9.
    Sales,
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
            Self::Sales => "sales",
        }
    }
}

/// An import ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// The kind of the rows.
    pub kind: ImportKind,
    /// Rows that changed something.
    pub accepted: u64,
    /// Rows without a change.
    pub unchanged: u64,
    /// Rejected rows.
    pub rejected: u64,
    /// The first errors.
    pub errors: Vec<RowError>,
}

/// Why a row of an import was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// Line of the file, from 1.
    pub line: u64,
    /// The column, if the error concerns one.
    pub field: Option<String>,
    /// What is wrong, and the remedy.
    pub reason: String,
}
