//! Movements and counts of stock in events.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::kernel::cell_after::CellAfter;

/// The kind of a movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MovementKind {
    /// Goods arrived.
    Receipt,
    /// A till sold units.
    Sale,
    /// A customer returned units.
    Return,
    /// A correction of the books.
    Adjustment,
    /// Units can no longer be sold.
    Damage,
    /// A customer returned units that must be inspected: they are in quarantine.
    ReturnToInspect,
    /// A customer returned damaged units: they are in quarantine.
    ReturnDamaged,
}

impl MovementKind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Sale => "sale",
            Self::Return | Self::ReturnToInspect | Self::ReturnDamaged => "return",
            Self::Adjustment => "adjustment",
            Self::Damage => "damage",
        }
    }
}

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The kind.
    pub kind: MovementKind,
    /// The change of `on_hand`, signed.
    pub change: i64,
    /// The time.
    pub occurred_at: Timestamp,
    /// Whether a count already included it, so that it changed nothing.
    pub absorbed: bool,
    /// Whether it created the cell.
    pub created: bool,
    /// The caller's own document.
    pub reference: Option<String>,
    /// The cell after it.
    pub cell: CellAfter,
}

/// One counted cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The counted quantity at `counted_at`.
    pub counted: i32,
    /// The books at that time.
    pub expected: i32,
    /// The time of the count.
    pub counted_at: Timestamp,
    /// Whether a newer count is in force, so that this one changed nothing.
    pub outdated: bool,
    /// Whether it created the cell.
    pub created: bool,
    /// The cell after it.
    pub cell: CellAfter,
}
