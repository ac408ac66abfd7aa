//! The commands of carts.

use super::merge::MergeRule;
use crate::ids::Name;
use crate::kernel::asked::Asked;
use crate::kernel::version::Precondition;
use crate::prices::list::Currency;
use crate::reservations::bounds::Bounds;
use crate::reservations::promise::Purpose;
use crate::state::DurableState;

/// A command of carts.
#[derive(Debug)]
pub enum Command {
    /// Create a cart, or put lines into the customer's open one.
    Make(Box<Make>),
    /// Set lines to absolute quantities.
    SetLines(Box<SetLines>),
    /// Give the cart to a customer, and merge it into their open one if they have one.
    SetCustomer {
        /// The cart.
        cart: Name,
        /// The customer.
        customer: Name,
        /// What remains of a SKU that both carts have.
        rule: MergeRule,
    },
    /// Promise its lines, in place of what it held before.
    Hold(Box<Hold>),
    /// Close the cart.
    Close {
        /// The cart.
        cart: Name,
    },
}

/// A row of a cart's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFields {
    /// The id of the line; the SKU's if left out.
    pub line: Option<Name>,
    /// The SKU.
    pub sku: Name,
    /// Units; 0 takes the line out.
    pub quantity: u32,
}

/// A requested cart.
#[derive(Debug, Clone)]
pub struct Make {
    /// Its name.
    pub name: Name,
    /// A digest of the request: the same request again means the same cart.
    pub digest: u64,
    /// Its secret: 128 random bits of the caller's side, because the engine draws none.
    pub token: u128,
    /// The channel.
    pub channel: Name,
    /// The customer.
    pub customer: Option<Name>,
    /// The location.
    pub location: Option<Name>,
    /// The currency.
    pub currency: Currency,
    /// The lines.
    pub lines: Vec<LineFields>,
    /// The codes.
    pub codes: Vec<Box<str>>,
    /// How long it lives after each change.
    pub ttl_seconds: u32,
}

/// Lines to set.
#[derive(Debug, Clone)]
pub struct SetLines {
    /// The cart.
    pub cart: Name,
    /// The channel of the request.
    pub channel: Name,
    /// The rows.
    pub lines: Vec<LineFields>,
    /// The version that the cart must have.
    pub precondition: Precondition,
}

/// A requested hold.
#[derive(Debug, Clone)]
pub struct Hold {
    /// The cart.
    pub cart: Name,
    /// The channel of the request.
    pub channel: Name,
    /// The purpose.
    pub purpose: Purpose,
    /// The location or the group.
    pub target: HoldTarget,
    /// The time to live of the hold.
    pub ttl_seconds: u32,
    /// Whether fewer units than the cart has are accepted.
    pub allow_partial: bool,
    /// Limits on the open reservations of its channel and its caller.
    pub bounds: Bounds,
}

/// Where the units of a hold are promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldTarget {
    /// At a location.
    Location(Name),
    /// Anywhere in a group.
    Group(Name),
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Make(_) => "cart",
            Self::SetLines(_) => "cart lines",
            Self::SetCustomer { .. } => "cart customer",
            Self::Hold(_) => "cart hold",
            Self::Close { .. } => "cart close",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Make(make) => make.lines.len(),
            Self::SetLines(set) => set.lines.len(),
            // Bounded by the lines of a cart, 100.
            Self::SetCustomer { .. } | Self::Hold(_) | Self::Close { .. } => 1,
        }
    }

    fn may_be_dropped(&self) -> bool {
        match self {
            Self::Make(_) | Self::SetLines(_) | Self::SetCustomer { .. } | Self::Hold(_) | Self::Close { .. } => true,
        }
    }
}
