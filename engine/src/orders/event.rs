//! The events of orders.
//!
//! A step of an order is one record: the order after it, the steps of its reservations, the units that moved, and the
//! rows that it adds to the sales ledger. Its effects on promises and stock use the types of those subjects.

use std::sync::Arc;

use super::step_kind::StepKind;
pub use super::stepped::{PartStep, SoldRow, Stepped};
use crate::effect::{Effect, Left, Made, Step, Tell};
use crate::ids::{Name, ReservationId, Seq};
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;
use crate::outcome::Outcome;
use crate::reservations::parent::{Parent, ParentKind};

tagged! {
    /// An event of orders.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// An order was made, or took a step.
        59 => Stepped(Box<Stepped>),
    }
}

impl Stepped {
    /// Lists what it does beside the order itself; the first movement has this row. Returns the row of the next.
    pub fn effects<'a>(&'a self, first_row: u32, to: &mut impl Tell<'a>) -> u32 {
        let promised = self.promised().count();
        let (mut nth, mut row) = (0, first_row);
        for part in &self.parts {
            match part {
                PartStep::Promised(replaced) => {
                    nth += 1;
                    let before = u8::try_from(promised - nth).unwrap_or(u8::MAX);
                    let id = part_id(self.order.version, nth - 1, promised);
                    let of = self.order.fulfilments.iter().find(|fulfilment| fulfilment.reservation == Some(id));
                    let pickup_by = of.and_then(|fulfilment| fulfilment.pickup_by);
                    Made { before, parent: Some(&self.parent), pickup_by, ..replaced.made() }.effects(to);
                }
                PartStep::Confirmed(event) => to.tell(Effect::Promise(Step::Confirmed(event))),
                PartStep::Extended(event) => to.tell(Effect::Promise(Step::Extended(event))),
                PartStep::Readied(event) => to.tell(Effect::Promise(Step::Readied(event))),
                PartStep::PickupBySet(event) => to.tell(Effect::Promise(Step::PickupBySet(event))),
                PartStep::Reallocated(event) => {
                    for moved in &event.moves {
                        to.tell(Effect::Cell(&moved.from, None));
                        to.tell(Effect::Cell(&moved.to, None));
                    }
                    to.tell(Effect::Promise(Step::Reallocated(event)));
                }
                PartStep::Collected(event) => {
                    event.effects_from(row, Left::Sold, to);
                    row += event.lines.len() as u32;
                }
                PartStep::Cancelled(event) => {
                    event.lines.iter().for_each(|line| to.tell(Effect::Cell(&line.cell, None)));
                    to.tell(Effect::Promise(Step::Cancelled(event)));
                }
                PartStep::Expired(event) => {
                    event.lines.iter().for_each(|line| to.tell(Effect::Cell(&line.cell, None)));
                    to.tell(Effect::Promise(Step::Expired(event)));
                }
            }
        }
        if let Some(cart) = &self.cart {
            to.tell(Effect::Cart(cart));
        }
        self.receipts.iter().for_each(|issued| to.tell(Effect::Receipt(issued)));
        for moved in &self.moved {
            to.tell(Effect::Cell(&moved.cell, None));
            to.tell(Effect::Moved(row, moved));
            row += 1;
        }
        row
    }
}

impl Event {
    /// Lists its effects.
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        let Self::Stepped(stepped) = self;
        stepped.effects(0, to);
    }

    /// How a repeat of the request is answered: the record has the order after it.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Stepped(_) => Repeat::Record,
        }
    }

    /// The outcome that the record at `seq` contains.
    pub fn outcome(&self, seq: Seq) -> Option<Outcome> {
        let Self::Stepped(stepped) = self;
        let is_made = matches!(stepped.kind, StepKind::Placed | StepKind::Sold);
        let answer = super::answer::OrderAnswer { order: Arc::clone(&stepped.order), is_made };
        Some(Outcome::Put { seq, thing: Some(Box::new(crate::answers::Thing::Orders(Box::new(answer)))) })
    }
}

/// What the reservations of an order are a part of.
pub(super) fn parent_of(id: super::order::OrderId, name: &Name) -> Parent {
    Parent { kind: ParentKind::Order, seq: id.0, name: name.clone() }
}

/// The id of the `nth` of `count` promises that the record at `seq` makes.
pub(super) fn part_id(seq: Seq, nth: usize, count: usize) -> ReservationId {
    ReservationId(seq - (count - 1 - nth) as Seq)
}
