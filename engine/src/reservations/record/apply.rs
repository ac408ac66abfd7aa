//! Applies records to a reservation; its history grows by at most one change per record.

use smallvec::SmallVec;

use super::Reservation;
use super::change::{CHANGES_TOLD_MAX, Change, Progress, Step};
use super::line::Line;
use super::state::ReservationState;
use crate::effect;
use crate::effect::At;
use crate::ids::Seq;
use crate::kernel::few::Few;
use crate::reservations::promise::LineChange;

impl Reservation {
    /// Applies a record that changes this reservation. Called once for each record, in log order, live and in replay;
    /// a record that is already applied (a checkpoint may be newer than the replay) has no effect.
    pub fn apply(&mut self, at: At<'_>, progress: Progress<'_>) {
        if at.seq <= self.version {
            return;
        }
        let from = self.state;
        // Beyond the limit of separate changes, a change by the engine is merged with the previous one.
        let joins = self.changes.len() >= CHANGES_TOLD_MAX && self.changes.last().is_some_and(Change::is_the_engines);
        let lines_before = joins.then(|| self.lines.clone());
        let since = self.changes.last().filter(|_| joins).map_or(at.seq, |last| last.stretch().first);
        let units = |lines: &[LineChange]| lines.iter().map(|line| (line.line, line.quantity)).collect();
        let step = match progress {
            Progress::Step(effect::Step::Confirmed(event)) => {
                self.state = ReservationState::Confirmed;
                self.pickup_by = event.pickup_by;
                let order_before = self.order.clone();
                if event.order.is_some() {
                    self.order.clone_from(&event.order);
                }
                Step::Confirmed { order_before }
            }
            Progress::Step(effect::Step::Readied(event)) => {
                self.state = ReservationState::Ready;
                self.pickup_code = Some(event.pickup_code.clone());
                Step::Readied
            }
            Progress::Step(effect::Step::Collected(event)) => {
                let lines = units(&event.lines);
                self.each(&lines, |line, quantity| line.collected += quantity);
                if self.outstanding() == 0 {
                    self.state = ReservationState::Collected;
                }
                Step::Collected { code_shown: event.code_shown, lines }
            }
            Progress::Step(effect::Step::Cancelled(event)) => {
                let lines = units(&event.lines);
                self.give_back(at.seq, &lines);
                if event.whole {
                    self.state = ReservationState::Cancelled;
                } else if self.outstanding() == 0 {
                    let some_collected = self.lines.iter().any(|line| line.collected > 0);
                    self.state = if some_collected { ReservationState::Collected } else { ReservationState::Cancelled };
                }
                Step::Cancelled { reason: event.reason.clone(), lines }
            }
            Progress::Step(effect::Step::Extended(event)) => {
                let expires_before = std::mem::replace(&mut self.expires_at, event.expires_at);
                Step::Extended { expires_before }
            }
            Progress::Step(effect::Step::PickupBySet(event)) => {
                Step::PickupBySet { before: std::mem::replace(&mut self.pickup_by, event.pickup_by) }
            }
            Progress::Step(effect::Step::Expired(event)) => {
                let lines = units(&event.lines);
                self.give_back(at.seq, &lines);
                self.state = ReservationState::Expired;
                Step::Expired { lines }
            }
            Progress::Step(effect::Step::Reallocated(event)) => {
                let hidden = event.bound.is_empty();
                let moves = event.moves.iter().map(|moved| self.shift(moved, hidden)).collect();
                for line in &event.bound {
                    if let Some(terms) = self.terms_mut(*line) {
                        terms.bound = true;
                    }
                }
                Step::Reallocated { moves, bound: event.bound.iter().copied().collect() }
            }
            Progress::Step(effect::Step::Superseded(event)) => {
                let lines = units(&event.lines);
                self.give_back(at.seq, &lines);
                self.state = ReservationState::Cancelled;
                Step::Superseded { lines }
            }
            // Creation is not a change.
            Progress::Step(effect::Step::Made(_)) => return,
            Progress::Filled(fills) => {
                let lines = fills.iter().map(|fill| (fill.line, fill.quantity)).collect();
                self.each(&lines, |line, quantity| {
                    line.wait.as_deref_mut().map(|wait| wait.less(at.seq, since, quantity));
                });
                Step::Filled { lines }
            }
            Progress::Dated(rows) => {
                for row in rows {
                    let line = self.lines.get_mut(usize::from(row.line));
                    if let Some(wait) = line.and_then(|line| line.wait.as_deref_mut()) {
                        wait.redate(at.seq, since, row);
                    }
                }
                Step::Dated
            }
        };
        let actor = at.cause.and_then(|cause| cause.actor.as_deref()).map(Into::into);
        let change = Change { seq: at.seq, time: at.time, from, to: self.state, actor, step };
        self.version = at.seq;
        match lines_before.filter(|_| change.is_the_engines()) {
            Some(lines_before) => self.join(change, lines_before),
            None => self.add(change),
        }
    }

    /// Adds a change to the history. An extension directly after another is merged with it: a hold that is extended
    /// many times has one entry.
    fn add(&mut self, change: Change) {
        if let Step::Extended { .. } = &change.step
            && let Some(last) = self.changes.last_mut()
        {
            let before = match &last.step {
                Step::Extended { expires_before } => Some((*expires_before, last.seq, 1)),
                Step::ExtendedAgain { expires_before, first, count } => Some((*expires_before, *first, *count)),
                _ => None,
            };
            if let Some((expires_before, first, count)) = before {
                let step = Step::ExtendedAgain { expires_before, first, count: count.saturating_add(1) };
                *last = Change { step, ..change };
                return;
            }
        }
        self.changes.push(change);
    }

    /// Merges a change by the engine with the previous one.
    fn join(&mut self, change: Change, lines_before: Few<Line>) {
        let Some(mut last) = self.changes.pop() else { return };
        let (first, count) = (last.stretch().first, last.stretch().count.saturating_add(1));
        let before = match last.step {
            Step::Shifted { before, .. } => before,
            Step::Reallocated { moves, .. } => {
                let mut earlier = Self { lines: lines_before, ..self.clone() };
                earlier.shift_all_back(&moves);
                earlier.lines
            }
            _ => lines_before,
        };
        last = Change { step: Step::Shifted { before, first, count }, from: last.from, ..change };
        self.changes.push(last);
    }

    /// Whether another extension would be merged with the last change, without lengthening the history.
    pub fn is_being_extended(&self) -> bool {
        let last = self.changes.last().map(|change| &change.step);
        matches!(last, Some(Step::Extended { .. } | Step::ExtendedAgain { .. }))
    }

    /// Sets the number of extensions in the last, merged change.
    pub(crate) fn count_extensions(&mut self, extensions: u32) {
        if let Some(Change { step: Step::ExtendedAgain { count, .. }, .. }) = self.changes.last_mut() {
            *count = extensions;
        }
    }

    /// Cancels inbound units first.
    fn give_back(&mut self, seq: Seq, lines: &SmallVec<[(u16, u32); 1]>) {
        self.each(lines, |line, quantity| {
            line.wait.as_deref_mut().map(|wait| wait.less(seq, seq, quantity));
            line.quantity -= quantity;
        });
    }

    pub(super) fn each(&mut self, lines: &SmallVec<[(u16, u32); 1]>, change: impl Fn(&mut Line, u32)) {
        for (index, quantity) in lines {
            let line = self.lines.get_mut(usize::from(*index));
            change(line.expect("a record names existing lines"), *quantity);
        }
    }
}
