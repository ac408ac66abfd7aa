//! Imports over HTTP, while they run and after: how far each is, and what it came to.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use anaquel_engine::event::Imported;
use anaquel_engine::ids::Seq;
use serde_json::{Value, json};

use crate::lock::lock;

/// Imports that are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 1000;

/// All imports since the start of the server.
#[derive(Debug, Default)]
pub struct Imports(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_id: HashMap<String, Arc<Progress>>,
    /// By age.
    order: VecDeque<String>,
}

impl Imports {
    /// Begins an import. Another one with this id is forgotten.
    pub fn begin(&self, progress: Progress) -> Arc<Progress> {
        let progress = Arc::new(progress);
        let mut known = lock(&self.0);
        if known.by_id.insert(progress.id.clone(), Arc::clone(&progress)).is_some() {
            known.order.retain(|id| *id != progress.id);
        }
        known.order.push_back(progress.id.clone());
        while known.order.len() > REMEMBERED {
            let Some(oldest) = known.order.pop_front() else { break };
            known.by_id.remove(&oldest);
        }
        progress
    }

    /// The import with this id.
    pub fn get(&self, id: &str) -> Option<Arc<Progress>> {
        lock(&self.0).by_id.get(id).cloned()
    }

    /// The imports before `before`, the newest first.
    pub fn list(&self, before: Option<&str>, limit: usize) -> (Vec<Arc<Progress>>, bool) {
        let known = lock(&self.0);
        let end = before.map_or(known.order.len(), |id| known.order.iter().position(|one| one == id).unwrap_or(0));
        let ids = known.order.iter().take(end).rev().take(limit);
        let found: Vec<_> = ids.filter_map(|id| known.by_id.get(id).cloned()).collect();
        let more = end > found.len();
        (found, more)
    }
}

/// One import.
#[derive(Debug)]
pub struct Progress {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// The name of the caller's key.
    pub actor: Option<String>,
    /// The length of the file, if it was announced.
    pub bytes_total: Option<u64>,
    /// When its first byte came.
    pub received_at: jiff::Timestamp,
    bytes: AtomicU64,
    rows: AtomicU64,
    accepted: AtomicU64,
    unchanged: AtomicU64,
    rejected: AtomicU64,
    end: Mutex<Option<End>>,
}

#[derive(Debug, Clone)]
struct End {
    at: jiff::Timestamp,
    /// The record, or why the file was not loaded.
    result: Result<Seq, String>,
}

impl Progress {
    /// An import that begins now.
    pub fn new(id: String, kind: &'static str, actor: Option<String>, bytes_total: Option<u64>) -> Self {
        Self {
            id,
            kind,
            actor,
            bytes_total,
            received_at: jiff::Timestamp::now(),
            bytes: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            unchanged: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            end: Mutex::default(),
        }
    }

    /// Bytes came.
    pub fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// A row was read.
    pub fn read_row(&self) {
        self.rows.fetch_add(1, Relaxed);
    }

    /// What the rows came to so far.
    pub fn came_to(&self, so_far: &Imported) {
        self.accepted.store(so_far.accepted, Relaxed);
        self.unchanged.store(so_far.unchanged, Relaxed);
        self.rejected.store(so_far.rejected, Relaxed);
    }

    /// It ended.
    pub fn ended(&self, result: Result<Seq, String>) {
        *lock(&self.end) = Some(End { at: jiff::Timestamp::now(), result });
    }

    /// It was refused, and nothing says so yet.
    pub fn failed(&self, reason: &str) {
        self.ended(Err(reason.to_owned()));
    }

    /// The record on the wire.
    pub fn to_value(&self) -> Value {
        let end = lock(&self.end).clone();
        let (state, seq, reason) = match end.as_ref().map(|end| &end.result) {
            None => ("receiving", None, None),
            Some(Ok(seq)) => ("accepted", Some(*seq), None),
            Some(Err(reason)) => ("failed", None, Some(reason.clone())),
        };
        json!({
            "import": self.id,
            "kind": self.kind,
            "state": state,
            "actor": self.actor,
            "bytes": self.bytes.load(Relaxed),
            "bytes_total": self.bytes_total,
            "rows": self.rows.load(Relaxed),
            "accepted": self.accepted.load(Relaxed),
            "unchanged": self.unchanged.load(Relaxed),
            "rejected": self.rejected.load(Relaxed),
            "received_at": self.received_at.to_string(),
            "ended_at": end.map(|end| end.at.to_string()),
            "seq": seq,
            "reason": reason,
        })
    }
}

/// Ends an import that breaks off without a result.
pub struct Ends(pub Arc<Progress>);

impl Drop for Ends {
    fn drop(&mut self) {
        let mut end = lock(&self.0.end);
        if end.is_none() {
            let result = Err("the import broke off; send the file again".to_owned());
            *end = Some(End { at: jiff::Timestamp::now(), result });
        }
    }
}
