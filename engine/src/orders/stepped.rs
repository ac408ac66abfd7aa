//! A step of an order, as records have it: events of orders, and those of subjects that embed it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::order::Order;
use super::step_kind::StepKind;
use crate::carts::ordered::CartOrdered;
use crate::ids::{LocationId, Name};
use crate::receipts::receipt::Issued;
use crate::reservations::parent::Parent;
use crate::reservations::promise::{
    Cancelled, Collected, Confirmed, Expired, Extended, PickupBySet, Readied, Reallocated, Replaced,
};
use crate::stock::movement::Moved;

/// A step of one of its reservations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartStep {
    /// It was made.
    Promised(Replaced),
    /// It was confirmed.
    Confirmed(Confirmed),
    /// It got a new deadline.
    Extended(Extended),
    /// It was marked ready.
    Readied(Readied),
    /// Units moved, or got their location.
    Reallocated(Reallocated),
    /// Units were collected.
    Collected(Collected),
    /// Units were cancelled.
    Cancelled(Cancelled),
    /// It expired.
    Expired(Expired),
    /// Its pickup deadline was set or removed.
    PickupBySet(PickupBySet),
}

/// A row that a step adds to the sales ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldRow {
    /// The line of the order, or its charge, from 0.
    pub line: u16,
    /// Whether it is a charge.
    pub is_charge: bool,
    /// Where the units left.
    pub location: Option<LocationId>,
    /// Units: negative for units that came back, 0 for a charge.
    pub quantity: i64,
    /// What they are worth, in minor units: negative for what came back.
    pub amount: i64,
    /// What of the discount is theirs.
    pub discount: i64,
    /// Whether a count had it already.
    pub absorbed: bool,
}

/// An order after a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stepped {
    /// What happened.
    pub kind: StepKind,
    /// The order after it. Its `version` is the record.
    pub order: Arc<Order>,
    /// What its reservations are a part of.
    pub parent: Parent,
    /// The steps of its reservations, and of those of its cart.
    pub parts: Vec<PartStep>,
    /// Units that left or came without a reservation.
    pub moved: Vec<Moved>,
    /// The rows that it adds to the sales ledger.
    pub sold: Vec<SoldRow>,
    /// Of imported rows: where and when each of them happened.
    pub row_origins: Vec<super::payment::Origin>,
    /// The receipts that it issues.
    pub receipts: Vec<Arc<Issued>>,
    /// The cart that it comes from, which it takes over.
    pub cart: Option<CartOrdered>,
    /// Where, when and by whom: of the rows and of the step.
    pub origin: Option<super::payment::Origin>,
    /// The reason, if one was given.
    pub reason: Option<Box<str>>,
    /// The return by which units came back.
    pub returned: Option<Name>,
}

impl Stepped {
    /// The promises that it makes.
    pub fn promised(&self) -> impl Iterator<Item = &Replaced> {
        self.parts.iter().filter_map(|part| match part {
            PartStep::Promised(replaced) => Some(replaced),
            PartStep::Confirmed(_)
            | PartStep::Extended(_)
            | PartStep::Readied(_)
            | PartStep::Reallocated(_)
            | PartStep::Collected(_)
            | PartStep::Cancelled(_)
            | PartStep::Expired(_)
            | PartStep::PickupBySet(_) => None,
        })
    }
}
