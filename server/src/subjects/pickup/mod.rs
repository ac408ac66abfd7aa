//! Where and when a customer can pick up a SKU.

pub mod routes;
pub mod words;
