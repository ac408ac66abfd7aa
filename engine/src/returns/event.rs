//! The events of returns.
//!
//! A step of a return is one record: the return after it, the step of its order, and the sale that was taken in exchange.

use serde::{Deserialize, Serialize};

use super::answer::ReturnAnswer;
use super::returned::{Return, StepKind};
use crate::answers::Thing;
use crate::effect::{Effect, Tell};
use crate::ids::Seq;
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;
use crate::orders::SaleRow;
use crate::orders::stepped::Stepped as OrderStepped;
use crate::outcome::Outcome;
use crate::stock::movement::Moved;

tagged! {
    /// An event of returns.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// A return was made, or took a step.
        67 => Stepped(Box<Stepped>),
    }
}

/// A return after a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stepped {
    /// What happened.
    pub kind: StepKind,
    /// The return after it. Its `version` is the record.
    pub returned: Return,
    /// The step of its order.
    pub order: Option<Box<OrderStepped>>,
    /// The sale that was taken in exchange.
    pub exchange: Option<Box<OrderStepped>>,
    /// Units that belong to no known sale, or that somebody looked at.
    pub moved: Vec<Moved>,
    /// The rows of the sales ledger for units that belong to no known sale, behind those of the order.
    pub rows: Vec<SaleRow>,
    /// The reason, if one was given.
    pub reason: Option<Box<str>>,
}

impl Stepped {
    /// The rows of the ledger before its own.
    pub(super) fn rows_of_order(&self) -> u16 {
        self.order.as_ref().map_or(0, |order| order.sold.len() as u16)
    }
}

impl Event {
    /// Lists its effects.
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        let Self::Stepped(stepped) = self;
        let mut row = 0;
        if let Some(order) = &stepped.order {
            to.tell(Effect::Order(0, order));
            row = order.effects(row, to);
        }
        if !stepped.rows.is_empty() {
            to.tell(Effect::Sales(&stepped.rows));
        }
        for moved in &stepped.moved {
            to.tell(Effect::Cell(&moved.cell, None));
            to.tell(Effect::Moved(row, moved));
            row += 1;
        }
        // What is taken in exchange comes last: the level of its cells is the final one.
        if let Some(exchange) = &stepped.exchange {
            to.tell(Effect::Order(stepped.rows_of_order() + stepped.rows.len() as u16, exchange));
            exchange.effects(row, to);
        }
    }

    /// How a repeat of the request is answered: the record has the return after it.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Stepped(_) => Repeat::Record,
        }
    }

    /// The outcome that the record at `seq` contains.
    pub fn outcome(&self, seq: Seq) -> Option<Outcome> {
        let Self::Stepped(stepped) = self;
        let returned = stepped.returned.clone();
        let answer = ReturnAnswer { is_made: returned.id.0 == seq, returned };
        Some(Outcome::Put { seq, thing: Some(Box::new(Thing::Returns(Box::new(answer)))) })
    }
}
