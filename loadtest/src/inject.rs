//! Disk calls that fail, or that are the last action of the server: each kind, each in turn, by `strace`.
//!
//! The journal's first write, its second, and so on; the first sync, the first rename of a checkpoint: whatever fails,
//! acknowledged writes are present afterwards, and the key of any other request returns its result.

use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::kill::{KillReport, World, rounds_on};
use crate::server::Server;

/// Frequent checkpoints, so that faults hit them.
const SETTINGS: &str = "[journal]\nimage_bytes = 16384\n";

/// A fault: a system call, the file of the data directory, and the kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The call.
    pub call: &'static str,
    /// The file in the data directory that it must concern; any if empty.
    pub file: Option<&'static str>,
    /// The strace expression; with `when=` if it is not a single call.
    pub effect: &'static str,
}

/// The results.
#[derive(Debug, Clone, Copy, Default)]
pub struct InjectReport {
    /// As of the kills that follow each fault.
    pub kills: KillReport,
    /// Rounds in which the server did not start.
    pub not_up: u64,
    /// Rounds in which an error or a delay was injected. A call that was the server's last shows as an end, or a failed
    /// start.
    pub failed_calls: u64,
}

/// Every call by which the server writes, and every way in which it fails.
pub fn faults() -> Vec<Fault> {
    let calls = [
        ("pwrite64", None),
        ("fdatasync", None),
        ("fsync", None),
        ("sync_file_range", None),
        ("rename", None),
        ("ftruncate", None),
        ("write", Some("images/image.unfinished")),
        ("write", Some("journal/recent/log-00000000000000000001")),
    ];
    let effects = ["error=EIO", "error=ENOSPC", "signal=KILL"];
    let each = |(call, file)| effects.map(|effect| Fault { call, file, effect });
    calls.into_iter().flat_map(each).collect()
}

/// Whether strace is installed and permitted.
///
/// # Errors
/// Why not.
pub fn is_possible() -> anyhow::Result<()> {
    let tried = Command::new("strace").args(["-D", "-o", "/dev/null", "true"]).output();
    let tried = tried.context("running strace; apt-get install strace")?;
    ensure!(tried.status.success(), "strace: {}", String::from_utf8_lossy(&tried.stderr).trim());
    Ok(())
}

/// Makes the `calls`th call of every thread fail, for all `faults`, on new directories in `folder`.
///
/// # Errors
/// The first broken promise; or that nothing was injected.
pub fn run(
    binary: &Path,
    folder: &Path,
    faults: &[Fault],
    calls: RangeInclusive<u64>,
    seed: u64,
) -> anyhow::Result<InjectReport> {
    let settings = folder.join("settings.toml");
    std::fs::write(&settings, SETTINGS)?;
    let settings = settings.to_str().context("a path that is text")?;
    let mut report = InjectReport::default();
    for (at, fault) in (0..).zip(faults) {
        let data = folder.join(format!("data-{at}"));
        let trace = folder.join("trace");
        let mut world = Faulty { binary, data: &data, settings, trace: &trace, fault, first: *calls.start(), report };
        let count = calls.end().saturating_sub(*calls.start()) + 1;
        let mut kills = report.kills;
        let arguments = ["--config", settings];
        rounds_on(binary, &data, &arguments, count, seed.wrapping_add(at), &mut kills, &mut world)
            .with_context(|| format!("{fault:?}"))?;
        report = InjectReport { kills, ..world.report };
        std::fs::remove_dir_all(&data)?;
        eprintln!("{} of {:?}: {report:?}", fault.effect, fault.call);
    }
    let last_calls = report.kills.ended + report.not_up;
    ensure!(report.failed_calls + last_calls > 0, "no fault was injected: {report:?}");
    Ok(report)
}

struct Faulty<'a> {
    binary: &'a Path,
    data: &'a Path,
    settings: &'a str,
    trace: &'a Path,
    fault: &'a Fault,
    first: u64,
    report: InjectReport,
}

impl World for Faulty<'_> {
    fn before(&mut self, round: u64, server: Server) -> anyhow::Result<Option<Server>> {
        server.stop()?;
        let Fault { call, file, effect } = self.fault;
        let when = self.first + round - 1;
        let inject = match effect.contains("when=") {
            true => format!("inject={call}:{effect}"),
            false => format!("inject={call}:{effect}:when={when}"),
        };
        let (trace, about) = (self.trace.display().to_string(), file.map(|file| self.data.join(file)));
        let about = about.map(|path| path.display().to_string());
        let traced = format!("trace={call}");
        let mut tool = vec!["strace", "-D", "-f", "-qq", "-o", &trace, "-e", &traced, "-e", &inject];
        if let Some(path) = &about {
            tool.extend(["-P", path]);
        }
        let _ = std::fs::remove_file(self.trace);
        let started = Server::start_under(&tool, self.binary, self.data, &["--config", self.settings]);
        self.report.not_up += u64::from(started.is_err());
        Ok(started.ok())
    }

    fn after(&mut self) -> anyhow::Result<()> {
        let trace = std::fs::read_to_string(self.trace).unwrap_or_default();
        self.report.failed_calls += u64::from(trace.contains("(INJECTED)") || trace.contains("(DELAYED)"));
        Ok(())
    }
}
