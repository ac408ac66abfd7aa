//! The deadlines of reservations, in steps of a few milliseconds, in time order.
//!
//! A reservation has at most one entry, however often its deadline changes: a change names the previous deadline.

use std::collections::BTreeSet;

use crate::ids::{ReservationId, Timestamp};

/// The width of a step: the maximum delay of an expiry before its batch.
const STEP_MS: u64 = 8;

/// Deadlines in order.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    due: BTreeSet<(u64, ReservationId)>,
}

/// Rounded up: at the end of its step, every deadline in it has passed.
fn step_of(deadline: Timestamp) -> u64 {
    deadline.0.div_ceil(STEP_MS)
}

impl Deadlines {
    pub fn insert(&mut self, deadline: Timestamp, id: ReservationId) {
        self.due.insert((step_of(deadline), id));
    }

    /// Sets, changes or removes a deadline.
    pub fn change(&mut self, id: ReservationId, before: Option<Timestamp>, after: Option<Timestamp>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.due.remove(&(step_of(before), id));
        }
        if let Some(after) = after {
            self.insert(after, id);
        }
    }

    /// The end of the first step, if there is one.
    pub fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(step, _)| Timestamp(step * STEP_MS))
    }

    /// The first `limit` ids, with the end of the step of each, oldest first.
    pub fn first(&self, limit: usize) -> impl Iterator<Item = (Timestamp, ReservationId)> + '_ {
        self.due.iter().take(limit).map(|(step, id)| (Timestamp(step * STEP_MS), *id))
    }

    /// Takes up to `limit` ids whose step has ended at `now`, oldest first.
    pub fn take_due(&mut self, now: Timestamp, limit: usize) -> Vec<ReservationId> {
        let mut due = Vec::new();
        // Bound: `limit`.
        while due.len() < limit
            && let Some((step, id)) = self.due.first().copied()
            && step * STEP_MS <= now.0
        {
            self.due.pop_first();
            due.push(id);
        }
        due
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.due.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_oldest_first_and_never_early() {
        let mut deadlines = Deadlines::default();
        for ms in [50, 9, 8, 1000, 16] {
            deadlines.insert(Timestamp(ms), ReservationId(ms));
        }
        assert_eq!(deadlines.take_due(Timestamp(7), 10), vec![]);
        let due = deadlines.take_due(Timestamp(16), 10);
        assert_eq!(due, [8, 9, 16].map(ReservationId));
        assert_eq!(deadlines.next(), Some(Timestamp(56)));
        assert_eq!(deadlines.take_due(Timestamp(5000), 1), vec![ReservationId(50)]);
        assert_eq!(deadlines.take_due(Timestamp(5000), 1), vec![ReservationId(1000)]);
    }

    #[test]
    fn a_hold_that_is_extended_for_ever_has_one_entry() {
        let mut deadlines = Deadlines::default();
        let mut before = None;
        for nth in 1..60_000 {
            let after = Some(Timestamp(1_000_000 + (nth * 7919) % 500_000));
            deadlines.change(ReservationId(1), before, after);
            before = after;
        }
        assert_eq!(deadlines.len(), 1);
        deadlines.change(ReservationId(1), before, None);
        assert_eq!(deadlines.next(), None);
    }
}
