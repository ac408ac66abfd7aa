//! Records to bytes and back, in one explicit encoding: fixed integers, little endian, limited, nothing left over.
//!
//! bincode 1.3 has no schema evolution, so the version stands outside of it, in the envelope of each part
//! ([`part`](super::part)); inside a version the types of [`event`](crate::event) are frozen.

use std::fmt;

use bincode::Options;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::log::{Batch, Damage};
use crate::event::{Cause, Event, IdempotencyKey, Record};
use crate::ids::{Name, Seq, Timestamp};

/// The largest encoded record. Whoever makes records keeps them below 2 MiB: rows are bounded at the edge and cut into
/// records by weight.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

#[derive(Serialize)]
struct StoredRef<'a> {
    cause: CauseRef<'a>,
    event: &'a Event,
}

#[derive(Deserialize)]
struct Stored {
    cause: StoredCause,
    event: Event,
}

/// A cause as it stands in the log: one byte for its kind, then its fields. Kinds 0 and 1 are the bytes of the optional
/// cause of formats 1 to 3; kind 2, which says where it came from, too, is format 4's; kind 3, which may say that, and says
/// whose share it counts against, is format 5's.
struct CauseRef<'a>(&'a Option<Box<Cause>>);

impl Serialize for CauseRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => 0_u8.serialize(serializer),
            Some(cause) => Self::serialize_known(cause, serializer),
        }
    }
}

impl CauseRef<'_> {
    // Apart, so that records without a cause do not pay for it.
    #[inline(never)]
    fn serialize_known<S: Serializer>(cause: &Cause, serializer: S) -> Result<S::Ok, S::Error> {
        let Cause { channel, actor, reference, trace, idempotency, origin, caller } = cause;
        let fields = (channel, actor, reference, trace, idempotency);
        match origin {
            _ if *caller != 0 => (3_u8, fields, (origin, caller)).serialize(serializer),
            None => (1_u8, fields).serialize(serializer),
            Some(origin) => (2_u8, fields, origin).serialize(serializer),
        }
    }
}

/// The same, read.
struct StoredCause(Option<Box<Cause>>);

type CauseFields = (Option<Name>, Option<String>, Option<String>, Option<String>, Option<IdempotencyKey>);

impl<'de> Deserialize<'de> for StoredCause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;

        // Apart, so that records without a cause do not pay for it.
        #[inline(never)]
        fn known<'de, A: SeqAccess<'de>>(kind: u8, mut parts: A) -> Result<StoredCause, A::Error> {
            let missing = || A::Error::custom("a cause is cut off");
            let fields: CauseFields = parts.next_element()?.ok_or_else(missing)?;
            let (channel, actor, reference, trace, idempotency) = fields;
            let (origin, caller) = match kind {
                1 => (None, 0),
                2 => (Some(parts.next_element()?.ok_or_else(missing)?), 0),
                3 => parts.next_element()?.ok_or_else(missing)?,
                other => return Err(A::Error::custom(format!("a cause of kind {other}"))),
            };
            let cause = Cause { channel, actor, reference, trace, idempotency, origin, caller };
            Ok(StoredCause(Some(Box::new(cause))))
        }

        impl<'de> Visitor<'de> for Parts {
            type Value = StoredCause;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a cause")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<StoredCause, A::Error> {
                let missing = || A::Error::custom("a cause is cut off");
                let kind: u8 = parts.next_element()?.ok_or_else(missing)?;
                if kind == 0 {
                    return Ok(StoredCause(None));
                }
                known(kind, parts)
            }
        }

        // At most its kind, its fields, and where it came from.
        deserializer.deserialize_tuple(3, Parts)
    }
}

fn options() -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit(RECORD_BYTES_MAX as u64)
        .reject_trailing_bytes()
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

impl From<CodecError> for Damage {
    fn from(CodecError { seq, what }: CodecError) -> Self {
        Self { seq, what }
    }
}

/// Encodes `value` in the encoding of the log; for images, which share it.
pub(crate) fn encode_value<T: Serialize>(value: &T) -> Vec<u8> {
    options().with_no_limit().serialize(value).expect("plain data always encodes")
}

/// Decodes what [`encode_value`] encoded.
pub(crate) fn decode_value<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    options().with_limit(bytes.len() as u64 * 2 + 64).deserialize(bytes).map_err(|error| error.to_string())
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
    pub fn restart(&mut self, first_seq: Seq, time: Timestamp) {
        let Batch { body, .. } = &mut self.batch;
        body.clear();
        self.batch = Batch { first_seq, count: 0, time, body: std::mem::take(body) };
    }

    /// Adds a record and tells its `seq`.
    pub fn push(&mut self, cause: &Option<Box<Cause>>, event: &Event) -> Seq {
        let body = &mut self.batch.body;
        let at = body.len();
        body.extend_from_slice(&[0; 4]);
        options()
            .serialize_into(&mut *body, &StoredRef { cause: CauseRef(cause), event })
            .expect("the edge bounds what a record holds well below its limit");
        let length = u32::try_from(body.len() - at - 4).expect("limited above");
        body.get_mut(at..at + 4).expect("just pushed").copy_from_slice(&length.to_le_bytes());
        self.batch.count += 1;
        self.batch.last_seq()
    }

    /// The `seq` that the next record gets.
    pub fn next_seq(&self) -> Seq {
        self.batch.first_seq + Seq::from(self.batch.count)
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.batch.count == 0
    }

    /// The batch so far.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }
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

#[inline(always)]
fn decode_record(batch: &Batch, seq: Seq, bytes: &[u8]) -> Result<Record, CodecError> {
    let stored: Stored = options().deserialize(bytes).map_err(|error| CodecError { seq, what: error.to_string() })?;
    Ok(Record { seq, time: batch.time, cause: stored.cause.0, event: stored.event })
}

/// Where the records from `first` to `last` lie in a batch that holds them.
pub(super) fn bounds(batch: &Batch, first: Seq, last: Seq) -> Result<(usize, usize), CodecError> {
    let mut rest = batch.body.as_slice();
    let mut begins = 0;
    for seq in batch.first_seq..=last {
        if seq == first {
            begins = batch.body.len() - rest.len();
        }
        split(&mut rest, seq)?;
    }
    Ok((begins, batch.body.len() - rest.len()))
}

/// Decodes one record of a batch; steps over those before it.
pub(super) fn decode_one(batch: &Batch, wanted: Seq) -> Result<Option<Record>, CodecError> {
    let mut rest = batch.body.as_slice();
    for seq in batch.first_seq..=batch.last_seq() {
        let bytes = split(&mut rest, seq)?;
        if seq == wanted {
            return decode_record(batch, seq, bytes).map(Some);
        }
    }
    Ok(None)
}

/// Decodes all records of a batch.
pub(super) fn decode(batch: &Batch) -> Result<Vec<Record>, CodecError> {
    let mut rest = batch.body.as_slice();
    let mut records = Vec::with_capacity(batch.count as usize);
    for seq in batch.first_seq..=batch.last_seq() {
        let bytes = split(&mut rest, seq)?;
        records.push(decode_record(batch, seq, bytes)?);
    }
    if !rest.is_empty() {
        return Err(CodecError { seq: batch.last_seq(), what: format!("{} bytes follow it", rest.len()) });
    }
    Ok(records)
}

impl Batch {
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
            let (begins, ends) = bounds(&self, first, last)?;
            self.body.truncate(ends);
            self.body.drain(..begins);
            (self.first_seq, self.count) = (first, (last - first + 1) as u32);
        }
        Ok(Some(self))
    }

    /// The records, decoded.
    ///
    /// # Errors
    /// [`CodecError`] names the record that cannot be read.
    pub fn records(&self) -> Result<Vec<Record>, CodecError> {
        decode(self)
    }

    /// One record, decoded; none where the batch does not hold it.
    ///
    /// # Errors
    /// [`CodecError`] names the record that cannot be read.
    pub fn record(&self, seq: Seq) -> Result<Option<Record>, CodecError> {
        decode_one(self, seq)
    }
}
