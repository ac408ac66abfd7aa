//! The reading end of a log in files: which file has a record, and where in it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anaquel_cells::ids::Seq;

use crate::batch::Batch;
use crate::entries::{self, EachPart, LENGTH_BYTES, Tail, first_seq_of};
use crate::histogram::Histogram;
use crate::log::{Damage, JournalReader, ReadError};
use crate::part::{self, Assembler, HEADER};
use crate::store_kind::StoreKind;

/// Bytes of a file between two entries of its index.
const INDEX_BYTES: u64 = 32 << 10;

/// Bytes that a reader reads at a time.
const WINDOW_BYTES: usize = 64 << 10;

/// Receives the bytes of a part, and says whether to go on.
type Visit<'a> = dyn FnMut(&[u8]) -> Result<ControlFlow<()>, ReadError> + 'a;

/// One file of the log.
#[derive(Debug)]
pub(crate) struct Segment {
    pub first_seq: Seq,
    pub path: PathBuf,
    /// Bytes of whole batches; maybe with zeros behind them, unless `is_exact`.
    end: AtomicU64,
    is_exact: bool,
    /// Where some of its batches begin: `seq`, offset. `None` until a reader needs it.
    index: Mutex<Option<Vec<(Seq, u64)>>>,
}

impl Segment {
    /// A file that has `end` bytes of whole batches.
    pub fn new(first_seq: Seq, path: PathBuf, end: u64) -> Self {
        let index = Mutex::new((end == 0).then(Vec::new));
        Self { first_seq, path, end: AtomicU64::new(end), is_exact: true, index }
    }

    /// A file of `bytes` bytes that does not change any more.
    pub fn sealed(first_seq: Seq, path: PathBuf, bytes: u64) -> Self {
        Self { first_seq, path, end: AtomicU64::new(bytes), is_exact: false, index: Mutex::new(None) }
    }

    /// Notes that a batch was written from `begins` to `ends`.
    pub fn grown(&self, first_seq: Seq, begins: u64, ends: u64) {
        // While a reader makes the index, it may miss a batch: it is only a shortcut.
        if let Ok(mut index) = self.index.try_lock()
            && let Some(index) = index.as_mut()
        {
            note(index, first_seq, begins);
        }
        self.end.store(ends, Ordering::Release);
    }

    /// An offset at or before the batch that contains record `seq`.
    fn before(&self, seq: Seq, file: &File) -> u64 {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let index = index.get_or_insert_with(|| self.make_index(file));
        let newer = index.partition_point(|(first_seq, _)| *first_seq <= seq);
        newer.checked_sub(1).and_then(|nth| index.get(nth)).map_or(0, |(_, offset)| *offset)
    }

    /// Goes from header to header. Damage ends the index early; a reader that comes there names it.
    fn make_index(&self, file: &File) -> Vec<(Seq, u64)> {
        let (mut index, mut at, end) = (Vec::new(), 0, self.end.load(Ordering::Acquire));
        let mut input = BufReader::with_capacity(WINDOW_BYTES << 2, Span { file, at: 0, end });
        let mut head = [0; LENGTH_BYTES + HEADER];
        while at + (LENGTH_BYTES + HEADER) as u64 <= end {
            if input.read_exact(&mut head).is_err() {
                break;
            }
            let Some((length, header)) = head.split_first_chunk::<LENGTH_BYTES>() else { break };
            let length = u64::from(u32::from_le_bytes(*length));
            let Some(body) = length.checked_sub(HEADER as u64) else { break };
            let is_first = header.get(4..8) == Some(&[0; 4]);
            if is_first {
                note(&mut index, first_seq_of(header), at);
            }
            let skipped = io::copy(&mut (&mut input).take(body), &mut io::sink());
            if skipped.is_ok_and(|skipped| skipped < body) {
                break;
            }
            at += LENGTH_BYTES as u64 + length;
        }
        index
    }
}

fn note(index: &mut Vec<(Seq, u64)>, first_seq: Seq, begins: u64) {
    let is_far = index.last().is_none_or(|(seq, offset)| *seq < first_seq && begins >= offset + INDEX_BYTES);
    if is_far {
        index.push((first_seq, begins));
    }
}

/// A part of a file.
struct Span<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Span<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(into.len());
        let read = into.get_mut(..left).map_or(Ok(0), |into| self.file.read_at(into, self.at))?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The files of the log, oldest first; the writer and all readers share it.
#[derive(Debug)]
pub(crate) struct Segments {
    all: RwLock<VecDeque<Arc<Segment>>>,
    /// The oldest record that may be read; it is raised before a trim deletes files.
    oldest: AtomicU64,
}

impl Segments {
    /// These files.
    pub fn new(all: VecDeque<Arc<Segment>>) -> Self {
        let oldest = all.front().map_or(1, |segment| segment.first_seq);
        Self { all: RwLock::new(all), oldest: AtomicU64::new(oldest) }
    }

    /// The oldest record.
    pub fn oldest(&self) -> Seq {
        self.oldest.load(Ordering::Acquire)
    }

    /// Adds a file at the end.
    pub fn push(&self, segment: Arc<Segment>) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            self.oldest.store(segment.first_seq, Ordering::Release);
        }
        all.push_back(segment);
    }

    /// Removes the files that end before record `before`, and returns them, oldest first.
    pub fn forget(&self, before: Seq) -> Vec<PathBuf> {
        let mut gone = Vec::new();
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        while let Some(second) = all.get(1).map(|second| second.first_seq).filter(|second| *second <= before) {
            self.oldest.store(second, Ordering::Release);
            gone.extend(all.pop_front().map(|segment| segment.path.clone()));
        }
        gone
    }

    /// The file that contains record `seq`, or would contain it; the first if all are newer.
    fn holding(&self, seq: Seq) -> Option<Arc<Segment>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let newer = all.partition_point(|segment| segment.first_seq <= seq);
        all.get(newer.saturating_sub(1)).cloned()
    }

    /// The file after the one that begins with `first_seq`.
    fn after(&self, first_seq: Seq) -> Option<Arc<Segment>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let newer = all.partition_point(|segment| segment.first_seq <= first_seq);
        all.get(newer).cloned()
    }

    /// Passes each part to `visit`, in order, from a batch at or before the one that contains record `from` on, until
    /// `visit` breaks. `at` is the record that an error names.
    fn each(&self, from: Seq, at: &Cell<Seq>, visit: &mut Visit<'_>) -> Result<(), ReadError> {
        let mut bytes = Vec::new();
        let mut next = self.holding(from);
        let mut is_first = true;
        while let Some(segment) = next {
            let failed = |error: io::Error| match self.oldest() {
                oldest if oldest > segment.first_seq => ReadError::Trimmed { oldest },
                _ => ReadError::Damaged(Damage { seq: at.get(), what: format!("{}: {error}", segment.path.display()) }),
            };
            let file = File::open(&segment.path).map_err(failed)?;
            let mut end = segment.end.load(Ordering::Acquire);
            let mut read = if std::mem::take(&mut is_first) { segment.before(from, &file).min(end) } else { 0 };
            let mut input = BufReader::with_capacity(WINDOW_BYTES, Span { file: &file, at: read, end });
            loop {
                // Of a file with zeros at its end, a reader of the next file notices if it ended too early.
                while entries::next(&mut input, Tail::Zeros, &mut bytes).map_err(failed)? && !bytes.is_empty() {
                    read += (LENGTH_BYTES + bytes.len()) as u64;
                    if visit(&bytes)?.is_break() {
                        return Ok(());
                    }
                }
                if segment.is_exact && read < end {
                    return Err(failed(io::Error::other("records are missing at its end")));
                }
                next = self.after(segment.first_seq);
                // The writer may have added batches, and another file behind them.
                let grown = segment.end.load(Ordering::Acquire);
                if grown == end {
                    break;
                }
                end = grown;
                input.get_mut().end = end;
            }
        }
        Ok(())
    }

    /// Passes each part to `visit`, in order, from the batch that contains record `from` on.
    pub fn parts_from(&self, from: Seq, visit: &mut EachPart<'_>) -> io::Result<()> {
        let each = &mut |bytes: &[u8]| {
            let part = part::parse(bytes, first_seq_of(bytes)).map_err(ReadError::Damaged)?;
            let last_seq = part.first_seq + Seq::from(part.count) - 1;
            let visited = if last_seq >= from { visit(bytes) } else { Ok(()) };
            let told = |error: io::Error| ReadError::Damaged(Damage { seq: part.first_seq, what: error.to_string() });
            visited.map(ControlFlow::Continue).map_err(told)
        };
        self.each(from, &Cell::new(from), each).map_err(io::Error::other)
    }
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct FileReader {
    pub segments: Arc<Segments>,
    pub sync_times: Arc<Histogram>,
}

impl JournalReader for FileReader {
    fn read(&self, from: Seq, visit: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError> {
        let oldest = self.oldest();
        if from < oldest {
            return Err(ReadError::Trimmed { oldest });
        }
        let mut assembler = Assembler::default();
        let (mut first, at) = (true, Cell::new(from));
        self.segments.each(from, &at, &mut |bytes| {
            let damaged = |Damage { what, .. }| ReadError::Damaged(Damage { seq: at.get(), what });
            let part = part::parse(bytes, first_seq_of(bytes)).map_err(damaged)?;
            let Some(batch) = assembler.push(&part).map_err(damaged)? else { return Ok(ControlFlow::Continue(())) };
            if batch.last_seq() < from {
                return Ok(ControlFlow::Continue(()));
            }
            at.set(batch.last_seq() + 1);
            if std::mem::take(&mut first) && batch.first_seq > from {
                return Err(ReadError::Damaged(Damage { seq: from, what: "it is missing".into() }));
            }
            Ok(visit(batch))
        })
    }

    fn oldest(&self) -> Seq {
        self.segments.oldest()
    }

    fn sync_times(&self) -> Option<&Histogram> {
        Some(&self.sync_times)
    }

    fn store(&self) -> Option<StoreKind> {
        Some(StoreKind::File)
    }
}
