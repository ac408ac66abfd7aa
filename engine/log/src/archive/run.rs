//! A run: keys in order with their values, in one file that never changes.
//!
//! ```text
//!  block …   check u32 | length u32 | entries: key length u16 | value length u16 | key | value
//!  offsets   u64 for each block: its first byte
//!  filter    bits: which keys may be there; none in a large run
//!  tail      blocks u64 | entries u64 | bytes of the filter u64 | check u32 of offsets, filter and these numbers
//! ```
//!
//! Only the numbers of the tail are in memory: a look-up asks the filter, searches the offsets by halves, and reads one
//! block; the page cache of the system does the rest.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::private::private_file;

/// Bytes after which a block ends.
const BLOCK_BYTES: usize = 4096;

/// Bytes before the entries of a block.
const BLOCK_HEAD: usize = 8;

const TAIL_BYTES: usize = 8 + 8 + 8 + 4;

/// Entries above which a run has no filter, which is in memory while the run is written.
const FILTERED_MAX: u64 = 16 << 20;

/// Bits of the filter for each entry, and those that a key sets: one in a hundred absent keys passes.
const BITS_PER_ENTRY: u64 = 10;
const BITS_PER_KEY: u64 = 5;

/// A key and its value.
type Entry = (Vec<u8>, Vec<u8>);

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// The bits of a key in a filter of so many bits.
fn bits_of(key: &[u8], bits: u64) -> impl Iterator<Item = u64> {
    let mix = |seed: u64| {
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = key.iter().fold(seed, fold);
        (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let (first, step) = (mix(0xcbf2_9ce4_8422_2325), mix(0x8422_2325_cbf2_9ce4) | 1);
    (0..BITS_PER_KEY).map(move |nth| (first.wrapping_add(step.wrapping_mul(nth)) >> 3) % bits.max(1))
}

/// Writes a run.
pub(super) struct RunWriter {
    out: BufWriter<File>,
    at: u64,
    block: Vec<u8>,
    offsets: Vec<u64>,
    filter: Vec<u8>,
    entries: u64,
}

impl RunWriter {
    /// Begins a run of at most `entries`.
    pub fn create(path: &Path, entries: u64) -> io::Result<Self> {
        let file = private_file().write(true).create(true).truncate(true).open(path)?;
        let filter = if entries > FILTERED_MAX { 0 } else { (entries * BITS_PER_ENTRY).div_ceil(8) };
        let out = BufWriter::with_capacity(1 << 18, file);
        Ok(Self { out, at: 0, block: Vec::new(), offsets: Vec::new(), filter: vec![0; filter as usize], entries: 0 })
    }

    /// Adds a key that comes after all before it.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).map_err(io::Error::other);
        let (of_key, of_value) = (length(key)?, length(value)?);
        for bytes in [&of_key.to_le_bytes()[..], &of_value.to_le_bytes(), key, value] {
            self.block.extend_from_slice(bytes);
        }
        for bit in bits_of(key, self.filter.len() as u64 * 8) {
            if let Some(byte) = self.filter.get_mut((bit / 8) as usize) {
                *byte |= 1 << (bit % 8);
            }
        }
        self.entries += 1;
        if self.block.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.offsets.push(self.at);
        self.out.write_all(&crc32fast::hash(&self.block).to_le_bytes())?;
        self.out.write_all(&(self.block.len() as u32).to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.at += (BLOCK_HEAD + self.block.len()) as u64;
        self.block.clear();
        Ok(())
    }

    /// Ends it, durably; returns its bytes.
    pub fn finish(mut self) -> io::Result<u64> {
        self.end_block()?;
        let mut end: Vec<u8> = self.offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        end.extend_from_slice(&self.filter);
        for number in [self.offsets.len() as u64, self.entries, self.filter.len() as u64] {
            end.extend_from_slice(&number.to_le_bytes());
        }
        let check = crc32fast::hash(&end);
        end.extend_from_slice(&check.to_le_bytes());
        self.out.write_all(&end)?;
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(self.at + end.len() as u64)
    }
}

/// A run that is read.
#[derive(Debug)]
pub(super) struct Run {
    file: File,
    blocks: u64,
    entries: u64,
    offsets_at: u64,
    filter_at: u64,
    filter_bits: u64,
}

impl Run {
    /// Opens a run of so many bytes.
    pub fn open(path: &Path, bytes: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.len() != bytes || bytes < TAIL_BYTES as u64 {
            return Err(damaged("a run has another length"));
        }
        let mut tail = [0; TAIL_BYTES];
        let tail_at = bytes - TAIL_BYTES as u64;
        file.read_exact_at(&mut tail, tail_at)?;
        let number = |at: usize| tail.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
        let (blocks, entries, filter) = (number(0), number(8), number(16));
        let filter_at = tail_at.checked_sub(filter).ok_or_else(|| damaged("a run has no such filter"))?;
        let offsets = blocks.checked_mul(8).and_then(|bytes| filter_at.checked_sub(bytes));
        let offsets_at = offsets.ok_or_else(|| damaged("a run has no such blocks"))?;
        let mut hasher = crc32fast::Hasher::new();
        let (mut at, mut buffer) = (offsets_at, vec![0; 1 << 16]);
        let checked = bytes - 4;
        while at < checked {
            let wanted = usize::try_from(checked - at).unwrap_or(usize::MAX).min(buffer.len());
            let Some(piece) = buffer.get_mut(..wanted) else { break };
            file.read_exact_at(piece, at)?;
            hasher.update(piece);
            at += wanted as u64;
        }
        if tail.last_chunk::<4>().map(|check| u32::from_le_bytes(*check)) != Some(hasher.finalize()) {
            return Err(damaged("a run does not fit its checksum"));
        }
        Ok(Self { file, blocks, entries, offsets_at, filter_at, filter_bits: filter * 8 })
    }

    /// Its keys.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    fn offset(&self, block: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, self.offsets_at + block * 8)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// The first key of a block, unchecked: the block that is read in the end is checked.
    fn first_key(&self, block: u64) -> io::Result<Vec<u8>> {
        let at = self.offset(block)? + BLOCK_HEAD as u64;
        let mut length = [0; 2];
        self.file.read_exact_at(&mut length, at)?;
        let mut key = vec![0; u16::from_le_bytes(length).into()];
        self.file.read_exact_at(&mut key, at + 4)?;
        Ok(key)
    }

    /// The last block whose first key is at most `key`; the first one if there is none.
    fn block_of(&self, key: &[u8]) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.blocks);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if self.first_key(middle)?.as_slice() <= key { low = middle } else { high = middle }
        }
        Ok(low)
    }

    /// The entries of a block.
    fn block(&self, block: u64) -> io::Result<VecDeque<Entry>> {
        let at = self.offset(block)?;
        let mut head = [0; BLOCK_HEAD];
        self.file.read_exact_at(&mut head, at)?;
        let (check, length) = head.split_at(4);
        let length = length.try_into().map_or(0, u32::from_le_bytes) as usize;
        if length as u64 > self.offsets_at.saturating_sub(at) {
            return Err(damaged("a block claims more bytes than the run has"));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at + BLOCK_HEAD as u64)?;
        if crc32fast::hash(&bytes).to_le_bytes() != check {
            return Err(damaged("a block does not fit its checksum"));
        }
        let (mut found, mut rest) = (VecDeque::new(), bytes.as_slice());
        while let Some((lengths, after)) = rest.split_first_chunk::<4>() {
            let [a, b, c, d] = *lengths;
            let (of_key, of_value) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
            let (key, after) = after.split_at_checked(of_key.into()).ok_or_else(|| damaged("a key is cut off"))?;
            let (value, after) =
                after.split_at_checked(of_value.into()).ok_or_else(|| damaged("a value is cut off"))?;
            found.push_back((key.to_vec(), value.to_vec()));
            rest = after;
        }
        Ok(found)
    }

    fn may_have(&self, key: &[u8]) -> io::Result<bool> {
        if self.filter_bits == 0 {
            return Ok(self.entries > 0);
        }
        for bit in bits_of(key, self.filter_bits) {
            let mut byte = [0];
            self.file.read_exact_at(&mut byte, self.filter_at + bit / 8)?;
            let [byte] = byte;
            if byte & (1 << (bit % 8)) == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        if !self.may_have(key)? {
            return Ok(None);
        }
        let block = self.block(self.block_of(key)?)?;
        Ok(block.into_iter().find(|(own, _)| own == key).map(|(_, value)| value))
    }
}

/// Walks a run from one end of a range.
pub(super) struct Cursor {
    run: Arc<Run>,
    /// The entries that are left of the current block, in the order of the walk.
    entries: VecDeque<Entry>,
    /// The next block of the walk.
    block: Option<u64>,
    backwards: bool,
    end: Bound<Vec<u8>>,
}

impl Cursor {
    /// Begins at the first entry of the walk.
    pub fn new(run: Arc<Run>, range: (Bound<&[u8]>, Bound<&[u8]>), backwards: bool) -> io::Result<Self> {
        let (begin, end) = if backwards { (range.1, range.0) } else { range };
        let last = run.blocks.checked_sub(1);
        let block = match (begin, last) {
            (_, None) => None,
            (Bound::Unbounded, Some(last)) => Some(if backwards { last } else { 0 }),
            (Bound::Included(key) | Bound::Excluded(key), Some(_)) => Some(run.block_of(key)?),
        };
        let mut cursor = Self { run, entries: VecDeque::new(), block, backwards, end: end.map(<[u8]>::to_vec) };
        let is_before = |key: &[u8]| match (begin, backwards) {
            (Bound::Unbounded, _) => false,
            (Bound::Included(begin), false) => key < begin,
            (Bound::Excluded(begin), false) => key <= begin,
            (Bound::Included(begin), true) => key > begin,
            (Bound::Excluded(begin), true) => key >= begin,
        };
        cursor.fill()?;
        // Bounded by a block, and the one after it.
        while cursor.entries.front().is_some_and(|(key, _)| is_before(key)) {
            cursor.entries.pop_front();
            cursor.fill()?;
        }
        Ok(cursor)
    }

    /// Reads the next block if nothing is left.
    fn fill(&mut self) -> io::Result<()> {
        while self.entries.is_empty()
            && let Some(block) = self.block
        {
            self.entries = self.run.block(block)?;
            if self.backwards {
                self.entries.make_contiguous().reverse();
                self.block = block.checked_sub(1);
            } else {
                self.block = Some(block + 1).filter(|next| *next < self.run.blocks);
            }
        }
        Ok(())
    }

    /// The entry where it is; `None` at the end of the range.
    pub fn entry(&self) -> Option<(&[u8], &[u8])> {
        let (key, value) = self.entries.front()?;
        let is_within = match (&self.end, self.backwards) {
            (Bound::Unbounded, _) => true,
            (Bound::Included(end), false) => key <= end,
            (Bound::Excluded(end), false) => key < end,
            (Bound::Included(end), true) => key >= end,
            (Bound::Excluded(end), true) => key > end,
        };
        is_within.then_some((key, value))
    }

    /// Goes on.
    pub fn advance(&mut self) -> io::Result<()> {
        self.entries.pop_front();
        self.fill()
    }
}
