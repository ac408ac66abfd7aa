//! What an operator may set. Each has a default that suits a retailer of ordinary size, and a unit in its name.

/// Bounds and retentions of the engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The longest that extensions may keep a hold alive, counted from its creation.
    pub hold_seconds_max: u64,
    /// How long a repeated request gets its first answer.
    pub idempotency_retention_seconds: u64,
    /// Keys kept at most; new keyed writes are refused beyond.
    pub idempotency_keys_max: usize,
    /// How long a closed reservation can be read. Never shorter than the retention of keys.
    pub closed_reservation_retention_seconds: u64,
    /// How long the log is kept; it is the window in which streams resume and events can be read.
    pub log_retention_seconds: u64,
    /// How long movements are kept for counts that come late.
    pub movement_retention_seconds: u64,
    /// Commands on their way to the log; more are refused as overload.
    pub in_flight_max: usize,
    /// Commands decided in one batch.
    pub batch_commands_max: usize,
    /// Bytes of log after which a new image is taken.
    pub checkpoint_bytes: u64,
    /// How far the clock may be ahead of the log at start before expiry is frozen: killing every hold because of a
    /// clock that jumped is worse than keeping dead ones for a while.
    pub clock_jump_seconds_max: u64,
    /// With an interval policy, the longest that an acknowledged write may wait for the disk.
    pub sync_interval_ms: Option<u64>,
    /// How often what was asked for and refused is noted in the log; 0 for never.
    pub lost_demand_seconds: u64,
    /// Cells that the lines of one promise may reach together: the locations of the group of each line that names one.
    pub reservation_group_cells_max: usize,
    /// Cells and kinds of promises that one decision looks at while it makes room.
    pub plan_looks_max: usize,
    /// Promises that one decision moves to make room.
    pub plan_promises_max: usize,
    /// Lines that wait for one cell: what comes to it may fill all of them at once.
    pub cell_waits_max: usize,
    /// Bounds of the feed.
    pub feed: FeedSettings,
}

/// Bounds of the feed.
#[derive(Debug, Clone)]
pub struct FeedSettings {
    /// Keys (SKU and place) that all subscriptions track together.
    pub keys_max: usize,
    /// Keys that one subscription tracks.
    pub subscription_keys_max: usize,
    /// Cells that one subscription's snapshot may have.
    pub subscription_cells_max: usize,
    /// Changed cells kept for a conflated subscriber that does not read, and told in one delta; beyond, it starts over.
    pub dirty_cells_max: usize,
    /// Changes kept for a lossless subscriber that does not read; beyond, it is cut off.
    pub lossless_changes_max: usize,
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self {
            keys_max: 10_000_000,
            subscription_keys_max: 20_000,
            subscription_cells_max: 100_000,
            dirty_cells_max: 16_384,
            lossless_changes_max: 16_384,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            hold_seconds_max: 31 * DAY,
            idempotency_retention_seconds: DAY,
            idempotency_keys_max: 5_000_000,
            closed_reservation_retention_seconds: 7 * DAY,
            lost_demand_seconds: 5,
            log_retention_seconds: 7 * DAY,
            movement_retention_seconds: 7 * DAY,
            in_flight_max: 65_536,
            batch_commands_max: 8_192,
            checkpoint_bytes: 256 << 20,
            clock_jump_seconds_max: DAY,
            sync_interval_ms: None,
            reservation_group_cells_max: 16_384,
            plan_looks_max: 131_072,
            plan_promises_max: 1_024,
            cell_waits_max: 100_000,
            feed: FeedSettings::default(),
        }
    }
}
