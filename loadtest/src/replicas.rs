//! Replicas of a server under load: how long an acknowledged write takes to be served elsewhere, how fast a replica that was
//! away catches up, and that all end with the same state.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::client::Client;
use crate::http::{Ask, drive_at};
use crate::pipeline;
use crate::server::{Server, free_address};
use crate::stock::{Demand, fill};

/// The pause between two probes of a replica.
const PROBE: Duration = Duration::from_millis(20);

/// How long a replica may take to get anywhere.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Records a second on the primary.
    pub rate: f64,
    /// How long.
    pub seconds: u64,
    /// Replicas: the second follows the first, the others the primary.
    pub replicas: usize,
    /// How long the primary writes as fast as it can, while a replica is away.
    pub away_seconds: u64,
}

fn seq(client: &mut Client) -> anyhow::Result<u64> {
    client.get("/readyz")?.json().get("seq").and_then(Value::as_u64).context("/readyz has a seq")
}

/// Measures and prints.
///
/// # Errors
/// A server does not start, a replica does not get there, or ends with another state.
pub fn run(binary: &Path, plan: Plan) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let primary = Server::start(binary, &folder.path().join("primary"), &[])?;
    fill(primary.client())?;
    let mut replicas: Vec<Server> = Vec::new();
    for nth in 0..plan.replicas {
        let of = match nth {
            1 => replicas.first().map_or(primary.address, |near| near.address),
            _ => primary.address,
        };
        let data = folder.path().join(format!("replica-{nth}"));
        replicas.push(Server::start(binary, &data, &["--follow", &format!("http://{of}")])?);
    }
    let addresses: Vec<SocketAddr> = replicas.iter().map(|replica| replica.address).collect();
    let over = AtomicBool::new(false);
    let (measured, lags) = std::thread::scope(|scope| {
        let probes: Vec<_> =
            addresses.iter().map(|address| scope.spawn(|| probe(primary.address, *address, &over))).collect();
        let measured = drive_at(plan.rate, primary.address, Ask::Reserve(Demand::Spread), 64, plan.seconds);
        over.store(true, Ordering::Relaxed);
        let lags: Vec<_> = probes.into_iter().map(|probe| probe.join()).collect();
        (measured, lags)
    });
    let measured = measured?;
    println!(
        "{:.0} reservations a second over {} s on the primary, p50 {:.2} ms, p99 {:.2} ms",
        measured.rate, plan.seconds, measured.p50, measured.p99
    );
    for (nth, lag) in lags.into_iter().enumerate() {
        let (waited, told) = lag.map_err(|_| anyhow::anyhow!("a probe panicked"))??;
        let ms = |histogram: &Histogram<u64>, quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        println!(
            "  replica {nth}{}: an acknowledged write is served after p50 {:.1}, p99 {:.1}, max {:.1} ms ({} probes); \
             its lag as it says: p50 {:.0}, p99 {:.0}, max {:.0} ms",
            if nth == 1 { " (of the first)" } else { "" },
            ms(&waited, 0.5),
            ms(&waited, 0.99),
            ms(&waited, 1.0),
            waited.len(),
            ms(&told, 0.5),
            ms(&told, 0.99),
            ms(&told, 1.0),
        );
    }
    let last = replicas.pop().context("a replica")?;
    let data = folder.path().join(format!("replica-{}", plan.replicas - 1));
    catch_up(binary, &primary, last, &data, plan.away_seconds).map(|last| replicas.push(last))?;
    same(&primary, &replicas)?;
    println!("all have the same state");
    replicas.into_iter().rev().try_for_each(Server::stop)?;
    primary.stop()
}

/// Writes on the primary, and reads each write on a replica as soon as it is acknowledged: how long that takes, and the lag
/// that the replica tells, in microseconds.
fn probe(
    primary: SocketAddr,
    replica: SocketAddr,
    over: &AtomicBool,
) -> anyhow::Result<(Histogram<u64>, Histogram<u64>)> {
    let (mut waited, mut told) = (Histogram::new(3)?, Histogram::new(3)?);
    let (mut there, mut here) = (Client::new(primary), Client::new(replica));
    let row = json!({"kind": "receipt", "sku": "PROBE", "location": "probes", "quantity": 1});
    while !over.load(Ordering::Relaxed) {
        let written = there.post("/v1/stock/movements", &json!({"movements": [row]}))?;
        let seq = written.json().get("seq").and_then(Value::as_u64).context("a write has a seq")?;
        let began = Instant::now();
        let read = here.get(&format!("/v1/availability?sku=PROBE&location=probes&min_seq={seq}"))?;
        ensure!(read.status == 200, "{}", read.json());
        waited.record(began.elapsed().as_micros() as u64)?;
        if let Some(lag) = read.header("anaquel-lag-ms") {
            told.record(lag.parse::<u64>()? * 1000)?;
        }
        std::thread::sleep(PROBE);
    }
    Ok((waited, told))
}

/// Ends a replica, has the primary write as fast as it can, and starts the replica again.
fn catch_up(binary: &Path, primary: &Server, replica: Server, data: &Path, seconds: u64) -> anyhow::Result<Server> {
    let before = seq(&mut primary.client())?;
    replica.kill()?;
    pipeline::drive(primary.address, Demand::Spread, 4, 512, seconds)?;
    let until = seq(&mut primary.client())?;
    let follow = format!("http://{}", primary.address);
    let began = Instant::now();
    let replica = Server::start_alive_at(free_address()?, binary, data, &["--follow", &follow])?;
    let (started, mut client) = (began.elapsed(), replica.client());
    let began = Instant::now();
    let first = client.get("/v1/info")?.json().get("seq").and_then(Value::as_u64).context("a seq")?;
    let mut now = first;
    while now < until {
        ensure!(began.elapsed() < PATIENCE, "the replica is at {now} of {until} after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
        now = client.get("/v1/info")?.json().get("seq").and_then(Value::as_u64).context("a seq")?;
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "  away for {} records: started in {:.2} s, then {:.0} records a second to the end",
        until - before,
        started.as_secs_f64(),
        (until - first) as f64 / took
    );
    Ok(replica)
}

fn same(primary: &Server, replicas: &[Server]) -> anyhow::Result<()> {
    let told = |client: &mut Client| -> anyhow::Result<(Value, Value)> {
        let info = client.get("/v1/info")?.json();
        let part = |name: &str| info.get(name).cloned().with_context(|| format!("/v1/info has no {name}"));
        Ok((part("seq")?, part("state_hash")?))
    };
    let expected = told(&mut primary.client())?;
    for replica in replicas {
        let (began, mut client) = (Instant::now(), replica.client());
        while told(&mut client)?.0 != expected.0 {
            ensure!(began.elapsed() < PATIENCE, "a replica does not get to the end");
            std::thread::sleep(Duration::from_millis(20));
        }
        ensure!(told(&mut client)? == expected, "a replica ends with another state");
    }
    Ok(())
}
