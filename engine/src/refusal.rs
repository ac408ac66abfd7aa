//! Why a command fails: refusals are data, expected, counted and answered.

use crate::catalogue::names::ThingKind;
use crate::ids::{Name, ReservationId, Seq};
use crate::imports::imported::RowError;
use crate::kernel::holder::Holder;
use crate::level::Constraint;
use crate::reservations::ReservationState;
use crate::reservations::parent::Parent;
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
    /// The node follows another, which decides; nothing was done.
    #[error("this node follows another and takes no writes")]
    Follows,
    /// The node was told to stop, so that another node may take over; nothing was done.
    #[error("this node was told to stop and takes no writes")]
    Demoted,
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

/// The price of a line, as expected and as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceDifference {
    /// The line.
    pub line: Box<str>,
    /// The expected price of a unit, if one was expected.
    pub expected: Option<u64>,
    /// The price in force; none if there is none.
    pub actual: Option<u64>,
}

/// Why goods cannot come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyNotReturnable {
    /// More than was bought, or than is left of it.
    Quantity,
    /// They were not handed over yet.
    NotHandedOver,
    /// Their time is over.
    Window,
    /// A rule says that they do not come back.
    Excluded,
    /// They were not bought there, or it is not known where.
    UnknownSale,
}

impl WhyNotReturnable {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quantity => "quantity",
            Self::NotHandedOver => "not_handed_over",
            Self::Window => "window",
            Self::Excluded => "excluded",
            Self::UnknownSale => "unknown_sale",
        }
    }
}

/// A line that cannot come back as requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReturnable {
    /// The line of the order, if it names one.
    pub line: Option<Box<str>>,
    /// The SKU, if the request names it.
    pub sku: Option<Name>,
    /// Units that were requested.
    pub requested: u32,
    /// Units that could come back.
    pub returnable: u32,
    /// Why no more.
    pub reason: WhyNotReturnable,
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
    /// The prices of the request are no longer those in force: it is priced anew.
    #[error("prices changed meanwhile; ask again")]
    Repriced,
    /// What was read from the archive may be out of date: it is read anew.
    #[error("the archive changed meanwhile; ask again")]
    ArchiveMoved,
    /// Lines have no price, or the order comes to another total than expected.
    #[error("the order comes to {total}, or lines have no price")]
    PriceMismatch {
        /// The lines.
        lines: Vec<PriceDifference>,
        /// What it comes to.
        total: u64,
    },
    /// Goods cannot come back as requested.
    #[error("{} of the lines cannot come back as requested", .0.len())]
    NotReturnable(Vec<NotReturnable>),
    /// Refunds are divided in another way than the plan, which the caller may not do.
    #[error("refunds: are not what the plan says; leave them out, or use a key with the scope refund")]
    OffPlan,
    /// Payments or refunds do not add up.
    #[error("{due} is due, and {tendered} is tendered")]
    Unbalanced {
        /// What they should come to.
        due: u64,
        /// What they come to.
        tendered: u64,
    },
    /// The reservation is a part of an order or a cart, whose own steps change it.
    #[error("the reservation is a part of the {} {}; use the steps of that", .parent.kind.as_str(), .parent.name)]
    PartOf {
        /// Its state.
        state: ReservationState,
        /// What it is a part of.
        parent: Parent,
    },
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
    /// A series of receipts is of other places or channels than the operation.
    #[error("{field}: {reason}")]
    SeriesElsewhere {
        /// The field that names the series, as a path.
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
    /// The code of a self check-out is wrong.
    #[error("wrong code for this exit")]
    WrongExitCode,
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
    /// The state of an item does not allow the step, or something else has taken its place.
    #[error("the {kind} {name} is {state}{}, which does not allow this step", by_text(by))]
    Spent {
        /// Its kind.
        kind: &'static str,
        /// Its id.
        name: String,
        /// Its state.
        state: &'static str,
        /// What has taken its place.
        by: Option<String>,
    },
    /// Another series of the issuer could print the same number.
    #[error("series {series} of the same issuer could print {number}, too; choose another prefix")]
    NumberTaken {
        /// The other series.
        series: Name,
        /// A number that both could print.
        number: String,
    },
    /// A receipt that must state its taxes cannot be issued for a line whose tax class has no rate.
    #[error("line {line} has no tax rate; give its tax class a rate for this place")]
    NoTaxRate {
        /// The line or the charge.
        line: String,
    },
    /// The state of an item does not allow the step: another record has taken it, or has its place.
    #[error("the {kind} {name} is {state} ({field} {other}), which does not allow this step")]
    TakenBy {
        /// Its kind.
        kind: &'static str,
        /// Its id.
        name: Name,
        /// Its state.
        state: &'static str,
        /// What the other is to it, as a field of the problem.
        field: &'static str,
        /// The id of the other.
        other: Name,
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

fn by_text(by: &Option<String>) -> String {
    by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default()
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
