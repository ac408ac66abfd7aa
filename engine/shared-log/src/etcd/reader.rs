//! The reading end.

use std::time::{Duration, Instant};

use anaquel_cells::ids::Seq;
use anaquel_log::Head;
use serde_json::{Value, json};

use super::client::{Client, EtcdOptions, Lines};
use super::wire::{Keys, bytes_of};
use crate::log::{LogError, Next, SharedLogReader, Tail};
use crate::stored::read_head;
use crate::window::{self, ReadsAhead, Window};

/// Batches that are read at once.
const READ: usize = 16;

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Without a change for this long, a tail looks by itself: a watch may end silently.
const LOOK: Duration = Duration::from_millis(500);

/// Where a log is.
pub struct EtcdReader {
    options: EtcdOptions,
    keys: Keys,
}

impl EtcdReader {
    pub fn new(options: EtcdOptions, keys: Keys) -> Self {
        Self { options, keys }
    }

    fn client(&self) -> Result<Client, LogError> {
        Client::new(&self.options).map_err(LogError::Unreachable)
    }
}

fn floor_of(client: &mut Client, keys: &Keys, deadline: Instant) -> Result<Option<Head>, LogError> {
    let answer = client.call("/v3/kv/range", &json!({"key": keys.floor()}), deadline)?;
    match answer.get("kvs").and_then(|all| all.get(0)) {
        None => Ok(None),
        Some(found) => {
            let floor = bytes_of(found.get("value")).as_deref().and_then(read_head);
            floor.map(Some).ok_or_else(|| LogError::Damaged("its floor is no head".into()))
        }
    }
}

impl SharedLogReader for EtcdReader {
    fn floor(&self, deadline: Instant) -> Result<Option<Head>, LogError> {
        floor_of(&mut self.client()?, &self.keys, deadline)
    }

    fn tail(&self, from: Seq, deadline: Instant) -> Result<Box<dyn Tail>, LogError> {
        let mut client = self.client()?;
        let oldest = floor_of(&mut client, &self.keys, deadline)?.map_or(1, |floor| floor.seq + 1);
        if from < oldest {
            return Err(LogError::Trimmed { oldest });
        }
        Ok(Box::new(EtcdTail { client, watch: None, keys: self.keys.clone(), window: Window::from(from) }))
    }
}

struct EtcdTail {
    client: Client,
    /// Tells when the head changes: a client of its own, since a watch takes its connection.
    watch: Option<(Client, Lines)>,
    keys: Keys,
    window: Window,
}

impl ReadsAhead for EtcdTail {
    fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    fn read_on(&mut self) -> Result<(), LogError> {
        let body = json!({
            "key": self.keys.batch(self.window.next), "range_end": self.keys.batches_end(),
            "limit": READ.to_string(), "sort_order": "ASCEND", "sort_target": "KEY",
        });
        let deadline = Instant::now() + PATIENCE;
        let answer = self.client.call("/v3/kv/range", &body, deadline)?;
        for found in answer.get("kvs").and_then(Value::as_array).into_iter().flatten() {
            let bytes = bytes_of(found.get("value")).ok_or_else(|| LogError::Damaged("a batch has no bytes".into()))?;
            self.window.add(&bytes)?;
        }
        // What comes first must hold the next record: else what was before it was trimmed meanwhile.
        if self.window.has_gap() {
            let floor = floor_of(&mut self.client, &self.keys, deadline)?;
            return Err(match floor.map_or(1, |floor| floor.seq + 1) {
                oldest if oldest > self.window.next => LogError::Trimmed { oldest },
                _ => LogError::Damaged(format!("record {} is missing", self.window.next)),
            });
        }
        if self.window.is_empty() {
            let oldest = floor_of(&mut self.client, &self.keys, deadline)?.map_or(1, |floor| floor.seq + 1);
            if oldest > self.window.next {
                return Err(LogError::Trimmed { oldest });
            }
        }
        Ok(())
    }

    /// Waits until the head changes, or for `wait`.
    fn wait(&mut self, at_most: Duration) -> Result<(), LogError> {
        let (client, lines) = match &mut self.watch {
            Some(watch) => watch,
            none => {
                let mut client = self.client.again().map_err(LogError::Unreachable)?;
                let body = json!({"create_request": {"key": self.keys.head()}});
                let mut lines = client.stream("/v3/watch", &body, Instant::now() + PATIENCE)?;
                // It says that it began: what changed before is read once more now.
                client.line(&mut lines, PATIENCE)?;
                *none = Some((client, lines));
                return Ok(());
            }
        };
        // On its end, it is begun again.
        if client.line(lines, at_most.min(LOOK)).is_err() {
            self.watch = None;
        }
        Ok(())
    }
}

impl Tail for EtcdTail {
    fn next(&mut self, wait: Duration) -> Result<Next, LogError> {
        window::next(self, wait)
    }
}
