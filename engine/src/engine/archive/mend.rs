//! Makes the files of the archive what the log says, and its index what the files say.

use std::ops::ControlFlow;

use anaquel_log::archive::index::{ArchiveIndex, IndexChange, IndexError};
use anaquel_log::archive::{ArchiveDamage, ArchiveFiles, ArchivePlace, HEAD_BYTES, Scanned, Short};

use super::keys;
use crate::archive::event::{Archived, Event as ArchiveEvent};
use crate::archive::{Kept, Standing};
use crate::event::Event;
use crate::ids::{Epoch, Seq};
use crate::journal::{self, JournalReader, OpenError, ReadError};

/// Cuts what the log does not know, and writes again what the files lack and the log has.
///
/// # Errors
/// The log no longer has what the files lack; an error of the file system.
pub(crate) fn mend(files: &ArchiveFiles, standing: &Standing, log: &dyn JournalReader) -> Result<(), OpenError> {
    let io = |error| OpenError::Io { path: files.folder().to_owned(), source: error };
    let Some(short) = files.cut(&standing.ends).map_err(io)? else { return Ok(()) };
    let missing = find_missing(files, standing.last, short, log)?;
    let mut is_first = true;
    // Bounded by what the files lack.
    for seq in missing.into_iter().rev() {
        let archived = read(files, short, seq, log)?;
        if std::mem::take(&mut is_first) && archived.place.at > HEAD_BYTES {
            files.take_back(archived.place)?;
        }
        files.append(archived.place, &archived.bytes.0)?;
    }
    match files.cut(&standing.ends).map_err(io)? {
        None => Ok(()),
        Some(short) => Err(lacking(files, short, "the log has other bytes").into()),
    }
}

/// The records whose bytes a file lacks, the newest first.
fn find_missing(files: &ArchiveFiles, last: Seq, short: Short, log: &dyn JournalReader) -> Result<Vec<Seq>, OpenError> {
    let has = ArchivePlace { file: short.file, at: short.has };
    let (mut missing, mut seq) = (Vec::new(), last);
    loop {
        let archived = read(files, short, seq, log)?;
        missing.push(seq);
        // A file without its head has nothing.
        let begins =
            if archived.place.at == HEAD_BYTES { ArchivePlace { at: 0, ..archived.place } } else { archived.place };
        if begins <= has {
            return Ok(missing);
        }
        seq = archived.previous;
    }
}

fn read(files: &ArchiveFiles, short: Short, seq: Seq, log: &dyn JournalReader) -> Result<Box<Archived>, OpenError> {
    let mut found = None;
    let read = log.read(seq, &mut |batch| {
        found = Some(journal::record(&batch, seq));
        ControlFlow::Break(())
    });
    match (read, found) {
        (Err(ReadError::Damaged(damage)), _) => Err(damage.into()),
        (Ok(()), Some(Err(error))) => Err(OpenError::Damaged(error.into())),
        (Ok(()), Some(Ok(Some(record)))) => match record.event {
            Event::Archive(ArchiveEvent::Archived(archived)) => Ok(archived),
            _ => Err(lacking(files, short, "the log has another record there").into()),
        },
        (Err(ReadError::Trimmed { .. }), _) | (Ok(()), None | Some(Ok(None))) => {
            Err(lacking(files, short, "the log no longer has the rest").into())
        }
    }
}

fn lacking(files: &ArchiveFiles, short: Short, why: &str) -> ArchiveDamage {
    let what = format!("it is shorter than the log says, and {why}");
    ArchiveDamage { path: files.path_of(short.file), at: short.has, what }
}

/// Opens the index, and makes it what the files say.
///
/// # Errors
/// A file is damaged; an error of the file system.
pub(super) fn index_of(files: &ArchiveFiles, epoch: Epoch, standing: &Standing) -> Result<ArchiveIndex, OpenError> {
    let folder = files.folder().join("index");
    let io = |error| OpenError::Io { path: folder.clone(), source: error };
    // An index with keys of another version counts as one of another history: it is rebuilt from the files.
    let history = epoch.0 ^ keys::KEYS;
    let (index, has) = ArchiveIndex::open(&folder, history).map_err(io)?;
    if has == standing.ends {
        return Ok(index);
    }
    let is_caught_up = match is_behind(&has, &standing.ends) {
        true => catch_up(&index, files, &has, standing),
        // The last change was not logged.
        false => index.take_back().and_then(|before| match before == standing.ends {
            true => Ok(Ok(())),
            false => Err(IndexError::behind()),
        }),
    };
    match is_caught_up {
        Ok(caught_up) => caught_up.map(|()| index).map_err(OpenError::from),
        Err(_) => {
            drop(index);
            ArchiveIndex::remove(&folder).map_err(io)?;
            let (index, has) = ArchiveIndex::open(&folder, history).map_err(io)?;
            let caught_up = catch_up(&index, files, &has, standing);
            caught_up.map_err(|error| io(std::io::Error::other(error.to_string())))??;
            Ok(index)
        }
    }
}

/// Whether `has` is an earlier state of files that end at `ends`.
fn is_behind(has: &[ArchivePlace], ends: &[ArchivePlace]) -> bool {
    let last = has.len().saturating_sub(1);
    has.len() <= ends.len()
        && has.iter().zip(ends).enumerate().all(|(nth, (has, end))| {
            has.file == end.file && if nth < last { has.at == end.at } else { has.at <= end.at }
        })
}

/// Adds everything between `has` and the end of the files to the index. The inner result is that of the files.
pub(super) fn catch_up(
    index: &ArchiveIndex,
    files: &ArchiveFiles,
    has: &[ArchivePlace],
    standing: &Standing,
) -> Result<Result<(), ArchiveDamage>, IndexError> {
    let mut ends = has.to_vec();
    let from = has.last().copied();
    for end in standing.ends.iter().filter(|end| from.is_none_or(|from| end.file >= from.file)) {
        let begin = from.filter(|from| from.file == end.file).map_or(HEAD_BYTES, |from| from.at);
        if ends.last().is_none_or(|last| last.file != end.file) {
            ends.push(ArchivePlace { file: end.file, at: HEAD_BYTES });
        }
        let (mut change, mut days, mut failed) = (IndexChange::default(), keys::Days::default(), None);
        let scanned = files.scan(end.file, begin, end.at, &mut |scanned| {
            match scanned {
                Scanned::Frame { frame, kind, payload } => {
                    let kept = Kept::read(kind, payload).map_err(|what| ArchiveDamage {
                        path: files.path_of(end.file),
                        at: frame.place.at,
                        what,
                    })?;
                    keys::each(&kept, frame, &mut |key, value| change.set(key, value));
                    days.note(&kept);
                }
                Scanned::End { place, .. } => {
                    if let Some(last) = ends.last_mut() {
                        *last = place;
                    }
                    if failed.is_none() {
                        let mut change = std::mem::take(&mut change);
                        let noted = std::mem::take(&mut days).set(index, &mut change);
                        failed = noted.and_then(|()| index.apply(change, &ends)).err();
                    }
                }
            }
            Ok(())
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if let Err(damage) = scanned {
            return Ok(Err(damage));
        }
    }
    Ok(Ok(()))
}
