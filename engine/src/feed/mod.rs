//! The feed: every durable change of stock, to everyone who asked for it, in log order.
//!
//! ```text
//!  journal thread ── hand over ──► feed thread ── match by key ──► what each subscription ── wake ──► its task
//!        │        (what does not fit       │                       was not told yet                 polls
//!        ▼         is read back)           ▼
//!       log ───────────────────────►   history  ──────── resume from a cursor ─────────────────────►
//! ```
//!
//! What is told comes from the log alone, and after it is durable. A subscription knows cells at a `seq`, and each message
//! takes it to a later one; what it knows is then exactly what the log grants at that `seq`.
//!
//! Nothing here grows with a slow reader: it has a set of changed cells or a queue of events, each with a limit, and when
//! that is reached it starts over ([`Reset::TooFarBehind`]) or ends ([`Message::TooFarBehind`]). Nothing here waits for a
//! reader, and the journal waits for nothing here.

mod change;
mod cursor;
mod entry;
mod filter;
mod history;
mod index;
mod subscription;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crossbeam::queue::SegQueue;

use crate::event::Record;
use crate::ids::{Epoch, Seq};
use crate::journal::JournalReader;
use crate::sequencer::Observer;
use crate::settings::FeedSettings;
use crate::state::State;
use entry::{Entry, entries_of};
use filter::Filter;
use history::{History, read_back};
use index::{Index, Sub};

pub use change::Change;
pub use cursor::{CURSOR_BYTES_MAX, Cursor};
pub use filter::Selection;
pub use index::{Exceeded, Mode, Share, Wake};
pub use subscription::{Item, Message, Reset, Start, Subscription, TrackError};

/// Entries that may wait for the feed's thread. What comes beyond is read back from the log.
const BACKLOG_MAX: usize = 1 << 18;

/// Entries that may wait while nobody is subscribed, before the feed's thread is woken to take them in.
const IDLE_BACKLOG: usize = 4096;

/// Records that are read back from the log at a time.
const READ_BACK: Seq = 4096;

/// How late the feed's thread may notice what nobody woke it for.
const IDLE: Duration = Duration::from_millis(50);

/// The feed. Clones share it.
#[derive(Clone)]
pub struct Feed {
    shared: Arc<Shared>,
}

/// What the feed did, counted since the start; for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// Changes that somebody had to hear of.
    pub matched: AtomicU64,
    /// Values that were replaced by a later one before they were told.
    pub conflated: AtomicU64,
    /// Times that a reader fell behind by more than is kept for one.
    pub overruns: AtomicU64,
    /// Times that a subscriber was told to start over.
    pub resets: AtomicU64,
}

struct Shared {
    state: Arc<State>,
    epoch: Epoch,
    settings: FeedSettings,
    reader: Arc<dyn JournalReader>,
    /// Everything up to this record was put in for those who must hear of it.
    position: AtomicU64,
    index: Mutex<Index>,
    history: History,
    counters: Counters,
    handed: SegQueue<Handed>,
    backlog: AtomicUsize,
    /// The last record that was published, whether handed over or not.
    published: AtomicU64,
    /// Something was published and not handed over.
    skipped: AtomicBool,
    subscribed: AtomicBool,
    /// Cells of snapshots that are on their way out.
    snapshot_cells: AtomicUsize,
    closing: AtomicBool,
    thread: OnceLock<Thread>,
}

/// A batch's entries on their way from the journal thread.
struct Handed {
    first: Seq,
    last: Seq,
    entries: Vec<Entry>,
}

impl Feed {
    pub(crate) fn new(state: Arc<State>, epoch: Epoch, settings: FeedSettings, reader: Arc<dyn JournalReader>) -> Self {
        let index = Index::new(&state);
        let position = index.position();
        let shared = Shared {
            history: History::new(Arc::clone(&reader), position),
            state,
            epoch,
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

    /// Subscribes to `selection`. The first [`Subscription::poll`] is due at once; later ones when `wake` was called,
    /// until they come to nothing.
    ///
    /// # Errors
    /// [`Exceeded`] names the limit that is in the way.
    pub fn subscribe(
        &self,
        selection: Selection,
        mode: Mode,
        start: Start,
        wake: Wake,
    ) -> Result<Subscription, Exceeded> {
        self.subscribe_in(None, selection, mode, start, wake)
    }

    /// The same for a caller who may have a share of everything, and not all of it.
    ///
    /// # Errors
    /// [`Exceeded`] names the limit that is in the way.
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
        Ok(Subscription::new(self.clone(), sub, slot, start))
    }

    /// Up to which record everybody was woken who must hear of it.
    pub fn position(&self) -> Seq {
        self.shared.position.load(Ordering::Acquire)
    }

    /// Subscriptions, and the keys that they track.
    pub fn subscriptions(&self) -> (usize, usize) {
        let index = self.shared.lock_index();
        (index.count(), index.keys())
    }

    /// What the feed did since the start.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// The limits in force.
    pub fn settings(&self) -> &FeedSettings {
        &self.shared.settings
    }

    /// The end of the feed that the journal thread holds.
    pub(crate) fn observer(&self, next: Option<Box<dyn Observer>>) -> Box<dyn Observer> {
        Box::new(Hand { shared: Arc::clone(&self.shared), next })
    }

    /// Takes in what is handed over, until the feed is closed and all of it was.
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

    /// Ends [`run`](Self::run), once nothing is published any more.
    pub(crate) fn close(&self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.shared.wake();
    }
}

impl Shared {
    fn lock_index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn oldest(&self) -> Seq {
        self.reader.oldest()
    }

    /// One round with everything that was handed over; false if that was nothing.
    fn take_in(&self) -> bool {
        let position = self.position.load(Ordering::Relaxed);
        let mut entries = Vec::new();
        let mut last = position;
        while let Some(batch) = self.handed.pop() {
            self.backlog.fetch_sub(batch.entries.len(), Ordering::Relaxed);
            if batch.last <= last {
                continue;
            }
            if batch.first > last + 1 {
                // What lies between did not fit. Reading on to the end of this batch makes up for all of it.
                self.round(&entries, last);
                self.read_back_to(batch.last);
                return true;
            }
            last = batch.last;
            if entries.is_empty() {
                entries = batch.entries;
            } else {
                entries.extend(batch.entries);
            }
            if entries.len() > IDLE_BACKLOG {
                break;
            }
        }
        if last > position {
            self.round(&entries, last);
            return true;
        }
        if self.skipped.swap(false, Ordering::AcqRel) {
            self.read_back_to(self.published.load(Ordering::Acquire));
            return true;
        }
        false
    }

    fn round(&self, entries: &[Entry], last: Seq) {
        // First: whoever sees the new position finds what led there.
        self.history.extend(entries);
        let mut index = self.lock_index();
        let shared = index::Shared { position: &self.position, settings: &self.settings, counters: &self.counters };
        index.round(&self.state, entries, last, &shared);
        self.subscribed.store(!index.is_empty(), Ordering::Relaxed);
    }

    fn read_back_to(&self, last: Seq) {
        loop {
            let position = self.position.load(Ordering::Relaxed);
            if position >= last {
                break;
            }
            let until = last.min(position + READ_BACK);
            // The log was written by this process a moment ago. Should it be unreadable now, nothing that could be told
            // would be true.
            let read = read_back(&*self.reader, position + 1, until);
            let (entries, upto) = read.expect("what was just published can be read back");
            self.round(&entries, upto);
        }
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
