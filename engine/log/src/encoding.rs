//! Values to bytes and back, in one explicit encoding: fixed integers, little endian, limited, nothing left over.
//!
//! bincode 1.3 has no schema evolution, so the version stands outside of it, in the envelope of each part
//! ([`part`](crate::part)); inside a version the types of records are frozen.

use bincode::Options;
use serde::{Deserialize, Serialize};

/// The largest encoded record. Whoever makes records keeps them below 2 MiB: rows are bounded at the edge and cut into
/// records by weight.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

#[inline]
fn options() -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit(RECORD_BYTES_MAX as u64)
        .reject_trailing_bytes()
}

/// Encodes `value` in the encoding of the log, for what is kept beside it.
///
/// # Panics
/// It is no plain data: its length is not known, or it refuses.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    options().with_no_limit().serialize(value).expect("plain data always encodes")
}

/// Decodes what [`encode`] encoded.
///
/// # Errors
/// What is wrong with `bytes`.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    options().with_limit(bytes.len() as u64 * 2 + 64).deserialize(bytes).map_err(|error| error.to_string())
}

/// Appends a record to `body`.
pub(crate) fn append_record<T: Serialize>(body: &mut Vec<u8>, record: &T) {
    options().serialize_into(body, record).expect("the edge bounds what a record holds well below its limit");
}

/// Decodes a record.
#[inline(always)]
pub(crate) fn read_record<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    options().deserialize(bytes).map_err(|error| error.to_string())
}
