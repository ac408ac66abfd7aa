//! Issuers, series and receipts in the durable view.

use std::collections::BTreeMap;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustc_hash::FxHashMap;

use super::event::FiscalTold;
use super::issuer::{Issuer, IssuerStanding};
use super::listed::{Key, Keys, Listed};
use super::receipt::{FiscalState, Issued, Receipt, ReceiptId};
use super::series::{Series, SeriesStanding};
use crate::catalogue::Catalogue;
use crate::effect::At;
use crate::hash::{self, Digest, Part};
use crate::ids::{Name, Seq, Timestamp};
use crate::own_store::OwnStore;

/// The filter of a list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this series.
    pub series: Option<Name>,
    /// Of this issuer.
    pub issuer: Option<Name>,
    /// Of this customer.
    pub customer: Option<Name>,
    /// Of this order.
    pub order: Option<Name>,
    /// In this state with the authority.
    pub fiscal: Option<FiscalState>,
    /// Issued at this time or later.
    pub from: Option<Timestamp>,
    /// Issued before this time.
    pub to: Option<Timestamp>,
    /// Only through these channels; through all, if there are none.
    pub channels: Vec<Name>,
    /// Only at these locations.
    pub locations: Vec<Name>,
}

impl Filter {
    /// Whether a receipt matches.
    pub fn matches(&self, receipt: &Receipt) -> bool {
        let issued = &receipt.issued;
        let same = |asked: &Option<Name>, known: Option<&Name>| asked.as_ref().is_none_or(|name| known == Some(name));
        same(&self.series, Some(&issued.id.series))
            && same(&self.issuer, Some(&issued.issuer))
            && same(&self.customer, issued.customer.as_ref())
            && same(&self.order, issued.order.as_ref().map(|(_, name)| name))
            && self.fiscal.is_none_or(|state| state == receipt.fiscal_state())
            && self.from.is_none_or(|from| issued.issued_at >= from)
            && self.to.is_none_or(|to| issued.issued_at < to)
            && (self.channels.is_empty() || self.channels.contains(&issued.channel))
            && (self.locations.is_empty() || issued.location.as_ref().is_some_and(|at| self.locations.contains(at)))
    }
}

/// Something as it stands, with what it adds to the state hash.
#[derive(Debug)]
struct Standing<T> {
    of: Arc<T>,
    digest: Digest,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    issuers: BTreeMap<Name, Standing<IssuerStanding>>,
    series: BTreeMap<Name, Standing<SeriesStanding>>,
    pub receipts: BTreeMap<Key, Arc<Receipt>>,
    pub by_id: FxHashMap<ReceiptId, Key>,
    pub by_key: FxHashMap<[u8; 16], Key>,
    pub by_series: Listed<Name>,
    pub by_issuer: Listed<Name>,
    pub by_order: Listed<Name>,
    pub by_customer: Listed<Name>,
    /// Those of which an authority has said nothing yet, or no.
    unsettled: Listed<FiscalState>,
    /// Where the search for receipts that leave by themselves continues.
    pub searched: Option<Key>,
    /// When receipts came back.
    pub recalled: FxHashMap<ReceiptId, Timestamp>,
}

/// Issuers, series and receipts.
#[derive(Debug, Default)]
pub struct Store(RwLock<Inner>);

fn issuer_digest(catalogue: &Catalogue, standing: &IssuerStanding) -> Digest {
    let content = (&standing.versions, standing.position, standing.last);
    hash::content::digest(catalogue, Part::Issuers, hash::name(standing.name.as_str()), &content)
}

fn series_digest(catalogue: &Catalogue, standing: &SeriesStanding) -> Digest {
    let content = (&standing.series, standing.next, standing.last);
    hash::content::digest(catalogue, Part::Series, hash::name(standing.name.as_str()), &content)
}

pub(super) fn issued_digest(catalogue: &Catalogue, issued: &Issued) -> Digest {
    hash::content::digest(catalogue, Part::Receipts, hash::name(issued.id.series.as_str()), issued)
}

/// What happened to a receipt since it was issued; most often nothing.
pub(super) fn after_digest(catalogue: &Catalogue, receipt: &Receipt) -> Digest {
    if receipt.after.fiscal.is_none() && receipt.after.touched == 0 {
        return 0;
    }
    let of = (&receipt.issued.id, &receipt.after.fiscal, &receipt.after.replaced_by, &receipt.after.taken_back_at);
    let more = (&receipt.after.taken_back, &receipt.after.charges_taken_back);
    hash::content::digest(catalogue, Part::Receipts, 1, &(of, more))
}

impl Store {
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// An issuer.
    pub fn issuer(&self, name: &str) -> Option<Arc<IssuerStanding>> {
        self.read().issuers.get(name).map(|standing| Arc::clone(&standing.of))
    }

    /// A series.
    pub fn series(&self, name: &str) -> Option<Arc<SeriesStanding>> {
        self.read().series.get(name).map(|standing| Arc::clone(&standing.of))
    }

    /// Up to `limit` issuers, by id, after `after`.
    pub fn issuers_after(&self, after: Option<&str>, limit: usize) -> Vec<Arc<IssuerStanding>> {
        let inner = self.read();
        let range = inner.issuers.range::<str, _>((after.map_or(Unbounded, Excluded), Unbounded));
        range.map(|(_, standing)| Arc::clone(&standing.of)).take(limit).collect()
    }

    /// Up to `limit` series, by id, after `after`.
    pub fn series_after(&self, after: Option<&str>, limit: usize) -> Vec<Arc<SeriesStanding>> {
        let inner = self.read();
        let range = inner.series.range::<str, _>((after.map_or(Unbounded, Excluded), Unbounded));
        range.map(|(_, standing)| Arc::clone(&standing.of)).take(limit).collect()
    }

    /// Every issuer, by id.
    pub fn all_issuers(&self) -> Vec<Arc<IssuerStanding>> {
        self.issuers_after(None, usize::MAX)
    }

    /// Every series, by id.
    pub fn all_series(&self) -> Vec<Arc<SeriesStanding>> {
        self.series_after(None, usize::MAX)
    }

    /// The ids of series that are not closed, and say something of which `names` is true.
    pub(crate) fn series_with(&self, names: impl Fn(&Series) -> bool) -> Vec<String> {
        let inner = self.read();
        let all = inner.series.values().map(|standing| &standing.of);
        let open =
            all.filter(|standing| standing.series.as_ref().is_some_and(|series| !series.closed && names(series)));
        open.map(|standing| standing.name.to_string()).collect()
    }

    /// A receipt by its id.
    pub fn get(&self, id: &ReceiptId) -> Option<Arc<Receipt>> {
        let inner = self.read();
        inner.receipts.get(inner.by_id.get(id)?).cloned()
    }

    /// A receipt by the key of the customer's copy.
    pub fn by_key(&self, key: &[u8; 16]) -> Option<Arc<Receipt>> {
        let inner = self.read();
        inner.receipts.get(inner.by_key.get(key)?).cloned()
    }

    /// The receipt on which the units of a receipt stand now: the invoice that replaced it, or itself.
    pub fn standing_on(&self, id: &ReceiptId) -> Option<ReceiptId> {
        let receipt = self.get(id)?;
        Some(receipt.after.replaced_by.clone().unwrap_or_else(|| id.clone()))
    }

    /// Receipts.
    pub fn count(&self) -> usize {
        self.read().receipts.len()
    }

    /// Receipts of which an authority has said nothing yet.
    pub fn pending(&self) -> usize {
        self.read().unsettled.get(&FiscalState::Pending).map_or(0, Keys::count)
    }

    /// Up to `limit` receipts in the order of issue, after `after`.
    pub(crate) fn page(&self, after: Option<&Key>, limit: usize) -> Vec<(Key, Arc<Receipt>)> {
        let inner = self.read();
        let range = inner.receipts.range((after.map_or(Unbounded, Excluded), Unbounded));
        range.map(|(key, receipt)| (key.clone(), Arc::clone(receipt))).take(limit).collect()
    }

    /// Up to `limit` matching receipts in the order of issue, after the place `after`; examines at most `looks`. Returns
    /// the last receipt that was examined, if there may be more.
    pub fn list(
        &self,
        filter: &Filter,
        after: Option<Key>,
        limit: usize,
        looks: usize,
    ) -> (Vec<Arc<Receipt>>, Option<Arc<Receipt>>) {
        let inner = self.read();
        let begin = match (after, filter.from) {
            (Some(key), _) => Excluded(key),
            (None, Some(from)) => Included(Key::before(from)),
            (None, None) => Unbounded,
        };
        let end = filter.to.map_or(Unbounded, |to| Excluded(Key::before(to)));
        if is_empty(&begin, &end) {
            return (Vec::new(), None);
        }
        let mut found = Vec::new();
        let mut last = None;
        let mut visit = |looked: usize, receipt: &Arc<Receipt>| {
            if found.len() == limit || looked == looks {
                return false;
            }
            last = Some(Arc::clone(receipt));
            if filter.matches(receipt) {
                found.push(Arc::clone(receipt));
            }
            true
        };
        let whole = match inner.index(filter) {
            Some(index) => {
                let keys = index.into_iter().flat_map(|index| index.range(begin.as_ref(), end.as_ref()));
                let mut receipts = keys.filter_map(|key| inner.receipts.get(key)).enumerate();
                receipts.all(|(looked, receipt)| visit(looked, receipt))
            }
            None => {
                let mut receipts = inner.receipts.range((begin.as_ref(), end.as_ref())).enumerate();
                receipts.all(|(looked, (_, receipt))| visit(looked, receipt))
            }
        };
        (found, last.filter(|_| !whole))
    }

    /// The receipt at a place in the order of issue.
    pub(crate) fn at(&self, key: &Key) -> Option<Arc<Receipt>> {
        self.read().receipts.get(key).cloned()
    }
}

/// Whether a range contains nothing, which a map refuses.
fn is_empty(begin: &Bound<Key>, end: &Bound<Key>) -> bool {
    match (begin, end) {
        (Excluded(from) | Included(from), Excluded(to)) => from >= to,
        _ => false,
    }
}

impl Inner {
    /// The most selective index that a filter names; within, `None` if nothing is in it.
    fn index(&self, filter: &Filter) -> Option<Option<&Keys>> {
        let named = [
            (&filter.order, &self.by_order),
            (&filter.customer, &self.by_customer),
            (&filter.series, &self.by_series),
            (&filter.issuer, &self.by_issuer),
        ];
        let state = filter.fiscal.filter(|state| matches!(state, FiscalState::Pending | FiscalState::Rejected));
        let of_fiscal = state.map(|state| self.unsettled.get(&state));
        let of_names = named.into_iter().filter_map(|(name, of)| Some(of.get(name.as_ref()?)));
        of_names.chain(of_fiscal).min_by_key(|index| index.map_or(0, Keys::count))
    }

    pub fn insert(&mut self, receipt: Receipt) {
        let (key, issued) = (Key::of(&receipt.issued), &receipt.issued);
        self.by_id.insert(issued.id.clone(), key.clone());
        self.by_key.insert(issued.key, key.clone());
        self.by_series.add(&issued.id.series, &key);
        self.by_issuer.add(&issued.issuer, &key);
        if let Some((_, order)) = &issued.order {
            self.by_order.add(order, &key);
        }
        if let Some(customer) = &issued.customer {
            self.by_customer.add(customer, &key);
        }
        self.note_fiscal(&key, FiscalState::None, receipt.fiscal_state());
        self.receipts.insert(key, Arc::new(receipt));
    }

    pub fn note_fiscal(&mut self, key: &Key, before: FiscalState, after: FiscalState) {
        self.unsettled.remove(&before, key);
        if matches!(after, FiscalState::Pending | FiscalState::Rejected) {
            self.unsettled.add(&after, key);
        }
    }

    /// Changes what stands beside a receipt.
    fn change(&mut self, catalogue: &Catalogue, id: &ReceiptId, change: impl FnOnce(&mut Receipt)) {
        let Some(key) = self.by_id.get(id).cloned() else { return };
        let Some(known) = self.receipts.get_mut(&key) else { return };
        let (leaves, before) = (after_digest(catalogue, known), known.fiscal_state());
        change(Arc::make_mut(known));
        let (comes, after) = (after_digest(catalogue, known), known.fiscal_state());
        catalogue.hash.change(Part::Receipts, leaves, comes);
        if before != after {
            self.note_fiscal(&key, before, after);
        }
    }

    fn put_issuer(&mut self, catalogue: &Catalogue, standing: IssuerStanding) {
        let before = self.issuers.get(&standing.name).map_or(0, |known| known.digest);
        if standing.issuer().is_none() {
            catalogue.hash.change(Part::Issuers, before, 0);
            self.issuers.remove(&standing.name);
            return;
        }
        let digest = issuer_digest(catalogue, &standing);
        catalogue.hash.change(Part::Issuers, before, digest);
        self.issuers.insert(standing.name.clone(), Standing { of: Arc::new(standing), digest });
    }

    fn put_series(&mut self, catalogue: &Catalogue, standing: SeriesStanding) {
        let before = self.series.get(&standing.name).map_or(0, |known| known.digest);
        if standing.series.is_none() {
            catalogue.hash.change(Part::Series, before, 0);
            self.series.remove(&standing.name);
            return;
        }
        let digest = series_digest(catalogue, &standing);
        catalogue.hash.change(Part::Series, before, digest);
        self.series.insert(standing.name.clone(), Standing { of: Arc::new(standing), digest });
    }
}

/// Journal thread only, inside a fold, or while a checkpoint is restored.
impl Store {
    pub(super) fn set_issuer(&self, catalogue: &Catalogue, seq: Seq, name: &Name, issuer: Option<&Issuer>) {
        let mut inner = self.write();
        let known = inner.issuers.get(name).map(|known| IssuerStanding::clone(&known.of));
        let mut standing = known.unwrap_or_else(|| IssuerStanding::new(name.clone()));
        standing.set(seq, issuer.cloned());
        inner.put_issuer(catalogue, standing);
    }

    pub(super) fn set_series(&self, catalogue: &Catalogue, seq: Seq, name: &Name, series: Option<&Series>) {
        let mut inner = self.write();
        let known = inner.series.get(name).map(|known| SeriesStanding::clone(&known.of));
        let mut standing = known.unwrap_or_else(|| SeriesStanding::new(name.clone()));
        standing.set(seq, series.cloned());
        inner.put_series(catalogue, standing);
    }

    pub(super) fn tell_fiscal(&self, catalogue: &Catalogue, at: At<'_>, told: &FiscalTold) {
        self.write().change(catalogue, &told.receipt, |receipt| {
            if receipt.after.fiscal.as_ref().is_none_or(|(seq, ..)| *seq < at.seq) {
                receipt.after.fiscal = Some((at.seq, at.time, told.told.clone()));
            }
        });
    }

    pub(super) fn issued(&self, catalogue: &Catalogue, issued: &Arc<Issued>) {
        let mut inner = self.write();
        if let Some(known) = inner.issuers.get(&issued.issuer) {
            let mut standing = IssuerStanding::clone(&known.of);
            standing.issued(issued.chain.position, issued.chain.hash);
            inner.put_issuer(catalogue, standing);
        }
        if let Some(known) = inner.series.get(&issued.id.series) {
            let mut standing = SeriesStanding::clone(&known.of);
            standing.issued(issued.id.n, issued.chain.hash);
            inner.put_series(catalogue, standing);
        }
        for id in issued.replaces.iter().chain(&issued.corrects) {
            inner.change(catalogue, id, |receipt| receipt.touched_by(issued));
        }
        if !inner.by_id.contains_key(&issued.id) {
            insert(&mut inner, catalogue, Receipt::new(Arc::clone(issued)));
        }
    }

    pub(super) fn restore_issuer(&self, catalogue: &Catalogue, standing: IssuerStanding) {
        self.write().put_issuer(catalogue, standing);
    }

    pub(super) fn restore_series(&self, catalogue: &Catalogue, standing: SeriesStanding) {
        self.write().put_series(catalogue, standing);
    }

    pub(super) fn restore_receipt(&self, catalogue: &Catalogue, receipt: Receipt) {
        insert(&mut self.write(), catalogue, receipt);
    }
}

impl OwnStore for Store {
    fn digest(&self, catalogue: &Catalogue, put: &mut dyn FnMut(Part, Digest)) {
        let inner = self.read();
        inner.issuers.values().for_each(|standing| put(Part::Issuers, issuer_digest(catalogue, &standing.of)));
        inner.series.values().for_each(|standing| put(Part::Series, series_digest(catalogue, &standing.of)));
        for receipt in inner.receipts.values() {
            put(Part::Receipts, issued_digest(catalogue, &receipt.issued));
            put(Part::Receipts, after_digest(catalogue, receipt));
        }
    }
}

pub(super) fn insert(inner: &mut Inner, catalogue: &Catalogue, receipt: Receipt) {
    catalogue.hash.change(Part::Receipts, 0, issued_digest(catalogue, &receipt.issued));
    catalogue.hash.change(Part::Receipts, 0, after_digest(catalogue, &receipt));
    inner.insert(receipt);
}
