//! Plain copies of a data directory that a server writes to, by `cp -a`, `rsync` and `tar`: each opens and verifies,
//! and has all records from before its start.
//!
//! A copy that takes a moment contains roughly one moment. So every fourth one is slowed down to some seconds: its
//! files are of many moments, and the store underneath finds nothing in them.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use anyhow::{Context, bail, ensure};

use crate::server::{Server, run as run_binary};
use crate::writers::{Writers, open_stock};

/// Frequent checkpoints, so that copies are taken while one replaces another.
const SETTINGS: &str = "[journal]\nimage_bytes = 4194304\n";

/// Copies per directory, so that none becomes too large to verify in seconds.
const COPIES_A_DIRECTORY: u64 = 40;

/// After this many copies, a server is started on one.
const SERVED: u64 = 10;

/// The parameters.
#[derive(Debug, Clone, Copy)]
pub struct CopiesPlan {
    /// Copies in all.
    pub copies: u64,
    /// Writes a second meanwhile.
    pub rate: u64,
    /// The seed of the random pauses.
    pub seed: u64,
    /// How long a slow copy takes, seconds; 0 for none.
    pub slow_seconds: u64,
}

/// The results.
#[derive(Debug, Clone, Copy, Default)]
pub struct CopiesReport {
    /// Copies that opened and verified.
    pub copies: u64,
    /// Of those, how many took seconds.
    pub slow: u64,
    /// Copies that a server was started on.
    pub served: u64,
    /// Writes acknowledged meanwhile.
    pub writes: u64,
    /// Writes a second.
    pub rate: f64,
    /// The average number of records of a copy beyond its start.
    pub newer_records: u64,
    /// The minimum of these.
    pub newer_records_min: i64,
}

/// Copies `plan.copies` times, in `folder`.
///
/// # Errors
/// The first copy that is refused, or lacks records from before its start.
pub fn run(binary: &Path, folder: &Path, plan: CopiesPlan) -> anyhow::Result<CopiesReport> {
    for tool in ["rsync", "tar", "cp"] {
        Command::new(tool).arg("--version").output().with_context(|| format!("{tool} is needed"))?;
    }
    let config = folder.join("settings.toml");
    std::fs::write(&config, SETTINGS)?;
    let config = config.to_str().context("a path that is text")?;
    let mut numbers = Numbers::new(plan.seed);
    let mut report = CopiesReport { newer_records_min: i64::MAX, ..CopiesReport::default() };
    let (mut newer, mut seconds) = (0_i64, 0.0);
    while report.copies < plan.copies {
        let data = folder.join(format!("data-{}", report.copies));
        let server = Server::start(binary, &data, &["--config", config])?;
        open_stock(server.address)?;
        let writers = Writers::start(server.address, plan.rate, numbers.below(u64::MAX));
        for _ in 0..COPIES_A_DIRECTORY.min(plan.copies - report.copies) {
            std::thread::sleep(Duration::from_millis(50 + numbers.below(300)));
            let number = report.copies;
            let copy = folder.join(format!("copy-{number}"));
            let is_slow = plan.slow_seconds > 0 && number % 4 == 3;
            let begun_at = seq(&server)?;
            let before = Instant::now();
            let tool =
                if is_slow { slow_copy(&data, &copy, plan.slow_seconds) } else { copy_by(number % 3, &data, &copy) };
            let tool = tool.with_context(|| format!("copy {number}, seed {}", plan.seed))?;
            let took = before.elapsed();
            let verified = verified_seq(binary, &copy)
                .with_context(|| format!("copy {number} by {tool} in {took:?}, seed {}", plan.seed))?;
            let ahead = verified as i64 - begun_at as i64;
            ensure!(
                ahead >= 0,
                "copy {number} by {tool} ends at {verified}, and {begun_at} was acknowledged before it was begun; seed {}",
                plan.seed
            );
            newer += ahead;
            report.newer_records_min = report.newer_records_min.min(ahead);
            if number.is_multiple_of(SERVED) {
                let copied = Server::start(binary, &copy, &[])?;
                ensure!(seq(&copied)? >= verified, "a server on copy {number} begins before its end");
                copied.stop()?;
                report.served += 1;
            }
            std::fs::remove_dir_all(&copy)?;
            report.copies += 1;
            report.slow += u64::from(is_slow);
        }
        let (done, rate) = writers.stop();
        report.writes += done;
        seconds += done as f64 / rate;
        server.kill()?;
        std::fs::remove_dir_all(&data)?;
        report.rate = report.writes as f64 / seconds;
        report.newer_records = (newer / report.copies.max(1) as i64).unsigned_abs();
        eprintln!("{report:?}");
    }
    Ok(report)
}

fn seq(server: &Server) -> anyhow::Result<u64> {
    let info = server.client().get("/v1/info")?.json();
    info.get("seq").and_then(serde_json::Value::as_u64).context("a server tells its seq")
}

/// The last record of a copy, after verification.
fn verified_seq(binary: &Path, data: &Path) -> anyhow::Result<u64> {
    let output = run_binary(binary, &["verify", "--data", data.to_str().context("a path that is text")?])?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "verify: {said}{}", String::from_utf8_lossy(&output.stderr));
    let seq = said.lines().find_map(|line| line.strip_prefix("seq ")).context("verify tells a seq")?;
    Ok(seq.trim().parse()?)
}

/// Copies by one of the three tools; returns its name.
fn copy_by(which: u64, from: &Path, to: &Path) -> anyhow::Result<&'static str> {
    let (from, to) = (from.to_str().context("text")?, to.to_str().context("text")?);
    // Files that were deleted meanwhile were replaced: cp returns 1, rsync 24. tar returns 1 for a file that changed
    // while it was read.
    let (tool, command, fine) = match which {
        0 => ("cp -a", format!("cp -a '{from}' '{to}'"), 1),
        1 => ("rsync -a", format!("rsync -a '{from}/' '{to}'"), 24),
        _ => ("tar", format!("mkdir '{to}' && (tar -C '{from}' -cf - . ; test $? -le 1) | tar -C '{to}' -xf -"), 1),
    };
    let output = Command::new("sh").arg("-c").arg(&command).output()?;
    let code = output.status.code().unwrap_or(-1);
    if code != 0 && code != fine {
        bail!("{tool} ended with {code}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(tool)
}

/// Copies so slowly that it takes some seconds.
fn slow_copy(from: &Path, to: &Path, seconds: u64) -> anyhow::Result<&'static str> {
    let kilobytes = bytes_of(from)? / 1024 / seconds.max(1) + 1;
    let (from, to) = (from.to_str().context("text")?, to.to_str().context("text")?);
    let output =
        Command::new("rsync").args(["-a", &format!("--bwlimit={kilobytes}"), &format!("{from}/"), to]).output()?;
    let code = output.status.code().unwrap_or(-1);
    ensure!(code == 0 || code == 24, "rsync ended with {code}: {}", String::from_utf8_lossy(&output.stderr));
    Ok("a slow rsync")
}

fn bytes_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match std::fs::metadata(&path) {
            Ok(told) if told.is_dir() => bytes += bytes_of(&path)?,
            Ok(told) => bytes += told.len(),
            // Replaced meanwhile.
            Err(_) => {}
        }
    }
    Ok(bytes)
}
