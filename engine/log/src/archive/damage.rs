//! Damage of an archive file: where, what, and the remedy.

use std::io;
use std::path::{Path, PathBuf};

/// An archive file is unreadable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the archive is damaged: {} at byte {at}: {what}. Restore the data directory from a backup", path.display())]
pub struct ArchiveDamage {
    /// The file.
    pub path: PathBuf,
    /// The first byte that cannot be trusted.
    pub at: u64,
    /// What is wrong.
    pub what: String,
}

impl ArchiveDamage {
    /// Damage at a byte of a file.
    pub(super) fn new(path: &Path, at: u64, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), at, what: what.into() }
    }

    /// Adds the place to an error of the file system.
    pub(super) fn io(path: &Path, at: u64) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| {
            let what = match error.kind() {
                io::ErrorKind::UnexpectedEof => "the file ends within it".to_owned(),
                io::ErrorKind::NotFound => "the file is missing".to_owned(),
                _ => error.to_string(),
            };
            Self::new(path, at, what)
        }
    }
}
