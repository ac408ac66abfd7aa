//! Prices in the durable view.
//!
//! The rows of each SKU lie under one pointer, so that readers take no lock; lists and tax classes are compiled into a
//! [`Book`], which the fold replaces whole. What only decisions and exports look at lies under a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::book::Book;
use super::event::{ListSet, Price, SkuRows, TaxClassSet};
use super::list::{BASE, BASE_NAME, KEPT_MS, LISTS_MAX, ListId, ListStanding, PriceList};
use super::priced::Priced;
use super::row::{Row, RowKey, RowSet, SkuPrices};
use super::tax::{STANDARD, TaxClass};
use crate::catalogue::Catalogue;
use crate::catalogue::names::Definitions;
use crate::effect::At;
use crate::hash::{self, Digest, Part};
use crate::ids::{GroupId, LocationId, Name, Seq, SkuId, Timestamp};
use crate::matrix::Arena;
use crate::own_store::OwnStore;

/// SKUs whose rows are looked at under one change, to be forgotten.
const FORGOTTEN_MAX: usize = 64;

/// Milliseconds until a SKU is looked at again of which something is kept longer.
const LOOK_AGAIN_MS: u64 = 86_400_000;

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
        let own = self.tax_class(sku).and_then(|taxed| taxed.1.clone());
        own.map_or_else(|| STANDARD.to_owned(), |name| name.to_string())
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

impl Inner {
    /// What a row adds to the state hash beside the plain ones; none where its list is no more.
    fn digest(&self, catalogue: &Catalogue, sku: SkuId, row: &Row) -> Option<Digest> {
        #[derive(Serialize)]
        struct Content<'a> {
            list: &'a str,
            key: &'a RowKey,
            amount: u64,
            ends_at: Option<Timestamp>,
        }
        let list = match row.key.list {
            BASE => BASE_NAME,
            id => self.lists.get(&id).filter(|standing| standing.list.is_some())?.name.as_str(),
        };
        let key = RowKey { list: BASE, ..row.key.clone() };
        let content = Content { list, key: &key, amount: row.amount, ends_at: row.ends_at };
        Some(hash::content::digest(catalogue, Part::Prices, catalogue.skus.digest(sku), &content))
    }

    /// Counts a row that is set, or no longer is, and returns what it adds to the state hash.
    fn count(&mut self, catalogue: &Catalogue, sku: SkuId, row: &Row, more: bool) -> Digest {
        let digest = if is_plain(row) { None } else { self.digest(catalogue, sku, row) };
        let digest = digest.unwrap_or_default();
        if row.key.list == BASE {
            for (of, name) in [(&mut self.channels, &row.key.channel), (&mut self.locations, &row.key.location)] {
                let Some(name) = name else { continue };
                let ends = of.entry(name.clone()).or_default();
                ends.count(row.end(), more);
                if ends.0.is_empty() {
                    of.remove(name);
                }
            }
            return digest;
        }
        if self.lists.get(&row.key.list).is_none_or(|standing| standing.list.is_none()) {
            return 0;
        }
        let (ends, sum) = self.listed.entry(row.key.list).or_default();
        ends.count(row.end(), more);
        *sum = if more { sum.wrapping_add(digest) } else { sum.wrapping_sub(digest) };
        digest
    }

    /// Notes when rows of a SKU may be forgotten.
    fn schedule(&mut self, sku: SkuId, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.due_of.insert(sku, at),
            None => self.due_of.remove(&sku),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.due.remove(&(before, sku));
        }
        self.due.extend(at.map(|at| (at, sku)));
    }
}

/// Whether a row is as they were before there were lists.
fn is_plain(row: &Row) -> bool {
    row.key.is_plain() && row.ends_at.is_none()
}

/// Rows as they were before there were lists: their digest is what it was.
fn plain(prices: Option<&SkuPrices>) -> Vec<Price> {
    let rows = prices.map_or(&[][..], |prices| &prices.rows);
    let price = |row: &Row| Price {
        currency: row.key.currency.as_str().to_owned(),
        channel: row.key.channel.clone(),
        location: row.key.location.clone(),
        amount: row.amount as i64,
    };
    let mut plain: Vec<Price> = rows.iter().filter(|row| row.is_set() && is_plain(row)).map(price).collect();
    plain.sort_unstable();
    plain
}

fn plain_digest(catalogue: &Catalogue, sku: SkuId, plain: &Vec<Price>) -> Digest {
    match plain.is_empty() {
        true => 0,
        false => hash::content::digest(catalogue, Part::Prices, catalogue.skus.digest(sku), plain),
    }
}

fn list_digest(catalogue: &Catalogue, standing: &ListStanding) -> Digest {
    match &standing.list {
        Some(list) => {
            let name = hash::name(standing.name.as_str());
            hash::content::digest(catalogue, Part::PriceLists, name, &(list, standing.in_force))
        }
        None => 0,
    }
}

fn class_digest(catalogue: &Catalogue, name: &Name, class: &TaxClass) -> Digest {
    hash::content::digest(catalogue, Part::TaxClasses, hash::name(name.as_str()), class)
}

fn taxed_digest(catalogue: &Catalogue, sku: SkuId, class: &Option<Name>) -> Digest {
    match class {
        Some(class) => {
            hash::content::digest(catalogue, Part::Skus, catalogue.skus.digest(sku), &("tax class", class.as_str()))
        }
        None => 0,
    }
}

/// Journal thread only, inside a fold, or while a checkpoint is restored.
impl Store {
    /// The rows of a SKU are these from here on; `again` is when to look whether some may be forgotten.
    fn put(&self, catalogue: &Catalogue, sku: SkuId, prices: Option<SkuPrices>, again: Option<Timestamp>) {
        let place = self.rows.reach(sku.0 as usize);
        let before = place.load_full();
        let (was, is) = (before.as_deref().map(|priced| &**priced), prices.as_ref());
        let rows = |prices: Option<&SkuPrices>| -> Vec<Row> {
            let rows = prices.map_or(&[][..], |prices| &prices.rows);
            rows.iter().filter(|row| row.is_set()).cloned().collect()
        };
        let (gone, come) = differences(rows(was), rows(is));
        let (mut leaves, mut comes): (Digest, Digest) = (0, 0);
        let (plain_was, plain_is) = (plain(was), plain(is));
        if plain_was != plain_is {
            leaves = leaves.wrapping_add(plain_digest(catalogue, sku, &plain_was));
            comes = comes.wrapping_add(plain_digest(catalogue, sku, &plain_is));
        }
        let mut inner = self.write();
        for row in &gone {
            leaves = leaves.wrapping_add(inner.count(catalogue, sku, row, false));
        }
        for row in &come {
            comes = comes.wrapping_add(inner.count(catalogue, sku, row, true));
        }
        let due = is.and_then(SkuPrices::forget_at);
        inner.schedule(sku, due.map(|due| again.map_or(due, |again| due.max(again))));
        drop(inner);
        catalogue.hash.change(Part::Prices, leaves, comes);
        self.skus.fetch_max(sku.0 + 1, Relaxed);
        place.store(prices.filter(|prices| !prices.rows.is_empty()).map(|prices| Arc::new(prices.into())));
    }

    /// Changes the rows of a SKU, unless that is known already.
    fn change(
        &self,
        catalogue: &Catalogue,
        at: At<'_>,
        sku: SkuId,
        again: Option<Timestamp>,
        change: impl FnOnce(&mut SkuPrices),
    ) {
        let mut prices = self.get(sku).map(|prices| SkuPrices::clone(&prices)).unwrap_or_default();
        if prices.version >= at.seq {
            return;
        }
        change(&mut prices);
        prices.version = at.seq;
        self.put(catalogue, sku, Some(prices), again);
    }

    pub(super) fn fold_base(&self, catalogue: &Catalogue, at: At<'_>, sku: SkuId, all: &[Price]) {
        self.change(catalogue, at, sku, None, |prices| {
            for price in all {
                let (channel, location) = (price.channel.clone(), price.location.clone());
                let key = RowKey { channel, location, ..RowKey::base(super::list::Currency::of(&price.currency)) };
                let amount = u64::try_from(price.amount).unwrap_or_default();
                prices.set(at.time, &RowSet { key, value: Some((amount, None)) });
            }
        });
    }

    pub(super) fn fold_rows(&self, catalogue: &Catalogue, at: At<'_>, rows: &SkuRows) {
        let again = rows.rows.is_empty().then(|| at.time.plus_millis(LOOK_AGAIN_MS));
        self.change(catalogue, at, rows.sku, again, |prices| {
            rows.rows.iter().for_each(|row| prices.set(at.time, row));
            prices.forget(rows.forgotten);
        });
    }

    fn put_list(&self, catalogue: &Catalogue, standing: ListStanding) {
        let mut inner = self.write();
        let (id, name) = (standing.id, standing.name.clone());
        let before = inner.lists.get(&id).map_or(0, |before| list_digest(catalogue, before));
        catalogue.hash.change(Part::PriceLists, before, list_digest(catalogue, &standing));
        match &standing.list {
            Some(_) => drop(inner.by_name.insert(name, id)),
            None => {
                if inner.by_name.get(&name) == Some(&id) {
                    inner.by_name.remove(&name);
                }
                // Rows that had ended, and that no file carries any more.
                let (_, sum) = inner.listed.remove(&id).unwrap_or_default();
                catalogue.hash.change(Part::Prices, sum, 0);
            }
        }
        inner.next_id = inner.next_id.max(id.0 + 1);
        inner.lists.insert(id, Arc::new(standing));
        self.stale.store(true, Relaxed);
    }

    pub(super) fn fold_list(&self, catalogue: &Catalogue, at: At<'_>, set: &ListSet) {
        let known = self.read().lists.get(&set.id).cloned();
        if known.as_ref().is_none_or(|known| known.version < at.seq) {
            let known = known.map(Arc::unwrap_or_clone);
            let mut standing = known.unwrap_or_else(|| ListStanding::new(set.id, set.name.clone()));
            standing.set(at.seq, at.time, set.list.clone(), set.in_force);
            self.put_list(catalogue, standing);
        }
        let mut inner = self.write();
        for id in &set.forgotten {
            inner.lists.remove(id);
        }
    }

    pub(super) fn fold_turned(&self, catalogue: &Catalogue, at: At<'_>, rows: &[(ListId, bool)]) {
        for (id, in_force) in rows {
            let known = self.read().lists.get(id).cloned();
            if let Some(known) = known.filter(|known| known.version < at.seq) {
                let mut standing = Arc::unwrap_or_clone(known);
                standing.turn(at.seq, at.time, *in_force);
                self.put_list(catalogue, standing);
            }
        }
    }

    pub(super) fn fold_class(&self, catalogue: &Catalogue, seq: Seq, set: &TaxClassSet) {
        let mut inner = self.write();
        let before = inner.classes.get(&set.name);
        if before.is_some_and(|(version, _)| *version >= seq) {
            return;
        }
        let leaves = before.map_or(0, |(_, class)| class_digest(catalogue, &set.name, class));
        let comes = set.class.as_ref().map_or(0, |class| class_digest(catalogue, &set.name, class));
        catalogue.hash.change(Part::TaxClasses, leaves, comes);
        match &set.class {
            Some(class) => drop(inner.classes.insert(set.name.clone(), (seq, Arc::new(class.clone())))),
            None => drop(inner.classes.remove(&set.name)),
        }
        inner.taxes = inner.taxes.max(seq);
        self.stale.store(true, Relaxed);
    }

    fn put_taxed(&self, catalogue: &Catalogue, sku: SkuId, seq: Seq, class: Option<Name>) {
        let place = self.taxed.reach(sku.0 as usize);
        let before = place.load_full().and_then(|taxed| taxed.1.clone());
        let (leaves, comes) = (taxed_digest(catalogue, sku, &before), taxed_digest(catalogue, sku, &class));
        catalogue.hash.change(Part::Skus, leaves, comes);
        let mut inner = self.write();
        if let Some(class) = &class {
            *inner.taxed.entry(class.clone()).or_default() += 1;
        }
        if let Some(before) = before
            && let Some(count) = inner.taxed.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                inner.taxed.remove(&before);
            }
        }
        drop(inner);
        self.skus.fetch_max(sku.0 + 1, Relaxed);
        place.store(Some(Arc::new((seq, class))));
    }

    pub(super) fn fold_taxed(&self, catalogue: &Catalogue, seq: Seq, rows: &[(SkuId, Option<Name>)]) {
        for (sku, class) in rows {
            if self.tax_class(*sku).is_none_or(|known| known.0 < seq) {
                self.put_taxed(catalogue, *sku, seq, class.clone());
            }
        }
    }

    /// Compiles the book again, since something changed that it depends on.
    fn compile(&self, seq: Seq, catalogue: &Catalogue) {
        self.stale.store(false, Relaxed);
        let inner = self.read();
        let standing: Vec<_> = inner.lists.values().cloned().collect();
        let classes = inner.classes.iter().map(|(name, (_, class))| (name.clone(), Arc::clone(class)));
        let members = |group: GroupId| -> Vec<LocationId> { catalogue.groups.details_or_default(group).locations };
        let book = Book::compile(seq, inner.taxes, &standing, classes, members);
        drop(inner);
        self.book.store(Arc::new(book));
    }

    /// Every list, those that were removed not long ago included, and the number that the next one gets.
    pub(super) fn all_lists(&self) -> (u32, Vec<ListStanding>) {
        let inner = self.read();
        (inner.next_id, inner.lists.values().map(|standing| ListStanding::clone(standing)).collect())
    }

    /// Puts back the rows of a SKU, which [`Store::restore_lists`] counts.
    pub(super) fn restore_rows(&self, sku: SkuId, prices: SkuPrices) {
        self.skus.fetch_max(sku.0 + 1, Relaxed);
        self.rows.reach(sku.0 as usize).store(Some(Arc::new(prices.into())));
    }

    /// Puts back the lists, which are newer than the rows in front of them, and counts those.
    pub(super) fn restore_lists(&self, catalogue: &Catalogue, next_id: u32, all: Vec<ListStanding>) {
        self.write().next_id = next_id;
        all.into_iter().for_each(|standing| self.put_list(catalogue, standing));
        for sku in (0..self.skus()).map(SkuId) {
            let Some(place) = self.rows.get(sku.0 as usize) else { continue };
            if let Some(prices) = place.swap(None) {
                self.put(catalogue, sku, Some(SkuPrices::clone(&prices)), None);
            }
        }
    }
}

impl OwnStore for Store {
    // Nothing is said of SKUs that are no more.
    fn fold_retired(&self, catalogue: &Catalogue, names: &Definitions, seq: Seq) {
        for (sku, _) in &names.skus {
            if self.get(*sku).is_some() {
                self.put(catalogue, *sku, None, None);
            }
            if self.tax_class(*sku).is_some_and(|taxed| taxed.1.is_some()) {
                self.put_taxed(catalogue, *sku, seq, None);
            }
        }
    }

    // Lists and classes may name groups.
    fn fold_groups(&self) {
        if self.book.load().names_groups() {
            self.stale.store(true, Relaxed);
        }
    }

    #[inline]
    fn refresh(&self, seq: Seq, catalogue: &Catalogue) {
        if self.stale.load(Relaxed) {
            self.compile(seq, catalogue);
        }
    }

    fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        let inner = self.read();
        inner.lists.values().filter_map(|standing| standing.list.as_ref()?.next_turn(now)).min()
    }

    fn digest(&self, catalogue: &Catalogue, put: &mut dyn FnMut(Part, Digest)) {
        let inner = self.read();
        inner.lists.values().for_each(|standing| put(Part::PriceLists, list_digest(catalogue, standing)));
        let classes = inner.classes.iter();
        classes.for_each(|(name, (_, class))| put(Part::TaxClasses, class_digest(catalogue, name, class)));
        for sku in (0..self.skus()).map(SkuId) {
            if let Some(taxed) = self.tax_class(sku) {
                put(Part::Skus, taxed_digest(catalogue, sku, &taxed.1));
            }
            let prices = self.look(sku);
            let Some(prices) = prices.as_deref() else { continue };
            put(Part::Prices, plain_digest(catalogue, sku, &plain(Some(prices))));
            let others = prices.rows.iter().filter(|row| row.is_set() && !is_plain(row));
            others.filter_map(|row| inner.digest(catalogue, sku, row)).for_each(|digest| put(Part::Prices, digest));
        }
    }
}

/// Rows that only one of two has; both are by key.
fn differences(was: Vec<Row>, is: Vec<Row>) -> (Vec<Row>, Vec<Row>) {
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let (mut was, mut is) = (was.into_iter().peekable(), is.into_iter().peekable());
    loop {
        match (was.peek(), is.peek()) {
            (Some(a), Some(b)) if a.key == b.key => {
                let (Some(a), Some(b)) = (was.next(), is.next()) else { break };
                if (a.amount, a.ends_at) != (b.amount, b.ends_at) {
                    gone.push(a);
                    come.push(b);
                }
            }
            (Some(a), Some(b)) if a.key < b.key => gone.extend(was.next()),
            (Some(_), None) => gone.extend(was.next()),
            (_, Some(_)) => come.extend(is.next()),
            (None, None) => break,
        }
    }
    (gone, come)
}
