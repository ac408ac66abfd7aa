//! Prices in the durable view.
//!
//! The rows of each SKU lie under one pointer, so that readers take no lock; lists and tax classes are compiled into a
//! [`Book`], which the fold replaces whole. What only decisions and exports look at lies under a lock.

mod digests;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use rustc_hash::FxHashMap;

use super::book::Book;
use super::list::{BASE, BASE_NAME, KEPT_MS, LISTS_MAX, ListId, ListStanding, PriceList};
use super::priced::Priced;
use super::row::Row;
use super::tax::{STANDARD, TaxClass};
use crate::hash::Digest;
use crate::ids::{Name, Seq, SkuId, Timestamp};
use crate::matrix::Arena;

/// SKUs whose rows are looked at under one change, to be forgotten.
const FORGOTTEN_MAX: usize = 64;

/// Rows, counted by when they end.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Ends(BTreeMap<u64, u32>);

impl Ends {
    fn count(&mut self, end: Timestamp, more: bool) {
        let known = self.0.entry(end.0).or_default();
        *known = if more { *known + 1 } else { known.saturating_sub(1) };
        if *known == 0 {
            self.0.remove(&end.0);
        }
    }

    /// Those in force at `now`, or to come.
    fn live(&self, now: Timestamp) -> u64 {
        self.0.range(now.0 + 1..).map(|(_, count)| u64::from(*count)).sum()
    }
}

/// A tax class, with the `seq` of its last change.
type Versioned<T> = (Seq, Arc<T>);

#[derive(Debug, Default)]
struct Inner {
    /// Those that were removed not long ago, too.
    lists: BTreeMap<ListId, Arc<ListStanding>>,
    by_name: BTreeMap<Name, ListId>,
    /// The number that the next new list gets.
    next_id: u32,
    /// By list, its rows, and what they add to the state hash.
    listed: FxHashMap<ListId, (Ends, Digest)>,
    /// Channels and locations that rows of `base` name.
    channels: FxHashMap<Name, Ends>,
    locations: FxHashMap<Name, Ends>,
    classes: BTreeMap<Name, Versioned<TaxClass>>,
    /// By class, the SKUs that name it.
    taxed: FxHashMap<Name, u32>,
    /// The `seq` of the last change of any tax class.
    taxes: Seq,
    /// When rows of a SKU may be forgotten.
    due: BTreeSet<(Timestamp, SkuId)>,
    due_of: FxHashMap<SkuId, Timestamp>,
    /// When rows that are set begin or end by their own dates, with how many of the SKU do.
    turns: BTreeMap<(Timestamp, SkuId), u32>,
}

/// The tax class of a SKU, with the `seq` of its last change.
type Taxed = (Seq, Option<Name>);

/// Prices, price lists and tax classes.
#[derive(Debug, Default)]
pub struct Store {
    rows: Arena<ArcSwapOption<Priced>, 14, 13>,
    /// The tax classes of SKUs that have one of their own.
    taxed: Arena<ArcSwapOption<Taxed>, 14, 13>,
    /// Ids below which there may be anything.
    skus: AtomicU32,
    book: ArcSwap<Book>,
    /// Whether the book is no longer what it should be.
    stale: AtomicBool,
    inner: RwLock<Inner>,
}

impl Store {
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lists and tax classes, compiled. Exact at one `seq` inside the durable view.
    #[inline]
    pub fn book(&self) -> Guard<Arc<Book>> {
        self.book.load()
    }

    /// The rows of a SKU, if there ever were any. Exact at one `seq` inside the durable view.
    #[inline]
    pub fn get(&self, sku: SkuId) -> Option<Arc<Priced>> {
        self.rows.get(sku.0 as usize)?.load_full()
    }

    /// The same, as a short borrow.
    #[inline]
    pub fn look(&self, sku: SkuId) -> Guard<Option<Arc<Priced>>> {
        self.rows.get(sku.0 as usize).map_or_else(|| Guard::from_inner(None), |rows| rows.load())
    }

    /// The tax class of a SKU that has one of its own, with the `seq` of its last change.
    pub fn tax_class(&self, sku: SkuId) -> Option<Arc<Taxed>> {
        self.taxed.get(sku.0 as usize)?.load_full()
    }

    /// The tax class of a SKU: the standard one, if nothing is said.
    pub fn tax_class_of(&self, sku: SkuId) -> String {
        self.with_tax_class_of(Some(sku), str::to_owned)
    }

    /// Whether what was worked out at `seq`, and stands until `until`, is what would be worked out at `now`: no list and no
    /// tax class changed, began or ended since, and no row of these SKUs did.
    pub fn stand(&self, seq: Seq, until: Timestamp, now: Timestamp, skus: impl IntoIterator<Item = SkuId>) -> bool {
        let book = self.book();
        let is_old = |sku: SkuId| {
            self.look(sku).as_ref().is_none_or(|rows| rows.version <= seq)
                && self.taxed.get(sku.0 as usize).is_none_or(|taxed| taxed.load().as_ref().is_none_or(|t| t.0 <= seq))
        };
        now < until && book.version() <= seq && book.taxes() <= seq && skus.into_iter().all(is_old)
    }

    /// A list by its id, as it stands; none for `base`.
    pub fn list(&self, name: &str) -> Option<Arc<ListStanding>> {
        let inner = self.read();
        inner.lists.get(inner.by_name.get(name)?).cloned()
    }

    /// Up to `limit` lists, by id, from the one after `after`.
    pub fn lists(&self, after: Option<&str>, limit: usize) -> Vec<Arc<ListStanding>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let inner = self.read();
        let range = inner.by_name.range::<str, _>((after.map_or(Unbounded, Excluded), Unbounded));
        range.filter_map(|(_, id)| inner.lists.get(id).cloned()).take(limit).collect()
    }

    /// A tax class, with the `seq` of its last change.
    pub fn class(&self, name: &str) -> Option<Versioned<TaxClass>> {
        self.read().classes.get(name).cloned()
    }

    /// Every tax class, by id.
    pub fn classes(&self) -> Vec<(Name, Seq, Arc<TaxClass>)> {
        self.read().classes.iter().map(|(name, (seq, class))| (name.clone(), *seq, Arc::clone(class))).collect()
    }

    /// What a reader makes of the tax class of a SKU: of the standard one, if nothing is said.
    pub fn with_tax_class_of<T>(&self, sku: Option<SkuId>, read: impl FnOnce(&str) -> T) -> T {
        let place = sku.and_then(|sku| self.taxed.get(sku.0 as usize));
        let taxed = place.map(|place| place.load());
        let own = taxed.as_ref().and_then(|taxed| taxed.as_ref()).and_then(|taxed| taxed.1.as_ref());
        read(own.map_or(STANDARD, Name::as_str))
    }

    /// SKUs that name a tax class.
    pub fn taxed(&self, class: &str) -> u32 {
        self.read().taxed.get(class).copied().unwrap_or_default()
    }

    /// SKUs of which there may be rows: those below.
    pub fn skus(&self) -> u32 {
        self.skus.load(Relaxed)
    }

    /// Rows of a list that are in force at `now`, or to come.
    pub fn live_in(&self, list: ListId, now: Timestamp) -> u64 {
        self.read().listed.get(&list).map_or(0, |(ends, _)| ends.live(now))
    }

    /// Rows in force at `now`, or to come, that are for one channel.
    pub fn for_channel(&self, channel: &str, now: Timestamp) -> u64 {
        self.read().channels.get(channel).map_or(0, |ends| ends.live(now))
    }

    /// Rows in force at `now`, or to come, that are for one location.
    pub fn for_location(&self, location: &str, now: Timestamp) -> u64 {
        self.read().locations.get(location).map_or(0, |ends| ends.live(now))
    }

    /// The ids of lists that say something of which `names` is true.
    pub fn lists_with(&self, names: impl Fn(&PriceList) -> bool) -> Vec<String> {
        let inner = self.read();
        let standing = inner.by_name.values().filter_map(|id| inner.lists.get(id));
        standing.filter(|list| list.list.as_ref().is_some_and(&names)).map(|list| list.name.to_string()).collect()
    }

    /// The ids of tax classes with a rate of which `names` is true.
    pub fn classes_with(&self, names: impl Fn(&super::tax::Rate) -> bool) -> Vec<String> {
        let inner = self.read();
        let classes = inner.classes.iter().filter(|(_, (_, class))| class.rates.iter().any(&names));
        classes.map(|(name, _)| name.to_string()).collect()
    }

    /// The SKUs of which a row begins or ends by its own date after `from`, up to `to`.
    pub fn turned(&self, from: Timestamp, to: Timestamp) -> Vec<SkuId> {
        let (after, until) = ((from, SkuId(u32::MAX)), (to, SkuId(u32::MAX)));
        if from >= to {
            return Vec::new();
        }
        let inner = self.read();
        inner.turns.range((Bound::Excluded(after), Bound::Included(until))).map(|((_, sku), _)| *sku).collect()
    }

    /// Lists whose date has come at `now`, with whether they are in force from now on.
    pub(super) fn due_lists(&self, now: Timestamp) -> Vec<(ListId, bool)> {
        let inner = self.read();
        let runs = inner.lists.values().filter_map(|standing| {
            let runs = standing.list.as_ref()?.runs_at(now);
            (standing.in_force != runs).then_some((standing.id, runs))
        });
        runs.collect()
    }

    /// The number of a new list; none where there are as many as there may be.
    pub(super) fn free_id(&self) -> Option<ListId> {
        let inner = self.read();
        (inner.by_name.len() < LISTS_MAX).then(|| ListId(inner.next_id.max(1)))
    }

    /// Lists that were removed so long before `now` that nothing is kept of them.
    pub(super) fn forgettable_lists(&self, now: Timestamp) -> Vec<ListId> {
        let inner = self.read();
        let removed = inner.lists.values().filter(|standing| standing.list.is_none());
        let is_old = |standing: &&Arc<ListStanding>| now.since_ms(standing.since) > 2 * KEPT_MS;
        removed.filter(is_old).map(|standing| standing.id).take(FORGOTTEN_MAX).collect()
    }

    /// SKUs of which rows may be forgotten at `now`: some of them.
    pub(super) fn forgettable_skus(&self, now: Timestamp) -> Vec<SkuId> {
        let inner = self.read();
        let due = inner.due.range(..=(now, SkuId(u32::MAX)));
        due.take(FORGOTTEN_MAX).map(|(_, sku)| *sku).collect()
    }

    /// The rows of SKUs that were set and not taken out, of lists that there are, with what the lists are called.
    pub fn set_rows(&self, sku: SkuId) -> Vec<(Name, Row)> {
        let Some(prices) = self.get(sku) else { return Vec::new() };
        let inner = self.read();
        let base = || Name::from(BASE_NAME.to_owned());
        let named = prices.rows.iter().filter(|row| row.is_set()).filter_map(|row| {
            let standing = inner.lists.get(&row.key.list).filter(|standing| standing.list.is_some());
            let name = standing.map(|standing| standing.name.clone()).or_else(|| (row.key.list == BASE).then(base))?;
            Some((name, row.clone()))
        });
        named.collect()
    }
}
