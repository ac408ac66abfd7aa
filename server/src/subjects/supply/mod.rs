//! Inbound supply.

pub mod bodies;
pub mod import;
pub mod routes;
pub mod views;
pub mod words;
