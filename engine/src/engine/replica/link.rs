//! What the handle and the journal thread of a node that follows tell each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam::channel::{Sender, bounded};

use crate::ids::{Epoch, Seq};
use crate::journal::{Head, SealError, Sealed};

/// Messages that wait for the journal thread: a node that is given more than it can write slows its giver down.
const INBOX: usize = 16;

/// Why a node cannot go on following.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// What it was given is not the next part of its log.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A batch of an era that was not told before it; a new connection tells it first.
    #[error("record {seq} is of epoch {told}, and this node knows epoch {known} there")]
    Unintroduced {
        /// Its last record.
        seq: Seq,
        /// The epoch that it was sealed in.
        told: Epoch,
        /// The epoch that is known here.
        known: Epoch,
    },
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
    /// This node is to decide, unless whoever asked has given up.
    Promote(u64, Claim, Sender<Result<Promoted, String>>),
}

/// Who comes first: whoever works a question off, or whoever asked and gives up. A question that was given up never takes
/// effect later.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Whether the caller is the first.
    pub fn is_first(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// Whether a node is asked to stop deciding.
#[derive(Default)]
pub(in crate::engine) enum Stopping {
    #[default]
    Unasked,
    /// By somebody who waits.
    Asked(Sender<Result<Demoted, String>>),
    /// The journal thread has ended: nobody would answer.
    Over,
}

/// Between the handle and the journal thread.
pub(in crate::engine) struct Link {
    /// `None` while this node decides: nothing is received then.
    inbox: Mutex<Option<SyncSender<Received>>>,
    /// The journal thread has more than it can write.
    pub is_held_up: AtomicBool,
    trouble: Mutex<Option<FollowError>>,
    stopping: Mutex<Stopping>,
}

impl Link {
    pub fn new() -> Self {
        Self {
            inbox: Mutex::default(),
            is_held_up: AtomicBool::new(false),
            trouble: Mutex::default(),
            stopping: Mutex::default(),
        }
    }

    /// Opens the inbox of a node that does not decide. Once the journal thread drops the receiver, everyone who waits for
    /// it is told that it ends: this kind of channel then drops what is in it, and with it whom to answer.
    pub fn opens(&self) -> Receiver<Received> {
        let (inbox, received) = sync_channel(INBOX);
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = Some(inbox);
        received
    }

    /// This node decides.
    pub fn closes(&self) {
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn trouble(&self) -> MutexGuard<'_, Option<FollowError>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this node is asked to stop deciding. Whoever changes the role by it holds this until the answer is given.
    pub fn stopping(&self) -> MutexGuard<'_, Stopping> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, received: Received) -> Result<(), FollowError> {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).clone();
        inbox.and_then(|inbox| inbox.send(received).ok()).ok_or(FollowError::Ends)
    }

    pub(super) fn ask<T>(&self, question: impl FnOnce(Sender<T>) -> Received) -> Result<T, FollowError> {
        let (tx, rx) = bounded(1);
        self.send(question(tx))?;
        rx.recv().map_err(|_| FollowError::Ends)
    }
}

/// A node that followed decides from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promoted {
    /// The epoch of the era that begins.
    pub epoch: Epoch,
    /// The last record before it. What the former node wrote after it is not in this history.
    pub after: Seq,
}

/// A node stopped deciding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demoted {
    /// The epoch of the history that it left.
    pub epoch: Epoch,
    /// Its last record.
    pub seq: Seq,
}
