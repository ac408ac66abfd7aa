//! Stock: availability, movements, counts, shortages.

pub mod availability;
pub mod bodies;
pub mod cell;
pub mod ops;
pub mod routes;
