//! The log in sled's log-structured store, with real durability.
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

use anaquel_cells::ids::Seq;

use crate::batch::Batch;
use crate::disk::{Found, Store, Trimmed, mark_all};
use crate::entries::EachPart;
use crate::histogram::Histogram;
use crate::log::{Damage, JournalReader, ReadError, Recovered};
use crate::options::{LogOptions, OpenError};
use crate::part::{self, Assembler};
use crate::private::make_private;
use crate::store_kind::StoreKind;

/// Sled's memory for pages that it has read; the log is read from its end, so little is enough.
const CACHE_BYTES: u64 = 64 << 20;

/// Values that one trim step removes, so that an append never waits long for it.
const TRIM_PARTS_MAX: usize = 512;

/// Attempts, and the delay between them, to acquire sled's own lock.
const LOCK_ATTEMPTS: usize = 300;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// The file of sled that has all data.
const DB: &str = "db";

/// Whether sled has been in this directory.
pub(crate) fn is_in(directory: &Path) -> bool {
    directory.join(DB).exists()
}

/// Parts as values of sled's default tree.
#[derive(Debug)]
pub(crate) struct SledStore {
    db: sled::Db,
    db_file: File,
    db_path: PathBuf,
    /// The oldest record that may be read, shared with readers; it is raised before a trim removes records.
    oldest: Arc<AtomicU64>,
}

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

impl Store for SledStore {
    fn open(
        directory: &Path,
        _options: &LogOptions,
        _marked: Seq,
        from: Seq,
        visit: &mut dyn FnMut(Batch) -> Result<(), Damage>,
    ) -> Result<(Self, Found), OpenError> {
        let db = open_sled(directory)?;
        let db_path = directory.join(DB);
        let db_file = File::options().read(true).write(true).open(&db_path).map_err(OpenError::io(&db_path))?;
        // A kill may have left data in the page cache, which is replayed now and may be lost later: sync it before
        // relying on it.
        db_file.sync_all().map_err(OpenError::io(&db_path))?;
        let (recovered, chain, unfinished) = read_from(&db, from, visit)?;
        let oldest = Arc::new(AtomicU64::new(recovered.oldest));
        let found = Found { recovered, chain, is_torn: unfinished.is_some() };
        Ok((Self { db, db_file, db_path, oldest }, found))
    }

    fn drop_torn(&mut self, found: &Found) -> Result<(), OpenError> {
        let first_seq = found.recovered.last_seq + 1;
        for part in 0..found.recovered.torn_parts {
            self.db.remove(key(first_seq, part as u32)).map_err(|error| lost(first_seq, &error))?;
        }
        self.db.flush().map_err(|error| lost(first_seq, &error))?;
        self.db_file.sync_data().map_err(OpenError::io(&self.db_path))
    }

    fn put(&mut self, first_seq: Seq, part: u32, bytes: &[u8]) -> Result<(), String> {
        self.db.insert(key(first_seq, part), bytes).map(drop).map_err(|error| error.to_string())
    }

    fn end_batch(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn flush(&mut self) -> Result<(), String> {
        self.db.flush().map_err(|error| error.to_string())?;
        self.db_file.sync_data().map_err(|error| error.to_string())
    }

    fn trim(&mut self, before: Seq) -> Result<Trimmed, String> {
        let told = |error: sled::Error| error.to_string();
        let Some(last_kept) = self.db.range(..=key(before, u32::MAX)).next_back() else { return Ok(Trimmed::Fully) };
        let (last_kept, _) = last_kept.map_err(told)?;
        let last_kept = seq_of(&last_kept).map_err(|damage| damage.what)?;
        self.oldest.fetch_max(last_kept, Ordering::AcqRel);
        let mut removed = 0;
        // At most TRIM_PARTS_MAX parts.
        for stored in self.db.range(..key(last_kept, 0)).take(TRIM_PARTS_MAX) {
            let (key, _) = stored.map_err(told)?;
            self.db.remove(key).map_err(told)?;
            removed += 1;
        }
        Ok(match removed {
            0 => Trimmed::Fully,
            TRIM_PARTS_MAX.. => Trimmed::Partly,
            _ => Trimmed::FullyOnceFlushed,
        })
    }

    fn parts_from(&self, from: Seq, visit: &mut EachPart<'_>) -> io::Result<()> {
        let start = holder(&self.db, from).map_err(io::Error::other)?.unwrap_or(from);
        let mut stored = self.db.range(key(start, 0)..);
        while let Some((_, bytes)) = next_of(&mut stored, start).map_err(io::Error::other)? {
            visit(&bytes)?;
        }
        Ok(())
    }

    fn copy_up_to(directory: &Path, last_seq: Seq, fresh: &Path) -> Result<(), OpenError> {
        let mut log = FreshLog::create(fresh)?;
        {
            let from = open_sled(directory)?;
            for stored in from.iter() {
                let (key, part) = stored.map_err(|error| lost(last_seq, &error))?;
                if seq_of(&key)? > last_seq {
                    break;
                }
                log.insert(&key, &part)?;
            }
        }
        log.finish(last_seq)
    }

    fn reader(&self, sync_times: Arc<Histogram>) -> Arc<dyn JournalReader> {
        Arc::new(SledReader { db: self.db.clone(), oldest: Arc::clone(&self.oldest), sync_times })
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

    fn store(&self) -> Option<StoreKind> {
        Some(StoreKind::Sled)
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
        let db_path = directory.join(DB);
        File::open(&db_path).and_then(|db| db.sync_all()).map_err(OpenError::io(&db_path))?;
        mark_all(&directory, last_seq)
    }
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
