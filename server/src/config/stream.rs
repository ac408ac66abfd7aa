//! `stream`: limits of live stock.

use anaquel_engine::settings::FeedSettings;
use serde::{Deserialize, Serialize};

/// Live streams. What one subscription that does not read costs is at most `dirty_cells` times some 300 bytes, or
/// `lossless_changes` times some 200.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    /// Streams open at a time.
    pub sockets: usize,
    /// Streams that one caller has open at a time; 0 for up to four times as many as it leaves to others.
    pub caller_sockets: usize,
    /// Subscriptions of one stream.
    pub subscriptions: usize,
    /// Keys (SKU and place) that all subscriptions track together.
    pub keys: usize,
    /// Keys that the subscriptions of one caller track together; 0 for as many as it leaves to others.
    pub caller_keys: usize,
    /// Bytes of names that nobody declared and that subscriptions wait for; a caller may have as many as it leaves to
    /// others.
    pub unknown_bytes: usize,
    /// Keys that one subscription tracks.
    pub subscription_keys: usize,
    /// Cells in the snapshot of one subscription.
    pub subscription_cells: usize,
    /// Cells of all snapshots that are on their way out together; the next waits until there is room.
    pub snapshot_cells: usize,
    /// Changed cells kept for a conflated subscription that does not read; beyond, it starts over.
    pub dirty_cells: usize,
    /// Changes kept for a lossless subscription that does not read; beyond, its stream is closed.
    pub lossless_changes: usize,
    /// The largest message from a client.
    pub message_bytes: usize,
    /// A stream is told this often up to where everything was told.
    pub heartbeat_seconds: u64,
    /// A socket from which nothing came for so long, or that reads nothing, is closed.
    pub idle_seconds: u64,
    /// How long the first message of a socket may take to come.
    pub hello_seconds: u64,
}

impl Default for StreamConfig {
    fn default() -> Self {
        let feed = FeedSettings::default();
        Self {
            sockets: 20_000,
            caller_sockets: 0,
            subscriptions: 64,
            keys: feed.keys_max,
            caller_keys: feed.caller_keys_max,
            unknown_bytes: feed.unknown_bytes_max,
            subscription_keys: feed.subscription_keys_max,
            subscription_cells: feed.subscription_cells_max,
            snapshot_cells: feed.snapshot_cells_max,
            dirty_cells: feed.dirty_cells_max,
            lossless_changes: feed.lossless_changes_max,
            message_bytes: 1 << 20,
            heartbeat_seconds: 5,
            idle_seconds: 120,
            hello_seconds: 30,
        }
    }
}
