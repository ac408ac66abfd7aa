//! Two attackers, each with a key of minimal rights and free to send anything, while an honest shop continues.
//!
//! **The comparison.** The latency of the shop's writes during the attack, against the same shop at the same rate
//! alone, on the same server in the same run. A latency counts from when its write was due (open loop, so a stall
//! shows in every write that had to wait for it). The bound concerns what the *server* lets one caller take from
//! another:
//!
//! - The attackers' own process runs at the lowest priority (`nice 19`), so its cost is not taken from others. The
//!   server's work for the attackers runs at the server's own priority, and all of it counts.
//! - The base is the shop alone, with nothing else on the machine. For comparison only, the shop also runs beside a
//!   process of the same low priority that burns every core: this shows the effect of a busy neighbour on the
//!   machine.
//! - The shop's client runs at ordinary priority on the same cores as the server, in all parts alike.
//! - Attackers use their own addresses (`127.0.0.2`, `127.0.0.3`), as real attackers do; the shop uses `127.0.0.1`.
//! - The `reserve` key is bound to a channel, like the key of a marketplace: an unbound key may cancel all
//!   reservations, which is its right and not an attack. No attacker takes units of the shop's own SKUs, for the same
//!   reason.
//!
//! These have bounds: the median and the 99th percentile of writes; refused writes (none: only 2xx, and no write is
//! cut off, unanswered or unsent); resident memory; `/healthz` on new connections; the audit of every answer against
//! the log; an orderly end; and `anaquel verify` on the remaining data.

mod generator;
mod honest;
mod network;
mod report;
mod routes;
mod shapes;
mod tally;
mod watch;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;

use crate::audit::{Auditor, When, Witness};
use crate::server::{STOP_PATIENCE, Server, binary, verify};
use generator::Crowd;
pub use generator::{Orders, burn, rows, run as attackers};
pub use honest::{Latency, Part};
use honest::{Shop, serve};
use network::{Keys, Network, SHOP};
use report::ratio;
pub use report::{AttackReport, Bound};
pub use tally::{Row, Tally};
pub use watch::Seen;
use watch::Watch;

/// The longest that the shop is measured by itself, and afterwards.
const BASE_MAX_SECONDS: u64 = 120;
const AFTERWARDS_MAX_SECONDS: u64 = 60;

/// The arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct AttackPlan {
    /// How long the attack lasts. The shop is measured alone for a third of this time before, for a sixth beside a busy
    /// neighbour, and for a sixth afterwards.
    #[arg(long, default_value_t = 600)]
    pub seconds: u64,
    /// Connections of each of the two attackers.
    #[arg(long, default_value_t = 64)]
    pub connections: u64,
    /// Writes a second of the honest shop.
    #[arg(long, default_value_t = 500.0)]
    pub rate: f64,
    /// Requests a second of each attacking connection; 0 for no limit.
    #[arg(long, default_value_t = 0.0)]
    pub attack_rate: f64,
    /// The seed of the random choices; printed, so that a run can be repeated.
    #[arg(long)]
    pub seed: Option<u64>,
    /// The maximum resident memory of the server, in MiB.
    #[arg(long, default_value_t = 2048)]
    pub memory_mib: u64,
    /// Only these attacks: C1, C2, H1 to H6, M1 to M6, M10, M12, L, routes, socket.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Locations of the largest group.
    #[arg(long, default_value_t = 10_000)]
    pub places: u64,
    /// SKUs that are stocked in a fifth of them.
    #[arg(long, default_value_t = 500)]
    pub skus: u64,
    /// The maximum factor on the shop's median; 0 for any.
    #[arg(long, default_value_t = 3.0)]
    pub median_ratio: f64,
    /// The maximum factor on the shop's 99th percentile; 0 for any.
    #[arg(long, default_value_t = 5.0)]
    pub p99_ratio: f64,
    /// Settings of the server.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder for attack.json.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Attacks a server of its own, started from the named binary or the one beside this, and reports the result.
///
/// # Errors
/// The server or the attackers' process does not start, or an answer to the shop was wrong.
pub fn run(plan: &AttackPlan, server: Option<&Path>) -> anyhow::Result<AttackReport> {
    let seed = plan.seed.unwrap_or_else(anaquel_seeds::fresh);
    eprintln!("seed {seed}");
    ensure!((6..=86_400).contains(&plan.seconds), "--seconds: 6 to 86,400");
    ensure!((1..=5000).contains(&plan.connections), "--connections: 1 to 5,000");
    ensure!((1.0..=100_000.0).contains(&plan.rate), "--rate: 1 to 100,000");
    ensure!((32..=60_000).contains(&plan.places), "--places: 32 to 60,000");
    ensure!((1..=100_000).contains(&plan.skus), "--skus: 1 to 100,000");
    for row in &plan.only {
        ensure!(rows().contains(&row.as_str()), "--only: {row} is none of {}", rows().join(", "));
    }
    crate::out::prepare(plan.out.as_deref())?;
    let binary = binary(server)?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let keys = Keys::make(&binary, &data)?;
    let config = plan.config.as_ref().map(|config| config.display().to_string());
    let arguments: Vec<&str> = config.iter().flat_map(|config| ["--config", config.as_str()]).collect();
    let server = Server::start(&binary, &data, &arguments)?;
    let network = Network { places: plan.places, skus: plan.skus };
    network.load(&mut server.client().with_key(&keys.house))?;
    eprintln!("the network is loaded");

    let watch = Watch::start(server.pid(), server.address);
    let auditor = Auditor::start(server.client().with_key(&keys.house), SHOP, When::Afterwards)?;
    let parts = parts(plan, seed, &server, &keys, &auditor);
    let seen = watch.stop()?;
    let ([alone, beside_burner, attacked, afterwards], attacks) = parts?;
    eprintln!("the log is audited, and verified");
    let audit = auditor.finish().map_err(|error| format!("{error:#}"));
    let stopped = server.stop_within(STOP_PATIENCE).map_err(|error| format!("{error:#}"));
    let verified = verify(&binary, &data).map_err(|error| format!("{error:#}"));
    let mut report = AttackReport {
        seed,
        machine: crate::machine::describe(),
        rate: plan.rate,
        connections: plan.connections,
        places: plan.places,
        skus: plan.skus,
        alone,
        beside_burner,
        attacked,
        afterwards,
        seen,
        attacks,
        audit,
        stopped,
        verified,
        bounds: Vec::new(),
    };
    report.bounds = bounds(plan, &report);
    print!("{}", report.table());
    if let Some(folder) = &plan.out {
        report.write(folder)?;
    }
    Ok(report)
}

/// The shop alone, beside a burner, attacked, and afterwards.
fn parts(
    plan: &AttackPlan,
    seed: u64,
    server: &Server,
    keys: &Keys,
    auditor: &Auditor,
) -> anyhow::Result<([Part; 4], Tally)> {
    let shop = |tag: &'static str, seconds: u64| {
        eprintln!("the shop, {tag}: {seconds} s");
        let witness: Witness = auditor.witness();
        let (address, key, rate) = (server.address, keys.shop.as_str(), plan.rate);
        serve(&Shop { address, key, rate, seed, tag, witness }, Duration::from_secs(seconds))
    };
    let base = (plan.seconds / 3).clamp(2, BASE_MAX_SECONDS);
    // The first seconds on new connections and a new log are not part of the base.
    shop("warming-up", base.min(3))?;
    let alone = shop("alone", base)?;
    let burner = Crowd::burn((base / 2).max(2))?;
    let beside_burner = shop("beside-a-burner", (base / 2).max(2))?;
    burner.finish()?;
    let orders = Orders {
        address: server.address,
        seconds: plan.seconds,
        connections: plan.connections,
        rate: plan.attack_rate,
        seed,
        places: plan.places,
        skus: plan.skus,
        only: plan.only.clone(),
    };
    let crowd = Crowd::attack(&orders, [&keys.read, &keys.reserve])?;
    let attacked = shop("attacked", plan.seconds)?;
    let told = crowd.finish()?;
    let afterwards = shop("afterwards", (plan.seconds / 6).clamp(2, AFTERWARDS_MAX_SECONDS))?;
    Ok(([alone, beside_burner, attacked, afterwards], serde_json::from_str(&told)?))
}

fn bounds(plan: &AttackPlan, report: &AttackReport) -> Vec<Bound> {
    let AttackReport { alone, attacked, afterwards, seen, .. } = report;
    let mut bounds = Vec::new();
    let mut add = |what, held, measured: String, limit: String| bounds.push(Bound { what, limit, measured, held });
    for (what, most, under, base) in [
        ("median of writes, against the shop alone", plan.median_ratio, attacked.writes.p50, alone.writes.p50),
        ("99th percentile of writes, against the shop alone", plan.p99_ratio, attacked.writes.p99, alone.writes.p99),
    ] {
        if most > 0.0 {
            let times = ratio(under, base);
            add(what, times <= most, format!("{times:.2} ×, {under:.2} ms against {base:.2}"), format!("{most} ×"));
        }
    }
    let refused = alone.refused + attacked.refused + afterwards.refused + report.beside_burner.refused;
    add("writes of the shop that were refused", refused == 0, refused.to_string(), "none".to_owned());
    let mib = seen.resident_max >> 20;
    add("resident memory", mib <= plan.memory_mib, format!("{mib} MiB"), format!("{} MiB", plan.memory_mib));
    let measured = format!("{} of {} missed", seen.healthz_missed, seen.healthz_asked);
    add("/healthz, on new connections", seen.healthz_missed == 0, measured, "none".to_owned());
    let attacks: u64 = report.attacks.0.values().map(|row| row.sent).sum();
    add("attacks that were sent", attacks > 0, attacks.to_string(), "some".to_owned());
    let measured = match &report.audit {
        Ok(found) => format!("{} writes and {} reads in {} records", found.writes, found.reads, found.records),
        Err(error) => error.clone(),
    };
    add("audit of every answer", report.audit.is_ok(), measured, "all true".to_owned());
    let measured = report.stopped.clone().map_or_else(|error| error, |()| "in order".to_owned());
    add("the server ends", report.stopped.is_ok(), measured, "within 120 s".to_owned());
    let measured = report.verified.clone().unwrap_or_else(|error| error.trim().to_owned());
    add("anaquel verify", report.verified.is_ok(), measured, "clean".to_owned());
    bounds
}
