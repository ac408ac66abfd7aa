//! The last backup that was streamed from this server, kept in the data directory over restarts.

use std::path::{Path, PathBuf};

use anaquel_engine::ids::Seq;
use serde::{Deserialize, Serialize};

use crate::auth::files;

/// What is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastBackup {
    /// Its last record.
    pub seq: Seq,
    /// When it was complete.
    pub taken_at: String,
    /// Whether it has everything, or only what was new.
    pub whole: bool,
}

fn path(data: &Path) -> PathBuf {
    data.join("last-backup.json")
}

impl LastBackup {
    /// The last one; `None` if there was none, or it is not known.
    pub fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path(data)).ok()?).ok()
    }

    /// Keeps this one. A failure is logged: the backup itself is good.
    pub fn note(data: &Path, seq: Seq, whole: bool) {
        let last = Self { seq, taken_at: jiff::Timestamp::now().to_string(), whole };
        let written = serde_json::to_vec(&last).map_err(std::io::Error::from);
        if let Err(error) = written.and_then(|text| files::replace(&path(data), &text)) {
            tracing::warn!(%error, "the time of the backup is not kept");
        }
    }
}
