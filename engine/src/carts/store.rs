//! Carts in the durable view: by id, name, secret and customer, and by when something is due.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::cart::{Cart, CartHold};
use super::line::{CartId, CartLine};
use crate::catalogue::Catalogue;
use crate::hash::{self, Digest, Part};
use crate::ids::{LocationId, Name, ReservationId, Seq, Timestamp};
use crate::own_store::OwnStore;
use crate::prices::list::Currency;

/// Carts examined under one lock of the store, which blocks a fold.
const LOOKS_PER_HOLD: usize = 1024;

/// Carts that are forgotten in one cycle.
const FORGOTTEN_PER_CYCLE: usize = 256;

/// Carts that hold something, or held it once, that are examined to find the one that makes room.
const ROOM_LOOKS: usize = 256;

#[derive(Debug)]
struct Entry {
    cart: Arc<Cart>,
    /// What it adds to the state hash.
    digest: Digest,
}

#[derive(Debug, Default)]
struct Inner {
    by_id: BTreeMap<CartId, Entry>,
    /// Of several carts that had a name one after another, the newest.
    by_name: FxHashMap<Name, CartId>,
    by_token: FxHashMap<u128, CartId>,
    by_customer: BTreeSet<(Name, CartId)>,
    /// Open carts that have a customer. In a replay there may be two of one customer for a while.
    open_of: BTreeSet<(Name, Currency, CartId)>,
    /// Open carts, by when they expire.
    due: BTreeSet<(Timestamp, CartId)>,
    /// Open carts by their last change: those that never held anything since, and the others.
    untouched: [BTreeSet<(Seq, CartId)>; 2],
    /// Carts that are no longer open, by when they ended.
    ended: BTreeSet<(Timestamp, CartId)>,
}

/// Carts.
#[derive(Debug, Default)]
pub struct Store {
    inner: RwLock<Inner>,
    /// Open carts.
    open: AtomicU64,
    /// When the next cart expires, plus one; 0 if there is none.
    next_due: AtomicU64,
    /// The number of carts that are no longer open, and when the first of them ended.
    ended: (AtomicUsize, AtomicU64),
}

impl Inner {
    fn index(&mut self, cart: &Cart) {
        let (id, key) = (cart.id, (cart.version, cart.id));
        if let Some(customer) = &cart.customer {
            self.by_customer.insert((customer.clone(), id));
        }
        if !cart.is_open() {
            self.ended.insert((cart.updated_at, id));
            return;
        }
        if let Some(customer) = &cart.customer {
            self.open_of.insert((customer.clone(), cart.currency, id));
        }
        self.due.insert((cart.expires_at, id));
        let [without, with] = &mut self.untouched;
        if cart.hold.is_none() { without } else { with }.insert(key);
    }

    fn unindex(&mut self, cart: &Cart) {
        let (id, key) = (cart.id, (cart.version, cart.id));
        if let Some(customer) = &cart.customer {
            self.by_customer.remove(&(customer.clone(), id));
        }
        if !cart.is_open() {
            self.ended.remove(&(cart.updated_at, id));
            return;
        }
        if let Some(customer) = &cart.customer {
            self.open_of.remove(&(customer.clone(), cart.currency, id));
        }
        self.due.remove(&(cart.expires_at, id));
        let [without, with] = &mut self.untouched;
        if cart.hold.is_none() { without } else { with }.remove(&key);
    }
}

impl Store {
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A cart by its identity.
    pub fn get(&self, id: CartId) -> Option<Arc<Cart>> {
        self.read().by_id.get(&id).map(|entry| Arc::clone(&entry.cart))
    }

    /// A cart by its name.
    pub fn named(&self, name: &str) -> Option<Arc<Cart>> {
        let inner = self.read();
        let id = inner.by_name.get(name)?;
        inner.by_id.get(id).map(|entry| Arc::clone(&entry.cart))
    }

    /// A cart by its secret.
    pub fn with_token(&self, token: u128) -> Option<Arc<Cart>> {
        let inner = self.read();
        let id = inner.by_token.get(&token)?;
        inner.by_id.get(id).map(|entry| Arc::clone(&entry.cart))
    }

    /// Up to `limit` carts of a customer, newest first, starting before `before`.
    pub fn of_customer(&self, customer: &Name, before: Option<CartId>, limit: usize) -> Vec<Arc<Cart>> {
        let inner = self.read();
        let upto = before.unwrap_or(CartId(u64::MAX));
        let range = inner.by_customer.range((customer.clone(), CartId(0))..(customer.clone(), upto));
        let carts = range.rev().filter_map(|(_, id)| inner.by_id.get(id));
        carts.take(limit).map(|entry| Arc::clone(&entry.cart)).collect()
    }

    /// The open cart of a customer in a currency.
    pub(super) fn open_of(&self, customer: &Name, currency: Currency) -> Option<CartId> {
        let inner = self.read();
        let key = |id| (customer.clone(), currency, CartId(id));
        inner.open_of.range(key(0)..=key(u64::MAX)).next_back().map(|(_, _, id)| *id)
    }

    /// The number of open carts.
    pub fn open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// The number of carts, those included that are no longer open and not yet forgotten.
    pub fn count(&self) -> usize {
        self.read().by_id.len()
    }

    /// When the next cart expires.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.next_due.load(Relaxed).checked_sub(1).map(Timestamp)
    }

    /// Up to `limit` open carts whose time is over at `now`, the first due first.
    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Vec<CartId> {
        let inner = self.read();
        inner.due.range(..=(now, CartId(u64::MAX))).take(limit).map(|(_, id)| *id).collect()
    }

    /// The open cart whose last change is longest ago, and that `may` go, among those that hold nothing and some of the
    /// others.
    pub(super) fn longest_untouched(
        &self,
        may: impl Fn(CartId) -> bool,
        is_held: impl Fn(ReservationId) -> bool,
    ) -> Option<CartId> {
        let inner = self.read();
        let [without, with] = &inner.untouched;
        let free = without.iter().find(|(_, id)| may(*id));
        let held =
            |id: &CartId| inner.by_id.get(id).is_none_or(|entry| entry.cart.holds().iter().any(|id| is_held(*id)));
        let upto = free.map_or(Seq::MAX, |(version, _)| *version);
        // A hold that expired leaves its cart in the second set.
        let older = with.range(..(upto, CartId(0))).take(ROOM_LOOKS).find(|(_, id)| may(*id) && !held(id));
        older.or(free).map(|(_, id)| *id)
    }

    /// Every cart in stretches, by id, so that folds can run between.
    pub(super) fn stretches(&self) -> impl Iterator<Item = Vec<Arc<Cart>>> + '_ {
        let mut from = Some(CartId(0));
        // Bounded by the carts.
        std::iter::from_fn(move || {
            let inner = self.read();
            let range = inner.by_id.range(from?..).take(LOOKS_PER_HOLD);
            let carts: Vec<_> = range.map(|(_, entry)| Arc::clone(&entry.cart)).collect();
            from = carts.last().map(|last| CartId(last.id.0 + 1));
            from.map(|_| carts)
        })
    }

    /// Visits every cart, by id.
    pub(super) fn each(&self, mut visit: impl FnMut(&Cart)) {
        self.stretches().flatten().for_each(|cart| visit(&cart));
    }
}

/// Journal thread only, inside a fold, or while a checkpoint is restored.
impl Store {
    /// Stores a new cart, unless it is there.
    pub(super) fn make(&self, catalogue: &Catalogue, cart: Cart) {
        let mut inner = self.write();
        if inner.by_id.contains_key(&cart.id) {
            return;
        }
        let newest = inner.by_name.entry(cart.name.clone()).or_insert(cart.id);
        *newest = cart.id.max(*newest);
        let newest = inner.by_token.entry(cart.token).or_insert(cart.id);
        *newest = cart.id.max(*newest);
        inner.index(&cart);
        let digest = digest(catalogue, &cart);
        catalogue.hash.change(Part::Carts, 0, digest);
        if cart.is_open() {
            self.open.fetch_add(1, Relaxed);
        }
        inner.by_id.insert(cart.id, Entry { cart: Arc::new(cart), digest });
        self.note(&inner);
    }

    /// Changes a cart, if it is there.
    pub(super) fn change(&self, catalogue: &Catalogue, id: CartId, change: impl FnOnce(&mut Cart)) {
        let mut inner = self.write();
        let Some(entry) = inner.by_id.remove(&id) else { return };
        inner.unindex(&entry.cart);
        let (was_open, mut cart) = (entry.cart.is_open(), entry.cart);
        change(Arc::make_mut(&mut cart));
        inner.index(&cart);
        match (was_open, cart.is_open()) {
            (true, false) => drop(self.open.fetch_sub(1, Relaxed)),
            (false, true) => drop(self.open.fetch_add(1, Relaxed)),
            (true, true) | (false, false) => {}
        }
        let digest = digest(catalogue, &cart);
        catalogue.hash.change(Part::Carts, entry.digest, digest);
        inner.by_id.insert(id, Entry { cart, digest });
        self.note(&inner);
    }

    fn note(&self, inner: &Inner) {
        let next = inner.due.first().map_or(0, |(due, _)| due.0.saturating_add(1));
        self.next_due.store(next, Relaxed);
        self.ended.0.store(inner.ended.len(), Relaxed);
        self.ended.1.store(inner.ended.first().map_or(u64::MAX, |(ended, _)| ended.0), Relaxed);
    }

    /// Forgets carts that ended before `before`, and the oldest of those that ended beyond `most`, some at a time.
    pub(crate) fn forget(&self, before: Timestamp, most: usize) {
        let (count, first) = (self.ended.0.load(Relaxed), self.ended.1.load(Relaxed));
        if count <= most && (count == 0 || first >= before.0) {
            return;
        }
        let mut inner = self.write();
        for _ in 0..FORGOTTEN_PER_CYCLE {
            let first = inner.ended.first().copied();
            let Some((_, id)) = first.filter(|(ended, _)| *ended < before || inner.ended.len() > most) else { break };
            let Some(entry) = inner.by_id.remove(&id) else { break };
            inner.unindex(&entry.cart);
            if inner.by_name.get(&entry.cart.name) == Some(&id) {
                inner.by_name.remove(&entry.cart.name);
            }
            if inner.by_token.get(&entry.cart.token) == Some(&id) {
                inner.by_token.remove(&entry.cart.token);
            }
        }
        self.note(&inner);
    }
}

impl OwnStore for Store {
    fn digest(&self, catalogue: &Catalogue, put: &mut dyn FnMut(Part, Digest)) {
        self.each(|cart| put(Part::Carts, digest(catalogue, cart)));
    }
}

/// What a cart adds to the state hash: nothing once it is no longer open, because it is forgotten then.
pub(super) fn digest(catalogue: &Catalogue, cart: &Cart) -> Digest {
    #[derive(Serialize)]
    struct Content<'a> {
        token: u128,
        channel: &'a Name,
        customer: &'a Option<Name>,
        location: Option<LocationId>,
        currency: Currency,
        lines: &'a [CartLine],
        codes: &'a [Box<str>],
        hold: &'a Option<Box<CartHold>>,
        expires_at: Timestamp,
    }
    if !cart.is_open() {
        return 0;
    }
    let Cart { token, channel, customer, location, currency, lines, codes, hold, expires_at, .. } = cart;
    let (token, location, currency, expires_at) = (*token, *location, *currency, *expires_at);
    let content = Content { token, channel, customer, location, currency, lines, codes, hold, expires_at };
    hash::content::digest(catalogue, Part::Carts, hash::name(cart.name.as_str()), &content)
}
