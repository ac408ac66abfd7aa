//! Encodes values to bytes and back, in one explicit encoding: fixed-size integers, little endian, limited length, no
//! trailing bytes.
//!
//! bincode 1.3 has no schema evolution, so the version is outside, in the envelope of each part
//! ([`part`](crate::part)); within a version, the types of records are frozen.

use bincode::Options;
use serde::{Deserialize, Serialize};

/// The largest encoded record. Callers keep records below 2 MiB: rows are bounded at the edge and split into records by
/// weight.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

#[inline]
fn options() -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit(RECORD_BYTES_MAX as u64)
        .reject_trailing_bytes()
}

/// Encodes `value` in the encoding of the log, for files beside the log.
///
/// # Panics
/// The value is not plain data: its length is unknown, or its serialisation fails.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_into(&mut bytes, value);
    bytes
}

/// The same, into a buffer that is reused.
///
/// # Panics
/// As [`encode`].
pub fn encode_into<T: Serialize>(bytes: &mut Vec<u8>, value: &T) {
    bytes.clear();
    // `serialize` would traverse everything twice, first to count.
    options().with_no_limit().serialize_into(bytes, value).expect("plain data always encodes");
}

/// Decodes the output of [`encode`].
///
/// # Errors
/// What is wrong with `bytes`.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    options().with_limit(bytes.len() as u64 * 2 + 64).deserialize(bytes).map_err(|error| error.to_string())
}

/// Appends a record to `body`.
#[inline]
pub(crate) fn append_record<T: Serialize>(body: &mut Vec<u8>, record: &T) {
    let begins = body.len();
    // With a limit, bincode would traverse everything twice, first to count.
    options().with_no_limit().serialize_into(&mut *body, record).expect("plain data always encodes");
    assert!(body.len() - begins <= RECORD_BYTES_MAX, "the edge bounds a record well below its limit");
}

/// Decodes a record.
#[inline(always)]
pub(crate) fn read_record<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    options().deserialize(bytes).map_err(|error| error.to_string())
}
