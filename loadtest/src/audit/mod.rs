//! Compares the answers of callers with the server's own log: every answer carries its `seq`, so one pass over the log,
//! in order, is sufficient.
//!
//! - The log respects real time: a request that was sent after an answer arrived comes after it.
//! - Every answer to a write has a record at its `seq`, of its kind, about its reservation, and no two answers have the
//!   same record.
//! - A read returns the cells at its `seq`, all of them at once.
//! - Every level follows from the quantities before it, and no promise exceeds what is on hand.
//!
//! Callers report to a [`Witness`]; the [`Auditor`] reads the log along with them, or afterwards, and keeps only what
//! is not settled yet.

mod answer;
mod log;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::client::Client;
pub(crate) use answer::Answer;
pub use answer::{Cell, Findings, Level};
use log::{Ledger, Record};

/// Records read at a time.
const PAGE: usize = 1000;

/// Looks at a log that ends too early.
const LAST_LOOKS: u32 = 40;

/// The latest `seq` in any answer when a request is sent.
#[derive(Debug, Clone, Copy)]
pub struct Asked(u64);

/// Collects the answers of one caller.
#[derive(Debug, Clone)]
pub struct Witness {
    latest: Arc<AtomicU64>,
    told: Sender<Answer>,
}

impl Witness {
    /// Must be called before a request is sent.
    pub fn ask(&self) -> Asked {
        Asked(self.latest.load(Ordering::SeqCst))
    }

    /// A read was answered with the cells at `seq`.
    ///
    /// # Errors
    /// A later record was in an answer before this request.
    pub fn read(&self, Asked(before): Asked, seq: u64, cells: Vec<(Cell, Level)>) -> anyhow::Result<()> {
        ensure!(seq >= before, "a read sent after {before} was answered got {seq}");
        self.tell(Answer::Read(seq, cells))
    }

    /// A write was answered with the `seq` of its record.
    ///
    /// # Errors
    /// Its record, or a later one, was in an answer before this request.
    pub fn wrote(
        &self,
        Asked(before): Asked,
        seq: u64,
        kind: &'static str,
        reservation: Option<String>,
        cells: Vec<(Cell, Level)>,
    ) -> anyhow::Result<()> {
        ensure!(seq > before, "a write ({kind}) sent after {before} was answered got {seq}");
        self.tell(Answer::Wrote(seq, kind, reservation, cells))
    }

    fn tell(&self, told: Answer) -> anyhow::Result<()> {
        self.latest.fetch_max(told.seq(), Ordering::SeqCst);
        // An auditor that ended has found an error, and reports it itself.
        self.told.send(told).ok().context("the audit ended early")
    }
}

/// When the log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// All the time, so that little memory is needed.
    Meanwhile,
    /// At the end, so that the measured server does not serve it.
    Afterwards,
}

/// Reads the log and compares it with the answers of callers.
#[derive(Debug)]
pub struct Auditor {
    witness: Witness,
    over: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Findings>>,
}

impl Auditor {
    /// Audits the records after the server's current last one. Levels are computed for SKUs with the prefix `skus`,
    /// which no other caller changes meanwhile.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn start(mut client: Client, skus: &'static str, when: When) -> anyhow::Result<Self> {
        let info = client.get("/v1/info")?.json();
        let first = info.get("seq").and_then(Value::as_u64).context("/v1/info tells a seq")?;
        let (sender, told) = channel();
        let latest = Arc::new(AtomicU64::new(first));
        let over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (latest, over) = (Arc::clone(&latest), Arc::clone(&over));
            let ledger = Ledger::after(first, skus);
            move || audit(client, ledger, when, &told, &latest, &over)
        });
        Ok(Self { witness: Witness { latest, told: sender }, over, thread })
    }

    /// A witness for one caller.
    pub fn witness(&self) -> Witness {
        self.witness.clone()
    }

    /// Reads the rest of the log, after the last caller was answered.
    ///
    /// # Errors
    /// The first answer that contradicts the log.
    pub fn finish(self) -> anyhow::Result<Findings> {
        drop(self.witness);
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| anyhow::anyhow!("the auditor panicked"))?
    }
}

fn audit(
    mut client: Client,
    mut ledger: Ledger,
    when: When,
    told: &Receiver<Answer>,
    latest: &AtomicU64,
    over: &AtomicBool,
) -> anyhow::Result<Findings> {
    if when == When::Afterwards {
        while !over.load(Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    let mut ended = 0;
    loop {
        let is_over = over.load(Ordering::SeqCst);
        let target = latest.load(Ordering::SeqCst);
        told.try_iter().try_for_each(|told| ledger.told(told))?;
        let page = client.get(&format!("/v1/events?after={}&limit={PAGE}", ledger.seq()))?;
        ensure!(page.status == 200, "reading the log: {}", page.json());
        let page: Page<'_> = serde_json::from_slice(&page.body).context("a page of events")?;
        let is_behind = page.items.len() == PAGE;
        page.items.iter().try_for_each(|record| ledger.add(record))?;
        // An answer without a record after a while has none.
        ended += u32::from(is_over && !is_behind);
        if ended > 0 && (ledger.seq() >= target || ended > LAST_LOOKS) {
            return ledger.close();
        }
        if !is_behind {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

#[derive(serde::Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<Record<'a>>,
}
