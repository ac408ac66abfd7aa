//! The events of the log: what happened, as effects.
//!
//! An event says what became true, never what somebody asked for, so folding it needs no rule and no clock. Every event
//! that touches stock carries the level of each touched cell *after* it: folding is storing, folding twice is harmless,
//! and any stretch of the log tells absolute values without what came before it. [`verify`](crate::verify) checks those
//! levels against the arithmetic of the quantities beside them.
//!
//! The log's format is version 6: version 1, the events from [`Event::RulesSet`] on, which came with rules (version 2),
//! those from [`Event::SupplySet`] on, which came with supply (version 3), where a request came from (version 4, a cause),
//! those from [`Event::MadeUp`] on, by which names come and go, and whose share a request counts against (version 5), and
//! those from [`Event::HoursSet`] on, and imports of channels (version 6). What a version has is frozen, the order of
//! variants and the fields of each, and the golden files in `engine/tests/golden` hold it to that. New events go to the
//! end and make a new version; a build that does not know them refuses by number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::catalogue::details::{
    ChannelDetails, GroupDetails, LocationDetails, LocationHours, Price, ServiceDetails, SkuDetails,
};
use crate::confirmed::CountsConfirmed;
use crate::ids::{ChannelId, GroupId, LocationId, Name, ReservationId, Seq, SkuId, Timestamp};
use crate::level::StockLevel;
use crate::rules::{Rule, RuleId, Standing};
use crate::supply::inbound::Supply;
pub use crate::supply::inbound::SupplyKind;

/// One logged event with its place, its time and its cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its position in the log, dense and strictly increasing.
    pub seq: Seq,
    /// When it was logged; never goes back.
    pub time: Timestamp,
    /// Who asked for it, where that is more than the event itself tells.
    pub cause: Option<Box<Cause>>,
    /// What happened.
    pub event: Event,
}

/// Who asked, from where, and for which request. How it is stored is told by the [journal](crate::journal).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cause {
    /// The channel that asked.
    pub channel: Option<Name>,
    /// Who asked: the name of a key, or of a part of the engine.
    pub actor: Option<String>,
    /// The caller's own document, such as an order or a till receipt.
    pub reference: Option<String>,
    /// `traceparent` of the request.
    pub trace: Option<String>,
    /// The key under which a repeat gets the same answer.
    pub idempotency: Option<IdempotencyKey>,
    /// Where it came from, where callers must say who they are.
    pub origin: Option<Origin>,
    /// A digest of the caller, the same for all its requests: whose share of keys and of open holds this counts
    /// against; 0 where nobody said.
    pub caller: u64,
}

impl Cause {
    /// Whose share a request counts against; 0 where nobody said.
    pub fn caller(cause: Option<&Self>) -> u64 {
        cause.map_or(0, |cause| cause.caller)
    }

    /// What the other records of a request have, beside the one that is its effect: who asked, and from where, if that is
    /// known.
    pub fn of_part(&self) -> Option<Box<Self>> {
        self.origin.as_ref()?;
        Some(Box::new(Self { idempotency: None, caller: 0, ..self.clone() }))
    }
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What let it in: the id of an API key, or of the key that signed a token.
    pub key: String,
    /// The caller's address.
    pub address: String,
    /// The id of the request.
    pub request: String,
}

/// An idempotency key with what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The key as the caller sent it.
    pub key: String,
    /// A digest of caller, method, path and key: what a repeat must agree on to be one.
    pub scope: u128,
    /// A digest of the body: what a repeat must send again.
    pub fingerprint: u128,
}

/// A cell after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellAfter {
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// Its level.
    pub level: StockLevel,
    /// Units held back from every channel.
    pub safety_stock: u32,
}

/// Lines of a reservation; nearly all have one.
pub type Few<T> = SmallVec<[T; 1]>;

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Names got their interned ids. Comes before the first record that uses them.
    Defined(Box<Definitions>),
    /// SKUs were described.
    SkusSet(Vec<(SkuId, SkuDetails)>),
    /// Locations were described.
    LocationsSet(Vec<(LocationId, LocationDetails)>),
    /// Groups got their members.
    GroupsSet(Vec<(GroupId, GroupDetails)>),
    /// Channels got their settings.
    ChannelsSet(Vec<(ChannelId, ChannelDetails)>),
    /// SKUs got their prices.
    PricesSet(Vec<(SkuId, Vec<Price>)>),
    /// Stock moved.
    Moved(Vec<Moved>),
    /// Stock was counted.
    Counted(Vec<Counted>),
    /// Units were promised.
    Reserved(Box<Reserved>),
    /// A promise became an order.
    Confirmed(Box<Confirmed>),
    /// A promise was put aside for its customer.
    Readied(Box<Readied>),
    /// Promised units were handed over.
    Collected(Box<Collected>),
    /// Promised units were given back.
    Cancelled(Box<Cancelled>),
    /// A hold got a new deadline.
    Extended(Extended),
    /// A promise outlived its deadline, and its units went back.
    Expired(Box<Expired>),
    /// On hand no longer covers what is promised, or covers less of it than before.
    ShortageGrew(CellAfter),
    /// On hand covers what is promised again.
    ShortageCleared(CellAfter),
    /// An import came to its end.
    Imported(Box<Imported>),
    /// Rules were set, or removed.
    RulesSet(Vec<RuleSet>),
    /// The date of rules came: they are in force from here on (true), or are not any more.
    RulesTurned(Vec<(RuleId, bool)>),
    /// Units were promised on terms: out of a group, or under quotas.
    Promised(Box<Promised>),
    /// Units of a promise moved to other locations, or the location of some was made public.
    Rebound(Box<Rebound>),
    /// Locations got their hours and what else people there do for orders.
    ServicesSet(Vec<(LocationId, ServiceDetails)>),
    /// What is to come changed.
    SupplySet(Vec<SupplySet>),
    /// Stock moved, and some of it was supply that came, or was waited for.
    Received(Box<Received>),
    /// Units that became free went to promises that waited for them, by reservation and line.
    Filled(Vec<Fill>),
    /// Units were promised on terms, some of them before they are there, or as an order that counts against a day.
    Arranged(Box<Arranged>),
    /// Promises that wait are at risk, or no longer are, by reservation and line.
    WaitsDated(Vec<WaitDated>),
    /// Units were asked for and refused.
    DemandLost(Vec<LostDemand>),
    /// Names that nobody declared got their interned ids. Comes before the first record that uses them.
    MadeUp(Box<MadeUp>),
    /// Names that nothing uses lost their ids. Another name may get one of them once the log no longer has this record.
    Released(Box<Definitions>),
    /// Something was set under a key: what its caller was told. The effect stands in the records before, if it had one.
    Told(Box<Told>),
    /// Locations got the hours and dates at which people work there.
    HoursSet(Vec<(LocationId, LocationHours)>),
    /// An order got another deadline, or none.
    PickupBySet(PickupBySet),
    /// Units were asked for and refused, for a purpose. In the place of [`Event::DemandLost`] since format 6.
    DemandRefused(Vec<(Purpose, LostDemand)>),
    /// Stock was counted, and found to be what the books say.
    CountsConfirmed(Box<CountsConfirmed>),
    /// Locations got their quarantines: which, and of which. Comes before the first record of what is in one.
    QuarantinesMade(Vec<(LocationId, LocationId)>),
    /// Units were promised in place of several holds at once.
    Replaced(Box<Replaced>),
    /// Names were retired: nothing holds them, and nothing new is done with them. Their ids stay theirs.
    Retired(Box<Definitions>),
    /// Retired names came back, with the ids that they had. Comes before the first record that uses them again.
    Revived(Box<Definitions>),
    /// SKUs are counted from here on (true), or nobody counts them (false). None of their cells holds anything then.
    TrackingSet(Vec<(SkuId, bool)>),
}

/// A promise in place of several holds: what any of them gives back is free for nobody else in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The promise, in place of the first of them; the levels of its cells are those after the whole event.
    pub arranged: Arranged,
    /// The others, at least one.
    pub others: Vec<Superseded>,
}

/// A kind of things that are retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ThingKind {
    /// A SKU.
    Sku,
    /// A location.
    Location,
    /// A group.
    Group,
    /// A channel.
    Channel,
}

impl ThingKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sku => "sku",
            Self::Location => "location",
            Self::Group => "group",
            Self::Channel => "channel",
        }
    }

    /// The same where it is told that there is none.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sku => "SKU",
            other => other.as_str(),
        }
    }
}

/// Names that nobody declared, with who made them up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeUp {
    /// A digest of the caller; 0 where callers need not say who they are.
    pub by: u64,
    /// The names.
    pub names: Definitions,
}

/// What a caller who set something is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The record of the effect, or the version that was found where there was nothing to change.
    pub seq: Seq,
    /// What was set, as it is from there on.
    pub thing: Thing,
}

/// Something that was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Thing {
    /// A SKU.
    Sku(SkuId, SkuDetails),
    /// A location, with the groups that it is in.
    Location(LocationId, LocationDetails, ServiceDetails, Vec<GroupId>),
    /// A group.
    Group(GroupId, GroupDetails),
    /// A channel.
    Channel(ChannelId, ChannelDetails),
    /// A rule.
    Rule(Box<Standing>),
    /// A rule that is no more.
    NoRule(Name),
    /// What is to come.
    Supply(Vec<CellToCome>),
    /// A location with everything that is said of it. In the place of [`Thing::Location`] since format 6.
    Place(Box<PlaceSet>),
    /// Something that is retired.
    Retired(ThingKind, Name),
    /// A SKU that nobody counts; any other is a [`Thing::Sku`].
    Uncounted(SkuId, SkuDetails),
}

/// A location, with everything that is said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaceSet {
    /// Which.
    pub location: LocationId,
    /// What it is.
    pub details: LocationDetails,
    /// How long people take there.
    pub services: ServiceDetails,
    /// When people work there.
    pub hours: LocationHours,
    /// The groups that it is in.
    pub groups: Vec<GroupId>,
}

/// What is to come to a cell, and who waits for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellToCome {
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// What is to come, the earliest first.
    pub supplies: Vec<Supply>,
    /// Units that are waited for.
    pub waiting: u64,
    /// Promises at risk, in the order in which they were made: whose, units, for when they are promised, and when they are
    /// expected. The first of them, where there are many.
    pub at_risk: Vec<(ReservationId, u32, Timestamp, Option<Timestamp>)>,
}

/// A supply of one cell as it is from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplySet {
    /// The caller's own document; with the cell, its identity.
    pub name: Name,
    /// Where the units are.
    pub kind: SupplyKind,
    /// Units still to come; 0 where there is none any more.
    pub open: u32,
    /// When they are expected.
    pub expected_at: Timestamp,
    /// The cell that they come to.
    pub cell: CellAfter,
}

/// Stock moved, with the supply that it used up and the promises that it filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The movements.
    pub rows: Vec<Moved>,
    /// Supplies of which something came.
    pub used: Vec<SupplyUsed>,
    /// Promises that got what they waited for, by reservation and line.
    pub fills: Vec<Fill>,
}

impl Received {
    /// The movements, each cell as it is after the whole event.
    pub fn rows_after(&self) -> Vec<Moved> {
        let filled = filled_cells(&self.fills);
        let after = |row: &Moved| {
            let cell = filled.get(&(row.cell.sku, row.cell.location)).copied().unwrap_or(row.cell);
            Moved { cell, ..row.clone() }
        };
        self.rows.iter().map(after).collect()
    }
}

/// The cells of fills, each once.
fn filled_cells(fills: &[Fill]) -> BTreeMap<(SkuId, LocationId), CellAfter> {
    fills.iter().map(|fill| ((fill.cell.sku, fill.cell.location), fill.cell)).collect()
}

/// A supply of which something came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyUsed {
    /// Its name.
    pub name: Name,
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// Units that came.
    pub quantity: u32,
    /// Units still to come.
    pub open: u32,
}

/// Units that were waited for and are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Whose.
    pub reservation: ReservationId,
    /// Which line of it, from 0.
    pub line: u16,
    /// How many units.
    pub quantity: u32,
    /// The cell after the whole event.
    pub cell: CellAfter,
}

/// A promise of which units may still have to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arranged {
    /// The promise. The quantity of a line includes what is to come.
    pub promised: Promised,
    /// Lines of which units are to come.
    pub waits: Vec<LineWait>,
    /// The days of locations that it counts against.
    pub orders: Vec<OrderDay>,
}

/// Units of a line that are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineWait {
    /// Which line, from 0.
    pub line: u16,
    /// How many of its units.
    pub quantity: u32,
    /// The latest that would do.
    pub latest: Timestamp,
    /// When they are promised for.
    pub promised_for: Timestamp,
    /// Whether that rests on an allowance, and not on supply.
    pub on_allowance: bool,
    /// Its turn, where it has that of a line which it replaced; its own otherwise.
    pub turn: Option<Turn>,
}

/// A place in the line of those who wait for a cell: the promise that first took it, and its line.
pub type Turn = (ReservationId, u16);

/// A day of a location, in its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderDay {
    /// Where.
    pub location: LocationId,
    /// Days since 1970-01-01.
    pub day: i32,
}

/// When units that are waited for are expected now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitDated {
    /// Whose.
    pub reservation: ReservationId,
    /// Which line of it, from 0.
    pub line: u16,
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// Units that are waited for.
    pub quantity: u32,
    /// When they were promised for.
    pub promised_for: Timestamp,
    /// When they are expected; none where nothing is to come that is not somebody else's.
    pub expected_at: Option<Timestamp>,
}

impl WaitDated {
    /// Whether they will come too late, or not at all.
    pub fn at_risk(&self) -> bool {
        self.expected_at.is_none_or(|expected| expected > self.promised_for)
    }
}

/// Units that were asked for and refused, added up over a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostDemand {
    /// The SKU.
    pub sku: SkuId,
    /// Where it was asked for; none where it was asked of a group.
    pub location: Option<LocationId>,
    /// The group that it was asked of.
    pub group: Option<GroupId>,
    /// Through which channel.
    pub channel: ChannelId,
    /// Whether it was an order, for pickup or delivery.
    pub is_order: bool,
    /// Lines that were refused.
    pub requests: u32,
    /// Units that they asked for and did not get.
    pub units: u64,
}

/// A promise on terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promised {
    /// The promise.
    pub reserved: Reserved,
    /// Line by line, the terms.
    pub terms: Vec<LineTerms>,
}

/// On what terms a line is promised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTerms {
    /// The group that it was asked of. Its location is one of the group's, and nobody's business until it is bound.
    pub group: Option<GroupId>,
    /// Whether the location is public.
    pub bound: bool,
    /// The quotas that it counts against, each with the `seq` since which that is in force.
    pub charges: Vec<(RuleId, Seq)>,
}

impl LineTerms {
    /// Whether the location may still change without anybody being told.
    pub fn is_unbound(&self) -> bool {
        self.group.is_some() && !self.bound
    }
}

/// A promise that moved, or was bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebound {
    /// Which.
    pub reservation: ReservationId,
    /// What moved. Units that are fewer than their line's become a line of their own, behind the last.
    pub moves: Vec<Move>,
    /// Lines, as they are after the moves, whose location is public from here on.
    pub bound: Vec<u16>,
}

/// Units that moved from one cell to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Which line of the reservation, from 0.
    pub line: u16,
    /// How many units.
    pub quantity: u32,
    /// The cell that they left, after the whole event.
    pub from: CellAfter,
    /// The cell that they came to, after the whole event.
    pub to: CellAfter,
}

/// A rule that was set, or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleSet {
    /// Its place in the table of rules.
    pub id: RuleId,
    /// Its id.
    pub name: Name,
    /// What it says; `None` where it was removed.
    pub rule: Option<Rule>,
    /// Whether it is in force from here on.
    pub in_force: bool,
}

/// Names and the ids they are interned to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions {
    /// SKUs.
    pub skus: Vec<(SkuId, Name)>,
    /// Locations.
    pub locations: Vec<(LocationId, Name)>,
    /// Groups.
    pub groups: Vec<(GroupId, Name)>,
    /// Channels.
    pub channels: Vec<(ChannelId, Name)>,
}

impl Definitions {
    /// Whether nothing is defined.
    pub fn is_empty(&self) -> bool {
        self.skus.is_empty() && self.locations.is_empty() && self.groups.is_empty() && self.channels.is_empty()
    }
}

/// Why stock moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MovementKind {
    /// Goods came in.
    Receipt,
    /// A till sold them.
    Sale,
    /// A customer brought them back.
    Return,
    /// Somebody corrected the books.
    Adjustment,
    /// They can no longer be sold.
    Damage,
    /// A customer brought them back, and somebody has to look at them: they are in quarantine.
    ReturnToInspect,
    /// A customer brought them back broken: they are in quarantine.
    ReturnDamaged,
}

impl MovementKind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Sale => "sale",
            Self::Return | Self::ReturnToInspect | Self::ReturnDamaged => "return",
            Self::Adjustment => "adjustment",
            Self::Damage => "damage",
        }
    }
}

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Why.
    pub kind: MovementKind,
    /// What the caller added to `on_hand`, signed.
    pub change: i64,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Whether a count already knew of it, so that it changed nothing.
    pub absorbed: bool,
    /// Whether the cell was unknown until now.
    pub created: bool,
    /// The caller's own document.
    pub reference: Option<String>,
    /// The cell after it.
    pub cell: CellAfter,
}

/// One counted cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// What the count found at `counted_at`.
    pub counted: i32,
    /// What the books said for that moment.
    pub expected: i32,
    /// The moment for which the count is true.
    pub counted_at: Timestamp,
    /// Whether a newer count is in force, so that this one changed nothing.
    pub outdated: bool,
    /// Whether the cell was unknown until now.
    pub created: bool,
    /// The cell after it.
    pub cell: CellAfter,
}

/// What a reservation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Purpose {
    /// Somebody is still shopping.
    #[default]
    Cart,
    /// To be fetched at a store.
    Pickup,
    /// To be sent.
    Delivery,
}

impl Purpose {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Pickup => "pickup",
            Self::Delivery => "delivery",
        }
    }
}

/// A promise as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// Through which channel.
    pub channel: ChannelId,
    /// For what.
    pub purpose: Purpose,
    /// Whether it was confirmed in the same step.
    pub confirmed: bool,
    /// When it dies unless confirmed.
    pub expires_at: Timestamp,
    /// For whom.
    pub customer: Option<Box<str>>,
    /// For which order.
    pub order: Option<Box<str>>,
    /// What was promised, in the order in which it was asked for.
    #[serde(with = "short")]
    pub lines: Few<ReservedLine>,
    /// The hold that this one replaces.
    pub supersedes: Option<Box<Superseded>>,
}

/// The hold that a new one replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// Which.
    pub reservation: ReservationId,
    /// What it gave back, by line of its own.
    #[serde(with = "short")]
    pub lines: Few<LineChange>,
}

/// One line of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedLine {
    /// Units asked for.
    pub requested: u32,
    /// Units promised.
    pub quantity: u32,
    /// The cell after the whole event.
    pub cell: CellAfter,
}

/// Units of one line that were handed over or given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineChange {
    /// Which line of the reservation, from 0.
    pub line: u16,
    /// How many units.
    pub quantity: u32,
    /// The cell after the whole event.
    pub cell: CellAfter,
}

/// A promise became an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// Which.
    pub reservation: ReservationId,
    /// When it expires after all, if nobody fetches it.
    pub pickup_by: Option<Timestamp>,
    /// The order it belongs to, where it was named only now.
    pub order: Option<Box<str>>,
}

/// A promise was put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readied {
    /// Which.
    pub reservation: ReservationId,
    /// What the customer shows.
    pub pickup_code: Box<str>,
}

/// Promised units were handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// Which.
    pub reservation: ReservationId,
    /// Whether the customer showed the code; otherwise it was the staff's own judgement.
    pub code_shown: bool,
    /// What was handed over.
    #[serde(with = "short")]
    pub lines: Few<LineChange>,
}

/// Promised units were given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Which.
    pub reservation: ReservationId,
    /// Whether everything that was left went back at once.
    pub whole: bool,
    /// Why.
    pub reason: Option<Box<str>>,
    /// What was given back.
    #[serde(with = "short")]
    pub lines: Few<LineChange>,
}

/// A hold got a new deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    /// Which.
    pub reservation: ReservationId,
    /// When it dies unless confirmed.
    pub expires_at: Timestamp,
}

/// An order got another deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickupBySet {
    /// Which.
    pub reservation: ReservationId,
    /// When it expires, if nobody fetches it; none where it does not.
    pub pickup_by: Option<Timestamp>,
}

/// A promise outlived its deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    /// Which.
    pub reservation: ReservationId,
    /// What went back.
    #[serde(with = "short")]
    pub lines: Few<LineChange>,
}

/// What an import loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ImportKind {
    /// Locations and the groups they are in.
    Locations,
    /// Groups and their members.
    Groups,
    /// The catalogue.
    Skus,
    /// Counts of stock.
    Stock,
    /// Prices.
    Prices,
    /// Rules.
    Rules,
    /// What is to come.
    Supply,
    /// Channels and their buffers; since format 6.
    Channels,
}

impl ImportKind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Locations => "locations",
            Self::Groups => "groups",
            Self::Skus => "skus",
            Self::Stock => "stock",
            Self::Prices => "prices",
            Self::Rules => "rules",
            Self::Supply => "supply",
            Self::Channels => "channels",
        }
    }
}

/// An import came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// What was loaded.
    pub kind: ImportKind,
    /// Rows that changed something.
    pub accepted: u64,
    /// Rows that said what was known.
    pub unchanged: u64,
    /// Rows that were refused.
    pub rejected: u64,
    /// Why, for the first of them.
    pub errors: Vec<RowError>,
}

/// Why a row of an import was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// Line of the file, from 1.
    pub line: u64,
    /// The column, where one is to blame.
    pub field: Option<String>,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl Event {
    /// Calls `visit` with every cell that the event touched, as it was after the event, and with no level in between where
    /// promises were filled.
    pub fn for_each_cell(&self, mut visit: impl FnMut(&CellAfter)) {
        match self {
            Self::Moved(rows) => rows.iter().for_each(|row| visit(&row.cell)),
            Self::Counted(rows) => rows.iter().for_each(|row| visit(&row.cell)),
            Self::Reserved(_) | Self::Promised(_) | Self::Arranged(_) | Self::Replaced(_) => {
                let reserved = self.reserved().expect("these are promises");
                self.superseded().flat_map(|old| &old.lines).for_each(|line| visit(&line.cell));
                // A line of a partial promise that got nothing touched nothing.
                reserved.lines.iter().filter(|line| line.quantity > 0).for_each(|line| visit(&line.cell));
            }
            Self::Rebound(rebound) => rebound.moves.iter().for_each(|moved| {
                visit(&moved.from);
                visit(&moved.to);
            }),
            Self::Collected(collected) => collected.lines.iter().for_each(|line| visit(&line.cell)),
            Self::Cancelled(cancelled) => cancelled.lines.iter().for_each(|line| visit(&line.cell)),
            Self::Expired(expired) => expired.lines.iter().for_each(|line| visit(&line.cell)),
            Self::SupplySet(rows) => rows.iter().for_each(|row| visit(&row.cell)),
            Self::Received(received) => {
                let filled = filled_cells(&received.fills);
                let is_filled = |cell: &CellAfter| filled.contains_key(&(cell.sku, cell.location));
                received.rows.iter().filter(|row| !is_filled(&row.cell)).for_each(|row| visit(&row.cell));
                filled.values().for_each(&mut visit);
            }
            Self::Filled(fills) => filled_cells(fills).values().for_each(visit),
            Self::Defined(_)
            | Self::MadeUp(_)
            | Self::Released(_)
            | Self::SkusSet(_)
            | Self::LocationsSet(_)
            | Self::GroupsSet(_)
            | Self::ChannelsSet(_)
            | Self::PricesSet(_)
            | Self::Confirmed(_)
            | Self::Readied(_)
            | Self::Extended(_)
            | Self::ShortageGrew(_)
            | Self::ShortageCleared(_)
            | Self::Imported(_)
            | Self::RulesSet(_)
            | Self::RulesTurned(_)
            | Self::ServicesSet(_)
            | Self::WaitsDated(_)
            | Self::DemandLost(_)
            | Self::DemandRefused(_)
            | Self::HoursSet(_)
            | Self::PickupBySet(_)
            | Self::Told(_)
            | Self::CountsConfirmed(_)
            | Self::QuarantinesMade(_)
            | Self::Retired(_)
            | Self::Revived(_)
            | Self::TrackingSet(_) => {}
        }
    }

    /// The promise that the event made, if it made one.
    pub fn reserved(&self) -> Option<&Reserved> {
        match self {
            Self::Reserved(reserved) => Some(reserved),
            Self::Promised(promised) => Some(&promised.reserved),
            _ => self.arranged().map(|arranged| &arranged.promised.reserved),
        }
    }

    /// The same where some of it may be to come, or count against days.
    pub fn arranged(&self) -> Option<&Arranged> {
        match self {
            Self::Arranged(arranged) => Some(arranged),
            Self::Replaced(replaced) => Some(&replaced.arranged),
            _ => None,
        }
    }

    /// The holds that the promise which the event made replaces, with what each gave back.
    pub fn superseded(&self) -> impl Iterator<Item = &Superseded> {
        let first = self.reserved().and_then(|reserved| reserved.supersedes.as_deref());
        let others = match self {
            Self::Replaced(replaced) => &replaced.others[..],
            _ => &[],
        };
        first.into_iter().chain(others)
    }

    /// Line by line, the terms of the promise that the event made; empty where it made none on terms.
    pub fn terms(&self) -> &[LineTerms] {
        match self {
            Self::Promised(promised) => &promised.terms,
            _ => self.arranged().map_or(&[], |arranged| &arranged.promised.terms),
        }
    }

    /// What of the promise that the event made is to come.
    pub fn waits(&self) -> &[LineWait] {
        self.arranged().map_or(&[], |arranged| &arranged.waits)
    }

    /// Promises that got units which they waited for.
    pub fn fills(&self) -> &[Fill] {
        match self {
            Self::Received(received) => &received.fills,
            Self::Filled(fills) => fills,
            _ => &[],
        }
    }

    /// The existing reservation whose lifecycle the event is a step of; none for the event that creates one.
    pub fn changed_reservation(&self) -> Option<ReservationId> {
        match self {
            Self::Confirmed(event) => Some(event.reservation),
            Self::Readied(event) => Some(event.reservation),
            Self::Collected(event) => Some(event.reservation),
            Self::Cancelled(event) => Some(event.reservation),
            Self::Extended(event) => Some(event.reservation),
            Self::Expired(event) => Some(event.reservation),
            Self::Rebound(event) => Some(event.reservation),
            Self::PickupBySet(event) => Some(event.reservation),
            _ => None,
        }
    }

    /// Every reservation that was there before the event and is changed by it, each once.
    pub fn changed_reservations(&self) -> Few<ReservationId> {
        let superseded = self.superseded().map(|old| old.reservation);
        let mut changed: Few<ReservationId> = self.changed_reservation().into_iter().chain(superseded).collect();
        changed.extend(self.fills().iter().map(|fill| fill.reservation));
        if let Self::WaitsDated(rows) = self {
            changed.extend(rows.iter().map(|row| row.reservation));
        }
        if changed.len() > 1 {
            changed.sort_unstable();
            changed.dedup();
        }
        changed
    }
}

/// Sequences with a length of two bytes instead of eight: most have one element, and the log is made of them.
mod short {
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::ser::{Error as _, SerializeTuple};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Few;

    /// In place: left to itself, the compiler now and then makes calls of it, which cost a reservation a tenth of its
    /// encoding.
    #[inline(always)]
    pub fn serialize<T: Serialize, S: Serializer>(items: &Few<T>, serializer: S) -> Result<S::Ok, S::Error> {
        let length = u16::try_from(items.len()).map_err(|_| S::Error::custom("more than 65,535 lines"))?;
        let mut tuple = serializer.serialize_tuple(items.len() + 1)?;
        tuple.serialize_element(&length)?;
        for item in items {
            tuple.serialize_element(item)?;
        }
        tuple.end()
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Few<T>, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of two bytes and as many items")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Few<T>, A::Error> {
                let length: u16 = seq.next_element()?.ok_or_else(|| A::Error::custom("no length"))?;
                (0..length)
                    .map(|_| seq.next_element()?.ok_or_else(|| A::Error::custom("fewer items than its length says")))
                    .collect()
            }
        }

        deserializer.deserialize_tuple(usize::from(u16::MAX) + 1, Items(PhantomData))
    }
}
