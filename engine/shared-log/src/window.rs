//! The batches that a tail has read from a store and not handed out yet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anaquel_cells::ids::Seq;
use anaquel_log::Sealed;

use crate::log::{LogError, Next};

/// What a tail has read and not handed out.
pub struct Window {
    /// The record that comes next.
    pub next: Seq,
    read: VecDeque<Sealed>,
}

impl Window {
    pub fn from(next: Seq) -> Self {
        Self { next, read: VecDeque::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.read.is_empty()
    }

    /// Adds a batch, as the store holds it.
    ///
    /// # Errors
    /// The bytes are not one batch.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        let mut rest = bytes;
        let sealed = Sealed::take(&mut rest)?;
        if !rest.is_empty() {
            return Err(LogError::Damaged(format!("something follows the batch up to {}", sealed.becomes().seq)));
        }
        self.read.push_back(sealed);
        Ok(())
    }

    /// Whether the first batch begins after the next record: the store trimmed what was before it, or lacks it.
    pub fn has_gap(&self) -> bool {
        self.read.front().is_some_and(|first| first.follows().seq >= self.next)
    }
}

/// A tail that reads ahead of what it hands out.
pub trait ReadsAhead {
    fn window(&mut self) -> &mut Window;

    /// Adds what the store has from the next record on.
    fn read_on(&mut self) -> Result<(), LogError>;

    /// Waits until the store may have more, for `at_most`.
    fn wait(&mut self, at_most: Duration) -> Result<(), LogError>;
}

/// The next batch; [`Next::Idle`] if none comes within `wait`.
pub fn next(tail: &mut impl ReadsAhead, wait: Duration) -> Result<Next, LogError> {
    let until = Instant::now() + wait;
    loop {
        if tail.window().is_empty() {
            tail.read_on()?;
        }
        let window = tail.window();
        if let Some(sealed) = window.read.pop_front() {
            window.next = sealed.becomes().seq + 1;
            return Ok(Next::Batch(Box::new(sealed)));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Next::Idle);
        }
        tail.wait(left)?;
    }
}
