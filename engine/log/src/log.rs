//! The log as a trait: what it takes, what it answers, and what may be wrong with it.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use anaquel_cells::ids::{Seq, Timestamp};

use crate::batch::{Batch, CodecError};
use crate::histogram::Histogram;

/// The writing end. There is one, and it belongs to the journal thread.
pub trait Journal: Send {
    /// Appends `batch` and makes it durable. `Ok` is the promise that an acknowledgement passes on.
    ///
    /// # Errors
    /// See [`AppendError`]; after anything but [`AppendError::Full`] the writer must stop for good.
    fn append(&mut self, batch: &Batch) -> Result<(), AppendError>;

    /// Makes durable what an interval policy may have left in memory. Nothing to do where `append` always syncs.
    ///
    /// # Errors
    /// As [`Journal::append`].
    fn sync(&mut self) -> Result<(), AppendError> {
        Ok(())
    }

    /// Whether there is room for an append; asked while one was refused for want of it.
    fn has_room(&mut self) -> bool {
        true
    }

    /// Lets go of some whole batches that end before `before`; true when none is left. A bounded step, so that an append
    /// never waits long behind it.
    ///
    /// # Errors
    /// As [`Journal::append`].
    fn trim(&mut self, before: Seq) -> Result<bool, AppendError>;

    /// Begins to write everything from record `from` on a second time, for copies that are taken meanwhile; goes on where
    /// the files of an earlier run end. Nothing to do where there are no files.
    ///
    /// # Errors
    /// What the file system said. The log goes on without.
    fn begin_recent(&mut self, _from: Seq) -> io::Result<()> {
        Ok(())
    }

    /// What copies of the log are opened from is needed from record `from` on; what is older may go.
    fn keep_recent(&mut self, _from: Seq) {}

    /// The reading end.
    fn reader(&self) -> Arc<dyn JournalReader>;
}

/// The reading end, for any number of threads. It may show batches that are not durable yet: callers bound what they
/// read by the visible `seq`.
pub trait JournalReader: Send + Sync {
    /// Visits batches in order, from the one that holds `from`, until `visit` breaks or the log ends.
    ///
    /// # Errors
    /// [`ReadError`] where the log has trimmed `from` or a stored batch cannot be read.
    fn read(&self, from: Seq, visit: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError>;

    /// The oldest `seq` still kept; one past the last where nothing is.
    fn oldest(&self) -> Seq;

    /// Microseconds that each flush to the disk took; none where there is no disk.
    fn sync_times(&self) -> Option<&Histogram> {
        None
    }
}

/// Why a batch is not known to be durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// There is too little room to write it whole. Nothing was written; it may be tried again.
    #[error("the disk has {free} bytes left; {needed} are kept free so that the log stays whole")]
    Full {
        /// Bytes left.
        free: u64,
        /// Bytes that must stay free.
        needed: u64,
    },
    /// Another writer is ahead.
    #[error("the log is at {at}, not at {expected}: another writer is ahead")]
    Fenced {
        /// Where the log stands.
        at: Seq,
        /// Where this writer thought it stood.
        expected: Seq,
    },
    /// It may be durable or not; only reading back after a restart can tell.
    #[error("the journal failed, and what was in flight may be durable or not: {0}")]
    Unknown(String),
}

/// Why the log could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// What was asked for is older than what is kept.
    #[error("the log is kept from {oldest} on")]
    Trimmed {
        /// The oldest `seq` still kept.
        oldest: Seq,
    },
    /// A stored batch cannot be read.
    #[error("{0}")]
    Damaged(Damage),
}

/// Damage found in the log: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the log is damaged at record {seq}: {what}. Restore the data directory from a copy, or from a standby; the records before {seq} can be read with `anaquel inspect`"
)]
pub struct Damage {
    /// The first record that cannot be trusted.
    pub seq: Seq,
    /// What is wrong with it.
    pub what: String,
}

impl From<CodecError> for Damage {
    fn from(CodecError { seq, what }: CodecError) -> Self {
        Self { seq, what }
    }
}

/// What a log was found to hold when it was opened, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last `seq` that counts; 0 for an empty log.
    pub last_seq: Seq,
    /// The time of its batch.
    pub last_time: Timestamp,
    /// Parts of an unfinished, never acknowledged batch at the end, which were dropped.
    pub torn_parts: u64,
    /// The first record of the oldest batch that was read; what lies before it was not looked at. 0 for an empty log.
    pub read_from: Seq,
    /// The oldest record that the log has.
    pub oldest: Seq,
    /// Batches read.
    pub batches: u64,
    /// Bytes of their parts.
    pub bytes: u64,
}
