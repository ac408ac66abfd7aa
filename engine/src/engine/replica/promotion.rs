//! Who decides: a node stops, or a node that followed begins an era of its own.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::{RecvTimeoutError, bounded};

use super::following::Following;
use super::link::{Claim, Demoted, Promoted, Received, Stopping};
use crate::engine::directory::DataDirectory;
use crate::engine::handle::Engine;
use crate::engine::role::Role;
use crate::engine::threads::JournalThread;

/// How long whoever asks for a promotion waits until it is begun.
const BEGINS: Duration = Duration::from_secs(10);

impl Engine {
    /// What this node may do with its log.
    pub fn role(&self) -> Role {
        self.shared.role.get()
    }

    /// Makes a node that follows decide: everything that it was given counts, an era from `entropy` begins after it, and
    /// its directory remembers both before this returns. Blocks.
    ///
    /// # Errors
    /// It decides already, has more than it can write, or its directory cannot be written: then it goes on following, and
    /// does not decide later either.
    pub fn promote(&self, entropy: u64) -> Result<Promoted, String> {
        if self.shared.decides() {
            return Err("this node decides already".to_owned());
        }
        let link = &self.shared.link;
        if link.is_held_up.load(Ordering::Acquire) {
            let why =
                "this node cannot write what it was given; make room on its disk, or see its archive, and ask again";
            return Err(why.to_owned());
        }
        let (tx, rx) = bounded(1);
        let claim = Claim::default();
        link.send(Received::Promote(entropy, claim.clone(), tx)).map_err(|error| error.to_string())?;
        match rx.recv_timeout(BEGINS) {
            Ok(promoted) => promoted,
            Err(RecvTimeoutError::Disconnected) => Err("this node decides already, or ends".to_owned()),
            Err(RecvTimeoutError::Timeout) if claim.is_first() => {
                Err(format!("this node did not begin to decide within {} seconds; ask again", BEGINS.as_secs()))
            }
            // It is at it.
            Err(RecvTimeoutError::Timeout) => rx.recv().map_err(|_| "this node ends".to_owned())?,
        }
    }

    /// Stops deciding, for good in this history: takes no more commands, answers those in flight, and has its directory
    /// remember it before this returns. Blocks. A node that has stopped says again where.
    ///
    /// # Errors
    /// It follows another node, or its directory cannot be written: then it goes on deciding.
    pub fn demote(&self) -> Result<Demoted, String> {
        let shared = &*self.shared;
        let (tx, rx) = bounded(1);
        {
            let mut stopping = shared.link.stopping();
            match (shared.role.get(), &*stopping) {
                (Role::Demoted, _) => return Ok(Demoted { epoch: self.epoch(), seq: shared.state.view.seq() }),
                (Role::Replica, _) => return Err("this node follows another and decides nothing".to_owned()),
                (Role::Primary, Stopping::Asked(_)) => {
                    return Err("this node is stopping already; ask again".to_owned());
                }
                (Role::Primary, Stopping::Over) => return Err("this node ends".to_owned()),
                (Role::Primary, Stopping::Unasked) => {}
            }
            *stopping = Stopping::Asked(tx);
            shared.is_stopping.store(true, Ordering::SeqCst);
        }
        shared.intake.wake();
        rx.recv().map_err(|_| "this node ends".to_owned())?
    }
}

impl JournalThread {
    /// Begins an era after everything that was folded, on disk before anything is decided.
    pub(super) fn promote(&mut self, entropy: u64) -> Result<Promoted, String> {
        let shared = &self.shared;
        if shared.decides() {
            return Err("this node decides already".to_owned());
        }
        self.sequencer.sync();
        if let Some(error) = self.sequencer.failure() {
            return Err(error.to_string());
        }
        let after = shared.state.view.seq();
        let Some(directory) = &shared.directory else { return Err("the log is in memory".to_owned()) };
        let promoted = DataDirectory::again(directory).and_then(|mut again| again.is_promoted(after, entropy));
        let identity = promoted.map_err(|error| error.to_string())?;
        let epoch = identity.epoch();
        shared.identity.store(identity.into());
        self.feed.begin_era(&shared.identity.load());
        let jump_ms = shared.settings.clock_jump_seconds_max.saturating_mul(1000);
        let is_trusted = shared.clock.takes_over(shared.state.last_time(), jump_ms);
        shared.expiry_frozen.store(!is_trusted, Ordering::Relaxed);
        self.sequencer.set_sync(self.sync);
        shared.synced.store(after, Ordering::Release);
        shared.syncs_later.store(shared.settings.sync_interval_ms.is_some(), Ordering::Release);
        self.sequencer.take_over();
        // Before it decides: nothing that is still on its way from the former node is taken.
        shared.link.closes();
        self.following = Following::default();
        shared.role.set(Role::Primary);
        Ok(Promoted { epoch, after })
    }

    /// No command is in flight: has the directory remember that this node decides no more, and answers who asked for it.
    pub(in crate::engine) fn demote(&mut self) {
        let shared = &self.shared;
        self.sequencer.sync();
        let demoted = match (self.sequencer.failure(), &shared.directory) {
            (Some(error), _) => Err(error.to_string()),
            (None, None) => Err("the log is in memory".to_owned()),
            (None, Some(directory)) => DataDirectory::again(directory)
                .and_then(|mut again| again.set_role(Role::Demoted))
                .map_err(|error| error.to_string()),
        };
        let mut stopping = shared.link.stopping();
        if demoted.is_ok() {
            shared.clock.told(shared.clock.now());
            self.following = Following::of(&shared.link);
            shared.role.set(Role::Demoted);
        }
        // Whoever comes later is told by the role.
        shared.is_stopping.store(false, Ordering::SeqCst);
        if let Stopping::Asked(tell) = std::mem::take(&mut *stopping) {
            let (epoch, seq) = (shared.identity.load().epoch(), shared.state.view.seq());
            let _ = tell.send(demoted.map(|()| Demoted { epoch, seq }));
        }
    }
}
