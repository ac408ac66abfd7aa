//! The tags of kept keys in the order in which they are forgotten.

use std::collections::VecDeque;

use crate::ids::Timestamp;

/// Tags in one piece of the queue.
pub(super) const PIECE: usize = 4096;

/// Keys within this many milliseconds are forgotten together, when the last of them is old enough.
pub(super) const RUN_MS: u64 = 16_000;

/// Consecutive keys of about the same time.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// The latest possible time of a key in the run.
    time: Timestamp,
    keys: u32,
}

/// The queue of keys to forget, in the order in which they were kept.
#[derive(Default)]
pub(super) struct Line {
    pub(super) pieces: VecDeque<Box<[u64]>>,
    /// The position of the first tag in the first piece, and of the next tag in the last.
    first: usize,
    next: usize,
    pub(super) runs: VecDeque<Run>,
    /// The number of forgotten keys.
    left: u64,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        match self.pieces.len() {
            0 => 0,
            pieces => (pieces - 1) * PIECE + self.next - self.first,
        }
    }

    pub(super) fn push(&mut self, tag: u64, time: Timestamp) {
        if self.pieces.is_empty() || self.next == PIECE {
            self.pieces.push_back(vec![0; PIECE].into_boxed_slice());
            self.next = 0;
        }
        if let Some(place) = self.pieces.back_mut().and_then(|piece| piece.get_mut(self.next)) {
            *place = tag;
        }
        self.next += 1;
        // A key out of order, which can occur in a replay after a checkpoint, is kept a little longer.
        let time = Timestamp(time.0 - time.0 % RUN_MS + RUN_MS - 1);
        match self.runs.back_mut() {
            Some(run) if run.time >= time && run.keys < u32::MAX => run.keys += 1,
            _ => self.runs.push_back(Run { time, keys: 1 }),
        }
    }

    pub(super) fn is_due(&self, before: Timestamp) -> bool {
        self.runs.front().is_some_and(|run| run.time < before)
    }

    pub(super) fn pop(&mut self, before: Timestamp) -> Option<u64> {
        let run = self.runs.front_mut().filter(|run| run.time < before)?;
        run.keys -= 1;
        if run.keys == 0 {
            self.runs.pop_front();
        }
        let tag = *self.pieces.front()?.get(self.first)?;
        self.first += 1;
        self.left += 1;
        if self.len() == 0 {
            self.pieces.clear();
            self.first = 0;
            self.next = 0;
        } else if self.first == PIECE {
            self.pieces.pop_front();
            self.first = 0;
        }
        Some(tag)
    }

    /// Tags with their times, starting at the `from`th tag ever kept, and where the next page begins.
    pub(super) fn page(&self, from: u64) -> Option<(Vec<(Timestamp, u64)>, u64)> {
        let from = from.max(self.left);
        let at = (from - self.left) as usize;
        let end = self.len().min(at + PIECE);
        if at >= end {
            return None;
        }
        let mut runs = self.runs.iter().copied();
        let mut run = runs.next()?;
        let mut run_end = run.keys as usize;
        let mut tags = Vec::with_capacity(end - at);
        for place in at..end {
            while place >= run_end
                && let Some(next) = runs.next()
            {
                run = next;
                run_end += next.keys as usize;
            }
            let absolute = self.first + place;
            let tag = self.pieces.get(absolute / PIECE).and_then(|piece| piece.get(absolute % PIECE));
            tags.push((run.time, tag.copied().unwrap_or(0)));
        }
        Some((tags, self.left + end as u64))
    }
}
