//! What an operator may set. Each has a default that suits a retailer of ordinary size, and a unit in its name.

use crate::reservations::{CHANGES_TOLD_MAX, Keeping};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Bounds and retentions of the engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The longest that extensions may keep a hold alive, counted from its creation.
    pub hold_seconds_max: u64,
    /// How long a repeated request gets its first answer.
    pub idempotency_retention_seconds: u64,
    /// Bytes of memory for keys at the most, [`KEY_BYTES`](crate::kernel::idempotency::KEY_BYTES) each, shared out by caller.
    pub idempotency_bytes: u64,
    /// How long a closed reservation can be read. Never shorter than the retention of keys.
    pub closed_reservation_retention_seconds: u64,
    /// Bytes that closed reservations may take in memory, shared out by caller; beyond, the oldest of whoever has most can
    /// be read no more.
    pub closed_reservation_bytes: u64,
    /// Bytes of them for the last few, which are kept whole.
    pub recent_reservation_bytes: u64,
    /// Changes of one reservation; what would lengthen its history beyond is refused. Confirming it, putting it aside and
    /// ending it always works.
    pub reservation_changes_max: usize,
    /// Whether a pickup is handed over only against its code.
    pub pickup_code_required: bool,
    /// How long the log is kept; it is the window in which streams resume and events can be read.
    pub log_retention_seconds: u64,
    /// How long movements are kept for counts that come late.
    pub movement_retention_seconds: u64,
    /// Commands on their way to the log; more are refused as overload.
    pub in_flight_max: usize,
    /// Commands decided in one batch.
    pub batch_commands_max: usize,
    /// Bytes of log after which a new checkpoint is taken.
    pub checkpoint_bytes: u64,
    /// How far the clock may be ahead of the log at start before it is not believed: killing every hold because of a
    /// clock that jumped is worse than keeping dead ones for a while.
    pub clock_jump_seconds_max: u64,
    /// How fast the log from before the checkpoint is checked while the engine serves.
    pub old_log_bytes_per_second: u64,
    /// With an interval policy, the longest that an acknowledged write may wait for the disk.
    pub sync_interval_ms: Option<u64>,
    /// How often what was asked for and refused is noted in the log; 0 for never.
    pub lost_demand_seconds: u64,
    /// Bounds of names that nobody declared.
    pub names: NameSettings,
    /// Cells that the lines of one promise may reach together: the locations of the group of each line that names one.
    pub reservation_group_cells_max: usize,
    /// Cells and kinds of promises that one decision looks at while it makes room.
    pub plan_looks_max: usize,
    /// Promises that one decision moves to make room.
    pub plan_promises_max: usize,
    /// Lines that wait for one cell: what comes to it may fill all of them at once.
    pub cell_waits_max: usize,
    /// What may be promised through channels.
    pub channel_limits: ChannelLimits,
    /// Bounds of the feed.
    pub feed: FeedSettings,
}

/// Bounds of made-up names: those that a promise, a movement, a count or a supply was the first to use, and that nobody
/// declared since. A caller who is known by a key has at most as many of a kind as are left for all others.
#[derive(Debug, Clone, Copy)]
pub struct NameSettings {
    /// Made-up channels.
    pub undeclared_channels_max: u32,
    /// Made-up locations.
    pub undeclared_locations_max: u32,
    /// Made-up SKUs.
    pub undeclared_skus_max: u32,
    /// Whether channels that nobody declared are accepted even once one is declared.
    pub accept_undeclared_channels: bool,
    /// Whether movements and counts of SKUs that nobody declared are refused, a till's sales included.
    pub refuse_undeclared_skus: bool,
    /// The same of locations.
    pub refuse_undeclared_locations: bool,
}

impl Default for NameSettings {
    fn default() -> Self {
        Self {
            undeclared_channels_max: 1_000,
            undeclared_locations_max: 10_000,
            undeclared_skus_max: 1_000_000,
            accept_undeclared_channels: false,
            refuse_undeclared_skus: false,
            refuse_undeclared_locations: false,
        }
    }
}

/// What one request, and all open reservations together, may have, for a channel or a caller. Nothing is bounded by what
/// is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromiseLimits {
    /// Units that a line may ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_units: Option<u64>,
    /// Units that all lines of a request may ask for together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_units: Option<u64>,
    /// Lines of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_lines: Option<u64>,
    /// Reservations that are held, neither confirmed nor over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_holds: Option<u64>,
    /// Reservations that are held, confirmed or ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_reservations: Option<u64>,
    /// Seconds that a hold may be asked for; those of a channel also bound what extensions may come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<u64>,
}

impl PromiseLimits {
    /// What holds where some of these limits are set and `others` stand in for the rest.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            line_units: self.line_units.or(others.line_units),
            request_units: self.request_units.or(others.request_units),
            request_lines: self.request_lines.or(others.request_lines),
            open_holds: self.open_holds.or(others.open_holds),
            open_reservations: self.open_reservations.or(others.open_reservations),
            hold_seconds: self.hold_seconds.or(others.hold_seconds),
        }
    }
}

/// Limits of channels.
#[derive(Debug, Clone, Default)]
pub struct ChannelLimits {
    /// Of those that have none of their own.
    pub default: PromiseLimits,
    /// By name; what is left out is the default's.
    pub named: BTreeMap<String, PromiseLimits>,
}

impl ChannelLimits {
    /// Those of a channel.
    pub fn of(&self, channel: &str) -> PromiseLimits {
        self.named.get(channel).map_or(self.default, |own| own.or(self.default))
    }

    /// Whether any channel is limited at all.
    pub fn is_empty(&self) -> bool {
        self.default == PromiseLimits::default() && self.named.is_empty()
    }
}

/// Bounds of the feed.
#[derive(Debug, Clone)]
pub struct FeedSettings {
    /// Keys (SKU and place) that all subscriptions track together.
    pub keys_max: usize,
    /// Keys that the subscriptions of one caller track together; 0 for as many as it leaves to others.
    pub caller_keys_max: usize,
    /// Bytes of names that nobody declared and that subscriptions wait for, each with some 100 bytes that it costs beside
    /// its text; a caller may have as many as it leaves to others.
    pub unknown_bytes_max: usize,
    /// Keys that one subscription tracks.
    pub subscription_keys_max: usize,
    /// Cells that one subscription's snapshot may have.
    pub subscription_cells_max: usize,
    /// Cells of all snapshots that are on their way out, some 56 bytes each; the next waits until there is room.
    pub snapshot_cells_max: usize,
    /// Changed cells kept for a conflated subscriber that does not read, and told in one delta; beyond, it starts over.
    pub dirty_cells_max: usize,
    /// Changes kept for a lossless subscriber that does not read; beyond, it is cut off.
    pub lossless_changes_max: usize,
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self {
            keys_max: 10_000_000,
            caller_keys_max: 0,
            unknown_bytes_max: 32 << 20,
            subscription_keys_max: 20_000,
            subscription_cells_max: 100_000,
            snapshot_cells_max: 4_000_000,
            dirty_cells_max: 16_384,
            lossless_changes_max: 16_384,
        }
    }
}

impl Settings {
    /// How long the log is kept: at least twice as long as keys, so that a reservation that was open for no longer than
    /// keys are kept is told from it for as long as its keys are.
    pub fn log_kept_seconds(&self) -> u64 {
        self.log_retention_seconds.max(self.idempotency_retention_seconds.saturating_mul(2))
    }

    /// How much memory closed reservations may take.
    pub fn keeping(&self) -> Keeping {
        let whole_after_seconds = self.log_kept_seconds().saturating_sub(self.idempotency_retention_seconds);
        Keeping {
            closed_bytes: self.closed_reservation_bytes,
            recent_bytes: self.recent_reservation_bytes.min(self.closed_reservation_bytes),
            whole_after_ms: whole_after_seconds.saturating_mul(1000),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            hold_seconds_max: 31 * DAY,
            idempotency_retention_seconds: DAY,
            idempotency_bytes: 1 << 30,
            closed_reservation_retention_seconds: 7 * DAY,
            closed_reservation_bytes: 512 << 20,
            recent_reservation_bytes: 16 << 20,
            reservation_changes_max: CHANGES_TOLD_MAX,
            pickup_code_required: false,
            lost_demand_seconds: 5,
            log_retention_seconds: 7 * DAY,
            movement_retention_seconds: 7 * DAY,
            in_flight_max: 65_536,
            batch_commands_max: 8_192,
            checkpoint_bytes: 256 << 20,
            clock_jump_seconds_max: 60 * 60,
            old_log_bytes_per_second: 32 << 20,
            sync_interval_ms: None,
            names: NameSettings::default(),
            reservation_group_cells_max: 16_384,
            plan_looks_max: 131_072,
            plan_promises_max: 1_024,
            cell_waits_max: 100_000,
            channel_limits: ChannelLimits::default(),
            feed: FeedSettings::default(),
        }
    }
}

/// What one decision may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Cells and kinds of promises looked at.
    pub looks: usize,
    /// Promises moved.
    pub promises: usize,
}
