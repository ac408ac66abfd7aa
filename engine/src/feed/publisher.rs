//! The handle of the feed, its thread, and the end that the journal thread uses.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam::queue::SegQueue;

use super::counters::Counters;
use super::entry::entries_of;
use super::filter::Filter;
use super::filter::Selection;
use super::history::History;
use super::index::{Exceeded, Mode, Share, Wake};
use super::index::{Index, Sub};
use super::shared::{Handed, IDLE_BACKLOG, Shared};
use super::subscription::{Start, Subscription};
use crate::engine::identity::Identity;
use crate::engine::sequencer::Observer;
use crate::event::Record;
use crate::ids::Seq;
use crate::journal::JournalReader;
use crate::settings::FeedSettings;
use crate::state::DurableState;

/// Entries that may wait for the feed's thread. Further ones are read from the log.
const BACKLOG_MAX: usize = 1 << 18;

/// The maximum delay of the feed's thread if it is not woken.
const IDLE: Duration = Duration::from_millis(50);

/// The handle of the feed. Clones share it.
#[derive(Clone)]
pub struct Feed {
    shared: Arc<Shared>,
}

impl Feed {
    pub(crate) fn new(
        state: Arc<DurableState>,
        identity: &Arc<Identity>,
        settings: FeedSettings,
        reader: Arc<dyn JournalReader>,
    ) -> Self {
        let index = Index::new(&state);
        let position = index.position();
        let shared = Shared {
            history: History::new(Arc::clone(&reader), position),
            state,
            identity: ArcSwap::new(Arc::clone(identity)),
            settings,
            reader,
            position: AtomicU64::new(position),
            index: Mutex::new(index),
            counters: Counters::default(),
            handed: SegQueue::new(),
            backlog: AtomicUsize::new(0),
            published: AtomicU64::new(position),
            skipped: AtomicBool::new(false),
            subscribed: AtomicBool::new(false),
            snapshot_cells: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            thread: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Subscribes to `selection`. Call [`Subscription::poll`] at once, and later whenever `wake` was called, until it
    /// returns nothing.
    ///
    /// # Errors
    /// [`Exceeded`] names the limit.
    pub fn subscribe(
        &self,
        selection: Selection,
        mode: Mode,
        start: Start,
        wake: Wake,
    ) -> Result<Subscription, Exceeded> {
        self.subscribe_in(None, selection, mode, start, wake)
    }

    /// The same for a caller with a share of the resources.
    ///
    /// # Errors
    /// [`Exceeded`] names the limit.
    pub fn subscribe_for(
        &self,
        share: &Arc<Share>,
        selection: Selection,
        mode: Mode,
        start: Start,
        wake: Wake,
    ) -> Result<Subscription, Exceeded> {
        self.subscribe_in(Some(Arc::clone(share)), selection, mode, start, wake)
    }

    fn subscribe_in(
        &self,
        share: Option<Arc<Share>>,
        selection: Selection,
        mode: Mode,
        start: Start,
        wake: Wake,
    ) -> Result<Subscription, Exceeded> {
        let shared = &self.shared;
        let (most, wanted) = (shared.settings.subscription_keys_max, selection.size());
        if wanted > most {
            return Err(Exceeded { limit: "stream.subscription_keys", most, wanted });
        }
        let filter = Mutex::new(Filter::new(&shared.state.catalogue, selection));
        let sub = Arc::new(Sub { mode, wake, share, filter, pending: Mutex::default() });
        let slot = shared.lock_index().admit(&sub, &shared.settings)?;
        shared.subscribed.store(true, Ordering::Relaxed);
        shared.wake();
        Ok(Subscription::new(Arc::clone(&self.shared), sub, slot, start))
    }

    /// The log has another era: cursors are of the last one from now on.
    pub(crate) fn begin_era(&self, identity: &Arc<Identity>) {
        self.shared.identity.store(Arc::clone(identity));
    }

    /// The record up to which all matching subscriptions were woken.
    pub fn position(&self) -> Seq {
        self.shared.position.load(Ordering::Acquire)
    }

    /// Subscriptions, and the keys that they track.
    pub fn subscriptions(&self) -> (usize, usize) {
        let index = self.shared.lock_index();
        (index.count(), index.keys())
    }

    /// Counters of the feed since the start.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// The limits in force.
    pub fn settings(&self) -> &FeedSettings {
        &self.shared.settings
    }

    /// The end that the journal thread uses.
    pub(crate) fn observer(&self, next: Option<Box<dyn Observer>>) -> Box<dyn Observer> {
        Box::new(Hand { shared: Arc::clone(&self.shared), next })
    }

    /// Processes entries until the feed is closed and all of them are processed.
    pub(crate) fn run(&self) {
        let shared = &*self.shared;
        let _ = shared.thread.set(std::thread::current());
        loop {
            let closing = shared.closing.load(Ordering::SeqCst);
            if !shared.take_in() {
                if closing {
                    break;
                }
                std::thread::park_timeout(IDLE);
            }
        }
    }

    /// Ends [`run`](Self::run), after the last record was published.
    pub(crate) fn close(&self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.shared.wake();
    }
}

/// The journal thread's end: it never waits.
struct Hand {
    shared: Arc<Shared>,
    next: Option<Box<dyn Observer>>,
}

impl Observer for Hand {
    fn published(&mut self, records: &[Record]) {
        if let ([first, ..], [.., last]) = (records, records) {
            let shared = &*self.shared;
            shared.published.store(last.seq, Ordering::Release);
            let mut backlog = shared.backlog.load(Ordering::Relaxed);
            if backlog < BACKLOG_MAX {
                let mut entries = Vec::with_capacity(records.len());
                records.iter().for_each(|record| entries_of(record, &mut entries));
                backlog = shared.backlog.fetch_add(entries.len(), Ordering::Relaxed);
                shared.handed.push(Handed { first: first.seq, last: last.seq, entries });
            } else {
                shared.skipped.store(true, Ordering::Release);
            }
            if shared.subscribed.load(Ordering::Relaxed) || backlog >= IDLE_BACKLOG {
                shared.wake();
            }
        }
        if let Some(next) = &mut self.next {
            next.published(records);
        }
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("position", &self.position()).finish()
    }
}
