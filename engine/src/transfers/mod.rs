//! Transfers: goods in transit between two of the retailer's locations, and the replenishment that proposes them.
//!
//! Until a transfer is shipped, its units are promised at the origin (channel `transfer`); from the same record on,
//! they are inbound supply of the destination. So a unit is never promised at both ends.

mod answer;
pub(crate) mod audit;
pub(crate) mod audited;
pub mod command;
pub(crate) mod decide;
pub(crate) mod draft;
pub mod event;
pub(crate) mod fold;
pub(crate) mod frames;
pub mod policy;
mod reason;
pub mod replenishment;
mod store;
mod transfer;

pub use answer::TransferAnswer;
pub use reason::{Reason, TransferId};
pub use store::{Filter, Store};
pub use transfer::{Happened, Transfer, TransferLine, TransferState};
