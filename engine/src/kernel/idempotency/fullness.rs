//! The fill level of the table.

use super::callers::Share;

/// The most bytes of memory per kept key, all tables and the queue included.
pub const KEY_BYTES: u64 = 39;

/// The fraction of a caller's share that triggers a warning.
const WARNING: f64 = 0.8;

/// The fill level of the table, for metrics and warnings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fullness {
    /// Keys kept and in flight.
    pub keys: u64,
    /// The capacity in keys.
    pub most: u64,
    /// Callers with any keys.
    pub callers: u64,
    /// The share of the caller nearest to its limit.
    pub fullest: Share,
    /// Keys refused since the start because of a share.
    pub refused: u64,
}

impl Fullness {
    /// The most bytes that the keys use.
    pub fn bytes(&self) -> u64 {
        self.keys * KEY_BYTES
    }

    /// Whether a caller will soon be refused, or the whole table is nearly full.
    pub fn is_near(&self) -> bool {
        let near = |keys: u64, most: u64| keys as f64 >= WARNING * most as f64;
        near(self.fullest.keys, self.fullest.most) || near(self.keys, self.most)
    }
}
