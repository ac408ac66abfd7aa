//! The server over HTTP, beside a bare handler and the disk on the same machine in the same run. Server and client
//! share the cores, so only ratios count.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::bare::BareServer;
use crate::http::{Ask, Measured, drive, drive_at, median};
use crate::server::Server;
use crate::stock::{Demand, LOCATIONS, fill};

const RESERVE: Ask = Ask::Reserve(Demand::Spread);

/// Reservations, one hot cell, a SKU in all its stores, and the latency at half of the peak: each interleaved with its
/// reference.
///
/// # Errors
/// A server does not start, or an answer is not 2xx.
pub fn compare(binary: &Path, connections: &[usize], seconds: u64, rounds: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(binary, &folder.path().join("data"), &[])?;
    fill(server.client())?;
    let bare = BareServer::start()?;
    println!("{rounds} interleaved rounds of {seconds} s, medians");
    println!("durable reservations, one a request, against a bare handler that reads and answers as much");
    let (mut best, mut at, mut best_bare) = (0.0f64, 0, 0.0f64);
    for &connections in connections {
        let side = |address, ask| move || drive(address, ask, connections, seconds);
        let (ours, theirs) = interleaved(rounds, side(server.address, RESERVE), side(bare.address, RESERVE))?;
        println!("  {connections:>5} connections  {}", beside(ours, theirs));
        if ours.rate > best {
            (best, at) = (ours.rate, connections);
        }
        best_bare = best_bare.max(theirs.rate);
    }
    println!("  best against best: {:.2}", best / best_bare);

    println!("all on one cell, against reservations of all cells, {at} connections");
    let side = |demand| move || drive(server.address, Ask::Reserve(demand), at, seconds);
    let (hot, spread) = interleaved(rounds, side(Demand::OneCell), side(Demand::Spread))?;
    println!("  {}", beside(hot, spread));

    println!("availability of a SKU in {LOCATIONS} stores, against the bare handler, {at} connections");
    let side = |address, ask| move || drive(address, ask, at, seconds);
    let (read, theirs) = interleaved(rounds, side(server.address, Ask::Availability), side(bare.address, RESERVE))?;
    println!("  {}", beside(read, theirs));

    println!("durable reservations at half of {best:.0} a second, due on time, against 4 KiB appended and flushed");
    let half = Half { rate: best / 2.0, connections: at, seconds, rounds };
    half.compare(server.address, bare.address, folder.path())?;
    server.stop()
}

/// Reservations over more and more connections: the gain of each step.
///
/// # Errors
/// A server does not start, a connection is refused, or an answer is not 2xx.
pub fn curve(binary: &Path, connections: &[usize], seconds: u64, rounds: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(binary, &folder.path().join("data"), &[])?;
    fill(server.client())?;
    let bare = BareServer::start()?;
    println!("durable reservations over HTTP, one a request, {rounds} interleaved rounds of {seconds} s, medians");
    let mut before: Option<f64> = None;
    for &connections in connections {
        let side = |address| move || drive(address, RESERVE, connections, seconds);
        let (ours, theirs) = interleaved(rounds, side(server.address), side(bare.address))?;
        let grown = before.map(|before| format!(", {:.2} times the step before", ours.rate / before));
        println!("  {connections:>6} connections  {}{}", beside(ours, theirs), grown.unwrap_or_default());
        before = Some(ours.rate);
    }
    server.stop()
}

fn interleaved(
    rounds: usize,
    mut ours: impl FnMut() -> anyhow::Result<Measured>,
    mut theirs: impl FnMut() -> anyhow::Result<Measured>,
) -> anyhow::Result<(Measured, Measured)> {
    let (mut of_us, mut of_them) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        of_them.push(theirs()?);
        of_us.push(ours()?);
    }
    Ok((median(of_us), median(of_them)))
}

fn beside(ours: Measured, theirs: Measured) -> String {
    format!(
        "{:>7.0}/s  p50 {:>6.2} ms  p99 {:>6.2} ms   against {:>7.0}/s   {:.2}",
        ours.rate,
        ours.p50,
        ours.p99,
        theirs.rate,
        ours.rate / theirs.rate
    )
}

/// The latency at half of the peak rate, open loop.
struct Half {
    rate: f64,
    connections: usize,
    seconds: u64,
    rounds: usize,
}

impl Half {
    /// Beside it the bare handler at the same rate: its latency without any disk is the cost of sharing the cores.
    fn compare(&self, server: SocketAddr, bare: SocketAddr, folder: &Path) -> anyhow::Result<()> {
        let &Self { rate, connections, seconds, rounds } = self;
        let mut ratios = Vec::new();
        for _ in 0..rounds {
            let (flush50, flush99) = flushes(&folder.join("flushed"), seconds)?;
            let theirs = drive_at(rate, bare, RESERVE, connections, seconds)?;
            let ours = drive_at(rate, server, RESERVE, connections, seconds)?;
            println!(
                "  p50 {:>6.2} ms  p99 {:>6.2} ms   a flush {flush50:>6.2} ms, {flush99:>6.2} ms   the bare handler \
                 {:>6.2} ms, {:>6.2} ms   {:.2} of a flush's p99",
                ours.p50,
                ours.p99,
                theirs.p50,
                theirs.p99,
                ours.p99 / flush99
            );
            ratios.push(ours.p99 / flush99);
        }
        ratios.sort_by(f64::total_cmp);
        println!("  median: {:.2} of a flush's p99", ratios.get(rounds / 2).copied().unwrap_or(f64::NAN));
        Ok(())
    }
}

/// The time to append and flush 4 KiB, one after the other: median and 99th percentile, in ms.
fn flushes(path: &Path, seconds: u64) -> anyhow::Result<(f64, f64)> {
    let mut file = File::create(path)?;
    let (started, mut took) = (Instant::now(), Histogram::<u64>::new(3)?);
    while started.elapsed() < Duration::from_secs(seconds) {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.record(began.elapsed().as_micros() as u64)?;
    }
    let ms = |quantile: f64| took.value_at_quantile(quantile) as f64 / 1000.0;
    Ok((ms(0.5), ms(0.99)))
}
