//! The newest records that concern followers, each made once for all of them, and who is woken by which.
//!
//! Its bound is [`ENTRIES_MAX`] records and [`BYTES_MAX`] bytes, whatever followers do: who is further behind reads the
//! log. While nobody follows, nothing is read.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use anaquel_engine::Engine;
use anaquel_engine::event::Record;
use anaquel_engine::feed::Wake;
use anaquel_engine::ids::{Name, Seq};
use anaquel_engine::journal::ReadError;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use tokio::sync::watch;

use super::about::{Entry, Kinds};
use crate::lock::lock;

/// The most records in memory.
const ENTRIES_MAX: usize = 8192;

/// The most bytes of them, about.
const BYTES_MAX: usize = 16 << 20;

/// The most records that are read at a time.
const CHUNK: usize = 1024;

/// What a follower wants to hear of.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of these kinds.
    pub kinds: Kinds,
    /// At one of these locations; all if empty.
    pub locations: Vec<Name>,
    /// Of one of these channels; all if empty.
    pub channels: Vec<Name>,
    /// Of this customer.
    pub customer: Option<Name>,
}

impl Filter {
    /// By what its follower is found; by everything if empty.
    fn keys(&self) -> Vec<Key> {
        match (self.locations.is_empty(), &self.customer) {
            (false, _) => self.locations.iter().cloned().map(Key::Location).collect(),
            (true, Some(customer)) => vec![Key::Customer(customer.clone())],
            (true, None) => Vec::new(),
        }
    }

    /// Whether it selects a record.
    pub fn has(&self, entry: &Entry) -> bool {
        self.kinds.meets(entry.kinds)
            && (self.locations.is_empty() || self.locations.iter().any(|own| entry.locations.contains(own)))
            && (self.channels.is_empty()
                || entry.channels.as_ref().is_none_or(|of| self.channels.iter().any(|own| of.contains(own))))
            && self.customer.as_ref().is_none_or(|own| entry.customer.as_deref() == Some(own.as_str()))
    }
}

/// The number of a follower.
pub type FollowerId = u64;

/// How `/v1/events` shows a record.
pub type View = fn(&Engine, &Record) -> Value;

/// All followers, and the records that concern them.
pub struct Hub {
    engine: Engine,
    /// Set when the server runs.
    view: OnceLock<View>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// All records that concern followers, after this one and up to the position, are here.
    after: Seq,
    /// Up to here, each follower is woken by what it selects.
    position: Seq,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    next_id: FollowerId,
    followers: FxHashMap<FollowerId, Registered>,
    by_key: FxHashMap<Key, FxHashSet<FollowerId>>,
    /// Those that follow all locations and all customers.
    everywhere: FxHashSet<FollowerId>,
}

/// By which followers are found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Location(Name),
    Customer(Name),
}

struct Registered {
    filter: Arc<Filter>,
    wake: Wake,
    /// Whether there is something that it was not told.
    is_due: bool,
}

/// What a follower is told next.
pub enum Next {
    /// A record.
    Entry(Arc<Entry>),
    /// Nothing more up to this record.
    All(Seq),
    /// The records after the last one that it was told must be read from the log.
    Old,
}

impl Hub {
    /// Without followers.
    pub fn new(engine: Engine) -> Arc<Self> {
        Arc::new(Self { engine, view: OnceLock::new(), inner: Mutex::default() })
    }

    /// What followers see of a record; `None` if it concerns none of them, or if `wanted` refuses it.
    fn entry(&self, record: &Record, wanted: impl Fn(&Entry) -> bool) -> Option<Arc<Entry>> {
        let view = self.view.get()?;
        let entry = Entry::of(&self.engine, record).filter(wanted)?;
        Some(Arc::new(entry.viewed(view(&self.engine, record))))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Adds a follower. From `told` on, which is now if it is left out, it is told what it selects; returns its number and
    /// from where on that is.
    pub fn add(&self, filter: &Arc<Filter>, wake: Wake, told: Option<Seq>) -> (FollowerId, Seq) {
        let mut inner = self.inner();
        if inner.followers.is_empty() {
            let now = self.engine.state().view.seq();
            (inner.after, inner.position, inner.bytes) = (now, now, 0);
            inner.entries.clear();
        }
        let (id, position) = (inner.next_id, inner.position);
        inner.next_id += 1;
        // What is newer than the position wakes it when the position gets there.
        let is_due = told.is_some_and(|told| told < position);
        inner.followers.insert(id, Registered { filter: Arc::clone(filter), wake, is_due });
        let keys = filter.keys();
        if keys.is_empty() {
            inner.everywhere.insert(id);
        }
        for key in keys {
            inner.by_key.entry(key).or_default().insert(id);
        }
        (id, told.unwrap_or(position))
    }

    /// Removes a follower.
    pub fn remove(&self, id: FollowerId) {
        let mut inner = self.inner();
        let Some(gone) = inner.followers.remove(&id) else { return };
        inner.everywhere.remove(&id);
        for key in gone.filter.keys() {
            if let Some(all) = inner.by_key.get_mut(&key) {
                all.remove(&id);
                if all.is_empty() {
                    inner.by_key.remove(&key);
                }
            }
        }
        if inner.followers.is_empty() {
            inner.entries = VecDeque::new();
        }
    }

    /// What a follower is told after `told`.
    pub fn next(&self, id: FollowerId, told: Seq) -> Next {
        let mut inner = self.inner();
        let (position, after) = (inner.position, inner.after);
        let Some(follower) = inner.followers.get(&id) else { return Next::All(told) };
        if !follower.is_due {
            return Next::All(position.max(told));
        }
        if told < after {
            return Next::Old;
        }
        let filter = Arc::clone(&follower.filter);
        let start = inner.entries.partition_point(|entry| entry.seq <= told);
        let found = inner.entries.range(start..).find(|entry| filter.has(entry)).cloned();
        if let Some(entry) = found {
            return Next::Entry(entry);
        }
        if let Some(follower) = inner.followers.get_mut(&id) {
            follower.is_due = false;
        }
        Next::All(position.max(told))
    }

    /// Whether the records after `told` must be read from the log.
    pub fn is_old(&self, id: FollowerId, told: Seq) -> bool {
        let inner = self.inner();
        told < inner.after && inner.followers.get(&id).is_some_and(|follower| follower.is_due)
    }

    /// Everything that a follower selects was sent up to `told`, or up to the record that is returned.
    pub fn complete(&self, id: FollowerId, told: Seq) -> Seq {
        let inner = self.inner();
        match inner.followers.get(&id) {
            Some(follower) if !follower.is_due => inner.position.max(told),
            _ => told,
        }
    }

    /// A follower goes on from the position, which is returned.
    pub fn restart(&self, id: FollowerId) -> Seq {
        let mut inner = self.inner();
        if let Some(follower) = inner.followers.get_mut(&id) {
            follower.is_due = false;
        }
        inner.position
    }

    /// Reads some records after `told` from the log. Returns those that `filter` selects, and the last record that was
    /// read; blocks.
    pub fn read_back(
        &self,
        filter: &Filter,
        told: Seq,
        records_max: usize,
        found_max: usize,
    ) -> Result<(Vec<Arc<Entry>>, Seq), ReadError> {
        let (mut found, mut last) = (Vec::new(), told);
        self.engine.for_each_event(told, records_max, &mut |record| {
            last = record.seq;
            found.extend(self.entry(record, |entry| filter.has(entry)));
            if found.len() < found_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok((found, last))
    }

    /// Takes in new records until the end of the server; `view` makes what followers see of them.
    pub async fn run(self: Arc<Self>, view: View, mut visible: watch::Receiver<Seq>) {
        self.view.get_or_init(|| view);
        while visible.changed().await.is_ok() {
            if self.inner().followers.is_empty() {
                continue;
            }
            let hub = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || hub.take_in()).await.is_err() {
                tracing::error!("taking in records for followers panicked; they read the log");
                self.skip();
            }
        }
    }

    fn take_in(&self) {
        loop {
            let after = {
                let inner = self.inner();
                if inner.followers.is_empty() {
                    return;
                }
                inner.position
            };
            if after >= self.engine.state().view.seq() {
                return;
            }
            let (mut found, mut last) = (Vec::new(), after);
            let read = self.engine.for_each_event(after, CHUNK, &mut |record| {
                last = record.seq;
                found.extend(self.entry(record, |_| true));
                ControlFlow::Continue(())
            });
            match read {
                Ok(()) if last > after => self.publish(after, found, last),
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(%error, after, "records for followers are unreadable");
                    return self.skip();
                }
            }
        }
    }

    /// Goes on from now: each follower reads the log itself, and is told if that fails.
    fn skip(&self) {
        let wakes: Vec<Wake> = {
            let mut inner = self.inner();
            let now = self.engine.state().view.seq();
            (inner.after, inner.position, inner.bytes) = (now, now, 0);
            inner.entries.clear();
            let all = inner.followers.values_mut();
            all.map(|follower| {
                follower.is_due = true;
                Arc::clone(&follower.wake)
            })
            .collect()
        };
        wakes.iter().for_each(|wake| wake());
    }

    /// Adds the records after `after` and up to `last`, and wakes the followers that they concern.
    fn publish(&self, after: Seq, found: Vec<Arc<Entry>>, last: Seq) {
        let mut wakes = Vec::new();
        {
            let mut inner = self.inner();
            // The last follower left meanwhile, and another one began from later on.
            if inner.position != after {
                return;
            }
            for entry in &found {
                inner.wake_for(entry, &mut wakes);
            }
            inner.bytes += found.iter().map(|entry| entry.bytes()).sum::<usize>();
            inner.entries.extend(found);
            inner.position = last;
            while inner.entries.len() > ENTRIES_MAX || inner.bytes > BYTES_MAX {
                let Some(oldest) = inner.entries.pop_front() else { break };
                inner.bytes -= oldest.bytes().min(inner.bytes);
                inner.after = oldest.seq;
            }
        }
        wakes.iter().for_each(|wake| wake());
    }
}

impl Inner {
    /// Marks the followers that a record concerns; those that were not due yet are to be woken.
    fn wake_for(&mut self, entry: &Entry, wakes: &mut Vec<Wake>) {
        let Self { followers, by_key, everywhere, .. } = self;
        let locations = entry.locations.iter().cloned().map(Key::Location);
        let customer = entry.customer.as_deref().map(|name| Key::Customer(Name::from(name.to_owned())));
        let found = locations.chain(customer).filter_map(|key| by_key.get(&key)).flatten();
        for id in found.chain(everywhere.iter()) {
            if let Some(follower) = followers.get_mut(id)
                && !follower.is_due
                && follower.filter.has(entry)
            {
                follower.is_due = true;
                wakes.push(Arc::clone(&follower.wake));
            }
        }
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.inner();
        f.debug_struct("Hub").field("followers", &inner.followers.len()).field("position", &inner.position).finish()
    }
}
