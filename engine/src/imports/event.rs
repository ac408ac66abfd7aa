//! The events of imports.

use super::imported::Imported;
use crate::effect::Tell;
use crate::ids::Seq;
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;
use crate::outcome::Outcome;

tagged! {
    /// What can happen to an import.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// It came to its end.
        17 => Imported(Box<Imported>),
    }
}

impl Event {
    /// Tells what it does: its rows did what they do in records of their own.
    pub fn effects<'a>(&'a self, _: &mut impl Tell<'a>) {
        match self {
            Self::Imported(_) => {}
        }
    }

    /// How a repeat of the request behind it is answered.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Imported(_) => Repeat::Record,
        }
    }
}

impl Event {
    /// The outcome that the record at `seq` tells by itself.
    pub fn outcome(&self, seq: Seq) -> Option<Outcome> {
        match self {
            Self::Imported(imported) => Some(Outcome::Imported { seq, imported: imported.clone() }),
        }
    }
}
