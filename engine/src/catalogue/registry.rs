//! One kind of name: interned ids from the first use of a name until its retirement or release.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use dashmap::DashMap;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::hash;
use crate::ids::{Name, Seq};
use crate::kernel::id_set::IdSet;
use crate::matrix::Arena;

pub(super) type Map<K, V> = DashMap<K, V, foldhash::fast::RandomState>;

/// Details with their version: the `seq` that last set them, which `If-Match` compares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Versioned<D> {
    /// The `seq` of the record that set them.
    pub version: Seq,
    /// The details.
    pub details: D,
}

/// One kind of name: interned, dense ids from 0, with details for declared names.
///
/// A released id keeps its old name for readers of old records, until another name gets the id.
#[derive(Debug)]
pub struct Registry<I, D> {
    ids: Map<Name, u32>,
    names: Arena<OnceLock<Name>, 14, 13>,
    /// The digest of each id's name.
    digests: Arena<AtomicU64, 14, 13>,
    details: Map<u32, Arc<Versioned<D>>>,
    count: AtomicU32,
    declared: AtomicU32,
    made_up: Mutex<MadeUpNames>,
    released: Mutex<ReleasedIds>,
    /// Whether any id was ever released, and whether a released id got another name: in most registries, never.
    has_released: AtomicBool,
    has_renamed: AtomicBool,
    /// Retired ids, and the retired id of each name. A lookup by name does not find them until the name is revived.
    retired: IdSet,
    retired_names: Map<Name, u32>,
    /// For an id that got another name: its index in `later`.
    renamed: RwLock<Renamed>,
    /// Names on reused ids. References to names stay valid, so no name is dropped: the arena grows by one name per
    /// reused id until the next start.
    later: Arena<OnceLock<Name>, 8, 10>,
    kind: PhantomData<I>,
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

    /// The name of an id.
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

    /// The digest of an id's name, for the state hash.
    #[inline]
    pub(crate) fn digest(&self, id: I) -> u64 {
        self.digests.get(id.into() as usize).map_or(0, |digest| digest.load(Relaxed))
    }

    /// The number of published ids, `0..count`, including released ids.
    pub fn count(&self) -> u32 {
        // Acquire: pairs with the Release in `fold_definition`, so every id below the count has its name.
        self.count.load(Acquire)
    }

    /// The number of declared names.
    #[inline]
    pub fn declared(&self) -> u32 {
        self.declared.load(Relaxed)
    }

    /// The number of undeclared names with an id, including those from old logs.
    pub fn undeclared(&self) -> u32 {
        let released = self.lock_released().at.len() as u32;
        let gone = released + self.retired.len();
        self.count().saturating_sub(self.declared()).saturating_sub(gone)
    }

    /// The number of names that callers introduced and that are still undeclared.
    pub fn made_up_count(&self) -> usize {
        self.lock_made_up().by_id.len()
    }

    /// The number of such names in total, and of those introduced by `by`.
    pub(crate) fn made_up(&self, by: u64) -> (u32, u32) {
        let made_up = self.lock_made_up();
        (made_up.by_id.len() as u32, made_up.by_caller.get(&by).copied().unwrap_or(0))
    }

    /// Whether an id has a live name.
    pub fn is_live(&self, id: I) -> bool {
        !self.is_retired(id) && (!self.has_released() || !self.lock_released().at.contains_key(&id.into()))
    }

    /// Whether every id has its name: none was ever released, and none is retired.
    #[inline]
    pub(crate) fn all_live(&self) -> bool {
        self.retired.len() == 0 && !self.has_released()
    }

    /// Whether an id's name is retired.
    #[inline]
    pub fn is_retired(&self, id: I) -> bool {
        self.retired.contains(id.into())
    }

    /// The number of retired names.
    #[inline]
    pub fn retired(&self) -> u32 {
        self.retired.len()
    }

    /// The id of a retired name, which the name gets again when it is revived.
    pub fn retired_id(&self, name: &str) -> Option<I> {
        if self.retired.len() == 0 {
            return None;
        }
        self.retired_names.get(name).map(|id| I::from(*id))
    }

    /// Whether a caller introduced the name, and it is still undeclared.
    pub fn is_made_up(&self, id: I) -> bool {
        self.lock_made_up().by_id.contains_key(&id.into())
    }

    /// Ids of the names that callers introduced and that are still undeclared, ascending.
    pub fn made_up_ids(&self) -> Vec<I> {
        let mut ids: Vec<u32> = self.lock_made_up().by_id.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter().map(I::from).collect()
    }

    /// Whether any id was ever released.
    #[inline]
    pub(crate) fn has_released(&self) -> bool {
        self.has_released.load(Relaxed)
    }

    /// The next released id after `after` that no record of a log starting at `log_from` can refer to.
    pub(crate) fn reusable(&self, after: Option<(Seq, u32)>, log_from: Seq) -> Option<(Seq, u32)> {
        use std::ops::Bound::{Excluded, Unbounded};
        if !self.has_released() || self.renamed.read().unwrap_or_else(PoisonError::into_inner).count >= RENAMED_MAX {
            return None;
        }
        let released = self.lock_released();
        let first = released.in_order.range((after.map_or(Unbounded, Excluded), Unbounded)).next();
        first.copied().filter(|(seq, _)| *seq < log_from)
    }

    /// The details of an id, if any are set.
    pub fn details(&self, id: I) -> Option<Arc<Versioned<D>>> {
        self.details.get(&id.into()).map(|details| details.clone())
    }

    /// The details of an id, or the defaults.
    pub fn details_or_default(&self, id: I) -> D {
        self.details(id).map(|set| set.details.clone()).unwrap_or_default()
    }

    /// Up to `limit` declared names, by name.
    pub(super) fn some_declared(&self, limit: usize) -> Vec<&Name> {
        let ids: Vec<u32> = self.details.iter().take(limit).map(|entry| *entry.key()).collect();
        let mut names: Vec<_> = ids.into_iter().filter_map(|id| self.name_at(id)).collect();
        names.sort_unstable();
        names
    }

    /// Journal thread only, inside a fold: publishes a durable definition.
    pub(crate) fn fold_definition(&self, id: I, name: &Name) {
        let index: u32 = id.into();
        self.names.reach(index as usize).get_or_init(|| name.clone());
        if let Some(before) = self.name_at(index).filter(|before| *before != name).cloned() {
            // The id's former name no longer leads to it.
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

    /// Gives the id another name.
    fn rename(&self, index: u32, name: &Name) {
        let mut renamed = self.renamed.write().unwrap_or_else(PoisonError::into_inner);
        let place = renamed.count;
        self.later.reach(place as usize).get_or_init(|| name.clone());
        renamed.count += 1;
        renamed.at.insert(index, place);
        // Release: pairs with the Acquire in `name_at`.
        self.has_renamed.store(true, Release);
    }

    /// Journal thread only, inside a fold: records a name that the caller `by` introduced. Ignored if the name is
    /// declared by now.
    pub(super) fn fold_made_up(&self, id: I, by: u64) {
        let index: u32 = id.into();
        if !self.details.contains_key(&index) {
            self.lock_made_up().insert(index, by);
        }
    }

    /// Journal thread only, inside a fold: retires an id's name and drops its details.
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

    /// Journal thread only, inside a fold: revives a retired name with its former id.
    pub(crate) fn fold_revived(&self, id: I) {
        let index: u32 = id.into();
        let Some(name) = self.name_at(index) else { return };
        self.retired_names.remove(name);
        self.retired.remove(index);
        self.ids.insert(name.clone(), index);
    }

    /// Retired ids, for a checkpoint.
    pub(super) fn copy_retired(&self) -> Vec<I> {
        self.retired.below(self.count()).map(I::from).collect()
    }

    /// Journal thread only, inside a fold: releases the id of `name` at `seq`. Ignored if a checkpoint already gave
    /// the id to another name.
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

    /// Restores the released ids of a checkpoint: their names no longer lead to them.
    pub(super) fn restore_released(&self, ids: &[(I, Seq)]) {
        for (id, seq) in ids {
            let index: u32 = (*id).into();
            self.release(index, *seq);
            if let Some(name) = self.name_at(index) {
                self.ids.remove(name);
            }
        }
        if !ids.is_empty() {
            // A released name may have another id by now.
            for index in 0..self.count() {
                if self.is_live(index.into())
                    && let Some(name) = self.name_at(index)
                {
                    self.ids.insert(name.clone(), index);
                }
            }
        }
    }

    pub(super) fn copy_made_up(&self) -> Vec<(I, u64)> {
        self.lock_made_up().by_id.iter().map(|(id, by)| (I::from(*id), *by)).collect()
    }

    pub(super) fn copy_released(&self) -> Vec<(I, Seq)> {
        self.lock_released().in_order.iter().map(|(seq, id)| (I::from(*id), *seq)).collect()
    }

    /// Journal thread only, inside a fold: stores durable details. The catalogue computes their digest.
    pub(super) fn fold_details(&self, id: I, version: Seq, details: D) {
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

/// Ids that got another name.
#[derive(Debug, Default)]
struct Renamed {
    /// The index of each id's later name.
    at: FxHashMap<u32, u32>,
    /// The number of later names.
    count: u32,
}

/// The most names of one kind that may get a reused id until the next start.
const RENAMED_MAX: u32 = 1 << 18;

/// Undeclared names, by the caller that introduced them.
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

/// Released ids, by the `seq` of their release.
#[derive(Debug, Default)]
struct ReleasedIds {
    at: FxHashMap<u32, Seq>,
    in_order: BTreeSet<(Seq, u32)>,
}
