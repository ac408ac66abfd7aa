//! An order that is known, and which rows of a file its ledger has.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rows::{LedgerRow, LedgerRows, Names, is_none_or};
use crate::decide::Decide;
use crate::ids::Name;
use crate::kernel::tender::Tender;
use crate::orders::decide::step::OrderChange;
use crate::orders::imported::SaleFields;
use crate::orders::order::Order;
use crate::orders::sale_row::SaleRow;
use crate::refusal::Refusal;

/// An order after the rows so far, with its rows of the ledger.
pub(super) struct Known {
    pub order: Order,
    rows: LedgerRows,
}

impl Known {
    /// An order after the batch so far; `archived` are its rows that left memory.
    pub fn find(cx: &Decide<'_>, name: &Name, archived: Option<&Vec<Arc<SaleRow>>>) -> Option<Self> {
        let order = cx.draft.own.orders.named(cx.state, name)?;
        let records = order.history.iter().map(|happened| happened.seq);
        let rows = records.flat_map(|seq| cx.state.own.orders.rows_at(seq));
        let rows = rows.filter(|row| row.order.as_ref() == Some(&order.name));
        let archived = archived.into_iter().flatten().cloned();
        let all: BTreeMap<_, _> = archived.chain(rows).map(|row| (row.key(), row)).collect();
        Some(Self { order, rows: LedgerRows::of(all.into_values()) })
    }

    /// An order with its rows of the ledger.
    pub fn with(order: Order, rows: Vec<Arc<SaleRow>>) -> Self {
        Self { order, rows: LedgerRows::of(rows.into_iter()) }
    }

    /// An order that rows of the file made.
    pub fn of(change: &OrderChange) -> Self {
        let mut known = Self { order: change.order.clone(), rows: LedgerRows::default() };
        known.take_in(change);
        known
    }

    /// The order after another step of the file.
    pub fn take_in(&mut self, change: &OrderChange) {
        self.order = change.order.clone();
        for (sold, origin) in change.sold.iter().zip(&change.row_origins) {
            let at = usize::from(sold.line);
            let line = self.order.lines.get(at).filter(|_| !sold.is_charge);
            let charge = self.order.charges.get(at).filter(|_| sold.is_charge);
            self.rows.push(LedgerRow {
                name: line.map(|line| line.name.clone()).or(charge.map(|charge| charge.name.clone())),
                origin: origin.clone(),
                sku: line.map(|line| line.sku),
                quantity: sold.quantity,
                amount: sold.amount,
                discount: sold.discount,
                tax_rate: line.map_or(charge.and_then(|charge| charge.tax_rate), |line| line.tax_rate),
                is_found: true,
            });
        }
    }

    /// Whether the ledger has a row of the file that no row before it is. What the file leaves out is not compared.
    pub fn has(&mut self, names: &dyn Names, row: &SaleFields) -> bool {
        self.has_head(row) && self.rows.has(names, row)
    }

    /// Whether a row says of the whole order what is known of it. An order with several tenders is exported with `other`.
    fn has_head(&self, row: &SaleFields) -> bool {
        let order = &self.order;
        let has_tender = |tender| match row.is_return() {
            true => order.refunds.is_empty() || order.refunds.iter().any(|refund| refund.tender == tender),
            false => order.payments.is_empty() || order.payments.iter().any(|payment| payment.tender == tender),
        };
        row.currency == order.currency
            && is_none_or(row.customer.as_deref(), order.customer.as_deref())
            && row.codes.iter().all(|code| order.codes.contains(code))
            && row.tender.is_none_or(|tender| tender == Tender::Other || has_tender(tender))
    }

    /// Why a row that the ledger does not have may not be added.
    pub fn refusal(&self, row: &SaleFields) -> Option<Refusal> {
        let name = &self.order.name;
        let reason = match (row.is_return(), self.order.imported.is_some()) {
            (true, true) if row.currency == self.order.currency => return None,
            (true, true) => format!("{name} has the currency {}", self.order.currency.as_str()),
            (true, false) => format!("{name} was not imported; take its goods back with POST /v1/returns"),
            (false, _) => {
                format!(
                    "{name} is known, and has no such row; an order takes no more once it is made, so give this one another id"
                )
            }
        };
        let field = if row.is_return() && self.order.imported.is_some() { "currency" } else { "order" };
        Some(Refusal::invalid(field, reason))
    }
}
