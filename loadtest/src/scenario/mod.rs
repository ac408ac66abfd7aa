//! Scenarios: the load of an ordinary and of an extraordinary day, with a check of every answer.
//!
//! Open loop: requests are due by the clock, and a latency counts from when its request was due, so a stall shows in
//! everything that had to wait for it. Afterwards the server's own log is read, and every acknowledgement is compared
//! with it.

mod counts;
mod drive;
mod link;
mod measure;
mod page;
mod pattern;
mod plan;
mod report;
mod schedule;
mod shopper;
mod storm;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};
use serde_json::Value;

use crate::audit::{Auditor, When};
use crate::client::Client;
use crate::selling::shop;
use crate::server::{Server, binary, verify};
use crate::stock::{CELLS, LOCATIONS, SKU, SKUS, fill, name_cell};
use crate::tills::Tills;
use drive::{Drive, drive};
pub use link::Protocol;
use measure::Recorder;
pub use measure::{Kind, KindRow, SecondRow};
use pattern::Chooser;
pub use pattern::Pattern;
pub use plan::{Scenario, ScenarioPlan};
pub use report::ScenarioReport;
use report::{Books, Memory};
pub use schedule::Rate;
use schedule::Schedule;
use shopper::{NOTES, ORDERS, PRICE, SERIES, Script};

/// The allowed growth of a soak, for each reservation that the server keeps, and besides them.
const KEPT_BYTES: f64 = 1024.0;
const SLACK_BYTES: f64 = (64 << 20) as f64;

/// The server under load.
struct Target {
    address: SocketAddr,
    own: Option<Own>,
}

/// A server that was started for this run.
struct Own {
    server: Server,
    binary: PathBuf,
    folder: tempfile::TempDir,
}

/// Runs a scenario, audits it, and reports the results.
///
/// # Errors
/// An answer that is neither a success nor a proper refusal, or the first answer that contradicts the log.
pub fn run(plan: &ScenarioPlan, server: Option<&Path>) -> anyhow::Result<ScenarioReport> {
    let seed = plan.seed.unwrap_or_else(anaquel_seeds::fresh);
    eprintln!("seed {seed}");
    ensure!((1..=20_000).contains(&plan.connections), "--connections: 1 to 20,000");
    ensure!((1..=86_400).contains(&plan.seconds), "--seconds: 1 to 86,400");
    ensure!(plan.speed > 0.0, "--speed: must be more than 0");
    let has_orders = plan.scenario == Scenario::Checkout && plan.protocol == Protocol::Http;
    ensure!(!plan.orders || has_orders, "--orders: is of checkout over http");
    crate::out::prepare(plan.out.as_deref())?;
    let target = Target::of(plan, server)?;
    let mut client = Client::new(target.address);
    let (script, schedule) = prepare(plan, seed, &mut client)?;
    let script = Arc::new(script);
    let skus = if matches!(*script, Script::Baskets(_)) { "" } else { SKU };
    let when = if plan.scenario == Scenario::Soak { When::Meanwhile } else { When::Afterwards };
    let auditor = Auditor::start(Client::new(target.address), skus, when)?;
    let recorder = Arc::new(Recorder::new());
    let memory = target.own.as_ref().map(|own| Memory::watch(own.server.pid(), target.address, Arc::clone(&recorder)));
    let load = Drive {
        address: target.address,
        protocol: plan.protocol,
        connections: plan.connections,
        seed,
        schedule: schedule.clone(),
        script: Arc::clone(&script),
        chooser: Arc::new(Chooser::new(plan.pattern, CELLS)),
        witness: auditor.witness(),
        recorder: Arc::clone(&recorder),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let began = Instant::now();
    let driven = runtime.block_on(async {
        if plan.scenario != Scenario::ReconnectStorm {
            return drive(load).await;
        }
        let storm = storm::run(target.address, plan.subscribers, plan.storms, schedule.length(), Arc::clone(&recorder));
        let (unsent, stormed) = tokio::join!(drive(load), storm);
        stormed.and(unsent)
    });
    let length = began.elapsed();
    drop(runtime);
    let grown = memory.map(Memory::stop).transpose()?;
    if driven.is_ok() {
        // Abandoned reservations are cancelled, and audited, too.
        std::thread::sleep(Duration::from_secs(shopper::ABANDONED_SECONDS + 1));
    }
    // A finding of the audit is the reason why visits could not continue.
    let findings = auditor.finish()?;
    let unsent = driven?;
    if plan.scenario == Scenario::FlashSale {
        counts::sold_out(&mut client, &recorder, plan.units, length)?;
    }
    let counted = match (&*script, &target.own, unsent) {
        (Script::Baskets(baskets), Some(_), 0) => Some(counts::tills_closed(&mut client, &recorder, baskets, length)?),
        (Script::Orders(_), Some(_), 0) => Some(counts::orders_counted(&mut client, &recorder, length)?),
        _ => None,
    };
    let books = Books { findings, state_hash: target.prove()? };
    let report = ScenarioReport::new(plan, seed, length, unsent, &recorder, books, grown);
    print!("{}", report.table());
    if let Some(counted) = counted {
        println!("  {counted}");
    }
    if let Some(folder) = &plan.out {
        page::write(&report, folder)?;
    }
    if let (Scenario::Soak, Some(grown)) = (plan.scenario, grown) {
        let most = SLACK_BYTES + KEPT_BYTES * grown.kept as f64;
        ensure!((grown.bytes as f64) < most, "memory is not flat: {grown:?}, at most {most} bytes");
    }
    Ok(report)
}

/// Loads the data of the scenario; returns the script of a visit and the schedule.
fn prepare(plan: &ScenarioPlan, seed: u64, client: &mut Client) -> anyhow::Result<(Script, Schedule)> {
    let script = match plan.scenario {
        Scenario::StoreDay => {
            let folder = plan.folder.as_deref().context(
                "--folder: required by store-day; name the folder of the \
                tills' data",
            )?;
            return store_day(plan, folder, client);
        }
        Scenario::Browse => Script::Browse,
        Scenario::Checkout if plan.orders => Script::Orders(format!("W{seed}")),
        Scenario::Checkout | Scenario::ReconnectStorm => Script::Checkout,
        Scenario::Mixed | Scenario::Soak => Script::Mixed,
        Scenario::FlashSale => {
            let csv = format!("sku,location,on_hand\nSKU-FLASH,store-000,{}\n", plan.units);
            let answer = client.import("/v1/import/stock?create=true", csv.as_bytes())?;
            ensure!(answer.status == 200, "stock of the flash sale: {}", answer.json());
            Script::FlashSale
        }
    };
    if plan.scenario != Scenario::FlashSale {
        fill(Client::new(client.address()))?;
    }
    if matches!(script, Script::Orders(_)) {
        shop::declare(client, &["web"], &[])?;
        let prices: Vec<_> = (0..SKUS).map(|nth| (name_cell(nth * LOCATIONS).0, PRICE)).collect();
        shop::price(client, &prices)?;
        shop::issue(client, "web", "none", &[ORDERS])?;
    }
    Ok((script, Schedule::of(plan.rate, plan.seconds)))
}

fn store_day(plan: &ScenarioPlan, folder: &Path, client: &mut Client) -> anyhow::Result<(Script, Schedule)> {
    let mut tills = Tills::read(folder, plan.lines)?;
    shop::declare(client, &["pos", "web"], &[])?;
    shop::issue(client, "tills", "none", &[SERIES])?;
    shop::credit_notes(client, "tills", NOTES)?;
    tills.stock_up(client, None)?;
    tills.baskets.sort_by_key(|basket| basket.at);
    // The night before the first basket is skipped.
    let first = tills.baskets.first().map_or(Duration::ZERO, |basket| basket.at);
    let time = |at: Duration| (at - first).div_f64(plan.speed);
    // Several baskets in one second are spread over it.
    let mut numbers = Numbers::new(1);
    let mut times: Vec<_> =
        tills.baskets.iter().map(|basket| time(basket.at + Duration::from_millis(numbers.below(1000)))).collect();
    times.sort_unstable();
    Ok((Script::Baskets(tills.baskets), Schedule::Times(times)))
}

impl Target {
    fn of(plan: &ScenarioPlan, server: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(address) = plan.address {
            ensure!(address.ip().is_loopback(), "--address: must be on this machine, and {address} is not");
            return Ok(Self { address, own: None });
        }
        let (binary, folder) = (binary(server)?, tempfile::tempdir()?);
        let server = Server::start(&binary, &folder.path().join("data"), &[])?;
        Ok(Self { address: server.address, own: Some(Own { server, binary, folder }) })
    }

    /// Runs `anaquel verify` on the log, if the server belongs to this run; returns the state hash that both have.
    fn prove(self) -> anyhow::Result<Option<String>> {
        let Some(own) = self.own else { return Ok(None) };
        let told = own.server.client().get("/v1/info")?.json();
        own.server.stop()?;
        let proven = verify(&own.binary, &own.folder.path().join("data"))?;
        let told = told.get("state_hash").and_then(Value::as_str);
        ensure!(told == Some(&proven), "the server shows {told:?}, and its log leads to {proven}");
        Ok(Some(proven))
    }
}
