//! The writer of a shared log: one batch at a time, resolved before the next.
//!
//! # Unknown outcomes
//! A call may fail after the shared log took its batch, and a batch may arrive after its call failed. So:
//!
//! 1. The *same* batch is sent again: same id, same head before it. `Durable`, or fenced at the head that it makes: it is
//!    there. Fenced elsewhere: another writer took over.
//! 2. No *different* batch is ever sent on a head on which one is unknown: the first may still arrive. Only a new term gives
//!    up on it.
//! 3. What a reader shows proves presence, never absence.
//! 4. *Full* settles a first try alone: the shared log may look for room before it looks at the head, and an earlier try may
//!    have landed. So does *fenced*: it refuses this try, and says nothing of an earlier one.

use std::time::{Duration, Instant};

use anaquel_cells::ids::Epoch;
use anaquel_log::{Batch, BatchId, Head, Sealed, Term};

use crate::log::{Appended, LogError, SharedLog};

/// How long the writer tries.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The longest time of one call.
    pub call: Duration,
    /// The longest time until an unknown outcome is resolved; then the writer stops for good.
    pub resolve: Duration,
    /// The pause between two tries.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { call: Duration::from_secs(3), resolve: Duration::from_secs(10), pause: Duration::from_millis(50) }
    }
}

/// Why a batch is not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Nothing was written; the same records may be tried again, in another batch.
    #[error("the shared log has no room: {0}")]
    Full(String),
    /// Another writer took over before this batch was ever sent. It is not in the log.
    #[error("another node decides since term {}", .at.term.0)]
    Deposed {
        /// The end of the log.
        at: Head,
    },
    /// It may be in the log or not. This writer has stopped for good: only a new term tells.
    #[error("it is unknown whether the shared log has the write: {0}")]
    Unknown(String),
}

/// What is to be done next with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is in the log.
    Committed(Box<Sealed>),
    /// Its outcome is unknown: [`Committer::again`].
    Again(String),
}

/// The result of a blocking call.
pub type Commit = Result<Sealed, CommitError>;

/// The writer of one term.
pub struct Committer {
    log: Box<dyn SharedLog>,
    patience: Patience,
    /// The end of the log, as this writer knows it.
    head: Head,
    term: Term,
    run: u64,
    next: u64,
    /// The batch whose outcome is unknown.
    pending: Option<Sealed>,
    /// Why it has stopped.
    stopped: Option<CommitError>,
}

impl Committer {
    /// A writer that is to take over from the log's end `head`, under the next term. `run` is 64 random bits of this process.
    /// Its first batch is the takeover: until that is committed, it is no writer.
    pub fn taking_over(log: Box<dyn SharedLog>, patience: Patience, head: Head, run: u64) -> Self {
        let term = Term(head.term.0 + 1);
        Self { log, patience, head, term, run, next: 1, pending: None, stopped: None }
    }

    /// The end of the log, as this writer knows it.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Its term.
    pub fn term(&self) -> Term {
        self.term
    }

    /// Why it has stopped, if it has.
    pub fn stopped(&self) -> Option<&CommitError> {
        self.stopped.as_ref()
    }

    /// The shared log, for reads.
    pub fn log(&mut self) -> &mut dyn SharedLog {
        self.log.as_mut()
    }

    /// Appends `batch`, which must follow the last one, in `history`. Tries until its outcome is known, or for as long as
    /// its patience lasts.
    ///
    /// # Errors
    /// [`CommitError`]; after any but [`CommitError::Full`], this writer has stopped for good.
    pub fn commit(&mut self, history: Epoch, batch: Batch) -> Commit {
        let began = Instant::now();
        let mut step = self.begin(history, batch, began)?;
        loop {
            match step {
                Step::Committed(sealed) => return Ok(*sealed),
                Step::Again(reason) if began.elapsed() >= self.patience.resolve => return Err(self.give_up(reason)),
                Step::Again(_) => std::thread::sleep(self.patience.pause),
            }
            step = self.again(Instant::now())?;
        }
    }

    /// The first try. `now` is the time of the call.
    ///
    /// # Errors
    /// As [`Committer::commit`].
    pub fn begin(&mut self, history: Epoch, batch: Batch, now: Instant) -> Result<Step, CommitError> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        assert!(self.pending.is_none(), "a batch whose outcome is unknown is resolved before the next");
        let id = BatchId { run: self.run, number: self.next };
        self.next += 1;
        let sealed = Sealed::seal(self.head, history, self.term, id, batch);
        match self.log.append(&sealed, now + self.patience.call) {
            Appended::Durable => Ok(self.committed(sealed)),
            Appended::Fenced { at } if at == *sealed.becomes() => Ok(self.committed(sealed)),
            Appended::Fenced { at } => Err(self.stop(CommitError::Deposed { at })),
            // Nothing was ever sent on this head: another batch may be.
            Appended::Full { reason } => Err(CommitError::Full(reason)),
            Appended::Unknown { reason } => {
                self.pending = Some(sealed);
                Ok(Step::Again(reason))
            }
        }
    }

    /// Sends the batch whose outcome is unknown once more.
    ///
    /// # Errors
    /// As [`Committer::commit`].
    ///
    /// # Panics
    /// There is none.
    pub fn again(&mut self, now: Instant) -> Result<Step, CommitError> {
        let sealed = self.pending.clone().expect("a batch is pending");
        match self.log.append(&sealed, now + self.patience.call) {
            Appended::Durable => Ok(self.committed(sealed)),
            Appended::Fenced { at } if at == *sealed.becomes() => Ok(self.committed(sealed)),
            // The earlier try may have landed before the other writer took over, and be part of its log.
            Appended::Fenced { at } => {
                let reason = format!("another node decides since term {}", at.term.0);
                Err(self.stop(CommitError::Unknown(reason)))
            }
            Appended::Full { reason } | Appended::Unknown { reason } => Ok(Step::Again(reason)),
        }
    }

    /// Gives up on a batch whose outcome is unknown. It may still arrive, so nothing is sent any more.
    pub fn give_up(&mut self, reason: String) -> CommitError {
        self.stop(CommitError::Unknown(reason))
    }

    /// Confirms that this writer still is the writer, and that its head is the end of the log, at some moment of this call:
    /// an answer that rests on no append may go out then.
    ///
    /// # Errors
    /// Another writer took over; or the log does not answer, and nothing may be said.
    pub fn confirm(&mut self, deadline: Instant) -> Result<(), CommitError> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        match self.log.pulse(deadline) {
            Ok(Some(pulse)) if pulse.head == self.head => Ok(()),
            Ok(Some(pulse)) if self.pending.as_ref().is_some_and(|sealed| *sealed.becomes() == pulse.head) => Ok(()),
            Ok(Some(pulse)) => Err(self.stop(CommitError::Deposed { at: pulse.head })),
            Ok(None) => Err(CommitError::Unknown("the shared log was never founded".into())),
            Err(error @ (LogError::Unreachable(_) | LogError::Trimmed { .. } | LogError::Damaged(_))) => {
                Err(CommitError::Unknown(error.to_string()))
            }
        }
    }

    fn committed(&mut self, sealed: Sealed) -> Step {
        self.head = *sealed.becomes();
        self.pending = None;
        Step::Committed(Box::new(sealed))
    }

    fn stop(&mut self, why: CommitError) -> CommitError {
        self.stopped.get_or_insert(why.clone());
        why
    }
}
