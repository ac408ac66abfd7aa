//! Why a command fails: refusals are data, expected, counted and answered.

use crate::catalogue::names::ThingKind;
use crate::ids::{Name, ReservationId, Seq};
use crate::imports::imported::RowError;
use crate::kernel::holder::Holder;
use crate::level::Constraint;
use crate::reservations::ReservationState;
use crate::rules::RuleId;

/// Why a command failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// A refusal.
    #[error("{0}")]
    Refused(Refusal),
    /// The engine accepts no writes.
    #[error("the engine is read-only: {0}")]
    ReadOnly(String),
    /// The journal failed while the command was in flight: it may be durable or not.
    #[error("the journal failed while the write was in flight: {0}")]
    Unknown(String),
    /// Too many commands are in flight; nothing was done.
    #[error("overloaded: {0}")]
    Overloaded(String),
    /// The caller has too many idempotency keys; nothing was done.
    #[error("overloaded: {0}")]
    KeysFull(String, u64),
    /// Nobody waits for the outcome any more; nothing was done.
    #[error("the caller is gone; nothing was done")]
    Unheard,
    /// The reservation is closed and already in the requested state: its record in the log is the answer.
    #[error("the reservation is already in the requested state")]
    AsItIs(ReservationId),
    /// The same request was done before, at this `seq`; its first answer stands, and is unreadable.
    #[error("done before, at {0}")]
    Replayed(Seq),
    /// The key refers to a record that the log no longer has: nothing is done again.
    #[error("done before, at {seq}, and the log starts at {oldest}")]
    Forgotten {
        /// The record of the key.
        seq: Seq,
        /// The oldest record in the log.
        oldest: Seq,
    },
}

/// A refusal: expected, typed, counted, answered with 4xx.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// There is not enough of something.
    #[error("there is not enough stock for {} of the lines", .0.len())]
    Insufficient(Vec<Short>),
    /// The state of the reservation does not allow the step.
    #[error("a {0:?} reservation does not allow this step")]
    WrongState(ReservationState),
    /// The line is unallocated.
    #[error("this line has no location yet; call `bind` first")]
    Unallocated(ReservationState),
    /// Some of its units are inbound.
    #[error("{1} of its units are still inbound; name lines and units that have arrived, or wait")]
    Waiting(ReservationState, u64),
    /// The history of the reservation has its maximum length.
    #[error(
        "the reservation has {1} changes, which is the limit of reservations.changes_max; it can still be confirmed, \
         made ready, collected or cancelled completely"
    )]
    TooManyChanges(ReservationState, usize),
    /// More units of a line than it has left.
    #[error("lines[{line}].quantity: the reservation has {left} units left; ask for at most that many")]
    TooManyUnits {
        /// The reservation's state.
        state: ReservationState,
        /// The line of the request, from 0.
        line: usize,
        /// Units left.
        left: u32,
    },
    /// The hold to replace is confirmed, or closed.
    #[error("supersedes[{at}]: a {state:?} reservation cannot be replaced; leave it out")]
    NotReplaceable {
        /// Its position in the request, from 0.
        at: usize,
        /// Its state.
        state: ReservationState,
    },
    /// The hold to replace does not exist.
    #[error("supersedes[{at}]: this reservation does not exist; leave it out")]
    NothingToReplace {
        /// Its position in the request, from 0.
        at: usize,
    },
    /// Something does not exist.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A field has an invalid value.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field, as a path.
        field: String,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// The item has another version.
    #[error("the version is {actual}, not the given one; read it again")]
    StaleVersion {
        /// The current version; 0 if it does not exist.
        actual: Seq,
    },
    /// The pickup code is required, and missing.
    #[error("the pickup code is required (reservations.pickup_code_required)")]
    PickupCodeRequired {
        /// Whether the reservation has one.
        has_one: bool,
    },
    /// Too many wrong pickup codes were tried.
    #[error("too many wrong pickup codes; try again later")]
    PickupCodeClosed {
        /// Seconds until the next attempt is allowed.
        seconds: u64,
    },
    /// The pickup code is wrong.
    #[error("wrong pickup code for this reservation")]
    WrongPickupCode,
    /// The same idempotency key came with another body.
    #[error("the idempotency key was used with another body; use a new key")]
    IdempotencyMismatch,
    /// The request exceeds a limit of its channel or its caller.
    #[error("{field}: {asked} is more than {limit}, which is {most}")]
    Limited {
        /// The field, as a path.
        field: String,
        /// The name of the setting.
        limit: String,
        /// The requested value, or the number that would be open.
        asked: u64,
        /// The value of the limit.
        most: u64,
        /// Whether the same request may succeed later.
        passes: bool,
        /// Seconds until it does if nothing else happens, if known.
        seconds: Option<u64>,
    },
    /// Something holds the item, so it cannot be retired.
    #[error("the {} {name} is held by {}", kind.as_str(), Holder::all(holders))]
    Held {
        /// Its kind.
        kind: ThingKind,
        /// Its name.
        name: Name,
        /// Its holders; at least one.
        holders: Vec<Holder>,
    },
    /// Something holds units of the SKU, so `tracked` cannot change.
    #[error(
        "tracked: {name} is held by {}, and tracked changes only while nothing is: count it to 0, end its \
         reservations and its supply first",
        Holder::all(holders)
    )]
    HeldAsCounted {
        /// The SKU.
        name: Name,
        /// Its holders; at least one.
        holders: Vec<Holder>,
    },
    /// An item with this id exists, with other content.
    #[error("the {kind} {name} exists with other content; use another id")]
    AlreadyExists {
        /// Its kind.
        kind: &'static str,
        /// Its id.
        name: Name,
        /// The record that created it.
        seq: Seq,
    },
    /// The state of an item does not allow the step.
    #[error("the {kind} {name} is {state}, which does not allow this step")]
    InState {
        /// Its kind.
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
    /// An atomic import has wrong rows.
    #[error("{} rows are wrong, so no row was loaded", .0.len())]
    BadRows(Vec<RowError>),
}

/// A short line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    /// The line of the request, from 0.
    pub line: usize,
    /// Units that all its lines requested of the cell.
    pub requested: u32,
    /// Available units at that moment.
    pub available: u32,
    /// The constraint.
    pub constraint: Constraint,
    /// The rule behind it, if there is one.
    pub rule: Option<RuleId>,
    /// The setting that ended the search for more, if one did.
    pub limit: Option<&'static str>,
}

impl Short {
    /// A line for a location, or a group, that accepts no orders of its purpose.
    pub fn barred(line: usize, requested: u32) -> Self {
        Self { line, requested, available: 0, constraint: Constraint::Access, rule: None, limit: None }
    }

    /// Whether it is one, without a rule behind it.
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
    /// A field with an invalid value.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }
}
