//! The same request twice has one effect and one answer.
//!
//! A key is *in flight* from the moment its request is taken in until its record is durable, and *done* from then on
//! for the retention. Only effects are kept: a refused request leaves no trace, and its repeat is decided anew. What is
//! kept is where the effect stands in the log, not the answer, which is told from there.
//!
//! Entries are completed by the journal thread, never by a caller, so one who hangs up leaves nobody waiting.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry as MapEntry;
use serde::{Deserialize, Serialize};

use crate::event::IdempotencyKey;
use crate::ids::{ReservationId, Seq, Timestamp};

/// Wakes a request that waits for the first one with its key.
pub type Wake = Box<dyn FnOnce() + Send + Sync>;

/// An effect that a key had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Where it stands in the log.
    pub seq: Seq,
    /// When.
    pub time: Timestamp,
    /// The digest of the body it came with.
    pub fingerprint: u128,
    /// The reservation whose version at `seq` is the answer; none where the record itself is.
    pub reservation: Option<ReservationId>,
}

enum Entry {
    InFlight { fingerprint: u128, waiting: Vec<Wake> },
    Done(Done),
}

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Begin {
    /// It is the first with its key: go on, and the journal thread completes it.
    First,
    /// The first is in flight; `wake` is called when its outcome is known. Then begin again.
    Wait,
    /// It was done: answer from there.
    Done(Done),
    /// The key came with another body.
    Mismatch,
    /// As many keys are kept as may be.
    Full,
}

/// All keys that are in flight or kept.
pub struct IdempotencyTable {
    entries: DashMap<u128, Entry, foldhash::fast::RandomState>,
    count: AtomicUsize,
    limit: usize,
}

impl IdempotencyTable {
    /// A table of at most `limit` keys.
    pub fn new(limit: usize) -> Self {
        Self { entries: DashMap::default(), count: AtomicUsize::new(0), limit }
    }

    /// Keys kept and in flight.
    pub fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a request in.
    pub fn begin(&self, key: &IdempotencyKey, wake: impl FnOnce() -> Wake) -> Begin {
        match self.entries.entry(key.scope) {
            MapEntry::Vacant(vacant) => {
                if self.count.fetch_add(1, Relaxed) >= self.limit {
                    self.count.fetch_sub(1, Relaxed);
                    return Begin::Full;
                }
                vacant.insert(Entry::InFlight { fingerprint: key.fingerprint, waiting: Vec::new() });
                Begin::First
            }
            MapEntry::Occupied(mut occupied) => match occupied.get_mut() {
                Entry::InFlight { fingerprint, .. } if *fingerprint != key.fingerprint => Begin::Mismatch,
                Entry::InFlight { waiting, .. } => {
                    waiting.push(wake());
                    Begin::Wait
                }
                Entry::Done(done) if done.fingerprint != key.fingerprint => Begin::Mismatch,
                Entry::Done(done) => Begin::Done(*done),
            },
        }
    }

    /// What the key did, if it is kept.
    pub fn kept(&self, scope: u128) -> Option<Done> {
        match self.entries.get(&scope)?.value() {
            Entry::Done(done) => Some(*done),
            Entry::InFlight { .. } => None,
        }
    }

    /// The request came to nothing: its repeat is decided anew.
    pub fn abandon(&self, scope: u128) {
        let removed = self.entries.remove_if(&scope, |_, entry| matches!(entry, Entry::InFlight { .. }));
        if let Some((_, Entry::InFlight { waiting, .. })) = removed {
            self.count.fetch_sub(1, Relaxed);
            waiting.into_iter().for_each(|wake| wake());
        }
    }

    /// Journal thread only, inside a fold or in replay: the effect is durable.
    pub(crate) fn complete(&self, scope: u128, done: Done) {
        match self.entries.insert(scope, Entry::Done(done)) {
            Some(Entry::InFlight { waiting, .. }) => waiting.into_iter().for_each(|wake| wake()),
            Some(Entry::Done(_)) => {}
            None => {
                self.count.fetch_add(1, Relaxed);
            }
        }
    }

    /// Every key that is kept, for an image.
    pub(crate) fn done(&self) -> Vec<(u128, Done)> {
        let done = |entry: &Entry| match entry {
            Entry::Done(done) => Some(*done),
            Entry::InFlight { .. } => None,
        };
        self.entries.iter().filter_map(|entry| Some((*entry.key(), done(entry.value())?))).collect()
    }
}

/// When to forget which key; oldest first.
#[derive(Debug, Default)]
pub(crate) struct Retention(VecDeque<(Timestamp, u128)>);

impl Retention {
    pub fn push(&mut self, time: Timestamp, scope: u128) {
        self.0.push_back((time, scope));
    }

    /// Forgets keys whose effect is older than `before`, a bounded number at a time.
    pub fn forget(&mut self, table: &IdempotencyTable, before: Timestamp) {
        const AT_A_TIME: usize = 4096;
        for _ in 0..AT_A_TIME {
            let Some((_, scope)) = self.0.pop_front_if(|(time, _)| *time < before) else { break };
            let outlived = |_: &u128, entry: &Entry| matches!(entry, Entry::Done(done) if done.time < before);
            if table.entries.remove_if(&scope, outlived).is_some() {
                table.count.fetch_sub(1, Relaxed);
            }
        }
    }
}

impl std::fmt::Debug for IdempotencyTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdempotencyTable").field("keys", &self.len()).field("limit", &self.limit).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scope: u128, fingerprint: u128) -> IdempotencyKey {
        IdempotencyKey { key: "k".into(), scope, fingerprint }
    }

    fn no_wake() -> Wake {
        Box::new(|| ())
    }

    #[test]
    fn a_second_request_waits_for_the_first_and_gets_its_answer() {
        let table = IdempotencyTable::new(10);
        let (tx, rx) = std::sync::mpsc::channel();
        assert_eq!(table.begin(&key(1, 7), no_wake), Begin::First);
        let wake: Wake = Box::new(move || tx.send(()).expect("the test listens"));
        assert_eq!(table.begin(&key(1, 7), || wake), Begin::Wait);
        assert_eq!(table.begin(&key(1, 8), no_wake), Begin::Mismatch);
        let done = Done { seq: 5, time: Timestamp(9), fingerprint: 7, reservation: None };
        table.complete(1, done);
        rx.recv().expect("woken");
        assert_eq!(table.begin(&key(1, 7), no_wake), Begin::Done(done));
        assert_eq!(table.begin(&key(1, 8), no_wake), Begin::Mismatch);
    }

    #[test]
    fn a_refused_request_is_decided_anew() {
        let table = IdempotencyTable::new(10);
        assert_eq!(table.begin(&key(1, 7), no_wake), Begin::First);
        table.abandon(1);
        assert_eq!(table.begin(&key(1, 8), no_wake), Begin::First);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_full_table_refuses_instead_of_forgetting() {
        let table = IdempotencyTable::new(2);
        assert_eq!(table.begin(&key(1, 0), no_wake), Begin::First);
        assert_eq!(table.begin(&key(2, 0), no_wake), Begin::First);
        assert_eq!(table.begin(&key(3, 0), no_wake), Begin::Full);
        let mut retention = Retention::default();
        table.complete(1, Done { seq: 1, time: Timestamp(10), fingerprint: 0, reservation: None });
        retention.push(Timestamp(10), 1);
        retention.forget(&table, Timestamp(10));
        assert_eq!(table.begin(&key(3, 0), no_wake), Begin::Full, "kept for the whole retention");
        retention.forget(&table, Timestamp(11));
        assert_eq!(table.begin(&key(3, 0), no_wake), Begin::First);
    }
}
