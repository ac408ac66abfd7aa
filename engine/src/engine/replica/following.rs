//! What the journal thread knows of the log that it follows.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;

use super::link::{Link, Received};
use crate::ids::Timestamp;
use crate::journal::{Head, Sealed};

/// What the journal thread knows of the log that it follows.
#[derive(Default)]
pub(in crate::engine) struct Following {
    /// What comes in; `None` while this node decides.
    pub(super) inbox: Option<Receiver<Received>>,
    /// What the next batch must follow; `None` until a connection begins, and after a batch that was not taken.
    pub(super) head: Option<Head>,
    /// Received, and not appended yet: there was no room.
    pub(super) backlog: VecDeque<Sealed>,
    /// Something was appended and not synced.
    pub(super) unsynced: bool,
    pub(super) synced_at: Timestamp,
}

impl Following {
    /// Of a node that does not decide: it hears what comes over `link`.
    pub fn of(link: &Link) -> Self {
        Self { inbox: Some(link.opens()), ..Self::default() }
    }
}
