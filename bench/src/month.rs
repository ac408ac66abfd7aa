//! A month of a retailer that sells 1,000 orders a second, in minutes: what does age cost?
//!
//! Time is an argument. A day is a day for every retention (keys for a day, closed reservations and the log for a week),
//! and has 86,400,000 orders divided by the *scale*; the bytes after which a checkpoint is taken are divided by it, too (64 KiB
//! at least). Bounds in bytes on keys and on closed reservations are not, so that retention alone decides what is kept. So what is kept at the scale,
//! times the scale, is what would be kept, and what must stay flat over the month stays flat or does not at any scale.
//!
//! An order is four writes, each with its own key: reserved, confirmed, made ready, collected. Of twenty orders, one is
//! cancelled, and one is never paid for and expires. Every third order is of the customer `guest`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anaquel_engine::admission::ReserveRequest;
use anaquel_engine::command::{Command, Completion, Outcome, StepRequest};
use anaquel_engine::event::{Cause, IdempotencyKey};
use anaquel_engine::idempotency::{Begin, Wake};
use anaquel_engine::ids::{ReservationId, Timestamp};
use anaquel_engine::journal::LogOptions;
use anaquel_engine::recovery::{Options, StartReport};
use anaquel_engine::settings::Settings;
use anaquel_engine::{Clock, Engine};
use anyhow::{Context, ensure};

use crate::{Numbers, request, resident_bytes, stock};

/// Orders of a day at 1,000 a second.
const ORDERS_A_DAY: u64 = 86_400_000;
const DAY_MS: u64 = 86_400_000;
const SKUS: u32 = 100;
const LOCATIONS: u32 = 10;

/// The parameters.
#[derive(Debug, Clone, Copy)]
pub struct Month {
    /// The divisor of the rate and of limits in bytes.
    pub scale: u64,
    /// How many days.
    pub days: u32,
    /// The number of pieces of a day's orders; time advances between them.
    pub pieces: u32,
}

impl Default for Month {
    fn default() -> Self {
        Self { scale: 10_000, days: 30, pieces: 24 }
    }
}

/// The results of one day, read at its end, when the server is stopped and started again.
#[derive(Debug, Clone, Copy)]
pub struct Day {
    /// Its writes.
    pub writes: u64,
    /// Resident memory of the process.
    pub resident_bytes: u64,
    /// The part of it that is not a file: heap and stacks.
    pub heap_bytes: u64,
    /// The size of the data directory.
    pub disk_bytes: u64,
    /// CPU time of both cores per write, checkpoints included.
    pub cpu_micros_a_write: f64,
    /// The duration of the next start.
    pub start_millis: f64,
    /// Bytes of log that this start read.
    pub start_log_bytes: u64,
    /// Records from the oldest to the newest in the log.
    pub log_records: u64,
    /// Readable reservations, open and closed.
    pub reservations: usize,
    /// Idempotency keys kept.
    pub keys: usize,
}

/// A clock that stands still until it is set.
pub(crate) struct ByHand(pub(crate) AtomicU64);

impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl Month {
    fn options(self) -> Options {
        let defaults = Settings::default();
        Options {
            settings: Settings {
                in_flight_max: 1 << 20,
                checkpoint_bytes: (defaults.checkpoint_bytes / self.scale).max(64 << 10),
                ..defaults
            },
            log: LogOptions { reserve_bytes: 0, ..LogOptions::default() },
            entropy: 7,
            trust_clock: true,
            role: None,
        }
    }

    /// Runs the month in `directory`, and reports each day at its end.
    ///
    /// # Errors
    /// The engine's.
    pub fn run(self, directory: &Path, mut told: impl FnMut(u32, &Day)) -> anyhow::Result<Vec<Day>> {
        let clock = Arc::new(ByHand(AtomicU64::new(1_800_000_000_000)));
        let open = || -> anyhow::Result<(Engine, StartReport)> {
            Ok(Engine::open(directory, self.options(), Arc::clone(&clock) as Arc<dyn Clock>, None)?)
        };
        let (mut engine, _) = open()?;
        stock(&engine, SKUS, LOCATIONS, 1_000_000_000);
        let mut numbers = Numbers(0x5EED);
        let mut keys = 0;
        let mut days = Vec::new();
        for day in 1..=self.days {
            let (before, cpu) = (engine.state().view.seq(), cpu_micros());
            let orders = (ORDERS_A_DAY / self.scale).max(u64::from(self.pieces));
            for piece in 0..u64::from(self.pieces) {
                let first = orders * piece / u64::from(self.pieces);
                let last = orders * (piece + 1) / u64::from(self.pieces);
                sell(&engine, &mut numbers, last - first, &mut keys)?;
                clock.0.fetch_add(DAY_MS / u64::from(self.pieces), Ordering::SeqCst);
                engine.wake();
            }
            let writes = engine.state().view.seq() - before;
            engine.close().map_err(|error| anyhow::anyhow!(error))?;
            let cpu_micros_a_write = (cpu_micros() - cpu) as f64 / writes as f64;
            drop(engine);
            let started = Instant::now();
            let report;
            (engine, report) = open()?;
            let start_millis = started.elapsed().as_secs_f64() * 1000.0;
            // A trim waits for the check, as in a server that runs for a day.
            while !engine.old_log().is_over {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            ensure!(engine.old_log().damage.is_none(), "the old log is whole");
            let state = engine.state();
            let done = Day {
                writes,
                resident_bytes: resident_bytes(),
                heap_bytes: anonymous_bytes(),
                disk_bytes: bytes_in(directory)?,
                cpu_micros_a_write,
                start_millis,
                start_log_bytes: report.log.bytes,
                log_records: state.view.seq() + 1 - engine.oldest(),
                reservations: state.reservations.len(),
                keys: state.idempotency.len(),
            };
            told(day, &done);
            days.push(done);
        }
        engine.close().map_err(|error| anyhow::anyhow!(error))?;
        Ok(days)
    }
}

/// Some orders from the cart to the counter.
fn sell(engine: &Engine, numbers: &mut Numbers, orders: u64, keys: &mut u128) -> anyhow::Result<()> {
    // As many at a time as a busy server has in flight.
    for first in (0..orders).step_by(4096) {
        let these = (orders - first).min(4096);
        let carts: Vec<ReserveRequest> = (0..these)
            .map(|n| {
                let mut cart = request(numbers.pick(SKUS), numbers.pick(LOCATIONS));
                let customer = if n % 3 == 0 { "guest".to_owned() } else { format!("c-{}", numbers.pick(1 << 30)) };
                cart.customer = Some(customer.as_str().into());
                cart
            })
            .collect();
        let held = all(engine, keys, carts, |engine, cart, cause, done| engine.reserve(cart, cause, done))?;
        let paid: Vec<_> = (1..).zip(&held).filter(|(n, _)| n % 20 != 0).map(|(_, id)| *id).collect();
        let step = |engine: &Engine, (id, request), cause, done: Completion| {
            engine.submit(Command::step(id, request), cause, done);
        };
        let confirm = |id: &ReservationId| (*id, StepRequest::Confirm { pickup_by: None, order: None });
        all(engine, keys, paid.iter().map(confirm).collect(), step)?;
        let cancelled = |n: usize| n.is_multiple_of(19);
        let cancel = |id: &ReservationId| (*id, StepRequest::Cancel { lines: None, reason: None });
        let given_back = paid.iter().enumerate().filter(|(n, _)| cancelled(*n)).map(|(_, id)| cancel(id));
        all(engine, keys, given_back.collect(), step)?;
        let wanted: Vec<_> = paid.iter().enumerate().filter(|(n, _)| !cancelled(*n)).map(|(_, id)| *id).collect();
        let entropy = numbers.draw();
        let ready = |id: &ReservationId| (*id, StepRequest::Ready { entropy: entropy ^ id.0.rotate_left(40) });
        all(engine, keys, wanted.iter().map(ready).collect(), step)?;
        let collect = |id: &ReservationId| (*id, StepRequest::Collect { lines: None, pickup_code: None });
        all(engine, keys, wanted.iter().map(collect).collect(), step)?;
    }
    Ok(())
}

/// Submits all of them, each with its own key, and waits for their answers.
fn all<T>(
    engine: &Engine,
    keys: &mut u128,
    requests: Vec<T>,
    submit: impl Fn(&Engine, T, Option<Box<Cause>>, Completion),
) -> anyhow::Result<Vec<ReservationId>> {
    let (tx, rx) = crossbeam::channel::unbounded();
    for request in requests {
        *keys += 1;
        // Spread like real scope digests.
        let scope = keys.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let key = IdempotencyKey { key: format!("order-{keys}"), scope, fingerprint: 7 };
        let begun = engine.begin(&key, 0, || -> Wake { Box::new(|| ()) });
        ensure!(matches!(begun, Begin::First), "a new key is not the first: {begun:?}");
        let cause = Some(Box::new(Cause { idempotency: Some(key), ..Cause::default() }));
        let tx = tx.clone();
        submit(engine, request, cause, Box::new(move |outcome| drop(tx.send(outcome))));
    }
    drop(tx);
    let mut ids = Vec::new();
    for outcome in rx {
        match outcome? {
            Outcome::Reservation(reservation) => ids.push(reservation.id),
            other => anyhow::bail!("a reservation was expected, not {other:?}"),
        }
    }
    Ok(ids)
}

/// CPU time of all threads of this process, in microseconds.
pub(crate) fn cpu_micros() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    // A tick is a hundredth of a second on every Linux.
    ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10_000
}

/// Resident memory that is no file.
pub(crate) fn anonymous_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The size of everything below a folder.
pub(crate) fn bytes_in(directory: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { bytes_in(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// Runs it in a temporary directory and prints a line a day.
///
/// # Errors
/// The engine's.
pub fn print(month: Month) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let orders = ORDERS_A_DAY / month.scale;
    println!("{} days of {orders} orders, 1,000 a second divided by {}; sled, sync = always", month.days, month.scale);
    println!(
        "{:>4} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>11} {:>11} {:>9} {:>9}",
        "day",
        "writes",
        "RSS MB",
        "heap MB",
        "disk MB",
        "us/write",
        "start ms",
        "start log B",
        "log records",
        "kept",
        "keys"
    );
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let started = Instant::now();
    month.run(directory.path(), |number, day| {
        println!(
            "{number:>4} {:>9} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>11} {:>11} {:>9} {:>9}",
            day.writes,
            mb(day.resident_bytes),
            mb(day.heap_bytes),
            mb(day.disk_bytes),
            day.cpu_micros_a_write,
            day.start_millis,
            day.start_log_bytes,
            day.log_records,
            day.reservations,
            day.keys
        );
    })?;
    println!("in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
