//! What happened to a receipt, as numbers that never fall.

use serde::{Deserialize, Serialize};

use crate::ids::Seq;

/// What happened to a receipt since it was issued; neither number ever falls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReceiptVersion {
    /// The record that last told what an authority said; 0 for none.
    pub told: Seq,
    /// The place in the chain of the last receipt that replaced or corrected it; 0 for none.
    pub touched: u64,
}

impl ReceiptVersion {
    /// Whether nothing of it is later than `other`.
    pub fn is_up_to(self, other: Self) -> bool {
        self.told <= other.told && self.touched <= other.touched
    }
}
