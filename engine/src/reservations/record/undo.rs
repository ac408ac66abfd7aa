//! The reservation at an earlier version: its changes undone, the last one first.

use super::Reservation;
use super::change::{Change, Step};
use super::line::Line;
use crate::ids::Seq;
use crate::reservations::promise::LineTerms;

impl Reservation {
    /// Whether the version at `seq` is inside a merged change: then its own record has the details that
    /// [`Reservation::as_of`] lacks.
    pub fn is_told_by_record(&self, seq: Seq) -> bool {
        let within = |change: &Change| change.stretch().first <= seq && seq < change.seq;
        self.changes.iter().rev().take_while(|change| change.seq > seq).any(within)
    }

    /// The reservation directly after the change at `seq`.
    #[must_use]
    pub fn as_of(&self, seq: Seq) -> Self {
        let mut earlier = self.clone();
        while earlier.version > seq {
            let Some(change) = earlier.changes.pop() else { break };
            if change.stretch().first <= seq {
                // Inside a merged change: the record itself has the differences.
                earlier.version = seq;
                earlier.changes.push(Change { seq, ..change });
                break;
            }
            earlier.state = change.from;
            match change.step {
                Step::Confirmed { order_before } => {
                    earlier.order = order_before;
                    earlier.pickup_by = None;
                }
                Step::Readied => earlier.pickup_code = None,
                Step::Collected { lines, .. } => earlier.each(&lines, |line, quantity| line.collected -= quantity),
                Step::Cancelled { lines, .. } | Step::Superseded { lines } | Step::Expired { lines } => {
                    earlier.each(&lines, |line, quantity| line.quantity += quantity);
                }
                Step::Extended { expires_before } | Step::ExtendedAgain { expires_before, .. } => {
                    earlier.expires_at = expires_before;
                }
                Step::PickupBySet { before } => earlier.pickup_by = before,
                Step::Shifted { before, .. } => {
                    earlier.lines.truncate(before.len());
                    for (line, before) in earlier.lines.iter_mut().zip(before) {
                        // Backorders undo themselves.
                        *line = Line { wait: line.wait.take(), ..before };
                    }
                }
                Step::Reallocated { moves, bound } => {
                    for line in bound {
                        if let Some(terms) = earlier.terms_mut(line) {
                            terms.bound = false;
                        }
                    }
                    earlier.shift_all_back(&moves);
                }
                // Backorders undo themselves.
                Step::Filled { .. } | Step::Dated => {}
            }
            earlier.version = earlier.changes.last().map_or(earlier.id.0, |change| change.seq);
        }
        earlier.lines.iter_mut().filter_map(|line| line.wait.as_deref_mut()).for_each(|wait| wait.undo_after(seq));
        earlier
    }

    pub(super) fn terms_mut(&mut self, line: u16) -> Option<&mut LineTerms> {
        self.lines.get_mut(usize::from(line)).and_then(|line| line.terms.as_deref_mut())
    }
}
