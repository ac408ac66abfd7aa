//! The log, record by record.

pub mod routes;
pub mod views;
pub mod words;
