//! Deciding movements and counts: physical truth, which is recorded rather than refused.

use super::draft::Answer;
use super::names::left;
use super::{Decision, Sequencer};
use crate::command::{Count, Failure, Movement, Refusal};
use crate::event::{Cause, Counted, Event, Moved, MovementKind};
use crate::ids::{LocationId, SkuId, Timestamp};
use crate::level::{CORRECTED_ON_HAND_MIN, ON_HAND_RANGE, StockChange, StockLevel};

/// How far ahead of the log a caller's clock may be, in seconds; what carries its time then happens now.
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
        let by = Cause::caller(cause.as_deref());
        let (mut rows, mut receipts) = (Vec::with_capacity(movements.len()), Vec::new());
        // Bounded by the rows of the request.
        for (at, movement) in movements.into_iter().enumerate() {
            let field = |name: &str| format!("movements[{at}].{name}");
            let sku = self.draft.make_up_sku(&movement.sku, by, &|| field("sku"))?;
            let location = self.draft.make_up_location(&movement.location, by, &|| field("location"))?;
            let is_sale = movement.kind == MovementKind::Sale;
            let told_at = match movement.occurred_at {
                // A till is never refused, however wrong its clock is.
                Some(time) if is_sale => Some(time).filter(|time| *time <= self.draft.now),
                Some(time) => self.if_past(time, || field("occurred_at"))?,
                None => None,
            };
            let now = self.draft.now;
            let cell = self.draft.cell(sku, location);
            let created = !cell.exists;
            // A count knows of what happened up to it. What carries no time of its own happens now, after every count.
            let counted = told_at.is_some_and(|time| time <= cell.counted_at);
            let occurred_at = told_at.unwrap_or(now.after_count(cell.counted_at));
            let before = cell.level;
            let (level, absorbed) = match before.checked_add(StockChange::bring(movement.change)) {
                _ if counted => (before, true),
                Some(level) if is_sale || !is_overcorrected(before, level) => (level, false),
                // The cell is as low as it goes, and a till is never refused: the sale stands in the log, and the next
                // count says what is there.
                None if is_sale => (before, true),
                Some(_) => return Err(overcorrected(field("quantity"))),
                None => return Err(out_of_range(field("quantity"))),
            };
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
        let by = Some(Cause::caller(cause.as_deref()));
        let mut rows = Vec::with_capacity(counts.len());
        // Bounded by the rows of the request.
        for (at, count) in counts.iter().enumerate() {
            let field = |name: &str| format!("counts[{at}].{name}");
            match self.count_one(count, by, &field)? {
                CountVerdict::Counted { counted, .. } => rows.push(counted),
                CountVerdict::Unchanged => {
                    let (sku, location) = self.counted(count, by, &field)?;
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

    /// The cell that a count is of. Names that nobody knows are made up by a caller, or created by whoever imports.
    fn counted(
        &mut self,
        count: &Count,
        by: Option<u64>,
        field: &dyn Fn(&str) -> String,
    ) -> Result<(SkuId, LocationId), Failure> {
        let Count { sku, location, .. } = count;
        match by {
            Some(by) => Ok((
                self.draft.make_up_sku(sku, by, &|| field("sku"))?,
                self.draft.make_up_location(location, by, &|| field("location"))?,
            )),
            None => Ok((
                self.draft.intern_sku(sku).ok_or_else(|| left::others(&field("sku")))?,
                self.draft.intern_location(location).ok_or_else(|| left::locations(&field("location")))?,
            )),
        }
    }

    /// Decides one count and applies it to the draft. Who is not allowed to create names makes them up, as `by`.
    pub(super) fn count_one(
        &mut self,
        count: &Count,
        by: Option<u64>,
        field: &dyn Fn(&str) -> String,
    ) -> Result<CountVerdict, Failure> {
        let (sku, location) = self.counted(count, by, field)?;
        let told_at = match count.counted_at {
            Some(time) => self.if_past(time, || field("counted_at"))?,
            None => None,
        };
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

    /// A caller's time, if it is not ahead of the log. Nobody has seen what is still to be: what carries a time of a clock
    /// that is a little fast carries none of its own, and happens now, so that it swallows nothing that comes after it and
    /// is swallowed by nothing that came before.
    fn if_past(&self, time: Timestamp, field: impl Fn() -> String) -> Result<Option<Timestamp>, Failure> {
        // Where the log is held back, the clock may be right nevertheless.
        if time > self.draft.now.plus_seconds(CLOCK_SKEW_SECONDS_MAX).plus_millis(self.held_back_ms) {
            let reason = format!("is more than {CLOCK_SKEW_SECONDS_MAX} seconds in the future");
            return Err(Refusal::invalid(field(), reason).into());
        }
        Ok(Some(time).filter(|time| *time <= self.draft.now))
    }
}

/// Whether a correction leads lower than corrections may.
fn is_overcorrected(before: StockLevel, after: StockLevel) -> bool {
    after.on_hand < before.on_hand && i64::from(after.on_hand) < CORRECTED_ON_HAND_MIN
}

fn overcorrected(field: String) -> Failure {
    let reason = format!("the cell's on_hand would fall below {CORRECTED_ON_HAND_MIN}, and only sales lead lower");
    Refusal::invalid(field, reason).into()
}

fn out_of_range(field: String) -> Failure {
    let (low, high) = (ON_HAND_RANGE.start(), ON_HAND_RANGE.end());
    Refusal::invalid(field, format!("the cell's on_hand would leave {low} to {high}")).into()
}
