//! The settings of the engine. Each has a default that fits an ordinary retailer, and a unit in its name.

use crate::reservations::{CHANGES_TOLD_MAX, Keeping};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Limits and retentions of the engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The maximum age that extensions can give a hold, counted from its creation.
    pub hold_seconds_max: u64,
    /// How long a repeat gets the first answer.
    pub idempotency_retention_seconds: u64,
    /// The maximum memory of idempotency keys, [`KEY_BYTES`](crate::kernel::idempotency::KEY_BYTES) each, shared by
    /// callers.
    pub idempotency_bytes: u64,
    /// How long a closed reservation is readable. Never shorter than the retention of keys.
    pub closed_reservation_retention_seconds: u64,
    /// The maximum memory of closed reservations, shared by callers; beyond it, the oldest of the caller with most are
    /// dropped.
    pub closed_reservation_bytes: u64,
    /// Bytes of these for the last few, which stay complete.
    pub recent_reservation_bytes: u64,
    /// The maximum number of changes of one reservation. Confirming it, making it ready and closing it always works.
    pub reservation_changes_max: usize,
    /// Whether a pickup requires its code.
    pub pickup_code_required: bool,
    /// How long the log is kept: streams can resume and events are readable within this time.
    pub log_retention_seconds: u64,
    /// How long movements are kept for late counts.
    pub movement_retention_seconds: u64,
    /// The maximum number of commands in flight; more are refused as overload.
    pub in_flight_max: usize,
    /// The maximum number of commands in one batch.
    pub batch_commands_max: usize,
    /// Bytes of log after which the next checkpoint is taken; after as many as the newest has, if those are more and
    /// it is not a day old.
    pub checkpoint_bytes: u64,
    /// How far the clock may be ahead of the log at a start before it is not trusted: expiring every hold because the
    /// clock jumped is worse than keeping expired ones for a while.
    pub clock_jump_seconds_max: u64,
    /// How fast the log before the checkpoint is checked while the engine serves.
    pub old_log_bytes_per_second: u64,
    /// With an interval policy, the maximum delay of the sync of an acknowledged write.
    pub sync_interval_ms: Option<u64>,
    /// The interval at which refused demand is logged; 0 for never.
    pub lost_demand_seconds: u64,
    /// Limits of undeclared names.
    pub names: NameSettings,
    /// The maximum number of cells that the lines of one promise reach: the locations of the groups of all lines.
    pub reservation_group_cells_max: usize,
    /// Cells and kinds of promises that one decision examines to make room.
    pub plan_looks_max: usize,
    /// Promises that one decision moves to make room.
    pub plan_promises_max: usize,
    /// The maximum number of backorders of one cell: an arrival may fill all of them at once.
    pub cell_waits_max: usize,
    /// Limits of channels.
    pub channel_limits: ChannelLimits,
    /// Limits of carts.
    pub carts: CartSettings,
    /// How orders are kept.
    pub orders: OrderSettings,
    /// Limits of the feed.
    pub feed: FeedSettings,
}

/// Limits of undeclared names: names that a promise, a movement, a count or a supply created, and that were not
/// declared since. A caller with a key may have at most as many of a kind as are left for all others.
#[derive(Debug, Clone, Copy)]
pub struct NameSettings {
    /// Undeclared channels.
    pub undeclared_channels_max: u32,
    /// Undeclared locations.
    pub undeclared_locations_max: u32,
    /// Undeclared SKUs.
    pub undeclared_skus_max: u32,
    /// Whether undeclared channels are accepted even if some channel is declared.
    pub accept_undeclared_channels: bool,
    /// Whether movements and counts of undeclared SKUs are refused, a till's sales included.
    pub refuse_undeclared_skus: bool,
    /// The same for locations.
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

/// Limits of one request, and of all open reservations, for a channel or a caller. A limit that is left out does not
/// apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromiseLimits {
    /// Units of a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_units: Option<u64>,
    /// Units of all lines of a request together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_units: Option<u64>,
    /// Lines of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_lines: Option<u64>,
    /// Reservations in the state held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_holds: Option<u64>,
    /// Reservations that are held, confirmed or ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_reservations: Option<u64>,
    /// The maximum time to live of a hold, in seconds; a channel's limit also bounds extensions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<u64>,
}

impl PromiseLimits {
    /// These limits, completed by `others`.
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
    /// Limits of channels without their own.
    pub default: PromiseLimits,
    /// By name; a limit that is left out is the default's.
    pub named: BTreeMap<String, PromiseLimits>,
}

impl ChannelLimits {
    /// The limits of a channel.
    pub fn of(&self, channel: &str) -> PromiseLimits {
        self.named.get(channel).map_or(self.default, |own| own.or(self.default))
    }

    /// Whether any channel has limits.
    pub fn is_empty(&self) -> bool {
        self.default == PromiseLimits::default() && self.named.is_empty()
    }
}

/// Limits of carts.
#[derive(Debug, Clone, Copy)]
pub struct CartSettings {
    /// How long a cart without a customer lives after its last change, at most.
    pub anonymous_seconds: u64,
    /// The maximum number of open carts; beyond it, the one longest untouched that holds nothing expires.
    pub open_max: u64,
    /// How long a cart is readable that is no longer open.
    pub closed_seconds: u64,
    /// The maximum number of carts that are no longer open; beyond it, the oldest are forgotten.
    pub closed_max: usize,
}

impl Default for CartSettings {
    fn default() -> Self {
        Self {
            anonymous_seconds: 7 * 24 * 60 * 60,
            open_max: 5_000_000,
            closed_seconds: 7 * 24 * 60 * 60,
            closed_max: 1_000_000,
        }
    }
}

/// How orders are kept.
#[derive(Debug, Clone, Copy)]
pub struct OrderSettings {
    /// How long an order stays in memory after its last change, once it has ended; and a receipt without an order after
    /// it was issued. Then the archive has it.
    pub memory_seconds: u64,
    /// Bytes after which the archive begins another file.
    pub archive_file_bytes: u64,
    /// Whether a thread archives what is due; otherwise only [`Engine::archive_now`](crate::Engine::archive_now) does.
    pub archives_by_itself: bool,
}

impl Default for OrderSettings {
    fn default() -> Self {
        Self { memory_seconds: 90 * 24 * 60 * 60, archive_file_bytes: 256 << 20, archives_by_itself: true }
    }
}

/// Limits of the feed.
#[derive(Debug, Clone)]
pub struct FeedSettings {
    /// Keys (SKU and location) that all subscriptions track together.
    pub keys_max: usize,
    /// Keys that the subscriptions of one caller track together; 0 for as many as it leaves to others.
    pub caller_keys_max: usize,
    /// Bytes of undeclared names in subscriptions, each with about 100 bytes beside its text; a caller may have as many
    /// as it leaves to others.
    pub unknown_bytes_max: usize,
    /// Keys that one subscription tracks.
    pub subscription_keys_max: usize,
    /// Cells in the snapshot of one subscription.
    pub subscription_cells_max: usize,
    /// Cells of all snapshots that are being sent, about 56 bytes each; the next waits until there is room.
    pub snapshot_cells_max: usize,
    /// Changed cells that are kept for a conflated subscriber that does not read, and sent in one delta; beyond it, it
    /// starts over.
    pub dirty_cells_max: usize,
    /// Changes that are kept for a lossless subscriber that does not read; beyond it, its stream is closed.
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
    /// How long the log is kept: at least twice as long as keys, so that a reservation that was open for at most the
    /// retention of keys stays readable for as long as its keys.
    pub fn log_kept_seconds(&self) -> u64 {
        self.log_retention_seconds.max(self.idempotency_retention_seconds.saturating_mul(2))
    }

    /// The maximum memory of closed reservations.
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
            carts: CartSettings::default(),
            orders: OrderSettings::default(),
            feed: FeedSettings::default(),
        }
    }
}

/// The maximum cost of one decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Cells and kinds of promises examined.
    pub looks: usize,
    /// Promises moved.
    pub promises: usize,
}
