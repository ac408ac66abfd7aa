//! `clock`, `journal` and `idempotency`: how far the clock is believed, and how the log and the keys are kept.

use anaquel_engine::idempotency::KEY_BYTES;
use anaquel_engine::journal::LogOptions;
use anaquel_engine::settings::Settings;
use serde::{Deserialize, Serialize};

/// What is believed of the clock.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockConfig {
    /// How far the clock may be ahead of the log at a start; beyond, time goes on from the log until an operator says that
    /// the clock is right.
    pub jump_seconds_max: u64,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self { jump_seconds_max: Settings::default().clock_jump_seconds_max }
    }
}

/// How the log is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// `always`: a write is on disk before it is acknowledged. `interval`: it is on disk within `sync_interval_ms`, and
    /// a crash of the process or of the machine loses what was acknowledged since.
    pub sync: Sync,
    /// With `interval` only.
    pub sync_interval_ms: u64,
    /// How long events can be read and streams resumed.
    pub retention_seconds: u64,
    /// Bytes of log after which a new checkpoint is taken. The setting keeps the name that files of operators have.
    #[serde(rename = "image_bytes")]
    pub checkpoint_bytes: u64,
    /// Bytes of the file system that stay free.
    pub reserve_bytes: u64,
    /// Bytes a second of log from before the checkpoint that are checked while the server runs.
    pub check_bytes_per_second: u64,
    /// A turn of the journal thread (a command, or an append) that takes longer is logged and counted.
    pub slow_turn_ms: u64,
    /// While a turn takes longer, `/readyz` answers 503.
    pub stuck_turn_ms: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            sync: Sync::Always,
            sync_interval_ms: 100,
            retention_seconds: settings.log_retention_seconds,
            checkpoint_bytes: settings.checkpoint_bytes,
            reserve_bytes: LogOptions::default().reserve_bytes,
            check_bytes_per_second: settings.old_log_bytes_per_second,
            slow_turn_ms: 1_000,
            stuck_turn_ms: 10_000,
        }
    }
}

/// When an acknowledged write is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// Before a write is answered.
    Always,
    /// After a while; a crash loses what was answered since.
    Interval,
}

/// How repeats are told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdempotencyConfig {
    /// Whether every write must have a key.
    pub required: bool,
    /// How long a key is kept; at least 86,400.
    pub retention_seconds: u64,
    /// Bytes of memory for keys at the most, 39 each. A caller may keep four times as many as there is room for beside
    /// all that is kept: alone, four fifths of it.
    pub bytes: u64,
    /// Keys kept at most; what earlier versions had instead of `bytes`. Where it is set, the smaller counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys_max: Option<u64>,
}

impl Default for IdempotencyConfig {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            required: false,
            retention_seconds: settings.idempotency_retention_seconds,
            bytes: settings.idempotency_bytes,
            keys_max: None,
        }
    }
}

impl IdempotencyConfig {
    /// Bytes for keys.
    pub(super) fn bytes(&self) -> u64 {
        self.keys_max.map_or(self.bytes, |keys| keys.saturating_mul(KEY_BYTES).min(self.bytes))
    }
}
