//! What a node is given by the one that it follows.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::promotion::{Demoted, Promoted};
use crate::engine::handle::Engine;
use crate::ids::Timestamp;
use crate::journal::{Head, SealError, Sealed};

/// Messages that wait for the journal thread: a node that is given more than it can write slows its giver down.
const INBOX: usize = 16;

/// Why a node cannot go on following.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// What it was given is not the next part of its log.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It has records that the node that it follows does not have, or another history.
    #[error("{0}")]
    Forked(String),
    /// A record is of a kind that this build does not know, or unreadable.
    #[error("{0}; upgrade this node")]
    Unreadable(String),
    /// Its own log or archive cannot be written.
    #[error("{0}")]
    Local(String),
    /// It does not follow anybody, or it ends.
    #[error("this node does not follow another")]
    Ends,
}

/// A message to the journal thread of a node that does not decide.
pub(in crate::engine) enum Received {
    /// Batches, in order.
    Batches(Vec<Sealed>),
    /// A new connection: all earlier messages are worked off, and the chain begins at the end of this node's log.
    Begin(Sender<Result<Head, FollowError>>),
    /// The eras of the node that is followed, as the text of its identity.
    Identity(String, Sender<Result<(), FollowError>>),
    /// This node is to decide.
    Promote(u64, Sender<Result<Promoted, String>>),
}

/// Between the handle and the journal thread.
pub(in crate::engine) struct Link {
    inbox: Sender<Received>,
    pub received: Receiver<Received>,
    trouble: Mutex<Option<FollowError>>,
    /// Who asked this node to stop deciding, and waits.
    stopping: Mutex<Option<Sender<Result<Demoted, String>>>>,
}

impl Link {
    pub fn new() -> Self {
        let (inbox, received) = bounded(INBOX);
        Self { inbox, received, trouble: Mutex::default(), stopping: Mutex::default() }
    }

    pub fn trouble(&self) -> MutexGuard<'_, Option<FollowError>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stopping(&self) -> MutexGuard<'_, Option<Sender<Result<Demoted, String>>>> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, received: Received) -> Result<(), FollowError> {
        self.inbox.send(received).map_err(|_| FollowError::Ends)
    }

    fn ask<T>(&self, question: impl FnOnce(Sender<T>) -> Received) -> Result<T, FollowError> {
        let (tx, rx) = bounded(1);
        self.send(question(tx))?;
        rx.recv().map_err(|_| FollowError::Ends)
    }
}

impl Engine {
    /// Begins, or begins anew, to follow: returns the end of this node's log, once everything that it was given before is
    /// worked off. What is given next must continue this head. Blocks.
    ///
    /// # Errors
    /// This node decides, or cannot write.
    pub fn begin_following(&self) -> Result<Head, FollowError> {
        self.follows()?;
        self.shared.link.ask(Received::Begin)?
    }

    /// Gives the next batches of the log that is followed. Blocks while earlier ones wait.
    ///
    /// # Errors
    /// Why an earlier batch was not taken; [`Engine::begin_following`] begins anew.
    pub fn follow(&self, batches: Vec<Sealed>) -> Result<(), FollowError> {
        self.follows()?;
        if let Some(trouble) = self.follow_trouble() {
            return Err(trouble);
        }
        self.shared.link.send(Received::Batches(batches))
    }

    /// Takes over the eras of the node that is followed: those that it began are known here before the first record of
    /// theirs. Blocks.
    ///
    /// # Errors
    /// Its history is another one.
    pub fn follow_identity(&self, identity: String) -> Result<(), FollowError> {
        self.follows()?;
        self.shared.link.ask(|tell| Received::Identity(identity, tell))?
    }

    /// The node that is followed says what time it is in its log.
    pub fn follow_time(&self, time: Timestamp) {
        if !self.shared.decides() {
            self.shared.clock.told(time);
        }
    }

    /// Why the last batch was not taken, if so.
    pub fn follow_trouble(&self) -> Option<FollowError> {
        self.shared.link.trouble().clone()
    }

    fn follows(&self) -> Result<(), FollowError> {
        match (self.shared.decides(), self.shared.failure.get()) {
            (true, _) => Err(FollowError::Ends),
            (false, Some(failure)) => Err(FollowError::Local(failure.clone())),
            (false, None) => Ok(()),
        }
    }
}
