//! Transfers: goods on their way between two of our places, and the replenishment that proposes them.
//!
//! Until a transfer leaves, its units are promised at the place that they are at (channel `transfer`); from the same record
//! on they are supply of the place that they go to. So a unit is never promised at both ends.

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
