//! `reservations` and `replenishment`: how reservations are kept, and the bounds of a replenishment run.

use anaquel_engine::settings::Settings;
use serde::{Deserialize, Serialize};

/// How reservations are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReservationsConfig {
    /// The longest total life of a hold with all its extensions.
    pub hold_seconds_max: u64,
    /// How long a closed reservation can be read, if the log still has its records (`journal.retention_seconds`).
    pub closed_retention_seconds: u64,
    /// Bytes of memory for closed reservations, divided among callers: at the limit, the oldest ones of the caller
    /// with most become `gone`.
    pub closed_bytes: u64,
    /// The part of these bytes for the latest closed reservations, which need no read from the log.
    pub recent_bytes: u64,
    /// Changes of one reservation; a further change is refused.
    pub changes_max: usize,
    /// The interval at which refused demand is recorded in the log for `/v1/what-if`; 0 for never.
    pub lost_demand_seconds: u64,
    /// Whether the handover of a pickup requires its code. If not, staff may hand over without a code.
    pub pickup_code_required: bool,
    /// Wrong codes for one reservation, from all callers together, before its code is blocked for an hour. 0 for no
    /// limit.
    pub pickup_code_tries: u32,
}

impl Default for ReservationsConfig {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            hold_seconds_max: settings.hold_seconds_max,
            closed_retention_seconds: settings.closed_reservation_retention_seconds,
            closed_bytes: settings.closed_reservation_bytes,
            recent_bytes: settings.recent_reservation_bytes,
            changes_max: settings.reservation_changes_max,
            lost_demand_seconds: settings.lost_demand_seconds,
            pickup_code_required: settings.pickup_code_required,
            pickup_code_tries: 10,
        }
    }
}

/// The bounds of a replenishment run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplenishmentConfig {
    /// Cells that one run may examine.
    pub cells: usize,
}

impl Default for ReplenishmentConfig {
    fn default() -> Self {
        Self { cells: 1_000_000 }
    }
}
