//! The state that the feed, its thread and its subscriptions share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use arc_swap::ArcSwap;
use crossbeam::queue::SegQueue;

use super::counters::Counters;
use super::entry::Entry;
use super::history::{History, read_back};
use super::index::{self, Index};
use crate::engine::identity::Identity;
use crate::ids::{Epoch, Seq};
use crate::journal::JournalReader;
use crate::settings::FeedSettings;
use crate::state::DurableState;

/// Entries that may wait without any subscription before the feed's thread is woken.
pub(super) const IDLE_BACKLOG: usize = 4096;

/// Records that are read from the log at once.
pub(super) const READ_BACK: Seq = 4096;

pub(super) struct Shared {
    pub(super) state: Arc<DurableState>,
    /// The eras of the log.
    pub(super) identity: ArcSwap<Identity>,
    pub(super) settings: FeedSettings,
    pub(super) reader: Arc<dyn JournalReader>,
    /// Everything up to this record was passed to the matching subscriptions.
    pub(super) position: AtomicU64,
    pub(super) index: Mutex<Index>,
    pub(super) history: History,
    pub(super) counters: Counters,
    pub(super) handed: SegQueue<Handed>,
    pub(super) backlog: AtomicUsize,
    /// The last published record, whether it was passed on or not.
    pub(super) published: AtomicU64,
    /// A record was published and not passed on.
    pub(super) skipped: AtomicBool,
    pub(super) subscribed: AtomicBool,
    /// Cells of snapshots that are being sent.
    pub(super) snapshot_cells: AtomicUsize,
    pub(super) closing: AtomicBool,
    pub(super) thread: OnceLock<Thread>,
}

/// The entries of a batch on their way from the journal thread.
pub(super) struct Handed {
    pub(super) first: Seq,
    pub(super) last: Seq,
    pub(super) entries: Vec<Entry>,
}

impl Shared {
    pub(super) fn lock_index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The epoch of cursors.
    pub(super) fn epoch(&self) -> Epoch {
        self.identity.load().epoch()
    }

    pub(super) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(super) fn oldest(&self) -> Seq {
        self.reader.oldest()
    }

    /// One round with all passed entries; false if there were none.
    pub(super) fn take_in(&self) -> bool {
        let position = self.position.load(Ordering::Relaxed);
        let mut entries = Vec::new();
        let mut last = position;
        while let Some(batch) = self.handed.pop() {
            self.backlog.fetch_sub(batch.entries.len(), Ordering::Relaxed);
            if batch.last <= last {
                continue;
            }
            if batch.first > last + 1 {
                // Earlier entries did not fit. Reading to the end of this batch covers all of them.
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

    pub(super) fn round(&self, entries: &[Entry], last: Seq) {
        // First: a reader of the new position finds the entries before it.
        self.history.extend(entries);
        let mut index = self.lock_index();
        let shared = index::Shared { position: &self.position, settings: &self.settings, counters: &self.counters };
        index.round(&self.state, entries, last, &shared);
        self.subscribed.store(!index.is_empty(), Ordering::Relaxed);
    }

    pub(super) fn read_back_to(&self, last: Seq) {
        loop {
            let position = self.position.load(Ordering::Relaxed);
            if position >= last {
                break;
            }
            let until = last.min(position + READ_BACK);
            // This process wrote the log a moment ago. If it is unreadable now, no message would be true.
            let read = read_back(&*self.reader, position + 1, until);
            let (entries, upto) = read.expect("the records just published are readable");
            self.round(&entries, upto);
        }
    }
}
