//! What is sold, where, and through which channel: names, their interned ids, and the details that were set for them.
//!
//! An id is published here only once its definition is durable, so nothing in memory or on the wire ever refers to an
//! id that a crash could give to another name. Names are looked up in a sharded map at the edge; from an id, the name
//! is one load away.

pub(crate) mod audit;
pub mod business_time;
pub mod command;
pub(crate) mod decide;
pub(crate) mod details;
pub mod event;
pub(crate) mod fold;
pub(crate) mod frames;
pub mod geo;
pub mod gtin;
pub mod holders;
pub(crate) mod load;
pub mod names;
pub mod places;
mod refusals;
pub(crate) mod release;
pub(crate) mod retire;
mod undeclared;

use std::collections::BTreeSet;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use dashmap::DashMap;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::catalogue::gtin::Gtin;
use crate::catalogue::names::{Definitions, MadeUp};
use crate::hash::{self, Part, Place, StateHash};
use crate::ids::{ChannelId, GroupId, LocationId, Name, Seq, SkuId};
use crate::kernel::id_set::IdSet;
use crate::level::StockChange;
use crate::matrix::Arena;
use crate::reservations::promise::Purpose;

pub use details::{
    BroughtFrom, ChannelDetails, GroupDetails, LocationDetails, LocationHours, LocationKind, ServiceDetails,
    SkuDetails,
};
pub(crate) use undeclared::{RetiredNames, Undeclared};

type Map<K, V> = DashMap<K, V, foldhash::fast::RandomState>;

/// Details, and the `seq` at which they were last set: the version that `If-Match` compares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Versioned<D> {
    /// The `seq` of the record that set them.
    pub version: Seq,
    /// The details.
    pub details: D,
}

/// One kind of name: interned, dense ids from 0, with details for those that have any. A name has details once somebody
/// declared it.
///
/// An id that was given back keeps its name for those who read old records, until another name gets it.
#[derive(Debug)]
pub struct Registry<I, D> {
    ids: Map<Name, u32>,
    names: Arena<OnceLock<Name>, 14, 13>,
    /// Of the name of each id.
    digests: Arena<AtomicU64, 14, 13>,
    details: Map<u32, Arc<Versioned<D>>>,
    count: AtomicU32,
    declared: AtomicU32,
    made_up: Mutex<MadeUpNames>,
    released: Mutex<ReleasedIds>,
    /// Whether an id was ever given back, and whether one was given to another name: for most registries, never.
    has_released: AtomicBool,
    has_renamed: AtomicBool,
    /// Ids whose names were retired, and which of them each name had: nobody finds them by name, until the name comes back.
    retired: IdSet,
    retired_names: Map<Name, u32>,
    /// For an id that another name got: which of `later`.
    renamed: RwLock<Renamed>,
    /// Names that got an id which another had before. A reference to a name stays good, so none is ever let go: one name
    /// for each id that comes back, until the next start.
    later: Arena<OnceLock<Name>, 8, 10>,
    kind: PhantomData<I>,
}

/// Ids that another name got.
#[derive(Debug, Default)]
struct Renamed {
    /// Which of the later names each has.
    at: FxHashMap<u32, u32>,
    /// Later names so far.
    count: u32,
}

/// Names of one kind that may get an id which another had, until the next start.
const RENAMED_MAX: u32 = 1 << 18;

/// Names that nobody declared, by who made them up.
#[derive(Debug, Default)]
struct MadeUpNames {
    by_id: FxHashMap<u32, u64>,
    by_caller: FxHashMap<u64, u32>,
}

impl MadeUpNames {
    fn insert(&mut self, id: u32, by: u64) {
        if self.by_id.insert(id, by).is_none() {
            *self.by_caller.entry(by).or_default() += 1;
        }
    }

    fn remove(&mut self, id: u32) {
        let Some(by) = self.by_id.remove(&id) else { return };
        if let Some(count) = self.by_caller.get_mut(&by) {
            *count -= 1;
            if *count == 0 {
                self.by_caller.remove(&by);
            }
        }
    }
}

/// Ids that no name has, by the `seq` at which they were given back.
#[derive(Debug, Default)]
struct ReleasedIds {
    at: FxHashMap<u32, Seq>,
    in_order: BTreeSet<(Seq, u32)>,
}

impl<I, D> Default for Registry<I, D> {
    fn default() -> Self {
        Self {
            ids: Map::default(),
            names: Arena::new(),
            digests: Arena::new(),
            details: Map::default(),
            count: AtomicU32::new(0),
            declared: AtomicU32::new(0),
            made_up: Mutex::default(),
            released: Mutex::default(),
            has_released: AtomicBool::new(false),
            has_renamed: AtomicBool::new(false),
            retired: IdSet::default(),
            retired_names: Map::default(),
            renamed: RwLock::default(),
            later: Arena::new(),
            kind: PhantomData,
        }
    }
}

impl<I: From<u32> + Into<u32> + Copy + Eq + Hash, D: Default + Clone> Registry<I, D> {
    /// The id of `name`, if its definition is durable.
    pub fn id(&self, name: &str) -> Option<I> {
        self.ids.get(name).map(|id| I::from(*id))
    }

    /// The name behind an id.
    ///
    /// # Panics
    /// For an id that was never published.
    pub fn name(&self, id: I) -> &Name {
        let index: u32 = id.into();
        self.name_at(index).expect("ids are published with their names")
    }

    fn name_at(&self, index: u32) -> Option<&Name> {
        if self.has_renamed.load(Acquire)
            && let Some(later) = self.renamed.read().unwrap_or_else(PoisonError::into_inner).at.get(&index)
        {
            return self.later.get(*later as usize).and_then(OnceLock::get);
        }
        self.names.get(index as usize).and_then(OnceLock::get)
    }

    /// The digest of the name behind an id, for the state hash.
    #[inline]
    pub(crate) fn digest(&self, id: I) -> u64 {
        self.digests.get(id.into() as usize).map_or(0, |digest| digest.load(Relaxed))
    }

    /// Names published so far; their ids are `0..count`, those included that were given back.
    pub fn count(&self) -> u32 {
        // Acquire: pairs with the Release in `fold_definition`, so every id below the count has its name.
        self.count.load(Acquire)
    }

    /// Names that somebody declared.
    #[inline]
    pub fn declared(&self) -> u32 {
        self.declared.load(Relaxed)
    }

    /// Names that have an id and that nobody declared, those of old logs included.
    pub fn undeclared(&self) -> u32 {
        let released = self.lock_released().at.len() as u32;
        let gone = released + self.retired.len();
        self.count().saturating_sub(self.declared()).saturating_sub(gone)
    }

    /// Names that callers made up and nobody declared since.
    pub fn made_up_count(&self) -> usize {
        self.lock_made_up().by_id.len()
    }

    /// Names that callers made up, and how many of them `by` did.
    pub(crate) fn made_up(&self, by: u64) -> (u32, u32) {
        let made_up = self.lock_made_up();
        (made_up.by_id.len() as u32, made_up.by_caller.get(&by).copied().unwrap_or(0))
    }

    /// Whether a name has the id.
    pub fn is_live(&self, id: I) -> bool {
        !self.is_retired(id) && (!self.has_released() || !self.lock_released().at.contains_key(&id.into()))
    }

    /// Whether every id has its name: none was ever given back, and none is retired.
    #[inline]
    pub(crate) fn all_live(&self) -> bool {
        self.retired.len() == 0 && !self.has_released()
    }

    /// Whether the name of an id was retired and did not come back.
    #[inline]
    pub fn is_retired(&self, id: I) -> bool {
        self.retired.contains(id.into())
    }

    /// Names that are retired.
    #[inline]
    pub fn retired(&self) -> u32 {
        self.retired.len()
    }

    /// The id that a retired name had, and has again when it comes back.
    pub fn retired_id(&self, name: &str) -> Option<I> {
        if self.retired.len() == 0 {
            return None;
        }
        self.retired_names.get(name).map(|id| I::from(*id))
    }

    /// Whether a caller made the name up, and nobody declared it since.
    pub fn is_made_up(&self, id: I) -> bool {
        self.lock_made_up().by_id.contains_key(&id.into())
    }

    /// Ids of the names that callers made up and nobody declared since, ascending.
    pub fn made_up_ids(&self) -> Vec<I> {
        let mut ids: Vec<u32> = self.lock_made_up().by_id.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter().map(I::from).collect()
    }

    /// Whether an id was ever given back.
    #[inline]
    pub(crate) fn has_released(&self) -> bool {
        self.has_released.load(Relaxed)
    }

    /// The first id that was given back, behind the one given `after`, and that no record of a log from `log_from` on can
    /// mean.
    pub(crate) fn reusable(&self, after: Option<(Seq, u32)>, log_from: Seq) -> Option<(Seq, u32)> {
        use std::ops::Bound::{Excluded, Unbounded};
        if !self.has_released() || self.renamed.read().unwrap_or_else(PoisonError::into_inner).count >= RENAMED_MAX {
            return None;
        }
        let released = self.lock_released();
        let first = released.in_order.range((after.map_or(Unbounded, Excluded), Unbounded)).next();
        first.copied().filter(|(seq, _)| *seq < log_from)
    }

    /// What was set for an id, if anything was.
    pub fn details(&self, id: I) -> Option<Arc<Versioned<D>>> {
        self.details.get(&id.into()).map(|details| details.clone())
    }

    /// What was set for an id, or the defaults.
    pub fn details_or_default(&self, id: I) -> D {
        self.details(id).map(|set| set.details.clone()).unwrap_or_default()
    }

    /// Up to `limit` names that somebody declared, by name.
    fn some_declared(&self, limit: usize) -> Vec<&Name> {
        let ids: Vec<u32> = self.details.iter().take(limit).map(|entry| *entry.key()).collect();
        let mut names: Vec<_> = ids.into_iter().filter_map(|id| self.name_at(id)).collect();
        names.sort_unstable();
        names
    }

    /// Journal thread only, inside a fold: the definition is durable.
    pub(crate) fn fold_definition(&self, id: I, name: &Name) {
        let index: u32 = id.into();
        self.names.reach(index as usize).get_or_init(|| name.clone());
        if let Some(before) = self.name_at(index).filter(|before| *before != name).cloned() {
            // The id had another name, which leads to it no more.
            self.ids.remove_if(&before, |_, known| *known == index);
            self.rename(index, name);
        }
        self.digests.reach(index as usize).store(hash::name(name.as_str()), Relaxed);
        self.ids.insert(name.clone(), index);
        if self.has_released() {
            let mut released = self.lock_released();
            if let Some(seq) = released.at.remove(&index) {
                released.in_order.remove(&(seq, index));
            }
        }
        if index >= self.count.load(Relaxed) {
            self.count.store(index + 1, Release);
        }
    }

    /// Another name gets an id.
    fn rename(&self, index: u32, name: &Name) {
        let mut renamed = self.renamed.write().unwrap_or_else(PoisonError::into_inner);
        let place = renamed.count;
        self.later.reach(place as usize).get_or_init(|| name.clone());
        renamed.count += 1;
        renamed.at.insert(index, place);
        // Release: pairs with the Acquire in `name_at`.
        self.has_renamed.store(true, Release);
    }

    /// Journal thread only, inside a fold: a name that the caller `by` made up. Nothing for one that was declared since.
    fn fold_made_up(&self, id: I, by: u64) {
        let index: u32 = id.into();
        if !self.details.contains_key(&index) {
            self.lock_made_up().insert(index, by);
        }
    }

    /// Journal thread only, inside a fold: the name of an id is retired, and nothing is said of it any more.
    pub(crate) fn fold_retired(&self, id: I) {
        let index: u32 = id.into();
        let Some(name) = self.name_at(index) else { return };
        self.ids.remove_if(name, |_, known| *known == index);
        self.lock_made_up().remove(index);
        if self.details.remove(&index).is_some() {
            self.declared.fetch_sub(1, Relaxed);
        }
        self.retired_names.insert(name.clone(), index);
        self.retired.insert(index);
    }

    /// Journal thread only, inside a fold: a retired name comes back, with the id that it had.
    pub(crate) fn fold_revived(&self, id: I) {
        let index: u32 = id.into();
        let Some(name) = self.name_at(index) else { return };
        self.retired_names.remove(name);
        self.retired.remove(index);
        self.ids.insert(name.clone(), index);
    }

    /// Ids whose names are retired, for a checkpoint.
    fn copy_retired(&self) -> Vec<I> {
        self.retired.below(self.count()).map(I::from).collect()
    }

    /// Journal thread only, inside a fold: `name` lost its id at `seq`. Nothing where a checkpoint knows that another has it.
    pub(crate) fn fold_released(&self, id: I, name: &Name, seq: Seq) {
        let index: u32 = id.into();
        if self.name_at(index) == Some(name) {
            self.release(index, seq);
            self.ids.remove_if(name, |_, known| *known == index);
        }
    }

    fn release(&self, index: u32, seq: Seq) {
        self.lock_made_up().remove(index);
        let mut released = self.lock_released();
        if let Some(before) = released.at.insert(index, seq) {
            released.in_order.remove(&(before, index));
        }
        released.in_order.insert((seq, index));
        self.has_released.store(true, Relaxed);
    }

    /// Puts back what a checkpoint holds of ids that were given back: their names lead to them no more.
    fn restore_released(&self, ids: &[(I, Seq)]) {
        for (id, seq) in ids {
            let index: u32 = (*id).into();
            self.release(index, *seq);
            if let Some(name) = self.name_at(index) {
                self.ids.remove(name);
            }
        }
        if !ids.is_empty() {
            // A name that was given back may have another id by now.
            for index in 0..self.count() {
                if self.is_live(index.into())
                    && let Some(name) = self.name_at(index)
                {
                    self.ids.insert(name.clone(), index);
                }
            }
        }
    }

    fn copy_made_up(&self) -> Vec<(I, u64)> {
        self.lock_made_up().by_id.iter().map(|(id, by)| (I::from(*id), *by)).collect()
    }

    fn copy_released(&self) -> Vec<(I, Seq)> {
        self.lock_released().in_order.iter().map(|(seq, id)| (I::from(*id), *seq)).collect()
    }

    /// Journal thread only, inside a fold: the details are durable. The catalogue digests them.
    fn fold_details(&self, id: I, version: Seq, details: D) {
        let index: u32 = id.into();
        if self.details.insert(index, Arc::new(Versioned { version, details })).is_none() {
            self.lock_made_up().remove(index);
            self.declared.fetch_add(1, Relaxed);
        }
    }

    fn lock_made_up(&self) -> MutexGuard<'_, MadeUpNames> {
        self.made_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_released(&self) -> MutexGuard<'_, ReleasedIds> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bits of a location: no pickups, no deliveries, and not declared by anybody.
const NO_PICKUP: u8 = 1;
const NO_SHIP: u8 = 2;
const MADE_UP: u8 = 4;

/// Set in the word of a channel's buffer where somebody declared the channel.
const DECLARED: u32 = 1 << 31;

/// Members of groups in an order, and the version of all groups that it is of.
type InOrder = (u64, FxHashMap<GroupId, Arc<[LocationId]>>);

/// All names and details, as the durable log has them.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// SKUs.
    pub skus: Registry<SkuId, SkuDetails>,
    /// Locations.
    pub locations: Registry<LocationId, LocationDetails>,
    /// Groups of locations.
    pub groups: Registry<GroupId, GroupDetails>,
    /// Channels.
    pub channels: Registry<ChannelId, ChannelDetails>,
    services: Map<LocationId, Arc<Versioned<ServiceDetails>>>,
    hours: Map<LocationId, Arc<Versioned<LocationHours>>>,
    /// By location: what orders are not taken there.
    barred: Arena<AtomicU8, 12, 12>,
    groups_of: Map<LocationId, Vec<GroupId>>,
    by_gtin: Map<Gtin, SmallVec<[SkuId; 2]>>,
    /// Members of groups in the order in which promises take from them, as of a version of all groups.
    in_order: Mutex<InOrder>,
    /// By channel: its buffer, and whether it is declared.
    buffers: Arena<AtomicU32, 8, 16>,
    accepts_undeclared: AtomicBool,
    /// SKUs that nobody counts.
    uncounted: IdSet,
    /// Whether each SKU is counted of which that was ever said.
    tracking: Map<SkuId, Versioned<bool>>,
    /// The quarantine of each location that has one, and of which each is.
    quarantines: Map<LocationId, LocationId>,
    quarantined: Map<LocationId, LocationId>,
    has_quarantines: AtomicBool,
    /// The state hash, of which this keeps the parts that are its own.
    pub(crate) hash: Arc<StateHash>,
}

impl Catalogue {
    pub(crate) fn new(hash: Arc<StateHash>) -> Self {
        Self { hash, ..Self::default() }
    }

    /// Keeps the state hash: a thing called `key` was set. What is the same as if it were not there counts for nothing.
    fn rehash<T: Serialize + PartialEq>(&self, part: Part, key: u64, before: Option<&T>, after: Option<&T>) {
        if before != after {
            let digest = |thing: Option<&T>| thing.map_or(0, |thing| hash::content::digest(self, part, key, thing));
            self.hash.change(part, digest(before), digest(after));
        }
    }

    /// The digests of the names of a cell.
    #[inline]
    pub(crate) fn place(&self, sku: SkuId, location: LocationId) -> Place {
        Place { sku: self.skus.digest(sku), location: self.locations.digest(location) }
    }

    /// Digests every thing anew.
    pub(crate) fn digest(&self, put: &mut dyn FnMut(Part, hash::Digest)) {
        for id in (0..self.skus.count()).map(SkuId) {
            let key = self.skus.digest(id);
            if let Some(set) = self.skus.details(id) {
                put(Part::Skus, hash::content::digest(self, Part::Skus, key, &set.details));
            }
            if !self.is_tracked(id) {
                put(Part::Skus, self.digest_uncounted(id));
            }
        }
        for id in (0..self.locations.count()).map(LocationId) {
            let key = self.locations.digest(id);
            if let Some(set) = self.locations.details(id) {
                put(Part::Locations, hash::content::digest(self, Part::Locations, key, &set.details));
            }
            if let Some(served) = self.served(id) {
                put(Part::Services, hash::content::digest(self, Part::Services, key, &served));
            }
        }
        for id in (0..self.groups.count()).map(GroupId) {
            if let Some(set) = self.groups.details(id) {
                put(Part::Groups, hash::content::digest(self, Part::Groups, self.groups.digest(id), &set.details));
            }
        }
        for id in (0..self.channels.count()).map(ChannelId) {
            if let Some(set) = self.channels.details(id) {
                put(
                    Part::Channels,
                    hash::content::digest(self, Part::Channels, self.channels.digest(id), &set.details),
                );
            }
        }
    }

    /// Where goods of a location are that may not be sold until somebody has looked, if there ever were any.
    pub fn quarantine(&self, location: LocationId) -> Option<LocationId> {
        self.quarantines.get(&location).map(|quarantine| *quarantine)
    }

    /// The location whose quarantine this is.
    pub fn quarantine_of(&self, location: LocationId) -> Option<LocationId> {
        if !self.has_quarantines() {
            return None;
        }
        self.quarantined.get(&location).map(|of| *of)
    }

    /// Whether there is any quarantine.
    #[inline]
    pub fn has_quarantines(&self) -> bool {
        self.has_quarantines.load(Relaxed)
    }

    /// All quarantines, each with whose it is, for a checkpoint.
    pub(crate) fn all_quarantines(&self) -> Vec<(LocationId, LocationId)> {
        let mut all: Vec<_> = self.quarantined.iter().map(|entry| (*entry.key(), *entry.value())).collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn fold_quarantine(&self, quarantine: LocationId, of: LocationId) {
        self.quarantines.insert(of, quarantine);
        self.quarantined.insert(quarantine, of);
        self.barred.reach(quarantine.0 as usize).store(NO_PICKUP | NO_SHIP, Relaxed);
        self.has_quarantines.store(true, Relaxed);
    }

    pub(crate) fn fold_sku(&self, sku: SkuId, version: Seq, details: SkuDetails) {
        let before = self.skus.details(sku);
        let before = before.as_deref().map(|set| &set.details);
        self.rehash(Part::Skus, self.skus.digest(sku), before, Some(&details));
        let codes = before.and_then(|details| details.gtin.as_deref());
        if codes != details.gtin.as_deref() {
            self.forget_gtins(sku, codes);
            for gtin in Gtin::of_details(details.gtin.as_deref()) {
                let mut skus = self.by_gtin.entry(gtin).or_default();
                if let Err(at) = skus.binary_search(&sku) {
                    skus.insert(at, sku);
                }
            }
        }
        self.skus.fold_details(sku, version, details);
    }

    fn forget_gtins(&self, sku: SkuId, codes: Option<&str>) {
        for gone in Gtin::of_details(codes) {
            self.by_gtin.remove_if_mut(&gone, |_, skus| {
                skus.retain(|known| *known != sku);
                skus.is_empty()
            });
        }
    }

    /// Whether units of a SKU are counted; nobody counts services, gift cards and digital goods.
    #[inline]
    pub fn is_tracked(&self, sku: SkuId) -> bool {
        !self.uncounted.contains(sku.0)
    }

    /// Whether it was ever said of a SKU that nobody counts it.
    pub(crate) fn has_tracking(&self) -> bool {
        !self.tracking.is_empty()
    }

    /// Whether there is a SKU that nobody counts.
    #[inline]
    pub fn has_uncounted(&self) -> bool {
        self.uncounted.len() > 0
    }

    /// Whether a SKU is counted, and the version of that, if it was ever said.
    pub fn tracking(&self, sku: SkuId) -> Option<Versioned<bool>> {
        self.tracking.get(&sku).map(|tracking| tracking.clone())
    }

    /// The version of what is said of a SKU; `None` where nothing is.
    pub fn sku_version(&self, sku: SkuId) -> Option<Seq> {
        let details = self.skus.details(sku).map(|set| set.version);
        details.max(self.tracking(sku).map(|tracking| tracking.version))
    }

    /// Whether what nobody counts may be promised at a location: somebody declared it, and it is no quarantine.
    pub fn has_uncounted_at(&self, location: LocationId) -> bool {
        !self.is_made_up(location) && !self.locations.is_retired(location) && self.quarantine_of(location).is_none()
    }

    /// What a promise of `units` does to its cell.
    #[inline]
    pub(crate) fn promise(&self, sku: SkuId, units: u32) -> StockChange {
        if self.is_tracked(sku) { StockChange::reserve(units) } else { StockChange::conjure(units) }
    }

    fn digest_uncounted(&self, sku: SkuId) -> hash::Digest {
        hash::content::digest(self, Part::Skus, self.skus.digest(sku), &"nobody counts it")
    }

    /// Journal thread only, inside a fold: a SKU is counted from here on, or is not.
    pub(crate) fn fold_tracking(&self, sku: SkuId, version: Seq, tracked: bool) {
        let was = self.is_tracked(sku);
        self.tracking.insert(sku, Versioned { version, details: tracked });
        if was == tracked {
            return;
        }
        let digest = self.digest_uncounted(sku);
        if tracked {
            self.uncounted.remove(sku.0);
            self.hash.change(Part::Skus, digest, 0);
        } else {
            self.uncounted.insert(sku.0);
            self.hash.change(Part::Skus, 0, digest);
        }
    }

    /// The SKUs that have a GTIN, in whatever form it was written; ascending.
    pub fn skus_of_gtin(&self, gtin: Gtin) -> Vec<SkuId> {
        self.by_gtin.get(&gtin).map(|skus| skus.to_vec()).unwrap_or_default()
    }

    /// What a channel must leave in every cell. An undeclared channel leaves nothing.
    #[inline]
    pub fn buffer(&self, channel: ChannelId) -> u32 {
        self.buffers.get(channel.0 as usize).map_or(0, |buffer| buffer.load(Relaxed) & !DECLARED)
    }

    /// Whether somebody declared a channel.
    #[inline]
    pub fn is_declared(&self, channel: ChannelId) -> bool {
        self.buffers.get(channel.0 as usize).is_some_and(|buffer| buffer.load(Relaxed) & DECLARED != 0)
    }

    /// Whether a channel that nobody declared will do: none is declared, or the settings say so.
    #[inline]
    pub fn takes_any_channel(&self) -> bool {
        self.channels.declared() == 0 || self.accepts_undeclared()
    }

    pub(crate) fn accepts_undeclared(&self) -> bool {
        self.accepts_undeclared.load(Relaxed)
    }

    /// Channels that nobody declared are accepted from here on, whatever is declared.
    pub(crate) fn accept_undeclared(&self) {
        self.accepts_undeclared.store(true, Relaxed);
    }

    pub(crate) fn fold_made_up(&self, made_up: &MadeUp) {
        let MadeUp { by, names } = made_up;
        names.skus.iter().for_each(|(id, _)| self.skus.fold_made_up(*id, *by));
        names.locations.iter().for_each(|(id, _)| self.fold_made_up_location(*id, *by));
        names.groups.iter().for_each(|(id, _)| self.groups.fold_made_up(*id, *by));
        names.channels.iter().for_each(|(id, _)| self.channels.fold_made_up(*id, *by));
    }

    /// Whether a channel was retired, and is not back.
    pub fn is_retired_channel(&self, name: &str) -> bool {
        self.channels.retired_id(name).is_some()
    }

    /// Journal thread only, inside a fold: names are retired, and nothing is said of them any more.
    pub(crate) fn fold_retired(&self, seq: Seq, names: &Definitions) {
        for (sku, _) in &names.skus {
            let known = self.skus.details(*sku);
            let known = known.as_deref().map(|set| &set.details);
            self.rehash(Part::Skus, self.skus.digest(*sku), known, None);
            self.forget_gtins(*sku, known.and_then(|details| details.gtin.as_deref()));
            if self.tracking.contains_key(sku) {
                self.fold_tracking(*sku, seq, true);
            }
            self.skus.fold_retired(*sku);
        }
        for (location, _) in &names.locations {
            let (known, served) = (self.locations.details(*location), self.served(*location));
            let known = known.as_deref().map(|set| &set.details);
            self.rehash(Part::Locations, self.locations.digest(*location), known, None);
            self.services.remove(location);
            self.hours.remove(location);
            self.rehash_served(*location, served);
            self.retire_location(*location);
        }
        for (group, _) in &names.groups {
            let nothing = GroupDetails::default();
            self.fold_group(*group, seq, nothing.clone());
            self.rehash(Part::Groups, self.groups.digest(*group), Some(&nothing), None);
            self.groups.fold_retired(*group);
        }
        for (channel, _) in &names.channels {
            self.buffers.reach(channel.0 as usize).fetch_and(!DECLARED, Relaxed);
            let known = self.channels.details(*channel);
            let known = known.as_deref().map(|set| &set.details);
            self.rehash(Part::Channels, self.channels.digest(*channel), known, None);
            self.channels.fold_retired(*channel);
        }
    }

    /// What is retired hands nothing out.
    fn retire_location(&self, location: LocationId) {
        self.barred.reach(location.0 as usize).store(NO_PICKUP | NO_SHIP, Relaxed);
        self.locations.fold_retired(location);
    }

    /// Journal thread only, inside a fold: retired names come back, with the ids that they had.
    pub(crate) fn fold_revived(&self, names: &Definitions) {
        names.skus.iter().for_each(|(id, _)| self.skus.fold_revived(*id));
        for (location, _) in &names.locations {
            if self.quarantine_of(*location).is_none() {
                self.barred.reach(location.0 as usize).store(0, Relaxed);
            }
            self.locations.fold_revived(*location);
        }
        names.groups.iter().for_each(|(id, _)| self.groups.fold_revived(*id));
        for (channel, _) in &names.channels {
            self.buffers.reach(channel.0 as usize).store(0, Relaxed);
            self.channels.fold_revived(*channel);
        }
    }

    /// What a checkpoint keeps of names that are retired.
    pub(crate) fn copy_retired(&self) -> RetiredNames {
        RetiredNames {
            skus: self.skus.copy_retired(),
            locations: self.locations.copy_retired(),
            groups: self.groups.copy_retired(),
            channels: self.channels.copy_retired(),
        }
    }

    /// Puts it back, behind the names.
    pub(crate) fn restore_retired(&self, names: &RetiredNames) {
        names.skus.iter().for_each(|id| self.skus.fold_retired(*id));
        names.locations.iter().for_each(|id| self.retire_location(*id));
        names.groups.iter().for_each(|id| self.groups.fold_retired(*id));
        names.channels.iter().for_each(|id| self.channels.fold_retired(*id));
    }

    /// What a checkpoint keeps of names that nobody declared.
    pub(crate) fn undeclared(&self) -> Undeclared {
        Undeclared {
            skus: self.skus.copy_made_up(),
            locations: self.locations.copy_made_up(),
            groups: self.groups.copy_made_up(),
            channels: self.channels.copy_made_up(),
            released_channels: self.channels.copy_released(),
        }
    }

    /// Puts it back, behind the names.
    pub(crate) fn restore_undeclared(&self, undeclared: &Undeclared) {
        undeclared.skus.iter().for_each(|(id, by)| self.skus.fold_made_up(*id, *by));
        undeclared.locations.iter().for_each(|(id, by)| self.fold_made_up_location(*id, *by));
        undeclared.groups.iter().for_each(|(id, by)| self.groups.fold_made_up(*id, *by));
        undeclared.channels.iter().for_each(|(id, by)| self.channels.fold_made_up(*id, *by));
        self.channels.restore_released(&undeclared.released_channels);
    }

    /// The groups that a location is in, ascending.
    pub fn groups_of(&self, location: LocationId) -> Vec<GroupId> {
        self.groups_of.get(&location).map(|groups| groups.clone()).unwrap_or_default()
    }

    /// The members of a group, those first that fewest groups share.
    pub fn members_in_order(&self, group: GroupId) -> Arc<[LocationId]> {
        let lock = || self.in_order.lock().unwrap_or_else(PoisonError::into_inner);
        let version = {
            let known = lock();
            if let Some(members) = known.1.get(&group) {
                return Arc::clone(members);
            }
            known.0
        };
        let mut members = self.groups.details_or_default(group).locations;
        members
            .sort_by_cached_key(|location| (self.groups_of.get(location).map_or(0, |groups| groups.len()), *location));
        let members: Arc<[LocationId]> = members.into();
        let mut known = lock();
        // A group may have changed meanwhile, and this order be of before.
        if known.0 == version {
            known.1.insert(group, Arc::clone(&members));
        }
        members
    }

    /// Whether a location takes reservations of a purpose: pickups where customers may fetch orders, deliveries where
    /// orders are shipped, and neither where only a movement or a count made the location up. Carts everywhere.
    #[inline]
    pub fn takes(&self, location: LocationId, purpose: Purpose) -> bool {
        let bar = match purpose {
            Purpose::Cart | Purpose::Transfer => return true,
            Purpose::Pickup => NO_PICKUP,
            Purpose::Delivery => NO_SHIP,
        };
        self.barred.get(location.0 as usize).is_none_or(|barred| barred.load(Relaxed) & bar == 0)
    }

    /// Whether a location takes reservations of every purpose.
    pub(crate) fn takes_all(&self, location: LocationId) -> bool {
        self.barred.get(location.0 as usize).is_none_or(|barred| barred.load(Relaxed) == 0)
    }

    /// Whether only a movement or a count made a location up, so that it hands nothing out.
    pub fn is_made_up(&self, location: LocationId) -> bool {
        self.barred.get(location.0 as usize).is_some_and(|barred| barred.load(Relaxed) & MADE_UP != 0)
    }

    pub(crate) fn fold_location(&self, location: LocationId, version: Seq, details: LocationDetails) {
        let bar = |may: bool, bit: u8| if may { 0 } else { bit };
        let barred = bar(details.pickup, NO_PICKUP) | bar(details.ship, NO_SHIP);
        self.barred.reach(location.0 as usize).store(barred, Relaxed);
        let before = self.locations.details(location);
        let before = before.as_deref().map(|set| &set.details);
        self.rehash(Part::Locations, self.locations.digest(location), before, Some(&details));
        self.locations.fold_details(location, version, details);
    }

    fn fold_made_up_location(&self, location: LocationId, by: u64) {
        self.locations.fold_made_up(location, by);
        if self.locations.details(location).is_none() {
            self.barred.reach(location.0 as usize).store(MADE_UP | NO_PICKUP | NO_SHIP, Relaxed);
        }
    }

    /// When people work in a location, as it was set last, with the version of that.
    pub fn hours(&self, location: LocationId) -> Versioned<LocationHours> {
        if let Some(hours) = self.hours.get(&location) {
            return hours.as_ref().clone();
        }
        let Some(services) = self.services(location) else {
            return Versioned { version: 0, details: LocationHours::default() };
        };
        Versioned { version: services.version, details: services.details.old_hours() }
    }

    /// The same where it was set in a form of its own, for a checkpoint.
    pub(crate) fn own_hours(&self, location: LocationId) -> Option<Arc<Versioned<LocationHours>>> {
        self.hours.get(&location).map(|hours| hours.clone())
    }

    pub(crate) fn fold_hours(&self, location: LocationId, version: Seq, details: LocationHours) {
        let before = self.served(location);
        self.hours.insert(location, Arc::new(Versioned { version, details }));
        self.rehash_served(location, before);
    }

    /// How long people in a location take, and from where they have things brought, if that was ever set.
    pub fn services(&self, location: LocationId) -> Option<Arc<Versioned<ServiceDetails>>> {
        self.services.get(&location).map(|services| services.clone())
    }

    /// What is digested of what people do in a location: its hours as they hold, whichever event said so. None where
    /// nothing was ever said.
    fn served(&self, location: LocationId) -> Option<(ServiceDetails, LocationHours)> {
        let services = self.services(location).map(|set| set.details.clone()).unwrap_or_default();
        let served = (ServiceDetails { hours: Vec::new(), ..services }, self.hours(location).details);
        (served != Default::default()).then_some(served)
    }

    fn rehash_served(&self, location: LocationId, before: Option<(ServiceDetails, LocationHours)>) {
        let after = self.served(location);
        self.rehash(Part::Services, self.locations.digest(location), before.as_ref(), after.as_ref());
    }

    pub(crate) fn fold_services(&self, location: LocationId, version: Seq, details: ServiceDetails) {
        let before = self.served(location);
        self.services.insert(location, Arc::new(Versioned { version, details }));
        self.rehash_served(location, before);
    }

    pub(crate) fn fold_group(&self, group: GroupId, version: Seq, details: GroupDetails) {
        let known = self.groups.details(group);
        let known = known.as_deref().map(|set| &set.details);
        self.rehash(Part::Groups, self.groups.digest(group), known, Some(&details));
        let before = known.map_or(&[][..], |known| &known.locations);
        for gone in before.iter().filter(|location| details.locations.binary_search(location).is_err()) {
            if let Some(mut groups) = self.groups_of.get_mut(gone) {
                groups.retain(|member| *member != group);
            }
        }
        for location in &details.locations {
            let mut groups = self.groups_of.entry(*location).or_default();
            if let Err(at) = groups.binary_search(&group) {
                groups.insert(at, group);
            }
        }
        self.groups.fold_details(group, version, details);
        let mut known = self.in_order.lock().unwrap_or_else(PoisonError::into_inner);
        known.0 += 1;
        known.1.clear();
    }

    pub(crate) fn fold_channel(&self, channel: ChannelId, version: Seq, details: ChannelDetails) {
        self.buffers.reach(channel.0 as usize).store(details.buffer.min(DECLARED - 1) | DECLARED, Relaxed);
        let before = self.channels.details(channel);
        let before = before.as_deref().map(|set| &set.details);
        self.rehash(Part::Channels, self.channels.digest(channel), before, Some(&details));
        self.channels.fold_details(channel, version, details);
    }
}

impl hash::content::Names for Catalogue {
    fn digest_of(&self, kind: &str, id: u32) -> Option<u64> {
        let Self { skus, locations, groups, channels, .. } = self;
        match kind {
            "SkuId" => Some(skus.digest(SkuId(id))),
            "LocationId" => Some(locations.digest(LocationId(id))),
            "GroupId" => Some(groups.digest(GroupId(id))),
            "ChannelId" => Some(channels.digest(ChannelId(id))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_is_found_by_each_of_its_gtins_until_it_has_others() {
        let catalogue = Catalogue::default();
        let details = |gtin: &str| SkuDetails { gtin: Some(gtin.into()), ..SkuDetails::default() };
        let found = |text: &str| catalogue.skus_of_gtin(Gtin::parse(text).expect("a GTIN"));
        catalogue.fold_sku(SkuId(2), 1, details("036000291452;4006381333931"));
        catalogue.fold_sku(SkuId(1), 2, details("0036000291452"));
        assert_eq!(found("036000291452"), [SkuId(1), SkuId(2)]);
        assert_eq!(found("4006381333931"), [SkuId(2)]);
        catalogue.fold_sku(SkuId(2), 3, details("96385074"));
        assert_eq!((found("036000291452"), found("4006381333931")), (vec![SkuId(1)], vec![]));
        catalogue.fold_sku(SkuId(1), 4, SkuDetails::default());
        assert!(found("00036000291452").is_empty());
    }

    #[test]
    fn leaving_a_group_is_seen_from_the_location() {
        let catalogue = Catalogue::default();
        let group = |locations: &[u32]| GroupDetails { locations: locations.iter().map(|l| LocationId(*l)).collect() };
        catalogue.fold_group(GroupId(1), 1, group(&[3, 4]));
        catalogue.fold_group(GroupId(0), 2, group(&[4]));
        assert_eq!(catalogue.groups_of(LocationId(4)), vec![GroupId(0), GroupId(1)]);
        catalogue.fold_group(GroupId(1), 3, group(&[3]));
        assert_eq!(catalogue.groups_of(LocationId(4)), vec![GroupId(0)]);
    }
}
