//! The commands of inbound supply.

use super::inbound::SupplyKind;
use crate::ids::{LocationId, Name, Seq, SkuId, Timestamp};
use crate::kernel::asked::Asked;
use crate::kernel::name_ref::NameRef;
use crate::state::DurableState;

/// What can be told of inbound supply.
#[derive(Debug)]
pub enum Command {
    /// Say what is to come.
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

/// What is said of a supply of one cell.
#[derive(Debug, Clone)]
pub struct SupplyFields {
    /// Line of the import it came from; 0 for none.
    pub line: u64,
    /// The caller's own document; with the cell, its identity.
    pub name: Name,
    /// Where the units are.
    pub kind: SupplyKind,
    /// The SKU.
    pub sku: NameRef<SkuId>,
    /// Where they come to.
    pub location: NameRef<LocationId>,
    /// Units still to come; 0 for none any more.
    pub quantity: u32,
    /// When they are expected; needed while there are any.
    pub expected_at: Option<Timestamp>,
    /// The record as of which an export of this log says so: what came since stays.
    pub as_of: Option<Seq>,
}
