//! A reader that stops reading while far more changes arrive than it can hold: its cost for the server and for other
//! readers.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::pacer::reserve;
use super::swarm::Swarm;
use super::{resident, stock};
use crate::server::Server;
use crate::socket::{Mirror, Socket};

/// SKUs, all of which the stalled reader tracks.
const SKUS: u64 = 2000;

/// Reservations a second.
const RATE: u64 = 5000;

/// Readers that read.
const OTHERS: usize = 20;

/// Measures, and checks that the reader has the right values after it reads again.
///
/// # Errors
/// It does not, or a socket broke.
pub fn run(binary: &Path, data: &Path, seconds: u64) -> anyhow::Result<()> {
    let server = Server::start(binary, data, &[])?;
    stock(&mut server.client(), SKUS, 1, 1_000_000)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut before = resident(server.pid())? >> 20;
    let mut round = |what: &str| -> anyhow::Result<()> {
        let address = server.address;
        let lags = runtime.block_on(async move {
            let swarm = Swarm::gather(address, OTHERS, |nth| (0..SKUS).skip(nth).step_by(OTHERS).collect()).await?;
            let before: Vec<usize> = {
                let cells = tokio::task::spawn_blocking(move || Mirror::of_location(address, "L0")).await??;
                let reserved =
                    |sku: u64| cells.cells.get(&(format!("K{sku}"), "L0".to_owned())).map_or(0, |cell| cell.1);
                (0..SKUS).map(|sku| reserved(sku) as usize).collect()
            };
            swarm.record();
            let acknowledged = reserve(address, SKUS, RATE, seconds).await?;
            let now = Instant::now();
            let acknowledged = acknowledged
                .into_iter()
                .zip(before)
                .map(|(of, n)| std::iter::repeat_n(now, n).chain(of).collect())
                .collect();
            tokio::time::sleep(Duration::from_millis(500)).await;
            swarm.dismiss(&acknowledged).await
        })?;
        let ms = |quantile: f64| lags.value_at_quantile(quantile) as f64 / 1000.0;
        // Every reservation is kept, so each part costs as much as the previous one; a reader must cost nothing more.
        let now = resident(server.pid())? >> 20;
        let grown = now.saturating_sub(before);
        before = now;
        println!(
            "{what:<24} others: median {:.1} ms, 99th {:.1} ms; server resident {now} MiB, {grown} more",
            ms(0.5),
            ms(0.99)
        );
        Ok(())
    };
    round("warming up")?;
    round("all read")?;
    let mut stalled = Socket::connect(server.address)?;
    stalled.send(&json!({"op": "subscribe", "id": "s", "locations": ["L0"]}))?;
    let mut mirror = Mirror::default();
    while !mirror.whole {
        mirror.hear(&stalled.message()?)?;
    }
    round("one does not read")?;
    round("one still does not read")?;
    // It reads again: first buffered messages, then the latest values, or a new snapshot.
    let truth = Mirror::of_location(server.address, "L0")?;
    let mut heard = 0;
    while mirror.seq < truth.seq || !mirror.whole {
        mirror.hear(&stalled.message()?)?;
        heard += 1;
    }
    anyhow::ensure!(mirror.cells == truth.cells, "the reader's values differ from the server's");
    println!("reading again: {heard} messages, starting over {} times, and every value is right", mirror.resets.len());
    Ok(())
}

impl Mirror {
    /// The snapshot of a new subscriber to all of a location.
    ///
    /// # Errors
    /// The socket broke.
    pub fn of_location(address: std::net::SocketAddr, location: &str) -> anyhow::Result<Self> {
        let mut socket = Socket::connect(address)?;
        socket.send(&json!({"op": "subscribe", "id": "all", "locations": [location]}))?;
        let mut mirror = Self::default();
        while !mirror.whole {
            mirror.hear(&socket.message()?)?;
        }
        Ok(mirror)
    }
}
