//! A SHA-256 hash.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A SHA-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    /// Upper-case hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
        let mut text = [0_u8; 64];
        for (two, byte) in text.chunks_exact_mut(2).zip(self.0) {
            let digits =
                [byte >> 4, byte & 15].map(|digit| DIGITS.get(usize::from(digit)).copied().unwrap_or_default());
            two.copy_from_slice(&digits);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_shown_in_capitals() {
        let mut hash = [0; 32];
        (hash[0], hash[31]) = (0x09, 0xab);
        assert_eq!(Digest(hash).to_string(), format!("09{}AB", "0".repeat(60)));
    }
}
