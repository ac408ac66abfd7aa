//! What-if: the sales under other rules or with other stock.

pub mod bodies;
pub mod routes;
pub mod views;
pub mod words;
