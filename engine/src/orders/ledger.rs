//! The sales ledger: a row for each line that was handed over or came back, whatever the channel.

use super::line::OrderLine;
pub use super::sale_row::SaleRow;
use super::stepped::{SoldRow, Stepped};
use crate::effect::At;
use crate::ids::{LocationId, Name, SkuId, Timestamp};

/// Which rows are asked for.
#[derive(Debug, Clone, Default)]
pub struct SalesFilter {
    /// Logged at or after.
    pub from: Option<Timestamp>,
    /// Logged before.
    pub to: Option<Timestamp>,
    /// Through this channel.
    pub channel: Option<Name>,
    /// At this location.
    pub location: Option<LocationId>,
    /// At this till.
    pub till: Option<String>,
    /// To this customer.
    pub customer: Option<String>,
    /// Of this SKU.
    pub sku: Option<SkuId>,
    /// Of this order.
    pub order: Option<Name>,
}

impl SalesFilter {
    /// Whether a row matches.
    pub fn matches(&self, row: &SaleRow) -> bool {
        self.from.is_none_or(|from| row.occurred_at >= from)
            && self.to.is_none_or(|to| row.occurred_at < to)
            && self.channel.as_ref().is_none_or(|channel| *channel == row.channel)
            && self.location.is_none_or(|location| row.location == Some(location))
            && self.till.as_deref().is_none_or(|till| row.till.as_deref() == Some(till))
            && self.customer.as_deref().is_none_or(|customer| row.customer.as_deref() == Some(customer))
            && self.sku.is_none_or(|sku| row.sku == Some(sku))
            && self.order.as_ref().is_none_or(|order| row.order.as_ref() == Some(order))
    }
}

/// What of a line's discount belongs to the units between `from` and `to`: the rest of their price and their worth.
pub(super) fn discount_of(line: &OrderLine, from: u32, to: u32) -> i64 {
    let full = line.unit_amount * u64::from(to - from);
    full as i64 - (line.worth(to) - line.worth(from)) as i64
}

/// The rows of a step, after the rows `before` it in its record.
pub(super) fn rows_of(at: At<'_>, before: u16, stepped: &Stepped) -> Vec<SaleRow> {
    let Some(origin) = &stepped.origin else { return Vec::new() };
    let order = &stepped.order;
    let row = |(nth, sold): (u16, &SoldRow)| {
        let origin = stepped.row_origins.get(usize::from(nth - before)).unwrap_or(origin);
        let line = order.lines.get(usize::from(sold.line)).filter(|_| !sold.is_charge);
        let charge = order.charges.get(usize::from(sold.line)).filter(|_| sold.is_charge);
        SaleRow {
            seq: at.seq,
            nth,
            time: at.time,
            occurred_at: origin.occurred_at,
            business_date: origin.business_date,
            channel: origin.channel.clone(),
            location: sold.location,
            till: origin.till.clone(),
            order: Some(order.name.clone()),
            returned: stepped.returned.clone(),
            receipt: stepped.receipts.first().map(|issued| issued.id.clone()),
            customer: order.customer.clone(),
            line: line.map(|line| line.name.clone()),
            charge: charge.map(|charge| charge.name.clone()),
            sku: line.map(|line| line.sku),
            quantity: sold.quantity,
            amount: sold.amount,
            discount: sold.discount,
            tax_rate: line.and_then(|line| line.tax_rate).or(charge.and_then(|charge| charge.tax_rate)),
            currency: order.currency,
            absorbed: sold.absorbed,
        }
    };
    (before..).zip(&stepped.sold).map(row).collect()
}
