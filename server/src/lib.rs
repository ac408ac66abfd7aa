//! Anaquel over HTTP, and its command line: extract → command → engine → wire.
//!
//! This crate contains no stock rules. The engine decides; this crate reads requests, submits commands, and writes
//! answers.

pub mod app;
pub mod archived;
pub mod auth;
pub mod cli;
pub mod config;
pub mod console;
pub mod demo;
pub mod files;
pub mod http;
pub mod lanes;
pub mod lock;
pub mod node;
pub mod serve;
pub mod stream;
pub mod subjects;
pub mod telemetry;
pub mod watchdog;
pub mod wire;

use crate::http::problem::{Problem, Slug};

/// 64 random bits from the operating system.
///
/// # Errors
/// The operating system returned none.
pub fn random() -> Result<u64, Problem> {
    getrandom::u64().map_err(|_| Problem::new(Slug::Internal, "the operating system returned no random numbers"))
}
