//! Sales of before this log, as files tell them: rows of one order stand together, and become one completed order; rows of
//! one return without an order become one settled return.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::sale_row::SaleRow;
use crate::ids::{Name, Seq, Timestamp};
use crate::kernel::tender::Tender;
use crate::prices::list::Currency;

/// Rows of one order in a file. Orders of other systems have more lines than those that callers make.
pub const ORDER_ROWS_MAX: usize = 2000;

/// What only an order has that was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Imported {
    /// What its imported returns are worth.
    pub returned_amount: u64,
}

/// A row of a file of sales.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleFields {
    /// Line of the file, from 1.
    pub row: u64,
    /// The id of the line within the order; of the charge, if it is one.
    pub name: Option<Box<str>>,
    /// The SKU; none of a charge.
    pub sku: Option<Name>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Through which channel.
    pub channel: Name,
    /// Where.
    pub location: Name,
    /// At which till.
    pub till: Option<Box<str>>,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The currency.
    pub currency: Currency,
    /// Units: negative if they came back, 0 of a charge.
    pub quantity: i64,
    /// In minor units: negative if they came back. Of a return, what the units are worth if left out.
    pub amount: Option<i64>,
    /// What was taken off.
    pub discount: Option<i64>,
    /// The codes that the customer gave.
    pub codes: Vec<Box<str>>,
    /// The form of the money.
    pub tender: Option<Tender>,
    /// The tax rate, in hundredths of a percent.
    pub tax_rate: Option<u32>,
}

impl SaleFields {
    /// Whether it takes something back.
    pub fn is_return(&self) -> bool {
        self.quantity < 0 || (self.sku.is_none() && self.amount.is_some_and(|amount| amount < 0))
    }
}

/// What rows that stand together are of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SaleOf {
    /// An order.
    Order(Name),
    /// A return of goods of no known order.
    Return(Name),
}

impl SaleOf {
    /// The column that names it.
    pub const fn column(&self) -> &'static str {
        match self {
            Self::Order(_) => "order",
            Self::Return(_) => "return",
        }
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        match self {
            Self::Order(name) | Self::Return(name) => name,
        }
    }
}

/// Rows of one order, or of one return without an order, that stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleGroup {
    /// What they are of.
    pub of: SaleOf,
    /// Its rows.
    pub rows: Vec<SaleFields>,
    /// Whether a row of it could not be read: then it would be made without that row.
    pub is_broken: bool,
}

/// Rows of sales.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sales {
    /// By order or return, as they stand in the file.
    pub groups: Vec<SaleGroup>,
    /// Whether unknown names are created.
    pub create: bool,
    /// Whether stock moves.
    pub stock: bool,
    /// What the archive has of the orders.
    pub archived: ArchivedRows,
}

/// What the archive has of the orders of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchivedRows {
    /// The last *archived* record before memory had all of the orders that there are.
    pub seen: Seq,
    /// The rows of the ledger that left memory.
    pub rows: FxHashMap<SaleOf, Vec<Arc<SaleRow>>>,
}

impl Sales {
    /// The rows of what was named by the last row, or of something new.
    fn group(&mut self, of: SaleOf) -> Option<&mut SaleGroup> {
        if self.groups.last().is_none_or(|last| last.of != of) {
            self.groups.push(SaleGroup { of, rows: Vec::new(), is_broken: false });
        }
        self.groups.last_mut()
    }

    /// Adds a row.
    pub fn push(&mut self, of: SaleOf, row: SaleFields) {
        if let Some(group) = self.group(of) {
            group.rows.push(row);
        }
    }

    /// Notes that a row could not be read.
    pub fn break_off(&mut self, of: SaleOf) {
        if let Some(group) = self.group(of) {
            group.is_broken = true;
        }
        // Of one that has only such rows, nothing is left to refuse.
        let last = self.groups.len().saturating_sub(1);
        let mut nth = 0..;
        self.groups.retain(|group| nth.next() == Some(last) || !group.rows.is_empty());
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|group| group.rows.len()).sum()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes out the last order, of which more rows may follow.
    pub fn hold_back(&mut self) -> Self {
        let (create, stock) = (self.create, self.stock);
        let mut held_back = Self { create, stock, ..Self::default() };
        if let Some(mut last) = self.groups.pop() {
            // Of one with too many rows, only that it is refused is kept.
            if last.rows.len() > ORDER_ROWS_MAX {
                let rows = std::mem::take(&mut last.rows);
                self.groups.push(SaleGroup { of: last.of.clone(), rows, is_broken: last.is_broken });
                last.is_broken = true;
            }
            held_back.groups.push(last);
        }
        held_back
    }

    /// The line of the file where its first row stands.
    pub fn first_row(&self) -> Option<u64> {
        self.groups.first()?.rows.first().map(|row| row.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: u64) -> SaleFields {
        let name = |text: &str| Name::from(text.to_owned());
        SaleFields {
            row: line,
            name: None,
            sku: Some(name("A")),
            occurred_at: Timestamp(1),
            channel: name("pos"),
            location: name("s1"),
            till: None,
            customer: None,
            currency: Currency(*b"EUR"),
            quantity: 1,
            amount: Some(1),
            discount: None,
            codes: Vec::new(),
            tender: None,
            tax_rate: None,
        }
    }

    fn of(order: &str) -> SaleOf {
        SaleOf::Order(Name::from(order.to_owned()))
    }

    /// The orders, how many rows of each there are, and whether one of them could not be read.
    fn groups(sales: &Sales) -> Vec<(&str, usize, bool)> {
        sales.groups.iter().map(|group| (group.of.name().as_str(), group.rows.len(), group.is_broken)).collect()
    }

    #[test]
    fn rows_that_stand_together_are_of_one_order() {
        let mut sales = Sales::default();
        for (line, order) in [(2, "a"), (3, "a"), (4, "b"), (5, "a")] {
            sales.push(of(order), row(line));
        }
        assert_eq!(groups(&sales), [("a", 2, false), ("b", 1, false), ("a", 1, false)]);
        sales.break_off(of("a"));
        assert_eq!(groups(&sales).last(), Some(&("a", 1, true)));
    }

    #[test]
    fn the_last_order_is_held_back_and_orders_without_rows_take_no_room() {
        let mut sales = Sales { stock: true, ..Sales::default() };
        sales.push(of("a"), row(2));
        for nth in 0..1000 {
            sales.break_off(of(&format!("broken-{nth}")));
        }
        assert_eq!(groups(&sales), [("a", 1, false), ("broken-999", 0, true)]);
        let held_back = sales.hold_back();
        assert_eq!((groups(&sales), groups(&held_back)), (vec![("a", 1, false)], vec![("broken-999", 0, true)]));
        assert!(held_back.stock && held_back.is_empty());
        assert_eq!((held_back.first_row(), sales.first_row()), (None, Some(2)));
    }

    #[test]
    fn of_an_order_with_too_many_rows_only_that_is_held_back() {
        let mut sales = Sales::default();
        for line in 0..=ORDER_ROWS_MAX as u64 {
            sales.push(of("a"), row(line));
        }
        let held_back = sales.hold_back();
        assert_eq!((sales.len(), groups(&held_back)), (ORDER_ROWS_MAX + 1, vec![("a", 0, true)]));
        let mut few = Sales::default();
        few.push(of("a"), row(2));
        assert_eq!((groups(&few.hold_back()), few.len()), (vec![("a", 1, false)], 0));
    }
}
