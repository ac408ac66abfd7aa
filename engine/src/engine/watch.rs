//! The current step of the journal thread, for a watchdog that detects when it hangs.
//!
//! The journal thread stores a word for each step and reads no clock for it; the watchdog polls the word, and knows how
//! long a step has lasted at least since the word was first seen.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::command::Queued;
use crate::kernel::asked::Asked;
use crate::kernel::plain::Plain;

/// Steps in one word: their number, and whether one is in progress.
#[derive(Debug, Default)]
pub struct Watch {
    /// Twice the number of steps, plus one while a step is in progress.
    word: AtomicU64,
    /// The [`Plain`] command; 0 for another kind of step.
    plain: AtomicU64,
    /// The last other command or step.
    what: Mutex<Doing>,
}

/// The content of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doing {
    /// The kind of the command, or of the thread's own work.
    pub kind: &'static str,
    /// Lines or rows of the command.
    pub lines: usize,
    /// The caller's request, if known.
    pub request: Option<String>,
}

/// A step in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub number: u64,
    /// Its content.
    pub doing: Doing,
}

impl Watch {
    /// Journal thread only: begins a step of its own.
    pub(crate) fn begins(&self, kind: &'static str) {
        self.describe(|doing| *doing = Doing { kind, lines: 0, request: None });
        self.next();
    }

    /// Journal thread only: begins the decision of a command.
    #[inline]
    pub(crate) fn decides(&self, queued: &Queued) {
        let plain = queued.command.plain().map_or(0, |plain| plain as u64);
        if plain == 0 {
            let (kind, lines) = (queued.command.kind(), queued.command.lines());
            let origin = queued.cause.as_ref().and_then(|cause| cause.origin.as_ref());
            let request = origin.map(|origin| origin.request.clone());
            self.describe(|doing| *doing = Doing { kind, lines, request });
        }
        self.plain.store(plain, Relaxed);
        self.next();
    }

    /// Journal thread only: ends a step.
    pub(crate) fn rests(&self) {
        // Only this thread writes it.
        let word = self.word.load(Relaxed);
        self.word.store((word | 1) + 1, Relaxed);
    }

    fn next(&self) {
        // Only this thread writes it.
        let word = self.word.load(Relaxed);
        self.word.store(((word | 1) + 1) | 1, Relaxed);
    }

    fn describe(&self, change: impl FnOnce(&mut Doing)) {
        change(&mut self.what.lock().unwrap_or_else(PoisonError::into_inner));
        self.plain.store(0, Relaxed);
    }

    /// The step in progress, if there is one.
    pub fn step(&self) -> Option<Step> {
        let word = self.word.load(Relaxed);
        if word & 1 == 0 {
            return None;
        }
        let doing = match Plain::of(self.plain.load(Relaxed)) {
            Some(plain) => Doing { kind: plain.as_str(), lines: 1, request: None },
            None => self.what.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        Some(Step { number: word >> 1, doing })
    }
}

impl std::fmt::Display for Doing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.lines {
            0 => write!(f, "{}", self.kind)?,
            lines => write!(f, "{} of {lines} lines", self.kind)?,
        }
        self.request.as_ref().map_or(Ok(()), |request| write!(f, " (request {request})"))
    }
}
