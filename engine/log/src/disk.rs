//! The log on disk, over any store of parts: what every store needs besides keeping parts.
//!
//! - A start syncs what it finds, reads it, and drops an unfinished batch at the end.
//! - The *high-water mark* states the durable end of the log: a log that ends before its mark is refused.
//! - After a failed sync, a note beside the mark has the durable end. The next start keeps only what is before it, and
//!   writes that into a fresh directory, because the page cache may differ from the disk.
//! - An append that would leave too little room is refused before it begins.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anaquel_cells::ids::Seq;

use crate::batch::Batch;
use crate::entries::EachPart;
use crate::high_water::{HighWater, noted_failure};
use crate::histogram::Histogram;
use crate::log::{AppendError, Damage, Journal, JournalReader, Recovered};
use crate::options::{LogOptions, OpenError, sync_directory};
use crate::part::{self, PART_BYTES_MAX};
use crate::private::{make_private, private_file};
use crate::recent::{self, Recent};
use crate::sync_policy::SyncPolicy;

/// Bytes written between two checks of the free space.
const ROOM_CHECK_BYTES: u64 = 1 << 20;

/// Bounds of the flush histogram, in microseconds.
const SYNC_MICROS: [u64; 16] = [
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
    5_000_000,
];

/// The mark beside the log.
const MARK: &str = "high-water";

/// The file that earlier builds left after a failed sync, instead of a note beside the mark.
const FAILED: &str = "failed";

/// A file that exists from an orderly end to the next start: a copy that contains it was made while no process wrote.
const ENDED: &str = "ended";

/// What a start found in a store.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub recovered: Recovered,
    /// The end of the chain.
    pub chain: u32,
    /// Whether an unfinished batch follows.
    pub is_torn: bool,
}

/// How far a step of a trim came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trimmed {
    /// More is left.
    Partly,
    /// Nothing is left.
    Fully,
    /// Nothing is left, and a flush returns the room.
    FullyOnceFlushed,
}

/// Where parts are kept: the differences between stores. Errors are told to operators as they are.
pub(crate) trait Store: Send + Sized + 'static {
    /// Opens the store in `directory`, or creates it, syncs what it has, and reads its batches as
    /// [`open`](crate::open) states. The log is known to be durable up to `marked`.
    fn open(
        directory: &Path,
        options: &LogOptions,
        marked: Seq,
        from: Seq,
        visit: &mut dyn FnMut(Batch) -> Result<(), Damage>,
    ) -> Result<(Self, Found), OpenError>;

    /// Removes the unfinished batch at the end, and syncs the removal.
    fn drop_torn(&mut self, found: &Found) -> Result<(), OpenError>;

    /// Takes the next part of the batch that begins with `first_seq`.
    fn put(&mut self, first_seq: Seq, part: u32, bytes: &[u8]) -> Result<(), String>;

    /// All parts of a batch were put.
    fn end_batch(&mut self) -> Result<(), String>;

    /// Makes all ended batches durable.
    fn flush(&mut self) -> Result<(), String>;

    /// As [`Journal::trim`].
    fn trim(&mut self, before: Seq) -> Result<Trimmed, String>;

    /// Visits all parts from the batch with `from` on.
    fn parts_from(&self, from: Seq, visit: &mut EachPart<'_>) -> io::Result<()>;

    /// Creates a store in an empty directory, and copies the log in `directory` into it up to record `last_seq`.
    fn copy_up_to(directory: &Path, last_seq: Seq, fresh: &Path) -> Result<(), OpenError>;

    /// As [`Journal::reader`].
    fn reader(&self, sync_times: Arc<Histogram>) -> Arc<dyn JournalReader>;
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct DiskJournal<S> {
    store: S,
    directory: PathBuf,
    options: LogOptions,
    mark: HighWater,
    /// `None` until [`Journal::begin_recent`], and after its files failed.
    recent: Option<Recent>,
    chain: u32,
    next_seq: Seq,
    unsynced: Option<Seq>,
    failed: bool,
    unchecked_bytes: u64,
    buffer: Vec<u8>,
    sync_times: Arc<Histogram>,
}

impl<S: Store> DiskJournal<S> {
    /// As [`open`](crate::open).
    pub fn open(
        directory: &Path,
        options: LogOptions,
        from: Seq,
        visit: &mut dyn FnMut(Batch) -> Result<(), Damage>,
    ) -> Result<(Self, Recovered), OpenError> {
        finish_move(directory)?;
        make_private(directory).map_err(OpenError::io(directory))?;
        if failed_before(directory)? {
            let (fresh, marked) = (clear_moves(directory)?, known_durable(directory)?);
            S::copy_up_to(directory, marked, &fresh)?;
            replace(directory, &fresh)?;
        }
        forget_end(directory).map_err(OpenError::io(directory))?;
        let mark_path = directory.join(MARK);
        let (mut mark, marked) = HighWater::open(&mark_path).map_err(OpenError::io(&mark_path))?;
        let (mut store, found) = S::open(directory, &options, marked, from, visit)?;
        let recovered = found.recovered.clone();
        if recovered.last_seq < marked {
            let what = format!("the log ends at {}, and was durable up to {marked}", recovered.last_seq);
            return Err(Damage { seq: recovered.last_seq + 1, what }.into());
        }
        sync_directory(directory)?;
        if found.is_torn {
            store.drop_torn(&found)?;
        }
        if recovered.last_seq > marked {
            // All of it is synced by now, and later batches rely on it.
            mark.raise(recovered.last_seq).map_err(OpenError::io(&mark_path))?;
        }
        let journal = Self {
            store,
            directory: directory.to_owned(),
            options,
            mark,
            recent: None,
            chain: found.chain,
            next_seq: recovered.last_seq + 1,
            unsynced: None,
            failed: false,
            unchecked_bytes: ROOM_CHECK_BYTES,
            buffer: Vec::with_capacity(PART_BYTES_MAX),
            sync_times: Arc::new(Histogram::new(&SYNC_MICROS)),
        };
        Ok((journal, recovered))
    }

    /// Stops using `recent` after an error: its files must not be taken for the end of the log.
    fn tell_recent(&mut self, tell: impl FnOnce(&mut Recent) -> io::Result<()>) {
        if self.recent.as_mut().is_some_and(|recent| tell(recent).is_err())
            && let Some(mut recent) = self.recent.take()
        {
            let _ = recent.remove_all();
        }
    }

    /// Refuses an append while there is room to keep the log complete, not in the middle of a write.
    fn check_room(&mut self, bytes: u64) -> Result<(), AppendError> {
        self.unchecked_bytes += bytes;
        if self.unchecked_bytes < ROOM_CHECK_BYTES {
            return Ok(());
        }
        let stat = rustix::fs::statvfs(&self.directory).map_err(|error| AppendError::Unknown(error.to_string()))?;
        let free = stat.f_bavail * stat.f_frsize;
        let needed = self.options.reserve_bytes + 4 * bytes;
        if free < needed {
            return Err(AppendError::Full { free, needed });
        }
        self.unchecked_bytes = 0;
        Ok(())
    }

    /// A flush failed. From now on the page cache may differ from the disk; the next start must know this, and the
    /// durable end of the log.
    fn noted(&mut self, error: String) -> AppendError {
        self.failed = true;
        AppendError::Unknown(match self.mark.note_failure() {
            Ok(()) => error,
            Err(noting) => format!("{error}; this could not be noted: {noting}"),
        })
    }
}

impl<S: Store> Journal for DiskJournal<S> {
    fn append(&mut self, batch: &Batch) -> Result<(), AppendError> {
        if batch.first_seq != self.next_seq {
            return Err(AppendError::Fenced { at: self.next_seq, expected: batch.first_seq });
        }
        batch.assert_whole();
        self.check_room(batch.body.len() as u64)?;
        let (store, buffer, recent) = (&mut self.store, &mut self.buffer, &mut self.recent);
        let mut is_staged = true;
        let cut = part::cut(batch, self.chain, buffer, |part, bytes| {
            is_staged &= recent.as_mut().is_none_or(|recent| recent.stage(batch.first_seq, bytes).is_ok());
            store.put(batch.first_seq, part, bytes)
        });
        let ended = cut.and_then(|chain| store.end_batch().map(|()| chain));
        self.chain = ended.map_err(AppendError::Unknown).inspect_err(|_| self.failed = true)?;
        self.next_seq = batch.last_seq() + 1;
        self.unsynced = Some(batch.last_seq());
        if self.options.sync == SyncPolicy::Always {
            self.sync()?;
        }
        self.tell_recent(|recent| if is_staged { recent.commit() } else { Err(io::ErrorKind::Other.into()) });
        Ok(())
    }

    fn sync(&mut self) -> Result<(), AppendError> {
        let Some(last_seq) = self.unsynced.take() else { return Ok(()) };
        // A metric for operators; no decision depends on it.
        let began = Instant::now();
        let synced = self.store.flush();
        self.sync_times.record(began.elapsed().as_micros() as u64);
        let marked = synced.and_then(|()| self.mark.raise(last_seq).map_err(|error| error.to_string()));
        marked.map_err(|error| self.noted(error))
    }

    fn set_sync(&mut self, policy: SyncPolicy) {
        self.options.sync = policy;
    }

    fn has_room(&mut self) -> bool {
        self.check_room(ROOM_CHECK_BYTES).is_ok()
    }

    fn trim(&mut self, before: Seq) -> Result<bool, AppendError> {
        match self.store.trim(before).map_err(AppendError::Unknown)? {
            Trimmed::Partly => return Ok(false),
            Trimmed::Fully => {}
            // Nothing depends on it: records that a crash brings back are trimmed again.
            Trimmed::FullyOnceFlushed => self.store.flush().map_err(|error| self.noted(error))?,
        }
        Ok(true)
    }

    fn begin_recent(&mut self, from: Seq) -> io::Result<()> {
        let folder = self.directory.join(recent::FOLDER);
        let mut parts = |from: Seq, visit: &mut EachPart<'_>| self.store.parts_from(from, visit);
        self.recent = Some(Recent::resume(folder, from, self.next_seq - 1, self.chain, &mut parts)?);
        Ok(())
    }

    fn keep_recent(&mut self, from: Seq) {
        if let Some(recent) = &mut self.recent {
            recent.keep_from(from);
        }
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        self.store.reader(Arc::clone(&self.sync_times))
    }
}

impl<S> Drop for DiskJournal<S> {
    /// Notes an orderly end, unless something failed.
    fn drop(&mut self) {
        if !self.failed && self.unsynced.is_none() {
            // Without the note, a copy is only read more thoroughly than necessary.
            let _ = private_file().write(true).create(true).truncate(true).open(self.directory.join(ENDED));
        }
    }
}

/// Marks that the log is about to be written.
fn forget_end(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(ENDED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a store finds everything in a copy of a directory that nobody was writing to.
pub(crate) fn ended_and_whole<S: Store>(directory: &Path) -> bool {
    directory.join(ENDED).exists()
        && DiskJournal::<S>::open(directory, LogOptions::default(), Seq::MAX, &mut |_| Ok(())).is_ok()
}

/// Whether a flush or a sync failed: data beyond the mark and the note may be only in the page cache.
pub(crate) fn failed_before(directory: &Path) -> Result<bool, OpenError> {
    let mark_path = directory.join(MARK);
    let is_noted = noted_failure(&mark_path).map_err(OpenError::io(&mark_path))?.is_some();
    Ok(is_noted || directory.join(FAILED).exists())
}

/// The known durable end of the log.
pub fn known_durable(directory: &Path) -> Result<Seq, OpenError> {
    let mark_path = directory.join(MARK);
    let (_, marked) = HighWater::open(&mark_path).map_err(OpenError::io(&mark_path))?;
    // The mark may lack its last syncs before the power cut; the note was written and synced by itself.
    Ok(marked.max(noted_failure(&mark_path).map_err(OpenError::io(&mark_path))?.unwrap_or(0)))
}

/// Writes the mark of a log that ends with record `last_seq`, all of which is durable, and makes the directory durable.
pub(crate) fn mark_all(directory: &Path, last_seq: Seq) -> Result<(), OpenError> {
    let mark_path = directory.join(MARK);
    let (mut mark, _) = HighWater::open(&mark_path).map_err(OpenError::io(&mark_path))?;
    mark.raise(last_seq).and_then(|()| mark.sync()).map_err(OpenError::io(&mark_path))?;
    drop(mark);
    sync_directory(directory)
}

/// Replaces a log by a finished one.
pub(crate) fn replace(directory: &Path, fresh: &Path) -> Result<(), OpenError> {
    let (io, old) = (OpenError::io, directory.with_extension("old"));
    fs::rename(directory, &old).and_then(|()| fs::rename(fresh, directory)).map_err(io(directory))?;
    if let Some(parent) = directory.parent() {
        sync_directory(parent)?;
    }
    fs::remove_dir_all(&old).map_err(io(&old))
}

/// Finishes the move of an earlier process that died between its two renames.
pub(crate) fn finish_move(directory: &Path) -> Result<(), OpenError> {
    let fresh = directory.with_extension("fresh");
    if !directory.exists() && fresh.exists() {
        fs::rename(&fresh, directory).map_err(OpenError::io(directory))?;
    }
    Ok(())
}

/// Deletes the rest of an earlier move, and returns where the next one writes.
pub(crate) fn clear_moves(directory: &Path) -> Result<PathBuf, OpenError> {
    finish_move(directory)?;
    let (fresh, old) = (directory.with_extension("fresh"), directory.with_extension("old"));
    for leftover in [&fresh, &old] {
        if leftover.exists() {
            fs::remove_dir_all(leftover).map_err(OpenError::io(leftover))?;
        }
    }
    Ok(fresh)
}
