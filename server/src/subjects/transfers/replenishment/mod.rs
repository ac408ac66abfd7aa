//! Replenishment: policies, and runs that propose transfers.

pub mod bodies;
pub mod routes;
pub mod run;
pub mod schedule;
pub mod views;
pub mod words;
