//! Counters of the feed.

use std::sync::atomic::AtomicU64;

/// Counters of the feed since the start, for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// Changes that matched at least one subscription.
    pub matched: AtomicU64,
    /// Values that a later value replaced before they were sent.
    pub conflated: AtomicU64,
    /// Subscriptions that fell too far behind.
    pub overruns: AtomicU64,
    /// Subscriptions that had to start over.
    pub resets: AtomicU64,
}
