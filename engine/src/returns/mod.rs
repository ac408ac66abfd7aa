//! Returns: goods that come back, at any place and through any channel, and what is paid back for them.
//!
//! A return of an order is one record with the order after it: units that came back, the credit note, and the rows of the
//! sales ledger; an exchange is a sale in the same record. What may not be sold goes into the quarantine of the place, until
//! somebody looked at it.

mod announced;
mod answer;
pub(crate) mod audit;
pub(crate) mod audited;
pub mod command;
pub(crate) mod decide;
pub(crate) mod draft;
pub mod event;
pub(crate) mod fold;
pub(crate) mod frames;
mod leaving;
pub(crate) mod load;
pub mod planned;
pub mod policy;
mod preview;
pub mod refund_plan;
mod repaid;
mod returned;
mod store;
pub mod worth;

pub use answer::ReturnAnswer;
pub use returned::{Condition, Flag, Happened, Return, ReturnCharge, ReturnId, ReturnLine, ReturnState, StepKind};
pub use store::{Filter, Store};
