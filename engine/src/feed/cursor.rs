//! A position in a stream that survives everything except a new log: opaque to clients, and a single value, so that its
//! parts cannot be separated.

use std::fmt;

use crate::ids::{Epoch, Name, Seq};

/// The position of a subscription: the log, the record, and the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The log.
    pub epoch: Epoch,
    /// The holder of the cursor knows everything up to this record.
    pub seq: Seq,
    /// The digest of the selection; see [`Digest`].
    pub selection: u64,
}

/// The longest text of a cursor.
pub const CURSOR_BYTES_MAX: usize = 64;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1-{}-{}-{:016x}", self.epoch, self.seq, self.selection)
    }
}

impl Cursor {
    /// Parses the output of [`Display`](fmt::Display); `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("1-")?.split('-');
        let (epoch, seq, selection) = (parts.next()?, parts.next()?, parts.next()?);
        let hexadecimal = |text: &str| if text.len() == 16 { u64::from_str_radix(text, 16).ok() } else { None };
        let cursor =
            Self { epoch: Epoch(hexadecimal(epoch)?), seq: seq.parse().ok()?, selection: hexadecimal(selection)? };
        (parts.next().is_none() && cursor.to_string() == text).then_some(cursor)
    }
}

/// A selection as one number: a sum over its names, so that names can be added and removed in any order. Clients keep
/// it in cursors, so the algorithm must never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest(pub u64);

impl Digest {
    /// Adds `name` as one of `kind`.
    pub fn add(&mut self, kind: u8, name: &Name) {
        self.0 = self.0.wrapping_add(digest(kind, name.as_str()));
    }

    /// Marks that all of a kind are selected; different from an empty selection.
    pub fn add_all(&mut self, kind: u8) {
        self.0 = self.0.wrapping_add(digest(kind, ""));
    }

    /// Removes `name`.
    pub fn remove(&mut self, kind: u8, name: &Name) {
        self.0 = self.0.wrapping_sub(digest(kind, name.as_str()));
    }
}

/// FNV-1a over the kind and the name, its bits spread by the finaliser of SplitMix64.
fn digest(kind: u8, name: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let mut hash = name.bytes().fold(fnv(0xcbf2_9ce4_8422_2325, kind), fnv);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_read() {
        let cursor = Cursor { epoch: Epoch(0xfeed), seq: 1841, selection: 7 };
        let text = cursor.to_string();
        assert!(text.len() <= CURSOR_BYTES_MAX);
        assert_eq!(Cursor::parse(&text), Some(cursor));
        for wrong in [
            "",
            "1",
            "1---",
            &text[1..],
            &format!("{text}-"),
            &text.replace("1841", "01841"),
            &text.replace("1-", "2-"),
        ] {
            assert_eq!(Cursor::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_digest_forgets_the_order_but_not_the_kind() {
        let name = |text: &str| Name::parse(text).expect("a name");
        let (mut one, mut other) = (Digest::default(), Digest::default());
        one.add(0, &name("A"));
        one.add(1, &name("B"));
        other.add(1, &name("B"));
        other.add(0, &name("X"));
        other.add(0, &name("A"));
        assert_ne!(one, other);
        other.remove(0, &name("X"));
        assert_eq!(one, other);
        other.remove(0, &name("A"));
        other.add(1, &name("A"));
        assert_ne!(one, other);
    }
}
