//! A place in the archive.

use serde::{Deserialize, Serialize};

/// Where something begins, or ends, in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArchivePlace {
    /// The number of the file, from 1.
    pub file: u32,
    /// The byte in it.
    pub at: u64,
}
