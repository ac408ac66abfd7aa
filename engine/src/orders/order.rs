//! An order and its life, as a plain value: what a customer has agreed to, with prices that no longer move.
//!
//! ```text
//!     open ──confirm──► confirmed ──nothing outstanding──► completed (something was handed over)
//!       │                   └─────────────────────────────► cancelled (nothing was)
//!       ├─cancel──► cancelled
//!       └─deadline─► expired
//! ```
//!
//! Its fulfilments are reservations, and their states are those of the reservations: the order adds money.

use serde::{Deserialize, Serialize};

use super::exit::Exit;
use super::imported::Imported;
use super::line::{Charge, Fulfilment, OrderLine};
use super::payment::{Payment, PaymentState, Refund, RefundPart};

use super::step_kind::StepKind;
use crate::ids::{Name, Seq, Timestamp};
use crate::kernel::happened;
use crate::kernel::money::tax_in;
use crate::kernel::tight::push_tight;
use crate::prices::list::Currency;
use crate::receipts::receipt::ReceiptId;

/// Changes in the history of one order; older ones are dropped.
const HISTORY_MAX: usize = 200;

/// An order, in the log: the record that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderId(pub Seq);

/// The state of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderState {
    /// Its units are held, and it waits for payment.
    Open,
    /// Its units are promised.
    Confirmed,
    /// Nothing is outstanding, and something was handed over.
    Completed,
    /// Everything was given back, and nothing was handed over.
    Cancelled,
    /// Its holds ran out, all together.
    Expired,
}

impl OrderState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Open, Self::Confirmed, Self::Completed, Self::Cancelled, Self::Expired];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed => "confirmed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether anything of it may still be handed over.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Open | Self::Confirmed => true,
            Self::Completed | Self::Cancelled | Self::Expired => false,
        }
    }
}

/// What is remarkable about an order that was told late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Flag {
    /// Less was paid than was handed over.
    Unbalanced,
    /// A receipt was asked for, and could not be issued.
    ReceiptMissing,
    /// More came back than was bought.
    OverReturned,
}

impl Flag {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unbalanced => "unbalanced",
            Self::ReceiptMissing => "receipt_missing",
            Self::OverReturned => "over_returned",
        }
    }
}

/// What a return of an order came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnLink {
    /// The return.
    pub name: Name,
    /// What its goods and charges are worth.
    pub value: u64,
    /// What of it was paid back or is to be, and to which payments.
    pub refunds: Vec<RefundPart>,
}

impl ReturnLink {
    /// What of it was paid back, or is to be.
    pub fn refunded(&self) -> u64 {
        self.refunds.iter().map(|part| part.amount).sum()
    }
}

/// One entry of an order's history.
pub type Happened = happened::Happened<StepKind>;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its identity.
    pub id: OrderId,
    /// The `seq` of its last change.
    pub version: Seq,
    /// Its name.
    pub name: Name,
    /// A digest of the request: the same request again means the same order.
    pub digest: u64,
    /// Its state.
    pub state: OrderState,
    /// The channel that made it.
    pub channel: Name,
    /// The channel of its cart, or its own.
    pub begun_in: Name,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The cart that it came from.
    pub cart: Option<Name>,
    /// The order that it adds to.
    pub reference: Option<Box<str>>,
    /// Its currency.
    pub currency: Currency,
    /// Its lines.
    pub lines: Vec<OrderLine>,
    /// Its charges.
    pub charges: Vec<Charge>,
    /// Its fulfilments.
    pub fulfilments: Vec<Fulfilment>,
    /// The codes that the customer gave.
    pub codes: Vec<Box<str>>,
    /// Its payments.
    pub payments: Vec<Payment>,
    /// Its refunds.
    pub refunds: Vec<Refund>,
    /// Its receipts.
    pub receipts: Vec<ReceiptId>,
    /// Its returns.
    pub returns: Vec<ReturnLink>,
    /// What only an imported order has.
    pub imported: Option<Imported>,
    /// The exit of a self check-out.
    pub exit: Option<Box<Exit>>,
    /// Whether it is paid when it is handed over.
    pub pay_at_handover: bool,
    /// The till that sold it.
    pub till: Option<Box<str>>,
    /// The number that the till printed.
    pub till_reference: Option<Box<str>>,
    /// What is remarkable about it.
    pub flags: Vec<Flag>,
    /// The `seq` whose prices it has.
    pub priced_at: Seq,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its holds run out, while it is open.
    pub expires_at: Option<Timestamp>,
    /// Its history, oldest first: the newest 200 entries.
    pub history: Vec<Happened>,
}

/// The sums of one tax rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxSum {
    /// In hundredths of a percent.
    pub rate: u32,
    /// Without the tax.
    pub base: u64,
    /// The tax.
    pub tax: u64,
}

impl Order {
    /// Σ unit amount × quantity of its lines, as agreed.
    pub fn subtotal(&self) -> u64 {
        self.lines.iter().map(|line| line.unit_amount * u64::from(line.quantity)).sum()
    }

    /// What is taken off its lines, as agreed.
    pub fn discount(&self) -> u64 {
        self.lines.iter().map(|line| line.unit_amount * u64::from(line.quantity) - line.amount()).sum()
    }

    /// What is left of its lines and charges after cancels.
    pub fn total(&self) -> u64 {
        let lines: u64 = self.lines.iter().map(|line| line.amount().saturating_sub(line.cancelled_amount)).sum();
        lines + self.charges.iter().map(Charge::left).sum::<u64>()
    }

    /// What is left of it, by tax rate; what has no rate is told at 0.
    pub fn taxes(&self) -> Vec<TaxSum> {
        let lines = self.lines.iter().map(|line| (line.tax_rate, line.amount().saturating_sub(line.cancelled_amount)));
        let charges = self.charges.iter().map(|charge| (charge.tax_rate, charge.left()));
        let mut sums: std::collections::BTreeMap<u32, u64> = std::collections::BTreeMap::new();
        for (rate, amount) in lines.chain(charges) {
            *sums.entry(rate.unwrap_or(0)).or_default() += amount;
        }
        let sum = |(rate, sum): (u32, u64)| {
            let tax = tax_in(sum, rate);
            TaxSum { rate, base: sum - tax, tax }
        };
        sums.into_iter().map(sum).collect()
    }

    /// What was captured.
    pub fn paid(&self) -> u64 {
        self.payments.iter().filter(|payment| payment.state == PaymentState::Captured).map(|one| one.amount).sum()
    }

    /// What was captured, or is promised.
    pub fn covered(&self) -> u64 {
        self.payments.iter().filter(|payment| payment.state.covers()).map(|payment| payment.amount).sum()
    }

    /// What was paid back or is to be, for itself and for its returns.
    pub fn refunded(&self) -> u64 {
        let own: u64 = self.refunds.iter().filter(|refund| refund.state.counts()).map(|refund| refund.amount).sum();
        own + self.returns.iter().map(ReturnLink::refunded).sum::<u64>()
    }

    /// What it comes to, less what came back.
    pub fn owed(&self) -> u64 {
        let returned: u64 = self.returns.iter().map(|back| back.value).sum();
        let imported = self.imported.map_or(0, |imported| imported.returned_amount);
        self.total().saturating_sub(returned + imported)
    }

    /// What is still to be paid.
    pub fn due(&self) -> u64 {
        (self.owed() + self.refunded()).saturating_sub(self.paid())
    }

    /// What is to be paid back.
    pub fn refund_due(&self) -> u64 {
        self.paid().saturating_sub(self.refunded() + self.owed())
    }

    /// What all units handed over are worth, with the charges.
    pub fn worth_handed_over(&self) -> u64 {
        let lines: u64 = self.lines.iter().map(|line| line.worth(line.handed_over)).sum();
        lines + self.charges.iter().map(Charge::left).sum::<u64>()
    }

    /// Whether authorised money waits for an order that has ended.
    pub fn is_to_void(&self) -> bool {
        !self.state.is_open() && self.payments.iter().any(|payment| payment.state == PaymentState::Authorized)
    }

    /// The fulfilment with this id, and its number.
    pub fn fulfilment(&self, name: &str) -> Option<(usize, &Fulfilment)> {
        self.fulfilments.iter().enumerate().find(|(_, fulfilment)| &*fulfilment.name == name)
    }

    /// Adds an entry to its history.
    pub(super) fn happened(&mut self, happened: Happened) {
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(0);
        }
        push_tight(&mut self.history, happened);
    }

    /// Its state once its units are as they are: a confirmed order ends when nothing is outstanding.
    pub(super) fn settle_state(&mut self) {
        let is_done = self.lines.iter().all(|line| line.outstanding() == 0);
        if self.state.is_open() && is_done {
            let some_left = self.lines.iter().any(|line| line.handed_over > 0);
            self.state = if some_left { OrderState::Completed } else { OrderState::Cancelled };
        }
        if self.state != OrderState::Open {
            self.expires_at = None;
        }
    }
}
