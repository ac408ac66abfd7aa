//! The events of stock: movements and counts.

use super::confirmed::CountsConfirmed;
use super::movement::{Counted, Moved};
use crate::effect::{Effect, Tell};
use crate::ids::Seq;
use crate::kernel::cell_after::CellAfter;
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;
use crate::outcome::Outcome;

tagged! {
    /// An event of stock.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Stock moved.
        6 => Moved(Vec<Moved>),
        /// Stock was counted.
        7 => Counted(Vec<Counted>),
        /// On hand stopped covering the promises, or covers fewer than before.
        15 => ShortageGrew(CellAfter),
        /// On hand covers the promises again.
        16 => ShortageCleared(CellAfter),
        /// Counts confirmed the books.
        35 => CountsConfirmed(Box<CountsConfirmed>),
    }
}

impl Event {
    /// Lists its effects.
    #[inline]
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        match self {
            Self::Moved(rows) => {
                for (row, moved) in (0..).zip(rows) {
                    to.tell(Effect::Cell(&moved.cell, None));
                    to.tell(Effect::Moved(row, moved));
                }
            }
            Self::Counted(rows) => {
                for (row, counted) in (0..).zip(rows) {
                    to.tell(Effect::Counted(row, counted));
                    to.tell(Effect::Cell(&counted.cell, (!counted.outdated).then_some(counted.counted_at)));
                }
            }
            Self::ShortageGrew(cell) => to.tell(Effect::Shortage(cell, true)),
            Self::ShortageCleared(cell) => to.tell(Effect::Shortage(cell, false)),
            Self::CountsConfirmed(confirmed) => to.tell(Effect::CountsConfirmed(confirmed)),
        }
    }

    /// How a repeat of the request is answered.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Moved(_) | Self::Counted(_) => Repeat::Record,
            Self::ShortageGrew(_) | Self::ShortageCleared(_) | Self::CountsConfirmed(_) => Repeat::Never,
        }
    }
}

impl Event {
    /// The outcome that the record at `seq` contains, if it contains one.
    pub fn outcome(&self, seq: Seq) -> Option<Outcome> {
        match self {
            Self::Moved(rows) => Some(Outcome::Moved { seq, rows: rows.clone() }),
            Self::Counted(rows) => Some(Outcome::Counted { seq, rows: rows.clone() }),
            Self::ShortageGrew(_) | Self::ShortageCleared(_) | Self::CountsConfirmed(_) => None,
        }
    }
}
