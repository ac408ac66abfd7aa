//! The fold: applies records to the durable view, live and in replay alike.
//!
//! Each effect is folded by the subject that owns it, whichever subject logged it. A fold decides nothing, reads no
//! clock, and is idempotent: levels are absolute, and accumulated values carry the `seq` of their last change. A
//! [`Folder`] is created once, together with its view: it owns the writers of all subjects, and the journal thread owns
//! it.

use crate::catalogue::Catalogue;
use crate::effect::{At, Described, Effect, Naming, Step, Tell};
use crate::event::{Event, Record};
use crate::hash::{self, Part, Sums};
use crate::ids::Timestamp;
use crate::kernel::idempotency::{Done, KeptKeys, tag_of};
use crate::matrix::MatrixWriter;
use crate::own_store::OwnStore;
use crate::reservations::Progress;
use crate::settings::Settings;
use crate::state::DurableState;
use crate::{carts, catalogue, orders, receipts, reservations, rules, stock, supply};

/// The single writer of a [`DurableState`]: the writers of its subjects.
#[derive(Debug)]
pub(crate) struct Folder {
    pub stock: stock::fold::Writer,
    pub reservations: reservations::fold::Writer,
}

impl AsRef<MatrixWriter> for Folder {
    fn as_ref(&self) -> &MatrixWriter {
        &self.stock.cells
    }
}

impl Folder {
    /// Creates an empty view and its writer.
    pub fn of_new_state(settings: &Settings) -> (DurableState, Self) {
        let (state, cells) = DurableState::new(settings);
        let (stock, reservations) = (stock::fold::Writer::new(cells), reservations::fold::Writer::default());
        (state, Self { stock, reservations })
    }

    /// Applies `record`.
    // A separate function, so that `anaquel-bench instructions` can count it.
    #[inline(never)]
    pub fn fold(&mut self, state: &DurableState, record: &Record) {
        let at = record.at();
        record.event.tell(&mut Folding { folder: self, state, at });
        fold_own(state, record);
        self.reservations.end_record(state, at.seq);
        fold_key(state, at);
        state.set_last_time(at.time);
    }

    /// Drops keys after their retention, and closed reservations after theirs or beyond their limit, a bounded number
    /// at a time.
    pub fn forget(&mut self, state: &DurableState, now: Timestamp, keys_before: Timestamp, closed_before: Timestamp) {
        state.idempotency.forget(keys_before);
        self.reservations.forget(state, now, closed_before);
    }

    /// Inside a fold of what another node decided: nothing is in flight here, so the promise words of the cells that
    /// `record` changed equal their durable words.
    pub fn level_promises(&mut self, state: &DurableState, record: &Record) {
        record.event.effects(|effect| {
            if let Effect::Cell(cell, _) = effect {
                self.stock.level_promise(state, cell);
            }
        });
    }

    /// Only before serving: nothing is in flight, so the promise words equal the log.
    pub fn rebuild_promises(&mut self, state: &DurableState) {
        self.stock.rebuild_promises(state);
        state.reservations.restored();
    }
}

/// One record that is being folded.
struct Folding<'f> {
    folder: &'f mut Folder,
    state: &'f DurableState,
    at: At<'f>,
}

impl<'a> Tell<'a> for Folding<'_> {
    // Inlined at each call site: the kind of effect is known there, and the rest is removed.
    #[inline(always)]
    fn tell(&mut self, effect: Effect<'a>) {
        let Self { folder, state, at } = self;
        let (state, at) = (*state, *at);
        match effect {
            Effect::Cell(cell, counted_at) => folder.stock.cell(state, cell, counted_at),
            Effect::Promise(Step::Made(made)) => folder.reservations.made(state, at, made),
            Effect::Promise(step) => {
                if let Some(id) = step.reservation() {
                    folder.reservations.change(state, id, at, Progress::Step(step));
                }
            }
            Effect::HandedOver(row, line, left) => stock::fold::handed_over(state, at, row, line, left),
            Effect::Moved(row, moved) => stock::fold::moved(state, at, row, moved),
            Effect::Counted(row, counted) => stock::fold::counted(state, at, row, counted),
            Effect::CountsConfirmed(confirmed) => stock::fold::counts_confirmed(&mut folder.stock, state, confirmed),
            Effect::Shortage(cell, grew) => stock::fold::shortage(state, cell, grew),
            Effect::Filled(fills) => {
                for of_one in fills.chunk_by(|a, b| a.reservation == b.reservation) {
                    if let Some(first) = of_one.first() {
                        folder.reservations.change(state, first.reservation, at, Progress::Filled(of_one));
                    }
                }
            }
            Effect::Dated(rows) => {
                for of_one in rows.chunk_by(|a, b| a.reservation == b.reservation) {
                    if let Some(first) = of_one.first() {
                        folder.reservations.change(state, first.reservation, at, Progress::Dated(of_one));
                    }
                }
            }
            Effect::Inbound(inbound) => supply::fold::inbound(state, at, inbound),
            Effect::Rules(change) => rules::fold::change(state, at, change),
            Effect::Names(naming) => fold_names(folder, state, at, naming),
            Effect::Described(described) => fold_described(folder, state, at, described),
            Effect::Refused(..) => {}
            Effect::Receipt(issued) => receipts::fold::issued(state, issued),
            Effect::Cart(ordered) => carts::fold::ordered(state, at, ordered),
            Effect::Order(before, stepped) => orders::fold::step(state, at, before, stepped),
            Effect::Sales(rows) => orders::fold::rows(state, rows),
        }
    }
}

/// Generates the fold of data that only an event's own subject stores.
macro_rules! folds {
    (effects: $($effects:ident),*; own: $($module:ident $event:ident,)*) => {
        #[inline]
        fn fold_own(_state: &DurableState, record: &Record) {
            match &record.event {
                $(Event::$event(event) => crate::$module::fold::fold(_state, record.at(), event),)*
                $(Event::$effects(_) => {})*
            }
        }
    };
}

crate::subjects::stores!(folds);

/// Out of line, because names change rarely and the fold of a cell is on the way of every write.
#[cold]
#[inline(never)]
fn fold_names(folder: &mut Folder, state: &DurableState, at: At<'_>, naming: Naming<'_>) {
    if let Naming::Retired(names) = naming {
        state.own.fold_retired(&state.catalogue, names, at.seq);
    }
    catalogue::fold::names(&mut folder.stock, state, at, naming);
}

/// Out of line, as [`fold_names`].
#[cold]
#[inline(never)]
fn fold_described(folder: &mut Folder, state: &DurableState, at: At<'_>, described: Described<'_>) {
    catalogue::fold::described(&mut folder.stock, state, at, described);
    if let Described::Groups(_) = described {
        state.own.fold_groups();
    }
}

fn fold_key(state: &DurableState, at: At<'_>) {
    let Some(cause) = at.cause else { return };
    let Some(key) = &cause.idempotency else { return };
    state.idempotency.complete(key.scope, cause.caller, at.seq, at.time);
}

/// Restores a kept key from a checkpoint of formats 1 to 3, which do not contain its caller.
pub(crate) fn restore_key(state: &DurableState, scope: u128, done: Done) {
    state.idempotency.restore(tag_of(scope), 0, done.seq, done.time);
}

/// Restores kept keys from a checkpoint.
pub(crate) fn restore_keys(state: &DurableState, page: &KeptKeys) {
    state.idempotency.restore_page(page);
}

/// The state hash of everything.
impl DurableState {
    /// The state hash, computed from scratch: what the running hash must equal. Reads everything.
    pub fn hash_anew(&self) -> Sums {
        let mut sums = Sums::default();
        let mut put = |part, digest| sums.add(part, digest);
        self.catalogue.digest(&mut put);
        self.own.digest(&self.catalogue, &mut put);
        for standing in self.rules.all().iter().flatten() {
            rules::fold::digest(self, standing, &mut put);
        }
        for ((sku, location), outlook) in self.ledger().outlooks(None) {
            outlook
                .supplies()
                .iter()
                .for_each(|supply| put(Part::Supply, supply::fold::digest(self, sku, location, supply)));
        }
        let Catalogue { skus, locations, .. } = &self.catalogue;
        for (_, cell) in self.matrix.range(0, self.cells()) {
            if skus.is_retired(cell.sku()) || locations.is_retired(cell.location()) {
                continue;
            }
            let at = self.catalogue.place(cell.sku(), cell.location());
            let level = cell.durable();
            if self.catalogue.is_tracked(cell.sku()) {
                let digest = hash::stock(at, level.on_hand, cell.safety_stock(), cell.counted_at());
                put(stock::fold::part_of(cell.safety_stock()), digest);
            }
            put(Part::Reserved, hash::reserved(at, level));
        }
        for open in self.reservations.open_ones() {
            put(Part::Reservations, hash::reservation(open.id, open.version, open.outstanding()));
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::LocationDetails;
    use crate::catalogue::SkuDetails;
    use crate::event::Event;
    use crate::event::{CellAfter, Definitions};
    use crate::ids::GroupId;
    use crate::ids::{LocationId, Name, SkuId};
    use crate::level::{IN_QUARANTINE, StockLevel};
    use crate::{catalogue, stock};

    /// A checkpoint is written while the journal goes on, so what is replayed on it may be older than what it holds.
    #[test]
    fn what_a_checkpoint_knows_of_names_that_go_and_come_back_counts_once() {
        let name = |text: &str| Name::parse(text).expect("a name");
        let (sku, shop) = ((SkuId(0), name("A")), (LocationId(0), name("s1")));
        let inside = (LocationId(1), name("quarantine:s1"));
        let of_sku = || Box::new(Definitions { skus: vec![sku.clone()], ..Definitions::default() });
        let of_shop =
            || Box::new(Definitions { locations: vec![shop.clone(), inside.clone()], ..Definitions::default() });
        let all = Definitions { groups: vec![(GroupId(0), name("g"))], skus: vec![sku.clone()], ..*of_shop() };
        let counted = |location: LocationId, safety_stock: u32, time: u64| {
            let level = StockLevel { on_hand: 0, reserved: 0 };
            Event::Stock(stock::event::Event::Counted(vec![crate::stock::movement::Counted {
                counted: 0,
                expected: 0,
                counted_at: Timestamp(time),
                outdated: false,
                created: false,
                cell: CellAfter { sku: sku.0, location, level, safety_stock },
            }]))
        };
        let details = || SkuDetails { gtin: Some("4006381333931".into()), ..SkuDetails::default() };
        let declared = || Event::Catalogue(catalogue::event::Event::SkusSet(vec![(sku.0, details())]));
        let placed =
            || Event::Catalogue(catalogue::event::Event::LocationsSet(vec![(shop.0, LocationDetails::default())]));
        let events = vec![
            Event::Catalogue(catalogue::event::Event::Defined(Box::new(all))),
            declared(),
            placed(),
            Event::Catalogue(catalogue::event::Event::QuarantinesMade(vec![(inside.0, shop.0)])),
            counted(shop.0, 3, 5),
            counted(inside.0, IN_QUARANTINE, 6),
            Event::Catalogue(catalogue::event::Event::Retired(of_shop())),
            Event::Catalogue(catalogue::event::Event::Retired(of_sku())),
            Event::Catalogue(catalogue::event::Event::Revived(of_shop())),
            placed(),
            counted(shop.0, 3, 5),
            Event::Catalogue(catalogue::event::Event::Revived(of_sku())),
            declared(),
            counted(shop.0, 4, 7),
            Event::Catalogue(catalogue::event::Event::Retired(of_sku())),
            Event::Catalogue(catalogue::event::Event::Retired(of_shop())),
        ];
        let record = |(seq, event)| Record { seq, time: Timestamp(seq), cause: None, event };
        let records: Vec<Record> = (1..).zip(events).map(record).collect();
        for end in 0..=records.len() {
            for from in 0..=end {
                let (state, mut folder) = Folder::of_new_state(&Settings::default());
                let (until, again) = (records.iter().take(end), records.iter().skip(from).take(end - from));
                until.for_each(|record| folder.fold(&state, record));
                let once = state.hash.sums();
                assert_eq!(state.hash_anew(), once, "up to {end}");
                again.for_each(|record| folder.fold(&state, record));
                assert_eq!((state.hash.sums(), state.hash_anew()), (once, once), "up to {end}, again from {from}");
            }
        }
        let (state, mut folder) = Folder::of_new_state(&Settings::default());
        records.iter().for_each(|record| folder.fold(&state, record));
        // What is left are things that nobody declared, and cells that nobody sees.
        assert_eq!(state.hash.sums(), Sums::default());
    }
}
