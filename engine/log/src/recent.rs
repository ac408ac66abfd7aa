//! A second copy of the newest part of the log, in plain append-only files: the source of copies that are taken while
//! the server writes.
//!
//! sled reuses segments of its file, so a copy of it mixes several moments: of eight copies that took ten seconds each,
//! sled found nothing in any. A file that only grows is always complete up to some point, however it is copied. So each
//! append also writes its parts here, after they are durable in sled and before the acknowledgement: all records from
//! the older checkpoint on. These files are not synced: a copy reads the page cache, and after a power cut, missing
//! parts are written again from sled.
//!
//! The files are in `<journal>/recent`, in the form of [`entries`]. If a file cannot be written, all of them are deleted, and the log
//! continues without: then a copy that sled cannot read is refused, and the next start creates the files again.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use anaquel_cells::ids::Seq;

use crate::entries::{self, EachPart, Tail, Whole, first_seq_of, list, path_of};
use crate::private::{make_private, private_file};

/// The folder beside sled's files.
pub(crate) const FOLDER: &str = "recent";

/// The next append starts a new file after this many bytes.
const FILE_BYTES: u64 = 64 << 20;

/// Bytes of one batch that are buffered until it is durable; of a larger one, at least the last part is.
const STAGED_BYTES_MAX: usize = 1 << 20;

/// Reads the parts of the log from the batch with a given record on.
pub(crate) type LogFrom<'a> = dyn FnMut(Seq, &mut EachPart<'_>) -> io::Result<()> + 'a;

/// The writing end.
#[derive(Debug)]
pub(crate) struct Recent {
    folder: PathBuf,
    /// The first `seq` of each file, oldest first.
    files: VecDeque<Seq>,
    /// The last of them; `None` if the next append creates one.
    file: Option<File>,
    bytes: u64,
    staged: Vec<u8>,
    /// The first `seq` of the staged parts.
    staged_from: Seq,
}

impl Recent {
    /// Continues at the end of the files, if they end where the log ends; otherwise writes them again, with all records
    /// from `from` on. `log` reads the parts of the log from a given record on.
    ///
    /// # Errors
    /// An error of the file system or the store.
    pub fn resume(folder: PathBuf, from: Seq, last_seq: Seq, chain: u32, log: &mut LogFrom<'_>) -> io::Result<Self> {
        make_private(&folder)?;
        let files = list(&folder)?;
        let mut recent = Self {
            folder,
            files: files.iter().map(|(seq, _)| *seq).collect(),
            file: None,
            bytes: 0,
            staged: Vec::new(),
            staged_from: 0,
        };
        // The last two files: a power cut may have interrupted the sync of the second-last.
        let newest = files.get(files.len().saturating_sub(2)..).unwrap_or(&[]);
        let reaches_back = recent.files.front().is_some_and(|first| *first <= from.max(1));
        let whole = entries::read(newest, Tail::Exact, &mut |_, _| Ok(())).and_then(Whole::if_append_only).ok();
        let whole = whole.filter(|_| reaches_back || last_seq == 0);
        let goes_on = whole.filter(|whole| whole.last_seq > 0 && whole.last_seq <= last_seq);
        if let (Some(whole), Some((first, path))) = (goes_on, files.last()) {
            let file = private_file().append(true).open(path)?;
            if whole.bytes == 0 && files.len() > 1 {
                // It contains nothing complete: it was created for a batch that was never written.
                drop(file);
                fs::remove_file(path)?;
                recent.files.pop_back();
            } else {
                debug_assert!(*first <= whole.last_seq);
                file.set_len(whole.bytes)?;
                (recent.file, recent.bytes) = (Some(file), whole.bytes);
            }
            if whole.last_seq == last_seq && whole.chain == chain {
                return Ok(recent);
            }
            if whole.last_seq < last_seq && recent.copy(whole.last_seq + 1, Some(whole.chain), log).is_ok() {
                return Ok(recent);
            }
        }
        recent.remove_all()?;
        if last_seq > 0 {
            recent.copy(from.max(1), None, log)?;
        }
        Ok(recent)
    }

    /// Writes the log from record `from` on, whose first part must follow `previous`, if known.
    fn copy(&mut self, from: Seq, mut previous: Option<u32>, log: &mut LogFrom<'_>) -> io::Result<()> {
        let mut is_first = true;
        log(from, &mut |bytes| {
            let field =
                |at: usize| bytes.get(at..at + 4).and_then(|field| field.try_into().ok()).map(u32::from_le_bytes);
            let first_seq = first_seq_of(bytes);
            if std::mem::take(&mut is_first)
                && let Some(previous) = previous.take()
                && (first_seq != from || field(32) != Some(previous))
            {
                return Err(io::Error::other("the files are of another log"));
            }
            let is_last = field(4).zip(field(8)).is_none_or(|(part, parts)| part + 1 >= parts);
            self.stage(first_seq, bytes)?;
            if is_last { self.commit() } else { Ok(()) }
        })
    }

    /// Takes a part of a batch that is not durable yet. Writes a part of a large batch, but never its last part.
    pub fn stage(&mut self, first_seq: Seq, bytes: &[u8]) -> io::Result<()> {
        if self.staged.len() >= STAGED_BYTES_MAX {
            self.write()?;
        }
        if self.staged.is_empty() {
            self.staged_from = first_seq;
        }
        entries::push(&mut self.staged, bytes)
    }

    /// Writes the staged parts: they are durable now.
    pub fn commit(&mut self) -> io::Result<()> {
        self.write()?;
        if self.bytes >= FILE_BYTES
            && let Some(full) = self.file.take()
        {
            // So that a power cut cannot leave a gap before later data; the next start checks whether the sync
            // completed.
            let sync = move || drop(full.sync_data());
            let _ = std::thread::Builder::new().name("recent".into()).spawn(sync);
            self.bytes = 0;
        }
        if self.staged.capacity() > 2 * STAGED_BYTES_MAX {
            self.staged = Vec::new();
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let path = path_of(&self.folder, self.staged_from);
                let file = private_file().append(true).create_new(true).open(path)?;
                self.files.push_back(self.staged_from);
                none.insert(file)
            }
        };
        file.write_all(&self.staged)?;
        self.bytes += self.staged.len() as u64;
        self.staged.clear();
        Ok(())
    }

    /// Deletes files that contain only records before `from`.
    pub fn keep_from(&mut self, from: Seq) {
        let mut gone = Vec::new();
        while self.files.get(1).is_some_and(|second| *second <= from) {
            gone.extend(self.files.pop_front().map(|seq| path_of(&self.folder, seq)));
        }
        if !gone.is_empty() {
            // In the background, because a file system may take long to delete a file.
            let remove = move || gone.iter().for_each(|path| drop(fs::remove_file(path)));
            let _ = std::thread::Builder::new().name("recent".into()).spawn(remove);
        }
    }

    /// Deletes all files: a copy must not take them for the end of the log.
    pub fn remove_all(&mut self) -> io::Result<()> {
        (self.file, self.bytes) = (None, 0);
        self.staged.clear();
        // The newest first, so that an interruption leaves a consistent rest.
        while let Some(seq) = self.files.pop_back() {
            fs::remove_file(path_of(&self.folder, seq))?;
        }
        Ok(())
    }
}
