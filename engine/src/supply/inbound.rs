//! Units that are to come, as they were told.

use serde::{Deserialize, Serialize};

use crate::ids::{Name, Timestamp};

/// Units that are to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supply {
    /// The caller's own document.
    pub name: Name,
    /// Where they are.
    pub kind: SupplyKind,
    /// Units still to come.
    pub open: u32,
    /// When they are expected.
    pub expected_at: Timestamp,
}

/// Where units that are to come are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SupplyKind {
    /// Ordered from a supplier.
    #[default]
    PurchaseOrder,
    /// On their way.
    InTransit,
}

impl SupplyKind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PurchaseOrder => "purchase_order",
            Self::InTransit => "in_transit",
        }
    }
}
