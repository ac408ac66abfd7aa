//! Identifiers and time.
//!
//! What a caller names with a string (`TSHIRT-RED-M`, `mx-014`, `web`) is interned once, at the edge, to a small
//! integer; everything behind the edge speaks integers. A [`Name`] is the string after validation, so that code which
//! holds one need not ask again whether it is well formed.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Position in the log. The first record has `seq` 1; 0 means "before everything".
pub type Seq = u64;

/// The longest identifier, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Locations a retailer may have. One SKU stocked in all of them still fits one chunk of the row index.
pub const LOCATIONS_MAX: u32 = 131_072;

/// A validated identifier: 1 to 64 of `A-Za-z0-9._:/-`, and inner spaces where it names a SKU.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// Validates `text` as the id of anything but a SKU.
    ///
    /// # Errors
    /// [`NameError`] where it is empty, too long, or has a character that ids may not have.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::validate(text, false)
    }

    /// Validates `text` as a SKU, which may also hold spaces between other characters.
    ///
    /// # Errors
    /// [`NameError`], as [`Name::parse`].
    pub fn parse_sku(text: &str) -> Result<Self, NameError> {
        Self::validate(text, true)
    }

    fn validate(text: &str, is_sku: bool) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong(text.len()));
        }
        let inner_space = |at: usize| is_sku && at > 0 && at + 1 < text.len();
        for (at, c) in text.char_indices() {
            let allowed =
                c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '/' | '-') || (c == ' ' && inner_space(at));
            if !allowed {
                return Err(NameError::Character(c));
            }
        }
        Ok(Self(text.into()))
    }

    /// The identifier as the caller wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Name {
    /// For what was validated before it was written down: decoding a log or an image.
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("is {0} bytes long; ids have 1 to 64 characters")]
    TooLong(usize),
    /// A character outside the alphabet.
    #[error("contains {0:?}; ids are made of A-Z a-z 0-9 . _ : / -")]
    Character(char),
}

macro_rules! interned {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl From<u32> for $name {
            fn from(raw: u32) -> Self {
                Self(raw)
            }
        }

        impl From<$name> for u32 {
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

/// The identity of one log. It changes only with a new or restored data directory, never with a restart, so a position
/// in one log can never be mistaken for a position in another. [`Identity`](crate::identity::Identity) keeps those that a
/// log had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// Crockford's base 32: no I, L, O or U, so that it survives being read out over a telephone.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The `digits` low base-32 digits of `bits`, most significant first.
pub(crate) fn crockford(bits: u64, digits: u32) -> String {
    (0..digits)
        .rev()
        .map(|digit| {
            let value = (bits >> (5 * digit)) & 31;
            char::from(*CROCKFORD.get(value as usize).expect("five bits are below 32"))
        })
        .collect()
}

impl Epoch {
    /// Five characters of the epoch. They stand in every reservation id, so that an id kept from a wiped or replaced
    /// data directory is unknown here instead of naming somebody else's reservation.
    pub fn tag(self) -> String {
        crockford(self.0, 5)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The latest time a cell can remember (2^42 ms, in the year 2109).
    pub const MAX: Self = Self((1 << 42) - 1);

    /// This time and `seconds` more, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)).min(Self::MAX.0))
    }

    /// So many milliseconds later.
    #[must_use]
    pub fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis).min(Self::MAX.0))
    }

    /// When something happened that was not told a time of its own: now, and after a count at `counted_at`, even in the
    /// same millisecond.
    #[must_use]
    pub fn after_count(self, counted_at: Self) -> Self {
        self.max(Self(counted_at.0 + 1))
    }

    /// Milliseconds from `earlier` to this time, 0 if it is not earlier.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_alphabet() {
        for good in ["A", "mx-014", "a.b_c:d/e-f", &"x".repeat(64)] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "caf\u{e9}", "a\nb", "a\0", "a,b", &"x".repeat(65)] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_sku_may_hold_inner_spaces_only() {
        assert!(Name::parse_sku("RED SHIRT M").is_ok());
        assert!(Name::parse_sku(" RED").is_err());
        assert!(Name::parse_sku("RED ").is_err());
    }
}
