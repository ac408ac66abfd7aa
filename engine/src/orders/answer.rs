//! The answer to a command of orders.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::order::Order;

/// An order after a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderAnswer {
    /// The order.
    pub order: Arc<Order>,
    /// Whether the command made it.
    pub is_made: bool,
}
