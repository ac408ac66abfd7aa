//! The log on disk in sled's log-structured store, with real durability.
//!
//! What sled 0.34 leaves to its user, and how this module does it:
//! - Its `flush` ends in `sync_file_range`, which flushes neither the drive's cache nor file metadata. So every append
//!   is ordered inserts, one `flush`, and one `fdatasync` of its `db` file.
//! - A crash while it writes its snapshot at open leaves `snap.*.generating`, on which every later open fails. The
//!   rename is the commit, so this module deletes such files before it opens the store.
//! - Damage can make it panic, or lose the end of its log silently. So this module opens it under `catch_unwind`, every
//!   part has its own checksum and that of its predecessor, and the *high-water mark* states the durable end of the
//!   log: a log that ends before its mark is refused.
//! - Values over some 8 KiB leave the log for files that are never synced; parts are at most 4 KiB.
//! - A copy of its file that is taken while it writes mixes several moments, and sled finds nothing in it. The source
//!   for such a copy is in [`recent`](crate::recent), and [`copied`](crate::copied) makes a log of it.

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anaquel_cells::ids::Seq;

use crate::batch::Batch;
use crate::high_water::{HighWater, noted_failure};
use crate::histogram::Histogram;
use crate::log::{AppendError, Damage, Journal, JournalReader, ReadError, Recovered};
use crate::options::{LogOptions, OpenError, SyncPolicy, sync_directory};
use crate::part::{self, Assembler, PART_BYTES_MAX};
use crate::private::{make_private, private_file};
use crate::recent::{self, Recent};

/// Sled's memory for pages that it has read; the log is read from its end, so little is enough.
const CACHE_BYTES: u64 = 64 << 20;

/// Bytes written between two checks of the free space.
const ROOM_CHECK_BYTES: u64 = 1 << 20;

/// Values that one trim step removes, so that an append never waits long for it.
const TRIM_PARTS_MAX: usize = 512;

/// Attempts, and the delay between them, to acquire sled's own lock.
const LOCK_ATTEMPTS: usize = 300;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// The writing end.
#[derive(Debug)]
pub struct SledJournal {
    db: sled::Db,
    db_file: File,
    directory: PathBuf,
    /// The oldest record that may be read, shared with readers; it is raised before a trim removes records.
    oldest: Arc<AtomicU64>,
    options: LogOptions,
    mark: HighWater,
    /// `None` until [`SledJournal::begin_recent`], and after its files failed.
    recent: Option<Recent>,
    chain: u32,
    next_seq: Seq,
    unsynced: Option<Seq>,
    failed: bool,
    unchecked_bytes: u64,
    buffer: Vec<u8>,
    sync_times: Arc<Histogram>,
}

/// Bounds of the flush histogram, in microseconds.
const SYNC_MICROS: [u64; 16] = [
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
    5_000_000,
];

pub(crate) fn key(first_seq: Seq, part: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (seq_bytes, part_bytes) = key.split_at_mut(8);
    seq_bytes.copy_from_slice(&first_seq.to_be_bytes());
    part_bytes.copy_from_slice(&part.to_be_bytes());
    key
}

fn seq_of(key: &[u8]) -> Result<Seq, Damage> {
    let bytes = key.first_chunk::<8>().filter(|_| key.len() == 12);
    let bytes = bytes.ok_or(Damage { seq: 0, what: format!("a key has {} bytes instead of 12", key.len()) })?;
    Ok(Seq::from_be_bytes(*bytes))
}

impl SledJournal {
    /// As [`open`](crate::open).
    pub fn open(
        directory: &Path,
        options: LogOptions,
        from: Seq,
        visit: &mut dyn FnMut(Batch) -> Result<(), Damage>,
    ) -> Result<(Self, Recovered), OpenError> {
        let fresh = directory.with_extension("fresh");
        if !directory.exists() && fresh.exists() {
            // The process died between the two renames of an earlier move.
            fs::rename(&fresh, directory).map_err(OpenError::io(directory))?;
        }
        make_private(directory).map_err(OpenError::io(directory))?;
        if failed_before(directory)? {
            move_to_fresh_directory(directory)?;
        }
        forget_end(directory).map_err(OpenError::io(directory))?;
        let db = open_sled(directory)?;
        let db_path = directory.join("db");
        let db_file = File::options().read(true).write(true).open(&db_path).map_err(OpenError::io(&db_path))?;
        // A kill may have left data in the page cache, which is replayed now and may be lost later: sync it before
        // relying on it.
        db_file.sync_all().map_err(OpenError::io(&db_path))?;
        sync_directory(directory)?;

        let mark_path = directory.join(MARK);
        let (mut mark, marked) = HighWater::open(&mark_path).map_err(OpenError::io(&mark_path))?;
        let (recovered, chain, unfinished) = read_from(&db, from, visit)?;
        if recovered.last_seq < marked {
            let what = format!("the log ends at {}, and was durable up to {marked}", recovered.last_seq);
            return Err(Damage { seq: recovered.last_seq + 1, what }.into());
        }
        if let Some(first_seq) = unfinished {
            for part in 0..recovered.torn_parts {
                db.remove(key(first_seq, part as u32)).map_err(|error| lost(first_seq, &error))?;
            }
            db.flush().map_err(|error| lost(first_seq, &error))?;
            db_file.sync_data().map_err(OpenError::io(&db_path))?;
        }
        if recovered.last_seq > marked {
            // All of it is synced by now, and later batches rely on it.
            mark.raise(recovered.last_seq).map_err(OpenError::io(&mark_path))?;
        }
        let journal = Self {
            db,
            db_file,
            directory: directory.to_owned(),
            oldest: Arc::new(AtomicU64::new(recovered.oldest)),
            options,
            mark,
            recent: None,
            chain,
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
}

impl SledJournal {
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

impl Journal for SledJournal {
    fn append(&mut self, batch: &Batch) -> Result<(), AppendError> {
        if batch.first_seq != self.next_seq {
            return Err(AppendError::Fenced { at: self.next_seq, expected: batch.first_seq });
        }
        batch.assert_whole();
        self.check_room(batch.body.len() as u64)?;
        let (db, buffer, recent) = (&self.db, &mut self.buffer, &mut self.recent);
        let mut is_staged = true;
        let cut = part::cut(batch, self.chain, buffer, |part, bytes| {
            is_staged &= recent.as_mut().is_none_or(|recent| recent.stage(batch.first_seq, bytes).is_ok());
            db.insert(key(batch.first_seq, part), bytes)
                .map(drop)
                .map_err(|error| AppendError::Unknown(error.to_string()))
        });
        self.chain = cut.inspect_err(|_| self.failed = true)?;
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
        let flushed = self.db.flush().map(drop).map_err(|error| error.to_string());
        let synced = flushed.and_then(|()| self.db_file.sync_data().map_err(|error| error.to_string()));
        self.sync_times.record(began.elapsed().as_micros() as u64);
        let marked = synced.and_then(|()| self.mark.raise(last_seq).map_err(|error| error.to_string()));
        marked.map_err(|error| self.noted(error))
    }

    fn has_room(&mut self) -> bool {
        self.check_room(ROOM_CHECK_BYTES).is_ok()
    }

    fn trim(&mut self, before: Seq) -> Result<bool, AppendError> {
        let unknown = |error: sled::Error| AppendError::Unknown(error.to_string());
        let Some(last_kept) = self.db.range(..=key(before, u32::MAX)).next_back() else { return Ok(true) };
        let (last_kept, _) = last_kept.map_err(unknown)?;
        let last_kept = seq_of(&last_kept).map_err(|damage| AppendError::Unknown(damage.what))?;
        self.oldest.fetch_max(last_kept, Ordering::AcqRel);
        let mut removed = 0;
        // At most TRIM_PARTS_MAX parts.
        for stored in self.db.range(..key(last_kept, 0)).take(TRIM_PARTS_MAX) {
            let (key, _) = stored.map_err(unknown)?;
            self.db.remove(key).map_err(unknown)?;
            removed += 1;
        }
        let is_done = removed < TRIM_PARTS_MAX;
        if is_done && removed > 0 {
            // Nothing depends on it: records that a crash brings back are trimmed again.
            let flushed = self.db.flush().map(drop);
            flushed.map_err(|error| self.noted(error.to_string()))?;
        }
        Ok(is_done)
    }

    fn begin_recent(&mut self, from: Seq) -> io::Result<()> {
        let db = &self.db;
        let mut parts = |from: Seq, visit: &mut recent::EachPart<'_>| {
            let start = holder(db, from).map_err(io::Error::other)?.unwrap_or(from);
            let mut stored = db.range(key(start, 0)..);
            while let Some((_, bytes)) = next_of(&mut stored, start).map_err(io::Error::other)? {
                visit(&bytes)?;
            }
            Ok(())
        };
        let folder = self.directory.join(recent::FOLDER);
        self.recent = Some(Recent::resume(folder, from, self.next_seq - 1, self.chain, &mut parts)?);
        Ok(())
    }

    fn keep_recent(&mut self, from: Seq) {
        if let Some(recent) = &mut self.recent {
            recent.keep_from(from);
        }
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        let (oldest, sync_times) = (Arc::clone(&self.oldest), Arc::clone(&self.sync_times));
        Arc::new(SledReader { db: self.db.clone(), oldest, sync_times })
    }
}

impl Drop for SledJournal {
    /// Notes an orderly end, unless something failed.
    fn drop(&mut self) {
        if !self.failed && self.unsynced.is_none() {
            // Without the note, a copy is only read more thoroughly than necessary.
            let _ = private_file().write(true).create(true).truncate(true).open(self.directory.join(ENDED));
        }
    }
}

struct SledReader {
    db: sled::Db,
    oldest: Arc<AtomicU64>,
    sync_times: Arc<Histogram>,
}

impl JournalReader for SledReader {
    fn read(&self, from: Seq, visit: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError> {
        let oldest = self.oldest();
        if from < oldest {
            return Err(ReadError::Trimmed { oldest });
        }
        let start = holder(&self.db, from).map_err(ReadError::Damaged)?.unwrap_or(from);
        let mut assembler = Assembler::default();
        let mut first = true;
        let mut stored = self.db.range(key(start, 0)..);
        let mut at = start;
        while let Some((found, bytes)) = next_of(&mut stored, at).map_err(ReadError::Damaged)? {
            let seq = seq_of(&found).map_err(ReadError::Damaged)?;
            let batch = part::parse(&bytes, seq).and_then(|part| assembler.push(&part)).map_err(ReadError::Damaged)?;
            at = seq;
            if let Some(batch) = batch {
                at = batch.last_seq() + 1;
                if at <= from {
                    continue;
                }
                if std::mem::take(&mut first) && batch.first_seq > from {
                    return Err(match self.oldest() {
                        // Its batch was trimmed at this moment.
                        oldest if oldest > from => ReadError::Trimmed { oldest },
                        _ => ReadError::Damaged(Damage { seq: from, what: "it is missing".into() }),
                    });
                }
                if visit(batch).is_break() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn oldest(&self) -> Seq {
        self.oldest.load(Ordering::Acquire)
    }

    fn sync_times(&self) -> Option<&Histogram> {
        Some(&self.sync_times)
    }
}

/// Reads the next part. Damage can panic inside sled while it reads a page; `at` is the record that the error names.
fn next_of(stored: &mut sled::Iter, at: Seq) -> Result<Option<(sled::IVec, sled::IVec)>, Damage> {
    match catch_unwind(AssertUnwindSafe(|| stored.next())) {
        Ok(next) => next.transpose().map_err(|error| unreadable(at, &error)),
        Err(_) => Err(unreadable(at, &"its files are inconsistent")),
    }
}

/// The start of the batch that contains record `from`, or would contain it; `None` if everything is newer.
fn holder(db: &sled::Db, from: Seq) -> Result<Option<Seq>, Damage> {
    match catch_unwind(AssertUnwindSafe(|| db.range(..=key(from, u32::MAX)).next_back())) {
        Ok(None) => Ok(None),
        Ok(Some(Ok((found, _)))) => seq_of(&found).map(Some),
        Ok(Some(Err(error))) => Err(unreadable(from, &error)),
        Err(_) => Err(unreadable(from, &"its files are inconsistent")),
    }
}

/// The start of the oldest batch that has its first part: the one before may be half trimmed. 1 if it is unreadable, so
/// that a reader finds the damage.
fn oldest_of(db: &sled::Db) -> Seq {
    let mut stored = db.iter();
    while let Ok(Some((found, _))) = next_of(&mut stored, 1) {
        if found.ends_with(&[0; 4]) {
            return seq_of(&found).unwrap_or(1);
        }
    }
    1
}

/// The mark beside the log.
const MARK: &str = "high-water";

/// The file that earlier builds left after a failed sync, instead of a note beside the mark.
const FAILED: &str = "failed";

/// A file that exists from an orderly end to the next start: a copy that contains it was made while no process wrote.
const ENDED: &str = "ended";

/// Marks that the log is about to be written.
fn forget_end(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(ENDED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether sled finds everything in a copy of a directory that nobody was writing to.
pub(crate) fn ended_and_whole(directory: &Path) -> bool {
    directory.join(ENDED).exists()
        && SledJournal::open(directory, LogOptions::default(), Seq::MAX, &mut |_| Ok(())).is_ok()
}

/// Whether a flush or a sync failed: data beyond the mark and the note may be only in the page cache.
pub(crate) fn failed_before(directory: &Path) -> Result<bool, OpenError> {
    let mark_path = directory.join(MARK);
    let is_noted = noted_failure(&mark_path).map_err(OpenError::io(&mark_path))?.is_some();
    Ok(is_noted || directory.join(FAILED).exists())
}

/// After a failed sync, records beyond the mark and the note are not trusted. The trusted ones are written into a new
/// directory and synced before anything is promised.
fn move_to_fresh_directory(directory: &Path) -> Result<(), OpenError> {
    let fresh = clear_moves(directory)?;
    let marked = known_durable(directory)?;
    let mut log = FreshLog::create(&fresh)?;
    {
        let from = open_sled(directory)?;
        for stored in from.iter() {
            let (key, part) = stored.map_err(|error| lost(marked, &error))?;
            if seq_of(&key)? > marked {
                break;
            }
            log.insert(&key, &part)?;
        }
    }
    log.finish(marked)?;
    replace(directory, &fresh)
}

/// The known durable end of the log.
pub fn known_durable(directory: &Path) -> Result<Seq, OpenError> {
    let mark_path = directory.join(MARK);
    let (_, marked) = HighWater::open(&mark_path).map_err(OpenError::io(&mark_path))?;
    // The mark may lack its last syncs before the power cut; the note was written and synced by itself.
    Ok(marked.max(noted_failure(&mark_path).map_err(OpenError::io(&mark_path))?.unwrap_or(0)))
}

/// Writes a log from end to end before it is opened.
pub(crate) struct FreshLog {
    db: sled::Db,
    directory: PathBuf,
    unflushed_bytes: u64,
}

/// Bytes that sled may keep in memory before they are written.
const UNFLUSHED_BYTES_MAX: u64 = 16 << 20;

impl FreshLog {
    /// Creates it in a directory that does not exist, or is empty.
    pub fn create(directory: &Path) -> Result<Self, OpenError> {
        make_private(directory).map_err(OpenError::io(directory))?;
        Ok(Self { db: open_sled(directory)?, directory: directory.to_owned(), unflushed_bytes: 0 })
    }

    /// Takes a part, in any order.
    pub fn insert(&mut self, key: &[u8], part: &[u8]) -> Result<(), OpenError> {
        self.db.insert(key, part).map_err(|error| lost(0, &error))?;
        self.unflushed_bytes += part.len() as u64;
        if self.unflushed_bytes > UNFLUSHED_BYTES_MAX {
            self.db.flush().map_err(|error| lost(0, &error))?;
            self.unflushed_bytes = 0;
        }
        Ok(())
    }

    /// Makes it durable: it ends with record `last_seq`.
    pub fn finish(self, last_seq: Seq) -> Result<(), OpenError> {
        let Self { db, directory, .. } = self;
        db.flush().map_err(|error| lost(last_seq, &error))?;
        drop(db);
        let db_path = directory.join("db");
        File::open(&db_path).and_then(|db| db.sync_all()).map_err(OpenError::io(&db_path))?;
        let io = OpenError::io;
        let (mut mark, _) = HighWater::open(&directory.join(MARK)).map_err(io(&directory))?;
        mark.raise(last_seq).and_then(|()| mark.sync()).map_err(io(&directory))?;
        drop(mark);
        sync_directory(&directory)
    }
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

/// Deletes the rest of an earlier move.
pub(crate) fn clear_moves(directory: &Path) -> Result<PathBuf, OpenError> {
    let (fresh, old) = (directory.with_extension("fresh"), directory.with_extension("old"));
    if !directory.exists() && fresh.exists() {
        // The process died between the two renames of an earlier move.
        fs::rename(&fresh, directory).map_err(OpenError::io(directory))?;
    }
    for leftover in [&fresh, &old] {
        if leftover.exists() {
            fs::remove_dir_all(leftover).map_err(OpenError::io(leftover))?;
        }
    }
    Ok(fresh)
}

fn lost(seq: Seq, error: &dyn std::fmt::Display) -> OpenError {
    unreadable(seq, error).into()
}

fn unreadable(seq: Seq, error: &dyn std::fmt::Display) -> Damage {
    Damage { seq, what: format!("the store cannot read it: {error}") }
}

fn open_sled(directory: &Path) -> Result<sled::Db, OpenError> {
    remove_unfinished_snapshots(directory).map_err(OpenError::io(directory))?;
    let config = sled::Config::new().path(directory).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    // sled releases its own lock only after its last deferred clean-up, some moments after it was closed. The
    // directory's lock was taken before, so no other process has sled's lock.
    let mut opened = catch_unwind(AssertUnwindSafe(|| config.open()));
    for _ in 0..LOCK_ATTEMPTS {
        match &opened {
            Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
                std::thread::sleep(LOCK_PAUSE);
                opened = catch_unwind(AssertUnwindSafe(|| config.open()));
            }
            _ => break,
        }
    }
    // Damage can panic inside sled; it is reported like other damage.
    match opened {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(sled::Error::Io(error))) => {
            Err(OpenError::Io { path: directory.to_owned(), source: io::Error::new(error.kind(), error.to_string()) })
        }
        Ok(Err(error)) => Err(lost(0, &error)),
        Err(panic) => {
            let what = panic.downcast_ref::<String>().map(String::as_str);
            let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Err(lost(0, &format!("its files are inconsistent ({what})")))
        }
    }
}

/// Reads the log once from the batch with `from` on: checks it, passes its batches on, and finds an unfinished one at
/// its end.
fn read_from(
    db: &sled::Db,
    from: Seq,
    visit: &mut dyn FnMut(Batch) -> Result<(), Damage>,
) -> Result<(Recovered, u32, Option<Seq>), OpenError> {
    let mut recovered = Recovered { oldest: oldest_of(db), ..Recovered::default() };
    let mut assembler = Assembler::default();
    let mut chain = 0;
    let mut start = holder(db, from)?.unwrap_or(0);
    if start > recovered.oldest && holder(db, Seq::MAX)? == Some(start) {
        // The last batch may be torn and is then dropped; its predecessor becomes the end of the log.
        start = holder(db, start - 1)?.unwrap_or(start);
    }
    let mut stored = db.range(key(start, 0)..);
    while let Some((found, bytes)) = next_of(&mut stored, recovered.last_seq.max(start) + 1)? {
        recovered.bytes += bytes.len() as u64;
        let part = part::parse(&bytes, seq_of(&found)?)?;
        if let Some(batch) = assembler.push(&part)? {
            if recovered.batches == 0 {
                recovered.read_from = batch.first_seq;
            }
            recovered.last_seq = batch.last_seq();
            recovered.last_time = batch.time;
            recovered.batches += 1;
            chain = assembler.chain();
            visit(batch)?;
        }
    }
    let unfinished = assembler.unfinished();
    recovered.torn_parts = unfinished.map_or(0, |(_, parts)| u64::from(parts));
    Ok((recovered, chain, unfinished.map(|(seq, _)| seq)))
}

fn remove_unfinished_snapshots(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
