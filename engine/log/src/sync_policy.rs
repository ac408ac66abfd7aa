//! When an append is durable.

/// When an append is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before it returns.
    Always,
    /// At the next [`Journal::sync`]. A crash in between loses acknowledged records.
    Interval,
}
