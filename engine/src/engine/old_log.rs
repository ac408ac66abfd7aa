//! The log from before the image: checked while the engine serves.
//!
//! A start reads the image and what came after it. What lies before answers repeats, events, late readers and `verify`,
//! and is worth knowing to be whole, but nothing that is decided from now on rests on it. So a thread of its own reads it
//! once, part by part, at the lowest priority and at a bounded rate: checksums, the chain from part to part, dense
//! sequence numbers, and that it joins what was replayed. Damage is kept and told; the engine goes on taking writes. Nothing
//! is trimmed before the check is over, nor after it found damage.

use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::Shared;
use crate::ids::Seq;
use crate::journal::{Damage, ReadError};

/// Bytes read between two rests.
const STRETCH_BYTES: u64 = 256 << 10;

/// The longest that a rest takes before it looks whether the engine closes.
const REST_MAX: Duration = Duration::from_millis(20);

/// What is known of the log from before the image.
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
    unchecked: Option<(Seq, Seq)>,
    checked: AtomicU64,
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

/// Checks it, until it is over or the engine closes.
pub(super) fn check(shared: &Shared) {
    let old_log = &shared.old_log;
    let Some((mut from, until)) = old_log.unchecked else { return };
    // Only a courtesy: where it is refused, the rate bounds it all the same.
    let _ = rustix::process::setpriority_process(None, 19);
    let rest = Duration::from_secs_f64(STRETCH_BYTES as f64 / shared.settings.old_log_bytes_per_second.max(1) as f64);
    // Each stretch begins with the last batch of the one before, so that the chain has no gap between them, and has one
    // more at least, so that each goes on.
    while from < until {
        let (mut bytes, mut batches, mut last) = (0, 0, None);
        let read = shared.reader.read(from, &mut |batch| {
            bytes += batch.body.len() as u64;
            batches += 1;
            last = Some((batch.first_seq, batch.last_seq()));
            if batch.first_seq >= until || batches > 1 && bytes >= STRETCH_BYTES || shared.intake.is_closing() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if shared.intake.is_closing() {
            return;
        }
        let oldest = shared.reader.oldest();
        match (read, last) {
            // It is trimmed while it is read: what is gone needs no check.
            (Err(_), _) if oldest > from => from = oldest,
            (Err(ReadError::Damaged(damage)), _) => return old_log.end(Some(damage)),
            (Err(ReadError::Trimmed { oldest }), _) => return old_log.end(Some(missing(oldest))),
            (Ok(()), Some((first_seq, _))) if first_seq >= until => return old_log.end(None),
            (Ok(()), Some((first_seq, last_seq))) if batches > 1 => {
                from = first_seq;
                old_log.checked.fetch_max(last_seq, Ordering::Relaxed);
            }
            (Ok(()), last) => return old_log.end(Some(missing(last.map_or(from, |(_, last_seq)| last_seq + 1)))),
        }
        let mut left = rest;
        while !left.is_zero() {
            if shared.intake.is_closing() {
                return;
            }
            let pause = left.min(REST_MAX);
            std::thread::sleep(pause);
            left -= pause;
        }
    }
    old_log.end(None);
}

fn missing(seq: Seq) -> Damage {
    Damage { seq, what: "it is missing".into() }
}

impl OldLogCheck {
    fn end(&self, damage: Option<Damage>) {
        if let Some(damage) = damage {
            let _ = self.damage.set(damage);
        } else if let Some((_, until)) = self.unchecked {
            self.checked.fetch_max(until - 1, Ordering::Relaxed);
        }
        self.is_over.store(true, Ordering::Release);
    }
}
