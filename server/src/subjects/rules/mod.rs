//! Rules, and why a rule is in force.

pub mod bodies;
pub mod import;
pub mod routes;
pub mod views;
pub mod words;
