//! Units of a line that move to another location, and back.

use super::Reservation;
use super::change::Moved;
use super::line::Line;
use crate::reservations::promise::Move;

impl Reservation {
    /// Moves units of a line to another location. Unallocated units that stay unallocated join an existing line with
    /// the same terms there, so that a promise that moves many times has at most one line per location. Other units
    /// become a separate line if they are a part of their line.
    pub(crate) fn shift(&mut self, moved: &Move, hidden: bool) -> Moved {
        let to = moved.to.location;
        let source = self.lines.get(usize::from(moved.line)).expect("a record names existing lines");
        let (from, open) = (source.location, source.unallocated().is_some());
        let joins = |(number, other): &(usize, &Line)| {
            *number != usize::from(moved.line)
                && (other.sku, other.location, other.collected) == (source.sku, to, 0)
                && other.wait.is_none()
                && other.terms == source.terms
        };
        let joined = self.lines.iter().enumerate().filter(|_| hidden && open).find(joins).map(|(number, _)| number);
        let whole = moved.quantity == source.outstanding() && source.collected == 0 && source.waiting() == 0;
        let into = match joined {
            Some(into) => into,
            None if whole => usize::from(moved.line),
            None => {
                let (sku, terms) = (source.sku, source.terms.clone());
                self.lines.push(Line { sku, location: to, requested: 0, quantity: 0, collected: 0, terms, wait: None });
                self.lines.len() - 1
            }
        };
        if into == usize::from(moved.line) {
            self.with_line(into, |line| line.location = to);
        } else {
            self.transfer(moved.line.into(), into, moved.quantity);
        }
        Moved { line: moved.line, quantity: moved.quantity, from, into: into as u16, open }
    }

    /// Undoes the moves of the change after the last one.
    pub(super) fn shift_all_back(&mut self, moves: &[Moved]) {
        for (nth, moved) in moves.iter().enumerate().rev() {
            let before = moves.get(..nth).unwrap_or_default();
            let is_empty = self.lines.last().is_some_and(|last| last.requested == moved.quantity);
            // A line was created for the units if no earlier change added units to it or removed any.
            let is_made = is_empty
                && !before.iter().any(|other| other.mentions(moved.into))
                && !self.changes.iter().rev().any(|change| change.mentions(moved.into));
            self.shift_back(moved, is_made);
        }
    }

    fn shift_back(&mut self, moved: &Moved, is_made: bool) {
        let (line, into) = (usize::from(moved.line), usize::from(moved.into));
        if line == into {
            self.with_line(line, |line| line.location = moved.from);
            return;
        }
        self.transfer(into, line, moved.quantity);
        if is_made && into + 1 == self.lines.len() {
            self.lines.pop();
        }
    }

    fn transfer(&mut self, from: usize, to: usize, units: u32) {
        self.with_line(from, |line| {
            line.quantity -= units;
            line.requested = line.requested.saturating_sub(units);
        });
        self.with_line(to, |line| {
            line.quantity += units;
            line.requested += units;
        });
    }

    fn with_line(&mut self, number: usize, change: impl FnOnce(&mut Line)) {
        change(self.lines.get_mut(number).expect("a move names existing lines"));
    }
}
