//! Many subscribers in one process: each counts its messages and their times.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Concurrent handshakes.
const HANDSHAKES: usize = 64;

/// A received cell: SKU, units reserved, time.
type Heard = (u32, u32, Instant);

/// Subscribers that listen until they are stopped.
pub struct Swarm {
    listeners: JoinSet<anyhow::Result<Vec<Heard>>>,
    stop: watch::Sender<bool>,
    frames: Arc<AtomicU64>,
    recording: Arc<AtomicBool>,
}

/// When each reservation was acknowledged: by SKU, the first unit first.
pub type Acknowledged = Vec<Vec<Instant>>;

/// Connects, with buffers as small as the server's.
pub async fn connect(address: SocketAddr) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(4096);
    let url = format!("ws://{address}/v1/stream");
    let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await?;
    Ok(socket)
}

impl Swarm {
    /// Connects `count` subscribers, each following the SKUs that `choose` gives for it, and waits for their snapshots.
    pub async fn gather(
        address: SocketAddr,
        count: usize,
        mut choose: impl FnMut(usize) -> Vec<u64>,
    ) -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let (frames, recording) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut listeners = JoinSet::new();
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        let ready = Arc::new(Semaphore::new(0));
        for nth in 0..count {
            let skus: Vec<String> = choose(nth).iter().map(|sku| format!("\"K{sku}\"")).collect();
            let subscribe = format!(r#"{{"op":"subscribe","id":"s","skus":[{}],"locations":["L0"]}}"#, skus.join(","));
            let (handshakes, ready, mut stopped) = (Arc::clone(&handshakes), Arc::clone(&ready), stopped.clone());
            let (frames, recording) = (Arc::clone(&frames), Arc::clone(&recording));
            listeners.spawn(async move {
                let mut socket = {
                    let _permit = handshakes.acquire().await?;
                    let mut socket = connect(address).await?;
                    socket.send(Message::text(subscribe)).await?;
                    loop {
                        let Some(Ok(message)) = socket.next().await else {
                            anyhow::bail!("cut off before its snapshot")
                        };
                        if message.to_text().is_ok_and(|text| text.starts_with(r#"{"type":"snapshot""#)) {
                            break;
                        }
                    }
                    ready.add_permits(1);
                    socket
                };
                let mut heard = Vec::new();
                loop {
                    let message = tokio::select! {
                        message = socket.next() => message,
                        _ = stopped.changed() => break,
                    };
                    let Some(Ok(message)) = message else { anyhow::bail!("a subscriber was cut off") };
                    let Message::Text(text) = message else { continue };
                    if text.starts_with(r#"{"type":"delta""#) && recording.load(Ordering::Relaxed) {
                        let now = Instant::now();
                        frames.fetch_add(1, Ordering::Relaxed);
                        heard.extend(cells(&text).map(|(sku, reserved)| (sku, reserved, now)));
                    }
                }
                Ok(heard)
            });
        }
        let _ = ready.acquire_many(u32::try_from(count)?).await?;
        Ok(Self { listeners, stop, frames, recording })
    }

    /// Counts and records messages from now on.
    pub fn record(&self) {
        self.recording.store(true, Ordering::Relaxed);
    }

    /// Deltas so far.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Ends all; returns the times from a reservation's acknowledgement to its frame, in microseconds.
    pub async fn dismiss(mut self, acknowledged: &Acknowledged) -> anyhow::Result<Histogram<u64>> {
        self.stop.send_replace(true);
        let mut lags = Histogram::new(3)?;
        while let Some(heard) = self.listeners.join_next().await {
            for (sku, reserved, at) in heard?? {
                let of = acknowledged.get(sku as usize).and_then(|of| of.get(reserved.checked_sub(1)? as usize));
                // The writer's own acknowledgement may come after the frame.
                if let Some(acknowledged) = of {
                    lags.record(at.saturating_duration_since(*acknowledged).as_micros() as u64)?;
                }
            }
        }
        Ok(lags)
    }
}

/// SKU and units reserved of each cell in a frame. Parsing it as JSON would cost the client more than the whole cost of
/// the server.
fn cells(text: &str) -> impl Iterator<Item = (u32, u32)> + '_ {
    text.split(r#"{"sku":"K"#).skip(1).filter_map(|cell| {
        let sku = cell.split('"').next()?.parse().ok()?;
        let reserved = cell.split(r#""reserved":"#).nth(1)?.split(',').next()?.parse().ok()?;
        Some((sku, reserved))
    })
}
