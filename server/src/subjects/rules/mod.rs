//! Rules, and why one is in force.

pub mod bodies;
pub mod routes;
