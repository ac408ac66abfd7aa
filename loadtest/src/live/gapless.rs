//! Lossless subscribers that disconnect at random and resume, while the server is killed and restarted: each must
//! receive every event of its selection, once, with the values of the log.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::stock;
use crate::client::Client;
use crate::server::Server;
use crate::socket::{Heard, Mirror, PATIENCE, Socket};

const SKUS: u64 = 400;
const LOCATIONS: u64 = 10;

/// Rows of one movements request; each is a change, and all of them are one event.
const ROWS: u64 = 200;

/// The parameters.
#[derive(Debug, Clone, Copy)]
pub struct GaplessPlan {
    /// Changes of cells to make.
    pub changes: u64,
    /// Times to kill the server.
    pub kills: u64,
    /// Subscribers.
    pub subscribers: u64,
    /// The seed of the random choices.
    pub seed: u64,
}

/// The results.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GaplessReport {
    /// Changes made.
    pub changes: u64,
    /// Events sent to subscribers, in total.
    pub told: u64,
    /// Cells in them.
    pub cells: u64,
    /// Times that a subscriber was disconnected or disconnected itself, and resumed.
    pub resumed: u64,
    /// Times that the server was killed.
    pub kills: u64,
}

/// The SKUs of a subscriber, and a digest of everything that it received.
struct Follower {
    selection: Selection,
    mirror: Mirror,
    heard: Digest,
    resumed: u64,
    /// Everything up to here was received.
    told: u64,
    /// The cursor is that of a heartbeat at this `seq`.
    resumes_at: Option<u64>,
}

#[derive(Debug, Clone)]
struct Selection {
    skus: Vec<String>,
    location: Option<String>,
}

/// The number of events and cells, and the sum of a hash of each cell of each event.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Digest {
    events: u64,
    cells: u64,
    sum: u64,
}

impl Digest {
    fn add(&mut self, seq: u64, cells: &BTreeMap<(String, String), [i64; 3]>) {
        if cells.is_empty() {
            return;
        }
        self.events += 1;
        for ((sku, location), [on_hand, reserved, safety]) in cells {
            let text = format!("{seq}/{sku}/{location}/{on_hand}/{reserved}/{safety}");
            let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            self.sum = self.sum.wrapping_add(text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv));
            self.cells += 1;
        }
    }
}

/// The server's address, and whether the test is over.
struct Stage {
    address: Mutex<SocketAddr>,
    changes: AtomicU64,
    /// Subscribers with their snapshot. Nothing is written before all have it.
    whole: AtomicU64,
    over: AtomicBool,
}

impl Stage {
    fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the test, and audits every subscriber against the log.
///
/// # Errors
/// A subscriber missed an event, received it twice, or has other values than the server.
pub fn run(binary: &Path, data: &Path, plan: GaplessPlan) -> anyhow::Result<GaplessReport> {
    let first = Server::start(binary, data, &[])?;
    stock(&mut first.client(), SKUS, LOCATIONS, 1_000_000)?;
    let loaded = seq_of(first.address)?;
    let stage = Stage {
        address: Mutex::new(first.address),
        changes: AtomicU64::new(0),
        whole: AtomicU64::new(0),
        over: AtomicBool::new(false),
    };
    let mut server = Some(first);
    let mut kills = 0;
    let followers = std::thread::scope(|scope| -> anyhow::Result<Vec<Follower>> {
        let followers: Vec<_> = (0..plan.subscribers)
            .map(|nth| {
                let (stage, numbers) = (&stage, Numbers::new(plan.seed + nth));
                scope.spawn(move || follow(stage, numbers, nth))
            })
            .collect();
        // However this ends: all subscribers stop.
        let over = Over(&stage.over);
        let started = Instant::now();
        while stage.whole.load(Ordering::SeqCst) < plan.subscribers {
            ensure!(started.elapsed() < Duration::from_secs(60), "not all subscribers got their snapshot");
            std::thread::sleep(Duration::from_millis(5));
        }
        let writers: Vec<_> = (0..2)
            .map(|nth| {
                let (stage, numbers) = (&stage, Numbers::new(plan.seed + 1000 + nth));
                scope.spawn(move || write(stage, numbers, plan.changes))
            })
            .collect();
        while stage.changes.load(Ordering::Relaxed) < plan.changes && !writers.iter().all(|writer| writer.is_finished())
        {
            std::thread::sleep(Duration::from_millis(5));
            let due = plan.changes * (kills + 1) / (plan.kills + 1);
            if kills < plan.kills && stage.changes.load(Ordering::Relaxed) >= due {
                if let Some(server) = server.take() {
                    server.kill()?;
                }
                let started = Server::start(binary, data, &[])?;
                *stage.address.lock().unwrap_or_else(PoisonError::into_inner) = started.address;
                server = Some(started);
                kills += 1;
            }
        }
        for writer in writers {
            writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
        }
        drop(over);
        followers
            .into_iter()
            .map(|follower| follower.join().map_err(|_| anyhow::anyhow!("a subscriber panicked"))?)
            .collect()
    })?;
    let mut report =
        GaplessReport { changes: stage.changes.load(Ordering::Relaxed), kills, ..GaplessReport::default() };
    audit(stage.address(), loaded, &followers)?;
    for follower in &followers {
        report.told += follower.heard.events;
        report.cells += follower.heard.cells;
        report.resumed += follower.resumed;
    }
    Ok(report)
}

/// Ends the test when this is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn seq_of(address: SocketAddr) -> anyhow::Result<u64> {
    let info = Client::new(address).get("/v1/info")?.json();
    info.get("seq").and_then(Value::as_u64).context("a seq")
}

/// Moves stock and reserves until enough has changed; continues through kills.
fn write(stage: &Stage, mut numbers: Numbers, changes: u64) -> anyhow::Result<()> {
    let mut client = Client::new(stage.address());
    while stage.changes.load(Ordering::Relaxed) < changes && !stage.over.load(Ordering::SeqCst) {
        let sku = |numbers: &mut Numbers| format!("K{}", numbers.below(SKUS));
        let location = |numbers: &mut Numbers| format!("L{}", numbers.below(LOCATIONS));
        let (path, body, count) = if numbers.below(3) == 0 {
            let lines: Vec<Value> = (0..1 + numbers.below(4))
                .map(|_| json!({"sku": sku(&mut numbers), "location": location(&mut numbers), "quantity": 1}))
                .collect();
            let count = lines.len() as u64;
            ("/v1/reservations", json!({"channel": "web", "ttl_seconds": 1 + numbers.below(5), "lines": lines}), count)
        } else {
            let kind = |numbers: &mut Numbers| if numbers.below(2) == 0 { "receipt" } else { "sale" };
            let rows: Vec<Value> = (0..ROWS)
                .map(|_| {
                    let (kind, sku, location) = (kind(&mut numbers), sku(&mut numbers), location(&mut numbers));
                    json!({"kind": kind, "sku": sku, "location": location, "quantity": 1 + numbers.below(3)})
                })
                .collect();
            ("/v1/stock/movements", json!({"movements": rows}), ROWS)
        };
        match client.post(path, &body) {
            Ok(answer) if answer.status < 300 => drop(stage.changes.fetch_add(count, Ordering::Relaxed)),
            Ok(answer) if answer.status == 409 => {}
            Ok(answer) => anyhow::bail!("{}: {}", answer.status, answer.json()),
            // After a kill, the log has the result of the request.
            Err(_) => {
                std::thread::sleep(Duration::from_millis(20));
                client = Client::new(stage.address());
            }
        }
    }
    Ok(())
}

/// Listens, and disconnects itself now and then, until the test is over and everything was received.
fn follow(stage: &Stage, mut numbers: Numbers, nth: u64) -> anyhow::Result<Follower> {
    let skus: Vec<String> = match nth % 3 {
        0 => Vec::new(),
        _ => (0..1 + numbers.below(20)).map(|_| format!("K{}", numbers.below(SKUS))).collect(),
    };
    let location = (nth % 3 != 1).then(|| format!("L{}", numbers.below(LOCATIONS)));
    let mut follower = Follower {
        selection: Selection { skus, location },
        mirror: Mirror::default(),
        heard: Digest::default(),
        resumed: 0,
        told: 0,
        resumes_at: None,
    };
    let started = Instant::now();
    let (mut last, mut over_since) = (None, None);
    loop {
        let left = 1 + numbers.below(4000);
        match listen(stage, &mut follower, left, &mut last) {
            Ok(true) => return Ok(follower),
            Ok(false) => follower.resumed += 1,
            Err(Listening::Cut) => {
                if stage.over.load(Ordering::SeqCst) {
                    let since: &mut Instant = over_since.get_or_insert_with(Instant::now);
                    ensure!(since.elapsed() < PATIENCE, "the test is over, and the server cannot be reached");
                }
                follower.resumed += 1;
                std::thread::sleep(Duration::from_millis(numbers.below(30)));
            }
            Err(Listening::Wrong(error)) => return Err(error),
        }
        ensure!(started.elapsed() < Duration::from_secs(3600), "the test does not end");
    }
}

enum Listening {
    Cut,
    Wrong(anyhow::Error),
}

impl From<anyhow::Error> for Listening {
    fn from(error: anyhow::Error) -> Self {
        Self::Wrong(error)
    }
}

/// One connection: true once everything was received, false if it disconnected itself.
fn listen(stage: &Stage, follower: &mut Follower, mut left: u64, last: &mut Option<u64>) -> Result<bool, Listening> {
    let mut socket = Socket::connect(stage.address()).map_err(|_| Listening::Cut)?;
    let Selection { skus, location } = &follower.selection;
    let locations: Vec<&String> = location.iter().collect();
    if follower.resumes_at.is_some() {
        follower.mirror.seq = follower.resumes_at;
    }
    let cursor = &follower.mirror.cursor;
    let subscribe = json!({"op": "subscribe", "id": "s", "skus": skus, "locations": locations, "mode": "lossless", "cursor": cursor});
    socket.send(&subscribe).map_err(|_| Listening::Cut)?;
    loop {
        if stage.over.load(Ordering::SeqCst) && last.is_none() {
            *last = Some(seq_of(stage.address())?);
        }
        let message = match socket.hear() {
            Ok(Heard::Message(message)) => message,
            Ok(Heard::Closed(4008, _) | Heard::Broken) => return Err(Listening::Cut),
            Ok(other) => return Err(Listening::Wrong(anyhow::anyhow!("{other:?}"))),
            Err(error) => return Err(Listening::Wrong(error)),
        };
        match message.get("type").and_then(Value::as_str) {
            Some("heartbeat") => {
                let told = message.get("seq").and_then(Value::as_u64).unwrap_or_default();
                // A heartbeat's cursor is as good as a delta's, and the next resume may use it.
                if let Some(cursor) = message.pointer("/cursors/s").and_then(Value::as_str) {
                    follower.mirror.cursor = Some(cursor.to_owned());
                    follower.resumes_at = Some(told);
                }
                if last.is_some_and(|last| told >= last) {
                    follower.told = told;
                    return Ok(true);
                }
            }
            kind => {
                ensure_wrong(kind != Some("reset"), || format!("it had to start over: {message}"))?;
                let was_whole = follower.mirror.whole;
                follower.mirror.hear(&message)?;
                if follower.mirror.whole && !was_whole {
                    stage.whole.fetch_add(1, Ordering::SeqCst);
                }
                follower.resumes_at = None;
                if kind == Some("delta") {
                    let seq = message.get("seq").and_then(Value::as_u64).context("seq")?;
                    follower.heard.add(seq, &cells_in(&message, &follower.selection));
                }
                left -= 1;
                if left == 0 && last.is_none() {
                    return Ok(false);
                }
                left = left.max(1);
            }
        }
    }
}

fn ensure_wrong(holds: bool, what: impl FnOnce() -> String) -> Result<(), Listening> {
    if holds { Ok(()) } else { Err(Listening::Wrong(anyhow::anyhow!(what()))) }
}

/// The last value of each selected cell, at any depth of `value`.
fn cells_in(value: &Value, selection: &Selection) -> BTreeMap<(String, String), [i64; 3]> {
    fn walk(value: &Value, selection: &Selection, found: &mut BTreeMap<(String, String), [i64; 3]>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(item, selection, found)),
            Value::Object(members) => {
                let text = |name: &str| members.get(name).and_then(Value::as_str);
                let number = |name: &str| members.get(name).and_then(Value::as_i64);
                if let (Some(sku), Some(location), Some(on_hand), Some(reserved), Some(safety)) =
                    (text("sku"), text("location"), number("on_hand"), number("reserved"), number("safety_stock"))
                {
                    let has_sku = selection.skus.is_empty() || selection.skus.iter().any(|other| other == sku);
                    if has_sku && selection.location.as_deref().is_none_or(|other| other == location) {
                        found.insert((sku.to_owned(), location.to_owned()), [on_hand, reserved, safety]);
                    }
                }
                members.values().for_each(|member| walk(member, selection, found));
            }
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    walk(value, selection, &mut found);
    found
}

/// Reads the whole log, and compares every subscriber with it, up to its position.
fn audit(address: SocketAddr, loaded: u64, followers: &[Follower]) -> anyhow::Result<()> {
    let mut expected = vec![(Digest::default(), BTreeMap::new()); followers.len()];
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET /v1/events?after={loaded} HTTP/1.0\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n"
    )?;
    let everything = Selection { skus: Vec::new(), location: None };
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if !line.starts_with('{') {
            continue;
        }
        let record: Value = serde_json::from_str(&line)?;
        let kind = record.get("kind").and_then(Value::as_str).unwrap_or_default();
        // These events name a cell and do not change it.
        if kind.starts_with("shortage") {
            continue;
        }
        let seq = record.get("seq").and_then(Value::as_u64).context("seq")?;
        let changed = cells_in(&record, &everything);
        for (follower, (digest, cells)) in followers.iter().zip(&mut expected).filter(|(f, _)| seq <= f.told) {
            let Selection { skus, location } = &follower.selection;
            let selected = |(sku, at): &(String, String)| {
                (skus.is_empty() || skus.contains(sku)) && location.as_ref().is_none_or(|location| location == at)
            };
            let changed: BTreeMap<_, _> =
                changed.iter().filter(|(key, _)| selected(key)).map(|(key, cell)| (key.clone(), *cell)).collect();
            digest.add(seq, &changed);
            cells.extend(changed);
        }
    }
    for (nth, (follower, (digest, cells))) in followers.iter().zip(&expected).enumerate() {
        ensure!(follower.heard == *digest, "subscriber {nth} heard {:?}, the log has {digest:?}", follower.heard);
        for (key, truth) in cells {
            let known = follower.mirror.cells.get(key).map(|cell| [cell.0, cell.1, cell.2]);
            ensure!(known == Some(*truth), "subscriber {nth} knows {known:?} of {key:?}, the log {truth:?}");
        }
    }
    Ok(())
}
