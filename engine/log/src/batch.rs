//! Batches of records as bytes: each record after its length, in the order of `seq`. The top bit of a length marks the
//! last record of a command: who folds the log shows all records of a command, or none. Batches of formats 1 to 9 have
//! no such marks.

use anaquel_cells::ids::{Seq, Timestamp};
use serde::{Deserialize, Serialize};

use crate::encoding;

/// Bytes of the length before each record.
pub const LENGTH_BYTES: usize = 4;

/// The bit of a length that marks the last record of a command.
const ENDS_COMMAND: u32 = 1 << 31;

/// Records that become durable together, encoded. They share one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The `seq` of the first record: the log must end just before it.
    pub first_seq: Seq,
    /// The number of records.
    pub count: u32,
    /// The time of the records.
    pub time: Timestamp,
    /// The records, each after its length.
    pub body: Vec<u8>,
}

impl Batch {
    /// The `seq` of the last record.
    #[inline]
    pub fn last_seq(&self) -> Seq {
        self.first_seq + Seq::from(self.count) - 1
    }

    /// A batch to append contains records, and, as debug assertions check, as many as it claims.
    pub(crate) fn assert_whole(&self) {
        assert!(self.count > 0, "a batch has records");
        debug_assert_eq!(self.each(|_, _| Ok(())), Ok(()), "records are dense");
    }

    /// Passes every record to `visit`, in order: its `seq` and its bytes.
    ///
    /// # Errors
    /// [`CodecError`] names the record whose end is missing, or that has extra bytes after it; and errors of `visit`.
    #[inline]
    pub fn each(&self, mut visit: impl FnMut(Seq, &[u8]) -> Result<(), CodecError>) -> Result<(), CodecError> {
        let mut rest = self.body.as_slice();
        for seq in self.first_seq..=self.last_seq() {
            visit(seq, split(&mut rest, seq)?)?;
        }
        if !rest.is_empty() {
            return Err(CodecError { seq: self.last_seq(), what: format!("{} bytes follow it", rest.len()) });
        }
        Ok(())
    }

    /// The last record of each command. The end of the batch is the end of its last command; without marks, of its only
    /// one.
    ///
    /// # Errors
    /// [`CodecError`] names the record whose end is missing.
    pub fn command_ends(&self) -> Result<Vec<Seq>, CodecError> {
        let mut rest = self.body.as_slice();
        let mut ends = Vec::new();
        for seq in self.first_seq..=self.last_seq() {
            if is_marked(rest) || seq == self.last_seq() {
                ends.push(seq);
            }
            split(&mut rest, seq)?;
        }
        Ok(ends)
    }

    /// The bytes of one record; `None` if it is not in the batch.
    ///
    /// # Errors
    /// [`CodecError`] names the record whose end is missing.
    pub fn bytes_of(&self, wanted: Seq) -> Result<Option<&[u8]>, CodecError> {
        let mut rest = self.body.as_slice();
        for seq in self.first_seq..=self.last_seq() {
            let bytes = split(&mut rest, seq)?;
            if seq == wanted {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// The records after `after` up to `last`; `None` if the batch has none of them.
    ///
    /// # Errors
    /// [`CodecError`] names the record whose end is missing.
    pub fn between(mut self, after: Seq, last: Seq) -> Result<Option<Self>, CodecError> {
        let (first, last) = (self.first_seq.max(after + 1), self.last_seq().min(last));
        if first > last {
            return Ok(None);
        }
        if (first, last) != (self.first_seq, self.last_seq()) {
            let (begins, ends) = self.bounds(first, last)?;
            self.body.truncate(ends);
            self.body.drain(..begins);
            (self.first_seq, self.count) = (first, (last - first + 1) as u32);
        }
        Ok(Some(self))
    }

    /// The byte range of the records from `first` to `last` in a batch that contains them.
    fn bounds(&self, first: Seq, last: Seq) -> Result<(usize, usize), CodecError> {
        let mut rest = self.body.as_slice();
        let mut begins = 0;
        for seq in self.first_seq..=last {
            if seq == first {
                begins = self.body.len() - rest.len();
            }
            split(&mut rest, seq)?;
        }
        Ok((begins, self.body.len() - rest.len()))
    }
}

/// Why bytes are not records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} cannot be decoded: {what}")]
pub struct CodecError {
    /// The record.
    pub seq: Seq,
    /// What is wrong with it.
    pub what: String,
}

/// Takes the bytes of the record `seq` from the front of `rest`.
#[inline(always)]
fn split<'a>(rest: &mut &'a [u8], seq: Seq) -> Result<&'a [u8], CodecError> {
    let wrong = |what: &str| CodecError { seq, what: what.to_owned() };
    let (length, after) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or_else(|| wrong("its length is cut off"))?;
    let length = (u32::from_le_bytes(*length) & !ENDS_COMMAND) as usize;
    let (bytes, after) = after.split_at_checked(length).ok_or_else(|| wrong("it is cut off"))?;
    *rest = after;
    Ok(bytes)
}

/// Whether the record at the front of `rest` is the last one of its command.
fn is_marked(rest: &[u8]) -> bool {
    rest.first_chunk::<LENGTH_BYTES>().is_some_and(|length| u32::from_le_bytes(*length) & ENDS_COMMAND != 0)
}

/// Decodes the bytes of the record `seq`.
///
/// # Errors
/// [`CodecError`] names the record.
#[inline(always)]
pub fn decode_record<'a, T: Deserialize<'a>>(seq: Seq, bytes: &'a [u8]) -> Result<T, CodecError> {
    encoding::read_record(bytes).map_err(|what| CodecError { seq, what })
}

/// Collects the records of one batch, and encodes each at once.
#[derive(Debug)]
pub struct BatchBuilder {
    batch: Batch,
    /// Where the length of the last record is in the body.
    last_at: usize,
}

impl BatchBuilder {
    /// An empty batch that continues the log at `first_seq`.
    pub fn new(first_seq: Seq, time: Timestamp) -> Self {
        Self { batch: Batch { first_seq, count: 0, time, body: Vec::new() }, last_at: 0 }
    }

    /// Starts over at `first_seq`, keeping the buffer.
    #[inline]
    pub fn restart(&mut self, first_seq: Seq, time: Timestamp) {
        let Batch { body, .. } = &mut self.batch;
        body.clear();
        self.batch = Batch { first_seq, count: 0, time, body: std::mem::take(body) };
        self.last_at = 0;
    }

    /// Adds a record and returns its `seq`.
    ///
    /// # Panics
    /// The record exceeds [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX) bytes.
    pub fn push<T: Serialize>(&mut self, record: &T) -> Seq {
        let body = &mut self.batch.body;
        let at = body.len();
        body.extend_from_slice(&[0; LENGTH_BYTES]);
        encoding::append_record(body, record);
        let length = u32::try_from(body.len() - at - LENGTH_BYTES).expect("limited above");
        body.get_mut(at..at + LENGTH_BYTES).expect("just pushed").copy_from_slice(&length.to_le_bytes());
        self.last_at = at;
        self.batch.count += 1;
        self.batch.last_seq()
    }

    /// A command was decided: its last record is the last one that was added. A command without records changes nothing.
    #[inline]
    pub fn end_command(&mut self) {
        // Little endian: the top bit of the length is in its last byte.
        if let Some(byte) = self.batch.body.get_mut(self.last_at + LENGTH_BYTES - 1) {
            *byte |= (ENDS_COMMAND >> 24) as u8;
        }
    }

    /// The `seq` that the next record gets.
    #[inline]
    pub fn next_seq(&self) -> Seq {
        self.batch.first_seq + Seq::from(self.batch.count)
    }

    /// Whether the batch is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.batch.count == 0
    }

    /// The batch so far.
    #[inline]
    pub fn batch(&self) -> &Batch {
        &self.batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_by_their_seq() -> Result<(), CodecError> {
        let mut builder = BatchBuilder::new(7, Timestamp(3));
        let texts = ["one", "", "three", "four"].map(str::to_owned);
        let seqs: Vec<Seq> = texts.iter().map(|text| builder.push(text)).collect();
        assert_eq!((seqs, builder.next_seq()), (vec![7, 8, 9, 10], 11));
        let read = |batch: &Batch| {
            let mut found = Vec::new();
            batch.each(|seq, bytes| decode_record::<String>(seq, bytes).map(|text| found.push((seq, text))))?;
            Ok(found)
        };
        let all: Vec<(Seq, String)> = (7..).zip(texts).collect();
        let batch = builder.batch().clone();
        assert_eq!(read(&batch)?, all);
        let one = batch.bytes_of(9)?.map(|bytes| decode_record::<String>(9, bytes)).transpose()?;
        assert_eq!((one.as_deref(), batch.bytes_of(11)?), (Some("three"), None));
        let middle = batch.clone().between(7, 9)?.map(|batch| read(&batch)).transpose()?;
        assert_eq!(middle.as_deref(), all.get(1..3));
        assert_eq!(batch.clone().between(10, 20)?, None);
        assert_eq!(batch.command_ends()?, [10], "without marks, it is one command");
        let longer = Batch { body: [batch.body.as_slice(), &[0]].concat(), ..batch.clone() };
        assert_eq!(longer.each(|_, _| Ok(())).map_err(|error| error.what), Err("1 bytes follow it".to_owned()));
        let shorter = Batch { count: 5, ..batch };
        assert_eq!(shorter.each(|_, _| Ok(())).map_err(|error| error.seq), Err(11));
        assert!(decode_record::<String>(1, &[9, 0, 0, 0, 0, 0, 0, 0]).is_err(), "it is cut off");
        Ok(())
    }

    #[test]
    fn a_command_ends_where_it_was_marked_also_in_a_piece() -> Result<(), CodecError> {
        let mut builder = BatchBuilder::new(1, Timestamp(3));
        // A refused command adds nothing, before the first record as between two commands.
        builder.end_command();
        for records in [1, 3, 0, 2] {
            for _ in 0..records {
                builder.push(&"record".to_owned());
            }
            builder.end_command();
        }
        let batch = builder.batch();
        assert_eq!(batch.command_ends()?, [1, 4, 6]);
        let read: Result<Vec<String>, CodecError> =
            (1..=6).map(|seq| decode_record(seq, batch.bytes_of(seq)?.unwrap_or_default())).collect();
        assert_eq!(read?, vec!["record"; 6]);
        let piece = batch.clone().between(1, 5)?.map(|piece| piece.command_ends()).transpose()?;
        assert_eq!(piece, Some(vec![4, 5]), "a piece ends where it ends");
        Ok(())
    }
}
