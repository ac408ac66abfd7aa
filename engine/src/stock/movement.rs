//! Movements and counts of stock, as events tell them.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::kernel::cell_after::CellAfter;

/// Why stock moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MovementKind {
    /// Goods came in.
    Receipt,
    /// A till sold them.
    Sale,
    /// A customer brought them back.
    Return,
    /// Somebody corrected the books.
    Adjustment,
    /// They can no longer be sold.
    Damage,
    /// A customer brought them back, and somebody has to look at them: they are in quarantine.
    ReturnToInspect,
    /// A customer brought them back broken: they are in quarantine.
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
    /// Why.
    pub kind: MovementKind,
    /// What the caller added to `on_hand`, signed.
    pub change: i64,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Whether a count already knew of it, so that it changed nothing.
    pub absorbed: bool,
    /// Whether the cell was unknown until now.
    pub created: bool,
    /// The caller's own document.
    pub reference: Option<String>,
    /// The cell after it.
    pub cell: CellAfter,
}

/// One counted cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// What the count found at `counted_at`.
    pub counted: i32,
    /// What the books said for that moment.
    pub expected: i32,
    /// The moment for which the count is true.
    pub counted_at: Timestamp,
    /// Whether a newer count is in force, so that this one changed nothing.
    pub outdated: bool,
    /// Whether the cell was unknown until now.
    pub created: bool,
    /// The cell after it.
    pub cell: CellAfter,
}
