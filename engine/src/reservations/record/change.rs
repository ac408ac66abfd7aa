//! The changes of a reservation: the effect of each record, with the data to undo it.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::line::Line;
use super::state::ReservationState;
use crate::effect;
use crate::ids::{LocationId, Seq, Timestamp};
use crate::kernel::few::Few;
use crate::supply::received::{BackorderDated, Fill};

/// The changes of one reservation that are reported separately. Further changes by the engine (units that move for
/// other promises, arrive, or get another expected date) are merged.
pub const CHANGES_TOLD_MAX: usize = 1024;

/// One change, with the data to undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The `seq` of its record.
    pub seq: Seq,
    /// The time.
    pub time: Timestamp,
    /// The state before it.
    pub from: ReservationState,
    /// The state after it.
    pub to: ReservationState,
    /// The actor, if known.
    pub actor: Option<Box<str>>,
    /// The step.
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

    /// Whether it merges changes that its first and last record do not contain.
    pub(crate) fn is_summary(&self) -> bool {
        matches!(self.step, Step::Shifted { .. })
    }

    /// Whether its moves add units to a line or remove them; true for a merged change, whose moves are unknown.
    pub(super) fn mentions(&self, line: u16) -> bool {
        match &self.step {
            Step::Reallocated { moves, .. } => moves.iter().any(|moved| moved.mentions(line)),
            Step::Shifted { .. } => true,
            _ => false,
        }
    }

    /// Whether the engine made the change without a request.
    pub(super) fn is_the_engines(&self) -> bool {
        match &self.step {
            Step::Filled { .. } | Step::Dated | Step::Shifted { .. } => true,
            // A caller that names a location allocates the line.
            Step::Reallocated { moves, bound } => bound.is_empty() && moves.iter().all(|moved| moved.open),
            _ => false,
        }
    }
}

/// Adjacent records of a reservation: one, or several changes that count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The first record.
    pub first: Seq,
    /// The last record; equal to the first if there is only one.
    pub last: Seq,
    /// The number of changes.
    pub count: u32,
}

/// The step of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Confirmed.
    Confirmed {
        /// The previous order.
        order_before: Option<Box<str>>,
    },
    /// Made ready.
    Readied,
    /// Units collected, by line.
    Collected {
        /// Whether the customer showed the code.
        code_shown: bool,
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Units cancelled, by line.
    Cancelled {
        /// The reason.
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
        /// The previous deadline.
        expires_before: Timestamp,
    },
    /// Expired at its deadline.
    Expired {
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Moved to other locations, or allocated.
    Reallocated {
        /// The moves.
        moves: SmallVec<[Moved; 1]>,
        /// Lines whose location became public.
        bound: SmallVec<[u16; 1]>,
    },
    /// Inbound units arrived, by line.
    Filled {
        /// Line and units.
        lines: SmallVec<[(u16, u32); 1]>,
    },
    /// Expected dates changed.
    Dated,
    /// Extended several times without other changes: the last extension.
    ExtendedAgain {
        /// The deadline before the first of them.
        expires_before: Timestamp,
        /// The `seq` of the first of them.
        first: Seq,
        /// The number of extensions.
        count: u32,
    },
    /// Moved for other promises, filled, or redated many times: the last of these changes.
    Shifted {
        /// The lines before the first of them; backorders undo themselves.
        before: Few<Line>,
        /// The `seq` of the first of them.
        first: Seq,
        /// The number of changes.
        count: u32,
    },
    /// Got another pickup deadline, or none.
    PickupBySet {
        /// The previous deadline.
        before: Option<Timestamp>,
    },
}

/// Units of a line that moved, with the data to undo the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The line before.
    pub line: u16,
    /// The number of units.
    pub quantity: u32,
    /// The location before.
    pub from: LocationId,
    /// The line after; equal to the line before if all of it moved.
    pub into: u16,
    /// Whether the previous location was unallocated.
    pub open: bool,
}

impl Moved {
    pub(super) fn mentions(&self, line: u16) -> bool {
        self.line == line || self.into == line
    }
}

/// The effect of a record on an existing reservation.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A step.
    Step(effect::Step<'a>),
    /// Inbound units arrived.
    Filled(&'a [Fill]),
    /// Expected dates of inbound units changed.
    Dated(&'a [BackorderDated]),
}
