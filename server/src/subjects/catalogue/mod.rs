//! SKUs, locations, groups, channels and prices.

pub mod bodies;
pub mod hours;
pub mod routes;
