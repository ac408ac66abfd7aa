//! Inbound supply.

pub mod bodies;
pub mod routes;
