//! Promises and the steps of their life, as events tell them.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, Timestamp};
use crate::kernel::cell_after::CellAfter;
use crate::kernel::few::{Few, short};
use crate::rules::RuleId;

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
    /// To be moved to another of our places.
    Transfer,
}

impl Purpose {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Pickup => "pickup",
            Self::Delivery => "delivery",
            Self::Transfer => "transfer",
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

/// The hold that a new one replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// Which.
    pub reservation: ReservationId,
    /// What it gave back, by line of its own.
    #[serde(with = "short")]
    pub lines: Few<LineChange>,
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
    pub fn is_unallocated(&self) -> bool {
        self.group.is_some() && !self.bound
    }
}

/// A promise of which units may still have to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arranged {
    /// The promise. The quantity of a line includes what is to come.
    pub promised: Promised,
    /// Lines of which units are to come.
    pub waits: Vec<LineBackorder>,
    /// The days of locations that it counts against.
    pub orders: Vec<OrderDay>,
}

/// Units of a line that are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineBackorder {
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
    pub turn: Option<QueuePosition>,
}

/// A place in the line of those who wait for a cell: the promise that first took it, and its line.
pub type QueuePosition = (ReservationId, u16);

/// A day of a location, in its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderDay {
    /// Where.
    pub location: LocationId,
    /// Days since 1970-01-01.
    pub day: i32,
}

/// A promise in place of several holds: what any of them gives back is free for nobody else in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The promise, in place of the first of them; the levels of its cells are those after the whole event.
    pub arranged: Arranged,
    /// The others, at least one.
    pub others: Vec<Superseded>,
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

/// A promise that moved, or was bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reallocated {
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
