//! Reservations, and the steps of their lives.

pub mod bodies;
pub mod codes;
pub mod ops;
pub mod recall;
pub mod refusal;
pub mod routes;
pub mod supersedes;
pub mod views;
pub mod words;
