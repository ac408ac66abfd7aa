//! `clock`, `journal` and `idempotency`: the limits of clock jumps, and how the log and the idempotency keys are
//! kept.

use anaquel_engine::idempotency::KEY_BYTES;
use anaquel_engine::journal::{LogOptions, StoreKind};
use anaquel_engine::settings::Settings;
use serde::{Deserialize, Serialize};

/// The limits of clock jumps.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockConfig {
    /// How far the clock may be ahead of the log at a start. If it is further ahead, time continues from the log
    /// until an operator confirms the clock.
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
    /// Where a new log is kept. `sled`: in sled's tree. `file`: in files that only grow, which takes less CPU and
    /// less disk a write. A log that exists stays in its store.
    pub store: Store,
    /// `always`: a write is on disk before it is acknowledged. `interval`: a write is on disk within
    /// `sync_interval_ms`, and a crash of the process or of the machine loses the acknowledged writes since then.
    pub sync: Sync,
    /// The interval for `interval`.
    pub sync_interval_ms: u64,
    /// How long events can be read and streams can resume.
    pub retention_seconds: u64,
    /// Bytes of log between two checkpoints, or as many as a checkpoint has, if those are more, for a day at most. Existing
    /// settings files use this name.
    #[serde(rename = "image_bytes")]
    pub checkpoint_bytes: u64,
    /// Bytes of the file system that the server leaves free.
    pub reserve_bytes: u64,
    /// Bytes per second of old log (before the checkpoint) that the server verifies in the background.
    pub check_bytes_per_second: u64,
    /// A cycle of the journal thread (a command or an append) that takes longer is logged and counted.
    pub slow_turn_ms: u64,
    /// While a cycle takes longer, `/readyz` answers 503.
    pub stuck_turn_ms: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            store: Store::Sled,
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

/// Where a new log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    /// In sled's tree.
    Sled,
    /// In files that only grow.
    File,
}

impl From<Store> for StoreKind {
    fn from(store: Store) -> Self {
        match store {
            Store::Sled => Self::Sled,
            Store::File => Self::File,
        }
    }
}

/// When an acknowledged write is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// Before the write is answered.
    Always,
    /// Within the interval; a crash loses the writes answered since the last sync.
    Interval,
}

/// How repeats are recognised.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdempotencyConfig {
    /// Whether every write must have a key.
    pub required: bool,
    /// How long a key is kept, in seconds; at least 86,400.
    pub retention_seconds: u64,
    /// The most bytes of memory for keys, at 39 bytes each. A caller may keep four times as many keys as fit in the
    /// room left by all keys: a single caller gets at most four fifths.
    pub bytes: u64,
    /// The most keys; earlier versions had this setting instead of `bytes`. If both are set, the smaller limit
    /// applies.
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
    /// The memory limit for keys in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.keys_max.map_or(self.bytes, |keys| keys.saturating_mul(KEY_BYTES).min(self.bytes))
    }
}
