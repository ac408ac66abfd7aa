//! Receipts: numbered documents, issued inside the record that they belong to.
//!
//! An *issuer* is a legal entity; a *series* is a row of numbers of one issuer, without gaps. A number is given when the
//! record is decided that issues the receipt ([`issue`]), and is used once that record is logged, so no refusal, crash or
//! retry uses one up. All receipts of an issuer form one chain ([`chain`]). A receipt is never changed and never deleted;
//! what an authority says of it, what credit notes take back of it and which invoice replaces it stands beside it.

pub mod amounts;
mod answer;
pub(crate) mod audit;
pub(crate) mod audited;
pub mod canonical;
pub mod chain;
pub mod command;
pub(crate) mod decide;
pub mod digest;
pub(crate) mod draft;
pub mod event;
pub(crate) mod fold;
pub(crate) mod frames;
pub(crate) mod issue;
pub mod issuer;
mod leaving;
mod listed;
pub mod receipt;
pub mod series;
mod store;
#[cfg(test)]
mod tests;
pub mod version;

pub use answer::ReceiptAnswer;
pub use listed::Key;
pub use receipt::{Issued, Receipt, ReceiptId};
pub use store::{Filter, Store};
