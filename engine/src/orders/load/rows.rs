//! Rows of the ledger, compared with those of a file.

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::decide::Decide;
use crate::ids::{LocationId, Name, SkuId};
use crate::orders::imported::SaleFields;
use crate::orders::payment::Origin;
use crate::orders::sale_row::SaleRow;

/// Finds the names of rows.
pub(crate) trait Names {
    /// A location.
    fn location(&self, name: &Name) -> Option<LocationId>;
    /// A SKU.
    fn sku(&self, name: &Name) -> Option<SkuId>;
}

impl Names for Decide<'_> {
    fn location(&self, name: &Name) -> Option<LocationId> {
        self.draft.known_location(name)
    }

    fn sku(&self, name: &Name) -> Option<SkuId> {
        self.draft.known_sku(name)
    }
}

impl Names for Catalogue {
    fn location(&self, name: &Name) -> Option<LocationId> {
        self.locations.id(name.as_str())
    }

    fn sku(&self, name: &Name) -> Option<SkuId> {
        self.skus.id(name.as_str())
    }
}

/// A row of the ledger.
pub(crate) struct LedgerRow {
    pub name: Option<Box<str>>,
    pub origin: Origin,
    pub sku: Option<SkuId>,
    pub quantity: i64,
    pub amount: i64,
    pub discount: i64,
    pub tax_rate: Option<u32>,
    /// Whether a row of the file is this one.
    pub is_found: bool,
}

impl From<&SaleRow> for LedgerRow {
    fn from(row: &SaleRow) -> Self {
        Self {
            name: row.line.clone().or_else(|| row.charge.clone()),
            origin: Origin {
                channel: row.channel.clone(),
                location: row.location,
                till: row.till.clone(),
                occurred_at: row.occurred_at,
                business_date: row.business_date,
            },
            sku: row.sku,
            quantity: row.quantity,
            amount: row.amount,
            discount: row.discount,
            tax_rate: row.tax_rate,
            is_found: false,
        }
    }
}

/// The rows of the ledger of one order or return, in log order.
#[derive(Default)]
pub(crate) struct LedgerRows {
    rows: Vec<LedgerRow>,
    /// Where the search begins: files have the order of the ledger.
    next: usize,
}

impl LedgerRows {
    /// These rows.
    pub fn of(rows: impl Iterator<Item = Arc<SaleRow>>) -> Self {
        Self { rows: rows.map(|row| LedgerRow::from(&*row)).collect(), next: 0 }
    }

    /// Adds a row that a row of the file made.
    pub fn push_found(&mut self, row: &SaleRow) {
        self.rows.push(LedgerRow { is_found: true, ..LedgerRow::from(row) });
    }

    /// Adds a row.
    pub fn push(&mut self, row: LedgerRow) {
        self.rows.push(row);
    }

    /// Whether the ledger has a row of the file that no row before it is. What the file leaves out is not compared.
    pub fn has(&mut self, names: &dyn Names, row: &SaleFields) -> bool {
        let Some(location) = names.location(&row.location) else { return false };
        let sku = match &row.sku {
            Some(name) => match names.sku(name) {
                Some(sku) => Some(sku),
                None => return false,
            },
            None => None,
        };
        let is_it = |known: &LedgerRow| {
            !known.is_found
                && known.origin.occurred_at == row.occurred_at
                && known.origin.channel == row.channel
                && known.origin.location == Some(location)
                && known.sku == sku
                && known.quantity == row.quantity
                && is_none_or(row.name.as_deref(), known.name.as_deref())
                && is_none_or(row.till.as_deref(), known.origin.till.as_deref())
                && row.amount.is_none_or(|amount| amount == known.amount)
                && row.discount.is_none_or(|discount| discount == known.discount)
                && row.tax_rate.is_none_or(|rate| Some(rate) == known.tax_rate)
        };
        let here = self.next.min(self.rows.len());
        let (before, after) = self.rows.split_at_mut(here);
        let found = after.iter_mut().enumerate().find(|(_, known)| is_it(known)).map(|(at, known)| (here + at, known));
        let found = found.or_else(|| before.iter_mut().enumerate().find(|(_, known)| is_it(known)));
        let Some((at, known)) = found else { return false };
        known.is_found = true;
        self.next = at + 1;
        true
    }
}

/// Whether a text of a file is left out, or the same.
pub(crate) fn is_none_or(reported: Option<&str>, known: Option<&str>) -> bool {
    reported.is_none_or(|reported| Some(reported) == known)
}
