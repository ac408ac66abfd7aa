//! Returns in the durable view.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustc_hash::FxHashMap;

use super::returned::{Return, ReturnId, ReturnState};
use crate::catalogue::Catalogue;
use crate::hash::{self, Digest, Part};
use crate::ids::{LocationId, Name, Seq, Timestamp};
use crate::own_store::OwnStore;

/// The filter of a list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this customer.
    pub customer: Option<String>,
    /// Of this order.
    pub order: Option<Name>,
    /// At this location.
    pub location: Option<LocationId>,
    /// In this state.
    pub state: Option<ReturnState>,
}

impl Filter {
    /// Whether a return matches.
    pub fn matches(&self, returned: &Return) -> bool {
        self.customer.as_deref().is_none_or(|customer| returned.customer.as_deref() == Some(customer))
            && self.order.as_ref().is_none_or(|order| returned.order.as_ref() == Some(order))
            && self.location.is_none_or(|location| returned.location == Some(location))
            && self.state.is_none_or(|state| returned.state == state)
    }
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub by_id: BTreeMap<ReturnId, Arc<Return>>,
    pub by_name: FxHashMap<Name, ReturnId>,
    pub by_customer: BTreeSet<(Box<str>, ReturnId)>,
    pub by_order: BTreeSet<(Name, ReturnId)>,
    /// Announced returns, by when they are cancelled.
    due: BTreeSet<(Timestamp, ReturnId)>,
    /// Returns that may leave for the archive, by the time of their last change or recall.
    pub leaving: BTreeSet<(Timestamp, ReturnId)>,
    /// When returns came back that did not change since.
    pub recalled: FxHashMap<ReturnId, Timestamp>,
}

impl Inner {
    /// Puts a return into every index.
    pub fn insert(&mut self, returned: Return) {
        self.due.extend(returned.expires_at.map(|at| (at, returned.id)));
        self.by_name.insert(returned.name.clone(), returned.id);
        self.by_customer.extend(returned.customer.clone().map(|customer| (customer, returned.id)));
        self.by_order.extend(returned.order.clone().map(|order| (order, returned.id)));
        self.may_go(&returned);
        self.by_id.insert(returned.id, Arc::new(returned));
    }
}

/// Returns.
#[derive(Debug, Default)]
pub struct Store {
    inner: RwLock<Inner>,
    /// When the next announced return is cancelled, plus one; 0 if there is none.
    next_due: AtomicU64,
}

impl Store {
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A return by its identity.
    pub fn get(&self, id: ReturnId) -> Option<Arc<Return>> {
        self.read().by_id.get(&id).cloned()
    }

    /// A return by its name.
    pub fn named(&self, name: &str) -> Option<Arc<Return>> {
        let inner = self.read();
        inner.by_id.get(inner.by_name.get(name)?).cloned()
    }

    /// The number of returns.
    pub fn count(&self) -> usize {
        self.read().by_id.len()
    }

    /// When the next announced return is cancelled.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.next_due.load(Relaxed).checked_sub(1).map(Timestamp)
    }

    /// Up to `limit` announced returns whose time is over at `now`, the first due first.
    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Vec<ReturnId> {
        let inner = self.read();
        inner.due.range(..=(now, ReturnId(Seq::MAX))).take(limit).map(|(_, id)| *id).collect()
    }

    /// Up to `limit` matching returns, newest first, starting before `before`; examines at most `looks`. Returns where the
    /// next page begins, if there may be more.
    pub fn list(
        &self,
        filter: &Filter,
        before: Option<ReturnId>,
        limit: usize,
        looks: usize,
    ) -> (Vec<Arc<Return>>, Option<ReturnId>) {
        let inner = self.read();
        let upto = before.unwrap_or(ReturnId(Seq::MAX));
        let ids: Box<dyn Iterator<Item = ReturnId>> = match (&filter.order, filter.customer.as_deref()) {
            (Some(order), _) => {
                let (first, end) = ((order.clone(), ReturnId(0)), (order.clone(), upto));
                Box::new(inner.by_order.range(first..end).rev().map(|(_, id)| *id))
            }
            (None, Some(customer)) => {
                let (first, end) = ((customer.into(), ReturnId(0)), (customer.into(), upto));
                Box::new(inner.by_customer.range(first..end).rev().map(|(_, id)| *id))
            }
            (None, None) => Box::new(inner.by_id.range(..upto).rev().map(|(id, _)| *id)),
        };
        let mut found = Vec::new();
        for (looked, id) in ids.enumerate() {
            if found.len() == limit || looked == looks {
                return (found, Some(ReturnId(id.0 + 1)));
            }
            found.extend(inner.by_id.get(&id).filter(|returned| filter.matches(returned)).cloned());
        }
        (found, None)
    }

    /// Every return, oldest first.
    pub fn all(&self) -> Vec<Arc<Return>> {
        self.read().by_id.values().cloned().collect()
    }

    /// Up to `limit` returns, oldest first, after `after`.
    pub(super) fn after(&self, after: Option<ReturnId>, limit: usize) -> Vec<Arc<Return>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let inner = self.read();
        let range = inner.by_id.range((after.map_or(Unbounded, Excluded), Unbounded));
        range.map(|(_, returned)| Arc::clone(returned)).take(limit).collect()
    }

    /// Stores a return after a step, unless it is known at this version already.
    pub(super) fn set(&self, catalogue: &Catalogue, returned: Return) {
        let mut inner = self.write();
        let known = inner.by_id.get(&returned.id).cloned();
        if known.as_ref().is_some_and(|known| known.version >= returned.version) {
            return;
        }
        let before = known.as_ref().map_or(0, |known| digest(catalogue, known));
        catalogue.hash.change(Part::Returns, before, digest(catalogue, &returned));
        if let Some(known) = known {
            inner.stays(&known);
            if let Some(at) = known.expires_at {
                inner.due.remove(&(at, known.id));
            }
        }
        inner.insert(returned);
        self.next_due.store(inner.due.first().map_or(0, |(at, _)| at.0 + 1), Relaxed);
    }
}

impl OwnStore for Store {
    fn digest(&self, catalogue: &Catalogue, put: &mut dyn FnMut(Part, Digest)) {
        self.read().by_id.values().for_each(|returned| put(Part::Returns, digest(catalogue, returned)));
    }
}

/// The digest of a return in the state hash.
pub(super) fn digest(catalogue: &Catalogue, returned: &Return) -> Digest {
    hash::content::digest(catalogue, Part::Returns, hash::text(returned.name.as_str()).into(), returned)
}
