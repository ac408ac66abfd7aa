//! `stream`: limits of live stock.

use anaquel_engine::settings::FeedSettings;
use serde::{Deserialize, Serialize};

/// Live streams. A subscription that does not read costs at most `dirty_cells` times about 300 bytes, or
/// `lossless_changes` times about 200.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    /// Concurrent streams.
    pub sockets: usize,
    /// Concurrent streams of one caller; 0 for up to four times as many as the caller leaves to others.
    pub caller_sockets: usize,
    /// Subscriptions of one stream.
    pub subscriptions: usize,
    /// Keys (SKU and place) that all subscriptions together track.
    pub keys: usize,
    /// Keys that the subscriptions of one caller together track; 0 for as many as the caller leaves to others.
    pub caller_keys: usize,
    /// Bytes of undeclared names that subscriptions wait for; a caller may have as many as it leaves to others.
    pub unknown_bytes: usize,
    /// Keys that one subscription tracks.
    pub subscription_keys: usize,
    /// Cells in the snapshot of one subscription.
    pub subscription_cells: usize,
    /// Cells of all unsent snapshots; the next snapshot waits until there is room.
    pub snapshot_cells: usize,
    /// Changed cells kept for a conflated subscription that does not read; beyond, the subscription starts over with
    /// a snapshot.
    pub dirty_cells: usize,
    /// Changes kept for a lossless subscription that does not read; beyond, its stream is closed.
    pub lossless_changes: usize,
    /// The largest client message, in bytes.
    pub message_bytes: usize,
    /// The interval of heartbeats, which state up to which record the messages are complete.
    pub heartbeat_seconds: u64,
    /// A socket that sends or reads nothing for this time is closed.
    pub idle_seconds: u64,
    /// How long the first message of a socket may take to arrive.
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
