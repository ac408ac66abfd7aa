//! What leaves memory, at which version.

use serde::{Deserialize, Serialize};

use crate::ids::Seq;
use crate::orders::OrderId;
use crate::receipts::ReceiptId;
use crate::receipts::version::ReceiptVersion;
use crate::returns::ReturnId;

/// One thing that leaves. A later version of it stays: a replay on a newer checkpoint takes nothing out that changed since.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Left {
    /// An order, and the rows of the sales ledger that it has up to its version.
    Order {
        /// The order.
        id: OrderId,
        /// The `seq` of its last change.
        version: Seq,
    },
    /// A receipt.
    Receipt {
        /// The receipt.
        id: ReceiptId,
        /// What happened to it since it was issued.
        version: ReceiptVersion,
    },
    /// A return, and its rows of the sales ledger that belong to no order.
    Return {
        /// The return.
        id: ReturnId,
        /// The `seq` of its last change.
        version: Seq,
    },
}
