//! Changes of prices, price lists and tax classes: folds of records, and a checkpoint that is restored.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::digests::{class_digest, is_plain, list_digest, plain, plain_digest, taxed_digest};
use super::{Inner, Store};
use crate::catalogue::Catalogue;
use crate::catalogue::names::Definitions;
use crate::effect::At;
use crate::hash::{Digest, Part};
use crate::ids::{GroupId, LocationId, Name, Seq, SkuId, Timestamp};
use crate::own_store::OwnStore;
use crate::prices::book::Book;
use crate::prices::event::{ListSet, Price, SkuRows, TaxClassSet};
use crate::prices::list::{BASE, Currency, ListId, ListStanding};
use crate::prices::priced::Priced;
use crate::prices::row::{Row, RowKey, RowSet, SkuPrices};

/// Milliseconds until a SKU is looked at again of which something is kept longer.
const LOOK_AGAIN_MS: u64 = 86_400_000;

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
            inner.note_turns(sku, row, false);
            leaves = leaves.wrapping_add(inner.count(catalogue, sku, row, false));
        }
        for row in &come {
            inner.note_turns(sku, row, true);
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

    pub(in crate::prices) fn fold_base(&self, catalogue: &Catalogue, at: At<'_>, sku: SkuId, all: &[Price]) {
        self.change(catalogue, at, sku, None, |prices| {
            for price in all {
                let (channel, location) = (price.channel.clone(), price.location.clone());
                let key = RowKey { channel, location, ..RowKey::base(Currency::of(&price.currency)) };
                let amount = u64::try_from(price.amount).unwrap_or_default();
                prices.set(at.time, &RowSet { key, value: Some((amount, None)) });
            }
        });
    }

    pub(in crate::prices) fn fold_rows(&self, catalogue: &Catalogue, at: At<'_>, rows: &SkuRows) {
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

    pub(in crate::prices) fn fold_list(&self, catalogue: &Catalogue, at: At<'_>, set: &ListSet) {
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

    pub(in crate::prices) fn fold_turned(&self, catalogue: &Catalogue, at: At<'_>, rows: &[(ListId, bool)]) {
        for (id, in_force) in rows {
            let known = self.read().lists.get(id).cloned();
            if let Some(known) = known.filter(|known| known.version < at.seq) {
                let mut standing = Arc::unwrap_or_clone(known);
                standing.turn(at.seq, at.time, *in_force);
                self.put_list(catalogue, standing);
            }
        }
    }

    pub(in crate::prices) fn fold_class(&self, catalogue: &Catalogue, seq: Seq, set: &TaxClassSet) {
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

    pub(in crate::prices) fn fold_taxed(&self, catalogue: &Catalogue, seq: Seq, rows: &[(SkuId, Option<Name>)]) {
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
    pub(in crate::prices) fn all_lists(&self) -> (u32, Vec<ListStanding>) {
        let inner = self.read();
        (inner.next_id, inner.lists.values().map(|standing| ListStanding::clone(standing)).collect())
    }

    /// Puts back the rows of a SKU, which [`Store::restore_lists`] counts.
    pub(in crate::prices) fn restore_rows(&self, sku: SkuId, prices: SkuPrices) {
        self.skus.fetch_max(sku.0 + 1, Relaxed);
        self.rows.reach(sku.0 as usize).store(Some(Arc::new(prices.into())));
    }

    /// Puts back the lists, which are newer than the rows in front of them, and counts those.
    pub(in crate::prices) fn restore_lists(&self, catalogue: &Catalogue, next_id: u32, all: Vec<ListStanding>) {
        self.write().next_id = next_id;
        all.into_iter().for_each(|standing| self.put_list(catalogue, standing));
        for sku in (0..self.skus()).map(SkuId) {
            let Some(place) = self.rows.get(sku.0 as usize) else { continue };
            if let Some(prices) = place.swap(None) {
                let prices = Arc::try_unwrap(prices).map_or_else(|shared| SkuPrices::clone(&shared), Priced::into_kept);
                self.put(catalogue, sku, Some(prices), None);
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

impl Inner {
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

    /// Notes when a row that is set, or no longer is, begins and ends by its own dates.
    fn note_turns(&mut self, sku: SkuId, row: &Row, more: bool) {
        for at in [row.key.starts_at, row.ends_at].into_iter().flatten() {
            let known = self.turns.entry((at, sku)).or_default();
            *known = if more { *known + 1 } else { known.saturating_sub(1) };
            if *known == 0 {
                self.turns.remove(&(at, sku));
            }
        }
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
