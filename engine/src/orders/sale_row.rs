//! A row of the sales ledger.

use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Name, Seq, SkuId, Timestamp};
use crate::prices::list::Currency;
use crate::receipts::receipt::ReceiptId;

/// A row of the sales ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleRow {
    /// The record.
    pub seq: Seq,
    /// Its number within the record.
    pub nth: u16,
    /// When it was logged.
    pub time: Timestamp,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The day of the location's books.
    pub business_date: i32,
    /// Through which channel.
    pub channel: Name,
    /// Where the units left or came.
    pub location: Option<LocationId>,
    /// The till.
    pub till: Option<Box<str>>,
    /// The order; none of a return that is of no known order.
    pub order: Option<Name>,
    /// The return.
    pub returned: Option<Name>,
    /// The receipt.
    pub receipt: Option<ReceiptId>,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The line of the order; none for a charge.
    pub line: Option<Box<str>>,
    /// The charge.
    pub charge: Option<Box<str>>,
    /// The SKU; none for a charge.
    pub sku: Option<SkuId>,
    /// Units: negative if they came back, 0 for a charge.
    pub quantity: i64,
    /// In minor units: negative if they came back.
    pub amount: i64,
    /// What of the discount is theirs.
    pub discount: i64,
    /// The tax rate, in hundredths of a percent.
    pub tax_rate: Option<u32>,
    /// The currency.
    pub currency: Currency,
    /// Whether a count had it already.
    pub absorbed: bool,
}

impl SaleRow {
    /// Where it stands in the ledger.
    pub fn key(&self) -> (Seq, u16) {
        (self.seq, self.nth)
    }

    /// Whether it is of a return.
    pub fn is_return(&self) -> bool {
        self.returned.is_some() || self.quantity < 0 || self.amount < 0
    }
}
