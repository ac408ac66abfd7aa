//! Prices, price lists and tax classes.

pub mod bodies;
pub mod import;
pub mod lists;
pub mod routes;
pub mod taxes;
pub mod views;
pub mod words;
