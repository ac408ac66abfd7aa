//! The files of the archive: appending, reading one frame, reading all of them, cutting an end that does not count.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::batch::{END, FRAME_HEAD, Head, check_of, end_of};
use super::damage::ArchiveDamage;
use super::place::ArchivePlace;
use crate::encoding::RECORD_BYTES_MAX;
use crate::private::{make_private, private_file};

const MAGIC: [u8; 8] = *b"ANQARCH\n";

/// The format that this build writes and reads.
const FORMAT: u16 = 1;

/// Bytes of the head of a file: where its first batch begins.
pub const HEAD_BYTES: u64 = 8 + 2 + 4;

const NAME: &str = ".archive";

/// Bytes that are read at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// Where a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame {
    /// Its first byte.
    pub place: ArchivePlace,
    /// Its bytes, with its head.
    pub bytes: u32,
}

/// A file that has less than it should: bytes are missing from `has` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    /// The number of the file.
    pub file: u32,
    /// The bytes that it has; 0 if it does not exist.
    pub has: u64,
}

/// The files of an archive. Any number of threads read; one appends.
#[derive(Debug)]
pub struct ArchiveFiles {
    folder: PathBuf,
    open: Mutex<BTreeMap<u32, Arc<File>>>,
}

fn head_of(number: u32) -> [u8; HEAD_BYTES as usize] {
    let mut head = [0; HEAD_BYTES as usize];
    let told = MAGIC.into_iter().chain(FORMAT.to_le_bytes()).chain(number.to_le_bytes());
    head.iter_mut().zip(told).for_each(|(to, from)| *to = from);
    head
}

impl ArchiveFiles {
    /// The archive in `folder`, which need not exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: Mutex::default() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file.
    pub fn path_of(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:06}{NAME}"))
    }

    /// The files that exist, with their lengths, in order.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn list(&self) -> io::Result<Vec<(u32, u64)>> {
        let mut found = Vec::new();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let digits = name.to_str().and_then(|name| name.strip_suffix(NAME));
            if let Some(number) = digits.and_then(|digits| digits.parse().ok()) {
                found.push((number, entry.metadata()?.len()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Cuts what is behind `ends`, the end of each file that counts, and removes other files. Returns the first file
    /// that has less than it should; nothing is cut behind that one.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn cut(&self, ends: &[ArchivePlace]) -> io::Result<Option<Short>> {
        let found: BTreeMap<u32, u64> = self.list()?.into_iter().collect();
        for end in ends {
            let has = found.get(&end.file).copied().unwrap_or(0);
            if has < end.at {
                return Ok(Some(Short { file: end.file, has }));
            }
            if has > end.at {
                let file = File::options().write(true).open(self.path_of(end.file))?;
                file.set_len(end.at)?;
                file.sync_all()?;
            }
        }
        let known: Vec<u32> = ends.iter().map(|end| end.file).collect();
        let extra: Vec<u32> = found.keys().copied().filter(|number| !known.contains(number)).collect();
        for number in &extra {
            self.close(*number);
            fs::remove_file(self.path_of(*number))?;
        }
        if !extra.is_empty() {
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(None)
    }

    /// Appends `bytes` at `place`, which must be the end of its file, and makes them durable. A file is created where
    /// its first batch is appended.
    ///
    /// # Errors
    /// The place is not the end, or an error of the file system: then the file is cut to its former end.
    pub fn append(&self, place: ArchivePlace, bytes: &[u8]) -> Result<(), ArchiveDamage> {
        let path = self.path_of(place.file);
        let io = ArchiveDamage::io(&path, place.at);
        let is_new = place.at == HEAD_BYTES;
        if is_new {
            make_private(&self.folder).map_err(ArchiveDamage::io(&path, 0))?;
            self.close(place.file);
        }
        let opened = private_file().read(true).write(true).create(is_new).truncate(is_new).open(&path);
        let mut file = opened.map_err(ArchiveDamage::io(&path, place.at))?;
        let written = if is_new {
            file.write_all(&head_of(place.file))
        } else {
            let has = file.metadata().map_err(ArchiveDamage::io(&path, place.at))?.len();
            if has != place.at {
                return Err(ArchiveDamage::new(&path, place.at, format!("the file has {has} bytes")));
            }
            file.seek(SeekFrom::End(0)).map(drop)
        };
        let durable = written.and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
        let durable = durable.and_then(|()| if is_new { File::open(&self.folder)?.sync_all() } else { Ok(()) });
        durable.map_err(|error| {
            // What was written does not count; a start cuts what this leaves.
            let _ = file.set_len(if is_new { 0 } else { place.at });
            io(error)
        })
    }

    /// Cuts a file to `place`: what was appended there does not count.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn take_back(&self, place: ArchivePlace) -> Result<(), ArchiveDamage> {
        let path = self.path_of(place.file);
        let cut = File::options().write(true).open(&path).and_then(|file| {
            file.set_len(place.at)?;
            file.sync_all()
        });
        cut.map_err(ArchiveDamage::io(&path, place.at))
    }

    /// Reads a frame: its kind and its payload.
    ///
    /// # Errors
    /// It is not there as it was written.
    pub fn read(&self, frame: Frame) -> Result<(u8, Vec<u8>), ArchiveDamage> {
        let Frame { place, bytes } = frame;
        let path = self.path_of(place.file);
        let damaged = |what: &str| ArchiveDamage::new(&path, place.at, what);
        let file = self.handle(place.file).map_err(ArchiveDamage::io(&path, place.at))?;
        let mut read = vec![0; bytes as usize];
        file.read_exact_at(&mut read, place.at).map_err(ArchiveDamage::io(&path, place.at))?;
        let (head, payload) = read.split_at_checked(FRAME_HEAD).ok_or_else(|| damaged("no frame is that short"))?;
        let told = Head::read(head);
        if told.length as usize != payload.len() || told.check != check_of(told.kind, payload) {
            return Err(damaged("a frame does not fit its checksum"));
        }
        let payload = read.split_off(FRAME_HEAD);
        Ok((told.kind, payload))
    }

    /// Reads the whole batches of a file from `from` to `to`, the ends of batches: passes each frame, and after those
    /// of a batch the `seq` of its end.
    ///
    /// # Errors
    /// The first damage; or the error of `visit`.
    pub fn scan(
        &self,
        file: u32,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(Scanned<'_>) -> Result<(), ArchiveDamage>,
    ) -> Result<(), ArchiveDamage> {
        let path = self.path_of(file);
        let opened = File::open(&path).map_err(ArchiveDamage::io(&path, 0))?;
        let mut input = BufReader::with_capacity(WINDOW_BYTES, opened);
        let mut head = [0; HEAD_BYTES as usize];
        input.read_exact(&mut head).map_err(ArchiveDamage::io(&path, 0))?;
        if head != head_of(file) {
            return Err(ArchiveDamage::new(&path, 0, format!("it has no head of format {FORMAT} and its number")));
        }
        let mut at = from.max(HEAD_BYTES);
        input.seek(SeekFrom::Start(at)).map_err(ArchiveDamage::io(&path, at))?;
        let (mut whole, mut frames, mut batch) = (crc32fast::Hasher::new(), 0_u32, at);
        while at < to {
            let damaged = |what: &str| ArchiveDamage::new(&path, at, what);
            let mut head = [0; FRAME_HEAD];
            input.read_exact(&mut head).map_err(ArchiveDamage::io(&path, at))?;
            let told = Head::read(&head);
            if told.length as usize > RECORD_BYTES_MAX {
                return Err(damaged("a frame claims more bytes than a frame has"));
            }
            let mut payload = vec![0; told.length as usize];
            input.read_exact(&mut payload).map_err(ArchiveDamage::io(&path, at))?;
            if told.check != check_of(told.kind, &payload) {
                return Err(damaged("a frame does not fit its checksum"));
            }
            let bytes = (FRAME_HEAD + payload.len()) as u32;
            if told.kind == END {
                let seq = end_of(&payload, frames, whole.clone().finalize())
                    .ok_or_else(|| ArchiveDamage::new(&path, batch, "a batch does not fit its end"))?;
                at += u64::from(bytes);
                visit(Scanned::End { seq, place: ArchivePlace { file, at } })?;
                (whole, frames, batch) = (crc32fast::Hasher::new(), 0, at);
                continue;
            }
            let frame = Frame { place: ArchivePlace { file, at }, bytes };
            whole.update(&head);
            whole.update(&payload);
            frames += 1;
            visit(Scanned::Frame { frame, kind: told.kind, payload: &payload })?;
            at += u64::from(bytes);
        }
        if at != to || batch != to {
            return Err(ArchiveDamage::new(&path, batch, "the last batch has no end"));
        }
        Ok(())
    }

    /// Copies the bytes of a file up to `to` into `out`, a piece at a time.
    ///
    /// # Errors
    /// The file has less; an error of `out`.
    pub fn copy(&self, file: u32, to: u64, out: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let path = self.path_of(file);
        let mut input = File::open(&path)?;
        let mut buffer = vec![0; WINDOW_BYTES];
        let mut at = 0;
        while at < to {
            let wanted = usize::try_from(to - at).unwrap_or(usize::MAX).min(buffer.len());
            let Some(piece) = buffer.get_mut(..wanted) else { break };
            input
                .read_exact(piece)
                .map_err(|error| io::Error::new(error.kind(), ArchiveDamage::io(&path, at)(error).to_string()))?;
            out(at, piece)?;
            at += wanted as u64;
        }
        Ok(())
    }

    fn handle(&self, number: u32) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(&number) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(self.path_of(number))?);
        open.insert(number, Arc::clone(&file));
        Ok(file)
    }

    fn close(&self, number: u32) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
}

/// What a scan meets.
#[derive(Debug)]
pub enum Scanned<'a> {
    /// A frame.
    Frame {
        /// Where it is.
        frame: Frame,
        /// Its kind.
        kind: u8,
        /// Its payload.
        payload: &'a [u8],
    },
    /// The end of a batch.
    End {
        /// The `seq` at which the content was read.
        seq: u64,
        /// The first byte after it.
        place: ArchivePlace,
    },
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
