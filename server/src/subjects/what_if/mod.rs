//! What rules and stock would have changed.

pub mod bodies;
pub mod routes;
pub mod views;
pub mod words;
