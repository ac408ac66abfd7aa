//! Reservations over HTTP as fast as they are answered: each connection has one request under way.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::numbers::Numbers;
use crate::stock::Demand;

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Answers a second.
    pub rate: f64,
    /// Answers, all together.
    pub answers: u64,
    /// Milliseconds.
    pub p50: f64,
    /// Milliseconds.
    pub p99: f64,
}

/// The one with the median rate.
pub fn median(mut measured: Vec<Measured>) -> Measured {
    measured.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    measured.get(measured.len() / 2).copied().unwrap_or(Measured { rate: 0.0, answers: 0, p50: 0.0, p99: 0.0 })
}

/// Keeps `connections` busy for `seconds`; answers are read as bytes and only their status is looked at.
///
/// # Errors
/// A connection breaks, or an answer is not 2xx.
pub fn drive(address: SocketAddr, demand: Demand, connections: usize, seconds: u64) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let tasks: Vec<_> = (0..connections)
            .map(|n| {
                tokio::spawn(connection(address, demand, Numbers::new(n as u64), Arc::clone(&stop), Arc::clone(&done)))
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        let mut latencies = Histogram::<u64>::new(3)?;
        for task in tasks {
            latencies.add(task.await??)?;
        }
        let ms = |quantile: f64| latencies.value_at_quantile(quantile) as f64 / 1000.0;
        Ok(Measured { rate, answers: latencies.len(), p50: ms(0.5), p99: ms(0.99) })
    })
}

async fn connection(
    address: SocketAddr,
    demand: Demand,
    mut numbers: Numbers,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> anyhow::Result<Histogram<u64>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut connection = Connection::of(stream);
    let mut latencies = Histogram::<u64>::new(3)?;
    while !stop.load(Ordering::Relaxed) {
        let body = demand.body(&mut numbers);
        let sent = Instant::now();
        let (status, _) = connection.ask("POST", "/v1/reservations", &body).await?;
        ensure!((200..300).contains(&status), "status {status}");
        latencies.record(sent.elapsed().as_micros() as u64)?;
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(latencies)
}

/// A kept connection. Answers are taken apart by hand, so that the client costs little beside the server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    pub fn of(stream: TcpStream) -> Self {
        Self { stream, request: Vec::new(), answer: Vec::new() }
    }

    /// Sends a request with JSON, or without a body; the status and the body of its answer.
    pub async fn ask(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, &[u8])> {
        self.request.clear();
        write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the connection ended");
            let Some(head) = self.answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(self.answer.get(..head).unwrap_or(&[]))?;
            let length = text.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
            let end = head + 4 + length.unwrap_or(0);
            while self.answer.len() < end {
                ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the connection ended within a body");
            }
            return Ok((status, self.answer.get(head + 4..end).unwrap_or(&[])));
        }
    }
}
