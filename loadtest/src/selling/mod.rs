//! Selling with prices, payments and receipts: a crowd in three channels, kills, the last unit of an order, a real quarter
//! of tills, a real web shop, and rates.

pub mod checkout;
pub mod clock;
pub mod kills;
pub mod last_unit;
pub mod quarter;
pub mod rates;
pub mod replay_shop;
pub mod script;
pub(crate) mod shop;
