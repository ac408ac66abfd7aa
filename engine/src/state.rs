//! The durable view: the content of the log in memory, written only by [`Folder::fold`].
//!
//! Live, a batch is folded when it is durable; after a restart, the same function folds the replayed records. It stores
//! the content of events and decides nothing. Replaying a record that a checkpoint already contains changes nothing:
//! levels are absolute, and accumulated values carry the `seq` of their last change.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use rustc_hash::FxHashMap;

use crate::catalogue::Catalogue;
use crate::catalogue::location_facts::LocationTable;
use crate::catalogue::names::Definitions;
use crate::demand::DemandRates;
use crate::demand::lost::Lost;
use crate::hash::{Digest, Part, StateHash};
use crate::ids::{ChannelId, LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::kernel::idempotency::IdempotencyTable;
use crate::matrix::{Arena, Matrix, MatrixWriter};
use crate::own_store::OwnStore;
use crate::reservations::ReservationStore;
use crate::reservations::ledger::{CameKey, Counted as QuotaCount, Ledger, Used};
use crate::rules::{Book, RuleTable};
use crate::settings::Budget;
use crate::settings::Settings;
use crate::stock::movements::RecentMovements;
use crate::supply::Came;
use crate::view::DurableView;

/// Limits of the cost of one request, for admission and readers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Of a plan.
    pub budget: Budget,
    /// The maximum number of locations in the groups of all lines of a promise.
    pub group_cells: usize,
    /// The maximum number of backorders of one cell.
    pub cell_waits: usize,
}

impl From<&Settings> for Bounds {
    fn from(settings: &Settings) -> Self {
        let budget = Budget { looks: settings.plan_looks_max, promises: settings.plan_promises_max };
        let (group_cells, cell_waits) = (settings.reservation_group_cells_max, settings.cell_waits_max);
        Self { budget, group_cells, cell_waits }
    }
}

/// Generates the stores of the subjects that have one.
macro_rules! kept {
    (effects: $($effects:ident),*; own: $($module:ident $event:ident,)*) => {
        /// The subjects' own stores.
        #[derive(Debug, Default)]
        pub struct Stores {
            $(#[allow(missing_docs, reason = "told by its type")]
            pub $module: crate::$module::Store,)*
        }

        impl OwnStore for Stores {
            fn fold_retired(&self, catalogue: &Catalogue, names: &Definitions, seq: Seq) {
                $(self.$module.fold_retired(catalogue, names, seq);)*
            }

            fn fold_groups(&self) {
                $(self.$module.fold_groups();)*
            }

            #[inline]
            fn refresh(&self, seq: Seq, catalogue: &Catalogue) {
                $(self.$module.refresh(seq, catalogue);)*
            }

            fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
                [$(self.$module.next_turn(now)),*].into_iter().flatten().min()
            }

            fn digest(&self, catalogue: &Catalogue, put: &mut dyn FnMut(Part, Digest)) {
                $(self.$module.digest(catalogue, put);)*
            }
        }
    };
}

crate::subjects::stores!(kept);

/// The durable view of everything. All reads use it; only the journal thread writes it.
#[derive(Debug)]
pub struct DurableState {
    /// The visible `seq`.
    pub view: DurableView,
    /// Stock.
    pub matrix: Matrix,
    /// Names and details.
    pub catalogue: Catalogue,
    /// Rules.
    pub rules: RuleTable,
    /// Reservations.
    pub reservations: ReservationStore,
    /// Idempotency keys.
    pub idempotency: IdempotencyTable,
    /// Locations with position and hours.
    pub places: LocationTable,
    /// Rates of sale.
    pub rates: DemandRates,
    /// The subjects' own stores.
    pub own: Stores,
    /// Refused demand since the last record of it.
    pub lost: Lost,
    /// Counters derived from reservations.
    ledger: RwLock<Ledger>,
    /// Whether there was ever inbound supply or a backorder: if not, a refusal need not take the ledger's lock.
    has_terms: AtomicBool,
    /// Movements since the last counts.
    pub movements: RecentMovements,
    /// The callers of open reservations, if known.
    owners: Mutex<FxHashMap<ReservationId, u64>>,
    /// The state hash.
    pub hash: Arc<StateHash>,
    bounds: Bounds,
    /// Short cells, with the units that were last reported missing.
    shortages: Mutex<BTreeMap<(SkuId, LocationId), u32>>,
    cells: AtomicU32,
    /// The cells of each location that hold or lack anything.
    stocked: Arena<AtomicU32, 10, 8>,
    last_time: AtomicU64,
}

impl DurableState {
    /// An empty view, and the single writer of its cells.
    pub(crate) fn new(settings: &Settings) -> (Self, MatrixWriter) {
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
            places: LocationTable::default(),
            rates: DemandRates::default(),
            own: Stores::default(),
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
        (state, cells)
    }

    /// Undeclared channels without any use in memory, up to `limit`, and the `seq` of this result: no reservation in
    /// memory, no rule. The journal thread knows later uses.
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

    /// The limits of the cost of one request.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The number of cells.
    pub(crate) fn set_cells(&self, cells: u32) {
        self.cells.store(cells, Relaxed);
    }

    /// Records that a cell of a location holds or lacks something, or no longer does.
    pub(crate) fn count_stocked(&self, location: LocationId, is_stocked: bool) {
        let stocked = self.stocked.reach(location.0 as usize);
        let cells = stocked.load(Relaxed);
        stocked.store(if is_stocked { cells + 1 } else { cells.saturating_sub(1) }, Relaxed);
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

    /// Restores a quota count from a checkpoint.
    pub(crate) fn restore_quota(&self, counted: QuotaCount, used: Used) {
        self.change_ledger(|ledger| ledger.restore(counted, used));
    }

    /// The caller of an open reservation; 0 if unknown.
    pub(crate) fn owner(&self, id: ReservationId) -> u64 {
        self.owners().get(&id).copied().unwrap_or(0)
    }

    /// The callers of reservations, for a checkpoint.
    pub(crate) fn all_owners(&self) -> Vec<(ReservationId, u64)> {
        self.owners().iter().map(|(id, owner)| (*id, *owner)).collect()
    }

    /// Restores callers from a checkpoint.
    pub(crate) fn restore_owners(&self, rows: Vec<(ReservationId, u64)>) {
        self.owners().extend(rows);
    }

    /// Drops callers whose reservations were closed when a checkpoint was taken.
    pub(crate) fn forget_owners(&self) {
        let is_open = |id: &ReservationId| self.reservations.get(*id).is_some_and(|known| known.state.is_open());
        self.owners().retain(|id, _| is_open(id));
    }

    pub(crate) fn owners(&self) -> std::sync::MutexGuard<'_, FxHashMap<ReservationId, u64>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Restores arrivals of supplies from a checkpoint.
    pub(crate) fn restore_came(&self, rows: &[(CameKey, Came)]) {
        self.change_ledger(|ledger| ledger.restore_came(rows));
    }

    /// Drops old arrivals of supplies, a bounded number at a time.
    pub(crate) fn forget_came(&self, before: Timestamp) {
        if self.has_terms.load(Relaxed) && self.ledger().remembers_before(before) {
            self.change_ledger(|ledger| ledger.forget_came(before));
        }
    }

    /// The time of the last folded record, or of the last one in a checkpoint.
    pub(crate) fn set_last_time(&self, time: Timestamp) {
        self.last_time.store(time.0, Relaxed);
    }

    /// Cells whose `on_hand` does not cover their promises.
    pub fn shortages(&self) -> Vec<(SkuId, LocationId)> {
        self.short_cells().keys().copied().collect()
    }

    /// Their number.
    pub fn shortage_count(&self) -> usize {
        self.short_cells().len()
    }

    /// The counters derived from reservations. Exact at one `seq` inside the durable view.
    pub fn ledger(&self) -> RwLockReadGuard<'_, Ledger> {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a cell has unallocated units. Exact at one `seq` inside the durable view.
    pub fn has_open_promises(&self, sku: SkuId, location: LocationId) -> bool {
        self.has_terms.load(Relaxed) && self.ledger().open(sku, location).is_some()
    }

    /// Whether anything can make the availability of a group differ from the sum of its cells.
    pub(crate) fn has_plans(&self, book: &Book) -> bool {
        book.has_quotas() || self.has_terms.load(Relaxed)
    }

    /// Drops counts of inactive quotas without outstanding units.
    pub(crate) fn forget_quotas(&self) {
        if self.has_terms.load(Relaxed) {
            let runs = |counted: &QuotaCount| {
                let rule = self.rules.at(counted.rule);
                rule.is_some_and(|rule| rule.in_force && rule.since == counted.since)
            };
            self.change_ledger(|ledger| ledger.forget(runs));
        }
    }

    pub(crate) fn change_ledger(&self, change: impl FnOnce(&mut Ledger)) {
        self.has_terms.store(true, Relaxed);
        change(&mut self.ledger.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Up to `limit` short cells, in order, after the cell `after`.
    pub(crate) fn shortages_after(&self, after: Option<(SkuId, LocationId)>, limit: usize) -> Vec<(SkuId, LocationId)> {
        let from = (after.map_or(Unbounded, Excluded), Unbounded);
        self.short_cells().range(from).take(limit).map(|(cell, _)| *cell).collect()
    }

    /// The units that were last reported missing in a cell; 0 for none.
    pub(crate) fn told_missing(&self, sku: SkuId, location: LocationId) -> u32 {
        self.short_cells().get(&(sku, location)).copied().unwrap_or(0)
    }

    pub(crate) fn short_cells(&self) -> std::sync::MutexGuard<'_, BTreeMap<(SkuId, LocationId), u32>> {
        self.shortages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
