//! What the journal thread is doing, so that somebody else sees when it does not come round.
//!
//! The journal thread stores a word for each step of its work and reads no clock for it; whoever looks after it looks now
//! and then, and knows how long a step has lasted at least from when the word was seen first.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::command::{Command, Queued, StepRequest};

/// Steps in one word: how many there were, and whether one is under way.
#[derive(Debug, Default)]
pub struct Watch {
    /// Twice the number of steps, plus one while one is under way.
    word: AtomicU64,
    /// Which of [`PLAIN`] a plain command is, counted from 1; 0 where it is not plain.
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

/// Commands of one line, row or step, told by their kind alone: they cost a word.
const PLAIN: [&str; 7] = ["reserve", "confirm", "ready", "collect", "cancel", "extend", "movements"];

/// Which of them a command is, counted from 1; 0 for none.
#[inline]
fn plain(command: &Command) -> u64 {
    match command {
        Command::Reserve(reserve) if reserve.group_lines.is_empty() && reserve.lines.len() <= 1 => 1,
        Command::Step(_, StepRequest::Confirm { .. }) => 2,
        Command::Step(_, StepRequest::Ready { .. }) => 3,
        Command::Step(_, StepRequest::Collect { lines: None, .. }) => 4,
        Command::Step(_, StepRequest::Cancel { lines: None, .. }) => 5,
        Command::Step(_, StepRequest::Extend { .. }) => 6,
        Command::Move(rows) if rows.len() <= 1 => 7,
        _ => 0,
    }
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
        let plain = plain(&queued.command);
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
        let plain = (self.plain.load(Relaxed) as usize).checked_sub(1).and_then(|nth| PLAIN.get(nth));
        let doing = match plain {
            Some(kind) => Doing { kind, lines: 1, request: None },
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
