//! A shared log as a trait: its operations, their results, and its errors.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anaquel_cells::ids::{Seq, Timestamp};
use anaquel_log::{Head, SealError, Sealed, Term};

/// What a shared log can take, and what it claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of records in one batch.
    pub batch_bytes: usize,
    /// What an acknowledged append survives, in words for operators; proven by checks at a start.
    pub durability: String,
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It is on stable storage of as many nodes as the shared log promises. Only this may be acknowledged.
    Durable,
    /// Refused for certain: the log ends elsewhere. If `at` is the head that the batch makes, an earlier try had landed.
    Fenced {
        /// The end of the log.
        at: Head,
    },
    /// Refused for certain, and nothing was written: no room, or too large.
    Full {
        /// Why, for operators.
        reason: String,
    },
    /// It may be there or not, and may still arrive. It must be resolved before anything else is appended.
    Unknown {
        /// Why, for operators.
        reason: String,
    },
}

/// The end of the log, and its sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// The end of the log.
    pub head: Head,
    /// How often the writer said under this head that it lives.
    pub ticks: u64,
    /// The log's time at the last of them.
    pub time: Timestamp,
}

/// The writing end, for one thread. Calls block until `deadline` at most.
pub trait SharedLog: Send {
    /// What it can take, and what it claims.
    fn limits(&self) -> Limits;

    /// Begins the log at `head`, if there is none. An act of an operator, once: no node does it by itself.
    fn found(&mut self, head: &Head, deadline: Instant) -> Appended;

    /// Appends `batch` if the log ends at the head that it follows, in one step. A batch that was appended before is
    /// [`Appended::Fenced`] at the head that it makes.
    fn append(&mut self, batch: &Sealed, deadline: Instant) -> Appended;

    /// Says that the writer lives, if the log ends at `head`. It changes neither the head nor the log.
    fn tick(&mut self, head: &Head, time: Timestamp, deadline: Instant) -> Appended;

    /// The end of the log, as no failover can take it back, and not older than this call; `None` before it was founded.
    ///
    /// # Errors
    /// It cannot be reached.
    fn pulse(&mut self, deadline: Instant) -> Result<Option<Pulse>, LogError>;

    /// Lets go of whole batches that end before record `before`, if `term` is still that of the log.
    ///
    /// # Errors
    /// It cannot be reached.
    fn trim(&mut self, before: Seq, term: Term, deadline: Instant) -> Result<Trimmed, LogError>;

    /// The reading end.
    fn reader(&self) -> Arc<dyn SharedLogReader>;
}

/// How a trim ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trimmed {
    /// The log begins there, at the first record of a batch.
    From(Seq),
    /// Another writer took over; nothing was let go.
    Deposed(Head),
}

/// The reading end, for any number of threads. It shows only what no failover can take back.
pub trait SharedLogReader: Send + Sync {
    /// The head before the oldest batch that the log still has: a node that is there can go on. `None` before the log was
    /// founded.
    ///
    /// # Errors
    /// It cannot be reached.
    fn floor(&self, deadline: Instant) -> Result<Option<Head>, LogError>;

    /// Reads from the batch on that holds `from`, or that will.
    ///
    /// # Errors
    /// [`LogError::Trimmed`] if the log no longer has it.
    fn tail(&self, from: Seq, deadline: Instant) -> Result<Box<dyn Tail>, LogError>;
}

/// Batches in order, without a gap. The caller compares their chain with its own.
pub trait Tail: Send {
    /// The next batch, or the end of the log if none came for `wait`.
    ///
    /// # Errors
    /// It cannot be reached; the caller begins anew.
    fn next(&mut self, wait: Duration) -> Result<Next, LogError>;
}

/// What a tail has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A batch.
    Batch(Box<Sealed>),
    /// Nothing for now.
    Idle,
}

/// Why a shared log does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It cannot be reached, or did not answer in time.
    #[error("the shared log does not answer: {0}")]
    Unreachable(String),
    /// The records are no longer there.
    #[error("the shared log begins at {oldest}")]
    Trimmed {
        /// The oldest record.
        oldest: Seq,
    },
    /// What it has is not what was appended.
    #[error("the shared log is damaged: {0}")]
    Damaged(String),
}

impl From<SealError> for LogError {
    fn from(error: SealError) -> Self {
        Self::Damaged(error.to_string())
    }
}
