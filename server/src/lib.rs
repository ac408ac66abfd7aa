//! Anaquel over HTTP, and its command line: extract → command → engine → wire.
//!
//! No stock rule lives here. What may be promised, and what a request comes to, is the engine's to say; this crate reads
//! requests, submits commands, and writes answers.

pub mod api;
pub mod app;
mod budget;
pub mod caller;
pub mod cli;
mod codes;
pub mod commands;
pub mod conditions;
pub mod config;
pub mod demo;
pub mod door;
pub mod encoding;
pub mod extract;
pub mod load;
pub mod lock;
pub mod ops;
pub mod problem;
mod remote;
pub mod serve;
pub mod sight;
pub mod stream;
pub mod telemetry;
pub mod watchdog;
pub mod wire;

use problem::{Problem, Slug};

/// 64 random bits from the operating system.
///
/// # Errors
/// The system gives none.
pub fn random() -> Result<u64, Problem> {
    getrandom::u64().map_err(|_| Problem::new(Slug::Internal, "the system gives no random numbers"))
}
