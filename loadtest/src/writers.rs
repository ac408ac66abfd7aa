//! Background writers at a steady rate: receipts, reservations, and their steps.

#![allow(clippy::indexing_slicing, reason = "JSON members")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use serde_json::{Value, json};

use crate::client::Client;

/// Connections that write.
const WRITERS: u64 = 16;
const SKUS: u64 = 200;
const LOCATIONS: u64 = 5;
const OPENING: i64 = 1_000_000;

/// Writers that run until they are stopped, or the server is gone.
#[derive(Debug)]
pub struct Writers {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    began: Instant,
    threads: Vec<JoinHandle<()>>,
}

fn cell(n: u64) -> (String, String) {
    (format!("W-{}", n % SKUS), format!("w{}", n % LOCATIONS))
}

/// Stock for everything that the writers will write.
///
/// # Errors
/// It is refused.
pub fn open_stock(address: SocketAddr) -> anyhow::Result<()> {
    let counts: Vec<Value> =
        (0..SKUS).map(|n| json!({"sku": cell(n).0, "location": cell(n).1, "on_hand": OPENING})).collect();
    let mut client = Client::new(address);
    let channel = client.put("/v1/channels/web", &json!({"buffer": 0}))?;
    anyhow::ensure!(channel.status == 200, "a channel: {}", channel.json());
    let answer = client.post("/v1/stock/counts", &json!({"counts": counts}))?;
    anyhow::ensure!(answer.status == 200, "opening stock: {}", answer.json());
    Ok(())
}

impl Writers {
    /// `rate` writes a second, in total.
    pub fn start(address: SocketAddr, rate: u64, seed: u64) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let pause = Duration::from_secs_f64(WRITERS as f64 / rate.max(1) as f64);
        let threads = (0..WRITERS)
            .map(|writer| {
                let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
                std::thread::spawn(move || {
                    let (mut client, mut numbers) = (Client::new(address), Numbers::new(seed ^ writer << 32));
                    let mut due = Instant::now() + pause.mul_f64(writer as f64 / WRITERS as f64);
                    let mut open = None;
                    while !stop.load(Ordering::Relaxed) {
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        // A late writer does not catch up in one burst.
                        due = (due + pause).max(Instant::now().checked_sub(pause * 20).unwrap_or(due));
                        match write(&mut client, &mut numbers, &mut open) {
                            Ok(true) => drop(acknowledged.fetch_add(1, Ordering::Relaxed)),
                            Ok(false) => {}
                            Err(_) => return,
                        }
                    }
                })
            })
            .collect();
        Self { stop, acknowledged, began: Instant::now(), threads }
    }

    /// Writes acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Stops them; returns the number of acknowledged writes, and the rate.
    pub fn stop(mut self) -> (u64, f64) {
        let done = self.acknowledged();
        let rate = done as f64 / self.began.elapsed().as_secs_f64();
        self.end();
        (done, rate)
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.end();
    }
}

/// One write; false if it was refused.
fn write(client: &mut Client, numbers: &mut Numbers, open: &mut Option<String>) -> anyhow::Result<bool> {
    let (sku, location) = cell(numbers.below(SKUS));
    let answer = match (open.take(), numbers.below(4)) {
        (Some(id), step) => {
            let step = ["confirm", "cancel", "cancel", "extend"].get(step as usize).copied().unwrap_or("cancel");
            let body = if step == "extend" { json!({"ttl_seconds": 60}) } else { json!({}) };
            client.post(&format!("/v1/reservations/{id}/{step}"), &body)?
        }
        (None, 0) => {
            let reference = format!("delivery {}", numbers.below(1 << 40));
            let row =
                json!({"kind": "receipt", "sku": sku, "location": location, "quantity": 3, "reference": reference});
            client.post("/v1/stock/movements", &json!({"movements": [row]}))?
        }
        (None, _) => {
            let line = json!({"sku": sku, "location": location, "quantity": 1});
            let body = json!({"channel": "web", "lines": [line], "customer": format!("c-{}", numbers.below(10_000))});
            let answer = client.post("/v1/reservations", &body)?;
            *open = answer.json()["id"].as_str().map(str::to_owned);
            answer
        }
    };
    Ok(answer.status < 300)
}
