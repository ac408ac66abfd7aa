//! What does a sale cost? Durable reservations, orders and sales of the same server in the same run, in interleaved
//! rounds: answers a second, and the CPU time of the server for each.

use std::path::Path;

use anyhow::Context;

use super::shop::{declare, issue, price};
use crate::http::{Ask, Measured, drive, median};
use crate::peers::usage::Watch;
use crate::server::{Server, verify};
use crate::stock::{Demand, SKUS, fill, name_cell};

/// What is measured: its name, and the request. The first is what the others are compared with.
const KINDS: [(&str, Ask); 4] = [
    ("a reservation of one line", Ask::Reserve(Demand::Spread)),
    ("a reservation of three lines", Ask::ReserveThree),
    ("an order of three lines, confirmed, paid, with receipt", Ask::Order),
    ("a sale of three lines, paid, with receipt", Ask::Sale),
];

/// The parameters.
#[derive(Debug, Clone)]
pub struct RatesPlan {
    /// Connections.
    pub connections: usize,
    /// The duration of one measurement.
    pub seconds: u64,
    /// Interleaved rounds.
    pub rounds: usize,
    /// Beside plain reservations only what has this in its name; empty for everything.
    pub only: String,
}

/// One kind: medians over all rounds.
#[derive(Debug, Clone, Copy)]
pub struct RateRow {
    /// What was measured.
    pub name: &'static str,
    /// Answers a second, and their latencies.
    pub measured: Measured,
    /// The rate as a part of the rate of plain reservations.
    pub ratio: f64,
    /// CPU time of the server, microseconds each.
    pub cpu_micros: f64,
    /// CPU time of the journal thread, microseconds each.
    pub journal_micros: f64,
}

/// Measures on a new server in `folder`.
///
/// # Errors
/// A server does not start, or an answer is not 2xx.
pub fn run(binary: &Path, folder: &Path, plan: &RatesPlan) -> anyhow::Result<Vec<RateRow>> {
    let data = folder.join("data");
    let server = Server::start(binary, &data, &[])?;
    let mut client = server.client();
    declare(&mut client, &["web", "pos"], &[])?;
    fill(server.client())?;
    let prices: Vec<(String, i64)> = (0..SKUS).map(|nth| (name_cell(nth * crate::stock::LOCATIONS).0, 1000)).collect();
    price(&mut client, &prices)?;
    issue(&mut client, "es", "verifactu", &["WEB", "POS"])?;
    let is_asked = |(nth, (name, _)): &(usize, &(&'static str, Ask))| *nth == 0 || name.contains(&plan.only);
    let kinds: Vec<_> = KINDS.iter().enumerate().filter(is_asked).map(|(_, kind)| *kind).collect();
    let mut all: Vec<Vec<Round>> = vec![Vec::new(); kinds.len()];
    for _ in 0..plan.rounds {
        for ((_, ask), rounds) in kinds.iter().zip(&mut all) {
            let watch = Watch::start(server.pid())?;
            let measured = drive(server.address, *ask, plan.connections, plan.seconds)?;
            let spent = watch.stop()?;
            let micros = |cpu: f64| cpu / 1000.0 / measured.answers as f64;
            let whole = spent.values().map(|spent| spent.cpu).sum();
            let journal = spent.get("journal").map_or(0.0, |spent| spent.cpu);
            rounds.push(Round { measured, cpu_micros: micros(whole), journal_micros: micros(journal) });
        }
    }
    server.stop()?;
    verify(binary, &data)?;
    let rows: Vec<RateRow> = kinds.iter().zip(&all).map(|((name, _), rounds)| RateRow::of(name, rounds)).collect();
    let plain = rows.first().map(|row| row.measured.rate).context("something is measured")?;
    Ok(rows.into_iter().map(|row| RateRow { ratio: row.measured.rate / plain, ..row }).collect())
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
struct Round {
    measured: Measured,
    cpu_micros: f64,
    journal_micros: f64,
}

impl RateRow {
    /// Medians, still without a ratio.
    fn of(name: &'static str, rounds: &[Round]) -> Self {
        let middle = |of: fn(&Round) -> f64| {
            let mut values: Vec<f64> = rounds.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Self {
            name,
            measured: median(rounds.iter().map(|round| round.measured).collect()),
            ratio: f64::NAN,
            cpu_micros: middle(|round| round.cpu_micros),
            journal_micros: middle(|round| round.journal_micros),
        }
    }
}

/// Prints the rows.
pub fn print(rows: &[RateRow], plan: &RatesPlan) {
    println!("{} connections, {} interleaved rounds of {} s, medians", plan.connections, plan.rounds, plan.seconds);
    for row in rows {
        let Measured { rate, p50, p99, .. } = row.measured;
        println!(
            "  {:<56} {rate:>7.0}/s  {:.2}  p50 {p50:>6.2} ms  p99 {p99:>6.2} ms  CPU {:>6.1} µs, {:>5.1} µs of it in \
             the journal thread",
            row.name, row.ratio, row.cpu_micros, row.journal_micros
        );
    }
}
