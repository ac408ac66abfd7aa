//! Files full of zeros, made before the log needs them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::options::LogOptions;
use crate::private::private_file;

/// Bytes of the first file; each has twice as many as the one before, up to the limit.
const FIRST_BYTES: u64 = 256 << 10;

/// Zeros are written and synced in steps, with a pause between them, so that no append waits long for the disk.
const STEP_BYTES: usize = 256 << 10;
const PAUSE: Duration = Duration::from_millis(5);

/// The next file, until it gets its name in the log.
const NEXT: &str = "next.unfinished";

/// A file full of zeros.
#[derive(Debug)]
pub(crate) struct Room {
    pub file: File,
    pub bytes: u64,
}

/// Makes files full of zeros.
#[derive(Debug)]
pub(crate) struct Rooms {
    folder: PathBuf,
    /// Bytes of the next file, and the most of any.
    bytes: u64,
    bytes_max: u64,
    reserve_bytes: u64,
    /// The next file, under way or made.
    next: Option<JoinHandle<io::Result<Room>>>,
}

impl Rooms {
    /// None is made yet. Removes the rest of an earlier process.
    pub fn new(folder: PathBuf, options: &LogOptions) -> io::Result<Self> {
        match fs::remove_file(folder.join(NEXT)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let &LogOptions { file_bytes, reserve_bytes, .. } = options;
        Ok(Self { folder, bytes: FIRST_BYTES.min(file_bytes), bytes_max: file_bytes, reserve_bytes, next: None })
    }

    /// Begins to make the next file, unless it is made already or the disk is nearly full.
    pub fn make_next(&mut self) {
        if self.next.is_none() && self.has_room(self.bytes) {
            let (path, bytes) = (self.folder.join(NEXT), self.bytes);
            let make = move || fill(&path, bytes, PAUSE);
            // Without it, the next append that needs a file makes one.
            self.next = std::thread::Builder::new().name("log-room".into()).spawn(make).ok();
        }
    }

    /// A file with room for `needed` bytes, durably at `path`.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn take(&mut self, needed: u64, path: &Path) -> io::Result<Room> {
        let made = self.next.take().and_then(|next| next.join().ok()?.ok()).filter(|room| room.bytes >= needed);
        let room = match made {
            Some(room) => room,
            None => {
                // Where there is little room, no more than is needed.
                let bytes = if self.has_room(self.bytes) { self.bytes.max(needed) } else { needed };
                fill(&self.folder.join(NEXT), bytes, Duration::ZERO)?
            }
        };
        fs::rename(self.folder.join(NEXT), path)?;
        File::open(&self.folder)?.sync_all()?;
        self.bytes = (2 * self.bytes).min(self.bytes_max);
        Ok(room)
    }

    fn has_room(&self, bytes: u64) -> bool {
        rustix::fs::statvfs(&self.folder)
            .is_ok_and(|stat| stat.f_bavail * stat.f_frsize > self.reserve_bytes.saturating_add(4 * bytes))
    }
}

impl Drop for Rooms {
    fn drop(&mut self) {
        if let Some(next) = self.next.take() {
            let _ = next.join();
            let _ = fs::remove_file(self.folder.join(NEXT));
        }
    }
}

/// Makes a file of `bytes` zeros, and syncs it.
fn fill(path: &Path, bytes: u64, pause: Duration) -> io::Result<Room> {
    let file = private_file().read(true).write(true).create(true).truncate(true).open(path)?;
    let zeros = vec![0; STEP_BYTES.min(usize::try_from(bytes).unwrap_or(STEP_BYTES))];
    let mut at = 0;
    while at < bytes {
        let step = zeros.get(..usize::try_from(bytes - at).unwrap_or(usize::MAX).min(zeros.len())).unwrap_or(&zeros);
        file.write_all_at(step, at)?;
        at += step.len() as u64;
        if !pause.is_zero() {
            file.sync_data()?;
            std::thread::sleep(pause);
        }
    }
    file.sync_all()?;
    Ok(Room { file, bytes })
}
