//! Files of entries, which only grow: parts one after the other, each after its length.
//!
//! ```text
//!  <folder>/log-<first seq, 20 digits>     entries: length u32 | part (see `part`)
//! ```
//!
//! A file begins with the first part of a batch. It does not change once there is a later one. The names of the files
//! are the order of the log. Zeros may follow the last entry, where room was made beforehand.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anaquel_cells::ids::Seq;

use crate::batch::Batch;
use crate::log::Damage;
use crate::part::{self, Assembler, PART_BYTES_MAX};

/// Bytes of the length before each part.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Bytes that are read at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// The file that begins with record `first_seq`.
pub(crate) fn path_of(folder: &Path, first_seq: Seq) -> PathBuf {
    folder.join(format!("log-{first_seq:020}"))
}

/// The files, oldest first.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<(Seq, PathBuf)>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(seq) = name.strip_prefix("log-").and_then(|digits| digits.parse().ok()) {
            found.push((seq, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Receives a whole batch: its parts, and the content that they join to.
pub(crate) type EachBatch<'a> = dyn FnMut(&[Vec<u8>], Batch) -> Result<(), Damage> + 'a;

/// Receives the bytes of a part.
pub(crate) type EachPart<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// The result of reading the whole batches of some files.
#[derive(Debug, Default, Clone)]
pub(crate) struct Whole {
    /// The first record; 0 if there is none.
    pub first_seq: Seq,
    /// The last.
    pub last_seq: Seq,
    /// The predecessor of the first part.
    pub previous: u32,
    /// The end of the chain.
    pub chain: u32,
    /// Bytes of whole batches in the last file that was read.
    pub bytes: u64,
    /// What follows them.
    pub rest: Rest,
    /// Whether reading ended in the last file.
    pub is_in_last: bool,
}

/// How files end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// With the last entry.
    Exact,
    /// Maybe with zeros.
    Zeros,
}

/// What follows the last whole batch.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing, or zeros.
    #[default]
    Nothing,
    /// This many parts of the next batch, at least one of which may be incomplete, and then the file ends.
    Torn(u64),
    /// Bytes that were not written so.
    Broken(Damage),
    /// A torn file, and then a later one.
    Gap(Damage),
    /// The file with this place in the list, which begins later than it should.
    Missing(usize, Damage),
}

impl Whole {
    /// The same, unless complete bytes follow what is not complete: an append-only file never has such.
    pub fn if_append_only(self) -> Result<Self, Damage> {
        match self.rest {
            Rest::Broken(damage) | Rest::Gap(damage) | Rest::Missing(_, damage) => Err(damage),
            Rest::Nothing | Rest::Torn(_) => Ok(self),
        }
    }
}

/// Reads the whole batches of `files`, in order, up to the first bytes that are not one; passes the parts of each to
/// `visit`, with the batch that they join to.
///
/// # Errors
/// Errors of `visit` and of the file system.
pub(crate) fn read(files: &[(Seq, PathBuf)], tail: Tail, visit: &mut EachBatch<'_>) -> Result<Whole, Damage> {
    let mut whole = Whole::default();
    let mut assembler = Assembler::default();
    for (number, (named, path)) in files.iter().enumerate() {
        let next_seq = whole.last_seq + 1;
        let at = |what: String| Damage { seq: next_seq, what };
        if whole.last_seq > 0 && *named != next_seq {
            whole.rest = Rest::Missing(number, at(format!("{} should begin with this record", path.display())));
            break;
        }
        let file = File::open(path).map_err(|error| at(format!("{}: {error}", path.display())))?;
        let mut input = BufReader::with_capacity(WINDOW_BYTES, file);
        (whole.bytes, whole.rest) = (0, Rest::Nothing);
        whole.is_in_last = number + 1 == files.len();
        read_file(&mut input, tail, path, &mut assembler, &mut whole, visit)?;
        match &whole.rest {
            Rest::Nothing if whole.bytes > 0 || whole.is_in_last => {}
            Rest::Nothing | Rest::Torn(_) if !whole.is_in_last => {
                let what = format!("{} ends within it", path.display());
                whole.rest = Rest::Gap(Damage { seq: whole.last_seq + 1, what });
                break;
            }
            _ => break,
        }
    }
    Ok(whole)
}

/// Reads the whole batches of one file into `whole`.
fn read_file(
    input: &mut impl Read,
    tail: Tail,
    path: &Path,
    assembler: &mut Assembler,
    whole: &mut Whole,
    visit: &mut EachBatch<'_>,
) -> Result<(), Damage> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut read_bytes = 0;
    loop {
        let mut bytes = Vec::new();
        match next(input, tail, &mut bytes) {
            Ok(true) if bytes.is_empty() && tail == Tail::Zeros => {
                if parts.is_empty() && is_zero(input).map_err(|error| unreadable(whole, path, &error))? {
                    return Ok(());
                }
                whole.rest = Rest::Torn(parts.len() as u64 + 1);
                return Ok(());
            }
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                whole.rest = Rest::Torn(parts.len() as u64 + 1);
                return Ok(());
            }
            Err(error) => {
                let damage = unreadable(whole, path, &error);
                if error.kind() != io::ErrorKind::InvalidData {
                    return Err(damage);
                }
                whole.rest = Rest::Broken(damage);
                return Ok(());
            }
        }
        read_bytes += (LENGTH_BYTES + bytes.len()) as u64;
        let pushed = part::parse(&bytes, first_seq_of(&bytes)).and_then(|part| {
            if whole.first_seq == 0 {
                (whole.first_seq, whole.previous) = (part.first_seq, part.previous);
            }
            assembler.push(&part)
        });
        let batch = match pushed {
            Ok(batch) => batch,
            Err(Damage { what, .. }) => {
                whole.rest = Rest::Broken(Damage { seq: whole.last_seq + 1, what });
                return Ok(());
            }
        };
        parts.push(std::mem::take(&mut bytes));
        if let Some(batch) = batch {
            (whole.last_seq, whole.chain, whole.bytes) = (batch.last_seq(), assembler.chain(), read_bytes);
            visit(&parts, batch)?;
            parts.clear();
        }
    }
    if !parts.is_empty() {
        whole.rest = Rest::Torn(parts.len() as u64);
    }
    Ok(())
}

fn unreadable(whole: &Whole, path: &Path, error: &io::Error) -> Damage {
    Damage { seq: whole.last_seq + 1, what: format!("{}: {error}", path.display()) }
}

/// Whether only zeros are left.
fn is_zero(input: &mut impl Read) -> io::Result<bool> {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let read = input.read(&mut bytes)?;
        match bytes.get(..read) {
            Some([]) | None => return Ok(true),
            Some(read) if read.iter().any(|byte| *byte != 0) => return Ok(false),
            Some(_) => {}
        }
    }
}

/// The first `seq` of the batch of a part, as its unchecked header states it.
pub(crate) fn first_seq_of(bytes: &[u8]) -> Seq {
    bytes.get(16..24).and_then(|seq| seq.try_into().ok()).map_or(0, Seq::from_le_bytes)
}

/// Appends an entry.
pub(crate) fn push(entries: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    entries.extend_from_slice(&u32::try_from(bytes.len()).map_err(io::Error::other)?.to_le_bytes());
    entries.extend_from_slice(bytes);
    Ok(())
}

/// Reads the next entry, which is empty where zeros begin; false at the end, `UnexpectedEof` if the file ends within it,
/// `InvalidData` if it has no possible length.
pub(crate) fn next(input: &mut impl Read, tail: Tail, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut length = [0; LENGTH_BYTES];
    let mut filled = 0;
    while let Some(rest) = length.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) if filled == 0 => return Ok(false),
            // Fewer zeros than a length has bytes.
            Ok(0) if tail == Tail::Zeros && length == [0; LENGTH_BYTES] => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > PART_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("an entry claims {length} bytes")));
    }
    bytes.resize(length, 0);
    input.read_exact(bytes)?;
    Ok(true)
}
