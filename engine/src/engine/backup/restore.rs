//! Restores: finds the backups that belong together, checks that they lead to their state hash, and creates a directory
//! from them.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anaquel_log::archive::ArchiveFiles;

use super::format::{Head, Piece, PieceReader};
use super::write::{epoch_of, unknown_head};
use crate::engine::archive;
use crate::engine::checkpoint;
use crate::engine::directory::{DataDirectory, UNFINISHED_RESTORE};
use crate::engine::fold::Folder;
use crate::engine::identity_file::eras_of;
use crate::engine::recovery::{Reading, recover, replay};
use crate::ids::{Epoch, Seq, Timestamp};
use crate::journal::{Batch, Damage, Head as LogHead, LogOptions, LogWriter, OpenError, StoreKind, sync_directory};
use crate::private::{make_private, private_file};
use crate::settings::Settings;

/// The last record of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Everything.
    End,
    /// This record.
    Seq(Seq),
    /// The last record at this moment or before.
    Time(Timestamp),
}

/// Why a restore failed, or what is wrong with a backup.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A backup is unreadable.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The target directory is not empty.
    #[error("{0} is not empty; restore into a directory that is empty or does not exist")]
    NotEmpty(PathBuf),
    /// No chain of backups leads to the requested record.
    #[error("{0}")]
    NoWay(String),
    /// The result differs from the backup's state hash.
    #[error("record {seq} of the backup leads to the state hash {found}, and the backup states {told}")]
    Different {
        /// The record.
        seq: Seq,
        /// The resulting hash.
        found: String,
        /// The stated hash.
        told: String,
    },
    /// The log in it, or the directory that was created from it, is unreadable.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl RestoreError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

impl From<Damage> for RestoreError {
    fn from(damage: Damage) -> Self {
        Self::Open(damage.into())
    }
}

/// Backups that follow each other; the first is a full one.
#[derive(Debug, Clone)]
pub struct Chain {
    files: Vec<(PathBuf, Head)>,
    /// Whether the checkpoint is used; without it, the log is read from its first record.
    with_checkpoint: bool,
    until: Seq,
}

impl Chain {
    /// The files, in order.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Head)> {
        self.files.iter().map(|(path, head)| (path.as_path(), head))
    }

    /// The last record.
    pub fn until(&self) -> Seq {
        self.until
    }

    /// The last of the backups.
    pub fn last(&self) -> Option<&Head> {
        self.files.last().map(|(_, head)| head)
    }

    /// Finds the chain among `paths` that leads to `until`.
    ///
    /// # Errors
    /// No chain does, or a file is not a backup.
    pub fn find(paths: &[PathBuf], until: Until) -> Result<Self, RestoreError> {
        let mut all = Vec::new();
        for path in paths {
            let head = open(path)?.head().clone();
            all.push((path.clone(), head));
        }
        match until {
            Until::End => Self::to(&all, None),
            Until::Seq(seq) => Self::to(&all, Some(seq)),
            Until::Time(time) => {
                let everything = Self::to(&all, None)?;
                let seq = everything.seq_at(time)?;
                Self::to(&all, Some(seq))
            }
        }
    }

    fn to(all: &[(PathBuf, Head)], until: Option<Seq>) -> Result<Self, RestoreError> {
        let reaches_back = |head: &Head| match head.checkpoint {
            Some((_, end)) if until.is_some_and(|until| end > until) => head.oldest == 1,
            _ => true,
        };
        // The newest first; a backup that ends before `until` needs less of its successors, one that ends after it is
        // cut.
        let mut whole: Vec<_> = all.iter().filter(|(_, head)| head.is_whole() && reaches_back(head)).collect();
        whole.sort_by_key(|(_, head)| {
            (until.is_some_and(|until| head.seq > until), std::cmp::Reverse((head.time, head.seq)))
        });
        let mut furthest: Option<Self> = None;
        for first in whole {
            let mut files = vec![first.clone()];
            while let Some((_, last)) = files.last().filter(|(_, last)| until.is_none_or(|until| last.seq < until)) {
                // A backup that contains more than the missing records is cut, too.
                let follows = |head: &Head| !head.is_whole() && head.after <= last.seq && head.seq > last.seq;
                let next = all.iter().filter(|(_, head)| follows(head)).max_by_key(|(_, head)| (head.time, head.seq));
                let Some(next) = next.cloned() else { break };
                files.push(next);
            }
            let ends_at = files.last().map_or(0, |(_, head)| head.seq);
            let with_checkpoint = first.1.checkpoint.is_some_and(|(_, end)| until.is_none_or(|until| end <= until));
            let chain = Self { files, with_checkpoint, until: until.unwrap_or(ends_at).min(ends_at) };
            if until.is_none_or(|until| ends_at >= until) {
                return Ok(chain);
            }
            if furthest.as_ref().is_none_or(|furthest| furthest.until < ends_at) {
                furthest = Some(chain);
            }
        }
        Err(RestoreError::NoWay(match (furthest, until) {
            (Some(furthest), Some(until)) => {
                format!("record {until} is beyond these backups, which reach {}", furthest.until)
            }
            (None, Some(until)) => {
                let from = all
                    .iter()
                    .filter(|(_, head)| head.is_whole())
                    .filter_map(|(_, head)| head.checkpoint)
                    .map(|(_, end)| end);
                match from.min() {
                    Some(from) => {
                        format!("record {until} is before these backups, which can be restored from record {from} on")
                    }
                    None => "these files contain no full backup; add one".into(),
                }
            }
            _ => "these files contain no full backup; add one".into(),
        }))
    }

    /// The last record at `time` or before.
    fn seq_at(&self, time: Timestamp) -> Result<Seq, RestoreError> {
        let mut found = None;
        self.each(&mut |step| {
            if let Step::Log(batch) = step
                && batch.time <= time
            {
                found = Some(batch.last_seq());
            }
            Ok(())
        })?;
        found.ok_or_else(|| RestoreError::NoWay("these backups begin after that moment".into()))
    }

    /// Reads all of it; no batch twice, and none beyond the end.
    fn each(&self, visit: &mut dyn FnMut(Step<'_>) -> Result<(), RestoreError>) -> Result<(), RestoreError> {
        let mut last = 0;
        let (mut epoch, mut ended) = (None, None);
        for (number, (path, head)) in self.files.iter().enumerate() {
            let mut whole = Whole { path: path.clone(), reader: open(path)?, files: Vec::new() };
            whole.read_files()?;
            let eras = whole.eras()?;
            // The record that it continues from belongs to the same history.
            if epoch.is_some_and(|epoch| epoch_of(&eras, last) != epoch) {
                let what = format!("{} follows record {} of another history", path.display(), head.after);
                return Err(RestoreError::NoWay(what));
            }
            if number == 0 {
                visit(Step::Begin(&mut whole))?;
            }
            while let Some(piece) = whole.reader.next().map_err(RestoreError::io(path))? {
                let batches = match piece {
                    Piece::Log(batches) => batches,
                    Piece::Archive { file, at, bytes } if number == 0 => {
                        visit(Step::Archive { file, at, bytes: &bytes })?;
                        continue;
                    }
                    Piece::Archive { .. } | Piece::File { .. } | Piece::Checkpoint(_) => continue,
                };
                for (batch, follows) in batches {
                    // Where one backup ends and the next begins, both have the same record.
                    let begins = follows.filter(|follows| follows.seq == last && follows.seq == head.after);
                    if let (Some(begins), Some(ended)) = (begins, ended.take())
                        && begins != ended
                        && begins != unknown_head(begins.history, begins.seq)
                    {
                        let what = format!("{} follows another record {last}", path.display());
                        return Err(RestoreError::NoWay(what));
                    }
                    if let Some(batch) = batch.between(last, self.until).map_err(Damage::from)? {
                        last = batch.last_seq();
                        ended = end_of(&batch, &eras)?;
                        visit(Step::Log(batch))?;
                    }
                }
            }
            last = last.max(head.seq.min(self.until));
            epoch = Some(head.epoch).filter(|_| last == head.seq);
        }
        Ok(())
    }
}

/// The head at the last record of a batch.
fn end_of(batch: &Batch, eras: &[crate::engine::identity::Era]) -> Result<Option<LogHead>, RestoreError> {
    let last = batch.last_seq();
    let bytes = batch.bytes_of(last).map_err(Damage::from)?;
    Ok(bytes.map(|bytes| LogHead::at(epoch_of(eras, last), last, batch.time, bytes)))
}

/// The contents of a chain of backups.
enum Step<'a> {
    /// The pieces before the log of the first backup.
    Begin(&'a mut Whole),
    /// Bytes of a file of the archive.
    Archive { file: u32, at: u64, bytes: &'a [u8] },
    /// The next piece of the log.
    Log(Batch),
}

/// An open backup, with its small files read.
struct Whole {
    path: PathBuf,
    reader: PieceReader<BufReader<File>>,
    files: Vec<(String, Vec<u8>)>,
}

impl Whole {
    fn read_files(&mut self) -> Result<(), RestoreError> {
        loop {
            match self.reader.next().map_err(RestoreError::io(&self.path))? {
                Some(Piece::File { name, bytes }) => {
                    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
                    if name.is_empty() || !is_plain || name.starts_with('.') {
                        return Err(self.wrong(format!("a file is named {name:?}")));
                    }
                    self.files.push((name, bytes));
                }
                Some(piece) => {
                    self.reader.put_back(piece);
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }

    fn wrong(&self, what: String) -> RestoreError {
        RestoreError::Io { path: self.path.clone(), source: io::Error::new(io::ErrorKind::InvalidData, what) }
    }

    fn identity(&self) -> Result<&str, RestoreError> {
        let found = self.files.iter().find(|(name, _)| name == "identity");
        let text = found.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok());
        text.ok_or_else(|| self.wrong("it has no identity".into()))
    }

    fn eras(&self) -> Result<Vec<crate::engine::identity::Era>, RestoreError> {
        eras_of(self.identity()?).map_err(|what| self.wrong(what))
    }

    /// The checkpoint as a stream of bytes.
    fn checkpoint(&mut self) -> CheckpointBytes<'_> {
        CheckpointBytes { reader: &mut self.reader, piece: Vec::new(), at: 0 }
    }
}

struct CheckpointBytes<'a> {
    reader: &'a mut PieceReader<BufReader<File>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for CheckpointBytes<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            match self.reader.next()? {
                Some(Piece::Checkpoint(bytes)) => (self.piece, self.at) = (bytes, 0),
                Some(other) => {
                    self.reader.put_back(other);
                    return Ok(0);
                }
                None => return Ok(0),
            }
        }
        let rest = self.piece.get(self.at..).unwrap_or(&[]);
        let length = rest.len().min(out.len());
        out.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.at += length;
        Ok(length)
    }
}

fn open(path: &Path) -> Result<PieceReader<BufReader<File>>, RestoreError> {
    let file = File::open(path).map_err(RestoreError::io(path))?;
    PieceReader::open(BufReader::with_capacity(1 << 20, file)).map_err(RestoreError::io(path))
}

/// Reads the head of a backup.
///
/// # Errors
/// The file is not a backup.
pub fn read_head(path: &Path) -> Result<Head, RestoreError> {
    Ok(open(path)?.head().clone())
}

/// Reads a backup to its end and checks every piece.
///
/// # Errors
/// What is wrong with it.
pub fn read_through(path: &Path) -> Result<(), RestoreError> {
    let mut reader = open(path)?;
    while reader.next().map_err(RestoreError::io(path))?.is_some() {}
    Ok(())
}

/// Retention limits are off while a backup is read.
pub(super) fn settings() -> Settings {
    Settings { idempotency_bytes: u64::MAX, closed_reservation_bytes: u64::MAX, ..Settings::default() }
}

/// The result of reading a chain of backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The last record.
    pub seq: Seq,
    /// The state hash there.
    pub hash: String,
    /// Cells.
    pub cells: u64,
    /// Open reservations.
    pub open_reservations: u64,
    /// Records read.
    pub records: u64,
    /// Whether the hash equals the one of the backup; `None` if that is unknown: in the middle of a backup, or for a
    /// build whose hash covers other data.
    pub is_same: Option<bool>,
}

/// Whether the backup that ends at a record leads to its stated hash.
fn compare(chain: &Chain, seq: Seq, hash: &str) -> Result<Option<bool>, RestoreError> {
    let ended =
        chain.files().map(|(_, head)| head).find(|head| head.seq == seq && head.hash_format == crate::hash::FORMAT);
    match ended {
        Some(head) if head.hash != hash => {
            Err(RestoreError::Different { seq, found: hash.to_owned(), told: head.hash.clone() })
        }
        ended => Ok(ended.map(|_| true)),
    }
}

/// Reads a chain of backups to its end and rebuilds the state in memory: every checksum, every record, the state hash
/// of each backup. Writes nothing.
///
/// # Errors
/// What is wrong with it.
pub fn check(chain: &Chain) -> Result<Checked, RestoreError> {
    let (state, mut folder) = Folder::of_new_state(&settings());
    let (mut checkpointed, mut records, mut last_seq) = (0, 0, 0);
    let ends: Vec<Seq> = chain.files().map(|(_, head)| head.seq).collect();
    chain.each(&mut |step| {
        let batch = match step {
            Step::Begin(whole) if chain.with_checkpoint => {
                let (eras, path) = (whole.eras()?, whole.path.clone());
                let mut bytes = BufReader::with_capacity(1 << 20, whole.checkpoint());
                let summary = checkpoint::load_from(&mut bytes, &path, &eras, &state, &mut folder);
                let summary = summary.map_err(|error| RestoreError::NoWay(error.to_string()))?;
                // Bytes after the last frame do not belong to it.
                io::copy(&mut bytes, &mut io::sink()).map_err(RestoreError::io(&path))?;
                (checkpointed, last_seq) = (summary.start_seq, summary.end_seq);
                return Ok(());
            }
            // Its pieces are checked one by one; what they contain is not in memory.
            Step::Begin(_) | Step::Archive { .. } => return Ok(()),
            Step::Log(batch) => batch,
        };
        // Split where a backup ends, so that its hash can be compared there.
        let mut begins = batch.first_seq - 1;
        let cuts: Vec<_> = ends.iter().copied().filter(|end| *end > begins && *end < batch.last_seq()).collect();
        for cut in cuts.into_iter().chain([batch.last_seq()]) {
            let Some(piece) = batch.clone().between(begins, cut).map_err(Damage::from)? else { continue };
            begins = cut;
            records += replay(&state, &mut folder, &piece, checkpointed)?;
            last_seq = last_seq.max(cut);
            if ends.contains(&cut) && last_seq == cut {
                compare(chain, cut, &state.hash.show())?;
            }
        }
        Ok(())
    })?;
    crate::engine::recovery::finish(&state, &mut folder, last_seq);
    let hash = state.hash.show();
    let is_same = compare(chain, last_seq, &hash)?;
    Ok(Checked {
        seq: last_seq,
        hash,
        cells: state.cells() as u64,
        open_reservations: state.reservations.open() as u64,
        records,
        is_same,
    })
}

/// The result of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The result of reading the chain.
    pub checked: Checked,
    /// The epoch of the restored directory.
    pub epoch: Epoch,
    /// The oldest record of its log.
    pub oldest: Seq,
    /// The small files of the backup.
    pub files: Vec<String>,
}

/// Creates a data directory from a chain of backups, in a directory that is empty or does not exist, with a log in
/// `store` and an epoch from `entropy`. The directory is read like at a start and compared with the hash of the backup before it gets its
/// identity. If this is interrupted earlier, the directory is not a data directory, and another restore into it starts
/// over.
///
/// # Errors
/// What is wrong with the backups, or with the directory.
pub fn restore(chain: &Chain, target: &Path, store: StoreKind, entropy: u64) -> Result<Restored, RestoreError> {
    restore_as(chain, target, store, |directory, seq| directory.is_restored(seq, entropy))
}

/// Creates the data directory of a node that follows the one that the backups are of: with the same history. Otherwise as
/// [`restore`].
///
/// # Errors
/// What is wrong with the backups, or with the directory.
pub fn join(chain: &Chain, target: &Path, store: StoreKind) -> Result<Restored, RestoreError> {
    restore_as(chain, target, store, |directory, _| directory.is_joined())
}

fn restore_as(
    chain: &Chain,
    target: &Path,
    store: StoreKind,
    complete: impl FnOnce(&mut DataDirectory, Seq) -> Result<Epoch, OpenError>,
) -> Result<Restored, RestoreError> {
    begin(target)?;
    let io = |path: &Path, error: io::Error| RestoreError::Io { path: path.to_owned(), source: error };
    let journal = target.join("journal");
    let mut log = LogWriter::create(&journal, &LogOptions { store, ..LogOptions::default() })?;
    let archive = ArchiveFiles::new(&archive::folder_of(target));
    let (mut identity, mut names, mut oldest) = (String::new(), Vec::new(), 0);
    chain.each(&mut |step| {
        let whole = match step {
            Step::Log(batch) => {
                if oldest == 0 {
                    oldest = batch.first_seq;
                }
                return log.push(&batch).map_err(RestoreError::from);
            }
            Step::Archive { file, at, bytes } => return write_archive(&archive, file, at, bytes),
            Step::Begin(whole) => whole,
        };
        identity = whole.identity()?.to_owned();
        for (name, bytes) in whole.files.iter().filter(|(name, _)| name != "identity") {
            let path = target.join(name);
            let written = private_file().write(true).create_new(true).open(&path).and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            });
            written.map_err(|error| io(&path, error))?;
            names.push(name.clone());
        }
        let (checkpoints, start) = (target.join("images"), whole.reader.head().checkpoint.map(|(start, _)| start));
        let mut bytes = whole.checkpoint();
        if let Some(start) = start.filter(|_| chain.with_checkpoint) {
            make_private(&checkpoints).map_err(|error| io(&checkpoints, error))?;
            let path = checkpoint::path_of(&checkpoints, start);
            let written = private_file().write(true).create_new(true).open(&path).and_then(|mut file| {
                io::copy(&mut bytes, &mut file)?;
                file.sync_all()
            });
            written.map_err(|error| io(&path, error))?;
            sync_directory(&checkpoints)?;
        } else {
            io::copy(&mut bytes, &mut io::sink()).map_err(|error| io(target, error))?;
        }
        Ok(())
    })?;
    let written = log.finish()?;
    sync_directory(target)?;
    let mut directory = DataDirectory::restoring(target, &identity, chain.until)?;
    let mut records = 0;
    let (state, _, made, _) =
        recover(&directory, &settings(), LogOptions::default(), Reading::Whole, &mut |_, _, batch| {
            records += u64::from(batch.count);
            Ok(())
        })?;
    let (seq, hash) = (state.view.seq(), state.hash.show());
    if seq != chain.until || written > seq {
        return Err(
            Damage { seq: seq + 1, what: format!("the restored log ends at {seq}, not at {}", chain.until) }.into()
        );
    }
    let checked = Checked {
        seq,
        cells: state.cells() as u64,
        open_reservations: state.reservations.open() as u64,
        records,
        is_same: compare(chain, seq, &hash)?,
        hash,
    };
    // What was archived after the first backup is in the log.
    archive::mend(&archive, &state.own.archive.standing(), made.reader().as_ref())?;
    // Closes the log before another process may open it.
    drop(made);
    let epoch = complete(&mut directory, seq)?;
    let marker = target.join(UNFINISHED_RESTORE);
    fs::remove_file(&marker).map_err(RestoreError::io(&marker))?;
    sync_directory(target)?;
    Ok(Restored { checked, epoch, oldest: oldest.max(1), files: names })
}

/// Writes bytes of a file of the archive.
fn write_archive(archive: &ArchiveFiles, file: u32, at: u64, bytes: &[u8]) -> Result<(), RestoreError> {
    let path = archive.path_of(file);
    make_private(archive.folder()).map_err(RestoreError::io(archive.folder()))?;
    let mut options = private_file();
    let opened = if at == 0 { options.write(true).create_new(true) } else { options.append(true) }.open(&path);
    let written = opened.and_then(|mut out| {
        if out.metadata()?.len() != at {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("byte {at} of it comes too early")));
        }
        out.write_all(bytes)?;
        out.sync_all()
    });
    written.map_err(RestoreError::io(&path))
}

/// Creates `target`, or removes what an interrupted restore left.
fn begin(target: &Path) -> Result<(), RestoreError> {
    let io = RestoreError::io;
    if let Some(parent) = target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(io(parent))?;
    }
    make_private(target).map_err(io(target))?;
    let marker = target.join(UNFINISHED_RESTORE);
    let mut entries = fs::read_dir(target).map_err(io(target))?.peekable();
    if entries.peek().is_some() && (!marker.exists() || target.join("identity").exists()) {
        return Err(RestoreError::NotEmpty(target.to_owned()));
    }
    File::create(&marker).and_then(|file| file.sync_all()).map_err(io(&marker))?;
    sync_directory(target)?;
    for entry in entries {
        let path = entry.map_err(io(target))?.path();
        if path != marker {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(io(&path))?;
        }
    }
    Ok(())
}
