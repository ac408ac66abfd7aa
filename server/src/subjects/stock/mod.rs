//! Stock: availability, movements, counts, shortages.

pub mod bodies;
pub mod cell;
pub mod import;
pub mod ops;
pub mod routes;
pub mod views;
pub mod words;
