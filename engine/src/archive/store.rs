//! What the durable view knows of the archive: its files, and how far each is valid.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use anaquel_log::archive::ArchivePlace;
use serde::{Deserialize, Serialize};

use crate::ids::Seq;
use crate::own_store::OwnStore;

/// How far the archive is valid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The last *archived* record; 0 for none.
    pub last: Seq,
    /// Where each file ends, in order.
    pub ends: Vec<ArchivePlace>,
}

impl Standing {
    /// Where the last file ends.
    pub fn end(&self) -> Option<ArchivePlace> {
        self.ends.last().copied()
    }

    /// How far it is valid after the *archived* record at `seq`, whose bytes end at `end`.
    pub(crate) fn with(&self, seq: Seq, end: ArchivePlace) -> Self {
        let mut ends = self.ends.clone();
        match ends.last_mut().filter(|last| last.file == end.file) {
            Some(last) => *last = end,
            None => ends.push(end),
        }
        Self { last: seq, ends }
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.ends.iter().map(|end| end.at).sum()
    }
}

/// The archive in the durable view.
#[derive(Debug, Default)]
pub struct Store {
    standing: RwLock<Standing>,
    /// The same as that of the standing, for callers that only compare.
    last: AtomicU64,
}

impl Store {
    /// How far the archive is valid.
    pub fn standing(&self) -> Standing {
        self.standing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last *archived* record; 0 for none.
    #[inline]
    pub fn last(&self) -> Seq {
        self.last.load(Ordering::Acquire)
    }

    /// Inside a fold: the archive is valid up to `end`.
    pub(super) fn archived(&self, seq: Seq, end: ArchivePlace) {
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        if standing.last >= seq {
            return;
        }
        *standing = standing.with(seq, end);
        self.last.store(seq, Ordering::Release);
    }

    pub(super) fn restore(&self, standing: Standing) {
        self.last.store(standing.last, Ordering::Release);
        *self.standing.write().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

impl OwnStore for Store {}
