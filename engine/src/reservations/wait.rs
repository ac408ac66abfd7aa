//! Backorders: units of a line that are promised before they arrive.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::ids::{Seq, Timestamp};
use crate::reservations::promise::{LineBackorder, QueuePosition};
use crate::supply::received::BackorderDated;

/// The backorder of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backorder {
    /// Inbound units of the line.
    pub units: u32,
    /// The latest acceptable date.
    pub latest: Timestamp,
    /// The promised date.
    pub promised_for: Timestamp,
    /// When they are expected now; `None` if all inbound supply is already promised to others.
    pub expected_at: Option<Timestamp>,
    /// Whether the promise depends on an allowance instead of supply.
    pub on_allowance: bool,
    /// The queue position that it took over from a replaced line, if any.
    pub turn: Option<QueuePosition>,
    /// The data to undo each change: its record, and the units and the expected date before it.
    undo: SmallVec<[(Seq, u32, Option<Timestamp>); 1]>,
}

impl Backorder {
    /// The backorder of a new line.
    pub fn new(of: &LineBackorder) -> Self {
        let LineBackorder { quantity, latest, promised_for, on_allowance, turn, .. } = *of;
        let (units, expected_at) = (quantity, Some(promised_for));
        Self { units, latest, promised_for, expected_at, on_allowance, turn, undo: SmallVec::new() }
    }

    /// Whether the units will arrive too late or not at all, as far as is known.
    pub fn at_risk(&self) -> bool {
        self.units > 0 && self.expected_at.is_none_or(|expected| expected > self.promised_for)
    }

    /// Removes up to `units` inbound units; returns how many. Changes from `since` on are undone as one.
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

    /// Restores the state before all changes after `seq`.
    pub(super) fn undo_after(&mut self, seq: Seq) {
        while let Some((of, units, expected_at)) = self.undo.last().copied()
            && of > seq
        {
            (self.units, self.expected_at) = (units, expected_at);
            self.undo.pop();
        }
    }
}
