//! The honest shop: a fixed rate of writes, due by the clock whatever the server does, each with an idempotency key, on
//! cells of its own; and a read for every five of them. A latency counts from when its request was due. All answers go
//! to the audit.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use anyhow::Context;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::network::{SHOP_SKUS, SHOP_STORES, shop_cell};
use crate::audit::{Cell, Level, Witness};
use crate::http::Connection;

/// Connections of the shop.
const CONNECTIONS: usize = 32;

/// How long the shop waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long due requests may still be sent after the end.
const GRACE: Duration = Duration::from_secs(20);

/// The maximum number of open reservations of one connection.
const OPEN_MAX: usize = 8;

/// One of this many visits is a read.
const VISITS_A_READ: u64 = 6;

/// One of this many writes is repeated with its key.
const WRITES_A_REPEAT: u64 = 50;

/// Refusals whose text is recorded.
const SAMPLES: usize = 8;

/// Requests of one kind. Milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Latency {
    /// Answered requests.
    pub answered: u64,
    /// The median, milliseconds.
    pub p50: f64,
    /// The 90th percentile, milliseconds.
    pub p90: f64,
    /// The 99th percentile, milliseconds.
    pub p99: f64,
    /// The 99.9th percentile, milliseconds.
    pub p999: f64,
    /// The slowest, milliseconds.
    pub max: f64,
}

/// The results of one part of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Part {
    /// Its duration, in seconds.
    pub seconds: f64,
    /// Of writes.
    pub writes: Latency,
    /// Of reads.
    pub reads: Latency,
    /// Writes that were refused, cut off, not answered in half a minute, or due and never sent.
    pub refused: u64,
    /// The same for reads.
    pub reads_refused: u64,
    /// Repeated writes that got the first answer.
    pub repeated: u64,
    /// By status, or another result.
    pub outcomes: BTreeMap<String, u64>,
    /// Some refusals, with their texts.
    pub samples: Vec<String>,
}

struct Measured {
    writes: Histogram<u64>,
    reads: Histogram<u64>,
    part: Part,
}

/// The parameters of a part.
pub(super) struct Shop<'a> {
    pub address: SocketAddr,
    pub key: &'a str,
    /// Writes a second.
    pub rate: f64,
    pub seed: u64,
    /// Distinguishes the keys of this part from those of others.
    pub tag: &'static str,
    pub witness: Witness,
}

/// Runs for `length`.
///
/// # Errors
/// A wrong answer: of a record that another answer has, against real time, or different from the first one.
pub(super) fn serve(shop: &Shop<'_>, length: Duration) -> anyhow::Result<Part> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(visits(shop, length))
}

async fn visits(shop: &Shop<'_>, length: Duration) -> anyhow::Result<Part> {
    // One of this many visits is a read.
    let rate = shop.rate * VISITS_A_READ as f64 / (VISITS_A_READ - 1) as f64;
    let count = (length.as_secs_f64() * rate) as u64;
    let (released, taken) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
    let histogram = || Histogram::<u64>::new(3);
    let measured = Arc::new(Mutex::new(Measured { writes: histogram()?, reads: histogram()?, part: Part::default() }));
    let began = Instant::now();
    let when = move |nth: u64| began + Duration::from_secs_f64(nth as f64 / rate);
    let mut clerks = JoinSet::new();
    for n in 0..CONNECTIONS {
        let mut clerk = Clerk {
            address: shop.address,
            headers: format!("Authorization: Bearer {}\r\n", shop.key),
            connection: None,
            numbers: Numbers::new(shop.seed.wrapping_add(n as u64)),
            witness: shop.witness.clone(),
            measured: Arc::clone(&measured),
            open: VecDeque::new(),
            tag: format!("{}-{n}", shop.tag),
            count: 0,
        };
        let (released, taken) = (Arc::clone(&released), Arc::clone(&taken));
        clerks.spawn(async move {
            loop {
                released.acquire().await?.forget();
                let nth = taken.fetch_add(1, Ordering::Relaxed);
                if nth >= count {
                    return anyhow::Ok(());
                }
                let is_read = nth % VISITS_A_READ == VISITS_A_READ - 1;
                if Instant::now() > began + length + GRACE {
                    clerk.lost(is_read, "never sent", None);
                    continue;
                }
                clerk.visit(is_read, when(nth)).await?;
            }
        });
    }
    let pacer = std::thread::spawn({
        let released = Arc::clone(&released);
        move || {
            for nth in 0..count {
                std::thread::sleep(when(nth).saturating_duration_since(Instant::now()));
                if released.is_closed() {
                    return;
                }
                released.add_permits(1);
            }
            released.add_permits(CONNECTIONS);
        }
    });
    let mut all = Ok(());
    while let Some(done) = clerks.join_next().await {
        if let Err(error) = done? {
            all = Err(error);
            released.close();
            clerks.abort_all();
        }
    }
    pacer.join().ok().context("the pacer panicked")?;
    all?;
    let measured = measured.lock().unwrap_or_else(PoisonError::into_inner);
    let latency = |of: &Histogram<u64>| {
        let ms = |quantile| of.value_at_quantile(quantile) as f64 / 1000.0;
        let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(ms);
        Latency { answered: of.len(), p50, p90, p99, p999, max: of.max() as f64 / 1000.0 }
    };
    let (writes, reads) = (latency(&measured.writes), latency(&measured.reads));
    Ok(Part { seconds: length.as_secs_f64(), writes, reads, ..measured.part.clone() })
}

/// The needed parts of an answer.
#[derive(Deserialize)]
struct HonestAnswer {
    #[serde(default)]
    id: String,
    seq: u64,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    sku: String,
    location: String,
    on_hand: i64,
    reserved: i64,
}

impl HonestAnswer {
    fn cells(self) -> Vec<(Cell, Level)> {
        self.items.into_iter().map(|item| ((item.sku, item.location), (item.on_hand, item.reserved))).collect()
    }
}

/// One connection of the shop.
struct Clerk {
    address: SocketAddr,
    headers: String,
    connection: Option<Connection>,
    numbers: Numbers,
    witness: Witness,
    measured: Arc<Mutex<Measured>>,
    /// Own reservations, oldest first, and whether each is confirmed.
    open: VecDeque<(String, bool)>,
    tag: String,
    count: u64,
}

impl Clerk {
    async fn visit(&mut self, is_read: bool, due: Instant) -> anyhow::Result<()> {
        if is_read {
            return self.read(due).await;
        }
        let (sku, store) = shop_cell(self.numbers.below(SHOP_SKUS * SHOP_STORES));
        let is_step = !self.open.is_empty() && (self.open.len() >= OPEN_MAX || self.numbers.below(100) < 55);
        if is_step && let Some((id, is_confirmed)) = self.open.pop_front() {
            let (step, kind) = match (is_confirmed, self.numbers.below(10)) {
                (false, 3..) => ("confirm", "confirmed"),
                (true, 2..) => ("collect", "collected"),
                _ => ("cancel", "cancelled"),
            };
            let done = self.write(&format!("/v1/reservations/{id}/{step}"), "{}", kind, due).await?;
            if done.is_some() && step == "confirm" {
                self.open.push_back((id, true));
            }
            return Ok(());
        }
        if self.numbers.below(4) == 0 {
            let row = format!(r#"{{"kind":"sale","sku":"{sku}","location":"{store}","quantity":1}}"#);
            let body = format!(r#"{{"movements":[{row}]}}"#);
            return self.write("/v1/stock/movements", &body, "moved", due).await.map(drop);
        }
        let line = format!(r#"{{"sku":"{sku}","location":"{store}","quantity":1}}"#);
        let body = format!(r#"{{"channel":"web","customer":"c-{}","lines":[{line}]}}"#, self.numbers.below(100_000));
        let made = self.write("/v1/reservations", &body, "reserved", due).await?;
        self.open.extend(made.map(|id| (id, false)));
        Ok(())
    }

    async fn read(&mut self, due: Instant) -> anyhow::Result<()> {
        let (sku, _) = shop_cell(self.numbers.below(SHOP_SKUS * SHOP_STORES));
        let asked = self.witness.ask();
        let path = format!("/v1/availability?sku={sku}&channel=web");
        let Some(told) = self.ask(true, "GET", &path, "", "", due).await? else { return Ok(()) };
        self.witness.read(asked, told.seq, told.cells())
    }

    /// Writes, and reports the answer to the audit; returns the id, or `None` if it failed.
    async fn write(
        &mut self,
        path: &str,
        body: &str,
        kind: &'static str,
        due: Instant,
    ) -> anyhow::Result<Option<String>> {
        self.count += 1;
        let key = format!("Idempotency-Key: {}-{}\r\n", self.tag, self.count);
        let asked = self.witness.ask();
        let Some(told) = self.ask(false, "POST", path, &key, body, due).await? else { return Ok(None) };
        let (seq, id) = (told.seq, told.id.clone());
        let about = Some(id.clone()).filter(|id| !id.is_empty());
        self.witness.wrote(asked, seq, kind, about, told.cells())?;
        if self.numbers.below(WRITES_A_REPEAT) == 0
            && let Some(again) = self.exchange("POST", path, &key, body).await.ok().filter(|(status, _)| *status < 300)
        {
            let again: HonestAnswer = serde_json::from_slice(&again.1)?;
            anyhow::ensure!(
                (again.seq, &again.id) == (seq, &id),
                "{path}: {seq} first, {} under the same key",
                again.seq
            );
            self.measured.lock().unwrap_or_else(PoisonError::into_inner).part.repeated += 1;
        }
        Ok(Some(id))
    }

    async fn ask(
        &mut self,
        is_read: bool,
        method: &str,
        path: &str,
        key: &str,
        body: &str,
        due: Instant,
    ) -> anyhow::Result<Option<HonestAnswer>> {
        let answer = self.exchange(method, path, key, body).await;
        let micros = due.elapsed().as_micros() as u64;
        match answer {
            Ok((status, body)) if status < 300 => {
                let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
                // A histogram that grows by itself takes every value.
                let _ = if is_read { measured.reads.record(micros) } else { measured.writes.record(micros) };
                *measured.part.outcomes.entry(status.to_string()).or_default() += 1;
                drop(measured);
                Ok(Some(serde_json::from_slice(&body).with_context(|| String::from_utf8_lossy(&body).into_owned())?))
            }
            Ok((status, body)) => {
                self.lost(is_read, &status.to_string(), Some(format!("{path}: {}", String::from_utf8_lossy(&body))));
                Ok(None)
            }
            Err(error) => {
                self.connection = None;
                let is_late = error.downcast_ref::<tokio::time::error::Elapsed>().is_some();
                let outcome = if is_late { "unanswered" } else { "cut off" };
                self.lost(is_read, outcome, Some(format!("{path}: {error:#}")));
                Ok(None)
            }
        }
    }

    async fn exchange(&mut self, method: &str, path: &str, key: &str, body: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let headers = format!("{}{key}", self.headers);
        let exchange = async {
            if self.connection.is_none() {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                self.connection = Some(Connection::of(stream));
            }
            let connection = self.connection.as_mut().context("connected above")?;
            let (status, body) = connection.ask_with(method, path, &headers, body).await?;
            anyhow::Ok((status, body.to_vec()))
        };
        tokio::time::timeout(PATIENCE, exchange).await?
    }

    /// The request failed.
    fn lost(&self, is_read: bool, outcome: &str, sample: Option<String>) {
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let part = &mut measured.part;
        *(if is_read { &mut part.reads_refused } else { &mut part.refused }) += 1;
        *part.outcomes.entry(outcome.to_owned()).or_default() += 1;
        if part.samples.len() < SAMPLES {
            part.samples.extend(sample);
        }
    }
}
