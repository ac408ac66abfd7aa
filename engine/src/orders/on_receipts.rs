//! What of a line, or of a charge, stands on receipts.

use serde::{Deserialize, Serialize};

use crate::kernel::few::Few;
use crate::receipts::receipt::ReceiptId;

/// What of a line stands on receipts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnReceipts {
    /// Units by receipt, in the order of their issue.
    pub units: Few<(ReceiptId, u32)>,
    /// Cancelled units of them that credit notes took back.
    pub credited: u32,
}

impl OnReceipts {
    /// Units that were put on receipts.
    pub fn covered(&self) -> u32 {
        self.units.iter().map(|(_, units)| units).sum()
    }

    /// The receipts on which the last `units` before the last `skipped` ones stand.
    pub fn last(&self, units: u32, skipped: u32) -> Vec<(ReceiptId, u32)> {
        let (mut left, mut skip) = (units, skipped);
        let mut found = Vec::new();
        for (id, here) in self.units.iter().rev() {
            let skipped = skip.min(*here);
            skip -= skipped;
            let taken = left.min(here - skipped);
            left -= taken;
            if taken > 0 {
                found.push((id.clone(), taken));
            }
        }
        found
    }

    /// The receipts on which the units from `from` to `to` stand, in the order of their worth; units on none are left out.
    pub fn between(&self, from: u32, to: u32) -> Vec<(ReceiptId, u32)> {
        let mut first = 0;
        let mut found = Vec::new();
        for (id, here) in &self.units {
            let end = first + here;
            let units = to.min(end).saturating_sub(from.max(first));
            if units > 0 {
                found.push((id.clone(), units));
            }
            first = end;
        }
        found
    }
}

/// What of a charge stands on receipts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeOnReceipt {
    /// The receipt, and how much of it.
    pub on: Option<(ReceiptId, u64)>,
    /// What of it credit notes took back.
    pub credited: u64,
}
