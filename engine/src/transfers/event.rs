//! The events of transfers and of replenishment.
//!
//! The effects of a transfer on stock, promises and supply use the types of those subjects: a promise, a collection,
//! a receipt, a change of supply. Those subjects fold, stage and audit them.

use serde::{Deserialize, Serialize};

use super::policy::{PolicySet, Run};
use super::reason::{Reason, TransferId};
use crate::effect::{Effect, Inbound, Left, Made, Step, Tell};
use crate::ids::{LocationId, Name, SkuId, Timestamp};
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;
use crate::reservations::promise::{Arranged, Cancelled as GivenBack, Collected};
use crate::stock::movement::Moved;
use crate::supply::received::{Received as Receipt, SupplySet};

tagged! {
    /// An event of transfers.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// A transfer was created; its id is the record's `seq`.
        41 => Drafted(Box<Drafted>),
        /// A draft changed.
        42 => Redrafted(Box<Redrafted>),
        /// Its units were promised at the origin, and are supply of the destination.
        43 => Readied(Box<Readied>),
        /// Units were shipped.
        44 => Shipped(Box<Shipped>),
        /// Units arrived.
        45 => Received(Box<Received>),
        /// The transfer, or its outstanding rest, was cancelled.
        46 => Cancelled(Box<Cancelled>),
        /// A replenishment policy was set or removed.
        47 => PolicySet(Box<PolicySet>),
        /// Replenishment ran.
        48 => RunMade(Box<Run>),
    }
}

/// The content of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The origin.
    pub from: LocationId,
    /// The destination.
    pub to: LocationId,
    /// The reason.
    pub reason: Reason,
    /// The replenishment policy that proposed it.
    pub policy: Option<Name>,
    /// The run that created it.
    pub run: Option<Name>,
    /// The order whose backorders it serves.
    pub order: Option<Box<str>>,
    /// The caller's own document.
    pub reference: Option<Box<str>>,
    /// The expected arrival.
    pub expected_at: Option<Timestamp>,
    /// The SKUs and units.
    pub lines: Vec<(SkuId, u32)>,
}

/// A new transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drafted {
    /// Its name.
    pub name: Name,
    /// A digest of the request.
    pub digest: u64,
    /// The requested content.
    pub content: Content,
    /// The ready step, if it was made ready in the same step.
    pub ready: Option<Readied>,
}

/// A changed draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrafted {
    /// The transfer.
    pub transfer: TransferId,
    /// The new content.
    pub content: Content,
}

/// Units were promised at the origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readied {
    /// The transfer; the record's own id if it was created in the same step.
    pub transfer: TransferId,
    /// The promise; its id is the record's `seq`.
    pub promise: Arranged,
    /// Inbound supply of the destination; empty without a date.
    pub supplies: Vec<SupplySet>,
    /// The expected arrival.
    pub expected_at: Option<Timestamp>,
}

/// Units were shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The transfer.
    pub transfer: TransferId,
    /// Shipped units, by line of the transfer.
    pub lines: Vec<(u16, u32)>,
    /// The shipped units that no count had found missing, by line of the reservation.
    pub collected: Option<Collected>,
    /// The new inbound supply of the destination.
    pub supplies: Vec<SupplySet>,
    /// The expected arrival.
    pub expected_at: Option<Timestamp>,
    /// The carrier's tracking number.
    pub tracking: Option<Box<str>>,
    /// When it was shipped.
    pub occurred_at: Timestamp,
}

/// The arrival of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// The line of the transfer; the number after the last line adds a line.
    pub line: u16,
    /// The SKU.
    pub sku: SkuId,
    /// Sellable units.
    pub received: u32,
    /// Damaged units.
    pub damaged: u32,
    /// Units among both that were never shipped.
    pub surplus: u32,
    /// Units written off.
    pub missing: u32,
}

/// Units arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The transfer.
    pub transfer: TransferId,
    /// The arrived or written-off units, line by line.
    pub lines: Vec<Arrived>,
    /// The movements, with the supply that they use up and the backorders that they fill.
    pub receipt: Receipt,
    /// Supply that ended.
    pub ended: Vec<SupplySet>,
    /// The document of the arrival.
    pub reference: Option<Box<str>>,
    /// Whether the rest is written off.
    pub closes: bool,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// The fate of the outstanding units of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneBack {
    /// The line of the transfer.
    pub line: u16,
    /// Units that returned to the origin.
    pub returned: u32,
    /// Units written off.
    pub missing: u32,
}

/// A transfer, or its rest, was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// The transfer.
    pub transfer: TransferId,
    /// The units that its promise released, if it was ready.
    pub given_back: Option<GivenBack>,
    /// The fate of the units in transit.
    pub lines: Vec<GoneBack>,
    /// The returned units, with the backorders that they filled.
    pub receipt: Receipt,
    /// Supply that ended.
    pub ended: Vec<SupplySet>,
}

impl Event {
    /// Lists its effects.
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        match self {
            Self::Drafted(drafted) => drafted.ready.iter().for_each(|ready| ready.effects(to)),
            Self::Readied(readied) => readied.effects(to),
            Self::Shipped(shipped) => {
                shipped.collected.iter().for_each(|collected| collected.effects(Left::Moved(shipped.occurred_at), to));
                supply(&shipped.supplies, &[], to);
            }
            Self::Received(received) => {
                received.receipt.effects(to);
                supply(&received.ended, &received.receipt.rows, to);
            }
            Self::Cancelled(cancelled) => {
                if let Some(given_back) = &cancelled.given_back {
                    given_back.lines.iter().for_each(|line| to.tell(Effect::Cell(&line.cell, None)));
                    to.tell(Effect::Promise(Step::Cancelled(given_back)));
                }
                cancelled.receipt.effects(to);
                supply(&cancelled.ended, &cancelled.receipt.rows, to);
            }
            // Their content belongs to this subject alone.
            Self::Redrafted(_) | Self::PolicySet(_) | Self::RunMade(_) => {}
        }
    }

    /// How a repeat of the request is answered: with the recorded answer.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Drafted(_)
            | Self::Redrafted(_)
            | Self::Readied(_)
            | Self::Shipped(_)
            | Self::Received(_)
            | Self::Cancelled(_)
            | Self::PolicySet(_)
            | Self::RunMade(_) => Repeat::Never,
        }
    }
}

impl Readied {
    fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        Made::arranged(&self.promise).effects(to);
        supply(&self.supplies, &[], to);
    }
}

/// Lists changes of supply. A cell that is in `rows` is listed once, with them.
fn supply<'a>(set: &'a [SupplySet], rows: &[Moved], to: &mut impl Tell<'a>) {
    if set.is_empty() {
        return;
    }
    for row in set {
        if !rows.iter().any(|moved| moved.cell.is_of(row.cell.sku, row.cell.location)) {
            to.tell(Effect::Cell(&row.cell, None));
        }
    }
    to.tell(Effect::Inbound(Inbound::Set(set)));
}
