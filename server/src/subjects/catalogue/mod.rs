//! SKUs, locations, groups, channels and prices.

pub mod bodies;
pub mod hours;
pub mod import;
pub mod routes;
pub mod views;
pub mod words;
