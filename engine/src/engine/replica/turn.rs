//! A turn of the journal thread of a node that does not decide.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::link::{FollowError, Received};
use crate::engine::directory::DataDirectory;
use crate::engine::threads::JournalThread;
use crate::journal::{self, AppendError, Head, OpenError, Sealed};
use crate::refusal::Failure;

/// Bytes of batches after which a turn ends, so that what else is due has its turn.
const TURN_BYTES: usize = 4 << 20;

/// How long what was appended may wait for its sync, by the clock, while more comes in.
const SYNC_MS: u64 = 50;

/// How long a turn waits for a message.
const WAIT: Duration = Duration::from_millis(20);

/// How long it waits for room on a full disk.
const FULL: Duration = Duration::from_millis(200);

impl JournalThread {
    /// Works off what came in. Returns whether it is all worked off.
    pub(in crate::engine) fn follow(&mut self) -> bool {
        self.turn_away();
        let mut bytes = 0;
        if self.following.backlog.is_empty() {
            let mut next = self.following.inbox.as_ref().and_then(|inbox| inbox.recv_timeout(WAIT).ok());
            while let Some(received_one) = next.take() {
                self.hear(received_one, &mut bytes);
                if self.shared.decides() {
                    return true;
                }
                if bytes < TURN_BYTES && self.following.backlog.is_empty() {
                    next = self.following.inbox.as_ref().and_then(|inbox| inbox.try_recv().ok());
                }
            }
        } else {
            std::thread::sleep(FULL);
            self.work_off(&mut bytes);
        }
        self.shared.link.is_held_up.store(!self.following.backlog.is_empty(), Ordering::Release);
        let now = self.shared.clock.now();
        let is_idle = bytes == 0;
        let is_wanted = self.shared.sync_wanted.swap(false, Ordering::Relaxed);
        let is_due = is_idle || now.since_ms(self.following.synced_at) >= SYNC_MS;
        if is_wanted || self.following.unsynced && is_due {
            self.sync();
            (self.following.unsynced, self.following.synced_at) = (false, now);
        }
        // By the log's time, as on the node that decides.
        self.sequencer.forget(self.shared.state.last_time());
        is_idle
    }

    /// Refuses what was admitted while this node stopped deciding.
    fn turn_away(&mut self) {
        let mut commands = VecDeque::new();
        self.shared.intake.take(usize::MAX, &mut commands);
        let count = commands.len();
        for queued in commands {
            self.sequencer.refuse(queued, Failure::Demoted);
        }
        self.shared.intake.answered(count);
    }

    fn hear(&mut self, received: Received, bytes: &mut usize) {
        match received {
            Received::Batches(batches) => {
                self.following.backlog.extend(batches);
                self.work_off(bytes);
            }
            Received::Begin(tell) => {
                *self.shared.link.trouble() = None;
                let begun = self.begin();
                self.following.head = begun.as_ref().ok().copied();
                let _ = tell.send(begun);
            }
            Received::Identity(text, tell) => drop(tell.send(self.take_identity(&text))),
            Received::Promote(entropy, claim, tell) => {
                if claim.is_first() {
                    let _ = tell.send(self.promote(entropy));
                }
            }
        }
    }

    /// Where this node's log ends.
    fn begin(&self) -> Result<Head, FollowError> {
        let seq = self.shared.state.view.seq();
        match self.shared.head_at(seq) {
            Ok(Some(head)) => Ok(head),
            Ok(None) => Err(FollowError::Local(format!("record {seq} is not in the log"))),
            Err(error) => Err(FollowError::Local(error.to_string())),
        }
    }

    fn take_identity(&self, text: &str) -> Result<(), FollowError> {
        let shared = &self.shared;
        let Some(directory) = &shared.directory else { return Err(FollowError::Local("in memory".into())) };
        let last_seq = shared.state.view.seq();
        let taken = DataDirectory::again(directory).and_then(|mut again| again.takes_eras(text, last_seq));
        let identity = taken.map_err(|error| match error {
            OpenError::Damaged(damage) => FollowError::Forked(damage.what),
            error => FollowError::Local(error.to_string()),
        })?;
        shared.identity.store(identity.into());
        self.feed.begin_era(&shared.identity.load());
        Ok(())
    }

    /// Appends and folds the backlog, until the disk is full or a batch is not taken.
    fn work_off(&mut self, bytes: &mut usize) {
        while let Some(sealed) = self.following.backlog.pop_front() {
            // After a batch that was not taken, the rest of its connection is not either.
            let Some(head) = self.following.head else { continue };
            match self.take(&head, &sealed) {
                Ok(true) => {
                    *bytes += sealed.batch().body.len();
                    self.following.head = Some(*sealed.becomes());
                    self.following.unsynced = true;
                    self.note_for_checkpoint(sealed.batch().body.len() as u64, sealed.batch().time);
                }
                Ok(false) => {
                    self.following.backlog.push_front(sealed);
                    return;
                }
                Err(error) => {
                    self.following.head = None;
                    *self.shared.link.trouble() = Some(error);
                }
            }
        }
    }

    /// Takes one batch; false if there is no room for it now.
    fn take(&mut self, head: &Head, sealed: &Sealed) -> Result<bool, FollowError> {
        sealed.continues(head)?;
        let batch = sealed.batch();
        // Its ids and cursors would be read by another epoch here: the eras come first.
        let (told, known) = (sealed.becomes().history, self.shared.identity.load().epoch_of(batch.last_seq()));
        if told != known {
            return Err(FollowError::Unintroduced { seq: batch.last_seq(), told, known });
        }
        let unreadable = |error: journal::CodecError| FollowError::Unreadable(error.to_string());
        // Before anything is written: what cannot be folded must not be in the log.
        let records = journal::records(batch).map_err(unreadable)?;
        let ends = batch.command_ends().map_err(unreadable)?;
        if self.sequencer.failure().is_some() {
            return Err(FollowError::Local("the log of this node cannot be written".into()));
        }
        match self.shared.archive_copied(&records) {
            Ok(()) => self.shared.note_archive_trouble(None),
            Err(error) => {
                self.shared.note_archive_trouble(Some(error));
                return Ok(false);
            }
        }
        match self.sequencer.follow(batch, &records, &ends) {
            Ok(()) => Ok(true),
            Err(AppendError::Full { .. }) => {
                self.shared.archive_takes_back(&records).map_err(FollowError::Local)?;
                Ok(false)
            }
            Err(error) => Err(FollowError::Local(error.to_string())),
        }
    }
}
