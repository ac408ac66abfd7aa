//! Prices: what a SKU costs in a channel, at a place, at a moment, and at which rate it is taxed there.
//!
//! Prices are *rows* of *price lists*. A list begins and ends by date, from the record that says so; a row holds by the time
//! of the record that uses it, without one. Which price counts is worked out beside the writer, against a [`book::Book`] of
//! the lists in force and the rows of the SKUs, exact at one `seq`; what was worked out at a `seq` still stands while
//! [`Store::stand`] says so.

mod answer;
pub(crate) mod audit;
pub(crate) mod audited;
pub mod book;
pub mod command;
pub(crate) mod decide;
pub(crate) mod draft;
pub mod event;
pub mod explain;
pub(crate) mod fold;
pub(crate) mod frames;
mod history;
pub mod list;
pub(crate) mod load;
pub mod priced;
pub mod query;
pub mod row;
mod store;
pub mod tax;

pub use answer::PriceAnswer;
pub use event::Price;
pub use store::Store;
