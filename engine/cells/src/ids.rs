//! Identifiers and time.
//!
//! The edge interns each string of a caller (`TSHIRT-RED-M`, `mx-014`, `web`) once to a small integer, and all other
//! code uses integers. A [`Name`] is a validated string, so code that has one need not validate it again.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Position in the log. The first record has `seq` 1; 0 means "before everything".
pub type Seq = u64;

/// The longest identifier, in characters.
pub const NAME_CHARACTERS_MAX: usize = 128;

/// The maximum number of locations. One SKU stocked in all of them still fits into one chunk of the row index.
pub const LOCATIONS_MAX: u32 = 131_072;

/// A validated identifier of 1 to 128 characters: of `A-Za-z0-9._:/-`, or of printable characters of any script for ids
/// that other systems chose (a SKU, a customer, an order, a document). Comparison is exact.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Validates `text` as the id of a location, a group, a channel or a rule: of `A-Za-z0-9._:/-`.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, too long, or contains a character that such ids must not have.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::fits(text)?;
        match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '/' | '-'))) {
            Some(c) => Err(NameError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// Validates `text` as a SKU: printable characters of any script.
    ///
    /// # Errors
    /// [`NameError`], as [`Name::parse_printable`].
    pub fn parse_sku(text: &str) -> Result<Self, NameError> {
        Self::parse_printable(text)
    }

    /// Validates `text` as an id that another system chose, such as an order, a customer or a document: printable
    /// characters of any script, without white space at its ends.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, too long, begins or ends with white space, or contains an invisible character.
    pub fn parse_printable(text: &str) -> Result<Self, NameError> {
        Self::fits(text)?;
        if let Some(c) = text.chars().find(|c| is_unprintable(*c)) {
            return Err(NameError::Unprintable(c));
        }
        if text.trim().len() != text.len() {
            return Err(NameError::WhiteSpace);
        }
        Ok(Self(text.into()))
    }

    fn fits(text: &str) -> Result<(), NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        // Most texts are far below the limit, however their characters are encoded.
        let characters = if text.len() > NAME_CHARACTERS_MAX { text.chars().count() } else { 0 };
        if characters > NAME_CHARACTERS_MAX { Err(NameError::TooLong(characters)) } else { Ok(()) }
    }

    /// The identifier as the caller wrote it.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Name {
    /// For a name that was validated before it was written: decodes a log or a checkpoint.
    #[inline]
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

// As a text. Names are most of what a record of an order consists of, so neither way makes a `String` in between.
impl Serialize for Name {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Reads a name that was validated before it was written.
struct Written;

impl Visitor<'_> for Written {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    #[inline]
    fn visit_str<E: Error>(self, text: &str) -> Result<Name, E> {
        Ok(Name(text.into()))
    }
}

impl<'de> Deserialize<'de> for Name {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Written)
    }
}

impl std::borrow::Borrow<str> for Name {
    #[inline]
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// Longer than [`NAME_CHARACTERS_MAX`].
    #[error("has {0} characters; an id has 1 to 128")]
    TooLong(usize),
    /// A character outside the alphabet.
    #[error("contains {0:?}; an id consists of A-Z a-z 0-9 . _ : / -")]
    Character(char),
    /// An invisible character.
    #[error("contains {0:?}, which is invisible; an id consists of printable characters")]
    Unprintable(char),
    /// White space at an end.
    #[error("begins or ends with white space; remove it")]
    WhiteSpace,
}

/// Whether a character is invisible: control characters, characters without width, and changes of text direction.
/// Otherwise two different ids could look the same. Joiners, which some scripts need, count as printable.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

macro_rules! interned {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl From<u32> for $name {
            #[inline]
            fn from(raw: u32) -> Self {
                Self(raw)
            }
        }

        impl From<$name> for u32 {
            #[inline]
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

interned!(
    /// An interned SKU.
    SkuId
);
interned!(
    /// An interned location: a store, a warehouse, a supplier.
    LocationId
);
interned!(
    /// An interned channel: web, app, pos, a marketplace.
    ChannelId
);
interned!(
    /// An interned group of locations.
    GroupId
);

/// A reservation's identity: the `seq` of the record that created it, hence unique in its log by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReservationId(pub Seq);

/// The identity of one log. Only a new or restored data directory changes it, not a restart, so a position in one log
/// is never mistaken for a position in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// Crockford's base 32: no I, L, O or U, so that people can read it over a telephone.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The `digits` low base-32 digits of `bits`, most significant first.
pub fn crockford(bits: u64, digits: u32) -> String {
    (0..digits)
        .rev()
        .map(|digit| {
            let value = (bits >> (5 * digit)) & 31;
            char::from(*CROCKFORD.get(value as usize).expect("five bits are below 32"))
        })
        .collect()
}

impl Epoch {
    /// Five characters of the epoch. Every reservation id contains them, so an id from a wiped or replaced data
    /// directory is unknown here instead of naming another reservation.
    pub fn tag(self) -> String {
        crockford(self.0, 5)
    }
}

impl fmt::Display for Epoch {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The latest time that a cell can store (2^42 ms, in the year 2109).
    pub const MAX: Self = Self((1 << 42) - 1);

    /// This time plus `seconds`, at most [`Timestamp::MAX`].
    #[must_use]
    #[inline]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)).min(Self::MAX.0))
    }

    /// This time plus so many milliseconds.
    #[must_use]
    #[inline]
    pub fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis).min(Self::MAX.0))
    }

    /// The time of an event without a given time: now, and after a count at `counted_at`, even in the same millisecond.
    #[must_use]
    #[inline]
    pub fn after_count(self, counted_at: Self) -> Self {
        self.max(Self(counted_at.0 + 1))
    }

    /// Milliseconds from `earlier` to this time, 0 if it is not earlier.
    #[inline]
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_alphabet() {
        for good in ["A", "mx-014", "a.b_c:d/e-f", &"x".repeat(128)] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "caf\u{e9}", "a\nb", "a\0", "a,b", &"x".repeat(129)] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_of_other_systems_are_printable_characters_of_any_script() {
        let (long, wide) = ("x".repeat(128), "\u{65e5}".repeat(128));
        for good in [
            "RED SHIRT M",
            "A+B",
            "CAFÉ-1",
            "O'Neil 5/8\"",
            "#1001",
            "a@b.example",
            "日本\u{3000}語",
            "क्\u{200d}ष",
            "\\",
            "=1",
            "🙂",
        ] {
            assert_eq!(Name::parse_printable(good).map(|name| name.to_string()).as_deref(), Ok(good));
        }
        assert!(Name::parse_sku(&long).is_ok() && Name::parse_sku(&wide).is_ok());
        let ends = [" RED", "RED ", "\u{a0}RED", "RED\u{3000}"].map(|text| (text, NameError::WhiteSpace));
        assert!(ends.into_iter().all(|(text, error)| Name::parse_sku(text) == Err(error)));
        for unseen in ['\0', '\t', '\n', '\u{7f}', '\u{85}', '\u{200b}', '\u{202e}', '\u{2028}', '\u{2066}', '\u{feff}']
        {
            assert_eq!(Name::parse_sku(&format!("A{unseen}B")), Err(NameError::Unprintable(unseen)));
        }
        assert_eq!(Name::parse_sku(""), Err(NameError::Empty));
        for longer in [long + "x", wide + "x"] {
            assert_eq!(Name::parse_sku(&longer), Err(NameError::TooLong(129)));
        }
    }
}
