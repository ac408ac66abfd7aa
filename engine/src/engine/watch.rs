//! What the journal thread is doing, so that somebody else sees when it does not come round.
//!
//! The journal thread stores a word for each step of its work and reads no clock for it; whoever looks after it looks now
//! and then, and knows how long a step has lasted at least from when the word was seen first.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::command::Queued;
use crate::kernel::asked::Asked;
use crate::kernel::plain::Plain;

/// Steps in one word: how many there were, and whether one is under way.
#[derive(Debug, Default)]
pub struct Watch {
    /// Twice the number of steps, plus one while one is under way.
    word: AtomicU64,
    /// Which [`Plain`] command it is; 0 where it is none.
    plain: AtomicU64,
    /// What the last other command or step is.
    what: Mutex<Doing>,
}

/// What a step does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doing {
    /// A command's kind, or what the thread does by itself.
    pub kind: &'static str,
    /// Lines or rows that the command names.
    pub lines: usize,
    /// The caller's request, where it is known.
    pub request: Option<String>,
}

/// A step that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub number: u64,
    /// What it does.
    pub doing: Doing,
}

impl Watch {
    /// Journal thread only: a step of its own begins.
    pub(crate) fn begins(&self, kind: &'static str) {
        self.describe(|doing| *doing = Doing { kind, lines: 0, request: None });
        self.next();
    }

    /// Journal thread only: a command is being decided.
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

    /// Journal thread only: nothing is under way.
    pub(crate) fn rests(&self) {
        // Nobody else writes it.
        let word = self.word.load(Relaxed);
        self.word.store((word | 1) + 1, Relaxed);
    }

    fn next(&self) {
        // Nobody else writes it.
        let word = self.word.load(Relaxed);
        self.word.store(((word | 1) + 1) | 1, Relaxed);
    }

    fn describe(&self, change: impl FnOnce(&mut Doing)) {
        change(&mut self.what.lock().unwrap_or_else(PoisonError::into_inner));
        self.plain.store(0, Relaxed);
    }

    /// The step that is under way, if one is.
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
