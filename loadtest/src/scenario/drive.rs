//! Open loop: requests are due by the clock, and are sent over the first free connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::link::{Link, Protocol};
use super::measure::Recorder;
use super::pattern::Chooser;
use super::schedule::Schedule;
use super::shopper::{Script, Shopper};
use crate::audit::Witness;

/// The minimum interval between releases; an earlier request waits at most this long.
const TICK: Duration = Duration::from_micros(100);

/// How long due requests may still be sent after the end.
const GRACE: Duration = Duration::from_secs(20);

/// Everything that visits need.
pub(super) struct Drive {
    pub address: SocketAddr,
    pub protocol: Protocol,
    pub connections: usize,
    pub seed: u64,
    pub schedule: Schedule,
    pub script: Arc<Script>,
    pub chooser: Arc<Chooser>,
    pub witness: Witness,
    pub recorder: Arc<Recorder>,
}

/// Runs the schedule; returns the number of requests that were never sent, because the server was too far behind at the
/// end.
pub(super) async fn drive(drive: Drive) -> anyhow::Result<u64> {
    let Drive { address, protocol, connections, seed, schedule, script, chooser, witness, recorder } = drive;
    let (released, taken) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
    let schedule = Arc::new(schedule);
    let mut links = Vec::new();
    for _ in 0..connections {
        links.push(Link::connect(protocol, address).await?);
    }
    let began = Instant::now();
    let deadline = began + schedule.length() + GRACE;
    let unsent = Arc::new(AtomicU64::new(0));
    let mut shoppers = JoinSet::new();
    for (nth, link) in links.into_iter().enumerate() {
        let mut shopper = Shopper {
            link,
            script: Arc::clone(&script),
            chooser: Arc::clone(&chooser),
            numbers: Numbers::new(seed.wrapping_add(nth as u64)),
            witness: witness.clone(),
            recorder: Arc::clone(&recorder),
        };
        let (schedule, released, taken) = (Arc::clone(&schedule), Arc::clone(&released), Arc::clone(&taken));
        let unsent = Arc::clone(&unsent);
        shoppers.spawn(async move {
            loop {
                released.acquire().await?.forget();
                let nth = taken.fetch_add(1, Ordering::Relaxed);
                if nth >= schedule.count() {
                    return anyhow::Ok(());
                }
                if Instant::now() > deadline {
                    unsent.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                shopper.visit(nth, began + schedule.when(nth)).await?;
            }
        });
    }
    let pacer = std::thread::spawn({
        let (schedule, released) = (Arc::clone(&schedule), Arc::clone(&released));
        move || pace(&schedule, &released, began, connections)
    });
    let progress = tokio::spawn(show(Arc::clone(&recorder), schedule.length()));
    let mut all = Ok(());
    while let Some(done) = shoppers.join_next().await {
        if let Err(error) = done? {
            // The other connections need not continue; closing the releases ends the pacer.
            all = Err(error);
            released.close();
            shoppers.abort_all();
            while shoppers.join_next().await.is_some() {}
        }
    }
    progress.abort();
    pacer.join().ok().context("the pacer panicked")?;
    all.map(|()| unsent.load(Ordering::Relaxed))
}

/// Releases due requests, and finally one more for each connection, which ends it.
fn pace(schedule: &Schedule, released: &Semaphore, began: Instant, connections: usize) {
    let (count, mut out) = (schedule.count(), 0);
    while out < count && !released.is_closed() {
        let due = schedule.due(began.elapsed());
        released.add_permits((due - out) as usize);
        out = due;
        std::thread::sleep(TICK);
    }
    released.add_permits(connections);
}

/// Shows the progress on a terminal.
async fn show(recorder: Arc<Recorder>, length: Duration) {
    let bar = ProgressBar::new(length.as_secs());
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {msg}") {
        bar.set_style(style);
    }
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (answers, latest) = recorder.latest();
        bar.set_position(recorder.elapsed().as_secs().min(length.as_secs()));
        if let Some(row) = latest {
            bar.set_message(format!(
                "{} a second, median {:.1} ms, 99th {:.1} ms, {} shed; {answers} in all",
                row.answered, row.p50, row.p99, row.shed
            ));
        }
    }
}
