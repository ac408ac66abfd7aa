//! The log as a trait: its operations, their results, and its errors.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use anaquel_cells::ids::{Seq, Timestamp};

use crate::batch::{Batch, CodecError};
use crate::histogram::Histogram;
use crate::store_kind::StoreKind;
use crate::sync_policy::SyncPolicy;

/// The writing end. There is only one, and the journal thread owns it.
pub trait Journal: Send {
    /// Appends `batch` and makes it durable. An acknowledgement relies on `Ok`.
    ///
    /// # Errors
    /// See [`AppendError`]; after any error except [`AppendError::Full`], the writer must stop for good.
    fn append(&mut self, batch: &Batch) -> Result<(), AppendError>;

    /// Makes durable what an interval policy left in memory. Does nothing if `append` always syncs.
    ///
    /// # Errors
    /// As [`Journal::append`].
    fn sync(&mut self) -> Result<(), AppendError> {
        Ok(())
    }

    /// From now on, appends are durable by this policy. A log without a disk has none.
    fn set_sync(&mut self, _policy: SyncPolicy) {}

    /// Whether there is room for an append; called after an append was refused for lack of room.
    fn has_room(&mut self) -> bool {
        true
    }

    /// Drops some whole batches that end before `before`; returns true when none is left. A bounded step, so that an
    /// append never waits long for it.
    ///
    /// # Errors
    /// As [`Journal::append`].
    fn trim(&mut self, before: Seq) -> Result<bool, AppendError>;

    /// Begins to write all records from `from` on a second time, for copies that are taken while the server runs;
    /// continues the files of an earlier run. Does nothing if the log has no files.
    ///
    /// # Errors
    /// An error of the file system. The log continues without these files.
    fn begin_recent(&mut self, _from: Seq) -> io::Result<()> {
        Ok(())
    }

    /// The files for copies are needed from record `from` on; older ones may be deleted.
    fn keep_recent(&mut self, _from: Seq) {}

    /// The reading end.
    fn reader(&self) -> Arc<dyn JournalReader>;
}

/// The reading end, for any number of threads. It may return batches that are not durable yet: callers bound their
/// reads by the visible `seq`.
pub trait JournalReader: Send + Sync {
    /// Visits batches in order, from the one with `from`, until `visit` breaks or the log ends.
    ///
    /// # Errors
    /// [`ReadError`] if the log has trimmed `from` or a stored batch is unreadable.
    fn read(&self, from: Seq, visit: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError>;

    /// The oldest `seq` in the log; one past the last if the log is empty.
    fn oldest(&self) -> Seq;

    /// Durations of flushes to disk, in microseconds; `None` without a disk.
    fn sync_times(&self) -> Option<&Histogram> {
        None
    }

    /// The store that the log is in; `None` without a disk.
    fn store(&self) -> Option<StoreKind> {
        None
    }
}

/// Why a batch is not known to be durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// There is too little room to write it completely. Nothing was written; the caller may try again.
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
        /// The end of the log.
        at: Seq,
        /// The end that this writer expected.
        expected: Seq,
    },
    /// It may be durable or not; only a restart that reads the log can tell.
    #[error("the journal failed, and what was in flight may be durable or not: {0}")]
    Unknown(String),
}

/// Why the log could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The record is older than the log.
    #[error("the log starts at {oldest}")]
    Trimmed {
        /// The oldest `seq` in the log.
        oldest: Seq,
    },
    /// A stored batch is unreadable.
    #[error("{0}")]
    Damaged(Damage),
}

/// Damage in the log: where, what, and the remedy.
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

/// The contents of a log that was opened, as far as they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last valid `seq`; 0 for an empty log.
    pub last_seq: Seq,
    /// The time of its batch.
    pub last_time: Timestamp,
    /// Dropped parts of an unfinished, never acknowledged batch at the end.
    pub torn_parts: u64,
    /// The first record of the oldest batch that was read; older ones were not checked. 0 for an empty log.
    pub read_from: Seq,
    /// The oldest record that the log has.
    pub oldest: Seq,
    /// Batches read.
    pub batches: u64,
    /// Bytes of their parts.
    pub bytes: u64,
}

/// The contents of a copied log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mended {
    /// The oldest record of the log, after which nothing is missing.
    pub oldest: Seq,
    /// The last complete record.
    pub last_seq: Seq,
    /// The durable end of the log when the file was copied; records in between are only in the original.
    pub marked: Seq,
}
