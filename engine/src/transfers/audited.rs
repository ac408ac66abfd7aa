//! The auditor's own model of transfers, from the log alone.

use std::collections::BTreeMap;

use super::reason::TransferId;
use super::transfer::Transfer;
use crate::ids::{LocationId, SkuId};
use crate::state::DurableState;

/// The sums of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub sku: SkuId,
    pub shipped: u64,
    pub surplus: u64,
    /// Arrived units, damaged ones included.
    pub arrived: u64,
    /// Units that were written off or returned.
    pub gone: u64,
}

impl Line {
    pub fn new(sku: SkuId) -> Self {
        Self { sku, shipped: 0, surplus: 0, arrived: 0, gone: 0 }
    }

    /// Units in transit.
    pub fn outstanding(&self) -> Result<u64, String> {
        let (came, went) = (self.shipped + self.surplus, self.arrived + self.gone);
        came.checked_sub(went).ok_or_else(|| format!("{went} units of a transfer's line are accounted for, of {came}"))
    }
}

impl From<&Transfer> for Audited {
    fn from(transfer: &Transfer) -> Self {
        let line = |line: &super::TransferLine| Line {
            sku: line.sku,
            shipped: line.shipped.into(),
            surplus: line.surplus.into(),
            arrived: u64::from(line.received) + u64::from(line.damaged),
            gone: u64::from(line.missing) + u64::from(line.returned),
        };
        Self {
            from: transfer.content.from,
            to: transfer.content.to,
            lines: transfer.lines.iter().map(line).collect(),
            left: transfer.shipped_at.is_some(),
        }
    }
}

/// The model of one transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Audited {
    pub from: LocationId,
    pub to: LocationId,
    pub lines: Vec<Line>,
    /// Whether its units were shipped.
    pub left: bool,
}

/// The models of all transfers.
#[derive(Debug, Default)]
pub(crate) struct Audit(pub(super) BTreeMap<TransferId, Audited>);

impl Audit {
    /// Starts from a checkpoint.
    pub fn start_from(&mut self, state: &DurableState) {
        let all = state.own.transfers.all();
        self.0 = all.iter().map(|transfer| (transfer.id, Audited::from(transfer.as_ref()))).collect();
    }

    /// Compares the model with the engine's fold of the log.
    ///
    /// # Errors
    /// The transfer that differs.
    pub fn compare(&self, state: &DurableState) -> Result<(), String> {
        let all = state.own.transfers.all();
        if self.0.len() != all.len() {
            return Err(format!("memory has {} transfers, and the log {}", all.len(), self.0.len()));
        }
        match all.iter().find(|transfer| self.0.get(&transfer.id) != Some(&Audited::from(transfer.as_ref()))) {
            Some(transfer) => Err(format!("memory and log disagree on transfer {}", transfer.name)),
            None => Ok(()),
        }
    }
}
