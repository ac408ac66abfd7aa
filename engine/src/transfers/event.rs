//! The events of transfers and of replenishment.
//!
//! What a transfer does to stock, promises and supply is told in their own words: a promise, a hand-over, a receipt, a
//! change of supply. Whoever owns those folds, stages and checks them.

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
    /// What can happen to transfers.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// A transfer was made; its id is the record's `seq`.
        41 => Drafted(Box<Drafted>),
        /// What a draft says changed.
        42 => Redrafted(Box<Redrafted>),
        /// Its units were promised at the place that they leave, and are supply of the place that they go to.
        43 => Readied(Box<Readied>),
        /// They left.
        44 => Shipped(Box<Shipped>),
        /// Some arrived.
        45 => Received(Box<Received>),
        /// It came to nothing, or what is outstanding of it did.
        46 => Cancelled(Box<Cancelled>),
        /// A policy of replenishment was set, or removed.
        47 => PolicySet(Box<PolicySet>),
        /// Replenishment ran.
        48 => RunMade(Box<Run>),
    }
}

/// What a transfer is asked for with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The place that the goods leave.
    pub from: LocationId,
    /// The place that they go to.
    pub to: LocationId,
    /// Why.
    pub reason: Reason,
    /// The policy of replenishment that proposed it.
    pub policy: Option<Name>,
    /// The run that made it.
    pub run: Option<Name>,
    /// The order whose waiting lines it is for.
    pub order: Option<Box<str>>,
    /// The caller's own document.
    pub reference: Option<Box<str>>,
    /// When it is expected.
    pub expected_at: Option<Timestamp>,
    /// What is moved.
    pub lines: Vec<(SkuId, u32)>,
}

/// A transfer as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drafted {
    /// What callers call it.
    pub name: Name,
    /// A digest of what was asked for.
    pub digest: u64,
    /// What was asked for.
    pub content: Content,
    /// Where it was made ready in the same step: that.
    pub ready: Option<Readied>,
}

/// A draft says something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrafted {
    /// Which.
    pub transfer: TransferId,
    /// What it says from here on.
    pub content: Content,
}

/// Units were promised at the place that they leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readied {
    /// Which; its own record's where it is made ready as it is made.
    pub transfer: TransferId,
    /// The promise; its id is the record's `seq`.
    pub promise: Arranged,
    /// What is to come to the other place; none where it has no date.
    pub supplies: Vec<SupplySet>,
    /// When it is expected.
    pub expected_at: Option<Timestamp>,
}

/// Units left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// Which.
    pub transfer: TransferId,
    /// Units that left, by line of the transfer.
    pub lines: Vec<(u16, u32)>,
    /// Those of them that no count knew to be gone, by line of the reservation.
    pub collected: Option<Collected>,
    /// What is to come to the other place, as it is from here on.
    pub supplies: Vec<SupplySet>,
    /// When it is expected.
    pub expected_at: Option<Timestamp>,
    /// How the carrier calls it.
    pub tracking: Option<Box<str>>,
    /// When it left.
    pub occurred_at: Timestamp,
}

/// What arrived of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// Which line of the transfer; one behind the last is a line of its own.
    pub line: u16,
    /// Its SKU.
    pub sku: SkuId,
    /// Units that went to the shelf.
    pub received: u32,
    /// Units that are damaged.
    pub damaged: u32,
    /// Units among both that were never shipped.
    pub surplus: u32,
    /// Units that are given up.
    pub missing: u32,
}

/// Units arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Which.
    pub transfer: TransferId,
    /// What arrived, or was given up, line by line.
    pub lines: Vec<Arrived>,
    /// The movements, with the supply that they use up and the promises that they fill.
    pub receipt: Receipt,
    /// Supply that is over.
    pub ended: Vec<SupplySet>,
    /// The document of the arrival.
    pub reference: Option<Box<str>>,
    /// Whether the rest is given up.
    pub closes: bool,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// What becomes of what is outstanding of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneBack {
    /// Which line of the transfer.
    pub line: u16,
    /// Units that went back to the place that they left.
    pub returned: u32,
    /// Units that are given up.
    pub missing: u32,
}

/// A transfer came to nothing, or its rest did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Which.
    pub transfer: TransferId,
    /// What its promise gave back, where it was ready.
    pub given_back: Option<GivenBack>,
    /// What became of what was on its way.
    pub lines: Vec<GoneBack>,
    /// What went back to the shelf, with whom it filled.
    pub receipt: Receipt,
    /// Supply that is over.
    pub ended: Vec<SupplySet>,
}

impl Event {
    /// Tells what it does.
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
            // What they say is the subject's own.
            Self::Redrafted(_) | Self::PolicySet(_) | Self::RunMade(_) => {}
        }
    }

    /// How a repeat of the request behind it is answered: by what was told.
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

/// Supply changes. A cell that `rows` tell is told once, with them.
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
