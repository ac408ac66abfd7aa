//! Inbound supply, as it was set.

use serde::{Deserialize, Serialize};

use crate::ids::{Name, Timestamp};

/// An inbound supply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supply {
    /// The caller's own document.
    pub name: Name,
    /// Its kind.
    pub kind: SupplyKind,
    /// Units still inbound.
    pub open: u32,
    /// When they are expected.
    pub expected_at: Timestamp,
}

/// The kind of inbound supply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SupplyKind {
    /// Ordered from a supplier.
    #[default]
    PurchaseOrder,
    /// In transit.
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
