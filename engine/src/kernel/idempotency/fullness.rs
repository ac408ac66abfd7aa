//! How full the table is.

use super::callers::Share;

/// Bytes of memory that a kept key costs at the most, all tables and lines included.
pub const KEY_BYTES: u64 = 39;

/// Of its share, what a caller may keep before that is worth a warning.
const WARNING: f64 = 0.8;

/// How full the table is; for metrics and warnings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fullness {
    /// Keys kept and in flight.
    pub keys: u64,
    /// Keys that there is room for.
    pub most: u64,
    /// Callers that have any.
    pub callers: u64,
    /// Of the caller that is nearest to the end of its share.
    pub fullest: Share,
    /// Keys that were refused since the start, for want of a share.
    pub refused: u64,
}

impl Fullness {
    /// Bytes that they cost at the most.
    pub fn bytes(&self) -> u64 {
        self.keys * KEY_BYTES
    }

    /// Whether some caller will soon be refused, or everybody's room is nearly gone.
    pub fn is_near(&self) -> bool {
        let near = |keys: u64, most: u64| keys as f64 >= WARNING * most as f64;
        near(self.fullest.keys, self.fullest.most) || near(self.keys, self.most)
    }
}
