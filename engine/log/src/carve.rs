//! Finds parts of the log in sled's files by their content, without sled's own index.
//!
//! A copy of a file that sled was writing mixes several moments, and sled finds little or nothing in it. Yet each part
//! is contiguous, as the value of its key, in at least one page; it has its own checksum, and names its predecessor. So
//! this module reads the files from end to end, checks every possible head of a part against its checksum, and orders
//! the parts by their predecessors, backwards and forwards from a known part.
//!
//! The parts are written into buckets by `seq`, so that memory does not grow with the log. The files stay unchanged.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anaquel_cells::ids::Seq;

use crate::part::{self, FORMAT, HEADER, PART_BYTES_MAX};
use crate::private::{make_private, private_file};

/// Records of one bucket.
const BUCKET_RECORDS: Seq = 1 << 20;

/// Bytes read at a time.
const WINDOW_BYTES: usize = 4 << 20;

/// Bytes of a bucket that are buffered before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// The maximum number of parts of one batch that is accepted.
const PARTS_MAX: u32 = 1 << 20;

/// The position of a part, and its predecessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    file: u32,
    length: u32,
    offset: u64,
    first_seq: Seq,
    time: u64,
    part: u32,
    parts: u32,
    count: u32,
    previous: u32,
    check: u32,
}

const FOUND_BYTES: usize = 52;

impl Found {
    fn last_seq(&self) -> Seq {
        self.first_seq + Seq::from(self.count) - 1
    }

    fn is_last(&self) -> bool {
        self.part + 1 == self.parts
    }

    fn to_bytes(self) -> [u8; FOUND_BYTES] {
        let mut bytes = [0; FOUND_BYTES];
        let words = [self.file, self.length, self.part, self.parts, self.count, self.previous, self.check];
        let wide = [self.offset, self.first_seq, self.time];
        let told =
            words.iter().flat_map(|word| word.to_le_bytes()).chain(wide.iter().flat_map(|word| word.to_le_bytes()));
        bytes.iter_mut().zip(told).for_each(|(to, from)| *to = from);
        bytes
    }

    fn from_bytes(bytes: &[u8; FOUND_BYTES]) -> Self {
        let word =
            |at: usize| bytes.get(4 * at..4 * at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        let wide = |at: usize| {
            bytes.get(28 + 8 * at..36 + 8 * at).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
        };
        Self {
            file: word(0),
            length: word(1),
            part: word(2),
            parts: word(3),
            count: word(4),
            previous: word(5),
            check: word(6),
            offset: wide(0),
            first_seq: wide(1),
            time: wide(2),
        }
    }
}

/// Receives a part: the first record of its batch, its number, and its bytes.
pub(crate) type EachPart<'a> = dyn FnMut(Seq, u32, &[u8]) -> io::Result<()> + 'a;

/// The parts that were found in some files.
#[derive(Debug)]
pub(crate) struct Carved {
    files: Vec<File>,
    folder: PathBuf,
    buckets: BTreeMap<u64, Vec<u8>>,
    /// The bucket that is in memory.
    loaded: Option<(u64, Bucket)>,
}

#[derive(Debug, Default)]
struct Bucket {
    by_check: HashMap<u32, Vec<Found>>,
    by_previous: HashMap<u32, Vec<Found>>,
}

impl Carved {
    /// Reads sled's files in `directory` from end to end. Writes the parts into `folder`, which must not exist, and
    /// which is deleted at the end.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn read(directory: &Path, folder: &Path) -> io::Result<Self> {
        make_private(folder)?;
        let mut carved = Self { files: Vec::new(), folder: folder.to_owned(), buckets: BTreeMap::new(), loaded: None };
        let mut paths = vec![directory.join("db")];
        if let Ok(blobs) = fs::read_dir(directory.join("blobs")) {
            paths.extend(blobs.flatten().map(|entry| entry.path()));
        }
        for path in paths {
            match File::open(&path) {
                Ok(file) => carved.scan(file)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let folder = carved.folder.clone();
        carved.buckets.iter_mut().try_for_each(|(bucket, buffer)| spill(&folder, *bucket, buffer))?;
        Ok(carved)
    }

    fn scan(&mut self, file: File) -> io::Result<()> {
        let number = u32::try_from(self.files.len()).map_err(io::Error::other)?;
        let mut window = Vec::new();
        // The offset of the window, and the position from which it is not scanned yet.
        let (mut begins, mut fresh) = (0_u64, 0);
        loop {
            let filled = window.len();
            window.resize(filled + WINDOW_BYTES, 0);
            let read = window.get_mut(filled..).map_or(Ok(0), |rest| file.read_at(rest, begins + filled as u64))?;
            window.truncate(filled + read);
            let is_end = read == 0;
            // Near the end of the window, the rest of a part may be missing.
            let until = if is_end { window.len() } else { window.len().saturating_sub(PART_BYTES_MAX) };
            let mut at = fresh;
            while at < until {
                match part_at(&window, at) {
                    Some(found) => {
                        self.note(Found { file: number, offset: begins + at as u64, ..found })?;
                        at += found.length as usize;
                    }
                    None => at += 1,
                }
            }
            if is_end {
                break;
            }
            // The bytes before a part contain its length.
            let keep = at.saturating_sub(8);
            window.drain(..keep);
            (begins, fresh) = (begins + keep as u64, at - keep);
        }
        self.files.push(file);
        Ok(())
    }

    fn note(&mut self, found: Found) -> io::Result<()> {
        let bucket = found.first_seq / BUCKET_RECORDS;
        let buffer = self.buckets.entry(bucket).or_default();
        buffer.extend_from_slice(&found.to_bytes());
        if buffer.len() >= BUFFER_BYTES { spill(&self.folder, bucket, buffer) } else { Ok(()) }
    }

    fn bucket(&mut self, bucket: u64) -> io::Result<&Bucket> {
        if self.loaded.as_ref().is_none_or(|(loaded, _)| *loaded != bucket) {
            self.loaded = None;
            let mut filled = Bucket::default();
            if self.buckets.contains_key(&bucket) {
                let mut input = BufReader::with_capacity(1 << 20, File::open(bucket_path(&self.folder, bucket))?);
                let mut bytes = [0; FOUND_BYTES];
                while input.read_exact(&mut bytes).is_ok() {
                    let found = Found::from_bytes(&bytes);
                    let same = filled.by_check.entry(found.check).or_default();
                    // The same page may be written several times.
                    if same.iter().all(|other| (other.first_seq, other.part) != (found.first_seq, found.part)) {
                        same.push(found);
                        filled.by_previous.entry(found.previous).or_default().push(found);
                    }
                }
            }
            self.loaded = Some((bucket, filled));
        }
        match &self.loaded {
            Some((_, bucket)) => Ok(bucket),
            None => Err(io::Error::other("a bucket was not loaded")),
        }
    }

    /// The predecessor chain: part `part` of the batch at `first_seq`, which follows `previous`.
    fn before(&mut self, first_seq: Seq, part: u32, previous: u32) -> io::Result<Option<Found>> {
        let fits = |found: &&Found| match part {
            0 => found.is_last() && found.last_seq() + 1 == first_seq,
            part => found.first_seq == first_seq && found.part + 1 == part,
        };
        let newest = if part == 0 { first_seq.saturating_sub(1) } else { first_seq } / BUCKET_RECORDS;
        // The batch began in the previous bucket.
        for bucket in [Some(newest), newest.checked_sub(1)].into_iter().flatten() {
            let found = self.bucket(bucket)?.by_check.get(&previous).and_then(|all| all.iter().find(fits));
            if let Some(found) = found {
                return Ok(Some(*found));
            }
        }
        Ok(None)
    }

    /// The log before the batch at `first_seq`, whose first part follows `previous`, as far back as it is complete:
    /// passes each part to `visit`, the newest first, and returns the oldest record.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn back_from(&mut self, first_seq: Seq, previous: u32, visit: &mut EachPart<'_>) -> io::Result<Seq> {
        let (mut oldest, mut at, mut part, mut follows) = (first_seq, first_seq, 0, previous);
        let mut batch = Vec::new();
        while let Some(found) = self.before(at, part, follows)? {
            (at, part, follows) = (found.first_seq, found.part, found.previous);
            batch.push(found);
            // Only whole batches.
            if found.part == 0 {
                for found in batch.drain(..) {
                    let Some(bytes) = self.bytes(&found)? else { return Ok(oldest) };
                    visit(found.first_seq, found.part, &bytes)?;
                }
                oldest = at;
            }
        }
        Ok(oldest)
    }

    /// The batch that follows record `last_seq`, whose last part was `chain`: its parts in order. If there are several,
    /// because a start dropped one, returns the last that was written.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn after(&mut self, last_seq: Seq, chain: u32) -> io::Result<Option<Vec<Vec<u8>>>> {
        let first_seq = last_seq + 1;
        let bucket = self.bucket(first_seq / BUCKET_RECORDS)?;
        let next = |previous: u32, number: u32| {
            let all = bucket.by_previous.get(&previous).map_or(&[][..], Vec::as_slice);
            all.iter().filter(move |found| found.first_seq == first_seq && found.part == number)
        };
        let whole = |first: &Found| {
            let mut parts = vec![*first];
            while let Some(last) = parts.last().filter(|last| !last.is_last()).copied() {
                let follows = |found: &&Found| (found.parts, found.time) == (first.parts, first.time);
                parts.push(*next(last.check, last.part + 1).find(follows)?);
            }
            Some(parts)
        };
        let batch = next(chain, 0).filter_map(whole).max_by_key(|parts| parts.first().map(|first| first.time));
        let Some(batch) = batch else { return Ok(None) };
        batch.iter().map(|found| self.bytes(found)).collect()
    }

    fn bytes(&self, found: &Found) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; found.length as usize];
        let file = self.files.get(found.file as usize).ok_or_else(|| io::Error::other("a file that was not read"))?;
        file.read_exact_at(&mut bytes, found.offset)?;
        Ok(part::parse(&bytes, found.first_seq).is_ok().then_some(bytes))
    }
}

impl Drop for Carved {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn bucket_path(folder: &Path, bucket: u64) -> PathBuf {
    folder.join(format!("bucket-{bucket}"))
}

fn spill(folder: &Path, bucket: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    private_file().append(true).create(true).open(bucket_path(folder, bucket))?.write_all(buffer)?;
    buffer.clear();
    Ok(())
}

/// The part whose head is at `at`, if there is one: sled writes its length before it.
fn part_at(window: &[u8], at: usize) -> Option<Found> {
    let head = window.get(at..at + HEADER)?;
    let [format, 0, 0, 0, ..] = head else { return None };
    if !(1..=FORMAT as u8).contains(format) {
        return None;
    }
    let word = |at: usize| head.get(at..at + 4).and_then(|field| field.try_into().ok()).map_or(0, u32::from_le_bytes);
    let (number, parts, count) = (word(4), word(8), word(12));
    if number >= parts || parts > PARTS_MAX || count == 0 {
        return None;
    }
    let before = |back: usize| at.checked_sub(back).and_then(|at| window.get(at)).copied().map_or(0, usize::from);
    let lengths = [
        Some(before(1)).filter(|length| *length <= 240),
        (241..=248).contains(&before(2)).then(|| 240 + 256 * (before(2) - 241) + before(1)),
        (before(3) == 249).then(|| 2288 + 256 * before(2) + before(1)),
    ];
    let first_seq = u64::from(word(16)) | u64::from(word(20)) << 32;
    let wanted = |length: &usize| {
        (HEADER..=PART_BYTES_MAX).contains(length) && (number + 1 == parts || *length == PART_BYTES_MAX)
    };
    for length in lengths.into_iter().flatten().filter(wanted) {
        let Some(bytes) = window.get(at..at + length) else { continue };
        if let Ok(part) = part::parse(bytes, first_seq) {
            return Some(Found {
                file: 0,
                length: length as u32,
                offset: 0,
                first_seq,
                time: part.time.0,
                part: number,
                parts,
                count,
                previous: part.previous,
                check: part.check,
            });
        }
    }
    None
}
