//! The two replays: with the changes, and without.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::question::{Before, Question, Tallies, Tracking, WhatIfReport, at};
use super::shop::Shop;
use crate::effect::{Described, Effect, Naming};
use crate::event::Record;
use crate::ids::Seq;
use crate::journal::ReadError;
use crate::{Engine, Health};

/// Records read at once.
const RECORDS_AT_A_TIME: usize = 10_000;

impl Engine {
    /// Replays a span of the log under other rules or with other stock; `stop` ends it early, with a partial result.
    ///
    /// # Errors
    /// [`ReadError`] if the log no longer has it, or is unreadable.
    pub fn what_if(&self, question: &Question, stop: &AtomicBool) -> Result<WhatIfReport, ReadError> {
        let oldest = self.oldest();
        let visible = self.state().view.seq();
        // First pass: the state when the span began, that is every cell and every rule before its first change.
        let tracking = self.tracking(oldest.saturating_sub(1), visible, stop)?;
        let mut before = Before::default();
        let mut rule_records = Vec::new();
        self.each_record(oldest.saturating_sub(1), visible, stop, &mut |record| {
            if changes_rules(record) {
                rule_records.push(record.clone());
            }
            if question.reaches(record) {
                if before.first == 0 {
                    before.first = record.seq;
                    before.tracking = tracking.keys().map(|sku| (*sku, at(&tracking, *sku, record.seq - 1))).collect();
                }
                before.see(self.state(), record, &tracking);
            }
        })?;
        let nothing = Question { rules: Vec::new(), stock: Vec::new(), ..question.clone() };
        let mut plain = Shop::open(self.state(), &nothing, before.clone(), &rule_records);
        let mut tried = Shop::open(self.state(), question, before, &rule_records);
        let mut twice = Tallies::new();
        let mut report = WhatIfReport { oldest, ..WhatIfReport::default() };
        let until = question.until.map_or(visible, |until| until.min(visible));
        self.each_record(question.after.max(oldest.saturating_sub(1)), until, stop, &mut |record| {
            if question.reaches(record) && question.to.is_none_or(|to| record.time <= to) {
                report.first = if report.first == 0 { record.seq } else { report.first };
                report.last = record.seq;
                report.records += 1;
                plain.live(record, &mut report.actual, &mut report.replayed);
                tried.live(record, &mut twice, &mut report.what_if);
            }
        })?;
        Ok(report)
    }

    /// Changes of `tracked`, by SKU.
    fn tracking(&self, after: Seq, until: Seq, stop: &AtomicBool) -> Result<Tracking, ReadError> {
        let mut tracking = Tracking::new();
        if !self.state().catalogue.has_tracking() {
            return Ok(tracking);
        }
        self.each_record(after, until, stop, &mut |record| {
            record.event.effects(|effect| match effect {
                Effect::Described(Described::Tracking(rows)) => {
                    rows.iter().for_each(|(sku, now)| tracking.entry(*sku).or_default().push((record.seq, *now)));
                }
                // A retired SKU is tracked when it comes back.
                Effect::Names(Naming::Retired(names)) => {
                    for (sku, _) in &names.skus {
                        let known = tracking.get_mut(sku).filter(|known| known.last().is_some_and(|(_, now)| !now));
                        known.into_iter().for_each(|known| known.push((record.seq, true)));
                    }
                }
                _ => {}
            });
        })?;
        Ok(tracking)
    }

    fn each_record(
        &self,
        after: Seq,
        until: Seq,
        stop: &AtomicBool,
        visit: &mut dyn FnMut(&Record),
    ) -> Result<(), ReadError> {
        let mut at = after;
        while at < until && !stop.load(Relaxed) && self.health() != Health::Closing {
            let records = self.events(at, RECORDS_AT_A_TIME)?;
            let Some(last) = records.last() else { return Ok(()) };
            at = last.seq;
            records.iter().filter(|record| record.seq <= until).for_each(&mut *visit);
        }
        Ok(())
    }
}

/// Whether a record changes rules.
fn changes_rules(record: &Record) -> bool {
    let mut changes = false;
    record.event.effects(|effect| changes |= matches!(effect, Effect::Rules(_)));
    changes
}
