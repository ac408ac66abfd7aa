//! Health, metrics, the build, the clock, backups.

pub mod backup;
pub mod routes;
pub mod words;
