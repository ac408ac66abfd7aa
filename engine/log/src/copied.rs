//! Makes a log that can be opened from a copy that was taken while the server wrote.
//!
//! The files of [`recent`](crate::recent) are complete up to some record in every copy. Older and newer records are
//! searched in sled's file by [`carve`](crate::carve), and joined by the chain of checksums. Everything is written into
//! a new directory, which replaces the copied one. So the log ends at the last complete record of the copy; before the
//! checkpoints, it goes back as far as parts were found without a gap.

use std::io;
use std::path::Path;

use anaquel_cells::ids::Seq;

use crate::batch::Batch;
use crate::carve::Carved;
use crate::log::Damage;
use crate::options::OpenError;
use crate::part::{self, PART_BYTES_MAX};
use crate::recent::{self, Whole};
use crate::sled_log::{FreshLog, clear_moves, ended_and_whole, failed_before, key, known_durable, replace};

/// The contents of a copied log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mended {
    /// The oldest record of the log, after which nothing is missing.
    pub oldest: Seq,
    /// The last complete record.
    pub last_seq: Seq,
    /// The durable end of the log when the file was copied; records in between are only in the original.
    pub marked: Seq,
}

/// Makes the copied log in `directory` one that can be opened. Returns `None` if there is nothing to do, or no source
/// to do it from: then sled decides.
///
/// # Errors
/// An error of the file system or the store; the copy is unchanged.
pub fn mend(directory: &Path) -> Result<Option<Mended>, OpenError> {
    let fresh = clear_moves(directory)?;
    let folder = directory.join(recent::FOLDER);
    if !folder.exists() || ended_and_whole(directory) {
        return Ok(None);
    }
    let files = recent::list(&folder).map_err(OpenError::io(&folder))?;
    // Damaged files are no better than sled's file, which has its own checks.
    let Ok(whole) = recent::read(&files, &mut |_, _| Ok(())) else { return Ok(None) };
    let (marked, has_failed) = (known_durable(directory)?, failed_before(directory)?);
    let mut log = FreshLog::create(&fresh)?;
    recent::read(&files, &mut |parts, batch| insert(&mut log, batch.first_seq, parts)).map_err(OpenError::from)?;
    let carved_at = directory.with_extension("carved");
    if carved_at.exists() {
        std::fs::remove_dir_all(&carved_at).map_err(OpenError::io(&carved_at))?;
    }
    let mut carved = Carved::read(directory, &carved_at).map_err(OpenError::io(directory))?;
    let Whole { first_seq, previous, mut last_seq, mut chain, .. } = whole;
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
    replace(directory, &fresh)?;
    Ok(Some(Mended { oldest, last_seq, marked }))
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
    log: FreshLog,
    chain: u32,
    last_seq: Seq,
    buffer: Vec<u8>,
}

impl LogWriter {
    /// Creates it in a directory that must not exist.
    pub fn create(directory: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            log: FreshLog::create(directory)?,
            chain: 0,
            last_seq: 0,
            buffer: Vec::with_capacity(PART_BYTES_MAX),
        })
    }

    /// Appends a batch, which must follow the previous one; the first may begin anywhere.
    pub fn push(&mut self, batch: &Batch) -> Result<(), OpenError> {
        if self.last_seq > 0 && batch.first_seq != self.last_seq + 1 {
            let what = format!("record {} comes where it should", batch.first_seq);
            return Err(Damage { seq: self.last_seq + 1, what }.into());
        }
        let log = &mut self.log;
        self.chain = part::cut(batch, self.chain, &mut self.buffer, |part, bytes| {
            log.insert(&key(batch.first_seq, part), bytes)
        })?;
        self.last_seq = batch.last_seq();
        Ok(())
    }

    /// Makes it durable, and returns its last record.
    pub fn finish(self) -> Result<Seq, OpenError> {
        self.log.finish(self.last_seq).map(|()| self.last_seq)
    }
}
