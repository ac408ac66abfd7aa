//! The results of a run: as a table, as JSON, and by bound.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::honest::Part;
use super::tally::Tally;
use super::watch::Seen;
use crate::audit::Findings;

/// One bound.
#[derive(Debug, Clone, Serialize)]
pub struct Bound {
    /// The bounded value.
    pub what: &'static str,
    /// The bound in words and numbers.
    pub limit: String,
    /// The measured value.
    pub measured: String,
    /// Whether the bound holds.
    pub held: bool,
}

/// The results of a run.
#[derive(Debug, Clone, Serialize)]
pub struct AttackReport {
    /// The seed.
    pub seed: u64,
    /// The machine.
    pub machine: String,
    /// Visits of the shop a second.
    pub rate: f64,
    /// Connections.
    pub connections: u64,
    /// Locations of the shop.
    pub places: u64,
    /// SKUs of the shop.
    pub skus: u64,
    /// The shop alone.
    pub alone: Part,
    /// The shop beside a process of the same low priority as the attackers' that burns every core.
    pub beside_burner: Part,
    /// The shop during the attack.
    pub attacked: Part,
    /// The shop after the attack.
    pub afterwards: Part,
    /// The server's resources meanwhile.
    pub seen: Seen,
    /// Attacks, by answer.
    pub attacks: Tally,
    /// The result of the audit.
    pub audit: Result<Findings, String>,
    /// Whether the server ended in order, and `anaquel verify` was clean.
    pub stopped: Result<(), String>,
    /// The output of `anaquel verify`.
    pub verified: Result<String, String>,
    /// The bounds.
    pub bounds: Vec<Bound>,
}

/// The factor of a value on `base`.
pub(super) fn ratio(part: f64, base: f64) -> f64 {
    part / base.max(0.001)
}

impl AttackReport {
    /// Whether every bound holds.
    pub fn holds(&self) -> bool {
        self.bounds.iter().all(|bound| bound.held)
    }

    /// For the terminal.
    pub fn table(&self) -> String {
        let mut text = format!(
            "attack: {} writes a second, {} connections of each attacker, {} places, {} SKUs, seed {}, on {}\n  \
             {:<15} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>9} {:>8} {:>8}\n",
            self.rate,
            self.connections,
            self.places,
            self.skus,
            self.seed,
            self.machine,
            "the shop",
            "seconds",
            "writes",
            "refused",
            "p50 ms",
            "p90",
            "p99",
            "max",
            "read p50",
            "p99"
        );
        for (name, part) in [
            ("alone", &self.alone),
            ("beside a burner", &self.beside_burner),
            ("attacked", &self.attacked),
            ("afterwards", &self.afterwards),
        ] {
            let Part { seconds, writes, reads, refused, .. } = part;
            let _ = writeln!(
                text,
                "  {name:<15} {seconds:>8.0} {:>9} {refused:>8} {:>8.2} {:>8.2} {:>8.2} {:>9.2} {:>8.2} {:>8.2}",
                writes.answered, writes.p50, writes.p90, writes.p99, writes.max, reads.p50, reads.p99
            );
        }
        for sample in self.attacked.samples.iter().chain(&self.afterwards.samples) {
            let _ = writeln!(text, "    {}", sample.chars().take(200).collect::<String>());
        }
        let mib = |bytes: u64| bytes >> 20;
        let Seen { resident_first, resident_max, resident_last, descriptors_max, threads_max, .. } = self.seen;
        let _ = writeln!(
            text,
            "  resident: {} MiB at first, {} at the most, {} at the end; {descriptors_max} descriptors, {threads_max} \
             threads; /healthz asked {} times, slowest {:.0} ms; not ready {} times{}",
            mib(resident_first),
            mib(resident_max),
            mib(resident_last),
            self.seen.healthz_asked,
            self.seen.healthz_slowest_ms,
            self.seen.not_ready,
            self.seen.not_ready_last.as_deref().map(|last| format!(", last: {last}")).unwrap_or_default()
        );
        let _ = writeln!(text, "  {:<7} {:>9}  what became of it", "attack", "sent");
        for (name, row) in &self.attacks.0 {
            let outcomes: Vec<_> = row.outcomes.iter().map(|(outcome, count)| format!("{outcome} × {count}")).collect();
            let _ = writeln!(text, "  {name:<7} {:>9}  {}", row.sent, outcomes.join(", "));
        }
        for Bound { what, limit, measured, held } in &self.bounds {
            let _ = writeln!(text, "  {} {what}: {measured} ({limit})", if *held { "held  " } else { "MISSED" });
        }
        text
    }

    /// Writes `attack.json`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join("attack.json");
        std::fs::write(&path, serde_json::to_string_pretty(self)?)?;
        eprintln!("wrote {}", path.display());
        Ok(())
    }
}
