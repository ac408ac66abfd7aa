//! Makes a log that can be opened from a copy that was taken while the server wrote.
//!
//! For a log in files see [`file_log`]. With sled, the files of [`recent`](crate::recent) are complete up to some record in every copy. Older and newer records are
//! searched in sled's file by [`carve`](crate::carve), and joined by the chain of checksums. Everything is written into
//! a new directory, which replaces the copied one. So the log ends at the last complete record of the copy; before the
//! checkpoints, it goes back as far as parts were found without a gap.

use std::io;
use std::path::{Path, PathBuf};

use anaquel_cells::ids::Seq;

use crate::batch::Batch;
use crate::carve::Carved;
use crate::disk::{clear_moves, ended_and_whole, failed_before, known_durable, replace};
use crate::entries::{self, Rest, Tail, Whole};
use crate::file_log::{self, FileStore, FreshFiles};
use crate::log::{Damage, Mended};
use crate::options::{LogOptions, OpenError};
use crate::part::{self, PART_BYTES_MAX};
use crate::recent;
use crate::sled_log::{FreshLog, SledStore, key};
use crate::store_kind::StoreKind;

/// Makes the copied log in `directory` one that can be opened. Returns `None` if there is nothing to do, or no source
/// to do it from: then the store decides.
///
/// # Errors
/// An error of the file system or the store; the copy is unchanged.
pub fn mend(directory: &Path) -> Result<Option<Mended>, OpenError> {
    let fresh = clear_moves(directory)?;
    let is_in_files = file_log::is_in(directory);
    let is_whole =
        if is_in_files { ended_and_whole::<FileStore>(directory) } else { ended_and_whole::<SledStore>(directory) };
    let folder = directory.join(recent::FOLDER);
    if !folder.exists() || is_whole {
        return Ok(None);
    }
    let files = entries::list(&folder).map_err(OpenError::io(&folder))?;
    // Damaged files are no better than the store's own, which has its own checks.
    let whole = entries::read(&files, Tail::Exact, &mut |_, _| Ok(())).and_then(Whole::if_append_only);
    let Ok(whole) = whole else { return Ok(None) };
    let (marked, has_failed) = (known_durable(directory)?, failed_before(directory)?);
    let (oldest, last_seq) = if is_in_files {
        join_files(directory, &fresh, &files, &whole, has_failed)?
    } else {
        join_sled(directory, &fresh, &files, &whole, has_failed)?
    };
    replace(directory, &fresh)?;
    Ok(Some(Mended { oldest, last_seq, marked }))
}

/// Writes into `fresh` the recent log, with what is found in sled's file before and after it; returns its first and last
/// record.
fn join_sled(
    directory: &Path,
    fresh: &Path,
    files: &[(Seq, PathBuf)],
    whole: &Whole,
    has_failed: bool,
) -> Result<(Seq, Seq), OpenError> {
    let mut log = FreshLog::create(fresh)?;
    entries::read(files, Tail::Exact, &mut |parts, batch| insert(&mut log, batch.first_seq, parts))
        .map_err(OpenError::from)?;
    let carved_at = directory.with_extension("carved");
    if carved_at.exists() {
        std::fs::remove_dir_all(&carved_at).map_err(OpenError::io(&carved_at))?;
    }
    let mut carved = Carved::read(directory, &carved_at).map_err(OpenError::io(directory))?;
    let &Whole { first_seq, previous, mut last_seq, mut chain, .. } = whole;
    let mut oldest = first_seq.max(1);
    if first_seq > 1 {
        let mut failed = None;
        let mut put = |seq, part, bytes: &[u8]| {
            log.insert(&key(seq, part), bytes).map_err(|error| {
                failed = Some(error);
                io::ErrorKind::Other.into()
            })
        };
        let back = carved.back_from(first_seq, previous, &mut put);
        if let Some(failed) = failed {
            return Err(failed);
        }
        oldest = back.map_err(OpenError::io(directory))?;
    }
    // After a failed sync, records beyond the durable end are not trusted.
    while !has_failed && let Some(parts) = carved.after(last_seq, chain).map_err(OpenError::io(directory))? {
        let first_seq = last_seq + 1;
        for bytes in &parts {
            let part = part::parse(bytes, first_seq)?;
            (last_seq, chain) = (first_seq + Seq::from(part.count) - 1, part.check);
        }
        insert(&mut log, first_seq, &parts).map_err(OpenError::from)?;
    }
    drop(carved);
    log.finish(last_seq)?;
    Ok((oldest, last_seq))
}

/// The same with what the store's files have before and after it. In a copy they may have zeros in place of records, and
/// end there.
fn join_files(
    directory: &Path,
    fresh: &Path,
    recent: &[(Seq, PathBuf)],
    whole: &Whole,
    has_failed: bool,
) -> Result<(Seq, Seq), OpenError> {
    let folder = directory.join(file_log::FOLDER);
    let mut files = entries::list(&folder).map_err(OpenError::io(&folder))?;
    let mut log = FreshFiles::create(fresh, &LogOptions::default())?;
    let (mut oldest, mut last_seq, mut chain) = (whole.first_seq.max(1), 0, 0);
    let mut before = entries::read(&files, Tail::Zeros, &mut |_, _| Ok(()))?;
    while let Rest::Missing(first_kept, _) = before.rest {
        // The original trimmed older files while it was copied.
        files.drain(..first_kept);
        before = entries::read(&files, Tail::Zeros, &mut |_, _| Ok(()))?;
    }
    let reaches = before.first_seq > 0 && before.first_seq < oldest && before.last_seq + 1 >= oldest;
    let mut take = |parts: &[Vec<u8>], first_seq: Seq| {
        for bytes in parts {
            let part = part::parse(bytes, first_seq)?;
            if last_seq > 0 && part.previous != chain {
                let what = "the recent log and the files do not follow each other".to_owned();
                return Err(Damage { seq: first_seq, what });
            }
            (last_seq, chain) = (first_seq + Seq::from(part.count) - 1, part.check);
            log.push(first_seq, bytes).map_err(|error| Damage { seq: first_seq, what: error.to_string() })?;
        }
        log.end_batch().map_err(|error| Damage { seq: first_seq, what: error.to_string() })
    };
    if reaches {
        let until = oldest;
        oldest = before.first_seq;
        entries::read(&files, Tail::Zeros, &mut |parts, batch| match batch.last_seq() < until {
            true => take(parts, batch.first_seq),
            false => Ok(()),
        })?;
    }
    entries::read(recent, Tail::Exact, &mut |parts, batch| take(parts, batch.first_seq))?;
    // After a failed sync, records beyond the durable end are not trusted.
    if !has_failed && before.last_seq > whole.last_seq {
        entries::read(&files, Tail::Zeros, &mut |parts, batch| match batch.first_seq > whole.last_seq {
            true => take(parts, batch.first_seq),
            false => Ok(()),
        })?;
    }
    log.finish(last_seq)?;
    Ok((oldest, last_seq))
}

fn insert(log: &mut FreshLog, first_seq: Seq, parts: &[Vec<u8>]) -> Result<(), Damage> {
    for (number, bytes) in (0..).zip(parts) {
        let said = |error: OpenError| Damage { seq: first_seq, what: error.to_string() };
        log.insert(&key(first_seq, number), bytes).map_err(said)?;
    }
    Ok(())
}

/// Writes a whole log, batch by batch, into a directory that nobody has open.
pub struct LogWriter {
    log: Fresh,
    chain: u32,
    last_seq: Seq,
    buffer: Vec<u8>,
}

enum Fresh {
    Sled(FreshLog),
    File(FreshFiles),
}

impl LogWriter {
    /// Creates it with the store of `options`, in a directory that must not exist.
    pub fn create(directory: &Path, options: &LogOptions) -> Result<Self, OpenError> {
        let log = match options.store {
            StoreKind::Sled => Fresh::Sled(FreshLog::create(directory)?),
            StoreKind::File => Fresh::File(FreshFiles::create(directory, options)?),
        };
        Ok(Self { log, chain: 0, last_seq: 0, buffer: Vec::with_capacity(PART_BYTES_MAX) })
    }

    /// Appends a batch, which must follow the previous one; the first may begin anywhere.
    pub fn push(&mut self, batch: &Batch) -> Result<(), OpenError> {
        if self.last_seq > 0 && batch.first_seq != self.last_seq + 1 {
            let what = format!("record {} comes where it should", batch.first_seq);
            return Err(Damage { seq: self.last_seq + 1, what }.into());
        }
        let log = &mut self.log;
        self.chain = part::cut(batch, self.chain, &mut self.buffer, |part, bytes| match log {
            Fresh::Sled(log) => log.insert(&key(batch.first_seq, part), bytes),
            Fresh::File(log) => log.push(batch.first_seq, bytes),
        })?;
        if let Fresh::File(log) = log {
            log.end_batch()?;
        }
        self.last_seq = batch.last_seq();
        Ok(())
    }

    /// Makes it durable, and returns its last record.
    pub fn finish(self) -> Result<Seq, OpenError> {
        match self.log {
            Fresh::Sled(log) => log.finish(self.last_seq)?,
            Fresh::File(log) => log.finish(self.last_seq)?,
        }
        Ok(self.last_seq)
    }
}
