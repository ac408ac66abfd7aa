//! Deciding movements and counts: physical truth, which is recorded rather than refused.

use super::draft::Answer;
use super::{Decision, Sequencer, no_ids_left};
use crate::command::{Count, Failure, Movement, Refusal};
use crate::event::{Cause, Counted, Event, Moved, MovementKind};
use crate::ids::Timestamp;
use crate::level::{ON_HAND_RANGE, StockChange};

/// How far ahead of the log a caller's clock may be; its time is then taken for now.
const CLOCK_SKEW_SECONDS_MAX: u64 = 300;

/// What a count comes to.
pub(super) enum CountVerdict {
    /// Logged as this. `changed` is false where only the moment of the last count moved.
    Counted {
        /// The row of the record.
        counted: Counted,
        /// Whether stock or safety stock changed.
        changed: bool,
    },
    /// It says what was known, for a moment that was known.
    Unchanged,
}

impl Sequencer {
    pub(super) fn move_stock(&mut self, movements: Vec<Movement>, cause: &mut Option<Box<Cause>>) -> Decision {
        let (mut rows, mut receipts) = (Vec::with_capacity(movements.len()), Vec::new());
        // Bounded by the rows of the request.
        for (at, movement) in movements.into_iter().enumerate() {
            let field = |name: &str| format!("movements[{at}].{name}");
            let sku = self.draft.intern_sku(&movement.sku).ok_or_else(|| no_ids_left(&field("sku")))?;
            let location =
                self.draft.intern_location(&movement.location).ok_or_else(|| no_ids_left(&field("location")))?;
            let told_at = movement.occurred_at.map(|time| self.not_ahead(time, || field("occurred_at"))).transpose()?;
            let now = self.draft.now;
            let cell = self.draft.cell(sku, location);
            let created = !cell.exists;
            // A count knows of what happened up to it. What carries no time of its own happens now, after every count.
            let absorbed = told_at.is_some_and(|time| time <= cell.counted_at);
            let occurred_at = told_at.unwrap_or(now.after_count(cell.counted_at));
            let change = if absorbed { StockChange::NONE } else { StockChange::bring(movement.change) };
            let level = cell.level.checked_add(change).ok_or_else(|| out_of_range(field("quantity")))?;
            let cell = self.draft.touch(sku, location);
            cell.level = level;
            if !absorbed {
                cell.moved.push((occurred_at, movement.change));
            }
            if movement.kind == MovementKind::Receipt && self.draft.ledger.outlook(sku, location).is_some() {
                receipts.push((sku, location, movement.change.max(0) as u32, movement.unplanned));
            }
            rows.push(Moved {
                kind: movement.kind,
                change: movement.change,
                occurred_at,
                absorbed,
                created,
                reference: movement.reference,
                cell: self.draft.cell_after(sku, location),
            });
        }
        self.log_moved(cause, rows, &receipts)
    }

    pub(super) fn count(&mut self, counts: Vec<Count>, cause: &mut Option<Box<Cause>>) -> Decision {
        let mut rows = Vec::with_capacity(counts.len());
        // Bounded by the rows of the request.
        for (at, count) in counts.iter().enumerate() {
            let field = |name: &str| format!("counts[{at}].{name}");
            match self.count_one(count, &field)? {
                CountVerdict::Counted { counted, .. } => rows.push(counted),
                CountVerdict::Unchanged => {
                    let sku = self.draft.intern_sku(&count.sku).ok_or_else(|| no_ids_left(&field("sku")))?;
                    let location =
                        self.draft.intern_location(&count.location).ok_or_else(|| no_ids_left(&field("location")))?;
                    let counted_at = self.draft.cell(sku, location).counted_at;
                    let cell = self.draft.cell_after(sku, location);
                    let on_hand = count.on_hand;
                    rows.push(Counted {
                        counted: on_hand,
                        expected: on_hand,
                        counted_at,
                        outdated: false,
                        created: false,
                        cell,
                    });
                }
            }
        }
        Ok(Answer::Record(self.draft.log(cause.take(), Event::Counted(rows))))
    }

    /// Decides one count and applies it to the draft.
    pub(super) fn count_one(&mut self, count: &Count, field: &dyn Fn(&str) -> String) -> Result<CountVerdict, Failure> {
        let sku = self.draft.intern_sku(&count.sku).ok_or_else(|| no_ids_left(&field("sku")))?;
        let location = self.draft.intern_location(&count.location).ok_or_else(|| no_ids_left(&field("location")))?;
        let told_at = count.counted_at.map(|time| self.not_ahead(time, || field("counted_at"))).transpose()?;
        let now = self.draft.now;
        let cell = self.draft.cell(sku, location);
        let created = !cell.exists;
        let (before, known_at) = (cell.level, cell.counted_at);
        let counted_at = told_at.unwrap_or(now.max(known_at));
        let safety_stock = count.safety_stock.unwrap_or(cell.safety_stock);
        let safety_changes = safety_stock != cell.safety_stock;
        let outdated = counted_at < known_at;
        // A count without a time of its own is true now: nothing moved after it.
        let moved_since = match told_at {
            Some(time) if !outdated => self.draft.moved_since(sku, location, time).ok_or_else(|| {
                Refusal::invalid(
                    field("counted_at"),
                    "is older than the movements that are kept for this cell; count it again",
                )
            })?,
            _ => 0,
        };
        let expected = i64::from(before.on_hand) - moved_since;
        let Ok(expected_then) = i32::try_from(expected) else {
            let reason = format!("the books held {expected} then, and a cell holds no such number; count it again");
            return Err(Refusal::invalid(field("counted_at"), reason).into());
        };
        let difference = if outdated { 0 } else { i64::from(count.on_hand) - expected };
        if difference == 0 && !safety_changes && !created && counted_at == known_at {
            return Ok(CountVerdict::Unchanged);
        }
        let level = before.checked_add(StockChange::bring(difference)).ok_or_else(|| out_of_range(field("on_hand")))?;
        let cell = self.draft.touch(sku, location);
        cell.level = level;
        cell.safety_stock = safety_stock;
        if !outdated {
            cell.counted_at = counted_at;
        }
        let cell = self.draft.cell_after(sku, location);
        let counted = Counted { counted: count.on_hand, expected: expected_then, counted_at, outdated, created, cell };
        Ok(CountVerdict::Counted { counted, changed: difference != 0 || safety_changes || created })
    }

    /// A caller's time, at most now; one that is far ahead is a clock that is wrong, and would swallow what comes after.
    fn not_ahead(&self, time: Timestamp, field: impl Fn() -> String) -> Result<Timestamp, Failure> {
        if time > self.draft.now.plus_seconds(CLOCK_SKEW_SECONDS_MAX) {
            let reason = format!("is more than {CLOCK_SKEW_SECONDS_MAX} seconds in the future");
            return Err(Refusal::invalid(field(), reason).into());
        }
        Ok(time.min(self.draft.now))
    }
}

fn out_of_range(field: String) -> Failure {
    let (low, high) = (ON_HAND_RANGE.start(), ON_HAND_RANGE.end());
    Refusal::invalid(field, format!("the cell's on_hand would leave {low} to {high}")).into()
}
