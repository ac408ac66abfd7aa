//! Units of a line that are promised before they are there.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::ids::{Seq, Timestamp};
use crate::reservations::promise::{LineBackorder, QueuePosition};
use crate::supply::received::BackorderDated;

/// What a line waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backorder {
    /// Units still to come, among those of the line.
    pub units: u32,
    /// The latest that would do.
    pub latest: Timestamp,
    /// When they are promised for.
    pub promised_for: Timestamp,
    /// When they are expected now; `None` if all inbound supply is already promised to others.
    pub expected_at: Option<Timestamp>,
    /// Whether the promise rests on an allowance, and not on supply.
    pub on_allowance: bool,
    /// Its turn, where it has that of a line which it replaced.
    pub turn: Option<QueuePosition>,
    /// What it takes to undo each change: its record, the units and the expectation before it.
    undo: SmallVec<[(Seq, u32, Option<Timestamp>); 1]>,
}

impl Backorder {
    /// What a new line waits for.
    pub fn new(of: &LineBackorder) -> Self {
        let LineBackorder { quantity, latest, promised_for, on_allowance, turn, .. } = *of;
        let (units, expected_at) = (quantity, Some(promised_for));
        Self { units, latest, promised_for, expected_at, on_allowance, turn, undo: SmallVec::new() }
    }

    /// Whether the units will come too late, or not at all, as far as anybody knows.
    pub fn at_risk(&self) -> bool {
        self.units > 0 && self.expected_at.is_none_or(|expected| expected > self.promised_for)
    }

    /// Up to `units` of what is to come are not waited for any more; tells how many. Changes from `since` on are undone as
    /// one.
    pub(super) fn less(&mut self, seq: Seq, since: Seq, units: u32) -> u32 {
        let gone = self.units.min(units);
        if gone > 0 {
            self.remember(seq, since);
            self.units -= gone;
        }
        gone
    }

    pub(super) fn redate(&mut self, seq: Seq, since: Seq, row: &BackorderDated) {
        self.remember(seq, since);
        self.expected_at = row.expected_at;
    }

    fn remember(&mut self, seq: Seq, since: Seq) {
        if self.undo.last().is_none_or(|(of, ..)| *of < since) {
            self.undo.push((seq.min(since), self.units, self.expected_at));
        }
    }

    /// Goes back to what it was before everything after `seq`.
    pub(super) fn undo_after(&mut self, seq: Seq) {
        while let Some((of, units, expected_at)) = self.undo.last().copied()
            && of > seq
        {
            (self.units, self.expected_at) = (units, expected_at);
            self.undo.pop();
        }
    }
}
