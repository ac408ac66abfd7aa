//! The writing end.

use std::sync::Arc;
use std::time::Instant;

use anaquel_cells::ids::{Seq, Timestamp};
use anaquel_log::{Head, Sealed, Term};
use serde_json::{Value, json};

use super::client::{CallError, Client, EtcdOptions};
use super::reader::EtcdReader;
use super::wire::{Keys, bytes_of, bytes64, number_of};
use crate::log::{Appended, Limits, LogError, Pulse, SharedLog, SharedLogReader, Trimmed};
use crate::stored::{head_bytes, read_head, read_tick, tick_bytes};

/// The most bytes of records in one batch: etcd takes requests of 1.5 MiB.
const BATCH_BYTES: usize = 1 << 20;

/// Versions that lose or corrupt data, by their own release notes.
const FORBIDDEN: [&str; 3] = ["3.5.0", "3.5.1", "3.5.2"];

/// How much room a cluster has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the file of the member that answered.
    pub bytes: u64,
    /// Bytes of it that are in use.
    pub in_use: u64,
    /// Whether an alarm for want of room is raised: it stays until it is disarmed.
    pub is_alarmed: bool,
}

/// A log in etcd.
pub struct EtcdLog {
    client: Client,
    keys: Keys,
    /// Ticks under the last head that was ticked.
    ticked: Option<(Head, u64)>,
}

impl EtcdLog {
    /// Opens the log at `options`, once etcd is as it must be.
    ///
    /// # Errors
    /// It cannot be reached, is of a version that loses data, or would be reached unencrypted.
    pub fn open(options: &EtcdOptions, deadline: Instant) -> Result<Self, LogError> {
        let client = Client::new(options).map_err(LogError::Unreachable)?;
        let mut log = Self { client, keys: Keys::new(&options.prefix), ticked: None };
        let status = log.call("/v3/maintenance/status", &json!({}), deadline)?;
        let version = status.get("version").and_then(Value::as_str).unwrap_or_default();
        let is_known = ["3.4.", "3.5.", "3.6."].iter().any(|line| version.starts_with(line));
        if !is_known || FORBIDDEN.contains(&version) {
            let told = format!("etcd {version:?}: 3.4, 3.5 from 3.5.3 on, and 3.6 are accepted");
            return Err(LogError::Unreachable(told));
        }
        Ok(log)
    }

    /// How many members vote. Fewer than three do not survive the loss of one.
    ///
    /// # Errors
    /// It cannot be reached.
    pub fn members(&mut self, deadline: Instant) -> Result<usize, LogError> {
        let listed = self.call("/v3/cluster/member/list", &json!({}), deadline)?;
        let members = listed.get("members").and_then(Value::as_array);
        let votes = |member: &&Value| member.get("isLearner").and_then(Value::as_bool) != Some(true);
        Ok(members.map_or(0, |members| members.iter().filter(votes).count()))
    }

    /// How much room it has.
    ///
    /// # Errors
    /// It cannot be reached.
    pub fn size(&mut self, deadline: Instant) -> Result<Size, LogError> {
        let status = self.call("/v3/maintenance/status", &json!({}), deadline)?;
        let alarms = self.call("/v3/maintenance/alarm", &json!({"action": "GET", "alarm": "NOSPACE"}), deadline)?;
        Ok(Size {
            bytes: number_of(status.get("dbSize")),
            in_use: number_of(status.get("dbSizeInUse")),
            is_alarmed: alarms.get("alarms").and_then(Value::as_array).is_some_and(|alarms| !alarms.is_empty()),
        })
    }

    fn call(&mut self, path: &str, body: &Value, deadline: Instant) -> Result<Value, LogError> {
        Ok(self.client.call(path, body, deadline)?)
    }

    /// A transaction that otherwise tells the head; `then` holds the puts.
    fn write(&mut self, compare: &Value, then: &Value, deadline: Instant) -> Appended {
        let body = json!({
            "compare": [compare], "success": then, "failure": [{"request_range": {"key": self.keys.head()}}],
        });
        match self.client.call("/v3/kv/txn", &body, deadline) {
            Ok(answer) if answer.get("succeeded").and_then(Value::as_bool) == Some(true) => Appended::Durable,
            Ok(answer) => match head_in(answer.get("responses").and_then(|all| all.get(0))) {
                Ok(Some(at)) => Appended::Fenced { at },
                Ok(None) => Appended::Full { reason: "the log was never founded".into() },
                Err(error) => Appended::Unknown { reason: error.to_string() },
            },
            Err(CallError::NoRoom(reason)) => Appended::Full { reason },
            Err(CallError::Unknown(reason)) => Appended::Unknown { reason },
        }
    }

    fn is_at(&self, head: &Head) -> Value {
        json!({"key": self.keys.head(), "target": "VALUE", "result": "EQUAL", "value": bytes64(&head_bytes(head))})
    }
}

/// The head in the answer to a read of its key; `None` if there is none.
fn head_in(response: Option<&Value>) -> Result<Option<Head>, LogError> {
    let range = response.and_then(|response| response.get("response_range")).or(response);
    match range.and_then(|range| range.get("kvs")).and_then(|all| all.get(0)) {
        None => Ok(None),
        Some(found) => {
            let head = bytes_of(found.get("value")).as_deref().and_then(read_head);
            head.map(Some).ok_or_else(|| LogError::Damaged("its head is none".into()))
        }
    }
}

fn put(key: String, value: &[u8]) -> Value {
    json!({"request_put": {"key": key, "value": bytes64(value)}})
}

impl SharedLog for EtcdLog {
    fn limits(&self) -> Limits {
        let durability = "on the disks of a majority of etcd's members before it is acknowledged".to_owned();
        Limits { batch_bytes: BATCH_BYTES, durability }
    }

    fn found(&mut self, head: &Head, deadline: Instant) -> Appended {
        let bytes = head_bytes(head);
        let absent = json!({
            "key": self.keys.head(), "target": "CREATE", "result": "EQUAL", "create_revision": "0",
        });
        let then = json!([
            put(self.keys.head(), &bytes),
            put(self.keys.floor(), &bytes),
            put(self.keys.term(), &head.term.0.to_le_bytes()),
        ]);
        self.write(&absent, &then, deadline)
    }

    fn append(&mut self, batch: &Sealed, deadline: Instant) -> Appended {
        if batch.batch().body.len() > BATCH_BYTES {
            let reason = format!("a batch has at most {BATCH_BYTES} bytes");
            return Appended::Full { reason };
        }
        let mut sealed = Vec::new();
        batch.write(&mut sealed);
        let becomes = batch.becomes();
        let then = json!([
            put(self.keys.batch(becomes.seq), &sealed),
            put(self.keys.head(), &head_bytes(becomes)),
            put(self.keys.term(), &becomes.term.0.to_le_bytes()),
        ]);
        let compare = self.is_at(batch.follows());
        self.write(&compare, &then, deadline)
    }

    fn tick(&mut self, head: &Head, time: Timestamp, deadline: Instant) -> Appended {
        let number = self.ticked.filter(|(of, _)| of == head).map_or(1, |(_, number)| number + 1);
        let then = json!([put(self.keys.tick(), &tick_bytes(head, number, time))]);
        let compare = self.is_at(head);
        let ticked = self.write(&compare, &then, deadline);
        // One that is unknown may have counted: a number that is left out does no harm, a repeated one hides a sign of life.
        if matches!(ticked, Appended::Durable | Appended::Unknown { .. }) {
            self.ticked = Some((*head, number));
        }
        ticked
    }

    fn pulse(&mut self, deadline: Instant) -> Result<Option<Pulse>, LogError> {
        // One transaction, so that both are of one moment; reads of etcd are linearizable unless they ask not to be.
        let body = json!({"success": [
            {"request_range": {"key": self.keys.head()}},
            {"request_range": {"key": self.keys.tick()}},
        ]});
        let answer = self.call("/v3/kv/txn", &body, deadline)?;
        let responses = answer.get("responses");
        let Some(head) = head_in(responses.and_then(|all| all.get(0)))? else { return Ok(None) };
        let tick = responses.and_then(|all| all.get(1)).and_then(|range| range.get("response_range"));
        let tick = tick.and_then(|range| range.get("kvs")).and_then(|all| all.get(0));
        let tick = tick.and_then(|found| bytes_of(found.get("value")));
        let (ticks, time) = tick.and_then(|bytes| read_tick(&bytes, &head)).unwrap_or_default();
        Ok(Some(Pulse { head, ticks, time }))
    }

    fn trim(&mut self, before: Seq, term: Term, deadline: Instant) -> Result<Trimmed, LogError> {
        // Batches are named by their last record: those below this name end before `before`.
        let (first, until) = (self.keys.batch(0), self.keys.batch(before));
        let newest =
            json!({"key": first, "range_end": until, "limit": "1", "sort_order": "DESCEND", "sort_target": "KEY"});
        let found = self.call("/v3/kv/range", &newest, deadline)?;
        let last = found.get("kvs").and_then(|all| all.get(0)).and_then(|found| bytes_of(found.get("value")));
        let floor = last.map(|bytes| Sealed::take(&mut bytes.as_slice())).transpose()?.map(|sealed| *sealed.becomes());
        let mut then = vec![];
        if let Some(floor) = &floor {
            then.push(put(self.keys.floor(), &head_bytes(floor)));
            then.push(
                json!({"request_delete_range": {"key": self.keys.batch(0), "range_end": self.keys.batch(before)}}),
            );
        }
        let is_own = json!({
            "key": self.keys.term(), "target": "VALUE", "result": "EQUAL", "value": bytes64(&term.0.to_le_bytes()),
        });
        let body = json!({
            "compare": [is_own], "success": then, "failure": [{"request_range": {"key": self.keys.head()}}],
        });
        let answer = self.call("/v3/kv/txn", &body, deadline)?;
        if answer.get("succeeded").and_then(Value::as_bool) != Some(true) {
            let head = head_in(answer.get("responses").and_then(|all| all.get(0)))?;
            return head.map(Trimmed::Deposed).ok_or_else(|| LogError::Damaged("the log was never founded".into()));
        }
        if floor.is_some() {
            // What was deleted takes room until it is compacted away. If that fails, the next trim does it.
            let revision = number_of(answer.get("header").and_then(|header| header.get("revision")));
            let _ = self.client.call("/v3/kv/compaction", &json!({"revision": revision.to_string()}), deadline);
        }
        let floor = self.reader_of()?.floor(deadline)?;
        floor.map(|floor| Trimmed::From(floor.seq + 1)).ok_or_else(|| LogError::Damaged("it has no floor".into()))
    }

    fn reader(&self) -> Arc<dyn SharedLogReader> {
        Arc::new(EtcdReader::new(self.client.options().clone(), self.keys.clone()))
    }
}

impl EtcdLog {
    fn reader_of(&self) -> Result<EtcdReader, LogError> {
        Ok(EtcdReader::new(self.client.options().clone(), self.keys.clone()))
    }
}
