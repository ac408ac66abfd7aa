//! What callers ask for, and what they are told.
//!
//! A command has passed the edge: its names are valid and, where they were known, interned; its numbers are in range.
//! What it comes to is decided by the journal thread, in log order. Refusals are data: expected, counted, answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bounds::Bounds;
use crate::business_time::SpecialDates;
use crate::catalogue::{ChannelDetails, LocationKind, Price};
use crate::event::{
    Cause, Counted, Few, ImportKind, Imported, LostDemand, Moved, MovementKind, Purpose, RowError, SupplyKind, Thing,
    ThingKind,
};
use crate::holders::Holder;
use crate::ids::{ChannelId, GroupId, LocationId, Name, ReservationId, Seq, SkuId, Timestamp};
use crate::level::{Constraint, StockChange};
use crate::matrix::CellId;
use crate::patch::Patch;
use crate::reservation::{Reservation, State, Verdict};
use crate::rules::{Effect, RuleId};

/// A name on its way in: interned, or not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameRef<I> {
    /// Interned and durable.
    Known(I),
    /// Never seen before when the command was made.
    New(Name),
}

/// What a command came to.
pub type Told = Result<Outcome, Failure>;

/// Whoever is told what a command came to: once, by the journal thread, when it is known. It must be quick and must not
/// block.
pub trait Listener: Send {
    /// Hears it.
    fn hear(self: Box<Self>, told: Told);

    /// Whether nobody listens any more: what was not decided by then need not be.
    fn is_gone(&self) -> bool {
        false
    }
}

impl<F: FnOnce(Told) + Send> Listener for F {
    fn hear(self: Box<Self>, told: Told) {
        self(told);
    }
}

/// The listener of one command.
pub type Completion = Box<dyn Listener>;

/// A command on the queue.
pub struct Queued {
    /// What is asked for.
    pub command: Command,
    /// Who asks.
    pub cause: Option<Box<Cause>>,
    /// Whom to tell.
    pub done: Completion,
}

/// Everything that can be asked of the journal thread.
#[derive(Debug)]
pub enum Command {
    /// Promise units.
    Reserve(Box<Reserve>),
    /// Take a reservation one step on.
    Step(ReservationId, StepRequest),
    /// Move stock.
    Move(Vec<Movement>),
    /// Count stock.
    Count(Vec<Count>),
    /// Load rows of an import. Each chunk is one command; an atomic import is one chunk.
    Load {
        /// The rows.
        rows: Rows,
        /// Whether one bad row refuses all.
        atomic: bool,
        /// The end of the import, where this is its last chunk.
        finish: Option<Box<Imported>>,
    },
    /// Set the details of one thing.
    Put(Box<Put>),
    /// Say what is to come.
    Supply(Vec<SupplyFields>),
    /// Note what was asked for and refused.
    NoteLost(Vec<(Purpose, LostDemand)>),
    /// Take back the ids of channels that nothing used at a `seq`, if nothing used them since.
    Release(Vec<ChannelId>, Seq),
}

impl Command {
    /// Whether it is left undone where nobody waits for it any more. What happened in the world, and what the engine says
    /// itself, is noted whoever hears of it.
    pub(crate) fn may_be_dropped(&self) -> bool {
        match self {
            Self::Reserve(_) | Self::Step(..) | Self::Put(_) | Self::Supply(_) => true,
            Self::Move(_) | Self::Count(_) | Self::Load { .. } | Self::NoteLost(_) | Self::Release(..) => false,
        }
    }

    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Reserve(_) => "reserve",
            Self::Step(_, StepRequest::Confirm { .. }) => "confirm",
            Self::Step(_, StepRequest::Ready { .. }) => "ready",
            Self::Step(_, StepRequest::Collect { .. }) => "collect",
            Self::Step(_, StepRequest::Cancel { .. }) => "cancel",
            Self::Step(_, StepRequest::Extend { .. }) => "extend",
            Self::Step(_, StepRequest::PickupBy { .. }) => "pickup-by",
            Self::Step(_, StepRequest::Bind { .. }) => "bind",
            Self::Step(_, StepRequest::Rebind { .. }) => "rebind",
            Self::Move(_) => "movements",
            Self::Count(_) => "counts",
            Self::Load { .. } => "import",
            Self::Put(_) => "put",
            Self::Supply(_) => "supply",
            Self::NoteLost(_) => "lost demand",
            Self::Release(..) => "names given back",
        }
    }

    /// Lines or rows that it names.
    pub fn lines(&self) -> usize {
        match self {
            Self::Reserve(reserve) => reserve.lines.len() + reserve.group_lines.len(),
            Self::Step(_, StepRequest::Collect { lines, .. } | StepRequest::Cancel { lines, .. }) => {
                lines.as_ref().map_or(0, Vec::len)
            }
            Self::Step(_, StepRequest::Bind { lines }) => lines.as_ref().map_or(0, Vec::len),
            Self::Step(_, StepRequest::Rebind { lines }) => lines.len(),
            Self::Step(..) => 0,
            Self::Move(rows) => rows.len(),
            Self::Count(rows) => rows.len(),
            Self::Load { rows, .. } => rows.len(),
            Self::Put(_) => 1,
            Self::Supply(rows) => rows.len(),
            Self::NoteLost(rows) => rows.len(),
            Self::Release(channels, _) => channels.len(),
        }
    }
}

/// A promise that is asked for.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// Through which channel.
    pub channel: NameRef<ChannelId>,
    /// Its name: the id may have gone back by the time of the decision.
    pub channel_name: Name,
    /// For what.
    pub purpose: Purpose,
    /// For whom.
    pub customer: Option<Box<str>>,
    /// For which order.
    pub order: Option<Box<str>>,
    /// How long it is held.
    pub ttl_seconds: u32,
    /// Whether it is confirmed in the same step.
    pub confirm: bool,
    /// Whether fewer units than asked for will do.
    pub allow_partial: bool,
    /// The holds that this one replaces, each once.
    pub supersedes: Few<ReservationId>,
    /// What is asked of locations.
    pub lines: Few<ReserveLine>,
    /// What is asked of groups.
    pub group_lines: Vec<GroupLine>,
    /// What was already taken from promise words, cell by cell, before the command was queued.
    pub admitted: Few<(CellId, StockChange)>,
    /// Where a pickup is handed over whose lines are brought from other places.
    pub fetched_at: Option<LocationId>,
    /// Whether a refusal is no lost demand, since the caller tries something else then.
    pub is_attempt: bool,
    /// How many reservations its channel and its caller may have open.
    pub bounds: Bounds,
}

/// One line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReserveLine {
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// Units, at least 1.
    pub quantity: u32,
    /// Units that are to come by then will do.
    pub latest: Option<Timestamp>,
}

/// One line that is asked of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLine {
    /// Which line of the request, from 0.
    pub at: usize,
    /// The SKU.
    pub sku: SkuId,
    /// Anywhere in it.
    pub group: GroupId,
    /// Units, at least 1.
    pub quantity: u32,
    /// Units that are to come by then will do.
    pub latest: Option<Timestamp>,
}

impl Reserve {
    /// The holds that it replaces, each once, with the place at which it names them.
    pub fn replaced(&self) -> impl Iterator<Item = (usize, ReservationId)> + '_ {
        let all = self.supersedes.iter().copied().enumerate();
        all.filter(|(at, id)| !self.supersedes.iter().take(*at).any(|earlier| earlier == id))
    }

    /// Whether it can only be decided in log order: where the units of a group come from, what is to come and what a day
    /// has room for is known there.
    pub fn is_left_to_the_log(&self) -> bool {
        !self.group_lines.is_empty() || self.lines.iter().any(|line| line.latest.is_some())
    }

    /// Which line of the request, from 0, the `nth` of those that are asked of locations is.
    pub fn line_number(&self, nth: usize) -> usize {
        let mut at = nth;
        for group_line in &self.group_lines {
            if group_line.at <= at {
                at += 1;
            }
        }
        at
    }
}

/// Holds that one promise may replace.
pub const SUPERSEDES_MAX: usize = 16;

/// A step in a reservation's life that is asked for.
#[derive(Debug, Clone)]
pub enum StepRequest {
    /// It becomes an order.
    Confirm {
        /// When it expires after all.
        pickup_by: Option<Timestamp>,
        /// The order it belongs to.
        order: Option<Box<str>>,
    },
    /// It is put aside. The code comes from outside: the engine draws no random numbers.
    Ready {
        /// 30 random bits for the code.
        entropy: u64,
    },
    /// It is handed over.
    Collect {
        /// Only these units.
        lines: Option<Vec<LineUnits>>,
        /// What the customer shows.
        pickup_code: Option<String>,
    },
    /// It is given back.
    Cancel {
        /// Only these units.
        lines: Option<Vec<LineUnits>>,
        /// Why.
        reason: Option<Box<str>>,
    },
    /// It is to be fetched by another time, or whenever.
    PickupBy {
        /// When it expires; none where it does not.
        pickup_by: Option<Timestamp>,
    },
    /// It gets more time.
    Extend {
        /// From now.
        ttl_seconds: u32,
    },
    /// The location of what was asked of a group is made public.
    Bind {
        /// Only these; all where they are, if it does not say.
        lines: Option<Vec<Rebind>>,
    },
    /// What is promised moves to other locations.
    Rebind {
        /// What, and where to.
        lines: Vec<Rebind>,
    },
}

impl StepRequest {
    /// Whether it may be done to a reservation in `state`.
    pub fn verdict(&self, state: State) -> Verdict {
        match self {
            Self::Confirm { .. } => state.may_confirm(),
            Self::Ready { .. } => state.may_ready(),
            Self::Collect { .. } => state.may_collect(),
            Self::Cancel { .. } => state.may_cancel(),
            Self::PickupBy { .. } => state.may_set_pickup_by(),
            Self::Extend { .. } => state.may_extend(),
            Self::Bind { .. } | Self::Rebind { .. } => state.may_rebind(),
        }
    }

    /// Whether it is one of any number in a life: neither a state reached for the first time, nor the end.
    pub(crate) fn lengthens(&self) -> bool {
        match self {
            Self::Confirm { .. } | Self::Ready { .. } => false,
            Self::Collect { lines, .. } | Self::Cancel { lines, .. } => lines.is_some(),
            Self::Extend { .. } | Self::PickupBy { .. } | Self::Bind { .. } | Self::Rebind { .. } => true,
        }
    }
}

/// Units of a reservation's line that are to be elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebind {
    /// The SKU.
    pub sku: SkuId,
    /// The group that it was asked of; may be left out.
    pub group: Option<GroupId>,
    /// Where it is; may be left out while it is in one place, and is where nobody knows.
    pub from: Option<LocationId>,
    /// Where it is to be; where it is, if it does not say.
    pub to: Option<LocationId>,
    /// Units; all of them, if it does not say.
    pub quantity: Option<u32>,
}

/// Units of a reservation's line, named by what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineUnits {
    /// The SKU.
    pub sku: SkuId,
    /// Where; may be left out while only one line has the SKU.
    pub location: Option<LocationId>,
    /// Units, at least 1.
    pub quantity: u32,
}

/// A movement that is reported.
#[derive(Debug, Clone)]
pub struct Movement {
    /// Why.
    pub kind: MovementKind,
    /// The SKU.
    pub sku: NameRef<SkuId>,
    /// Where.
    pub location: NameRef<LocationId>,
    /// Added to `on_hand`, signed.
    pub change: i64,
    /// When it happened, where the caller says so.
    pub occurred_at: Option<Timestamp>,
    /// The caller's own document.
    pub reference: Option<String>,
    /// Whether a receipt is of nothing that was known to come.
    pub unplanned: bool,
    /// What was already taken from the promise word.
    pub admitted: Option<(CellId, StockChange)>,
}

/// What is said of a supply of one cell.
#[derive(Debug, Clone)]
pub struct SupplyFields {
    /// Line of the import it came from; 0 for none.
    pub line: u64,
    /// The caller's own document; with the cell, its identity.
    pub name: Name,
    /// Where the units are.
    pub kind: SupplyKind,
    /// The SKU.
    pub sku: NameRef<SkuId>,
    /// Where they come to.
    pub location: NameRef<LocationId>,
    /// Units still to come; 0 for none any more.
    pub quantity: u32,
    /// When they are expected; needed while there are any.
    pub expected_at: Option<Timestamp>,
    /// The record as of which an export of this log says so: what came since stays.
    pub as_of: Option<Seq>,
}

/// A count that is reported.
#[derive(Debug, Clone)]
pub struct Count {
    /// Line of the import it came from; 0 for none.
    pub line: u64,
    /// The SKU.
    pub sku: NameRef<SkuId>,
    /// Where.
    pub location: NameRef<LocationId>,
    /// What was found.
    pub on_hand: i32,
    /// When it was true, where the caller says so.
    pub counted_at: Option<Timestamp>,
    /// Units to hold back from now on; `None` keeps what is there.
    pub safety_stock: Option<u32>,
    /// Where it is no count but what the books said, as an export writes it.
    pub as_of: Option<AsOf>,
}

/// As of which record an export tells the books of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The moment of it.
    pub time: Timestamp,
    /// The record, where it is one of this log.
    pub seq: Option<Seq>,
    /// When the cell was last counted, as it is told; none for never.
    pub counted_at: Option<Timestamp>,
}

/// Rows of an import.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Locations.
    Locations(Vec<Row<LocationId, LocationFields>>),
    /// Groups with their members.
    Groups(Vec<(u64, Name, Vec<Name>)>),
    /// SKUs.
    Skus(Vec<Row<SkuId, SkuFields>>),
    /// Counts.
    Stock {
        /// The rows.
        counts: Vec<Count>,
        /// Whether unknown SKUs and locations are created.
        create: bool,
    },
    /// Prices.
    Prices(Vec<(u64, Name, Price)>),
    /// Rules.
    Rules(Vec<(u64, Name, RuleFields)>),
    /// What is to come.
    Supply(Vec<SupplyFields>),
    /// Channels with their buffers; `None` keeps what is there.
    Channels(Vec<(u64, Name, Option<u32>)>),
    /// None: the file ended.
    None(ImportKind),
}

impl Rows {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Locations(rows) => rows.len(),
            Self::Groups(rows) => rows.len(),
            Self::Skus(rows) => rows.len(),
            Self::Stock { counts, .. } => counts.len(),
            Self::Prices(rows) => rows.len(),
            Self::Rules(rows) => rows.len(),
            Self::Supply(rows) => rows.len(),
            Self::Channels(rows) => rows.len(),
            Self::None(_) => 0,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One row: its line, what it names, and what it says of it.
#[derive(Debug, Clone)]
pub struct Row<I, F> {
    /// Line of the file, from 1.
    pub line: u64,
    /// What it names.
    pub id: NameRef<I>,
    /// What it says.
    pub fields: F,
}

/// What is said of a SKU.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SkuFields {
    /// What people call it.
    pub name: Patch<String>,
    /// Global Trade Item Number.
    pub gtin: Patch<String>,
    /// Unit of measure.
    pub unit: Patch<String>,
    /// Decimal places.
    pub decimals: Patch<u8>,
    /// The product of which it is a variant.
    pub product: Patch<String>,
    /// Categories.
    pub categories: Patch<Vec<String>>,
    /// All attributes, before those of [`SkuFields::attributes`].
    pub all_attributes: Patch<BTreeMap<String, String>>,
    /// Attributes one by one; those named are set, others keep their value.
    pub attributes: Vec<(String, String)>,
    /// Whether its units are counted; they are if nobody says.
    pub tracked: Patch<bool>,
}

impl SkuFields {
    /// Whether the SKU is to be counted, if anything is said of that.
    pub(crate) fn tracks(&self) -> Option<bool> {
        match self.tracked {
            Patch::Keep => None,
            Patch::Clear => Some(true),
            Patch::Set(tracked) => Some(tracked),
        }
    }
}

/// What is said of a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelFields {
    /// Units of every cell that it must leave to others.
    pub buffer: Patch<u32>,
}

impl From<ChannelDetails> for ChannelFields {
    fn from(details: ChannelDetails) -> Self {
        Self { buffer: Patch::Set(details.buffer) }
    }
}

/// What is said of a location.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LocationFields {
    /// What people call it.
    pub name: Patch<String>,
    /// What it is.
    pub kind: Patch<LocationKind>,
    /// Degrees north and east.
    pub coordinates: Patch<(f64, f64)>,
    /// IANA time zone.
    pub timezone: Patch<String>,
    /// Whether customers may fetch orders here.
    pub pickup: Patch<bool>,
    /// Whether orders are shipped from here.
    pub ship: Patch<bool>,
    /// Exactly the groups it is in.
    pub groups: Patch<Vec<Name>>,
    /// When people work there.
    pub services: ServiceFields,
}

/// What is said of the people in a location.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceFields {
    /// When people work there, as in [`LocationHours`](crate::catalogue::LocationHours); empty for never.
    pub hours: Patch<Vec<(u16, u16)>>,
    /// Dates on which other hours hold: all of them.
    pub special_hours: Patch<SpecialDates>,
    /// Minute of the day.
    pub pickup_cutoff: Patch<u16>,
    /// Minutes of work until an order is ready.
    pub pickup_minutes: Patch<u32>,
    /// The group from which what it lacks may be brought. Without one nothing is brought, whatever the minutes.
    pub transfer_group: Patch<Name>,
    /// Minutes until that is there.
    pub transfer_minutes: Patch<u32>,
}

/// One thing to set, if it still is what the caller saw. What is not said of it stays as it is; a rule is
/// set whole.
#[derive(Debug, Clone)]
pub struct Put {
    /// What.
    pub what: PutWhat,
    /// What must hold of it before.
    pub precondition: Precondition,
}

/// What must hold of a thing before it is set, as `If-Match` and `If-None-Match` of RFC 9110 say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// It has one of these versions.
    pub if_match: Option<Versions>,
    /// It has none of these.
    pub if_none_match: Option<Versions>,
}

/// Versions of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// Any: the thing exists.
    Any,
    /// One of these. Versions that were never given out are left out.
    OneOf(Vec<Seen>),
}

/// A version of a thing: two of one thing are the same only if all that is told of it is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The `seq` of its last change; 0 where nobody declared it.
    pub seq: Seq,
    /// Of a location: a digest of the groups that it is in, which may change without it.
    pub groups: Option<u32>,
}

/// A version as a caller names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The `seq` of the change.
    pub seq: Seq,
    /// The digest of the groups, where it was told.
    pub groups: Option<u32>,
}

impl Version {
    /// That of a thing whose last change was at `seq`.
    pub fn new(seq: Seq) -> Self {
        Self { seq, groups: None }
    }

    /// That of a location whose last change was at `seq`, and which is in `groups`.
    pub fn of_location(seq: Seq, groups: &[GroupId]) -> Self {
        // The same in whatever order they stand: a sum of each one, mixed (the finaliser of SplitMix64).
        let mixed = |group: &GroupId| {
            let mut word = (u64::from(group.0) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        };
        let sum = groups.iter().fold(0_u64, |sum, group| sum.wrapping_add(mixed(group)));
        Self { seq, groups: Some((sum >> 32) as u32) }
    }
}

impl Versions {
    /// Whether `current` is among them; nothing is `None`.
    pub fn have(&self, current: Option<Version>) -> bool {
        let Some(current) = current else { return false };
        let is_it = |seen: &Seen| seen.seq == current.seq && (seen.groups.is_none() || seen.groups == current.groups);
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.iter().any(is_it),
        }
    }
}

impl Precondition {
    /// Whether it holds of a thing that has the version `current`, or does not exist.
    pub fn holds(&self, current: Option<Version>) -> bool {
        self.if_match.as_ref().is_none_or(|versions| versions.have(current))
            && !self.if_none_match.as_ref().is_some_and(|versions| versions.have(current))
    }
}

/// What to set.
#[derive(Debug, Clone)]
pub enum PutWhat {
    /// A SKU.
    Sku(Name, SkuFields),
    /// A location.
    Location(Name, LocationFields),
    /// A group.
    Group(Name, Patch<Vec<Name>>),
    /// A channel.
    Channel(Name, ChannelFields),
    /// A rule; `None` removes it.
    Rule(Name, Option<Box<RuleFields>>),
    /// Something that is no more.
    Retire(ThingKind, Name),
}

/// What is said of a rule, by name. It names only what there is.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleFields {
    /// One of these SKUs.
    pub skus: Vec<Name>,
    /// A SKU in one of these categories.
    pub categories: Vec<String>,
    /// A SKU with one of these attributes.
    pub attributes: Vec<(String, String)>,
    /// One of these locations.
    pub locations: Vec<Name>,
    /// A location in one of these groups.
    pub groups: Vec<Name>,
    /// A location of one of these kinds.
    pub kinds: Vec<LocationKind>,
    /// One of these channels.
    pub channels: Vec<Name>,
    /// What it does.
    pub effect: Effect,
    /// From when on.
    pub starts_at: Option<Timestamp>,
    /// Until when.
    pub ends_at: Option<Timestamp>,
}

impl RuleFields {
    /// A rule that holds everywhere and always.
    pub fn everywhere(effect: Effect) -> Self {
        Self {
            skus: Vec::new(),
            categories: Vec::new(),
            attributes: Vec::new(),
            locations: Vec::new(),
            groups: Vec::new(),
            kinds: Vec::new(),
            channels: Vec::new(),
            effect,
            starts_at: None,
            ends_at: None,
        }
    }
}

/// What was done.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The reservation as it is now.
    Reservation(Arc<Reservation>),
    /// The movements, with the cells after each.
    Moved {
        /// The record.
        seq: Seq,
        /// Row by row.
        rows: Vec<Moved>,
    },
    /// The counts, with the cells after each.
    Counted {
        /// The record.
        seq: Seq,
        /// Row by row.
        rows: Vec<Counted>,
    },
    /// What became of the rows of one chunk.
    Loaded(Loaded),
    /// The end of an import.
    Imported {
        /// The record.
        seq: Seq,
        /// Its counts.
        imported: Box<Imported>,
    },
    /// The thing is set.
    Put {
        /// Its version.
        seq: Seq,
        /// What it is from there on.
        thing: Option<Box<Thing>>,
    },
}

/// What became of the rows of one chunk.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Rows that changed something.
    pub accepted: u64,
    /// Rows that said what was known.
    pub unchanged: u64,
    /// Rows that were refused, with the reason.
    pub errors: Vec<RowError>,
    /// The last record; the visible `seq` where nothing was logged.
    pub seq: Seq,
}

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

/// An expected no.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// There is not enough of something.
    #[error("there is not enough stock for {} of the lines", .0.len())]
    Insufficient(Vec<Short>),
    /// The reservation is in a state from which this cannot happen.
    #[error("a reservation that is {0:?} cannot do this")]
    WrongState(State),
    /// Where it is, is open.
    #[error("this line has no location yet; call `bind` first")]
    Unbound(State),
    /// Units of it are still to come.
    #[error("{1} of its units are still to come; name the lines and units that are there, or wait")]
    Waiting(State, u64),
    /// The history of the reservation is as long as it may be.
    #[error(
        "the reservation has {1} changes, and reservations.changes_max allows no more; it can still be confirmed, put aside, collected or cancelled whole"
    )]
    TooManyChanges(State, usize),
    /// More units of a line than it has left.
    #[error("lines[{line}].quantity: the reservation has {left} of these left")]
    TooManyUnits {
        /// The reservation's state.
        state: State,
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
        state: State,
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
