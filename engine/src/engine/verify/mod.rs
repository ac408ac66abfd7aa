//! The proof: replays the log with a second, simpler implementation, and checks every promise at every record.
//!
//! The auditor below shares the format of events with the engine and nothing else: it keeps plain maps, adds up
//! quantities by itself, and compares the levels that the log states with its own. At every record it holds that
//! - no promise was made of a unit that was not there and free above what the rules in force, the safety stock and the
//!   channel's buffer held back, nor through a channel that might not sell it,
//! - every stated level is what the quantities lead to,
//! - no unit was promised that is to come beyond what comes by then or is allowed, what came went to those who waited
//!   longest, and no day of a location took on more orders than it does,
//! - no unit was handed over or given back twice, and no step was taken that the lifecycle does not allow,
//! - a cell's `reserved` is the sum of what its reservations have outstanding and is there,
//! - of a SKU that nobody counts a cell holds exactly what is promised of it,
//! - the numbers of every series have no hole, and the chain of every issuer is that of what its receipts say,
//! - what the archive has is what left, and what came back is what the archive has.
//!
//! A log whose beginning was trimmed cannot be proven from nothing; then the auditor starts from the checkpoint, and says so.

mod archive;
mod error;

use std::collections::BTreeMap;
use std::path::Path;

use crate::audit::{Books, Stated};
use crate::effect::{At, Described, Effect, Inbound, Naming};
use crate::engine::directory::DataDirectory;
use crate::engine::recovery::{Reading, StartReport, recover};
use crate::event::{Event, Record};
use crate::hash::Sums;
use crate::ids::{Epoch, Seq};
use crate::journal::{self, Batch, LogOptions};
use crate::settings::Settings;
use crate::state::DurableState;
use crate::{carts, catalogue, orders, receipts, reservations, stock};

/// The result of a successful audit.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The identity of the log.
    pub epoch: Epoch,
    /// The last record.
    pub seq: Seq,
    /// Records checked one by one.
    pub records_checked: u64,
    /// The `seq` of the checkpoint that the check starts from; 0 for the whole log.
    pub checked_after: Seq,
    /// Cells.
    pub cells: u64,
    /// Open reservations.
    pub open_reservations: u64,
    /// Promised units.
    pub reserved: u64,
    /// Cells that are short.
    pub shortages: u64,
    /// What the start found.
    pub report: StartReport,
    /// The state hash, as a running server at the same `seq` shows it.
    pub state_hash: String,
    /// The same, by part.
    pub sums: Sums,
    /// Records that kept less than what is held back, if that is allowed.
    pub floor_kept_too_little: Vec<Seq>,
    /// What the archive has.
    pub archived: Archived,
}

pub use archive::Archived;
pub use error::VerifyError;

/// Faults of earlier builds that a log may contain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowances {
    /// Records that left less available than safety stock and buffers hold back; the units existed and were available.
    pub floor_kept_too_little: bool,
}

/// The second implementation.
#[derive(Debug, Default)]
pub struct Auditor {
    books: Books,
    next_seq: Option<Seq>,
    records: u64,
}

impl Auditor {
    /// An auditor that notes records with this fault, and continues.
    pub fn that_notes_low_floors() -> Self {
        Self { books: Books { notes_low_floors: true, ..Books::default() }, ..Self::default() }
    }

    /// The noted records.
    pub fn low_floors(&self) -> &[Seq] {
        &self.books.low_floors
    }

    /// Starts from a checkpoint instead of from nothing.
    fn start_from(&mut self, state: &DurableState, seq: Seq) {
        self.books.start_from(state);
        self.next_seq = Some(seq + 1);
    }

    /// Checks one record against all earlier ones.
    ///
    /// # Errors
    /// What is wrong, with both numbers.
    pub fn check(&mut self, record: &Record) -> Result<(), String> {
        let expected = self.next_seq.unwrap_or(1);
        if record.seq != expected {
            return Err(format!("record {expected} should come here"));
        }
        self.next_seq = Some(record.seq + 1);
        self.records += 1;
        self.books.seq = record.seq;
        self.books.supply.next_record();
        let mut stated: Stated = BTreeMap::new();
        record.event.effects(|effect| {
            if let Effect::Cell(cell, _) = effect {
                stated.insert((cell.sku, cell.location), *cell);
            }
        });
        let mut verdict = Ok(());
        record.event.effects(|effect| {
            if verdict.is_ok() {
                verdict = check_effect(&mut self.books, record.at(), effect);
            }
        });
        verdict?;
        check_own(&mut self.books, record)?;
        // For any event: the stated level of each cell must follow from the quantities.
        for ((sku, location), cell) in &stated {
            let level = self.books.level((*sku, *location));
            if level != cell.level {
                return Err(format!(
                    "a record states {:?} for a cell, and the quantities lead to {level:?}",
                    cell.level
                ));
            }
        }
        Ok(())
    }

    /// Compares the books with the engine's own fold of the log, with nothing in flight.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, state: &DurableState) -> Result<(), String> {
        self.books.compare(state)
    }
}

/// Generates the checks of data that only an event's own subject stores.
macro_rules! checks {
    (effects: $($effects:ident),*; own: $($module:ident $event:ident,)*) => {
        fn check_own(_books: &mut Books, record: &Record) -> Result<(), String> {
            match &record.event {
                $(Event::$event(event) => crate::$module::audit::check(_books, record.at(), event),)*
                $(Event::$effects(_) => Ok(()),)*
            }
        }
    };
}

crate::subjects::stores!(checks);

fn check_effect(books: &mut Books, at: At<'_>, effect: Effect<'_>) -> Result<(), String> {
    match effect {
        // Compared with the result of the other effects, once all of them are known.
        Effect::Cell(..) => Ok(()),
        Effect::Moved(_, row) => stock::audit::moved(books, row),
        Effect::Counted(_, row) => stock::audit::counted(books, row),
        Effect::CountsConfirmed(confirmed) => {
            match confirmed.cells.iter().find(|cell| !books.cells.contains_key(cell)) {
                Some(_) => Err("a count confirmed a cell that does not exist".into()),
                None => Ok(()),
            }
        }
        Effect::Shortage(cell, grew) => stock::audit::shortage(books, cell, grew),
        // Checked with the step that collected them.
        Effect::HandedOver(..) => Ok(()),
        Effect::Promise(step) => reservations::audit::step(books, at, step),
        Effect::Filled(fills) => reservations::audit::filled(books, fills),
        Effect::Dated(rows) => rows.iter().try_for_each(|row| books.supply.check_dated(row, at.time)),
        Effect::Inbound(Inbound::Set(rows)) => {
            books.supply.set(rows);
            rows.iter().try_for_each(|row| {
                let level = books.level((row.cell.sku, row.cell.location));
                books.state_level(&row.cell, level.on_hand.into(), level.reserved.into())
            })
        }
        Effect::Inbound(Inbound::Used(used, rows)) => books.supply.check_used(used, rows),
        Effect::Rules(change) => books.rules.change_rules(at, change),
        Effect::Names(naming) => {
            if let Naming::Retired(names) = naming {
                books.own.prices.retired(&names.skus);
            }
            catalogue::audit::names(books, naming)
        }
        Effect::Described(described) => {
            match described {
                Described::Tracking(rows) => catalogue::audit::check_tracking(books, rows)?,
                Described::Trading(rows) => catalogue::audit::check_trading(books, rows)?,
                Described::Skus(_)
                | Described::Locations(_)
                | Described::Services(_)
                | Described::Hours(_)
                | Described::Groups(_)
                | Described::Channels(_) => {}
            }
            books.rules.describe(described);
            Ok(())
        }
        Effect::Refused(..) => Ok(()),
        Effect::Receipt(issued) => receipts::audit::issued(books, at, issued),
        Effect::Cart(ordered) => carts::audit::ordered(books, ordered),
        Effect::Order(_, stepped) => orders::audit::check_step(books, at, stepped),
        // Checked with the return that logged them.
        Effect::Sales(_) => Ok(()),
    }
}

/// Replays the log in `directory` and checks it, record by record.
///
/// # Errors
/// The first violation, or why the log is unreadable.
pub fn verify(directory: &Path, allowances: Allowances) -> Result<Proof, VerifyError> {
    let directory = DataDirectory::open_existing(directory)?;
    let mut auditor = Auditor::that_notes_low_floors();
    let mut violation = None;
    let mut checked_after = 0;
    let mut recalls = archive::Recalls::default();
    let (state, _, journal, report) = recover(
        &directory,
        &Settings { idempotency_bytes: u64::MAX, closed_reservation_bytes: u64::MAX, ..Settings::default() },
        LogOptions::default(),
        Reading::Whole,
        &mut |state: &DurableState, checkpoint: Option<Seq>, batch: &Batch| {
            if auditor.next_seq.is_none() && batch.first_seq > 1 {
                // The beginning was trimmed. From the end of the checkpoint on, the replayed state is exact.
                if checkpoint.is_none_or(|end_seq| batch.first_seq <= end_seq) {
                    return Ok(());
                }
                checked_after = batch.first_seq - 1;
                auditor.start_from(state, checked_after);
            }
            if violation.is_some() {
                return Ok(());
            }
            let records = journal::records(batch)?;
            for record in &records {
                recalls.note(record);
                if let Err(what) = auditor.check(record) {
                    violation = Some(VerifyError::Violation { seq: record.seq, what });
                    break;
                }
            }
            Ok(())
        },
    )?;
    if let Some(violation) = violation {
        return Err(violation);
    }
    let archived = archive::check(directory.path(), &state, journal.reader().as_ref(), recalls)?;
    drop(journal);
    let seq = state.view.seq();
    if auditor.next_seq.is_none() && seq > 0 {
        checked_after = seq;
        auditor.start_from(&state, seq);
    }
    auditor.compare(&state).map_err(|what| VerifyError::Violation { seq, what })?;
    if !auditor.books.low_floors.is_empty() && !allowances.floor_kept_too_little {
        return Err(VerifyError::FloorKeptTooLittle(auditor.books.low_floors));
    }
    let sums = state.hash.sums();
    let reserved = auditor.books.cells.values().map(|(level, _)| u64::from(level.reserved)).sum();
    Ok(Proof {
        epoch: directory.epoch(),
        seq,
        records_checked: auditor.records,
        checked_after,
        cells: auditor.books.cells.len() as u64,
        open_reservations: state.reservations.open() as u64,
        reserved,
        shortages: state.shortage_count() as u64,
        report,
        state_hash: sums.all(),
        sums,
        floor_kept_too_little: auditor.books.low_floors,
        archived,
    })
}
