//! The state of the log before the checkpoint, which is checked while the engine serves.
//!
//! A start reads the checkpoint and later records. Older records answer repeats, events, late readers and `verify`, so
//! they should be intact, but no later decision depends on them. So a separate thread reads them once, part by part, at
//! the lowest priority and at a bounded rate: it checks checksums, the chain from part to part, dense sequence numbers,
//! and the connection to the replayed records. Damage is stored and reported; the engine continues to accept writes.
//! Nothing is trimmed before the check is over, nor after it found damage.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::ids::Seq;
use crate::journal::Damage;

/// The result of the check so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldLog {
    /// Records before this one existed at the start and were not read then; 0 if all were read.
    pub until: Seq,
    /// The last record that was found intact since.
    pub checked: Seq,
    /// Whether the check is over: all of it is intact, or damage was found.
    pub is_over: bool,
    /// The damage.
    pub damage: Option<Damage>,
}

/// The same, shared with the running check.
#[derive(Debug, Default)]
pub(super) struct OldLogCheck {
    pub unchecked: Option<(Seq, Seq)>,
    pub checked: AtomicU64,
    is_over: AtomicBool,
    damage: OnceLock<Damage>,
}

impl OldLogCheck {
    /// From the first record of `unchecked` up to, not including, the second.
    pub fn new(unchecked: Option<(Seq, Seq)>) -> Self {
        Self { unchecked, is_over: AtomicBool::new(unchecked.is_none()), ..Self::default() }
    }

    pub fn view(&self) -> OldLog {
        OldLog {
            until: self.unchecked.map_or(0, |(_, until)| until),
            checked: self.checked.load(Ordering::Relaxed),
            is_over: self.is_over.load(Ordering::Acquire),
            damage: self.damage.get().cloned(),
        }
    }

    /// Whether the check is over, and whether the log may be trimmed then. To trim damaged parts, the store would have
    /// to read them, so they stay.
    pub fn allows_trim(&self) -> Option<bool> {
        self.is_over.load(Ordering::Acquire).then(|| self.damage.get().is_none())
    }

    /// Everything up to here is known to be intact, and may be trimmed; 0 if something is damaged.
    pub fn whole_up_to(&self) -> Seq {
        match self.allows_trim() {
            Some(true) => Seq::MAX,
            Some(false) => 0,
            None => self.checked.load(Ordering::Relaxed),
        }
    }
}

impl OldLogCheck {
    /// Ends the check.
    pub fn end(&self, damage: Option<Damage>) {
        if let Some(damage) = damage {
            let _ = self.damage.set(damage);
        } else if let Some((_, until)) = self.unchecked {
            self.checked.fetch_max(until - 1, Ordering::Relaxed);
        }
        self.is_over.store(true, Ordering::Release);
    }
}
