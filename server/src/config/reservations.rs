//! `reservations` and `replenishment`: how reservations are kept, and how much a run looks at.

use anaquel_engine::settings::Settings;
use serde::{Deserialize, Serialize};

/// How long promises live.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReservationsConfig {
    /// The longest that extensions may keep a hold alive.
    pub hold_seconds_max: u64,
    /// How long a closed reservation can be read, as long as the log has what made it (`journal.retention_seconds`).
    pub closed_retention_seconds: u64,
    /// Bytes of memory for closed reservations, shared out by caller: beyond, the oldest of whoever has most are `gone`.
    pub closed_bytes: u64,
    /// Bytes of them for the last few that were closed, of which nothing is read back from the log.
    pub recent_bytes: u64,
    /// Changes of one reservation; what would lengthen its history beyond is refused.
    pub changes_max: usize,
    /// How often what was asked for and refused is noted in the log, for `/v1/what-if`; 0 for never.
    pub lost_demand_seconds: u64,
    /// Whether a pickup is handed over only against its code; otherwise none at all is the staff's own judgement.
    pub pickup_code_required: bool,
    /// Wrong codes that may be tried on a reservation, by whomever; then its code is closed for an hour. 0 for any number.
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

/// What a run of replenishment may cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplenishmentConfig {
    /// Cells that one run may look at.
    pub cells: usize,
}

impl Default for ReplenishmentConfig {
    fn default() -> Self {
        Self { cells: 1_000_000 }
    }
}
