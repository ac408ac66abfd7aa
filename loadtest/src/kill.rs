//! Kills the server at random moments under load, restarts and audits it; repeatedly on the same data.
//!
//! Each worker keeps a ledger of its answers. After every restart the server must agree with the ledger: each
//! acknowledged reservation in its state, each sale counted, no cell with more promised than on hand; and for an
//! interrupted request, the same key returns the result.

#![allow(clippy::indexing_slicing, reason = "JSON members and ledgers of a size known beforehand")]

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::client::Client;
use crate::server::{Server, verify};

const WORKERS: u64 = 8;
const CELLS: u64 = 40;
const OPENING: i64 = 100_000;

/// The results.
#[derive(Debug, Clone, Copy, Default)]
pub struct KillReport {
    /// Times the server was killed.
    pub rounds: u64,
    /// Times it had ended by itself before.
    pub ended: u64,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Writes that were cut off.
    pub cut_off: u64,
    /// Of those, how many turned out to have been done.
    pub had_happened: u64,
}

/// All answers of the server.
#[derive(Debug, Default)]
struct Ledger {
    /// Reservation id, and its state.
    reservations: Vec<(String, String)>,
    /// Units sold, by cell.
    sold: Vec<i64>,
    /// Key, path, body of requests without an answer.
    unanswered: Vec<(String, String, Value)>,
}

fn cell(n: u64) -> (String, String) {
    (format!("K-{}", n % 10), format!("s{}", n / 10))
}

/// A broken promise, not a failure of the test's tools.
#[derive(Debug, Clone, Copy)]
pub struct Broken {
    round: u64,
    seed: u64,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "round {}, seed {}", self.round, self.seed)
    }
}

/// Rounds per directory: its whole log is audited after each.
const ROUNDS_A_DIRECTORY: u64 = 40;

/// Runs `rounds` rounds, on new directories in `folder`.
///
/// # Errors
/// The first broken promise.
pub fn run(binary: &Path, folder: &Path, rounds: u64, seed: u64) -> anyhow::Result<KillReport> {
    let mut report = KillReport::default();
    while report.rounds < rounds {
        let data = folder.join(format!("data-{}", report.rounds));
        let seed = seed.wrapping_add(report.rounds);
        let count = ROUNDS_A_DIRECTORY.min(rounds - report.rounds);
        rounds_on(binary, &data, &[], count, seed, &mut report, &mut Undisturbed)?;
        std::fs::remove_dir_all(&data)?;
        eprintln!("{report:?}");
    }
    Ok(report)
}

/// Other faults beside the kill.
pub(crate) trait World {
    /// Before the load: the server that has the fault, in place of this one; `None` if it did not start.
    fn before(&mut self, _round: u64, server: Server) -> anyhow::Result<Option<Server>> {
        Ok(Some(server))
    }

    /// While the server is down.
    fn after(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// No other fault.
struct Undisturbed;

impl World for Undisturbed {}

/// Rounds on one directory.
pub(crate) fn rounds_on(
    binary: &Path,
    data: &Path,
    arguments: &[&str],
    rounds: u64,
    seed: u64,
    report: &mut KillReport,
    world: &mut dyn World,
) -> anyhow::Result<()> {
    let mut numbers = Numbers::new(seed);
    let ledger = Mutex::new(Ledger { sold: vec![0; CELLS as usize], ..Ledger::default() });
    let mut server = Server::start(binary, data, arguments)?;
    let counts: Vec<Value> =
        (0..CELLS).map(|n| json!({"sku": cell(n).0, "location": cell(n).1, "on_hand": OPENING})).collect();
    ensure!(server.client().post("/v1/stock/counts", &json!({"counts": counts}))?.status == 200, "opening stock");
    for round in 1..=rounds {
        if let Some(server) = world.before(round, server)? {
            load(server, round, &mut numbers, &ledger, report)?;
        }
        world.after()?;
        report.rounds += 1;
        let broken = || Broken { round, seed };
        verify(binary, data).with_context(broken)?;
        server = Server::start(binary, data, arguments)?;
        let mut ledger = ledger.lock().map_err(|_| anyhow::anyhow!("a worker panicked"))?;
        audit(&server, &mut ledger, report).with_context(broken)?;
    }
    server.stop()?;
    verify(binary, data).map(drop)
}

/// All workers at once until the server is killed, at a random moment.
fn load(
    mut server: Server,
    round: u64,
    numbers: &mut Numbers,
    ledger: &Mutex<Ledger>,
    report: &mut KillReport,
) -> anyhow::Result<()> {
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let pause = Duration::from_millis(20 + numbers.below(250));
    let address = server.address;
    let seeds: Vec<u64> = (0..WORKERS).map(|_| numbers.below(u64::MAX) | 1).collect();
    std::thread::scope(|scope| {
        for (worker, seed) in (0..).zip(&seeds) {
            let (stop, acknowledged) = (&stop, &acknowledged);
            scope.spawn(move || {
                let mut worker = Worker {
                    client: Client::new(address),
                    numbers: Numbers::new(*seed),
                    ledger,
                    tag: format!("{round}-{worker}"),
                    count: 0,
                };
                while !stop.load(Ordering::Relaxed) && worker.step().is_ok() {
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(pause);
        report.ended += u64::from(server.ended()?.is_some());
        let killed = server.kill();
        stop.store(true, Ordering::Relaxed);
        killed
    })?;
    report.acknowledged += acknowledged.into_inner();
    Ok(())
}

struct Worker<'a> {
    client: Client,
    numbers: Numbers,
    ledger: &'a Mutex<Ledger>,
    tag: String,
    count: u64,
}

impl Worker<'_> {
    fn step(&mut self) -> anyhow::Result<()> {
        self.count += 1;
        let n = self.numbers.below(CELLS);
        let (sku, location) = cell(n);
        let key = format!("k-{}-{}", self.tag, self.count);
        if self.numbers.below(4) == 0 {
            let body = json!({"movements": [{"kind": "sale", "sku": sku, "location": location, "quantity": 1}]});
            let answer = self.ask("/v1/stock/movements", &key, body)?;
            ensure!(answer.status == 200, "a sale was refused: {answer:?}");
            self.note(|ledger| ledger.sold[n as usize] += 1);
            return Ok(());
        }
        let body = json!({"channel": "web", "lines": [{"sku": sku, "location": location, "quantity": 2}]});
        let answer = self.ask("/v1/reservations", &key, body)?;
        ensure!(answer.status == 201, "a reservation was refused: {answer:?}");
        let id = answer.json()["id"].as_str().unwrap_or_default().to_owned();
        self.note(|ledger| ledger.reservations.push((id.clone(), "held".into())));
        for (step, state) in [("confirm", "confirmed"), ("collect", "collected")] {
            if self.numbers.below(2) == 0 {
                break;
            }
            let path = format!("/v1/reservations/{id}/{step}");
            let answer = self.ask(&path, &format!("{key}-{step}"), json!({}));
            if answer.is_err() {
                // Its key returns the result; until then the state is unknown.
                self.note(|ledger| ledger.reservations.retain(|(kept, _)| *kept != id));
            }
            ensure!(answer?.status == 200, "a step was refused");
            self.note(|ledger| {
                if let Some(entry) = ledger.reservations.iter_mut().rev().find(|(kept, _)| *kept == id) {
                    entry.1 = state.into();
                }
            });
        }
        Ok(())
    }

    fn ask(&mut self, path: &str, key: &str, body: Value) -> anyhow::Result<crate::client::Answer> {
        let answer = self.client.post_keyed(path, key, &body).and_then(|answer| {
            ensure!(answer.status < 500, "{path}: {answer:?}");
            Ok(answer)
        });
        if answer.is_err() {
            self.note(|ledger| ledger.unanswered.push((key.to_owned(), path.to_owned(), body)));
        }
        answer
    }

    fn note(&self, change: impl FnOnce(&mut Ledger)) {
        if let Ok(mut ledger) = self.ledger.lock() {
            change(&mut ledger);
        }
    }
}

fn audit(server: &Server, ledger: &mut Ledger, report: &mut KillReport) -> anyhow::Result<()> {
    let mut client = server.client();
    // Interrupted requests are sent again: they are done now, or the first answer is returned.
    for (key, path, body) in std::mem::take(&mut ledger.unanswered) {
        let answer = client.post_keyed(&path, &key, &body)?;
        report.cut_off += 1;
        report.had_happened += u64::from(answer.header("idempotent-replayed").is_some());
        ensure!(answer.status < 300, "a repeat was refused: {path} {answer:?}");
        if path == "/v1/stock/movements" {
            let sold = body["movements"][0].clone();
            let n = (0..CELLS).find(|n| cell(*n) == (text(&sold["sku"]), text(&sold["location"])));
            ledger.sold[n.context("a known cell")? as usize] += 1;
        } else {
            let told = answer.json();
            ledger.reservations.push((text(&told["id"]), text(&told["state"])));
        }
    }
    let mut reserved = vec![0i64; CELLS as usize];
    let mut collected = vec![0i64; CELLS as usize];
    for (id, state) in &ledger.reservations {
        let answer = client.get(&format!("/v1/reservations/{id}"))?;
        ensure!(answer.status == 200, "an acknowledged reservation is gone: {id}");
        let record = answer.json();
        ensure!(record["state"] == **state, "{id} was answered as {state}, and is {}", record["state"]);
        let line = &record["lines"][0];
        let n =
            (0..CELLS).find(|n| cell(*n) == (text(&line["sku"]), text(&line["location"]))).context("a known cell")?;
        let units = line["quantity"].as_i64().unwrap_or(0);
        if state == "collected" { collected[n as usize] += units } else { reserved[n as usize] += units }
    }
    for n in 0..CELLS {
        let (sku, location) = cell(n);
        let found = client.get(&format!("/v1/availability?sku={sku}&location={location}"))?.json();
        let item = &found["items"][0];
        let at = n as usize;
        let expected = OPENING - ledger.sold[at] - collected[at];
        ensure!(
            item["on_hand"] == expected,
            "{sku} at {location}: {} on hand, and {expected} by the ledger",
            item["on_hand"]
        );
        ensure!(
            item["reserved"] == reserved[at],
            "{sku} at {location}: {} reserved, and {} by the ledger",
            item["reserved"],
            reserved[at]
        );
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
