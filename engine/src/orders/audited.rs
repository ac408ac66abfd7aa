//! The auditor's own books of orders, from the log alone.

use std::collections::BTreeMap;

use super::exit::ExitState;
use super::order::{Order, OrderId};
use crate::ids::{Seq, SkuId};
use crate::state::DurableState;

/// What the auditor knows of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub sku: SkuId,
    pub quantity: u32,
    pub handed_over: u32,
    pub cancelled: u32,
    pub returned: u32,
}

/// What the auditor knows of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Audited {
    pub version: Seq,
    pub lines: Vec<Line>,
    /// Sums of captured payments and of refunds that count.
    pub paid: u64,
    pub refunded: u64,
    pub exit: Option<ExitState>,
    /// What imported returns are worth.
    pub imported_back: u64,
}

impl From<&Order> for Audited {
    fn from(order: &Order) -> Self {
        let line = |line: &super::OrderLine| Line {
            sku: line.sku,
            quantity: line.quantity,
            handed_over: line.handed_over,
            cancelled: line.cancelled,
            returned: line.returned,
        };
        Self {
            version: order.version,
            lines: order.lines.iter().map(line).collect(),
            paid: order.paid(),
            refunded: order.refunded(),
            exit: order.exit.as_ref().map(|exit| exit.state),
            imported_back: order.imported.map_or(0, |imported| imported.returned_amount),
        }
    }
}

/// The orders that the auditor knows, and by customer how many bags are still to be looked into.
#[derive(Debug, Default)]
pub(crate) struct Audit(pub(super) BTreeMap<OrderId, Audited>, pub(super) BTreeMap<Box<str>, u8>);

impl Audit {
    /// Starts from a checkpoint instead of from nothing.
    pub fn start_from(&mut self, state: &DurableState) {
        self.0 = state.own.orders.all().iter().map(|order| (order.id, Audited::from(order.as_ref()))).collect();
        self.1 = state.own.orders.all_audits_left().into_iter().map(|row| (row.customer, row.left)).collect();
    }

    /// An order leaves for the archive, as it is, and with nothing left to do.
    ///
    /// # Errors
    /// It is another, or something is left.
    pub fn leaves(&mut self, order: &Order) -> Result<(), String> {
        let known = self.0.remove(&order.id).ok_or("an unknown order was archived")?;
        if known != Audited::from(order) {
            return Err(format!("the order {} was archived as it is not", order.name));
        }
        let is_done = known.lines.iter().all(|line| line.handed_over + line.cancelled == line.quantity);
        match is_done && order.refund_due() == 0 {
            true => Ok(()),
            false => Err(format!("the order {} was archived with something left to do", order.name)),
        }
    }

    /// An order comes back from the archive.
    ///
    /// # Errors
    /// It was not there.
    pub fn comes_back(&mut self, order: &Order) -> Result<(), String> {
        match self.0.insert(order.id, Audited::from(order)) {
            None => Ok(()),
            Some(_) => Err(format!("the order {} came back, and had not left", order.name)),
        }
    }

    /// Compares with the engine's own fold.
    ///
    /// # Errors
    /// The first order that differs.
    pub fn compare(&self, state: &DurableState) -> Result<(), String> {
        let known = state.own.orders.all();
        if known.len() != self.0.len() {
            return Err(format!("memory has {} orders, and the log {}", known.len(), self.0.len()));
        }
        let left = state.own.orders.all_audits_left();
        if !self.1.iter().eq(left.iter().map(|row| (&row.customer, &row.left))) {
            return Err("memory and log disagree on whose bags are looked into".into());
        }
        match known.iter().find(|order| self.0.get(&order.id) != Some(&Audited::from(order.as_ref()))) {
            Some(order) => Err(format!("memory and log disagree on the order {}", order.name)),
            None => Ok(()),
        }
    }
}
