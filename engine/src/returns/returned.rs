//! A return and its life, as a plain value.
//!
//! ```text
//!     announced ──goods come──► received ──looked at, and paid back──► settled
//!         └──by hand, or after 60 days──► cancelled
//! ```

use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Name, Seq, SkuId, Timestamp};
use crate::kernel::happened;
use crate::orders::payment::RefundPart;
use crate::orders::payment::{Refund, RefundState};
use crate::prices::list::Currency;
use crate::receipts::receipt::ReceiptId;

/// Changes in the history of one return; older ones are dropped.
const HISTORY_MAX: usize = 200;

/// A return, in the log: the record that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReturnId(pub Seq);

/// The state of a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReturnState {
    /// The goods are still with the customer.
    Announced,
    /// The goods are here.
    Received,
    /// Nothing is left to look at or to pay back.
    Settled,
    /// The goods did not come.
    Cancelled,
}

impl ReturnState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Announced, Self::Received, Self::Settled, Self::Cancelled];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Received => "received",
            Self::Settled => "settled",
            Self::Cancelled => "cancelled",
        }
    }
}

/// In which condition goods come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Condition {
    /// They go to the shelf.
    Sellable,
    /// Somebody has to look at them: they go into quarantine.
    Inspect,
    /// They are damaged: they go into quarantine.
    Damaged,
}

impl Condition {
    /// All conditions.
    pub const ALL: [Self; 3] = [Self::Sellable, Self::Inspect, Self::Damaged];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sellable => "sellable",
            Self::Inspect => "inspect",
            Self::Damaged => "damaged",
        }
    }
}

/// What is remarkable about a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Flag {
    /// More came back than could: the rest belongs to no sale.
    OverReturned,
    /// A credit note was requested, and could not be issued.
    ReceiptMissing,
}

impl Flag {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OverReturned => "over_returned",
            Self::ReceiptMissing => "receipt_missing",
        }
    }
}

/// What happened to a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepKind {
    /// It was announced.
    Announced,
    /// The goods came.
    Received,
    /// Goods were looked at.
    Inspected,
    /// Refunds were reported.
    Refunded,
    /// It was cancelled.
    Cancelled,
    /// The goods did not come in time.
    Expired,
    /// It came before this log, and a file told of it.
    Imported,
}

impl StepKind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "return_announced",
            Self::Received => "return_received",
            Self::Inspected => "return_inspected",
            Self::Refunded => "return_refunded",
            Self::Cancelled => "return_cancelled",
            Self::Expired => "return_expired",
            Self::Imported => "return_imported",
        }
    }
}

/// Units of one line that come back in one condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnLine {
    /// The line of the order; of a return without one, its id within the return.
    pub name: Box<str>,
    /// The SKU.
    pub sku: SkuId,
    /// Units.
    pub quantity: u32,
    /// In which condition; none while they are announced and nobody said.
    pub condition: Option<Condition>,
    /// Units of [`Condition::Inspect`] that turned out sellable.
    pub found_sellable: u32,
    /// Units of [`Condition::Inspect`] that turned out damaged.
    pub found_damaged: u32,
    /// What they are worth, in minor units; 0 while they are announced.
    pub refund_amount: u64,
    /// Why they come back.
    pub reason: Option<Box<str>>,
    /// Whether they belong to no known sale.
    pub is_unreferenced: bool,
}

impl ReturnLine {
    /// Units that somebody has to look at.
    pub fn to_inspect(&self) -> u32 {
        match self.condition {
            Some(Condition::Inspect) => self.quantity.saturating_sub(self.found_sellable + self.found_damaged),
            Some(Condition::Sellable | Condition::Damaged) | None => 0,
        }
    }
}

/// What of a charge comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnCharge {
    /// The charge of the order.
    pub name: Box<str>,
    /// In minor units.
    pub amount: u64,
}

/// One entry of a return's history.
pub type Happened = happened::Happened<StepKind>;

/// A return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// Its identity.
    pub id: ReturnId,
    /// The `seq` of its last change.
    pub version: Seq,
    /// Its name.
    pub name: Name,
    /// A digest of the request: the same request again means the same return.
    pub digest: u64,
    /// Its state.
    pub state: ReturnState,
    /// The channel through which the goods came, or were announced.
    pub channel: Name,
    /// Where they came; none while they are announced and nobody said.
    pub location: Option<LocationId>,
    /// At which till.
    pub till: Option<Box<str>>,
    /// The order.
    pub order: Option<Name>,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The currency.
    pub currency: Currency,
    /// Its lines.
    pub lines: Vec<ReturnLine>,
    /// Its charges.
    pub charges: Vec<ReturnCharge>,
    /// What of its value was paid, and so is to be paid back.
    pub owed: u64,
    /// Its refunds.
    pub refunds: Vec<Refund>,
    /// The order that was taken in exchange.
    pub exchange: Option<Name>,
    /// Its credit notes.
    pub receipts: Vec<ReceiptId>,
    /// What is remarkable about it.
    pub flags: Vec<Flag>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The record by which its goods came.
    pub received: Option<Seq>,
    /// When it is cancelled if the goods do not come, while it is announced.
    pub expires_at: Option<Timestamp>,
    /// Its history, oldest first: the newest 200 entries.
    pub history: Vec<Happened>,
}

impl Return {
    /// What its goods and charges are worth.
    pub fn value(&self) -> u64 {
        let lines: u64 = self.lines.iter().map(|line| line.refund_amount).sum();
        lines + self.charges.iter().map(|charge| charge.amount).sum::<u64>()
    }

    /// What was paid back, or is to be.
    pub fn refunded(&self) -> u64 {
        self.refunds.iter().filter(|refund| refund.state.counts()).map(|refund| refund.amount).sum()
    }

    /// What is still to be paid back.
    pub fn refund_due(&self) -> u64 {
        self.owed.saturating_sub(self.refunded())
    }

    /// Whether some of it belongs to no known sale.
    pub fn is_unreferenced(&self) -> bool {
        self.lines.iter().any(|line| line.is_unreferenced)
    }

    /// Refunds that count, by the payments that they take back.
    pub fn refund_parts(&self) -> Vec<RefundPart> {
        let counting = self.refunds.iter().filter(|refund| refund.state.counts());
        let part = |refund: &Refund| RefundPart {
            tender: refund.tender,
            amount: refund.amount,
            payment: refund.payment.clone(),
        };
        counting.map(part).collect()
    }

    /// Its state once its goods are as they are: it is settled when nothing is left to look at or to pay back.
    pub(super) fn settle_state(&mut self) {
        if self.state != ReturnState::Received {
            return;
        }
        let is_seen = self.lines.iter().all(|line| line.to_inspect() == 0);
        let is_paid = self.refund_due() == 0 && self.refunds.iter().all(|one| one.state != RefundState::Pending);
        if is_seen && is_paid {
            self.state = ReturnState::Settled;
        }
    }

    /// Adds an entry to its history.
    pub(super) fn happened(&mut self, happened: Happened) {
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push(happened);
    }
}
