//! Servers on another clock: that of faketime.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use jiff::civil::DateTime;

use crate::server::Server;

/// Whether a server can be started on another clock.
///
/// # Errors
/// Why not.
pub fn is_possible() -> anyhow::Result<()> {
    preload().map(drop)
}

/// The library of faketime: its program would stand between the server and its signals.
fn preload() -> anyhow::Result<String> {
    let told = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let told = told.context("running faketime; install it, or sell everything now with --now")?;
    ensure!(told.status.success(), "faketime does not run: {}", String::from_utf8_lossy(&told.stderr));
    Ok(format!("LD_PRELOAD={}", String::from_utf8(told.stdout)?.trim()))
}

/// A server whose clock stands at `now` when it starts, and goes on from there.
///
/// # Errors
/// Faketime is absent, or the server does not start.
pub(super) fn start(binary: &Path, data: &Path, now: DateTime) -> anyhow::Result<Server> {
    let preload = preload()?;
    let clock = format!("FAKETIME=@{}", now.strftime("%Y-%m-%d %H:%M:%S"));
    let tool = ["env", "TZ=UTC", &preload, &clock, "FAKETIME_DONT_FAKE_MONOTONIC=1"];
    Server::start_under(&tool, binary, data, &["--trust-clock"])
}
