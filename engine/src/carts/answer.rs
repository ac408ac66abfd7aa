//! The answers to commands of carts.

use serde::{Deserialize, Serialize};

use super::line::{CartId, CartLine};

/// The cart that a command made or changed. A repeat is answered with the cart as it is, so the answer names it only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartAnswer {
    /// The cart; after a merge, the one that stays.
    pub cart: CartId,
    /// Whether the command created it.
    pub made: bool,
    /// The lines that a merge left out.
    pub dropped: Vec<CartLine>,
}
