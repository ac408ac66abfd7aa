//! The changes of a reservation: what each record did to it, with what it takes to undo it.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::line::Line;
use super::state::ReservationState;
use crate::effect;
use crate::ids::{LocationId, Seq, Timestamp};
use crate::kernel::few::Few;
use crate::supply::received::{BackorderDated, Fill};

/// Changes of one reservation that are told one by one. What the engine does by itself beyond (units that move for others,
/// that come, or are expected at another time) is told as one.
pub const CHANGES_TOLD_MAX: usize = 1024;

/// One step of a life, with what it takes to undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The `seq` of its record.
    pub seq: Seq,
    /// When.
    pub time: Timestamp,
    /// The state before it.
    pub from: ReservationState,
    /// The state after it.
    pub to: ReservationState,
    /// Who asked, where known.
    pub actor: Option<Box<str>>,
    /// What it was.
    pub step: Step,
}

impl Change {
    /// Its records, from the first to the last.
    pub fn stretch(&self) -> Stretch {
        let (first, count) = match &self.step {
            Step::ExtendedAgain { first, count, .. } | Step::Shifted { first, count, .. } => (*first, *count),
            _ => (self.seq, 1),
        };
        Stretch { first, last: self.seq, count }
    }

    /// Whether it stands for changes that its first and last record do not tell.
    pub(crate) fn is_summary(&self) -> bool {
        matches!(self.step, Step::Shifted { .. })
    }

    /// Whether units came to a line or left it in its moves, as far as they are told.
    pub(super) fn mentions(&self, line: u16) -> bool {
        match &self.step {
            Step::Reallocated { moves, .. } => moves.iter().any(|moved| moved.mentions(line)),
            Step::Shifted { .. } => true,
            _ => false,
        }
    }

    /// Whether nobody asked for it.
    pub(super) fn is_the_engines(&self) -> bool {
        match &self.step {
            Step::Filled { .. } | Step::Dated | Step::Shifted { .. } => true,
            // Nobody who names a place leaves it open.
            Step::Reallocated { moves, bound } => bound.is_empty() && moves.iter().all(|moved| moved.open),
            _ => false,
        }
    }
}

/// Neighbouring records of a reservation's life: one, or a run of changes that count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The first record.
    pub first: Seq,
    /// The last one; the same where there is only one.
    pub last: Seq,
    /// How many changes it stands for.
    pub count: u32,
}

/// What a change was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Became an order.
    Confirmed {
        /// The order named before.
        order_before: Option<Box<str>>,
    },
    /// Put aside.
    Readied,
    /// Units handed over, by line.
    Collected {
        /// Whether the customer showed the code.
        code_shown: bool,
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Units given back, by line.
    Cancelled {
        /// Why.
        reason: Option<Box<str>>,
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Replaced by another hold.
    Superseded {
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Got a new deadline.
    Extended {
        /// The deadline before.
        expires_before: Timestamp,
    },
    /// Outlived its deadline.
    Expired {
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Moved to other locations, or had them made public.
    Reallocated {
        /// What moved.
        moves: SmallVec<[Moved; 1]>,
        /// Lines whose location became public.
        bound: SmallVec<[u16; 1]>,
    },
    /// Units that were waited for came, by line.
    Filled {
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// When units are expected changed.
    Dated,
    /// Got a new deadline several times, nothing else in between: the last of them.
    ExtendedAgain {
        /// The deadline before the first of them.
        expires_before: Timestamp,
        /// The `seq` of the first of them.
        first: Seq,
        /// How many.
        count: u32,
    },
    /// Units moved for others, came, or were expected at another time, many times: the last of them.
    Shifted {
        /// The lines before the first of them; what they wait for undoes itself.
        before: Few<Line>,
        /// The `seq` of the first of them.
        first: Seq,
        /// How many.
        count: u32,
    },
    /// Got another deadline by which it is to be fetched, or none.
    PickupBySet {
        /// The deadline before.
        before: Option<Timestamp>,
    },
}

/// Units of a line that moved, with what it takes to bring them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The line that they were of.
    pub line: u16,
    /// How many.
    pub quantity: u32,
    /// Where they were.
    pub from: LocationId,
    /// The line that they are of now; the same where all of it moved.
    pub into: u16,
    /// Whether where they were was open.
    pub open: bool,
}

impl Moved {
    pub(super) fn mentions(&self, line: u16) -> bool {
        self.line == line || self.into == line
    }
}

/// What a record does to one reservation that was there before.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A step of its life.
    Step(effect::Step<'a>),
    /// Units that it waited for came.
    Filled(&'a [Fill]),
    /// When units are expected that it waits for changed.
    Dated(&'a [BackorderDated]),
}
