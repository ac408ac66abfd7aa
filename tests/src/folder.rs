//! A temporary folder that a failed test leaves behind.

use std::path::Path;

use tempfile::TempDir;

/// How many bytes of the end of a log are printed.
const TAIL: usize = 16_384;

/// A temporary folder. A failed test prints the end of every server's log in it, keeps the folder and prints its path;
/// otherwise the folder is deleted.
#[derive(Debug)]
pub struct Folder(Option<TempDir>);

impl Folder {
    /// Its path.
    ///
    /// # Panics
    /// Never: it exists until it is dropped.
    pub fn path(&self) -> &Path {
        self.0.as_ref().unwrap().path()
    }
}

/// A new folder.
///
/// # Panics
/// It cannot be created.
pub fn folder() -> Folder {
    Folder(Some(tempfile::tempdir().unwrap()))
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let Some(kept) = self.0.take().map(TempDir::keep) else { return };
        eprintln!("kept: {}", kept.display());
        for path in std::fs::read_dir(&kept).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|ending| ending == "log")
                && let Ok(log) = std::fs::read(&path)
            {
                let tail = log.get(log.len().saturating_sub(TAIL)..).unwrap_or_default();
                eprintln!("the end of {}:\n{}", path.display(), String::from_utf8_lossy(tail));
            }
        }
    }
}
