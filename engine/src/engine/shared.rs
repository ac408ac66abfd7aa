//! The state that the handle and the threads of one engine share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam::channel::Sender;

use super::archive::Archive;
use super::intake::Intake;
use super::old_log::OldLogCheck;
use super::replica::Link;
use super::role::{Role, RoleNow};
use crate::command::Queued;
use crate::engine::checkpoint;
use crate::engine::counters::Counters;
use crate::engine::identity::Identity;
use crate::engine::watch::Watch;
use crate::ids::{ChannelId, Seq};
use crate::journal::JournalReader;
use crate::kernel::clock::PacedClock;
use crate::refusal::Failure;
use crate::settings::Settings;
use crate::state::DurableState;

/// The longest sleep of the journal thread when nothing is due: the maximum delay if it is not woken.
pub(super) const IDLE_MS: u64 = 50;

/// Whether the engine accepts writes, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It accepts writes.
    Ready,
    /// No space to write; writes continue when there is some again.
    Full(String),
    /// The journal failed; a restart recovers.
    Failed(String),
    /// The engine is closing.
    Closing,
    /// It follows another node, which decides.
    Follows,
    /// It was told to stop, so that another node may take over.
    Demoted,
}

pub(super) struct Shared {
    pub(super) state: Arc<DurableState>,
    /// Replaced when this node, or the one that it follows, begins an era.
    pub(super) identity: ArcSwap<Identity>,
    pub(super) role: RoleNow,
    /// This node was asked to stop deciding: it admits nothing more.
    pub(super) is_stopping: AtomicBool,
    /// What this node and the one that it follows tell each other.
    pub(super) link: Link,
    pub(super) settings: Settings,
    pub(super) reader: Arc<dyn JournalReader>,
    pub(super) clock: PacedClock,
    pub(super) intake: Intake<Queued>,
    pub(super) failure: OnceLock<String>,
    pub(super) full: Mutex<Option<String>>,
    pub(super) expiry_frozen: AtomicBool,
    pub(super) trim_before: AtomicU64,
    /// The first record that files for copies need; 0 if it was reported already.
    pub(super) recent_from: AtomicU64,
    /// The data directory; `None` in memory.
    pub(super) directory: Option<PathBuf>,
    /// Records that running backups still have to read.
    pub(super) wanted: Mutex<BTreeMap<u64, Seq>>,
    /// Channels that the checkpoint thread found unused, and at which `seq`.
    pub(super) unused: Mutex<Option<(Seq, Vec<ChannelId>)>>,
    pub(super) has_unused: AtomicBool,
    pub(super) old_log: OldLogCheck,
    /// Bytes of the file system that checkpoints leave free.
    pub(super) reserve_bytes: u64,
    /// Bytes of the newest checkpoint; 0 if there is none.
    pub(super) checkpoint_length: AtomicU64,
    /// Whether an append is on disk later than it is visible: by an interval policy, or because this node follows another.
    pub(super) syncs_later: AtomicBool,
    /// Then: the durable end of the log, and whether a thread waits for a sync.
    pub(super) synced: AtomicU64,
    pub(super) sync_wanted: AtomicBool,
    /// The archive; `None` in memory.
    pub(super) archive: Option<Archive>,
    pub(super) counters: Arc<Counters>,
    pub(super) watch: Arc<Watch>,
}

/// A request for a checkpoint, with an optional completion.
pub(super) struct CheckpointRequest(pub(super) Option<Sender<Result<checkpoint::Summary, String>>>);

impl Shared {
    pub(super) fn lock_full(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this node decides.
    pub(super) fn decides(&self) -> bool {
        self.role.get().decides()
    }

    /// Why no command is taken now, if so.
    pub(super) fn refuses(&self) -> Option<Failure> {
        if let Some(reason) = self.failure.get() {
            return Some(Failure::ReadOnly(reason.clone()));
        }
        match self.role.get() {
            Role::Primary if self.is_stopping.load(Ordering::SeqCst) => Some(Failure::Demoted),
            Role::Primary => None,
            Role::Replica => Some(Failure::Follows),
            Role::Demoted => Some(Failure::Demoted),
        }
    }

    /// Whether the log is durable up to `seq`; if appends are synced later, waits for a sync if necessary.
    pub(super) fn sync_up_to(&self, seq: Seq) -> bool {
        if !self.syncs_later.load(Ordering::Acquire) {
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
