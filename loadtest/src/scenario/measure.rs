//! Requests, their latencies and their results: in total, and by second.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Quantiles that are reported.
const QUANTILES: [f64; 14] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999, 1.0];

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A product page.
    Availability,
    /// A cart with a line.
    Cart,
    /// An order from a cart.
    Order,
    /// A hold.
    Reserve,
    /// A payment.
    Confirm,
    /// A hand-over.
    Collect,
    /// A cancelled hold.
    Cancel,
    /// A movement of stock.
    Movement,
    /// A basket sold at a till, with its receipt.
    Sale,
    /// A line of a basket that comes back, with its credit note.
    Return,
    /// A subscriber that reconnects.
    Resume,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Availability => "availability",
            Self::Cart => "cart",
            Self::Order => "order",
            Self::Reserve => "reserve",
            Self::Confirm => "confirm",
            Self::Collect => "collect",
            Self::Cancel => "cancel",
            Self::Movement => "movement",
            Self::Sale => "sale",
            Self::Return => "return",
            Self::Resume => "resume",
        })
    }
}

impl KindRow {
    /// The columns of a table: done, refused, shed, a second, median, 90th, 99th, 99.9th, slowest.
    pub(super) fn figures(&self) -> [String; 9] {
        let ms = |value: f64| format!("{value:.2}");
        [
            self.done.to_string(),
            self.refused.to_string(),
            self.shed.to_string(),
            format!("{:.0}", self.a_second),
            ms(self.p50),
            ms(self.p90),
            ms(self.p99),
            ms(self.p999),
            ms(self.max),
        ]
    }
}

/// The result of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// Stock was short.
    Refused,
    /// The server was overloaded, and said so.
    Shed,
}

#[derive(Debug)]
struct OfKind {
    latencies: Histogram<u64>,
    done: u64,
    refused: u64,
    shed: u64,
}

#[derive(Debug)]
struct OfSecond {
    latencies: Histogram<u64>,
    shed: u64,
}

#[derive(Debug, Default)]
struct Measured {
    kinds: BTreeMap<Kind, OfKind>,
    seconds: BTreeMap<u64, OfSecond>,
    resident: BTreeMap<u64, u64>,
}

/// The results of all connections.
#[derive(Debug)]
pub(super) struct Recorder {
    began: Instant,
    measured: Mutex<Measured>,
}

/// One kind of request, over all. Latencies in milliseconds, counted from when the request was due.
#[derive(Debug, Clone, Serialize)]
pub struct KindRow {
    /// The kind.
    pub kind: Kind,
    /// Successful requests.
    pub done: u64,
    /// Refused requests.
    pub refused: u64,
    /// Shed requests.
    pub shed: u64,
    /// Requests done a second.
    pub a_second: f64,
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
    /// Quantile, and its latency.
    pub quantiles: Vec<(f64, f64)>,
}

/// One second. Latencies in milliseconds, over requests of all kinds.
#[derive(Debug, Clone, Serialize)]
pub struct SecondRow {
    /// Which second, from the first request on.
    pub second: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests shed because the server was overloaded.
    pub shed: u64,
    /// The median, milliseconds.
    pub p50: f64,
    /// The 99th percentile, milliseconds.
    pub p99: f64,
    /// The slowest, milliseconds.
    pub max: f64,
    /// Resident bytes of the server, if it belongs to this command.
    pub resident: Option<u64>,
}

/// Histograms that start small and grow.
fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new(digits).unwrap_or_else(|_| unreachable!("one to five digits are taken"))
}

fn ms(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1000.0
}

impl Recorder {
    pub fn new() -> Self {
        Self { began: Instant::now(), measured: Mutex::default() }
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A request that was due at `due` was answered now.
    pub fn answered(&self, kind: Kind, due: Instant, outcome: Outcome) {
        let micros = due.elapsed().as_micros() as u64;
        let second = self.elapsed().as_secs();
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let of_second = measured.seconds.entry(second).or_insert_with(|| OfSecond { latencies: histogram(2), shed: 0 });
        // A histogram that grows by itself takes every value.
        let _ = of_second.latencies.record(micros);
        of_second.shed += u64::from(outcome == Outcome::Shed);
        let of_kind = measured.kinds.entry(kind).or_insert_with(|| OfKind {
            latencies: histogram(3),
            done: 0,
            refused: 0,
            shed: 0,
        });
        let _ = of_kind.latencies.record(micros);
        match outcome {
            Outcome::Done => of_kind.done += 1,
            Outcome::Refused => of_kind.refused += 1,
            Outcome::Shed => of_kind.shed += 1,
        }
    }

    /// The server's resident memory now.
    pub fn resident(&self, bytes: u64) {
        let second = self.elapsed().as_secs();
        self.measured.lock().unwrap_or_else(PoisonError::into_inner).resident.insert(second, bytes);
    }

    /// Answers so far, and the latest whole second.
    pub fn latest(&self) -> (u64, Option<SecondRow>) {
        let now = self.elapsed().as_secs();
        let measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = measured.kinds.values().map(|of| of.latencies.len()).sum();
        let latest = measured.seconds.range(..now).next_back();
        (answers, latest.map(|(second, of)| row(*second, of, None)))
    }

    pub fn kinds(&self, length: Duration) -> Vec<KindRow> {
        let measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |(kind, of): (&Kind, &OfKind)| KindRow {
            kind: *kind,
            done: of.done,
            refused: of.refused,
            shed: of.shed,
            a_second: (of.done + of.refused) as f64 / length.as_secs_f64(),
            p50: ms(&of.latencies, 0.5),
            p90: ms(&of.latencies, 0.9),
            p99: ms(&of.latencies, 0.99),
            p999: ms(&of.latencies, 0.999),
            max: of.latencies.max() as f64 / 1000.0,
            quantiles: QUANTILES.iter().map(|quantile| (*quantile, ms(&of.latencies, *quantile))).collect(),
        };
        measured.kinds.iter().map(row).collect()
    }

    pub fn seconds(&self) -> Vec<SecondRow> {
        let measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(second, of): (&u64, &OfSecond)| row(*second, of, measured.resident.get(second).copied());
        measured.seconds.iter().map(of).collect()
    }
}

fn row(second: u64, of: &OfSecond, resident: Option<u64>) -> SecondRow {
    SecondRow {
        second,
        answered: of.latencies.len() - of.shed,
        shed: of.shed,
        p50: ms(&of.latencies, 0.5),
        p99: ms(&of.latencies, 0.99),
        max: of.latencies.max() as f64 / 1000.0,
        resident,
    }
}
