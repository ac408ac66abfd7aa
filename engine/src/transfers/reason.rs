//! Which transfer, and why.

use serde::{Deserialize, Serialize};

use crate::ids::Seq;

/// A transfer's identity: the `seq` of the record that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TransferId(pub Seq);

/// Why goods are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Somebody asked for it.
    OnDemand,
    /// A place runs short.
    Replenishment,
    /// A place has too much.
    Rebalance,
    /// It goes back to where it came from.
    Return,
    /// An order waits for it.
    Order,
}

impl Reason {
    /// All of them.
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
