//! The commands of inbound supply.

use super::inbound::SupplyKind;
use crate::ids::{LocationId, Name, Seq, SkuId, Timestamp};
use crate::kernel::asked::Asked;
use crate::kernel::name_ref::NameRef;
use crate::state::DurableState;

/// A command of inbound supply.
#[derive(Debug)]
pub enum Command {
    /// Set inbound supply.
    Set(Vec<SupplyFields>),
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Set(_) => "supply",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Set(rows) => rows.len(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        true
    }
}

/// A supply of one cell.
#[derive(Debug, Clone)]
pub struct SupplyFields {
    /// The line of the import; 0 for none.
    pub line: u64,
    /// The caller's own document; together with the cell, its identity.
    pub name: Name,
    /// The kind of supply.
    pub kind: SupplyKind,
    /// The SKU.
    pub sku: NameRef<SkuId>,
    /// The location that receives it.
    pub location: NameRef<LocationId>,
    /// Units still inbound; 0 for none.
    pub quantity: u32,
    /// When they are expected; required if there are units.
    pub expected_at: Option<Timestamp>,
    /// The record of an export of this log that contains the row: later arrivals stay in force.
    pub as_of: Option<Seq>,
}
