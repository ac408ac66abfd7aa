//! Why something is not done: refusals are data, expected, counted and answered.

use crate::catalogue::names::ThingKind;
use crate::ids::{Name, ReservationId, Seq};
use crate::imports::imported::RowError;
use crate::kernel::holder::Holder;
use crate::level::Constraint;
use crate::reservations::ReservationState;
use crate::rules::RuleId;

/// Why something was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// It may not be done.
    #[error("{0}")]
    Refused(Refusal),
    /// The engine takes no writes.
    #[error("the engine is read-only: {0}")]
    ReadOnly(String),
    /// The journal failed while it was in flight: it may be durable or not.
    #[error("the journal failed while the write was in flight: {0}")]
    Unknown(String),
    /// More is in flight than the engine takes; nothing was done.
    #[error("overloaded: {0}")]
    Overloaded(String),
    /// A caller keeps as many idempotency keys as it may; nothing was done.
    #[error("overloaded: {0}")]
    KeysFull(String, u64),
    /// Nobody waits for it any more; nothing was done.
    #[error("the caller is gone; nothing was done")]
    Unheard,
    /// The reservation is over, and is what was asked for: its record, which the log tells, is the answer.
    #[error("the reservation is what was asked for")]
    AsItIs(ReservationId),
    /// The same request was done before, at this `seq`: its first answer stands, and cannot be told.
    #[error("done before, at {0}")]
    Replayed(Seq),
    /// The key stands for a record that the log no longer has: nothing is done again.
    #[error("done before, at {seq}, and the log is kept from {oldest} on")]
    Forgotten {
        /// Where it stood.
        seq: Seq,
        /// The oldest record that is kept.
        oldest: Seq,
    },
}

/// A refusal: expected, typed, counted, answered with 4xx.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// There is not enough of something.
    #[error("there is not enough stock for {} of the lines", .0.len())]
    Insufficient(Vec<Short>),
    /// The reservation is in a state from which this cannot happen.
    #[error("a reservation that is {0:?} cannot do this")]
    WrongState(ReservationState),
    /// Where it is, is open.
    #[error("this line has no location yet; call `bind` first")]
    Unallocated(ReservationState),
    /// Units of it are still to come.
    #[error("{1} of its units are still to come; name the lines and units that are there, or wait")]
    Waiting(ReservationState, u64),
    /// The history of the reservation is as long as it may be.
    #[error(
        "the reservation has {1} changes, and reservations.changes_max allows no more; it can still be confirmed, put aside, collected or cancelled whole"
    )]
    TooManyChanges(ReservationState, usize),
    /// More units of a line than it has left.
    #[error("lines[{line}].quantity: the reservation has {left} of these left")]
    TooManyUnits {
        /// The reservation's state.
        state: ReservationState,
        /// Which line of the request, from 0.
        line: usize,
        /// Units left.
        left: u32,
    },
    /// A hold that is to be replaced is somebody's order by now, or was given back.
    #[error("supersedes[{at}]: a reservation that is {state:?} is not replaced")]
    NotReplaceable {
        /// Which of those that the request names, from 0.
        at: usize,
        /// Its state.
        state: ReservationState,
    },
    /// There is no hold that is to be replaced.
    #[error("supersedes[{at}]: there is no such reservation")]
    NothingToReplace {
        /// Which of those that the request names, from 0.
        at: usize,
    },
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A field says something that cannot be.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field, as a path.
        field: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The thing has another version by now.
    #[error("the version is {actual}, not the one given")]
    StaleVersion {
        /// The version it has; 0 where it does not exist.
        actual: Seq,
    },
    /// The pickup code is demanded, and was not shown.
    #[error("the pickup code is demanded (reservations.pickup_code_required)")]
    PickupCodeRequired {
        /// Whether the reservation has one.
        has_one: bool,
    },
    /// Too many wrong pickup codes were tried.
    #[error("too many wrong pickup codes were tried")]
    PickupCodeClosed {
        /// Seconds after which another is looked at.
        seconds: u64,
    },
    /// The pickup code is wrong.
    #[error("the pickup code is not this reservation's")]
    WrongPickupCode,
    /// The same idempotency key came with another body.
    #[error("the idempotency key was used with another body")]
    IdempotencyMismatch,
    /// It asks for more than a limit of its channel or its caller.
    #[error("{field}: {asked} is more than {limit}, which is {most}")]
    Limited {
        /// The field, as a path.
        field: String,
        /// The limit's name, as a setting.
        limit: String,
        /// What was asked for, or would be open.
        asked: u64,
        /// What may be.
        most: u64,
        /// Whether the same may do later.
        passes: bool,
        /// Seconds until it does if nothing else happens, where that is known.
        seconds: Option<u64>,
    },
    /// It is not retired while something holds it.
    #[error("the {} {name} is held by {}", kind.as_str(), Holder::all(holders))]
    Held {
        /// What it is.
        kind: ThingKind,
        /// Its name.
        name: Name,
        /// What holds it; at least one.
        holders: Vec<Holder>,
    },
    /// Whether it is counted does not change while something holds units of it.
    #[error(
        "tracked: {name} is held by {}, and tracked changes only while nothing is: count it to 0, end its reservations and \
         its supply first",
        Holder::all(holders)
    )]
    HeldAsCounted {
        /// The SKU.
        name: Name,
        /// What holds it; at least one.
        holders: Vec<Holder>,
    },
    /// There is one of this id, with other content.
    #[error("there is a {kind} {name}, and it says something else")]
    AlreadyExists {
        /// What it is.
        kind: &'static str,
        /// Its id.
        name: Name,
        /// The record that made it.
        seq: Seq,
    },
    /// A thing is in a state from which this cannot happen.
    #[error("the {kind} {name} is {state}, and cannot do this")]
    InState {
        /// What it is.
        kind: &'static str,
        /// Its id.
        name: Name,
        /// Its state.
        state: &'static str,
    },
    /// It is not removed, or changed so, while something rests on it.
    #[error("the {kind} {name} is held by {}", Holder::all(holders))]
    InUse {
        /// What it is.
        kind: &'static str,
        /// Its id.
        name: Name,
        /// What rests on it; at least one.
        holders: Vec<Holder>,
    },
    /// An atomic import has bad rows.
    #[error("{} rows are wrong, so none was loaded", .0.len())]
    BadRows(Vec<RowError>),
}

/// A line that was short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    /// Which line of the request, from 0.
    pub line: usize,
    /// Units that all its lines asked of the cell.
    pub requested: u32,
    /// Units that could be had at that moment.
    pub available: u32,
    /// What was short.
    pub constraint: Constraint,
    /// The rule behind it, where one is.
    pub rule: Option<RuleId>,
    /// The setting that ended the search for more, where one did.
    pub limit: Option<&'static str>,
}

impl Short {
    /// A line that asks a place, or a group of places, that take no orders of its purpose.
    pub fn barred(line: usize, requested: u32) -> Self {
        Self { line, requested, available: 0, constraint: Constraint::Access, rule: None, limit: None }
    }

    /// Whether it is one, and no rule is behind it.
    pub fn is_barred(&self) -> bool {
        self.constraint == Constraint::Access && self.rule.is_none()
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Refusal {
    /// A field that says something that cannot be.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }
}
