//! Promises and the steps of their life in events.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, Timestamp};
use crate::kernel::cell_after::CellAfter;
use crate::kernel::few::{Few, short};
use crate::rules::RuleId;

/// The purpose of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Purpose {
    /// The customer is still shopping.
    #[default]
    Cart,
    /// Picked up at a store.
    Pickup,
    /// Shipped.
    Delivery,
    /// Moved to another location of the retailer.
    Transfer,
    /// Carried out of the store by the customer who bought it.
    CarryOut,
}

impl Purpose {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Pickup => "pickup",
            Self::Delivery => "delivery",
            Self::Transfer => "transfer",
            Self::CarryOut => "carry_out",
        }
    }

    /// Whether the customer takes the goods along: nobody prepares them, so they count against no day of the location.
    pub const fn is_taken_along(self) -> bool {
        match self {
            Self::Cart | Self::CarryOut => true,
            Self::Pickup | Self::Delivery | Self::Transfer => false,
        }
    }
}

/// A promise as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// The channel.
    pub channel: ChannelId,
    /// The purpose.
    pub purpose: Purpose,
    /// Whether it was confirmed in the same step.
    pub confirmed: bool,
    /// When it expires unless it is confirmed.
    pub expires_at: Timestamp,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The order.
    pub order: Option<Box<str>>,
    /// The lines, in the order of the request.
    #[serde(with = "short")]
    pub lines: Few<ReservedLine>,
    /// The hold that it replaces.
    pub supersedes: Option<Box<Superseded>>,
}

/// One line of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedLine {
    /// Requested units.
    pub requested: u32,
    /// Promised units.
    pub quantity: u32,
    /// The cell after the whole event.
    pub cell: CellAfter,
}

/// The hold that a new one replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// Its id.
    pub reservation: ReservationId,
    /// The units that it released, by its lines.
    #[serde(with = "short")]
    pub lines: Few<LineChange>,
}

/// A promise on terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promised {
    /// The promise.
    pub reserved: Reserved,
    /// The terms, by line.
    pub terms: Vec<LineTerms>,
}

/// The terms of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTerms {
    /// The group that was requested. The location is in the group, and is private until the line is allocated.
    pub group: Option<GroupId>,
    /// Whether the location is public.
    pub bound: bool,
    /// The quotas that it counts against, each with the `seq` of its activation.
    pub charges: Vec<(RuleId, Seq)>,
}

impl LineTerms {
    /// Whether the location may still change.
    pub fn is_unallocated(&self) -> bool {
        self.group.is_some() && !self.bound
    }
}

/// A promise with inbound units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arranged {
    /// The promise. The quantity of a line includes inbound units.
    pub promised: Promised,
    /// Lines with inbound units.
    pub waits: Vec<LineBackorder>,
    /// The days of locations that it counts against.
    pub orders: Vec<OrderDay>,
}

/// The inbound units of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineBackorder {
    /// The line, from 0.
    pub line: u16,
    /// The number of inbound units.
    pub quantity: u32,
    /// The latest acceptable date.
    pub latest: Timestamp,
    /// The promised date.
    pub promised_for: Timestamp,
    /// Whether it depends on an allowance instead of supply.
    pub on_allowance: bool,
    /// The queue position that it took over from a replaced line; otherwise its own.
    pub turn: Option<QueuePosition>,
}

/// A queue position at a cell: the promise that first took it, and its line.
pub type QueuePosition = (ReservationId, u16);

/// A day of a location, in its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderDay {
    /// The location.
    pub location: LocationId,
    /// Days since 1970-01-01.
    pub day: i32,
}

/// A promise in place of several holds: their units are not available to others in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The promise, in place of the first of them; the levels of its cells are those after the whole event.
    pub arranged: Arranged,
    /// The others; at least one, unless it is a part of a larger event.
    pub others: Vec<Superseded>,
}

/// A promise was confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// Its id.
    pub reservation: ReservationId,
    /// When it expires after that, if it is not collected.
    pub pickup_by: Option<Timestamp>,
    /// The order, if it is named only now.
    pub order: Option<Box<str>>,
}

/// A promise was marked ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readied {
    /// Its id.
    pub reservation: ReservationId,
    /// The code that the customer shows.
    pub pickup_code: Box<str>,
}

/// Promised units were collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// Its id.
    pub reservation: ReservationId,
    /// Whether the customer showed the code; otherwise staff decided.
    pub code_shown: bool,
    /// The collected units.
    #[serde(with = "short")]
    pub lines: Few<LineChange>,
}

/// Collected or cancelled units of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineChange {
    /// The line of the reservation, from 0.
    pub line: u16,
    /// The number of units.
    pub quantity: u32,
    /// The cell after the whole event.
    pub cell: CellAfter,
}

/// Promised units were cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Its id.
    pub reservation: ReservationId,
    /// Whether the whole rest was cancelled at once.
    pub whole: bool,
    /// The reason.
    pub reason: Option<Box<str>>,
    /// The cancelled units.
    #[serde(with = "short")]
    pub lines: Few<LineChange>,
}

/// A hold got a new deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    /// Its id.
    pub reservation: ReservationId,
    /// When it expires unless it is confirmed.
    pub expires_at: Timestamp,
}

/// The pickup deadline of an order was set or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickupBySet {
    /// Its id.
    pub reservation: ReservationId,
    /// When it expires if it is not collected; `None` for never.
    pub pickup_by: Option<Timestamp>,
}

/// A promise expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    /// Its id.
    pub reservation: ReservationId,
    /// The released units.
    #[serde(with = "short")]
    pub lines: Few<LineChange>,
}

/// Units of a promise moved, or lines were allocated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reallocated {
    /// Its id.
    pub reservation: ReservationId,
    /// The moves. Units that are fewer than their line's become a new line, after the last.
    pub moves: Vec<Move>,
    /// Lines after the moves whose location is public from now on.
    pub bound: Vec<u16>,
}

/// Units that moved from one cell to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The line of the reservation, from 0.
    pub line: u16,
    /// The number of units.
    pub quantity: u32,
    /// The cell that they left, after the whole event.
    pub from: CellAfter,
    /// The cell that they entered, after the whole event.
    pub to: CellAfter,
}
