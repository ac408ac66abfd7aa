//! Transfers between the retailer's locations, and the replenishment that proposes them.

pub mod bodies;
pub mod replenishment;
pub mod routes;
pub mod views;
pub mod words;
