//! The threads behind the handle: the journal thread, which decides and writes, and the checkpoint thread.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender};

use super::intake::Sleeper;
use super::replica::{Following, Stopping};
use super::shared::{CheckpointRequest, IDLE_MS, Shared};
use crate::command::{Command, Queued};
use crate::engine::checkpoint;
use crate::engine::sequencer::Sequencer;
use crate::feed::Feed;
use crate::ids::{Seq, Timestamp};
use crate::journal::{Journal, SyncPolicy};
use crate::outcome::CommandResult;
use crate::{catalogue, demand};

/// The longest that a long checkpoint is waited for, in milliseconds: a day.
const CHECKPOINT_WAIT_MS: u64 = 86_400_000;

/// Channels whose ids may be released after one checkpoint: the maximum of one record.
const RELEASED_PER_IMAGE: usize = 4096;

pub(super) struct JournalThread {
    pub(super) shared: Arc<Shared>,
    pub(super) sequencer: Sequencer,
    pub(super) sleeper: Sleeper,
    pub(super) ask_checkpoint: Sender<CheckpointRequest>,
    pub(super) bytes_since_checkpoint: u64,
    /// When the last one was asked for.
    pub(super) checkpoint_asked_at: Timestamp,
    /// When lost demand was last logged.
    pub(super) noted_at: Timestamp,
    /// When an append is durable while this node decides.
    pub(super) sync: SyncPolicy,
    pub(super) last_sync: Timestamp,
    pub(super) following: Following,
    pub(super) feed: Feed,
}

/// Ends the process if the journal or the feed thread panics: memory may be half folded, or a change sent to only some
/// subscribers.
pub(super) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

impl JournalThread {
    /// Returns the journal, which holds the lock on its directory.
    pub(super) fn run(mut self) -> Box<dyn Journal> {
        let _abort = AbortOnPanic;
        let mut commands = VecDeque::new();
        self.last_sync = self.shared.clock.now();
        if !self.shared.decides() {
            self.sequencer.set_sync(SyncPolicy::Interval);
        }
        loop {
            let closing = self.shared.intake.is_closing();
            let decides = self.shared.decides();
            let is_idle = if decides { self.lead(closing, &mut commands) } else { self.follow() };
            let recent_from = self.shared.recent_from.swap(0, Ordering::Relaxed);
            if recent_from > 0 {
                self.sequencer.keep_recent(recent_from);
            }
            let trim_before = self.shared.trim_before();
            if trim_before > 0
                && let Some(may_go) = self.shared.old_log.allows_trim()
                && (!may_go || self.sequencer.trim(trim_before))
            {
                self.shared.trim_before.store(0, Ordering::Relaxed);
            }
            let was_full = self.shared.lock_full().is_some();
            let full = self.sequencer.full();
            if was_full || full.is_some() {
                *self.shared.lock_full() = full.cloned();
            }
            if let Some(error) = self.sequencer.failure() {
                self.shared.failure.get_or_init(|| error.to_string());
            }
            self.shared.watch.rests();
            if is_idle {
                // `closing` as read above: at the end, lost demand is logged first.
                if closing && self.shared.intake.is_over() {
                    break;
                }
                // A node that follows has waited for messages.
                if decides {
                    let now = self.shared.clock.now();
                    let until = self.sequencer.next_deadline().map_or(IDLE_MS, |deadline| deadline.since_ms(now));
                    self.sleeper.sleep(Duration::from_millis(until.clamp(1, IDLE_MS)));
                }
            }
        }
        self.sync();
        // Whoever asks from now on is told, and nobody waits.
        *self.shared.link.stopping() = Stopping::Over;
        self.sequencer.into_journal()
    }

    /// A turn of a node that decides. Returns whether nothing waited for it.
    fn lead(&mut self, closing: bool, commands: &mut VecDeque<Queued>) -> bool {
        let limit = self.shared.settings.batch_commands_max.saturating_sub(commands.len());
        self.shared.intake.take(limit, commands);
        let now = self.shared.clock.now();
        self.note_lost(now, closing, commands);
        self.release_names(closing, commands);
        self.sequencer.freeze(self.shared.expiry_frozen.load(Ordering::Relaxed));
        self.sequencer.held_back_ms = self.shared.clock.held_back_ms();
        let waiting = commands.len();
        self.shared.watch.begins("intake");
        let due = self.sequencer.next_deadline().is_some_and(|deadline| deadline <= now);
        if waiting > 0 || due {
            let cycle = self.sequencer.cycle(now, commands);
            let taken = waiting - commands.len();
            self.note_for_checkpoint(cycle.bytes as u64, now);
            self.shared.intake.answered(taken);
        } else {
            self.sequencer.forget(now);
        }
        if let Some(interval) = self.shared.settings.sync_interval_ms {
            let wanted = self.shared.sync_wanted.swap(false, Ordering::Relaxed);
            if wanted || closing || now.since_ms(self.last_sync) >= interval {
                self.sync();
                self.last_sync = now;
            }
        }
        // Whoever was admitted before it was to stop is answered first.
        if waiting == 0 && self.shared.is_stopping.load(Ordering::SeqCst) && self.shared.intake.under_way() == 0 {
            self.demote();
        }
        waiting == 0
    }

    /// Periodically, and at the end, refused demand is logged.
    fn note_lost(&mut self, now: Timestamp, closing: bool, commands: &mut VecDeque<Queued>) {
        let (lost, every) = (&self.shared.state.lost, self.shared.settings.lost_demand_seconds);
        let wait_ms = if lost.is_many() { 1000 } else { every.saturating_mul(1000) };
        let due = closing || now.since_ms(self.noted_at) >= wait_ms;
        if every == 0 || !due || lost.is_empty() || self.sequencer.failure().is_some() {
            return;
        }
        self.noted_at = now;
        for rows in lost.take() {
            self.shared.intake.own();
            commands.push_back(Queued {
                command: Command::Demand(demand::command::Command::Note(rows)),
                cause: None,
                done: Box::new(|_: CommandResult| ()),
            });
        }
    }

    /// Channels that the checkpoint thread found unused are checked again, in log order.
    fn release_names(&self, closing: bool, commands: &mut VecDeque<Queued>) {
        if closing || !self.shared.has_unused.load(Ordering::Acquire) || self.sequencer.failure().is_some() {
            return;
        }
        self.shared.has_unused.store(false, Ordering::Relaxed);
        let unused = std::mem::take(&mut *self.shared.unused.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some((seq, channels)) = unused {
            self.shared.intake.own();
            let command = Command::Catalogue(catalogue::command::Command::Release(channels, seq));
            commands.push_back(Queued { command, cause: None, done: Box::new(|_| ()) });
        }
    }

    pub(super) fn sync(&mut self) {
        self.sequencer.sync();
        if self.sequencer.failure().is_none() {
            self.shared.synced.store(self.shared.state.view.seq(), Ordering::Release);
        }
    }

    /// So many bytes were appended: asks for a checkpoint when one is due.
    pub(super) fn note_for_checkpoint(&mut self, bytes: u64, now: Timestamp) {
        self.bytes_since_checkpoint += bytes;
        // A checkpoint is written whole: what it costs a record must not grow with all that memory holds. But what it ends
        // with, such as the trim of the log, waits for no more than a day.
        let is_long = self.bytes_since_checkpoint >= self.shared.checkpoint_length.load(Ordering::Relaxed);
        if self.bytes_since_checkpoint >= self.shared.settings.checkpoint_bytes
            && (is_long || now.since_ms(self.checkpoint_asked_at) >= CHECKPOINT_WAIT_MS)
            && self.ask_checkpoint.try_send(CheckpointRequest(None)).is_ok()
        {
            (self.bytes_since_checkpoint, self.checkpoint_asked_at) = (0, now);
        }
    }
}

/// The niceness of work that may wait: on a busy processor it gets a quarter of what a request gets, and the whole of one
/// that is idle.
const BEHIND: i32 = 6;

/// Starts a thread for work that may wait: on a busy processor, requests come first.
pub(super) fn behind(name: &str, run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let run = move || {
        // Where it is refused, the work competes, and is done all the same.
        let _ = rustix::process::setpriority_process(None, BEHIND);
        run();
    };
    std::thread::Builder::new().name(name.into()).spawn(run).expect("a thread can be started")
}

/// Takes a checkpoint on request, and reports how much of the log is no longer needed.
pub(super) fn take_checkpoints(shared: &Shared, directory: &Path, asked: &Receiver<CheckpointRequest>) {
    for CheckpointRequest(tell) in asked {
        let now = shared.clock.now();
        let kept_ms = |seconds: u64| Timestamp(now.0.saturating_sub(seconds.saturating_mul(1000)));
        shared.state.movements.let_go(kept_ms(shared.settings.movement_retention_seconds));
        // The epoch of its records: a later era may be known, and never come. All of them must be of one.
        let epoch_of = |seq: Seq| shared.identity.load().epoch_of(seq.max(1));
        let epoch = epoch_of(shared.state.view.seq());
        let taken = checkpoint::write(&shared.state, epoch, directory, shared.reserve_bytes, |seq| {
            shared.sync_up_to(seq) && epoch_of(seq) == epoch
        });
        let taken = taken.map_err(|error| error.to_string());
        // After a failure the next one is tried without waiting for its length.
        let length = if taken.is_ok() { checkpoint::newest_length(directory) } else { 0 };
        shared.checkpoint_length.store(length, Ordering::Relaxed);
        if taken.is_ok() {
            shared.counters.checkpoints.fetch_add(1, Ordering::Relaxed);
            let unused = shared.state.unused_channels(RELEASED_PER_IMAGE);
            if !unused.1.is_empty() {
                *shared.unused.lock().unwrap_or_else(PoisonError::into_inner) = Some(unused);
                shared.has_unused.store(true, Ordering::Release);
                shared.intake.wake();
            }
            if let Ok(Some(needed_from)) = checkpoint::keep_two(directory) {
                shared.recent_from.store(needed_from + 1, Ordering::Relaxed);
                let kept_from = first_seq_since(shared, kept_ms(shared.settings.log_kept_seconds()));
                shared.trim_before.store(kept_from.min(needed_from + 1), Ordering::Relaxed);
            }
        }
        if let Some(tell) = tell {
            let _ = tell.send(taken);
        }
    }
}

/// The first `seq` logged at or after `time`: a binary search in the log, whose times never go back.
fn first_seq_since(shared: &Shared, time: Timestamp) -> Seq {
    let (mut low, mut high) = (shared.reader.oldest(), shared.state.view.seq() + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let mut logged_at = None;
        let read = shared.reader.read(middle, &mut |batch| {
            logged_at = Some(batch.time);
            ControlFlow::Break(())
        });
        match logged_at {
            Some(at) if read.is_ok() && at < time => low = middle + 1,
            _ => high = middle,
        }
    }
    low
}
