//! Backups of a server that is killed in between, by URL and by directory: each restores to its state hash, and an
//! interrupted one is invalid.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};

use crate::server::{Server, run as run_binary, verify};
use crate::writers::{Writers, open_stock};

/// Frequent checkpoints, so that backups run beside them.
const SETTINGS: &str = "[journal]\nimage_bytes = 4194304\n";

/// Backups of one directory, one chain.
const BACKUPS_A_DIRECTORY: u64 = 25;

/// The results.
#[derive(Debug, Clone, Copy, Default)]
pub struct BackupsReport {
    /// Backups that were taken, and restored to their state hash.
    pub backups: u64,
    /// Of those, how many follow another.
    pub after_another: u64,
    /// Of those, how many were taken from the directory.
    pub from_beside: u64,
    /// Times the server was killed.
    pub kills: u64,
    /// Backups that this interrupted.
    pub cut_off: u64,
    /// Writes acknowledged meanwhile.
    pub writes: u64,
}

/// Takes `rounds` backups, in `folder`.
///
/// # Errors
/// The first wrong backup.
pub fn run(binary: &Path, folder: &Path, rounds: u64, rate: u64, seed: u64) -> anyhow::Result<BackupsReport> {
    let config = folder.join("settings.toml");
    std::fs::write(&config, SETTINGS)?;
    let config = config.to_str().context("a path that is text")?;
    let mut numbers = Numbers::new(seed);
    let mut report = BackupsReport::default();
    while report.backups < rounds {
        let (data, backups) =
            (folder.join(format!("data-{}", report.backups)), folder.join(format!("backups-{}", report.backups)));
        let mut server = Server::start(binary, &data, &["--config", config])?;
        open_stock(server.address)?;
        let until = rounds.min(report.backups + BACKUPS_A_DIRECTORY);
        while report.backups < until {
            let round = report.backups;
            let said = || format!("backup {round}, seed {seed}");
            let writers = Writers::start(server.address, rate, numbers.below(u64::MAX));
            std::thread::sleep(Duration::from_millis(100 + numbers.below(400)));
            let from_beside = numbers.below(3) == 0;
            let mut taking = take(binary, &backups, &data, (!from_beside).then_some(&server))?;
            // One in three is interrupted, or nearly.
            let is_cut = numbers.below(3) == 0;
            if is_cut {
                std::thread::sleep(Duration::from_millis(numbers.below(60)));
            } else {
                ensure!(taking.wait()?.success(), "{}: the backup failed", said());
            }
            report.writes += writers.acknowledged();
            server.kill()?;
            drop(writers);
            report.kills += 1;
            let taken = taking.wait()?.success();
            report.cut_off += u64::from(!taken);
            if taken {
                let newest = newest(&backups)?.with_context(said)?;
                report.after_another += u64::from(newest.contains("-after-"));
                report.from_beside += u64::from(from_beside);
                let told = told_hash(&backups)?;
                check(binary, &backups, folder, &told).with_context(said)?;
                report.backups += 1;
            }
            server = Server::start(binary, &data, &["--config", config])?;
        }
        server.stop()?;
        std::fs::remove_dir_all(&data)?;
        std::fs::remove_dir_all(&backups)?;
        eprintln!("{report:?}");
    }
    Ok(report)
}

/// Starts a backup. Its output goes into a file beside the backups.
fn take(binary: &Path, backups: &Path, data: &Path, server: Option<&Server>) -> anyhow::Result<Child> {
    let said = std::fs::File::create(backups.with_extension("said"))?;
    let mut command = Command::new(binary);
    command.arg("backup").arg(backups).stdin(Stdio::null()).stdout(said).stderr(Stdio::null());
    match server {
        Some(server) => command.arg("--url").arg(format!("http://{}", server.address)),
        None => command.arg("--data").arg(data),
    };
    command.spawn().with_context(|| format!("running {}", binary.display()))
}

/// The state hash of the last backup.
fn told_hash(backups: &Path) -> anyhow::Result<String> {
    let said = std::fs::read_to_string(backups.with_extension("said"))?;
    let found = said.lines().find_map(|line| line.split("state hash").nth(1)).context("a backup tells a state hash")?;
    Ok(found.trim().to_owned())
}

fn newest(backups: &Path) -> anyhow::Result<Option<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(backups)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".backup") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.pop())
}

/// Restores everything, and verifies it.
fn check(binary: &Path, backups: &Path, folder: &Path, hash: &str) -> anyhow::Result<()> {
    let restored = folder.join("restored");
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a path that is text");
    let output = run_binary(binary, &["restore", &text(backups)?, "--data", &text(&restored)?])?;
    ensure!(output.status.success(), "restore: {}", String::from_utf8_lossy(&output.stderr));
    let proven = verify(binary, &restored)?;
    ensure!(proven == hash, "the restored directory has the state hash {proven}, and the backup has {hash}");
    std::fs::remove_dir_all(&restored)?;
    Ok(())
}
