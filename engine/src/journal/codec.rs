//! Encodes records as bytes: a record is its cause and its event, in the encoding of the log.
//!
//! The encoding has no schema evolution, so the version is outside, in the envelope of each part of the log; within a
//! version, the types of [`event`](crate::event) are frozen.

use std::fmt;

use anaquel_log::{Batch, BatchBuilder, CodecError, LENGTH_BYTES, decode_record};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{Event, Record};
use crate::ids::{Name, Seq};
use crate::kernel::cause::{Cause, IdempotencyKey};

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

/// A cause in the log: one byte for its kind, then its fields. Kinds 0 and 1 are the bytes of the optional cause of
/// formats 1 to 3; kind 2, of format 4, adds the origin of the request; kind 3, of format 5, makes the origin optional
/// and adds the caller whose share the request counts against.
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
    // A separate function, so that records without a cause do not pay for it.
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

/// The counterpart for reading.
struct StoredCause(Option<Box<Cause>>);

type CauseFields = (Option<Name>, Option<String>, Option<String>, Option<String>, Option<IdempotencyKey>);

impl<'de> Deserialize<'de> for StoredCause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;

        // A separate function, so that records without a cause do not pay for it.
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

        // At most its kind, its fields, and its origin.
        deserializer.deserialize_tuple(3, Parts)
    }
}

/// Adds a record to a batch and returns its `seq`.
#[inline]
pub fn push_record(builder: &mut BatchBuilder, cause: &Option<Box<Cause>>, event: &Event) -> Seq {
    let begins = builder.batch().body.len() + LENGTH_BYTES;
    let seq = builder.push(&StoredRef { cause: CauseRef(cause), event });
    debug_assert!(
        read(builder.batch(), seq, builder.batch().body.get(begins..).unwrap_or(&[]))
            .is_ok_and(|read| read.cause == *cause && read.event == *event),
        "what is logged reads back as it was: {event:?}"
    );
    seq
}

#[inline(always)]
fn read(batch: &Batch, seq: Seq, bytes: &[u8]) -> Result<Record, CodecError> {
    let Stored { cause, event } = decode_record(seq, bytes)?;
    Ok(Record { seq, time: batch.time, cause: cause.0, event })
}

/// The records of a batch.
///
/// # Errors
/// [`CodecError`] names the unreadable record.
pub fn records(batch: &Batch) -> Result<Vec<Record>, CodecError> {
    let mut records = Vec::with_capacity(batch.count as usize);
    batch.each(|seq, bytes| {
        records.push(read(batch, seq, bytes)?);
        Ok(())
    })?;
    Ok(records)
}

/// One record of a batch; `None` if it is not in the batch.
///
/// # Errors
/// [`CodecError`] names the unreadable record.
pub fn record(batch: &Batch, seq: Seq) -> Result<Option<Record>, CodecError> {
    batch.bytes_of(seq)?.map(|bytes| read(batch, seq, bytes)).transpose()
}
