//! The note that a node was promoted, which counts for more than its command line.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::auth::files;

/// The file by which a node remembers that it was promoted, although its command line may still say whom to follow.
const FILE_NAME: &str = "promoted.json";

/// What it has. It counts while the directory decides, and the node that was followed did not take over from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WasPromoted {
    /// The node that it followed.
    pub followed: String,
}

impl WasPromoted {
    fn path(data: &Path) -> PathBuf {
        data.join(FILE_NAME)
    }

    /// Reads the file of a data directory; `None` if there is none.
    ///
    /// # Errors
    /// The file is unreadable.
    pub fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        let path = Self::path(data);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let read = serde_json::from_slice(&bytes);
                read.map(Some).with_context(|| path.display().to_string())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Notes it, on disk when it returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, data: &Path) -> std::io::Result<()> {
        files::replace(&Self::path(data), serde_json::to_string_pretty(self).unwrap_or_default().as_bytes())
    }

    /// The directory follows again.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn forget(data: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(Self::path(data)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
