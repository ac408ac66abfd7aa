//! The results of a run: as a table, as JSON, and as a page without dependencies.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::measure::{KindRow, Recorder, SecondRow};
use super::plan::{Scenario, ScenarioPlan};
use crate::audit::Findings;
use crate::client::Client;
use crate::live::resident;

/// The proofs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Books {
    #[serde(flatten)]
    pub findings: Findings,
    /// The state hash of `anaquel verify` and of the server, if the server belongs to the run.
    pub state_hash: Option<String>,
}

/// The growth of the server's memory, from a quarter of the run to its end.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Grown {
    /// Resident bytes.
    pub bytes: i64,
    /// Additional reservations that it keeps.
    pub kept: i64,
}

/// The results of a run.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioReport {
    /// The scenario.
    pub scenario: String,
    /// The transport.
    pub protocol: String,
    /// Connections.
    pub connections: usize,
    /// Visits a second that were due.
    pub rate: String,
    /// The distribution of demand.
    pub pattern: String,
    /// The seed.
    pub seed: u64,
    /// The duration, in seconds.
    pub seconds: f64,
    /// Visits that were due and never sent.
    pub unsent: u64,
    /// The machine.
    pub machine: String,
    /// Kind by kind.
    pub kinds: Vec<KindRow>,
    /// Second by second.
    pub timeline: Vec<SecondRow>,
    audit: Books,
    /// The growth of the server's memory.
    pub memory: Option<Grown>,
}

impl ScenarioReport {
    pub(super) fn new(
        plan: &ScenarioPlan,
        seed: u64,
        length: Duration,
        unsent: u64,
        recorder: &Recorder,
        audit: Books,
        memory: Option<Grown>,
    ) -> Self {
        let rate = match plan.scenario {
            Scenario::StoreDay => format!("as it was, {} times as fast", plan.speed),
            _ => plan.rate.to_string(),
        };
        Self {
            scenario: name(plan.scenario),
            protocol: name(plan.protocol),
            connections: plan.connections,
            rate,
            pattern: plan.pattern.to_string(),
            seed,
            seconds: length.as_secs_f64(),
            unsent,
            machine: crate::machine::describe(),
            kinds: recorder.kinds(length),
            timeline: recorder.seconds(),
            audit,
            memory,
        }
    }

    /// For the terminal.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{}: visits a second {}, {} connections ({}), {} demand, {:.0} s, on {}\n  \
             {:<13} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
            self.scenario,
            self.rate,
            self.connections,
            self.protocol,
            self.pattern,
            self.seconds,
            self.machine,
            "",
            "done",
            "refused",
            "shed",
            "a second",
            "p50 ms",
            "p90",
            "p99",
            "p99.9",
            "max"
        );
        for row in &self.kinds {
            let [done, refused, shed, times @ ..] = row.figures();
            let _ = write!(text, "  {:<13} {done:>9} {refused:>9} {shed:>7}", row.kind);
            for figure in times {
                let _ = write!(text, " {figure:>9}");
            }
            text.push('\n');
        }
        if self.unsent > 0 {
            let _ = writeln!(text, "  {} visits were due and never sent: the server was too far behind", self.unsent);
        }
        if let Some(memory) = self.memory {
            let _ = writeln!(
                text,
                "  resident memory: {:+.1} MiB from a quarter of the way to the end, with {:+} reservations kept",
                memory.bytes as f64 / f64::from(1 << 20),
                memory.kept
            );
        }
        let _ = writeln!(text, "  {}", self.proof());
        text
    }

    /// The proofs, in words.
    pub(super) fn proof(&self) -> String {
        let Findings { records, writes, reads } = self.audit.findings;
        let verified = match &self.audit.state_hash {
            Some(hash) => format!("anaquel verify agrees with the server: {hash}"),
            None => "the server is not this run's own, and goes on".to_owned(),
        };
        format!(
            "audit: {writes} acknowledged writes are in the log, each once, {reads} reads are the cells as they were, \
             {records} records add up, nothing was promised that was not there; {verified}"
        )
    }
}

/// As on the command line.
fn name(value: impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Measures a server's resident memory every second.
pub(super) struct Memory {
    over: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<(i64, i64)>>>,
}

impl Memory {
    pub fn watch(pid: u32, address: SocketAddr, recorder: Arc<Recorder>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let over = Arc::clone(&over);
            move || {
                let (mut client, mut seen) = (Client::new(address), Vec::new());
                while !over.load(Ordering::Relaxed) {
                    let bytes = resident(pid)?;
                    recorder.resident(bytes);
                    let info = client.get("/v1/info")?.json();
                    let kept = info.pointer("/reservations/kept").and_then(Value::as_i64).unwrap_or(0);
                    seen.push((bytes as i64, kept));
                    std::thread::sleep(Duration::from_secs(1));
                }
                Ok(seen)
            }
        });
        Self { over, thread }
    }

    pub fn stop(self) -> anyhow::Result<Grown> {
        self.over.store(true, Ordering::Relaxed);
        let seen = self.thread.join().map_err(|_| anyhow::anyhow!("the memory's watch panicked"))??;
        let (quarter, last) = (seen.get(seen.len() / 4), seen.last());
        let grown =
            quarter.zip(last).map(|(quarter, last)| Grown { bytes: last.0 - quarter.0, kept: last.1 - quarter.1 });
        Ok(grown.unwrap_or_default())
    }
}
