//! Orders: what customers agreed to, with prices that no longer move, whatever the channel; a sale is an order in one
//! step.
//!
//! A fulfilment of an order is a reservation, and has no second state: the order adds lines, money and documents. Each
//! step is one record: the order after it, the steps of its reservations, and the rows of the sales ledger.

mod answer;
pub(crate) mod audit;
mod audit_exit;
mod audit_imported;
pub(crate) mod audited;
pub mod command;
pub(crate) mod decide;
pub(crate) mod draft;
pub mod event;
pub mod exit;
pub(crate) mod fold;
pub(crate) mod frames;
pub mod imported;
mod leaving;
mod ledger;
mod line;
pub(crate) mod load;
pub mod on_receipts;
mod order;
pub mod payment;
pub mod pricing;
pub mod receipted;
pub mod refunds;
pub mod sale_row;
pub mod step_kind;
pub mod stepped;
mod store;

pub use answer::OrderAnswer;
pub use ledger::SalesFilter;
pub use line::{Charge, Fulfilment, FulfilmentLine, OrderLine, Source};
pub use order::{Flag, Happened, Order, OrderId, OrderState, ReturnLink, TaxSum};
pub use sale_row::SaleRow;
pub use store::{Filter, Store};
