//! Histories of the real server under concurrency, checked against its log: every answer carries its `seq`, so one pass
//! is sufficient to check that a history is linearisable.
//!
//! Callers reserve, confirm, collect, cancel, receive and read on a few hot cells, and every answer goes to the
//! [`audit`](crate::audit).

use std::path::Path;

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::audit::{Auditor, Cell, Level, When, Witness};
use crate::client::Client;
use crate::server::{Server, verify};

/// The prefix of the SKUs.
const SKU: &str = "H";

const SKUS: u64 = 2;
const LOCATIONS: u64 = 2;

/// The initial stock of every cell: little enough that units run out again and again.
const OPENING: i64 = 20;

/// Open reservations that one caller keeps.
const OPEN_MAX: usize = 6;

/// The results.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinearReport {
    /// Requests with an answer.
    pub operations: u64,
    /// Reads among them.
    pub reads: u64,
    /// Writes among them.
    pub writes: u64,
    /// Refusals because stock was short; they carry no `seq`.
    pub refused: u64,
    /// Records of the log.
    pub records: u64,
}

/// Lets `callers` send `operations` together on a new directory, and checks their answers.
///
/// # Errors
/// The first answer that contradicts the log.
pub fn run(binary: &Path, data: &Path, operations: u64, callers: u64, seed: u64) -> anyhow::Result<LinearReport> {
    let server = Server::start(binary, data, &[])?;
    let mut client = server.client();
    let cells = (0..SKUS).flat_map(|sku| (0..LOCATIONS).map(move |at| cell(sku, at)));
    let counts: Vec<Value> =
        cells.map(|(sku, location)| json!({"sku": sku, "location": location, "on_hand": OPENING})).collect();
    ensure!(client.post("/v1/stock/counts", &json!({"counts": counts}))?.status == 200, "opening stock");
    let auditor = Auditor::start(server.client(), SKU, When::Meanwhile)?;
    let done: Vec<anyhow::Result<LinearReport>> = std::thread::scope(|scope| {
        let caller = |nth: u64| {
            let caller = Caller {
                client: server.client(),
                numbers: Numbers::new(seed.wrapping_add(nth)),
                witness: auditor.witness(),
                open: Vec::new(),
                report: LinearReport::default(),
            };
            scope.spawn(move || caller.run(operations / callers))
        };
        let callers: Vec<_> = (0..callers).map(caller).collect();
        let join = |caller: std::thread::ScopedJoinHandle<'_, _>| caller.join();
        callers
            .into_iter()
            .map(join)
            .map(|joined| joined.unwrap_or_else(|_| anyhow::bail!("a caller panicked")))
            .collect()
    });
    // A finding of the audit is the reason why a caller could not continue.
    let findings = auditor.finish()?;
    let mut report = LinearReport { records: findings.records, ..LinearReport::default() };
    for done in done {
        let done = done?;
        report.reads += done.reads;
        report.writes += done.writes;
        report.refused += done.refused;
    }
    report.operations = report.reads + report.writes + report.refused;
    ensure!(
        (findings.reads, findings.writes) == (report.reads, report.writes),
        "{findings:?} were audited of {report:?}"
    );
    server.stop()?;
    verify(binary, data)?;
    Ok(report)
}

fn cell(sku: u64, location: u64) -> Cell {
    (format!("{SKU}{sku}"), format!("s{location}"))
}

fn text(value: &Value, member: &str) -> anyhow::Result<String> {
    let text = value.get(member).and_then(Value::as_str);
    Ok(text.with_context(|| format!("{member} is missing in {value}"))?.to_owned())
}

fn number(value: &Value, member: &str) -> anyhow::Result<i64> {
    value.get(member).and_then(Value::as_i64).with_context(|| format!("{member} is missing in {value}"))
}

/// The cells of a list of items.
fn levels(value: &Value, member: &str) -> anyhow::Result<Vec<(Cell, Level)>> {
    let items = value.get(member).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let level = |item: &Value| {
        let cell = (text(item, "sku")?, text(item, "location")?);
        Ok((cell, (number(item, "on_hand")?, number(item, "reserved")?)))
    };
    items.iter().map(level).collect()
}

struct Caller {
    client: Client,
    numbers: Numbers,
    witness: Witness,
    /// Own reservations, and whether each is confirmed.
    open: Vec<(String, bool)>,
    report: LinearReport,
}

impl Caller {
    fn run(mut self, operations: u64) -> anyhow::Result<LinearReport> {
        for _ in 0..operations {
            self.step()?;
        }
        Ok(self.report)
    }

    fn step(&mut self) -> anyhow::Result<()> {
        let (sku, location) = cell(self.numbers.below(SKUS), self.numbers.below(LOCATIONS));
        let some = self.numbers.below(self.open.len().max(1) as u64) as usize;
        match self.numbers.below(10) {
            0..=3 => self.read(),
            4 => {
                let movement = json!({"kind": "receipt", "sku": sku, "location": location, "quantity": 1});
                self.write("/v1/stock/movements", &json!({"movements": [movement]}), "moved").map(drop)
            }
            5..=7 if self.open.len() < OPEN_MAX => {
                let (other_sku, other) = cell(self.numbers.below(SKUS), self.numbers.below(LOCATIONS));
                let lines = json!([
                    {"sku": sku, "location": location, "quantity": 1 + self.numbers.below(3)},
                    {"sku": other_sku, "location": other, "quantity": 1},
                ]);
                let body = json!({"channel": "web", "lines": lines, "ttl_seconds": 3600});
                let made = self.write("/v1/reservations", &body, "reserved")?;
                self.open.extend(made.map(|id| (id, false)));
                Ok(())
            }
            kind => {
                let Some((id, confirmed)) = self.open.get(some).cloned() else { return self.read() };
                let (step, record) = match (confirmed, kind % 2) {
                    (false, 0) => ("confirm", "confirmed"),
                    (true, 0) => ("collect", "collected"),
                    _ => ("cancel", "cancelled"),
                };
                self.write(&format!("/v1/reservations/{id}/{step}"), &json!({}), record)?;
                match step {
                    "confirm" => drop(self.open.get_mut(some).map(|open| open.1 = true)),
                    _ => drop(self.open.remove(some)),
                }
                Ok(())
            }
        }
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let asked = self.witness.ask();
        let answer = self.client.get("/v1/availability?sku=H0&sku=H1")?;
        ensure!(answer.status == 200, "{}", answer.json());
        let told = answer.json();
        let cells = levels(&told, "items")?;
        ensure!(cells.len() as u64 == SKUS * LOCATIONS, "a read told {} cells", cells.len());
        self.report.reads += 1;
        self.witness.read(asked, number(&told, "seq")? as u64, cells)
    }

    /// Writes, and returns the id of the reservation; `None` if it was refused.
    fn write(&mut self, path: &str, body: &Value, kind: &'static str) -> anyhow::Result<Option<String>> {
        let asked = self.witness.ask();
        let answer = self.client.post(path, body)?;
        if answer.status == 409 && kind == "reserved" {
            self.report.refused += 1;
            return Ok(None);
        }
        ensure!(matches!(answer.status, 200 | 201), "{path}: {}", answer.json());
        let told = answer.json();
        let id = told.get("id").and_then(Value::as_str).map(str::to_owned);
        let cells = if kind == "moved" { levels(&told, "items")? } else { Vec::new() };
        self.report.writes += 1;
        self.witness.wrote(asked, number(&told, "seq")? as u64, kind, id.clone(), cells)?;
        Ok(id)
    }
}
