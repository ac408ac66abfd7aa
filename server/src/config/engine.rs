//! The settings of the engine and of its log.

use anaquel_engine::journal::{LogOptions, SyncPolicy};
use anaquel_engine::settings::{CartSettings, ChannelLimits, FeedSettings, NameSettings, Settings};

use super::Config;
use super::journal::Sync;
use super::names::{Noted, Undeclared};

impl Config {
    /// The settings of the engine.
    pub fn engine_settings(&self) -> Settings {
        Settings {
            hold_seconds_max: self.reservations.hold_seconds_max,
            idempotency_retention_seconds: self.idempotency.retention_seconds,
            idempotency_bytes: self.idempotency.bytes(),
            closed_reservation_retention_seconds: self.reservations.closed_retention_seconds,
            closed_reservation_bytes: self.reservations.closed_bytes,
            recent_reservation_bytes: self.reservations.recent_bytes,
            reservation_changes_max: self.reservations.changes_max,
            lost_demand_seconds: self.reservations.lost_demand_seconds,
            pickup_code_required: self.reservations.pickup_code_required,
            log_retention_seconds: self.journal.retention_seconds,
            in_flight_max: self.limits.in_flight,
            reservation_group_cells_max: self.limits.reservation_group_cells,
            plan_looks_max: self.limits.plan_looks,
            plan_promises_max: self.limits.plan_promises,
            cell_waits_max: self.limits.cell_waits,
            checkpoint_bytes: self.journal.checkpoint_bytes,
            names: NameSettings {
                undeclared_channels_max: self.limits.undeclared_channels,
                undeclared_locations_max: self.limits.undeclared_locations,
                undeclared_skus_max: self.limits.undeclared_skus,
                accept_undeclared_channels: self.channels.undeclared == Undeclared::Accept,
                refuse_undeclared_skus: self.skus.undeclared == Noted::Refuse,
                refuse_undeclared_locations: self.locations.undeclared == Noted::Refuse,
            },
            clock_jump_seconds_max: self.clock.jump_seconds_max,
            old_log_bytes_per_second: self.journal.check_bytes_per_second,
            channel_limits: ChannelLimits { default: self.limits.channel_default, named: self.limits.channel.clone() },
            feed: FeedSettings {
                keys_max: self.stream.keys,
                caller_keys_max: self.stream.caller_keys,
                unknown_bytes_max: self.stream.unknown_bytes,
                subscription_keys_max: self.stream.subscription_keys,
                subscription_cells_max: self.stream.subscription_cells,
                snapshot_cells_max: self.stream.snapshot_cells,
                dirty_cells_max: self.stream.dirty_cells,
                lossless_changes_max: self.stream.lossless_changes,
            },
            carts: CartSettings {
                anonymous_seconds: self.carts.anonymous_seconds,
                open_max: self.carts.open_max,
                closed_seconds: self.carts.closed_seconds,
                closed_max: self.carts.closed_max,
            },
            orders: self.orders.settings(),
            sync_interval_ms: (self.journal.sync == Sync::Interval).then_some(self.journal.sync_interval_ms),
            ..Settings::default()
        }
    }

    /// The settings of the log.
    pub fn log_options(&self) -> LogOptions {
        LogOptions {
            sync: match self.journal.sync {
                Sync::Always => SyncPolicy::Always,
                Sync::Interval => SyncPolicy::Interval,
            },
            reserve_bytes: self.journal.reserve_bytes,
            store: self.journal.store.into(),
            ..LogOptions::default()
        }
    }
}
