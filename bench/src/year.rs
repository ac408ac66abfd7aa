//! A year of a retailer that sells 10,000 times a day: what do orders cost in memory and on the disk, and what stays flat?
//!
//! Time is an argument. A sale has three lines, a payment and a receipt, and is of one of as many customers as a day has
//! sales; the next night an authority accepts its receipt. Orders leave memory for the archive after `memory_days`. At the end of each month the engine takes a
//! checkpoint, and at the end of the year it is opened again from it.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anaquel_engine::command::{Command, Outcome};
use anaquel_engine::journal::{LogOptions, StoreKind};
use anaquel_engine::orders::Filter;
use anaquel_engine::recovery::{Options, StartReport};
use anaquel_engine::settings::{OrderSettings, Settings};
use anaquel_engine::{Clock, Engine};
use anyhow::{Context, ensure};

use crate::month::{ByHand, anonymous_bytes, bytes_in, cpu_micros};
use crate::{Numbers, selling};

const DAY_MS: u64 = 86_400_000;
const DAY_SECONDS: u64 = 86_400;
/// Days between two lines of the table.
const DAYS_A_LINE: u32 = 30;
/// As many at a time as a busy server has in flight.
const AT_ONCE: u64 = 4096;

/// The parameters.
#[derive(Debug, Clone, Copy)]
pub struct Year {
    /// Sales of a day.
    pub sales: u64,
    /// How many days.
    pub days: u32,
    /// Days after which a closed order leaves memory.
    pub memory_days: u64,
}

impl Default for Year {
    fn default() -> Self {
        let memory_days = OrderSettings::default().memory_seconds / DAY_SECONDS;
        Self { sales: 10_000, days: 365, memory_days }
    }
}

/// The end of a month.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Orders in memory.
    pub in_memory: usize,
    /// Resident memory of the process that is no file.
    pub heap_bytes: u64,
    /// The newest checkpoint.
    pub checkpoint_bytes: u64,
    /// Files of the archive.
    pub archive_bytes: u64,
    /// The index of the archive.
    pub index_bytes: u64,
    /// The log.
    pub log_bytes: u64,
    /// CPU time of both cores for each sale since the line before, with checkpoints and the archive.
    pub cpu_micros_a_sale: f64,
}

impl Year {
    fn options(self) -> Options {
        let orders = OrderSettings {
            archives_by_itself: false,
            memory_seconds: self.memory_days * DAY_SECONDS,
            ..OrderSettings::default()
        };
        let settings =
            Settings { in_flight_max: 1 << 20, orders, clock_jump_seconds_max: u64::MAX, ..Settings::default() };
        let log = LogOptions { reserve_bytes: 0, store: StoreKind::File, ..LogOptions::default() };
        Options { settings, log, entropy: 7, trust_clock: true, role: None }
    }

    /// Runs the year in `directory`; tells each month at its end, and the start after the last day.
    ///
    /// # Errors
    /// The engine's.
    pub fn run(self, directory: &Path, mut told: impl FnMut(u32, &Line)) -> anyhow::Result<f64> {
        let clock = Arc::new(ByHand(AtomicU64::new(1_800_000_000_000)));
        let open = || -> anyhow::Result<(Engine, StartReport)> {
            Ok(Engine::open(directory, self.options(), Arc::clone(&clock) as Arc<dyn Clock>, None)?)
        };
        let (engine, _) = open()?;
        selling::open(&engine);
        let (mut numbers, mut sold, mut cpu, mut since) = (Numbers(0x5EED), 0, cpu_micros(), 0);
        for day in 1..=self.days {
            self.sell(&engine, &mut numbers, sold)?;
            Self::answer(&engine, sold + 1..=sold + self.sales)?;
            sold += self.sales;
            clock.0.fetch_add(DAY_MS, Ordering::SeqCst);
            engine.wake();
            engine.archive_now().map_err(|error| anyhow::anyhow!(error))?;
            if day % DAYS_A_LINE == 0 || day == self.days {
                engine.take_checkpoint().map_err(|error| anyhow::anyhow!(error))?;
                let spent = cpu_micros() - cpu;
                told(day, &line(&engine, directory, spent as f64 / (sold - since) as f64)?);
                (cpu, since) = (cpu_micros(), sold);
            }
        }
        let (all, _) = engine.orders(&Filter::default(), None, 1, 1)?;
        ensure!(!all.is_empty(), "the newest order is found");
        engine.close().map_err(|error| anyhow::anyhow!(error))?;
        drop(engine);
        let started = Instant::now();
        let (engine, _) = open()?;
        let start_seconds = started.elapsed().as_secs_f64();
        engine.close().map_err(|error| anyhow::anyhow!(error))?;
        Ok(start_seconds)
    }

    /// What an authority says of these receipts: until it has, they stay in memory.
    fn answer(engine: &Engine, numbers: RangeInclusive<u64>) -> anyhow::Result<()> {
        let (tx, rx) = crossbeam::channel::unbounded();
        for n in numbers {
            let tx = tx.clone();
            let accepted = selling::accepted(n);
            engine.submit(Command::from(accepted), None, Box::new(move |outcome| drop(tx.send(outcome))));
        }
        drop(tx);
        for outcome in rx {
            outcome?;
        }
        Ok(())
    }

    /// The sales of a day.
    fn sell(self, engine: &Engine, numbers: &mut Numbers, sold: u64) -> anyhow::Result<()> {
        for first in (0..self.sales).step_by(AT_ONCE as usize) {
            let (tx, rx) = crossbeam::channel::unbounded();
            for nth in first..(first + AT_ONCE).min(self.sales) {
                let customer = format!("c-{}", numbers.pick(self.sales.try_into()?));
                let number = u32::try_from(sold + nth).context("fewer than 2^32 sales")?;
                let sale = selling::a_sale(engine, numbers, number, Some(&customer));
                let tx = tx.clone();
                engine.submit(Command::from(sale), None, Box::new(move |outcome| drop(tx.send(outcome))));
            }
            drop(tx);
            for outcome in rx {
                ensure!(matches!(outcome?, Outcome::Put { .. }), "a sale was expected");
            }
        }
        Ok(())
    }
}

fn line(engine: &Engine, directory: &Path, cpu_micros_a_sale: f64) -> anyhow::Result<Line> {
    let archive = directory.join("archive");
    let index_bytes = bytes_or_none(&archive.join("index"))?;
    Ok(Line {
        in_memory: engine.state().own.orders.all().len(),
        heap_bytes: anonymous_bytes(),
        checkpoint_bytes: newest_checkpoint(directory)?,
        archive_bytes: bytes_or_none(&archive)? - index_bytes,
        index_bytes,
        log_bytes: bytes_or_none(&directory.join("journal"))?,
        cpu_micros_a_sale,
    })
}

/// The size of a folder; 0 while there is none.
fn bytes_or_none(folder: &Path) -> anyhow::Result<u64> {
    if folder.exists() { bytes_in(folder) } else { Ok(0) }
}

fn newest_checkpoint(directory: &Path) -> anyhow::Result<u64> {
    let mut newest = None;
    for entry in std::fs::read_dir(directory.join("images"))? {
        let entry = entry?;
        newest = newest.max(Some((entry.file_name(), entry.metadata()?.len())));
    }
    Ok(newest.map_or(0, |(_, bytes)| bytes))
}

/// Runs it in a temporary directory and prints a line a month.
///
/// # Errors
/// The engine's.
pub fn print(year: Year) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let Year { sales, days, memory_days } = year;
    println!("{days} days of {sales} sales of three lines with receipts; {memory_days} days in memory; log in files");
    println!(
        "{:>4} {:>10} {:>9} {:>13} {:>10} {:>9} {:>8} {:>8}",
        "day", "in memory", "heap MB", "checkpoint MB", "archive MB", "index MB", "log MB", "us/sale"
    );
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let (started, mut last) = (Instant::now(), None);
    let start_seconds = year.run(directory.path(), |day, line| {
        println!(
            "{day:>4} {:>10} {:>9.1} {:>13.1} {:>10.1} {:>9.1} {:>8.1} {:>8.1}",
            line.in_memory,
            mb(line.heap_bytes),
            mb(line.checkpoint_bytes),
            mb(line.archive_bytes),
            mb(line.index_bytes),
            mb(line.log_bytes),
            line.cpu_micros_a_sale
        );
        last = Some(*line);
    })?;
    if let Some(last) = last {
        let archived = u64::from(days) * sales - last.in_memory as u64;
        let each = |bytes: u64, count: u64| bytes as f64 / count.max(1) as f64;
        println!(
            "an order in memory: {:.0} bytes of heap, {:.0} of a checkpoint; archived: {:.0}, and {:.0} of the index",
            each(last.heap_bytes, last.in_memory as u64),
            each(last.checkpoint_bytes, last.in_memory as u64),
            each(last.archive_bytes, archived),
            each(last.index_bytes, archived)
        );
    }
    println!("the next start took {start_seconds:.1} s; the whole took {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
