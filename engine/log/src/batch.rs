//! Batches of records as bytes: each record with its length before it, in the order of their `seq`.

use anaquel_cells::ids::{Seq, Timestamp};
use serde::{Deserialize, Serialize};

use crate::encoding;

/// Records that become durable together, encoded. They share one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The `seq` of the first record: where the log must stand for the batch to be appended.
    pub first_seq: Seq,
    /// How many records.
    pub count: u32,
    /// When they were logged.
    pub time: Timestamp,
    /// The records, each with its length before it.
    pub body: Vec<u8>,
}

impl Batch {
    /// The `seq` of the last record.
    #[inline]
    pub fn last_seq(&self) -> Seq {
        self.first_seq + Seq::from(self.count) - 1
    }

    /// What is to be appended has records, and, as builds with assertions look, as many as it says.
    pub(crate) fn assert_whole(&self) {
        assert!(self.count > 0, "a batch has records");
        debug_assert_eq!(self.each(|_, _| Ok(())), Ok(()), "records are dense");
    }

    /// Hands every record to `visit`, in order: its `seq` and its bytes.
    ///
    /// # Errors
    /// [`CodecError`] names the record whose end cannot be found, or behind which something follows; and what `visit` says.
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

    /// The bytes of one record; none where the batch does not hold it.
    ///
    /// # Errors
    /// [`CodecError`] names the record whose end cannot be found.
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

    /// The records of it after record `after` and up to record `last`; none where it holds none of them.
    ///
    /// # Errors
    /// [`CodecError`] names the record whose end cannot be found.
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

    /// Where the records from `first` to `last` lie in a batch that holds them.
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

/// The bytes of the record `seq`, which comes first in `rest`; leaves what comes behind.
#[inline(always)]
fn split<'a>(rest: &mut &'a [u8], seq: Seq) -> Result<&'a [u8], CodecError> {
    let wrong = |what: &str| CodecError { seq, what: what.to_owned() };
    let (length, after) = rest.split_first_chunk::<4>().ok_or_else(|| wrong("its length is cut off"))?;
    let length = u32::from_le_bytes(*length) as usize;
    let (bytes, after) = after.split_at_checked(length).ok_or_else(|| wrong("it is cut off"))?;
    *rest = after;
    Ok(bytes)
}

/// Decodes the bytes of the record `seq`.
///
/// # Errors
/// [`CodecError`] names the record.
#[inline(always)]
pub fn decode_record<'a, T: Deserialize<'a>>(seq: Seq, bytes: &'a [u8]) -> Result<T, CodecError> {
    encoding::read_record(bytes).map_err(|what| CodecError { seq, what })
}

/// Collects the records of one batch, encoding each as it comes.
#[derive(Debug)]
pub struct BatchBuilder {
    batch: Batch,
}

impl BatchBuilder {
    /// An empty batch that continues the log at `first_seq`.
    pub fn new(first_seq: Seq, time: Timestamp) -> Self {
        Self { batch: Batch { first_seq, count: 0, time, body: Vec::new() } }
    }

    /// Starts over at `first_seq`, keeping the buffer.
    #[inline]
    pub fn restart(&mut self, first_seq: Seq, time: Timestamp) {
        let Batch { body, .. } = &mut self.batch;
        body.clear();
        self.batch = Batch { first_seq, count: 0, time, body: std::mem::take(body) };
    }

    /// Adds a record and tells its `seq`.
    ///
    /// # Panics
    /// It takes more than [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX) bytes.
    pub fn push<T: Serialize>(&mut self, record: &T) -> Seq {
        let body = &mut self.batch.body;
        let at = body.len();
        body.extend_from_slice(&[0; 4]);
        encoding::append_record(body, record);
        let length = u32::try_from(body.len() - at - 4).expect("limited above");
        body.get_mut(at..at + 4).expect("just pushed").copy_from_slice(&length.to_le_bytes());
        self.batch.count += 1;
        self.batch.last_seq()
    }

    /// The `seq` that the next record gets.
    #[inline]
    pub fn next_seq(&self) -> Seq {
        self.batch.first_seq + Seq::from(self.batch.count)
    }

    /// Whether nothing was added yet.
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
        let longer = Batch { body: [batch.body.as_slice(), &[0]].concat(), ..batch.clone() };
        assert_eq!(longer.each(|_, _| Ok(())).map_err(|error| error.what), Err("1 bytes follow it".to_owned()));
        let shorter = Batch { count: 5, ..batch };
        assert_eq!(shorter.each(|_, _| Ok(())).map_err(|error| error.seq), Err(11));
        assert!(decode_record::<String>(1, &[9, 0, 0, 0, 0, 0, 0, 0]).is_err(), "it is cut off");
        Ok(())
    }
}
