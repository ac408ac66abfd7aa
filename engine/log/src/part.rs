//! A batch on disk: split into parts of at most 4 KiB, each with its own envelope.
//!
//! ```text
//!  0       2      4      8      12      16          24      32        36      40
//!  | format | zero | part | parts | count | first_seq | time | previous | check | body …
//! ```
//!
//! `check` is the CRC-32 of everything else in the part; `previous` is the `check` of the preceding part in the log, so
//! a missing, repeated or reordered part breaks the chain. A batch counts only if all its parts are present. Larger
//! values would leave sled's log for files that are never synced.

use anaquel_cells::ids::{Seq, Timestamp};

use crate::batch::Batch;
use crate::log::Damage;

/// The format that this build writes.
pub(crate) const FORMAT: u16 = 10;

/// The oldest format that it reads. Older formats have fewer kinds of events and of causes, and 1 to 9 no marks where a
/// command ends; they are otherwise the same.
const OLDEST_FORMAT: u16 = 1;

pub(crate) const HEADER: usize = 40;
/// The largest part, envelope included.
pub(crate) const PART_BYTES_MAX: usize = 4096;
const BODY_MAX: usize = PART_BYTES_MAX - HEADER;

/// One part, decoded and checked.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub part: u32,
    pub parts: u32,
    pub count: u32,
    pub first_seq: Seq,
    pub time: Timestamp,
    pub previous: u32,
    pub check: u32,
    pub body: &'a [u8],
}

/// Splits a batch into parts, passes each to `write`, and returns the new end of the chain.
pub(crate) fn cut<E>(
    batch: &Batch,
    mut previous: u32,
    buffer: &mut Vec<u8>,
    mut write: impl FnMut(u32, &[u8]) -> Result<(), E>,
) -> Result<u32, E> {
    let parts = u32::try_from(batch.body.len().div_ceil(BODY_MAX).max(1)).expect("batches are bounded");
    for part in 0..parts {
        let start = part as usize * BODY_MAX;
        let body = batch.body.get(start..(start + BODY_MAX).min(batch.body.len())).unwrap_or(&[]);
        buffer.clear();
        buffer.extend_from_slice(&FORMAT.to_le_bytes());
        buffer.extend_from_slice(&[0; 2]);
        buffer.extend_from_slice(&part.to_le_bytes());
        buffer.extend_from_slice(&parts.to_le_bytes());
        buffer.extend_from_slice(&batch.count.to_le_bytes());
        buffer.extend_from_slice(&batch.first_seq.to_le_bytes());
        buffer.extend_from_slice(&batch.time.0.to_le_bytes());
        buffer.extend_from_slice(&previous.to_le_bytes());
        previous = checksum(buffer, body);
        buffer.extend_from_slice(&previous.to_le_bytes());
        buffer.extend_from_slice(body);
        assert!(buffer.len() <= PART_BYTES_MAX, "a larger part would leave the log's file");
        debug_assert!(
            parse(buffer, batch.first_seq).is_ok_and(|read| (read.part, read.parts, read.body) == (part, parts, body)),
            "what is written reads back as it was"
        );
        write(part, buffer)?;
    }
    Ok(previous)
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}

/// Parses one part.
pub(crate) fn parse(bytes: &[u8], key_seq: Seq) -> Result<Part<'_>, Damage> {
    let damage = |what: String| Damage { seq: key_seq, what };
    let (header, body) =
        bytes.split_at_checked(HEADER).ok_or_else(|| damage(format!("a part of {} bytes is cut off", bytes.len())))?;
    let format = u16::from_le_bytes(field(header, 0));
    if !(OLDEST_FORMAT..=FORMAT).contains(&format) {
        return Err(damage(format!(
            "its format is {format}, and this build reads formats {OLDEST_FORMAT} to {FORMAT}"
        )));
    }
    let part = Part {
        part: u32::from_le_bytes(field(header, 4)),
        parts: u32::from_le_bytes(field(header, 8)),
        count: u32::from_le_bytes(field(header, 12)),
        first_seq: u64::from_le_bytes(field(header, 16)),
        time: Timestamp(u64::from_le_bytes(field(header, 24))),
        previous: u32::from_le_bytes(field(header, 32)),
        check: u32::from_le_bytes(field(header, 36)),
        body,
    };
    let check = checksum(header.get(..36).unwrap_or(&[]), body);
    if check != part.check {
        return Err(damage(format!("the checksum is {check:08x}, and {:08x} was written", part.check)));
    }
    if part.first_seq != key_seq {
        return Err(damage(format!("it stands where record {} belongs", part.first_seq)));
    }
    Ok(part)
}

fn field<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    let bytes = header.get(at..at + N).expect("the header was split off whole");
    bytes.try_into().expect("a slice of N bytes is an array of N bytes")
}

/// Joins parts in the order of the log, and checks that none is missing.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    /// The end of the chain; `None` before the first part, whose predecessor may be trimmed.
    chain: Option<u32>,
    next_seq: Option<Seq>,
    open: Option<(Batch, u32, u32)>,
    /// A batch at the very start of the log whose first parts are trimmed.
    trimmed: Option<Seq>,
}

impl Assembler {
    /// Takes the next part; returns the batch that it completes.
    pub fn push(&mut self, part: &Part<'_>) -> Result<Option<Batch>, Damage> {
        let damage = |what: String| Damage { seq: part.first_seq, what };
        if self.chain.is_none() && part.part > 0 {
            self.trimmed = Some(part.first_seq);
        }
        if self.trimmed.is_some_and(|seq| seq == part.first_seq) {
            self.chain = Some(part.check);
            return Ok(None);
        }
        if let Some(chain) = self.chain.filter(|chain| *chain != part.previous) {
            return Err(damage(format!(
                "something before it is missing or was changed: it follows {:08x}, and {chain:08x} is there",
                part.previous
            )));
        }
        self.chain = Some(part.check);
        let (mut batch, expected) = match self.open.take() {
            Some((batch, next, parts)) if batch.first_seq == part.first_seq && parts == part.parts => (batch, next),
            Some((batch, next, parts)) => {
                return Err(Damage { seq: batch.first_seq, what: format!("part {next} of {parts} is missing") });
            }
            None => {
                if let Some(next) = self.next_seq.filter(|next| *next != part.first_seq) {
                    return Err(damage(format!("record {next} should come here")));
                }
                let head = Batch { first_seq: part.first_seq, count: part.count, time: part.time, body: Vec::new() };
                (head, 0)
            }
        };
        if part.part != expected || part.part >= part.parts || part.count == 0 {
            return Err(damage(format!("part {expected} of {} is missing", part.parts)));
        }
        batch.body.extend_from_slice(part.body);
        if part.part + 1 < part.parts {
            self.open = Some((batch, part.part + 1, part.parts));
            return Ok(None);
        }
        self.next_seq = Some(batch.last_seq() + 1);
        Ok(Some(batch))
    }

    /// The first `seq` of a batch whose last parts are missing, and the number of its parts.
    pub fn unfinished(&self) -> Option<(Seq, u32)> {
        self.open.as_ref().map(|(batch, next, _)| (batch.first_seq, *next))
    }

    /// The end of the chain.
    pub fn chain(&self) -> u32 {
        self.chain.unwrap_or(0)
    }
}
