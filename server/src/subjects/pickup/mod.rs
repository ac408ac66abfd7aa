//! Where a SKU can be picked up, and when.

pub mod routes;
pub mod words;
