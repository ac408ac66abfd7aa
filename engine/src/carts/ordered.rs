//! What an order does to the cart that it was made from: an effect that events of orders embed.

use serde::{Deserialize, Serialize};

use super::line::CartId;
use crate::ids::Name;

/// A cart became an order. Its holds are the order's from this record on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartOrdered {
    /// The cart.
    pub cart: CartId,
    /// The order.
    pub order: Name,
    /// The channel that made the order.
    pub channel: Name,
}
