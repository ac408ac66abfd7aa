//! The events of carts.
//!
//! Promises that a cart gives back use the types of reservations, which fold, stage and audit them.

use serde::{Deserialize, Serialize};

use super::line::{CartId, CartLine};
use crate::effect::{Effect, Made, Step, Tell};
use crate::ids::{GroupId, LocationId, Name, Timestamp};
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;
use crate::prices::list::Currency;
use crate::reservations::parent::Parent;
use crate::reservations::promise::{Cancelled as GivenBack, Replaced};

tagged! {
    /// An event of carts.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// A cart was created; its id is the record's `seq`.
        60 => Made(Box<MadeCart>),
        /// Lines were set.
        61 => LinesSet(Box<LinesSet>),
        /// A cart got its customer.
        62 => CustomerSet(Box<CustomerSet>),
        /// A cart was merged into another one of the same customer.
        63 => Merged(Box<Merged>),
        /// A cart was closed.
        64 => Closed(Box<Closed>),
        /// Carts expired.
        65 => Expired(Box<Expired>),
        /// A cart's lines were promised.
        66 => Held(Box<Held>),
    }
}

/// A new cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeCart {
    /// Its name.
    pub name: Name,
    /// A digest of the request.
    pub digest: u64,
    /// Its secret.
    pub token: u128,
    /// The channel that began it.
    pub channel: Name,
    /// The customer.
    pub customer: Option<Name>,
    /// The location.
    pub location: Option<LocationId>,
    /// The currency.
    pub currency: Currency,
    /// The lines.
    pub lines: Vec<CartLine>,
    /// The codes.
    pub codes: Vec<Box<str>>,
    /// How long it lives after each change.
    pub ttl_seconds: u32,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Lines were set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesSet {
    /// The cart.
    pub cart: CartId,
    /// The channel.
    pub channel: Name,
    /// The changed lines, with absolute quantities; 0 takes a line out.
    pub lines: Vec<CartLine>,
    /// The codes that are added.
    pub codes: Vec<Box<str>>,
    /// When the cart expires.
    pub expires_at: Timestamp,
}

/// A cart got its customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerSet {
    /// The cart.
    pub cart: CartId,
    /// The customer.
    pub customer: Name,
    /// When the cart expires.
    pub expires_at: Timestamp,
}

/// A cart was merged into another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// The cart that is merged.
    pub cart: CartId,
    /// The cart that stays.
    pub into: CartId,
    /// Its name.
    pub into_name: Name,
    /// Changed lines of the cart that stays, with absolute quantities; 0 takes a line out.
    pub lines: Vec<CartLine>,
    /// The lines that were left out.
    pub dropped: Vec<CartLine>,
    /// Codes that the cart that stays gets.
    pub codes: Vec<Box<str>>,
    /// When the cart that stays expires.
    pub expires_at: Timestamp,
    /// What the merged cart held.
    pub given_back: Vec<GivenBack>,
}

/// A cart was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The cart.
    pub cart: CartId,
    /// What it held.
    pub given_back: Vec<GivenBack>,
}

/// Carts expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    /// The carts.
    pub carts: Vec<CartId>,
    /// Whether they made room for a new one, instead of reaching their end.
    pub made_room: bool,
    /// What they held.
    pub given_back: Vec<GivenBack>,
}

/// A cart's lines were promised, in place of what it held before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The cart.
    pub cart: CartId,
    /// The channel.
    pub channel: Name,
    /// The promise; its id is the record's `seq`.
    pub promise: Replaced,
    /// The cart, as what the promise is a part of.
    pub parent: Parent,
    /// The location, if the lines are promised at one.
    pub location: Option<LocationId>,
    /// The group, if they are promised anywhere in it.
    pub group: Option<GroupId>,
    /// The requested time to live of the hold.
    pub ttl_seconds: u32,
    /// When the cart expires.
    pub expires_at: Timestamp,
}

impl Event {
    /// Lists its effects.
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        match self {
            Self::Merged(merged) => give_back(&merged.given_back, to),
            Self::Closed(closed) => give_back(&closed.given_back, to),
            Self::Expired(expired) => give_back(&expired.given_back, to),
            Self::Held(held) => {
                let promises = std::slice::from_ref(&held.promise);
                Made::parts(promises, &held.parent).for_each(|made| made.effects(to));
            }
            // Their content belongs to this subject alone.
            Self::Made(_) | Self::LinesSet(_) | Self::CustomerSet(_) => {}
        }
    }

    /// How a repeat of the request is answered: with the recorded answer.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Made(_)
            | Self::LinesSet(_)
            | Self::CustomerSet(_)
            | Self::Merged(_)
            | Self::Closed(_)
            | Self::Expired(_)
            | Self::Held(_) => Repeat::Never,
        }
    }

    /// Visits the existing carts that the event changes.
    pub(crate) fn for_each_cart(&self, mut visit: impl FnMut(CartId)) {
        match self {
            Self::Made(_) => {}
            Self::LinesSet(event) => visit(event.cart),
            Self::CustomerSet(event) => visit(event.cart),
            Self::Merged(event) => {
                visit(event.cart);
                visit(event.into);
            }
            Self::Closed(event) => visit(event.cart),
            Self::Held(event) => visit(event.cart),
            Self::Expired(event) => event.carts.iter().for_each(|cart| visit(*cart)),
        }
    }
}

/// Lists the effects of promises that are given back.
fn give_back<'a>(all: &'a [GivenBack], to: &mut impl Tell<'a>) {
    for given_back in all {
        given_back.lines.iter().for_each(|line| to.tell(Effect::Cell(&line.cell, None)));
        to.tell(Effect::Promise(Step::Cancelled(given_back)));
    }
}
