//! An open archive: its files and its index, made what the log says.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock};

use anaquel_log::archive::ArchiveFiles;
use anaquel_log::archive::index::ArchiveIndex;

use super::mend;
use crate::archive::Standing;
use crate::ids::Epoch;
use crate::journal::{JournalReader, OpenError};

/// The folder of the archive in a data directory.
pub(crate) fn folder_of(directory: &Path) -> PathBuf {
    directory.join("archive")
}

/// An open archive.
#[derive(Debug)]
pub(crate) struct Archive {
    pub files: ArchiveFiles,
    /// Opened once there is something in it: a server without orders has none.
    index: OnceLock<ArchiveIndex>,
    epoch: Epoch,
    /// Whether anything was ever written: set before the first batch is.
    pub(super) has_any: AtomicBool,
    /// Held while one batch is written.
    pub(super) writing: Mutex<()>,
    /// Why the last step failed, if it did.
    pub(super) trouble: Mutex<Option<String>>,
}

impl Archive {
    /// Opens the archive of a data directory for its only writer: makes the files what the log says, and the index
    /// what the files say.
    ///
    /// # Errors
    /// The files have less than the log says, and the log no longer has the rest; an error of the file system.
    pub fn open(
        directory: &Path,
        epoch: Epoch,
        standing: &Standing,
        log: &dyn JournalReader,
    ) -> Result<Self, OpenError> {
        let folder = folder_of(directory);
        let files = ArchiveFiles::new(&folder);
        mend::mend(&files, standing, log)?;
        let has_any = AtomicBool::new(standing.last > 0);
        let (writing, trouble) = (Mutex::default(), Mutex::default());
        let archive = Self { files, index: OnceLock::new(), epoch, has_any, writing, trouble };
        if standing.last > 0 {
            archive.open_index(standing)?;
        }
        Ok(archive)
    }

    /// Opens the index, unless it is open. Only the writer calls it, before anything is in the archive.
    pub(super) fn open_index(&self, standing: &Standing) -> Result<&ArchiveIndex, OpenError> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let index = mend::index_of(&self.files, self.epoch, standing)?;
        Ok(self.index.get_or_init(|| index))
    }

    /// The index of an archive that has something.
    pub fn index(&self) -> &ArchiveIndex {
        self.index.get().expect("it is opened before anything is written")
    }
}
