//! Writes a backup beside the writer of the log.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anaquel_log::archive::{ArchiveFiles, ArchivePlace};

use super::format::{Head, PieceWriter};
use crate::archive::Standing;
use crate::engine::checkpoint;
use crate::engine::directory::Extra;
use crate::engine::identity::Era;
use crate::engine::replica::head_at;
use crate::ids::{Epoch, Seq, Timestamp};
use crate::journal::{Batch, Damage, Head as LogHead, JournalReader, ReadError, Sealed};

/// Bytes of the checkpoint per piece.
const IMAGE_PIECE_BYTES: usize = 256 << 10;

/// Bytes of the log that are read before they are written.
const STRETCH_BYTES: usize = 256 << 10;

/// The requested contents of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Everything.
    Whole,
    /// The records after this record of this epoch.
    After(Epoch, Seq),
}

/// Why a backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The records are no longer in the log; a full backup is possible.
    #[error("{0}; take a full backup")]
    Gone(String),
    /// The engine stores nothing on disk.
    #[error("the engine keeps its log in memory")]
    InMemory,
    /// The journal failed.
    #[error("the log could not be made durable")]
    NotDurable,
    /// A required part is unreadable.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// An error of the file system, or of the output.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The source of a backup.
pub(crate) struct Origin<'a> {
    pub reader: &'a dyn JournalReader,
    pub eras: Vec<Era>,
    /// The small files of the directory.
    pub kept: Vec<Extra>,
    pub checkpoint: Option<(PathBuf, File, checkpoint::Summary)>,
    /// The files of the archive, and how far each is valid at the last record. A later backup has what was archived
    /// since in its log.
    pub archive: (ArchiveFiles, Standing),
    /// The last record, and the state hash there.
    pub seq: Seq,
    pub hash: String,
    pub time: Timestamp,
}

/// The newest complete checkpoint of a directory, opened; a newer one may replace it meanwhile.
pub(crate) fn newest_checkpoint(directory: &Path) -> io::Result<Option<(PathBuf, File, checkpoint::Summary)>> {
    // A listed checkpoint may be deleted before it is opened; then there is a newer one.
    const ATTEMPTS: usize = 5;
    for _ in 0..ATTEMPTS {
        let checkpoints = checkpoint::list(&directory.join("images"))?;
        let none = checkpoints.is_empty();
        for (_, path) in checkpoints {
            match File::open(&path) {
                Ok(file) => match checkpoint::summary(&file) {
                    Ok(summary) => return Ok(Some((path, file, summary))),
                    // As at a start: use the older checkpoint, and more of the log.
                    Err(_) => continue,
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
        }
        if none {
            return Ok(None);
        }
    }
    Ok(None)
}

/// The epoch of the era of a record.
pub(super) fn epoch_of(eras: &[Era], seq: Seq) -> Epoch {
    let own = eras.iter().rev().find(|era| era.after < seq).or(eras.first());
    own.map_or(Epoch(0), |era| era.epoch)
}

/// Writes a backup. Calls `wanted` with the first record of the log that it still needs.
pub(crate) fn write(
    origin: Origin<'_>,
    start: Start,
    extra: &[Extra],
    wanted: &dyn Fn(Seq),
    begun: &mut dyn FnMut(&Head),
    out: &mut dyn Write,
) -> Result<Head, BackupError> {
    let Origin { reader, eras, kept, checkpoint, archive, seq, hash, time } = origin;
    let (after, from) = match start {
        Start::Whole => (0, reader.oldest()),
        Start::After(epoch, after) if after > seq || epoch_of(&eras, after) != epoch => {
            let what = format!(
                "record {after} of the epoch {epoch} does not belong to this history, which is at \
                                {seq}"
            );
            return Err(BackupError::Gone(what));
        }
        Start::After(_, after) if after < seq && after + 1 < reader.oldest() => {
            return Err(BackupError::Gone(format!("the log starts at {}", reader.oldest())));
        }
        Start::After(_, after) => (after, after + 1),
    };
    wanted(from);
    let mut log = Log { reader, next: from, last: seq, may_begin_later: start == Start::Whole };
    // The first chunk shows where the log begins, in case it is being trimmed.
    let mut stretch = log.stretch()?;
    let oldest = stretch.first().map_or(seq + 1, |batch| batch.first_seq);
    let needed = checkpoint.as_ref().map_or(1, |(.., checkpoint)| checkpoint.start_seq + 1);
    if start == Start::Whole && oldest > needed.min(seq + 1) {
        let what = format!("the log begins at {oldest}, and the checkpoints reach only {}", needed - 1);
        return Err(Damage { seq: needed, what }.into());
    }
    let head = Head {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        epoch: epoch_of(&eras, seq),
        after,
        seq,
        oldest,
        time,
        hash,
        hash_format: crate::hash::FORMAT,
        checkpoint: checkpoint.as_ref().map(|(.., checkpoint)| (checkpoint.start_seq, checkpoint.end_seq)),
    };
    begun(&head);
    let (files, standing) = archive;
    let ends: &[ArchivePlace] = if start == Start::Whole { &standing.ends } else { &[] };
    let mut pieces = PieceWriter::begin(out, &head)?;
    for file in kept.iter().chain(extra) {
        pieces.file(&file.name, &file.bytes)?;
    }
    if let Some((_, mut file, _)) = checkpoint {
        let mut buffer = vec![0; IMAGE_PIECE_BYTES];
        loop {
            let length = read_full(&mut file, &mut buffer)?;
            pieces.checkpoint(buffer.get(..length).unwrap_or(&[]))?;
            if length < buffer.len() {
                break;
            }
        }
    }
    for end in ends {
        files.copy(end.file, end.at, &mut |at, bytes| pieces.archive(end.file, at, bytes))?;
    }
    let mut sealed_up_to = head_before(reader, &eras, oldest)?;
    while !stretch.is_empty() {
        let sealed: Vec<Sealed> = stretch
            .drain(..)
            .map(|batch| {
                let history = epoch_of(&eras, batch.last_seq());
                let sealed = Sealed::read(sealed_up_to, history, batch);
                sealed_up_to = *sealed.becomes();
                sealed
            })
            .collect();
        pieces.log(&sealed)?;
        wanted(log.next);
        stretch = log.stretch()?;
    }
    if log.next <= seq {
        return Err(Damage { seq: log.next, what: "the log ends before it".into() }.into());
    }
    pieces.end(seq)?;
    Ok(head)
}

/// What stands for the head at a record that the log no longer has.
pub(super) fn unknown_head(history: Epoch, seq: Seq) -> LogHead {
    LogHead::at(history, seq, Timestamp(0), &[])
}

/// The head before the first record: where the chain of the seals begins. Without the record before it, a chain of its own.
fn head_before(reader: &dyn JournalReader, eras: &[Era], oldest: Seq) -> Result<LogHead, BackupError> {
    let before = oldest.saturating_sub(1);
    let history = epoch_of(eras, before.max(1));
    match head_at(reader, history, before) {
        Ok(Some(head)) => Ok(head),
        Ok(None) | Err(ReadError::Trimmed { .. }) => Ok(unknown_head(history, before)),
        Err(ReadError::Damaged(damage)) => Err(damage.into()),
    }
}

fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The log, read in chunks, so that the store is not locked while the output is slow.
struct Log<'a> {
    reader: &'a dyn JournalReader,
    next: Seq,
    last: Seq,
    /// Whether what is trimmed at this moment may be missing at its beginning.
    may_begin_later: bool,
}

impl Log<'_> {
    fn stretch(&mut self) -> Result<Vec<Batch>, BackupError> {
        let mut batches = Vec::new();
        let mut unreadable = None;
        while self.next <= self.last && batches.is_empty() && unreadable.is_none() {
            let (from, last) = (self.next, self.last);
            let mut bytes = 0;
            let read = self.reader.read(from, &mut |batch| {
                bytes += batch.body.len();
                let ends = batch.last_seq() >= last;
                match batch.between(from - 1, last) {
                    Ok(batch) => batches.extend(batch),
                    Err(error) => unreadable = Some(Damage::from(error)),
                }
                if ends || bytes >= STRETCH_BYTES || unreadable.is_some() {
                    std::ops::ControlFlow::Break(())
                } else {
                    std::ops::ControlFlow::Continue(())
                }
            });
            match read {
                Err(ReadError::Trimmed { oldest }) if self.may_begin_later && oldest > self.next => self.next = oldest,
                Err(ReadError::Trimmed { oldest }) => {
                    return Err(BackupError::Gone(format!("the log starts at {oldest}")));
                }
                Err(ReadError::Damaged(damage)) => return Err(damage.into()),
                Ok(()) if batches.is_empty() => break,
                Ok(()) => {}
            }
        }
        if let Some(damage) = unreadable {
            return Err(damage.into());
        }
        if let Some(last) = batches.last() {
            (self.next, self.may_begin_later) = (last.last_seq() + 1, false);
        }
        Ok(batches)
    }
}
