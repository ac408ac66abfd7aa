//! Requests over HTTP, as fast as they are answered or at a given rate: each connection has one in flight.

use std::borrow::Cow;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::stock::{CELLS, Demand, name_cell, order_of_three, reservation_of_three, sale_of_three};

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Answers a second.
    pub rate: f64,
    /// The number of answers.
    pub answers: u64,
    /// Milliseconds.
    pub p50: f64,
    /// Milliseconds.
    pub p99: f64,
}

/// The measurement with the median rate.
pub fn median(mut measured: Vec<Measured>) -> Measured {
    measured.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    measured.get(measured.len() / 2).copied().unwrap_or(Measured { rate: 0.0, answers: 0, p50: 0.0, p99: 0.0 })
}

/// The request.
#[derive(Debug, Clone, Copy)]
pub enum Ask {
    /// One unit, durably.
    Reserve(Demand),
    /// Three units of three SKUs, durably.
    ReserveThree,
    /// An order of three lines, confirmed and paid, with its receipt.
    Order,
    /// A sale of three lines, with its receipt.
    Sale,
    /// Availability of one SKU wherever it is stocked.
    Availability,
}

impl Ask {
    /// Method, path and body.
    fn words(self, numbers: &mut Numbers) -> (&'static str, Cow<'static, str>, String) {
        match self {
            Self::Reserve(demand) => ("POST", "/v1/reservations".into(), demand.body(numbers)),
            Self::ReserveThree => ("POST", "/v1/reservations".into(), reservation_of_three(numbers)),
            Self::Order => ("POST", "/v1/orders".into(), order_of_three(numbers)),
            Self::Sale => ("POST", "/v1/sales".into(), sale_of_three(numbers)),
            Self::Availability => {
                let (sku, _) = name_cell(numbers.below(CELLS));
                ("GET", format!("/v1/availability?sku={sku}").into(), String::new())
            }
        }
    }
}

/// Keeps `connections` busy for `seconds`; only the status of answers is parsed.
///
/// # Errors
/// A connection breaks, or an answer is not 2xx.
pub fn drive(address: SocketAddr, ask: Ask, connections: usize, seconds: u64) -> anyhow::Result<Measured> {
    measure(address, ask, connections, seconds, None)
}

/// This many requests a second, whether or not they are answered in time; latencies count from when each was due.
///
/// # Errors
/// As [`drive`].
pub fn drive_at(
    rate: f64,
    address: SocketAddr,
    ask: Ask,
    connections: usize,
    seconds: u64,
) -> anyhow::Result<Measured> {
    measure(address, ask, connections, seconds, Some(rate))
}

/// The interval at which due requests are handed out.
const TICK: Duration = Duration::from_micros(200);

fn measure(
    address: SocketAddr,
    ask: Ask,
    connections: usize,
    seconds: u64,
    rate: Option<f64>,
) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let (mut tasks, mut turns) = (Vec::new(), Vec::new());
        for n in 0..connections {
            let (turn, due) = mpsc::unbounded_channel();
            turns.push(turn);
            let due = rate.is_some().then_some(due);
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            tasks.push(tokio::spawn(connection(address, ask, due, Numbers::new(n as u64), stop, done)));
        }
        let end = Duration::from_secs(seconds);
        match rate {
            None => tokio::time::sleep(end).await,
            Some(rate) => tokio::task::spawn_blocking(move || hand_out(&turns, rate, end)).await?,
        }
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

/// Hands out due requests to the connections in turn.
fn hand_out(turns: &[mpsc::UnboundedSender<Instant>], rate: f64, end: Duration) {
    let (started, mut handed) = (Instant::now(), 0u64);
    for turn in turns.iter().cycle() {
        let due = started + Duration::from_secs_f64(handed as f64 / rate);
        while Instant::now() < due {
            std::thread::sleep(TICK);
        }
        if started.elapsed() >= end {
            return;
        }
        let _ = turn.send(due);
        handed += 1;
    }
}

async fn connection(
    address: SocketAddr,
    ask: Ask,
    mut due: Option<mpsc::UnboundedReceiver<Instant>>,
    mut numbers: Numbers,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> anyhow::Result<Histogram<u64>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut connection = Connection::of(stream);
    let mut latencies = Histogram::<u64>::new(3)?;
    // Due requests are sent to the end; otherwise the slowest answers would not count.
    while due.is_some() || !stop.load(Ordering::Relaxed) {
        let sent = match &mut due {
            None => Instant::now(),
            Some(due) => match due.recv().await {
                Some(due) => due,
                None => break,
            },
        };
        let (method, path, body) = ask.words(&mut numbers);
        let (status, _) = connection.ask(method, &path, &body).await?;
        ensure!((200..300).contains(&status), "status {status}");
        latencies.record(sent.elapsed().as_micros() as u64)?;
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(latencies)
}

/// A kept connection. Answers are parsed by hand, so that the client costs little beside the server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    pub fn of(stream: TcpStream) -> Self {
        let host = stream.peer_addr().map(|peer| peer.to_string()).unwrap_or_default();
        Self { stream, host, request: Vec::new(), answer: Vec::new() }
    }

    /// Sends a request with JSON, or without a body; returns the status and the body of its answer.
    pub async fn ask(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, &[u8])> {
        self.ask_with(method, path, "", body).await
    }

    /// The same, with more header lines, each with its end.
    pub async fn ask_with(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> anyhow::Result<(u16, &[u8])> {
        self.request.clear();
        let (host, length) = (&self.host, body.len());
        write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
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
