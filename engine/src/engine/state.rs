//! Everything that the durable log says, in memory, and the one way it gets there: [`Folder::fold`].
//!
//! Live, a batch is folded when it is durable; after a restart the same function folds what is replayed. It stores what
//! events say and decides nothing. Replaying a record that an image already knew changes nothing: levels are absolute,
//! and what accumulates carries the `seq` of its last change.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use rustc_hash::FxHashMap;

use crate::catalogue::places::PlaceTable;
use crate::catalogue::{Catalogue, SkuDetails};
use crate::demand::DemandRates;
use crate::demand::lost::Lost;
use crate::effect::{At, Described, Effect, Inbound, Made, Naming, RuleChange, Step};
use crate::engine::hash::{self, Part, StateHash, Sums};
use crate::engine::idempotency::{Done, IdempotencyTable, KeptKeys, tag_of};
use crate::event::{CellAfter, Counted, Definitions, LineChange, Moved, MovementKind, Record};
use crate::ids::{ChannelId, LocationId, Name, ReservationId, Seq, SkuId, Timestamp};
use crate::level::{IN_QUARANTINE, StockLevel};
use crate::matrix::{Arena, CellId, Matrix, MatrixWriter};
use crate::reservations::deadlines::Deadlines;
use crate::reservations::ledger::{CameKey, Counted as QuotaCount, Ledger, Shift, Used};
use crate::reservations::{Closed, Progress, Reservation, ReservationStore};
use crate::rules::{Book, RuleId, RuleTable, Standing};
use crate::settings::Budget;
use crate::settings::Settings;
use crate::stock::movements::RecentMovements;
use crate::supply::{Came, Supply};
use crate::view::DurableView;

/// What one request may cost, as far as admission and readers have to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Of a plan.
    pub budget: Budget,
    /// Locations that the groups of all lines of a promise have together.
    pub group_cells: usize,
    /// Lines that wait for one cell.
    pub cell_waits: usize,
}

impl From<&Settings> for Bounds {
    fn from(settings: &Settings) -> Self {
        let budget = Budget { looks: settings.plan_looks_max, promises: settings.plan_promises_max };
        let (group_cells, cell_waits) = (settings.reservation_group_cells_max, settings.cell_waits_max);
        Self { budget, group_cells, cell_waits }
    }
}

/// The durable view of everything. Reads use it alone; only the journal thread writes it.
#[derive(Debug)]
pub struct State {
    /// Which `seq` it shows.
    pub view: DurableView,
    /// Stock.
    pub matrix: Matrix,
    /// Names and details.
    pub catalogue: Catalogue,
    /// What stands between stock and promises.
    pub rules: RuleTable,
    /// Promises.
    pub reservations: ReservationStore,
    /// Requests that had an effect.
    pub idempotency: IdempotencyTable,
    /// Where things are, and when people work there.
    pub places: PlaceTable,
    /// How fast things sell.
    pub rates: DemandRates,
    /// What was refused since it was last noted.
    pub lost: Lost,
    /// What is promised on terms, counted.
    ledger: RwLock<Ledger>,
    /// Whether there ever was anything in it: whoever is refused need not take its lock where there was not.
    has_terms: AtomicBool,
    /// What moved since the last counts.
    pub movements: RecentMovements,
    /// Who made which of the reservations that are open, where that is known.
    owners: Mutex<FxHashMap<ReservationId, u64>>,
    /// One number for everything that is served.
    pub hash: Arc<StateHash>,
    bounds: Bounds,
    /// Cells that are short, with the units that were last told to be missing.
    shortages: Mutex<BTreeMap<(SkuId, LocationId), u32>>,
    cells: AtomicU32,
    /// By location, its cells that hold or lack anything.
    stocked: Arena<AtomicU32, 10, 8>,
    last_time: AtomicU64,
}

impl State {
    /// An empty state, and the one writer of it.
    pub(crate) fn new(settings: &Settings) -> (Self, Folder) {
        let (matrix, cells) = Matrix::new();
        let (reservations, hash) = (ReservationStore::default(), Arc::<StateHash>::default());
        reservations.keep(settings.keeping());
        let state = Self {
            view: DurableView::default(),
            matrix,
            catalogue: Catalogue::new(Arc::clone(&hash)),
            rules: RuleTable::default(),
            reservations,
            idempotency: IdempotencyTable::new(settings.idempotency_bytes),
            places: PlaceTable::default(),
            rates: DemandRates::default(),
            lost: Lost::default(),
            ledger: RwLock::default(),
            has_terms: AtomicBool::new(false),
            movements: RecentMovements::default(),
            owners: Mutex::default(),
            hash,
            bounds: Bounds::from(settings),
            shortages: Mutex::default(),
            cells: AtomicU32::new(0),
            stocked: Arena::new(),
            last_time: AtomicU64::new(0),
        };
        (state, Folder::new(cells))
    }

    /// Channels that nobody declared and that nothing in memory uses, up to `limit`, with the `seq` at which that was so:
    /// no reservation that is kept, no rule. What used them since, the journal thread knows.
    pub(crate) fn unused_channels(&self, limit: usize) -> (Seq, Vec<ChannelId>) {
        let channels = &self.catalogue.channels;
        let (seq, ()) = self.view.read(|| ());
        if channels.undeclared() == 0 {
            return (seq, Vec::new());
        }
        let rules = self.rules.all().into_iter().flatten();
        let named: BTreeSet<_> = rules.flat_map(|standing| standing.rule.conditions.channels.clone()).collect();
        let unused = (0..channels.count()).map(ChannelId).filter(|id| {
            let is_made_up = channels.is_live(*id) && channels.details(*id).is_none();
            is_made_up && !named.contains(id) && !self.reservations.uses(*id)
        });
        (seq, unused.take(limit).collect())
    }

    /// What one request may cost.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Stocked cells.
    pub fn cells(&self) -> u32 {
        self.cells.load(Relaxed)
    }

    /// Cells of a location that hold or lack anything.
    pub(crate) fn stocked_at(&self, location: LocationId) -> u32 {
        self.stocked.get(location.0 as usize).map_or(0, |cells| cells.load(Relaxed))
    }

    /// The time of the last record.
    pub fn last_time(&self) -> Timestamp {
        Timestamp(self.last_time.load(Relaxed))
    }

    /// Puts back a count of a quota that an image holds.
    pub(crate) fn restore_quota(&self, counted: QuotaCount, used: Used) {
        self.change_ledger(|ledger| ledger.restore(counted, used));
    }

    /// Puts back a supply that an image holds.
    pub(crate) fn restore_supply(&self, sku: SkuId, location: LocationId, supplies: &[Supply]) {
        self.change_ledger(|ledger| ledger.restore_supply(sku, location, supplies));
        let digests = supplies.iter().map(|supply| self.digest_supply(sku, location, supply));
        digests.for_each(|digest| self.hash.change(Part::Supply, 0, digest));
    }

    /// Who made a reservation that is open; 0 where nobody knows.
    pub(crate) fn owner(&self, id: ReservationId) -> u64 {
        self.owners().get(&id).copied().unwrap_or(0)
    }

    /// Who made which, for an image.
    pub(crate) fn all_owners(&self) -> Vec<(ReservationId, u64)> {
        self.owners().iter().map(|(id, owner)| (*id, *owner)).collect()
    }

    /// Puts back who made which, as an image has it.
    pub(crate) fn restore_owners(&self, rows: Vec<(ReservationId, u64)>) {
        self.owners().extend(rows);
    }

    /// Lets go of owners whose reservations were over when an image was taken.
    pub(crate) fn forget_owners(&self) {
        let is_open = |id: &ReservationId| self.reservations.get(*id).is_some_and(|known| known.state.is_open());
        self.owners().retain(|id, _| is_open(id));
    }

    fn owners(&self) -> std::sync::MutexGuard<'_, FxHashMap<ReservationId, u64>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts back what an image says came of supplies.
    pub(crate) fn restore_came(&self, rows: &[(CameKey, Came)]) {
        self.change_ledger(|ledger| ledger.restore_came(rows));
    }

    /// Forgets what came of supplies before, a bounded number at a time.
    pub(crate) fn forget_came(&self, before: Timestamp) {
        if self.has_terms.load(Relaxed) && self.ledger().remembers_before(before) {
            self.change_ledger(|ledger| ledger.forget_came(before));
        }
    }

    /// Puts back the time of the last record that an image holds.
    pub(crate) fn restore_time(&self, time: Timestamp) {
        self.last_time.store(time.0, Relaxed);
    }

    /// Cells whose `on_hand` does not cover what is promised.
    pub fn shortages(&self) -> Vec<(SkuId, LocationId)> {
        self.short_cells().keys().copied().collect()
    }

    /// How many there are.
    pub fn shortage_count(&self) -> usize {
        self.short_cells().len()
    }

    /// The counts of what is promised on terms. Exact at one `seq` inside the durable view.
    pub fn ledger(&self) -> RwLockReadGuard<'_, Ledger> {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether units are promised in a cell whose location is open. Exact at one `seq` inside the durable view.
    pub fn has_open_promises(&self, sku: SkuId, location: LocationId) -> bool {
        self.has_terms.load(Relaxed) && self.ledger().open(sku, location).is_some()
    }

    /// Whether anything may make what a group has differ from what its cells add up to.
    pub(crate) fn has_plans(&self, book: &Book) -> bool {
        book.has_quotas() || self.has_terms.load(Relaxed)
    }

    /// Lets go of what was counted under quotas that are over, once nothing of it is open.
    fn forget_quotas(&self) {
        if self.has_terms.load(Relaxed) {
            let runs = |counted: &QuotaCount| {
                let rule = self.rules.at(counted.rule);
                rule.is_some_and(|rule| rule.in_force && rule.since == counted.since)
            };
            self.change_ledger(|ledger| ledger.forget(runs));
        }
    }

    fn change_ledger(&self, change: impl FnOnce(&mut Ledger)) {
        self.has_terms.store(true, Relaxed);
        change(&mut self.ledger.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Up to `limit` of them, in order, from the one after `after`.
    pub(crate) fn shortages_after(&self, after: Option<(SkuId, LocationId)>, limit: usize) -> Vec<(SkuId, LocationId)> {
        let from = (after.map_or(Unbounded, Excluded), Unbounded);
        self.short_cells().range(from).take(limit).map(|(cell, _)| *cell).collect()
    }

    /// The units that were last told to be missing in a cell; 0 where none are told to be.
    pub(crate) fn told_missing(&self, sku: SkuId, location: LocationId) -> u32 {
        self.short_cells().get(&(sku, location)).copied().unwrap_or(0)
    }

    fn short_cells(&self) -> std::sync::MutexGuard<'_, BTreeMap<(SkuId, LocationId), u32>> {
        self.shortages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a cell holds, as far as it is digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holding {
    level: StockLevel,
    safety_stock: u32,
    counted_at: Timestamp,
}

/// What a cell counts for: no file carries those in quarantine.
fn part_of(safety_stock: u32) -> Part {
    if safety_stock == IN_QUARANTINE { Part::Quarantine } else { Part::Stock }
}

/// The state hash of what is not the catalogue's own.
impl State {
    fn digest_supply(&self, sku: SkuId, location: LocationId, supply: &Supply) -> hash::Digest {
        hash::content::digest(&self.catalogue, Part::Supply, self.catalogue.place(sku, location).word(), supply)
    }

    /// Folds what a record says of supply. Bounded by the supplies that it names.
    fn fold_inbound(&self, at: At<'_>, inbound: Inbound<'_>) {
        let named: BTreeSet<(SkuId, LocationId, &Name)> = match inbound {
            Inbound::Set(rows) => rows.iter().map(|row| (row.cell.sku, row.cell.location, &row.name)).collect(),
            Inbound::Used(rows, _) => rows.iter().map(|used| (used.sku, used.location, &used.name)).collect(),
        };
        let sum = || {
            let ledger = self.ledger();
            named.iter().fold(0_u128, |sum, (sku, location, name)| {
                let supplies = ledger.outlook(*sku, *location).map_or(&[][..], |outlook| outlook.supplies());
                let known = supplies.iter().find(|supply| supply.name == **name);
                sum.wrapping_add(known.map_or(0, |supply| self.digest_supply(*sku, *location, supply)))
            })
        };
        let before = sum();
        self.change_ledger(|ledger| ledger.inbound(at, inbound));
        self.hash.change(Part::Supply, before, sum());
    }

    fn digest_rule(&self, standing: &Standing, put: &mut dyn FnMut(Part, hash::Digest)) {
        let key = hash::name(standing.name.as_str());
        put(Part::Rules, hash::content::digest(&self.catalogue, Part::Rules, key, &standing.rule));
        if standing.in_force {
            put(Part::InForce, hash::content::digest(&self.catalogue, Part::InForce, key, &true));
        }
    }

    fn digest_rules(&self, ids: &BTreeSet<RuleId>) -> Sums {
        let mut sums = Sums::default();
        for standing in ids.iter().filter_map(|id| self.rules.at(*id)) {
            self.digest_rule(&standing, &mut |part, digest| sums.add(part, digest));
        }
        sums
    }

    /// Folds what changes rules.
    fn rehash_rules(&self, ids: &BTreeSet<RuleId>, fold: impl FnOnce()) {
        let before = self.digest_rules(ids);
        fold();
        let after = self.digest_rules(ids);
        for part in [Part::Rules, Part::InForce] {
            self.hash.change(part, before.sum(part), after.sum(part));
        }
    }

    /// Puts back a rule from an image.
    pub(crate) fn restore_rule(&self, id: RuleId, standing: Option<Standing>) {
        self.rehash_rules(&BTreeSet::from([id]), || self.rules.restore(id, standing));
    }

    /// What the state hash comes to if everything is digested anew: what it is kept up to date to be. Looks at everything.
    pub fn hash_anew(&self) -> Sums {
        let mut sums = Sums::default();
        let mut put = |part, digest| sums.add(part, digest);
        self.catalogue.digest(&mut put);
        for standing in self.rules.all().iter().flatten() {
            self.digest_rule(standing, &mut put);
        }
        for ((sku, location), outlook) in self.ledger().outlooks(None) {
            outlook.supplies().iter().for_each(|supply| put(Part::Supply, self.digest_supply(sku, location, supply)));
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
                put(part_of(cell.safety_stock()), digest);
            }
            put(Part::Reserved, hash::reserved(at, level));
        }
        for open in self.reservations.open_ones() {
            put(Part::Reservations, hash::reservation(open.id, open.version, open.outstanding()));
        }
        sums
    }
}

/// The one writer of a [`State`], with what it alone needs to know.
#[derive(Debug)]
pub(crate) struct Folder {
    pub cells: MatrixWriter,
    pub deadlines: Deadlines,
    /// What the record being folded changes in the ledger.
    shift: Shift,
    /// Reservations closed since some were last forgotten.
    closed: usize,
    /// By channel, the last promise through it since the start; 0 for none.
    pub promised_at: Vec<Seq>,
    /// Whether it is known of any reservation who made it.
    pub has_owners: bool,
    /// By location, what its cells count for in the state hash while nothing is retired there: those of SKUs that are
    /// retired aside. So a location leaves the hash, and comes back, at the cost of one cell.
    counts_for: Vec<hash::Digest>,
}

impl Folder {
    fn new(cells: MatrixWriter) -> Self {
        Self {
            cells,
            deadlines: Deadlines::default(),
            shift: Shift::default(),
            closed: 0,
            promised_at: Vec::new(),
            has_owners: false,
            counts_for: Vec::new(),
        }
    }
}

impl AsRef<MatrixWriter> for Folder {
    fn as_ref(&self) -> &MatrixWriter {
        &self.cells
    }
}

/// Keeping the state hash of cells: those of what is retired are served nowhere, and count for nothing.
impl Folder {
    #[inline]
    fn rehash_cell(
        &mut self,
        state: &State,
        sku: SkuId,
        location: LocationId,
        before: Option<Holding>,
        after: Holding,
    ) {
        let at = state.catalogue.place(sku, location);
        let stock = |Holding { level, safety_stock, counted_at }: Holding| {
            hash::stock(at, level.on_hand, safety_stock, counted_at)
        };
        // Most that happens changes one of the two.
        let same = |before: Holding| Holding { level: StockLevel { reserved: 0, ..before.level }, ..before };
        if before.map(same) != Some(same(after)) {
            let part = part_of(after.safety_stock);
            self.change_stock(state, (sku, location), part, before.map_or(0, stock), stock(after));
        }
        let reserved = before.map_or(0, |before| before.level.reserved);
        if reserved != after.level.reserved {
            let before = StockLevel { reserved, ..after.level };
            state.hash.change(Part::Reserved, hash::reserved(at, before), hash::reserved(at, after.level));
        }
    }

    /// What a cell counts for changes.
    #[inline]
    fn change_stock(
        &mut self,
        state: &State,
        (sku, location): (SkuId, LocationId),
        part: Part,
        leaves: hash::Digest,
        comes: hash::Digest,
    ) {
        // What nobody counts holds what is promised of it and nothing else.
        if state.catalogue.skus.is_retired(sku) || !state.catalogue.is_tracked(sku) {
            return;
        }
        let at = location.0 as usize;
        if at >= self.counts_for.len() {
            self.counts_for.resize(at + 1, 0);
        }
        if let Some(sum) = self.counts_for.get_mut(at) {
            *sum = sum.wrapping_sub(leaves).wrapping_add(comes);
        }
        if !state.catalogue.locations.is_retired(location) {
            state.hash.change(part, leaves, comes);
        }
    }

    /// What all cells of a location count for, and where.
    fn stock_of(&self, state: &State, location: LocationId) -> (Part, hash::Digest) {
        let is_inside = state.catalogue.quarantine_of(location).is_some();
        let part = if is_inside { Part::Quarantine } else { Part::Stock };
        (part, self.counts_for.get(location.0 as usize).copied().unwrap_or(0))
    }

    /// The cells of a SKU leave the hash, or come back.
    fn rehash_row(&mut self, state: &State, sku: SkuId, comes: bool) {
        for (_, cell) in state.matrix.row(sku).iter() {
            let (location, safety_stock) = (cell.location(), cell.safety_stock());
            let at = state.catalogue.place(sku, location);
            let digest = hash::stock(at, cell.durable().on_hand, safety_stock, cell.counted_at());
            let (leaves, comes) = if comes { (0, digest) } else { (digest, 0) };
            self.change_stock(state, (sku, location), part_of(safety_stock), leaves, comes);
        }
    }

    /// A SKU is counted from here on, or is not: an image may know of it already.
    fn fold_tracking(&mut self, state: &State, seq: Seq, sku: SkuId, tracked: bool) {
        let was = state.catalogue.is_tracked(sku);
        if was && !tracked {
            self.rehash_row(state, sku, false);
        }
        state.catalogue.fold_tracking(sku, seq, tracked);
        if !was && tracked {
            self.rehash_row(state, sku, true);
        }
        state.matrix.row(sku).iter().for_each(|(_, cell)| state.movements.fold_begun(sku, cell.location(), seq));
    }

    /// An image may know of it already.
    fn fold_retired(&mut self, state: &State, seq: Seq, names: &Definitions) {
        let Catalogue { skus, locations, .. } = &state.catalogue;
        for (sku, _) in names.skus.iter().filter(|(sku, _)| !skus.is_retired(*sku)) {
            self.rehash_row(state, *sku, false);
        }
        for (location, _) in names.locations.iter().filter(|(location, _)| !locations.is_retired(*location)) {
            let (part, sum) = self.stock_of(state, *location);
            state.hash.change(part, sum, 0);
        }
        state.catalogue.fold_retired(seq, names);
        let nothing = SkuDetails::default();
        names.skus.iter().for_each(|(sku, _)| state.rules.fold_sku(*sku, &nothing));
        if !names.locations.is_empty() {
            state.places.fold();
        }
    }

    /// The same.
    fn fold_revived(&mut self, state: &State, names: &Definitions) {
        let Catalogue { skus, locations, .. } = &state.catalogue;
        let back: Vec<_> = names.locations.iter().map(|(id, _)| *id).filter(|id| locations.is_retired(*id)).collect();
        let skus: Vec<_> = names.skus.iter().map(|(id, _)| *id).filter(|id| skus.is_retired(*id)).collect();
        state.catalogue.fold_revived(names);
        for location in back {
            let (part, sum) = self.stock_of(state, location);
            state.hash.change(part, 0, sum);
        }
        skus.into_iter().for_each(|sku| self.rehash_row(state, sku, true));
        if !names.locations.is_empty() {
            state.rules.fold_places();
            state.places.fold();
        }
    }
}

impl Folder {
    /// Stores what `record` says.
    // A function of its own, so that `anaquel-bench instructions` can count it.
    #[inline(never)]
    pub fn fold(&mut self, state: &State, record: &Record) {
        let at = record.at();
        record.event.effects(|effect| self.fold_effect(state, at, effect));
        if !self.shift.is_empty() {
            let shift = std::mem::take(&mut self.shift);
            state.change_ledger(|ledger| ledger.apply(record.seq, &shift));
        }
        self.fold_key(state, record);
        state.last_time.store(record.time.0, Relaxed);
    }

    #[inline]
    fn fold_effect(&mut self, state: &State, at: At<'_>, effect: Effect<'_>) {
        match effect {
            Effect::Cell(cell, counted_at) => self.fold_cell(state, cell, counted_at),
            Effect::Promise(Step::Made(made)) => self.fold_made(state, at, made),
            Effect::Promise(step) => {
                if let Some(id) = step.reservation() {
                    self.fold_change(state, id, at, Progress::Step(step));
                }
            }
            Effect::HandedOver(row, line) => Self::fold_handed_over(state, at, row, line),
            Effect::Moved(row, moved) => Self::fold_moved(state, at, row, moved),
            Effect::Counted(row, counted) => Self::fold_counted(state, at, row, counted),
            Effect::CountsConfirmed(confirmed) => {
                for (sku, location) in confirmed.cells.iter() {
                    self.fold_confirmed(state, sku, location, confirmed.counted_at);
                }
            }
            Effect::Shortage(cell, true) => {
                state.short_cells().insert((cell.sku, cell.location), cell.level.shortage());
            }
            Effect::Shortage(cell, false) => {
                state.short_cells().remove(&(cell.sku, cell.location));
            }
            Effect::Filled(fills) => {
                for of_one in fills.chunk_by(|a, b| a.reservation == b.reservation) {
                    if let Some(first) = of_one.first() {
                        self.fold_change(state, first.reservation, at, Progress::Filled(of_one));
                    }
                }
            }
            Effect::Dated(rows) => {
                for of_one in rows.chunk_by(|a, b| a.reservation == b.reservation) {
                    if let Some(first) = of_one.first() {
                        self.fold_change(state, first.reservation, at, Progress::Dated(of_one));
                    }
                }
            }
            Effect::Inbound(inbound) => state.fold_inbound(at, inbound),
            Effect::Rules(RuleChange::Set(rows)) => {
                let ids: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
                state.rehash_rules(&ids, || state.rules.fold_set(at.seq, rows));
                state.forget_quotas();
            }
            Effect::Rules(RuleChange::Activated(rows)) => {
                let ids: BTreeSet<_> = rows.iter().map(|(id, _)| *id).collect();
                state.rehash_rules(&ids, || state.rules.fold_activated(at.seq, rows));
                state.forget_quotas();
            }
            Effect::Names(naming) => self.fold_names(state, at, naming),
            Effect::Described(described) => self.fold_described(state, at, described),
            Effect::Refused(..) => {}
        }
    }

    fn fold_names(&mut self, state: &State, at: At<'_>, naming: Naming<'_>) {
        match naming {
            Naming::Defined(definitions) => {
                fold_definitions(state, definitions);
                if !definitions.locations.is_empty() {
                    state.places.fold();
                }
            }
            Naming::MadeUp(made_up) => {
                fold_definitions(state, &made_up.names);
                state.catalogue.fold_made_up(made_up);
                if !made_up.names.locations.is_empty() {
                    state.places.fold();
                }
            }
            Naming::Released(names) => {
                for (channel, name) in &names.channels {
                    state.catalogue.channels.fold_released(*channel, name, at.seq);
                }
            }
            Naming::Retired(names) => self.fold_retired(state, at.seq, names),
            Naming::Revived(names) => self.fold_revived(state, names),
            Naming::Quarantines(rows) => {
                rows.iter().for_each(|(quarantine, of)| state.catalogue.fold_quarantine(*quarantine, *of));
            }
        }
    }

    fn fold_described(&mut self, state: &State, at: At<'_>, described: Described<'_>) {
        match described {
            Described::Skus(rows) => {
                for (sku, details) in rows {
                    state.catalogue.fold_sku(*sku, at.seq, details.clone());
                    state.rules.fold_sku(*sku, details);
                }
            }
            Described::Tracking(rows) => {
                rows.iter().for_each(|(sku, tracked)| self.fold_tracking(state, at.seq, *sku, *tracked));
            }
            Described::Locations(rows) => {
                for (location, details) in rows {
                    state.catalogue.fold_location(*location, at.seq, details.clone());
                }
                state.rules.fold_places();
                state.places.fold();
            }
            Described::Services(rows) => {
                for (location, details) in rows {
                    state.catalogue.fold_services(*location, at.seq, details.clone());
                }
                state.places.fold();
            }
            Described::Hours(rows) => {
                for (location, hours) in rows {
                    state.catalogue.fold_hours(*location, at.seq, hours.clone());
                }
                state.places.fold();
            }
            Described::Groups(rows) => {
                for (group, details) in rows {
                    state.catalogue.fold_group(*group, at.seq, details.clone());
                }
                state.rules.fold_places();
            }
            Described::Channels(rows) => {
                for (channel, details) in rows {
                    state.catalogue.fold_channel(*channel, at.seq, *details);
                }
            }
            Described::Prices(rows) => {
                for (sku, prices) in rows {
                    state.catalogue.fold_prices(*sku, at.seq, prices.clone());
                }
            }
        }
    }

    fn fold_handed_over(state: &State, at: At<'_>, row: u32, line: &LineChange) {
        let CellAfter { sku, location, .. } = line.cell;
        let change = -i64::from(line.quantity);
        let counted_at = state.matrix.get(sku, location).map(|cell| cell.counted_at()).unwrap_or_default();
        if state.catalogue.is_tracked(sku) {
            let happened_at = at.time.after_count(counted_at);
            state.movements.fold_moved(sku, location, (at.seq, row), happened_at, change);
        }
        state.rates.fold_sold(sku, location, (at.seq, row), at.time, line.quantity);
    }

    fn fold_moved(state: &State, at: At<'_>, row: u32, moved: &Moved) {
        let CellAfter { sku, location, .. } = moved.cell;
        if !moved.absorbed {
            state.movements.fold_moved(sku, location, (at.seq, row), moved.occurred_at, moved.change);
        }
        if moved.kind == MovementKind::Sale {
            state.rates.fold_sold(sku, location, (at.seq, row), at.time, moved.change.unsigned_abs() as u32);
        }
    }

    /// What late movements reckon with. The level and its moment come with the cell, behind it.
    fn fold_counted(state: &State, at: At<'_>, row: u32, counted: &Counted) {
        let CellAfter { sku, location, .. } = counted.cell;
        if counted.outdated {
            return;
        }
        let counted_at = counted.counted_at;
        let known_at = state.matrix.get(sku, location).map(|cell| cell.counted_at());
        if known_at == Some(counted_at) {
            let corrected = i64::from(counted.counted) - i64::from(counted.expected);
            state.movements.fold_recounted(sku, location, (at.seq, row), counted_at, corrected);
        } else {
            state.movements.fold_counted(sku, location, counted_at);
        }
    }

    fn fold_cell(&mut self, state: &State, after: &CellAfter, counted_at: Option<Timestamp>) {
        let made_before = self.cells.cells();
        let id = state.matrix.make(&mut self.cells, after.sku, after.location);
        let cell = state.matrix.cell(id);
        let holds =
            || Holding { level: cell.durable(), safety_stock: cell.safety_stock(), counted_at: cell.counted_at() };
        let before = if self.cells.cells() == made_before {
            Some(holds())
        } else {
            state.cells.store(self.cells.cells(), Relaxed);
            None
        };
        let was_stocked = cell.durable().is_stocked();
        cell.fold_level(&self.cells, after.level);
        if was_stocked != after.level.is_stocked() {
            let stocked = state.stocked.reach(after.location.0 as usize);
            let cells = stocked.load(Relaxed);
            stocked.store(if was_stocked { cells.saturating_sub(1) } else { cells + 1 }, Relaxed);
        }
        if cell.safety_stock() != after.safety_stock {
            cell.fold_safety_stock(&self.cells, after.safety_stock);
        }
        if let Some(counted_at) = counted_at {
            cell.fold_counted_at(&self.cells, counted_at);
        }
        self.rehash_cell(state, after.sku, after.location, before, holds());
    }

    /// A count found what the books say.
    fn fold_confirmed(&mut self, state: &State, sku: SkuId, location: LocationId, counted_at: Timestamp) {
        if let Some(cell) = state.matrix.get(sku, location) {
            let (level, safety_stock) = (cell.durable(), cell.safety_stock());
            let before = Holding { level, safety_stock, counted_at: cell.counted_at() };
            // A row behind it in the same file may tell of a later count.
            cell.fold_counted_at(&self.cells, counted_at.max(cell.counted_at()));
            self.rehash_cell(state, sku, location, Some(before), Holding { counted_at: cell.counted_at(), ..before });
            state.movements.fold_counted(sku, location, counted_at);
        }
    }

    fn fold_made(&mut self, state: &State, at: At<'_>, made: Made<'_>) {
        let channel = made.reserved.channel.0 as usize;
        if channel >= self.promised_at.len() {
            self.promised_at.resize(channel + 1, 0);
        }
        if let Some(promised_at) = self.promised_at.get_mut(channel) {
            *promised_at = at.seq;
        }
        let reservation = Reservation::made(at, made);
        if let Some(cause) = at.cause.filter(|cause| cause.caller != 0) {
            state.owners().insert(reservation.id, cause.caller);
            self.has_owners = true;
        }
        self.fold_new(state, reservation);
    }

    fn fold_new(&mut self, state: &State, reservation: Reservation) {
        if state.reservations.is_known(reservation.id) {
            return;
        }
        let digest = hash::reservation(reservation.id, reservation.version, reservation.outstanding());
        state.hash.change(Part::Reservations, 0, digest);
        if let Some(deadline) = reservation.deadline() {
            self.deadlines.insert(deadline, reservation.id);
        }
        if reservation.is_counted() {
            self.shift.between(None, &reservation);
        }
        state.reservations.insert(reservation);
    }

    fn fold_change(&mut self, state: &State, id: ReservationId, at: At<'_>, progress: Progress<'_>) {
        state.reservations.change(id, |reservation| {
            if at.seq <= reservation.version {
                return;
            }
            let digest_before = hash::reservation(id, reservation.version, reservation.outstanding());
            let deadline_before = reservation.deadline();
            let before = reservation.is_counted().then(|| reservation.clone());
            reservation.apply(at, progress);
            if before.is_some() {
                self.shift.between(before.as_ref(), reservation);
            }
            self.deadlines.change(id, deadline_before, reservation.deadline());
            let digest = match reservation.state.is_open() {
                true => hash::reservation(id, reservation.version, reservation.outstanding()),
                false => 0,
            };
            state.hash.change(Part::Reservations, digest_before, digest);
            if !reservation.state.is_open() {
                self.closed += 1;
                if self.has_owners {
                    state.owners().remove(&id);
                }
            }
        });
    }

    fn fold_key(&mut self, state: &State, record: &Record) {
        let Some(cause) = record.cause.as_deref() else { return };
        let Some(key) = &cause.idempotency else { return };
        state.idempotency.complete(key.scope, cause.caller, record.seq, record.time);
    }

    /// Forgets keys that have outlived their retention, and closed reservations that have outlived theirs or are too many,
    /// a bounded number at a time: some more than were closed meanwhile, so that none pile up.
    pub fn forget(&mut self, state: &State, now: Timestamp, keys_before: Timestamp, closed_before: Timestamp) {
        const AT_A_TIME: usize = 1024;
        state.idempotency.forget(keys_before);
        if self.closed > 0 {
            state.reservations.leave_to_log();
        }
        // Bound: a batch closes at most as many as it has commands and expiries. Each costs the same, whatever is kept.
        let many = AT_A_TIME + 2 * std::mem::take(&mut self.closed);
        for _ in 0..many {
            if !state.reservations.forget_one(closed_before, now) {
                break;
            }
        }
    }

    /// Puts back a reservation from an image. What quotas count comes by itself.
    pub fn restore_reservation(&mut self, state: &State, reservation: Reservation) {
        if state.reservations.is_known(reservation.id) {
            return;
        }
        if reservation.is_counted() {
            let mut open = Shift::default();
            open.between(None, &reservation);
            state.change_ledger(|ledger| ledger.reopen(&open));
        }
        if !reservation.state.is_open() {
            state.reservations.insert(reservation);
        } else {
            self.fold_new(state, reservation);
            self.shift = Shift::default();
        }
    }

    /// Puts back what an image knows of a closed reservation.
    pub fn restore_closed(&mut self, state: &State, closed: &Closed) {
        if !closed.orders.is_empty() && !state.reservations.is_known(closed.id) {
            state.change_ledger(|ledger| ledger.reopen(&Shift::of_orders(&closed.orders)));
        }
        state.reservations.restore(closed);
    }

    /// Puts back a cell from an image.
    pub fn restore_cell(&mut self, state: &State, after: &CellAfter, counted_at: Timestamp) {
        if after.level.shortage() > 0 {
            state.short_cells().insert((after.sku, after.location), after.level.shortage());
        }
        self.fold_cell(state, after, Some(counted_at));
    }

    /// Puts back a kept key from an image of formats 1 to 3, which do not say whose it is.
    pub fn restore_key(&mut self, state: &State, scope: u128, done: Done) {
        state.idempotency.restore(tag_of(scope), 0, done.seq, done.time);
    }

    /// Puts back kept keys from an image.
    pub fn restore_keys(&mut self, state: &State, page: &KeptKeys) {
        state.idempotency.restore_page(page);
    }

    /// Before serving: nothing is in flight, so what may be promised is what the log grants.
    pub fn rebuild_promises(&mut self, state: &State) {
        for (_, cell) in state.matrix.range(0, self.cells.cells()) {
            cell.rebuild_promise(&self.cells);
        }
        state.reservations.restored();
    }

    /// The cell of (SKU, location) if it is made; for crediting its promise word after a fold.
    pub fn find(&self, state: &State, sku: SkuId, location: LocationId) -> Option<CellId> {
        state.matrix.find(sku, location)
    }
}

pub(crate) fn fold_definitions(state: &State, definitions: &Definitions) {
    for (sku, name) in &definitions.skus {
        state.catalogue.skus.fold_definition(*sku, name);
    }
    for (location, name) in &definitions.locations {
        state.catalogue.locations.fold_definition(*location, name);
    }
    for (group, name) in &definitions.groups {
        state.catalogue.groups.fold_definition(*group, name);
    }
    for (channel, name) in &definitions.channels {
        state.catalogue.channels.fold_definition(*channel, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::LocationDetails;
    use crate::event::Event;
    use crate::ids::GroupId;
    use crate::{catalogue, stock};

    /// An image is written while the journal goes on, so what is replayed on it may be older than what it holds.
    #[test]
    fn what_an_image_knows_of_names_that_go_and_come_back_counts_once() {
        let name = |text: &str| Name::parse(text).expect("a name");
        let (sku, shop) = ((SkuId(0), name("A")), (LocationId(0), name("s1")));
        let inside = (LocationId(1), name("quarantine:s1"));
        let of_sku = || Box::new(Definitions { skus: vec![sku.clone()], ..Definitions::default() });
        let of_shop =
            || Box::new(Definitions { locations: vec![shop.clone(), inside.clone()], ..Definitions::default() });
        let all = Definitions { groups: vec![(GroupId(0), name("g"))], skus: vec![sku.clone()], ..*of_shop() };
        let counted = |location: LocationId, safety_stock: u32, time: u64| {
            let level = StockLevel { on_hand: 0, reserved: 0 };
            Event::Stock(stock::event::Event::Counted(vec![crate::event::Counted {
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
                let (state, mut folder) = State::new(&Settings::default());
                let (until, again) = (records.iter().take(end), records.iter().skip(from).take(end - from));
                until.for_each(|record| folder.fold(&state, record));
                let once = state.hash.sums();
                assert_eq!(state.hash_anew(), once, "up to {end}");
                again.for_each(|record| folder.fold(&state, record));
                assert_eq!((state.hash.sums(), state.hash_anew()), (once, once), "up to {end}, again from {from}");
            }
        }
        let (state, mut folder) = State::new(&Settings::default());
        records.iter().for_each(|record| folder.fold(&state, record));
        // What is left are things that nobody declared, and cells that nobody sees.
        assert_eq!(state.hash.sums(), Sums::default());
    }
}
