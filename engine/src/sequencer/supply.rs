//! Deciding what is to come: setting supply, promising it, using it up, and giving what came to those who waited.
//!
//! What comes goes to promises in the order in which they were made. A receipt fills them in its own record; whatever
//! else frees units fills those that no supply covers, in a record right behind. So nobody slips in between.

use std::collections::BTreeMap;

use super::draft::Answer;
use super::plan::Plan;
use super::{Decision, Sequencer, no_ids_left};
use crate::command::{Failure, Refusal, SupplyFields};
use crate::event::{Cause, Event, Few, Fill, Moved, SupplySet, SupplyUsed};
use crate::ids::{LocationId, Name, SkuId, Timestamp};
use crate::level::StockChange;
use crate::supply::{Grant, Outlook};

/// Supplies set so far by a command, which what follows in it must see.
pub(super) type Fresh = BTreeMap<(SkuId, LocationId, Name), SupplySet>;

/// Rows in one record that tells promises to be at risk.
const DATED_PER_RECORD: usize = 1000;

/// Lines that wait and are overdue, looked at in one batch.
pub(super) const OVERDUE_PER_BATCH: usize = 4096;

impl Sequencer {
    /// Sets supplies, all or none.
    pub(super) fn put_supply(&mut self, rows: &[SupplyFields], cause: &mut Option<Box<Cause>>) -> Decision {
        let mut set = Fresh::new();
        for (at, row) in rows.iter().enumerate() {
            let field = |name: &str| format!("supplies[{at}].{name}");
            let sku = self.draft.intern_sku(&row.sku).ok_or_else(|| no_ids_left(&field("sku")))?;
            let location = self.draft.intern_location(&row.location).ok_or_else(|| no_ids_left(&field("location")))?;
            if let Some(supply) = self.describe_supply(row, sku, location, &set, &field)? {
                set.insert((sku, location, row.name.clone()), supply);
            }
        }
        if set.is_empty() && !self.draft.has_definitions() {
            return Ok(Answer::Put(self.draft.builder.next_seq() - 1));
        }
        Ok(Answer::Put(self.draft.log(cause.take(), Event::SupplySet(set.into_values().collect()))))
    }

    /// The supply that a row leads to; `None` where it is what is known.
    pub(super) fn describe_supply(
        &mut self,
        row: &SupplyFields,
        sku: SkuId,
        location: LocationId,
        fresh: &Fresh,
        field: &dyn Fn(&str) -> String,
    ) -> Result<Option<SupplySet>, Failure> {
        let known = match fresh.get(&(sku, location, row.name.clone())) {
            Some(set) => Some((set.kind, set.open, set.expected_at)),
            None => {
                let supplies = self.draft.ledger.outlook(sku, location).map_or(&[][..], Outlook::supplies);
                let known = supplies.iter().find(|supply| supply.name == row.name);
                known.map(|supply| (supply.kind, supply.open, supply.expected_at))
            }
        };
        let expected_at = match (row.expected_at, known) {
            (Some(date), _) | (None, Some((_, _, date))) => date,
            (None, None) if row.quantity == 0 => self.draft.now,
            (None, None) => {
                return Err(Refusal::invalid(field("expected_at"), "is needed while units are to come").into());
            }
        };
        let is_known = match known {
            Some(known) => known == (row.kind, row.quantity, expected_at),
            None => row.quantity == 0,
        };
        if is_known {
            return Ok(None);
        }
        let SupplyFields { name, kind, quantity: open, .. } = row;
        self.draft.touch(sku, location);
        let cell = self.draft.cell_after(sku, location);
        Ok(Some(SupplySet { name: name.clone(), kind: *kind, open: *open, expected_at, cell }))
    }

    /// What of `units` more may be promised in a cell by `latest`, beyond the plan.
    pub(super) fn grant_to_come(
        &mut self,
        plan: &Plan,
        sku: SkuId,
        location: LocationId,
        units: u32,
        latest: Timestamp,
    ) -> Option<Grant> {
        if self.draft.gate(&plan.book, sku, location, plan.channel).terms().is_denied() {
            return None;
        }
        let (catalogue, now) = (&self.state.catalogue, self.draft.now);
        let allowances = plan.book.allowances(catalogue, sku, location, Some(plan.channel), now);
        let none = Outlook::default();
        let outlook = self.draft.ledger.outlook(sku, location).unwrap_or(&none);
        outlook.promise(units, latest, now, &allowances, plan.waiting(sku, location))
    }

    /// Uses up the earliest supply of a cell for what came; tells of which.
    pub(super) fn use_up_supply(&self, sku: SkuId, location: LocationId, came: u32, used: &mut Vec<SupplyUsed>) {
        let mut left = came;
        let supplies = self.draft.ledger.outlook(sku, location).map_or(&[][..], Outlook::supplies);
        for supply in supplies {
            // Rows before this one of the same record may have used some of it.
            let known = |of: &&mut SupplyUsed| (of.sku, of.location, &of.name) == (sku, location, &supply.name);
            match used.iter_mut().find(known) {
                Some(before) => {
                    let quantity = left.min(before.open);
                    before.quantity += quantity;
                    before.open -= quantity;
                    left -= quantity;
                }
                None if left > 0 => {
                    let quantity = left.min(supply.open);
                    let (name, open) = (supply.name.clone(), supply.open - quantity);
                    used.push(SupplyUsed { name, sku, location, quantity, open });
                    left -= quantity;
                }
                None => {}
            }
        }
    }

    /// Gives up to `units` of a cell to those who wait for it, the first first, after what the record gave already.
    pub(super) fn fill(&mut self, sku: SkuId, location: LocationId, units: u32, fills: &mut Vec<Fill>) {
        let Some(outlook) = self.draft.ledger.outlook(sku, location) else { return };
        let mut before: BTreeMap<_, u32> = BTreeMap::new();
        for fill in fills.iter().filter(|fill| is_of(fill, sku, location)) {
            *before.entry((fill.reservation, fill.line)).or_default() += fill.quantity;
        }
        let mut left = units;
        let mut mine = Vec::new();
        for (reservation, line, waiting) in outlook.waits() {
            if left == 0 {
                break;
            }
            let filled = before.get(&(reservation, line)).copied().unwrap_or(0);
            let quantity = (waiting.units - filled).min(left);
            if quantity > 0 {
                mine.push((reservation, line, quantity));
                left -= quantity;
            }
        }
        let given = units - left;
        let level = self.draft.cell(sku, location).level.checked_add(StockChange::reserve(given));
        let level = level.expect("what is given is free");
        self.draft.set_level(sku, location, level);
        let cell = self.draft.cell_after(sku, location);
        for (reservation, line, quantity) in mine {
            // Known to the draft, so that it hears of the record.
            let _ = self.draft.reservation(reservation);
            fills.push(Fill { reservation, line, quantity, cell });
        }
    }

    /// Logs movements, with the supply that they use up and the promises that they fill. `receipts` are the cells to which
    /// something came, with the units, and whether it was known to come.
    pub(super) fn log_moved(
        &mut self,
        cause: &mut Option<Box<Cause>>,
        rows: Vec<Moved>,
        receipts: &[(SkuId, LocationId, u32, bool)],
    ) -> Decision {
        let (mut used, mut fills) = (Vec::new(), Vec::new());
        for (sku, location, came, unplanned) in receipts {
            let Some(outlook) = self.draft.ledger.outlook(*sku, *location) else { continue };
            let filled: u32 =
                fills.iter().filter(|fill: &&Fill| is_of(fill, *sku, *location)).map(|f| f.quantity).sum();
            let waiting = outlook.waiting().saturating_sub(filled.into());
            let wanted = if *unplanned { outlook.uncovered().min(waiting) } else { waiting };
            if !unplanned {
                self.use_up_supply(*sku, *location, *came, &mut used);
            }
            let free = self.draft.cell(*sku, *location).level.free().clamp(0, i64::from(*came)) as u64;
            let units = wanted.min(free) as u32;
            if units > 0 {
                self.fill(*sku, *location, units, &mut fills);
            }
        }
        // Every cell as it is after the whole event.
        for fill in &mut fills {
            fill.cell = self.draft.cell_after(fill.cell.sku, fill.cell.location);
        }
        let event = if used.is_empty() && fills.is_empty() {
            Event::Moved(rows)
        } else {
            Event::Received(Box::new(crate::event::Received { rows, used, fills }))
        };
        Ok(Answer::Record(self.draft.log(cause.take(), event)))
    }

    /// What the command freed goes to those for whom nothing is to come.
    pub(super) fn fill_uncovered(&mut self) {
        if !self.draft.ledger.has_outlooks() {
            return;
        }
        let mut fills = Vec::new();
        for (sku, location, gained) in self.draft.gained() {
            let Some(outlook) = self.draft.ledger.outlook(sku, location) else { continue };
            let units = outlook.uncovered().min(gained.into()) as u32;
            if units > 0 {
                self.fill(sku, location, units, &mut fills);
            }
        }
        if !fills.is_empty() {
            self.draft.log(None, Event::Filled(fills));
        }
    }

    /// Tells which promises are at risk, and which no longer are, where the command changed what is to come.
    pub(super) fn date_waits(&mut self) {
        for (sku, location) in self.draft.take_redated() {
            self.date_waits_of(sku, location);
        }
    }

    fn date_waits_of(&mut self, sku: SkuId, location: LocationId) {
        let Some(outlook) = self.draft.ledger.outlook(sku, location) else { return };
        let rows = outlook.redated(sku, location, self.draft.now);
        for chunk in rows.chunks(DATED_PER_RECORD) {
            for row in chunk {
                let _ = self.draft.reservation(row.reservation);
            }
            self.draft.log(None, Event::WaitsDated(chunk.to_vec()));
        }
    }

    /// Promises whose date has passed are at risk.
    pub(super) fn date_overdue(&mut self) {
        for (sku, location) in self.draft.ledger.overdue(self.draft.now, OVERDUE_PER_BATCH) {
            self.date_waits_of(sku, location);
            self.settle(None, None, Few::new());
        }
    }
}

fn is_of(fill: &Fill, sku: SkuId, location: LocationId) -> bool {
    (fill.cell.sku, fill.cell.location) == (sku, location)
}
