//! The identity and the reason of a transfer.

use serde::{Deserialize, Serialize};

use crate::ids::Seq;

/// A transfer's identity: the `seq` of the record that created it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TransferId(pub Seq);

/// The reason of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// A caller requested it.
    OnDemand,
    /// A location runs short.
    Replenishment,
    /// A location has too much.
    Rebalance,
    /// The goods return to their origin.
    Return,
    /// An order needs it.
    Order,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 5] = [Self::OnDemand, Self::Replenishment, Self::Rebalance, Self::Return, Self::Order];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on_demand",
            Self::Replenishment => "replenishment",
            Self::Rebalance => "rebalance",
            Self::Return => "return",
            Self::Order => "order",
        }
    }
}
