//! What a reservation is a part of: an order, or a cart.

use serde::{Deserialize, Serialize};

use crate::ids::{Name, Seq};

/// The order or the cart that a reservation is a part of. Only its commands confirm, extend, cancel or replace it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Parent {
    /// Its kind.
    pub kind: ParentKind,
    /// The record that made it.
    pub seq: Seq,
    /// Its name.
    pub name: Name,
}

/// A kind of records that reservations are a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ParentKind {
    /// An order: a fulfilment is a reservation.
    Order,
    /// A cart: its hold is a reservation.
    Cart,
}

impl ParentKind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Cart => "cart",
        }
    }
}
