//! The log in files, for which room is made beforehand.
//!
//! An append is one `write` of the parts of a batch, and one `fdatasync`. To let a file grow with each append would
//! cost several times as much: its new length, and its new blocks, are changes of the file system, which has a log of its
//! own to sync. So a file is filled with zeros before it is used, by a thread that makes the next one while half of the
//! newest is free, and is written from the beginning to the end. It has the form of [`entries`](crate::entries), and does
//! not change once there is a later one; trims delete whole files.
//!
//! - A batch is written after the one before it is durable. So only the end of the newest file can be torn: bytes
//!   beyond the *high-water mark* that are not a whole batch were never acknowledged, and a start cuts them off. With
//!   an interval policy several batches may be torn, none of which was durable. Anything else that is not as it was
//!   written is damage.
//! - A copy that is taken while the log is written may have zeros where the original had records, and records behind
//!   them. The source for such a copy is in [`recent`](crate::recent), and [`copied`](crate::copied) makes a log of it.
//! - Files have an index in memory, of one place in 32 KiB: made while they are written, or by the first reader.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use anaquel_cells::ids::Seq;

use crate::batch::Batch;
use crate::disk::{Found, Store, Trimmed, mark_all};
use crate::entries::{self, EachPart, Rest, Tail, Whole};
use crate::file_reader::{FileReader, Segment, Segments};
use crate::file_room::{Room, Rooms};
use crate::histogram::Histogram;
use crate::log::{Damage, JournalReader, Recovered};
use crate::options::{LogOptions, OpenError, sync_directory};
use crate::private::make_private;

/// The folder of the files.
pub(crate) const FOLDER: &str = "files";

/// The buffer of a larger batch is given back.
const STAGED_BYTES_MAX: usize = 1 << 20;

/// Whether the log in this directory is in files.
pub(crate) fn is_in(directory: &Path) -> bool {
    directory.join(FOLDER).exists()
}

/// The files, and the end of the newest.
#[derive(Debug)]
pub(crate) struct FileStore {
    folder: PathBuf,
    segments: Arc<Segments>,
    /// The newest file; `None` if the next append takes another.
    newest: Option<Newest>,
    rooms: Rooms,
    staged: Vec<u8>,
    first_seq: Seq,
    /// Deletes files that were trimmed.
    removal: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Newest {
    file: File,
    segment: Arc<Segment>,
    /// Where the next batch begins.
    at: u64,
    /// Its length, zeros included.
    bytes: u64,
    is_dirty: bool,
}

impl FileStore {
    /// No file yet.
    fn create(directory: &Path, options: &LogOptions) -> Result<Self, OpenError> {
        let folder = directory.join(FOLDER);
        make_private(&folder).map_err(OpenError::io(&folder))?;
        sync_directory(directory)?;
        let rooms = Rooms::new(folder.clone(), options).map_err(OpenError::io(&folder))?;
        Ok(Self {
            folder,
            segments: Arc::new(Segments::new(VecDeque::new())),
            newest: None,
            rooms,
            staged: Vec::new(),
            first_seq: 0,
            removal: None,
        })
    }

    /// Takes the next part of a batch.
    fn push(&mut self, first_seq: Seq, bytes: &[u8]) -> io::Result<()> {
        self.first_seq = first_seq;
        entries::push(&mut self.staged, bytes)
    }

    /// Writes the batch.
    fn write(&mut self) -> io::Result<()> {
        let needed = self.staged.len() as u64;
        if self.newest.as_ref().is_none_or(|newest| newest.bytes - newest.at < needed) {
            self.next_file(needed)?;
        }
        let Some(newest) = &mut self.newest else { return Err(io::Error::other("there is no file")) };
        newest.file.write_all_at(&self.staged, newest.at)?;
        newest.is_dirty = true;
        newest.segment.grown(self.first_seq, newest.at, newest.at + needed);
        newest.at += needed;
        if newest.at > newest.bytes / 2 {
            self.rooms.make_next();
        }
        self.staged.clear();
        if self.staged.capacity() > 2 * STAGED_BYTES_MAX {
            self.staged = Vec::new();
        }
        Ok(())
    }

    /// Goes on in another file, with room for the staged batch.
    fn next_file(&mut self, needed: u64) -> io::Result<()> {
        // Before a later file exists, all of this one is durable.
        self.sync()?;
        let path = entries::path_of(&self.folder, self.first_seq);
        let Room { file, bytes } = self.rooms.take(needed, &path)?;
        let segment = Arc::new(Segment::new(self.first_seq, path, 0));
        self.segments.push(Arc::clone(&segment));
        self.newest = Some(Newest { file, segment, at: 0, bytes, is_dirty: false });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if let Some(newest) = self.newest.as_mut().filter(|newest| newest.is_dirty) {
            newest.file.sync_data()?;
            newest.is_dirty = false;
        }
        Ok(())
    }
}

impl Store for FileStore {
    fn open(
        directory: &Path,
        options: &LogOptions,
        marked: Seq,
        from: Seq,
        visit: &mut dyn FnMut(Batch) -> Result<(), Damage>,
    ) -> Result<(Self, Found), OpenError> {
        let mut store = Self::create(directory, options)?;
        let files = entries::list(&store.folder).map_err(OpenError::io(&store.folder))?;
        // The newest file may have no whole batch yet: then the end of the log is in the one before.
        let holder = files.partition_point(|(first_seq, _)| *first_seq <= from).saturating_sub(1);
        let start = holder.min(files.len().saturating_sub(2));
        let mut reading = ReadingFrom::new(from, visit);
        let read = files.get(start..).unwrap_or(&[]);
        let whole = entries::read(read, Tail::Zeros, &mut |parts, batch| reading.batch(parts, batch))?;
        let mut recovered = reading.end()?;
        recovered.last_seq = whole.last_seq;
        recovered.oldest = files.first().map_or(1, |(first_seq, _)| *first_seq);
        let is_torn = match whole.rest {
            Rest::Nothing => false,
            Rest::Torn(parts) => {
                recovered.torn_parts = parts;
                true
            }
            // Bytes of a batch that was written while the power failed.
            Rest::Broken(_) if whole.last_seq >= marked && whole.is_in_last => {
                recovered.torn_parts = 1;
                true
            }
            Rest::Broken(damage) | Rest::Gap(damage) | Rest::Missing(_, damage) => return Err(damage.into()),
        };
        let mut all = files;
        let is_empty = all.last().is_some_and(|(first_seq, _)| *first_seq > whole.last_seq);
        if let Some((first_seq, path)) = all.pop_if(|_| is_empty) {
            // It was made for a batch that was never acknowledged.
            if marked >= first_seq {
                let what = format!("{} has no whole batch", path.display());
                return Err(Damage { seq: whole.last_seq + 1, what }.into());
            }
            fs::remove_file(&path).map_err(OpenError::io(&path))?;
        }
        let newest = all.pop();
        let sealed = all.into_iter().map(|(first_seq, path)| {
            let bytes = fs::metadata(&path).map_err(OpenError::io(&path))?.len();
            Ok(Arc::new(Segment::sealed(first_seq, path, bytes)))
        });
        let mut segments: VecDeque<_> = sealed.collect::<Result<_, OpenError>>()?;
        if let Some((first_seq, path)) = newest {
            // A kill may have left data in the page cache, which is replayed now and may be lost later: sync it before
            // relying on it.
            let file = File::options().read(true).write(true).open(&path).map_err(OpenError::io(&path))?;
            file.sync_all().map_err(OpenError::io(&path))?;
            let bytes = file.metadata().map_err(OpenError::io(&path))?.len();
            let at = if is_empty { bytes } else { whole.bytes };
            let segment =
                if is_empty { Segment::sealed(first_seq, path, at) } else { Segment::new(first_seq, path, at) };
            segments.push_back(Arc::new(segment));
            store.newest = segments.back().map(|segment| Newest {
                file,
                segment: Arc::clone(segment),
                at,
                bytes,
                is_dirty: false,
            });
        }
        store.segments = Arc::new(Segments::new(segments));
        sync_directory(&store.folder)?;
        Ok((store, Found { recovered, chain: whole.chain, is_torn }))
    }

    fn drop_torn(&mut self, _found: &Found) -> Result<(), OpenError> {
        // The next append takes another file.
        if let Some(Newest { file, segment, at, .. }) = self.newest.take() {
            let cut = file.set_len(at).and_then(|()| file.sync_all());
            cut.map_err(OpenError::io(&segment.path))?;
        }
        Ok(())
    }

    fn put(&mut self, first_seq: Seq, _part: u32, bytes: &[u8]) -> Result<(), String> {
        self.push(first_seq, bytes).map_err(|error| error.to_string())
    }

    fn end_batch(&mut self) -> Result<(), String> {
        self.write().map_err(|error| error.to_string())
    }

    fn flush(&mut self) -> Result<(), String> {
        self.sync().map_err(|error| error.to_string())
    }

    fn trim(&mut self, before: Seq) -> Result<Trimmed, String> {
        let gone = self.segments.forget(before);
        if !gone.is_empty() {
            // In the background, because a file system may take long to delete a file; oldest first and one removal
            // at a time, so that an interruption leaves no gap.
            if let Some(removal) = self.removal.take() {
                let _ = removal.join();
            }
            let remove = move || gone.iter().for_each(|path| drop(fs::remove_file(path)));
            self.removal = std::thread::Builder::new().name("trim".into()).spawn(remove).ok();
        }
        Ok(Trimmed::Fully)
    }

    fn parts_from(&self, from: Seq, visit: &mut EachPart<'_>) -> io::Result<()> {
        self.segments.parts_from(from, visit)
    }

    fn copy_up_to(directory: &Path, last_seq: Seq, fresh: &Path) -> Result<(), OpenError> {
        let folder = directory.join(FOLDER);
        let files = entries::list(&folder).map_err(OpenError::io(&folder))?;
        let mut log = FreshFiles::create(fresh, &LogOptions::default())?;
        let whole = entries::read(&files, Tail::Zeros, &mut |parts, batch| {
            if batch.last_seq() > last_seq {
                return Ok(());
            }
            let said = |error: OpenError| Damage { seq: batch.first_seq, what: error.to_string() };
            parts.iter().try_for_each(|bytes| log.push(batch.first_seq, bytes)).map_err(said)?;
            log.end_batch().map_err(said)
        })?;
        if whole.last_seq < last_seq {
            let Whole { last_seq: ends_at, .. } = whole.if_append_only()?;
            let what = format!("the log ends at {ends_at}, and was durable up to {last_seq}");
            return Err(Damage { seq: ends_at + 1, what }.into());
        }
        log.finish(last_seq)
    }

    fn reader(&self, sync_times: Arc<Histogram>) -> Arc<dyn JournalReader> {
        Arc::new(FileReader { segments: Arc::clone(&self.segments), sync_times })
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        if let Some(removal) = self.removal.take() {
            let _ = removal.join();
        }
    }
}

/// Passes batches from the one with `from` on to `visit`, or only the last one if all are older.
struct ReadingFrom<'a> {
    from: Seq,
    visit: &'a mut dyn FnMut(Batch) -> Result<(), Damage>,
    older: Option<(u64, Batch)>,
    recovered: Recovered,
}

impl<'a> ReadingFrom<'a> {
    fn new(from: Seq, visit: &'a mut dyn FnMut(Batch) -> Result<(), Damage>) -> Self {
        Self { from, visit, older: None, recovered: Recovered::default() }
    }

    fn batch(&mut self, parts: &[Vec<u8>], batch: Batch) -> Result<(), Damage> {
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        if batch.last_seq() < self.from {
            self.older = Some((bytes, batch));
            return Ok(());
        }
        self.pass(bytes, batch)
    }

    fn pass(&mut self, bytes: u64, batch: Batch) -> Result<(), Damage> {
        let recovered = &mut self.recovered;
        if recovered.batches == 0 {
            recovered.read_from = batch.first_seq;
        }
        recovered.last_time = batch.time;
        recovered.batches += 1;
        recovered.bytes += bytes;
        (self.visit)(batch)
    }

    fn end(mut self) -> Result<Recovered, Damage> {
        if let Some((bytes, batch)) = self.older.take().filter(|_| self.recovered.batches == 0) {
            self.pass(bytes, batch)?;
        }
        Ok(self.recovered)
    }
}

/// Writes a log from end to end before it is opened.
pub(crate) struct FreshFiles {
    store: FileStore,
    directory: PathBuf,
}

impl FreshFiles {
    /// Creates it in a directory that does not exist, or is empty.
    pub fn create(directory: &Path, options: &LogOptions) -> Result<Self, OpenError> {
        make_private(directory).map_err(OpenError::io(directory))?;
        Ok(Self { store: FileStore::create(directory, options)?, directory: directory.to_owned() })
    }

    /// Takes the next part.
    pub fn push(&mut self, first_seq: Seq, bytes: &[u8]) -> Result<(), OpenError> {
        self.store.push(first_seq, bytes).map_err(OpenError::io(&self.directory))
    }

    /// All parts of a batch were pushed.
    pub fn end_batch(&mut self) -> Result<(), OpenError> {
        self.store.write().map_err(OpenError::io(&self.directory))
    }

    /// Makes it durable: it ends with record `last_seq`.
    pub fn finish(mut self, last_seq: Seq) -> Result<(), OpenError> {
        self.store.sync().map_err(OpenError::io(&self.directory))?;
        mark_all(&self.directory, last_seq)
    }
}
