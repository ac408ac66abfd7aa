//! Which units and charges of an order stand on which receipts, as plain values.
//!
//! A receipt covers units, never money: of a line it covers the next units in the order of their worth, so that the
//! receipts of a line come to `F(units on them)`. What is cancelled is taken from the last units, so a credit note for
//! cancelled units of a line with `g` units on receipts comes to `F(g) − F(g − cancelled)`.

use super::line::OrderLine;
use super::order::Order;
use crate::receipts::receipt::ReceiptId;

/// Units of a line that a document covers, and what they are worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredUnits {
    /// The line of the order, from 0.
    pub line: usize,
    /// Units.
    pub units: u32,
    /// In minor units.
    pub amount: u64,
}

/// Units of each line that a new receipt covers: all that are not cancelled, or those handed over, less those that stand
/// on one. `of` says whether a line is asked for.
pub fn to_cover(order: &Order, all: bool, of: impl Fn(usize) -> bool) -> Vec<CoveredUnits> {
    let covered = |(at, line): (usize, &OrderLine)| {
        let wanted = if all { line.quantity - line.cancelled } else { line.handed_over };
        let before = line.receipts.covered();
        let units = wanted.saturating_sub(before);
        let amount = line.worth(before + units) - line.worth(before);
        CoveredUnits { line: at, units, amount }
    };
    let lines = order.lines.iter().enumerate().filter(|(at, _)| of(*at)).map(covered);
    lines.filter(|covered| covered.units > 0).collect()
}

/// Cancelled units of each line that stand on receipts, and that no credit note took back yet.
pub fn to_credit(order: &Order) -> Vec<CoveredUnits> {
    let credited = |(at, line): (usize, &OrderLine)| {
        let (on, credited) = (line.receipts.covered(), line.receipts.credited);
        let overlap = on.saturating_sub(line.quantity - line.cancelled);
        let units = overlap.saturating_sub(credited);
        let amount = line.worth(on - credited) - line.worth(on - credited - units);
        CoveredUnits { line: at, units, amount }
    };
    order.lines.iter().enumerate().map(credited).filter(|credited| credited.units > 0).collect()
}

impl Order {
    /// The receipts of which units or charges are cancelled, and not taken back by a credit note yet.
    pub fn uncredited(&self) -> Vec<ReceiptId> {
        let mut found: Vec<ReceiptId> = Vec::new();
        for credited in to_credit(self) {
            let Some(line) = self.lines.get(credited.line) else { continue };
            found.extend(line.receipts.last(credited.units, line.receipts.credited).into_iter().map(|(id, _)| id));
        }
        for charge in &self.charges {
            if let Some((id, _)) = charge.receipt.on.as_ref().filter(|_| charge.to_credit() > 0) {
                found.push(id.clone());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
