//! How a log is kept on disk, and why one could not be opened: the same whatever store it is kept in.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::log::Damage;

/// When an append is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before it returns.
    Always,
    /// When [`Journal::sync`] is called next. A crash in between loses what was acknowledged.
    Interval,
}

/// How the log is kept.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    /// When an append is durable.
    pub sync: SyncPolicy,
    /// Bytes of the file system that stay free: an append that would go below is refused before it is begun.
    pub reserve_bytes: u64,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { sync: SyncPolicy::Always, reserve_bytes: 64 << 20 }
    }
}

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The log holds something else than what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

impl OpenError {
    /// Says of what the file system said which path it was about.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Makes a directory's entries durable.
pub fn sync_directory(directory: &Path) -> Result<(), OpenError> {
    File::open(directory).and_then(|handle| handle.sync_all()).map_err(OpenError::io(directory))
}
