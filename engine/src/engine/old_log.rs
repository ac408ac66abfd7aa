//! The log from before the checkpoint: checked while the engine serves.
//!
//! A start reads the checkpoint and what came after it. What lies before answers repeats, events, late readers and `verify`,
//! and is worth knowing to be whole, but nothing that is decided from now on rests on it. So a thread of its own reads it
//! once, part by part, at the lowest priority and at a bounded rate: checksums, the chain from part to part, dense
//! sequence numbers, and that it joins what was replayed. Damage is kept and told; the engine goes on taking writes. Nothing
//! is trimmed before the check is over, nor after it found damage.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::ids::Seq;
use crate::journal::Damage;

/// What is known of the log from before the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldLog {
    /// Everything before this record was there at start, and not read then; 0 where all of it was.
    pub until: Seq,
    /// The last record that was found to be whole since.
    pub checked: Seq,
    /// Whether the check is over: all of it is whole, or damage was found.
    pub is_over: bool,
    /// What is damaged.
    pub damage: Option<Damage>,
}

/// The same, as it is being found out.
#[derive(Debug, Default)]
pub(super) struct OldLogCheck {
    pub unchecked: Option<(Seq, Seq)>,
    pub checked: AtomicU64,
    is_over: AtomicBool,
    damage: OnceLock<Damage>,
}

impl OldLogCheck {
    /// From the first of `unchecked` to before the second.
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

    /// Whether the check is over, and whether the log may be trimmed then. The store would have to read what is damaged to
    /// take it away, so what holds damage stays as it is.
    pub fn allows_trim(&self) -> Option<bool> {
        self.is_over.load(Ordering::Acquire).then(|| self.damage.get().is_none())
    }

    /// Everything up to here is known to be whole, and may go at the end; 0 where something is damaged.
    pub fn whole_up_to(&self) -> Seq {
        match self.allows_trim() {
            Some(true) => Seq::MAX,
            Some(false) => 0,
            None => self.checked.load(Ordering::Relaxed),
        }
    }
}

impl OldLogCheck {
    /// The check is over.
    pub fn end(&self, damage: Option<Damage>) {
        if let Some(damage) = damage {
            let _ = self.damage.set(damage);
        } else if let Some((_, until)) = self.unchecked {
            self.checked.fetch_max(until - 1, Ordering::Relaxed);
        }
        self.is_over.store(true, Ordering::Release);
    }
}
