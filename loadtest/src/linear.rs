//! Histories of the real server under concurrency, checked against its log: every answer carries its `seq`, so whether a
//! history is linear can be checked in one pass.
//!
//! Callers reserve, confirm, collect, cancel, receive and read on a few hot cells, and write down when they asked, when
//! they were answered, and what. Then the log is read, and it must hold that
//! - the order of the log respects real time: what was asked after an answer was there comes after it;
//! - every answer to a write is what the record at its `seq` says, and no two are the same record;
//! - every read is the cells as they are at its `seq`, all of them at once;
//! - every level is what the quantities before it lead to, and at no record more is promised than is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::numbers::Numbers;
use crate::server::{Server, verify};

const SKUS: u64 = 2;
const LOCATIONS: u64 = 2;

/// What is on every shelf at first: little enough that units run out again and again.
const OPENING: i64 = 20;

/// Open reservations that one caller keeps.
const OPEN_MAX: usize = 6;

/// Records read at a time.
const PAGE: u64 = 1000;

/// What was done, and checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    /// Requests with an answer.
    pub operations: u64,
    /// Reads among them.
    pub reads: u64,
    /// Writes among them.
    pub writes: u64,
    /// Refusals for want of stock among them; they carry no `seq`.
    pub refused: u64,
    /// Records of the log.
    pub records: u64,
}

/// SKU and location.
type Cell = (String, String);

/// On hand and reserved.
type Level = (i64, i64);

/// One request with its answer.
#[derive(Debug)]
struct Operation {
    asked: u64,
    answered: u64,
    seq: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The cells at that `seq`.
    Read(Vec<(Cell, Level)>),
    /// A record of this kind, about this reservation, or about cells that are like this after it.
    Wrote(&'static str, Option<String>, Vec<(Cell, Level)>),
}

/// Lets `callers` do `operations` together on a fresh directory, and checks what they were told.
///
/// # Errors
/// The first answer that the log does not bear out.
pub fn run(binary: &Path, data: &Path, operations: u64, callers: u64, seed: u64) -> anyhow::Result<Report> {
    let server = Server::start(binary, data, &[])?;
    let mut client = server.client();
    let cells = (0..SKUS).flat_map(|sku| (0..LOCATIONS).map(move |at| cell(sku, at)));
    let counts: Vec<Value> =
        cells.map(|(sku, location)| json!({"sku": sku, "location": location, "on_hand": OPENING})).collect();
    ensure!(client.post("/v1/stock/counts", &json!({"counts": counts}))?.status == 200, "opening stock");
    let began = Instant::now();
    let histories: Vec<anyhow::Result<(Vec<Operation>, u64)>> = std::thread::scope(|scope| {
        let caller = |nth: u64| {
            let caller = Caller {
                client: server.client(),
                numbers: Numbers::new(seed.wrapping_add(nth)),
                began,
                open: Vec::new(),
                history: Vec::new(),
                refused: 0,
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
    let (mut history, mut report) = (Vec::new(), Report::default());
    for done in histories {
        let (operations, refused) = done?;
        report.refused += refused;
        history.extend(operations);
    }
    let log = Log::read(&mut client)?;
    server.stop()?;
    report.records = log.records.len() as u64;
    report.reads = history.iter().filter(|operation| matches!(operation.what, What::Read(_))).count() as u64;
    report.writes = history.len() as u64 - report.reads;
    report.operations = history.len() as u64 + report.refused;
    respects_real_time(&mut history)?;
    history.iter().try_for_each(|operation| log.bears_out(operation))?;
    verify(binary, data)?;
    Ok(report)
}

fn cell(sku: u64, location: u64) -> Cell {
    (format!("H{sku}"), format!("s{location}"))
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
    began: Instant,
    /// Own reservations, and whether each is confirmed.
    open: Vec<(String, bool)>,
    history: Vec<Operation>,
    refused: u64,
}

impl Caller {
    fn run(mut self, operations: u64) -> anyhow::Result<(Vec<Operation>, u64)> {
        for _ in 0..operations {
            self.step()?;
        }
        Ok((self.history, self.refused))
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

    fn timed(&mut self, ask: impl FnOnce(&mut Client) -> anyhow::Result<Answer>) -> anyhow::Result<(u64, u64, Answer)> {
        let asked = self.began.elapsed().as_nanos() as u64;
        let answer = ask(&mut self.client)?;
        Ok((asked, self.began.elapsed().as_nanos() as u64, answer))
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let (asked, answered, answer) = self.timed(|client| client.get("/v1/availability?sku=H0&sku=H1"))?;
        ensure!(answer.status == 200, "{}", answer.json());
        let told = answer.json();
        let (seq, what) = (number(&told, "seq")? as u64, What::Read(levels(&told, "items")?));
        self.history.push(Operation { asked, answered, seq, what });
        Ok(())
    }

    /// Writes, and tells the reservation that it is about; none where it was refused.
    fn write(&mut self, path: &str, body: &Value, kind: &'static str) -> anyhow::Result<Option<String>> {
        let (asked, answered, answer) = self.timed(|client| client.post(path, body))?;
        if answer.status == 409 && kind == "reserved" {
            self.refused += 1;
            return Ok(None);
        }
        ensure!(matches!(answer.status, 200 | 201), "{path}: {}", answer.json());
        let told = answer.json();
        let id = told.get("id").and_then(Value::as_str).map(str::to_owned);
        let cells = if kind == "moved" { levels(&told, "items")? } else { Vec::new() };
        let (seq, what) = (number(&told, "seq")? as u64, What::Wrote(kind, id.clone(), cells));
        self.history.push(Operation { asked, answered, seq, what });
        Ok(id)
    }
}

/// What was asked after an answer was there comes after it in the log; a read may be of the same record.
fn respects_real_time(history: &mut [Operation]) -> anyhow::Result<()> {
    let mut answers: Vec<(u64, u64)> = history.iter().map(|operation| (operation.answered, operation.seq)).collect();
    answers.sort_unstable();
    history.sort_unstable_by_key(|operation| operation.asked);
    let (mut answers, mut latest) = (answers.into_iter().peekable(), 0);
    for operation in history.iter() {
        while let Some((_, seq)) = answers.next_if(|(answered, _)| *answered < operation.asked) {
            latest = latest.max(seq);
        }
        let follows = match operation.what {
            What::Read(_) => operation.seq >= latest,
            What::Wrote(..) => operation.seq > latest,
        };
        ensure!(follows, "asked when {latest} was answered, and told {}: {:?}", operation.seq, operation.what);
    }
    let mut written: Vec<u64> =
        history.iter().filter(|o| matches!(o.what, What::Wrote(..))).map(|operation| operation.seq).collect();
    written.sort_unstable();
    ensure!(written.windows(2).all(|pair| pair.first() != pair.last()), "two writes were told the same record");
    Ok(())
}

/// The log, as its own quantities lead to it.
#[derive(Default)]
struct Log {
    records: BTreeMap<u64, Value>,
    /// Every level of every cell, by the record since which it holds.
    levels: BTreeMap<Cell, Vec<(u64, Level)>>,
}

impl Log {
    fn read(client: &mut Client) -> anyhow::Result<Self> {
        let mut log = Self::default();
        loop {
            let after = log.records.last_key_value().map_or(0, |(seq, _)| *seq);
            let page = client.get(&format!("/v1/events?after={after}&limit={PAGE}"))?.json();
            let items = page.get("items").and_then(Value::as_array).context("a page of events")?;
            if items.is_empty() {
                return Ok(log);
            }
            for item in items {
                log.add(item.clone())?;
            }
        }
    }

    /// Takes in a record: each of its cells must be what its quantities lead to.
    fn add(&mut self, record: Value) -> anyhow::Result<()> {
        let (seq, kind) = (number(&record, "seq")? as u64, text(&record, "kind")?);
        let mut cells: BTreeMap<Cell, (Level, Level)> = BTreeMap::new();
        for item in record.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice) {
            let cell = (text(item, "sku")?, text(item, "location")?);
            let units = item.get("quantity").and_then(Value::as_i64).unwrap_or(0);
            let change = match kind.as_str() {
                "reserved" => (0, units),
                "cancelled" | "expired" => (0, -units),
                "collected" => (-units, -units),
                "moved" => (units, 0),
                "counted" => (number(item, "delta")?, 0),
                _ => continue,
            };
            let stated = (number(item, "on_hand")?, number(item, "reserved")?);
            let (sum, last) = cells.entry(cell).or_default();
            *sum = (sum.0 + change.0, sum.1 + change.1);
            *last = stated;
        }
        for (cell, (change, stated)) in cells {
            let before = self.levels.get(&cell).and_then(|levels| levels.last()).map_or((0, 0), |(_, level)| *level);
            let after = (before.0 + change.0, before.1 + change.1);
            ensure!(after == stated, "record {seq}: {cell:?} is told to be {stated:?}, and is {after:?}");
            ensure!(0 <= after.1 && after.1 <= after.0, "record {seq}: {} are promised of {}", after.1, after.0);
            self.levels.entry(cell).or_default().push((seq, after));
        }
        let last = self.records.last_key_value().map_or(0, |(seq, _)| *seq);
        ensure!(seq == last + 1, "record {} is missing", last + 1);
        self.records.insert(seq, record);
        Ok(())
    }

    fn at(&self, cell: &Cell, seq: u64) -> Level {
        let levels = self.levels.get(cell).map_or(&[][..], Vec::as_slice);
        let known = levels.partition_point(|(since, _)| *since <= seq);
        known.checked_sub(1).and_then(|at| levels.get(at)).map_or((0, 0), |(_, level)| *level)
    }

    fn bears_out(&self, operation: &Operation) -> anyhow::Result<()> {
        let seq = operation.seq;
        let cells = match &operation.what {
            What::Read(cells) => {
                ensure!(cells.len() as u64 == SKUS * LOCATIONS, "a read at {seq} told {} cells", cells.len());
                cells
            }
            What::Wrote(kind, id, cells) => {
                let record =
                    self.records.get(&seq).with_context(|| format!("{seq} was told, and is not in the log"))?;
                ensure!(text(record, "kind")? == *kind, "{seq} was told to be {kind}, and is {record}");
                if let Some(id) = id {
                    ensure!(text(record, "reservation")? == *id, "{seq} was told of {id}, and is {record}");
                }
                cells
            }
        };
        for (cell, told) in cells {
            let is = self.at(cell, seq);
            ensure!(is == *told, "{cell:?} was told to be {told:?} at {seq}, and is {is:?}");
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn wrote(asked: u64, answered: u64, seq: u64) -> Operation {
        Operation { asked, answered, seq, what: What::Wrote("moved", None, Vec::new()) }
    }

    fn record(seq: u64, quantity: i64, on_hand: i64, reserved: i64) -> Value {
        let item =
            json!({"sku": "H0", "location": "s0", "quantity": quantity, "on_hand": on_hand, "reserved": reserved});
        json!({"seq": seq, "kind": if reserved > 0 { "reserved" } else { "moved" }, "items": [item]})
    }

    #[test]
    fn a_history_against_real_time_is_found() {
        assert!(respects_real_time(&mut [wrote(0, 10, 1), wrote(5, 12, 2), wrote(11, 20, 3)]).is_ok());
        assert!(respects_real_time(&mut [wrote(0, 10, 2), wrote(11, 20, 1)]).is_err());
        assert!(respects_real_time(&mut [wrote(0, 10, 1), wrote(5, 12, 1)]).is_err(), "one record told twice");
    }

    #[test]
    fn a_log_that_does_not_add_up_is_found() {
        let add = |records: &[Value]| {
            let mut log = Log::default();
            records.iter().try_for_each(|record| log.add(record.clone())).map(|()| log)
        };
        let log = add(&[record(1, 5, 5, 0), record(2, 3, 5, 3)]).unwrap();
        assert!(add(&[record(1, 5, 5, 0), record(2, 3, 5, 2)]).is_err(), "a level that is not the sum");
        assert!(add(&[record(1, 2, 2, 0), record(2, 3, 2, 3)]).is_err(), "more promised than is there");
        assert!(add(&[record(1, 5, 5, 0), record(3, 3, 5, 3)]).is_err(), "a record is missing");
        let read = |seq, level| {
            let others =
                [("H0", "s1"), ("H1", "s0"), ("H1", "s1")].map(|(a, b)| ((a.to_owned(), b.to_owned()), (0, 0)));
            let cells = [(cell(0, 0), level)].into_iter().chain(others).collect();
            Operation { asked: 0, answered: 1, seq, what: What::Read(cells) }
        };
        assert!(log.bears_out(&read(1, (5, 0))).is_ok() && log.bears_out(&read(2, (5, 3))).is_ok());
        assert!(log.bears_out(&read(1, (5, 3))).is_err(), "a read from the future");
        assert!(log.bears_out(&wrote(0, 1, 3)).is_err(), "a record that is not there");
    }
}
