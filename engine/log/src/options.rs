//! The options of a log on disk, and the errors of opening one, independent of the store.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::archive::ArchiveDamage;
use crate::log::Damage;
use crate::store_kind::StoreKind;
use crate::sync_policy::SyncPolicy;

/// How the log is kept.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    /// When an append is durable.
    pub sync: SyncPolicy,
    /// Bytes of the file system that stay free: an append that would use them is refused before it begins.
    pub reserve_bytes: u64,
    /// The store of a log that does not exist yet; an existing one stays in its store.
    pub store: StoreKind,
    /// Of a log in files: the most bytes of one, unless a single batch is larger. Trims delete whole files.
    pub file_bytes: u64,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { sync: SyncPolicy::Always, reserve_bytes: 64 << 20, store: StoreKind::default(), file_bytes: 16 << 20 }
    }
}

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An error of the file system.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The log contains other data than was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The archive beside the log contains other data than was written.
    #[error(transparent)]
    Archive(#[from] ArchiveDamage),
}

impl OpenError {
    /// Adds the path to an error of the file system.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Makes the entries of a directory durable.
pub fn sync_directory(directory: &Path) -> Result<(), OpenError> {
    File::open(directory).and_then(|handle| handle.sync_all()).map_err(OpenError::io(directory))
}
