//! Why something could not be read from the archive.

use anaquel_log::archive::ArchiveDamage;
use anaquel_log::archive::index::IndexError;

/// The archive is unreadable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ArchiveError {
    /// A file is damaged.
    #[error(transparent)]
    Damaged(#[from] ArchiveDamage),
    /// The index is damaged.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A frame, or an entry of the index, contains other things than it should.
    #[error("the archive contains something else than its index says: {0}")]
    Content(String),
}
