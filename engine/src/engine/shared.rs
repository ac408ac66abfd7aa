//! What the handle and the threads of one engine share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crossbeam::channel::Sender;

use super::intake::Intake;
use super::old_log::OldLogCheck;
use crate::command::Queued;
use crate::engine::checkpoint;
use crate::engine::counters::Counters;
use crate::engine::identity::Identity;
use crate::engine::watch::Watch;
use crate::ids::{ChannelId, Seq};
use crate::journal::JournalReader;
use crate::kernel::clock::PacedClock;
use crate::settings::Settings;
use crate::state::DurableState;

/// The longest that the journal thread sleeps when nothing is due: how late it may notice what nobody woke it for.
pub(super) const IDLE_MS: u64 = 50;

/// Whether the engine takes writes, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ready,
    /// There is no room to write; it passes when there is some again.
    Full(String),
    /// The journal failed; a restart recovers.
    Failed(String),
    /// The engine is closing.
    Closing,
}

pub(super) struct Shared {
    pub(super) state: Arc<DurableState>,
    pub(super) identity: Identity,
    pub(super) settings: Settings,
    pub(super) reader: Arc<dyn JournalReader>,
    pub(super) clock: PacedClock,
    pub(super) intake: Intake<Queued>,
    pub(super) failure: OnceLock<String>,
    pub(super) full: Mutex<Option<String>>,
    pub(super) expiry_frozen: AtomicBool,
    pub(super) trim_before: AtomicU64,
    /// From which record on copies need the log; 0 where that was told.
    pub(super) recent_from: AtomicU64,
    /// Where the data directory is; none in memory.
    pub(super) directory: Option<PathBuf>,
    /// Records that backups under way have yet to read.
    pub(super) wanted: Mutex<BTreeMap<u64, Seq>>,
    /// Channels that nothing uses, as the checkpoint thread found them, and the `seq` at which it did.
    pub(super) unused: Mutex<Option<(Seq, Vec<ChannelId>)>>,
    pub(super) has_unused: AtomicBool,
    pub(super) old_log: OldLogCheck,
    /// Bytes of the file system that checkpoints leave free.
    pub(super) reserve_bytes: u64,
    /// With an interval policy: up to where the log is durable, and whether somebody waits for it to be.
    pub(super) synced: AtomicU64,
    pub(super) sync_wanted: AtomicBool,
    pub(super) counters: Arc<Counters>,
    pub(super) watch: Arc<Watch>,
}

/// Somebody wants a checkpoint, and may want to know when it is there.
pub(super) struct CheckpointRequest(pub(super) Option<Sender<Result<checkpoint::Summary, String>>>);

impl Shared {
    pub(super) fn lock_full(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the log is durable up to `seq`; where an interval policy left something behind, waits for the sync.
    pub(super) fn sync_up_to(&self, seq: Seq) -> bool {
        if self.settings.sync_interval_ms.is_none() {
            return true;
        }
        while self.synced.load(Ordering::Acquire) < seq {
            if self.failure.get().is_some() {
                return false;
            }
            self.sync_wanted.store(true, Ordering::Relaxed);
            self.intake.wake();
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }
}
