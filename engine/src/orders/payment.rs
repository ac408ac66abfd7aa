//! Payments and refunds of an order: money is told, not processed.

use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Name, Timestamp};
use crate::kernel::tender::Tender;

/// The state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PaymentState {
    /// The money is promised.
    Authorized,
    /// The money came.
    Captured,
    /// The promise was taken back.
    Voided,
    /// The money did not come.
    Failed,
}

impl PaymentState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Authorized, Self::Captured, Self::Voided, Self::Failed];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Voided => "voided",
            Self::Failed => "failed",
        }
    }

    /// Whether a payment in this state may become `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Authorized, _) => true,
            (Self::Captured, next) => matches!(next, Self::Captured),
            (Self::Voided, next) => matches!(next, Self::Voided),
            (Self::Failed, next) => matches!(next, Self::Failed),
        }
    }

    /// Whether the money covers something.
    pub const fn covers(self) -> bool {
        match self {
            Self::Authorized | Self::Captured => true,
            Self::Voided | Self::Failed => false,
        }
    }
}

/// The state of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RefundState {
    /// The money is to be paid back.
    Pending,
    /// The money was paid back.
    Done,
    /// It could not be paid back.
    Failed,
}

impl RefundState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Done, Self::Failed];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Whether a refund in this state may become `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Pending, _) => true,
            (Self::Done, next) => matches!(next, Self::Done),
            (Self::Failed, next) => matches!(next, Self::Failed),
        }
    }

    /// Whether the money counts as paid back.
    pub const fn counts(self) -> bool {
        match self {
            Self::Pending | Self::Done => true,
            Self::Failed => false,
        }
    }
}

/// Where and when something was told: of a payment, a refund, a hand-over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Through which channel.
    pub channel: Name,
    /// At which location.
    pub location: Option<LocationId>,
    /// At which till.
    pub till: Option<Box<str>>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The day of the location's books: days since 1970-01-01 in its own time, in UTC without a location.
    pub business_date: i32,
}

impl Origin {
    /// When it happened, if that is reported late at `now`.
    pub fn late(&self, now: Timestamp) -> Option<Timestamp> {
        (self.occurred_at < now).then_some(self.occurred_at)
    }
}

/// Money that came for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its id within the order.
    pub name: Box<str>,
    /// Its form.
    pub tender: Tender,
    /// In minor units.
    pub amount: u64,
    /// Its state.
    pub state: PaymentState,
    /// The document of who processed it.
    pub reference: Option<Box<str>>,
    /// Cash that was handed over, before change.
    pub given: Option<u64>,
    /// Where and when.
    pub origin: Origin,
    /// When it was captured: when and where the money is counted.
    pub captured: Option<Origin>,
    /// Whether it stands on a receipt.
    pub on_receipt: bool,
}

/// Money that went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Its id within the order.
    pub name: Box<str>,
    /// Its form.
    pub tender: Tender,
    /// In minor units.
    pub amount: u64,
    /// Its state.
    pub state: RefundState,
    /// The payment that it takes back.
    pub payment: Option<Box<str>>,
    /// The document of who processed it.
    pub reference: Option<Box<str>>,
    /// Where and when.
    pub origin: Origin,
    /// When it was done.
    pub done: Option<Origin>,
    /// Whether it stands on a credit note.
    pub on_receipt: bool,
}

/// A part of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundPart {
    /// The tender that it goes to.
    pub tender: Tender,
    /// In minor units.
    pub amount: u64,
    /// The payment that it takes back.
    pub payment: Option<Box<str>>,
}

impl Payment {
    /// Whether `other` says the same, but for its state.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.tender, self.amount, &self.reference, self.given)
            == (&other.tender, other.amount, &other.reference, other.given)
    }
}

impl Refund {
    /// Whether `other` says the same, but for its state.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.tender, self.amount, &self.payment, &self.reference)
            == (&other.tender, other.amount, &other.payment, &other.reference)
    }
}
