//! The event by which a keyed request that sets something keeps its answer.

use super::KeptAnswer;
use crate::effect::Tell;
use crate::ids::Seq;
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;
use crate::outcome::Outcome;

tagged! {
    /// What callers were told.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Something was set under a key: what its caller was told. The effect stands in the records before, if it had one.
        31 => Told(Box<KeptAnswer>),
    }
}

impl Event {
    /// Tells what it does: nothing beside keeping the answer.
    pub fn effects<'a>(&'a self, _: &mut impl Tell<'a>) {
        match self {
            Self::Told(_) => {}
        }
    }

    /// How a repeat of the request behind it is answered.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Told(_) => Repeat::Record,
        }
    }
}

impl Event {
    /// The outcome that the record tells by itself: of the record at which the thing was set.
    pub fn outcome(&self, _seq: Seq) -> Option<Outcome> {
        match self {
            Self::Told(told) => Some(Outcome::Put { seq: told.seq, thing: Some(Box::new(told.thing.clone())) }),
        }
    }
}
