//! What the feed did, counted.

use std::sync::atomic::AtomicU64;

/// What the feed did, counted since the start; for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// Changes that somebody had to hear of.
    pub matched: AtomicU64,
    /// Values that were replaced by a later one before they were told.
    pub conflated: AtomicU64,
    /// Times that a reader fell behind by more than is kept for one.
    pub overruns: AtomicU64,
    /// Times that a subscriber was told to start over.
    pub resets: AtomicU64,
}
