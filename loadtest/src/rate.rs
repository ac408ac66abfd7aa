//! How many durable reservations a second over HTTP, one a request, beside a bare handler on the same machine in the
//! same run? Server and client share the cores, so only ratios count.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use axum::Json;
use axum::routing::post;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{Server, binary, free_address};

const SKUS: u64 = 2000;
const LOCATIONS: u64 = 50;

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Answers a second.
    pub rate: f64,
    /// Milliseconds.
    pub p50: f64,
    /// Milliseconds.
    pub p99: f64,
}

/// What the bare handler reads and answers: the body and the size of a reservation, and nothing done.
#[derive(Debug, Serialize, Deserialize)]
struct Bare {
    channel: String,
    lines: Vec<BareLine>,
}

#[derive(Debug, Serialize, Deserialize)]
struct BareLine {
    sku: String,
    location: String,
    quantity: i64,
}

/// Serves the bare handler until the process is ended.
///
/// # Errors
/// It cannot listen.
pub fn serve_bare(address: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let handler = |Json(body): Json<Bare>| async move { Json(body) };
        let router = axum::Router::new()
            .route("/v1/reservations", post(handler))
            .route("/readyz", axum::routing::get(|| async {}));
        let listener = tokio::net::TcpListener::bind(address).await?;
        axum_serve(listener, router).await
    })
}

async fn axum_serve(listener: tokio::net::TcpListener, router: axum::Router) -> anyhow::Result<()> {
    use axum::serve::ListenerExt;
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, router).await?)
}

/// Measures both, interleaved, at each number of connections.
///
/// # Errors
/// A server does not start, or an answer is not 2xx.
pub fn compare(connections: &[usize], seconds: u64, rounds: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(&binary()?, &folder.path().join("data"), &[])?;
    let mut csv = String::from("sku,location,on_hand\n");
    for n in 0..SKUS * LOCATIONS {
        csv.push_str(&format!("SKU-{:05},store-{:03},1000000\n", n / LOCATIONS, n % LOCATIONS));
    }
    ensure!(server.client().import("/v1/import/stock?create=true", csv.as_bytes())?.status == 200, "stock");
    let bare_address = free_address()?;
    let mut bare = Command::new(std::env::current_exe()?)
        .args(["bare-server", &bare_address.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .context("starting the bare server")?;
    let measured = measure(connections, seconds, rounds, server.address, bare_address);
    let _ = bare.kill();
    let _ = bare.wait();
    measured?;
    server.stop()
}

fn measure(
    connections: &[usize],
    seconds: u64,
    rounds: usize,
    server: SocketAddr,
    bare: SocketAddr,
) -> anyhow::Result<()> {
    while crate::client::Client::new(bare).get("/readyz").is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("durable reservations over HTTP, one a request, {rounds} interleaved rounds of {seconds} s, medians");
    let mut best = (0.0f64, 0.0f64);
    for &connections in connections {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            theirs.push(drive(bare, connections, seconds)?);
            ours.push(drive(server, connections, seconds)?);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "  {connections:>4} connections  anaquel {:>7.0}/s  p50 {:>6.2} ms  p99 {:>6.2} ms   bare handler {:>7.0}/s   {:.2} of bare",
            ours.rate,
            ours.p50,
            ours.p99,
            theirs.rate,
            ours.rate / theirs.rate
        );
        best = (best.0.max(ours.rate), best.1.max(theirs.rate));
    }
    println!("  best against best: {:.2} of bare", best.0 / best.1);
    Ok(())
}

fn median(mut measured: Vec<Measured>) -> Measured {
    measured.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    measured.get(measured.len() / 2).copied().unwrap_or(Measured { rate: 0.0, p50: 0.0, p99: 0.0 })
}

/// Keeps `connections` busy for `seconds`; answers are read as bytes and only their status is looked at.
fn drive(address: SocketAddr, connections: usize, seconds: u64) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let tasks: Vec<_> = (0..connections)
            .map(|n| tokio::spawn(connection(address, n as u64, Arc::clone(&stop), Arc::clone(&done))))
            .collect();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        let mut latencies = Histogram::<u64>::new(3)?;
        for task in tasks {
            latencies.add(task.await??)?;
        }
        let ms = |quantile: f64| latencies.value_at_quantile(quantile) as f64 / 1000.0;
        Ok(Measured { rate, p50: ms(0.5), p99: ms(0.99) })
    })
}

async fn connection(
    address: SocketAddr,
    seed: u64,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> anyhow::Result<Histogram<u64>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut latencies = Histogram::<u64>::new(3)?;
    let mut numbers = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut buffer = vec![0; 4096];
    while !stop.load(Ordering::Relaxed) {
        numbers ^= numbers << 13;
        numbers ^= numbers >> 7;
        numbers ^= numbers << 17;
        let body = json!({
            "channel": "web",
            "lines": [{"sku": format!("SKU-{:05}", numbers % SKUS), "location": format!("store-{:03}", (numbers >> 32) % LOCATIONS), "quantity": 1}],
        })
        .to_string();
        let request = format!(
            "POST /v1/reservations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        let status = read_answer(&mut stream, &mut buffer).await?;
        ensure!((200..300).contains(&status), "status {status}");
        latencies.record(sent.elapsed().as_micros() as u64)?;
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(latencies)
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<u16> {
    let mut read = 0;
    loop {
        let free = buffer.get_mut(read..).context("the answer is larger than expected")?;
        let more = stream.read(free).await?;
        ensure!(more > 0, "the connection ended");
        read += more;
        let so_far = buffer.get(..read).unwrap_or(&[]);
        let Some(head) = so_far.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(so_far.get(..head).unwrap_or(&[]))?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if read >= head + 4 + length.unwrap_or(0) {
            let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
            return status.context("no status");
        }
    }
}
