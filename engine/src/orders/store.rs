//! Orders and the sales ledger in the durable view.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustc_hash::FxHashMap;

use super::exit::AuditsLeft;
use super::ledger::{SaleRow, SalesFilter};
use super::line::Source;
use super::order::{Order, OrderId, OrderState};
use crate::catalogue::Catalogue;
use crate::hash::{self, Digest, Part};
use crate::ids::{LocationId, Name, Seq, Timestamp};
use crate::own_store::OwnStore;

/// The filter of a list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this customer.
    pub customer: Option<String>,
    /// Made through this channel.
    pub channel: Option<Name>,
    /// With a fulfilment from this location.
    pub location: Option<LocationId>,
    /// Sold by this till.
    pub till: Option<String>,
    /// With this number of a till.
    pub till_reference: Option<String>,
    /// In this state.
    pub state: Option<OrderState>,
    /// Ended with authorised money.
    pub to_void: Option<bool>,
    /// Made at or after.
    pub from: Option<crate::ids::Timestamp>,
    /// Made before.
    pub to: Option<crate::ids::Timestamp>,
}

impl Filter {
    /// Whether an order matches.
    pub fn matches(&self, order: &Order) -> bool {
        let is_from = |location: LocationId| {
            order.fulfilments.iter().any(|fulfilment| fulfilment.source == Source::Location(location))
        };
        self.customer.as_deref().is_none_or(|customer| order.customer.as_deref() == Some(customer))
            && self.channel.as_ref().is_none_or(|channel| *channel == order.channel)
            && self.location.is_none_or(is_from)
            && self.till.as_deref().is_none_or(|till| order.till.as_deref() == Some(till))
            && self.till_reference.as_deref().is_none_or(|number| order.till_reference.as_deref() == Some(number))
            && self.state.is_none_or(|state| state == order.state)
            && self.to_void.is_none_or(|to_void| to_void == order.is_to_void())
            && self.from.is_none_or(|from| order.created_at >= from)
            && self.to.is_none_or(|to| order.created_at < to)
    }
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub by_id: BTreeMap<OrderId, Arc<Order>>,
    pub by_name: FxHashMap<Name, OrderId>,
    pub by_customer: BTreeSet<(Box<str>, OrderId)>,
    /// By the number that a till printed.
    pub by_till: FxHashMap<(LocationId, Box<str>, Box<str>), OrderId>,
    /// Orders that may still change by themselves.
    pub open: BTreeSet<OrderId>,
    /// Orders that may leave for the archive, by the time of their last change or recall.
    pub leaving: BTreeSet<(Timestamp, OrderId)>,
    /// When orders came back that did not change since.
    pub recalled: FxHashMap<OrderId, Timestamp>,
    /// By customer: bags of self check-outs that are still to be looked into.
    pub audits_left: BTreeMap<Box<str>, AuditsLeft>,
    pub rows: BTreeMap<(Seq, u16), Arc<SaleRow>>,
    /// The rows of each order.
    pub rows_of: FxHashMap<Name, Vec<(Seq, u16)>>,
    /// Rows by customer, in log order.
    pub rows_of_customer: BTreeSet<(Box<str>, (Seq, u16))>,
}

/// Orders and the sales ledger.
#[derive(Debug, Default)]
pub struct Store(RwLock<Inner>);

impl Store {
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// An order by its identity.
    pub fn get(&self, id: OrderId) -> Option<Arc<Order>> {
        self.read().by_id.get(&id).cloned()
    }

    /// An order by its name.
    pub fn named(&self, name: &str) -> Option<Arc<Order>> {
        let inner = self.read();
        inner.by_id.get(inner.by_name.get(name)?).cloned()
    }

    /// The order that has this number of a till.
    pub fn told_by_till(&self, location: LocationId, till: &str, number: &str) -> Option<Arc<Order>> {
        let inner = self.read();
        inner.by_id.get(inner.by_till.get(&(location, till.into(), number.into()))?).cloned()
    }

    /// The number of orders that may still change by themselves.
    pub fn open(&self) -> usize {
        self.read().open.len()
    }

    /// Up to `limit` matching orders, newest first, starting before `before`; examines at most `looks`. Returns where the
    /// next page begins, if there may be more.
    pub fn list(
        &self,
        filter: &Filter,
        before: Option<OrderId>,
        limit: usize,
        looks: usize,
    ) -> (Vec<Arc<Order>>, Option<OrderId>) {
        let inner = self.read();
        let upto = before.unwrap_or(OrderId(Seq::MAX));
        let mut found = Vec::new();
        let of_customer = filter.customer.as_deref().map(|customer| {
            let (first, end) = ((customer.into(), OrderId(0)), (customer.into(), upto));
            inner.by_customer.range(first..end).rev().map(|(_, id)| *id)
        });
        let all = inner.by_id.range(..upto).rev().map(|(id, _)| *id);
        let ids: Box<dyn Iterator<Item = OrderId>> = match of_customer {
            Some(ids) => Box::new(ids),
            None => Box::new(all),
        };
        for (looked, id) in ids.enumerate() {
            if found.len() == limit || looked == looks {
                return (found, Some(OrderId(id.0 + 1)));
            }
            found.extend(inner.by_id.get(&id).filter(|order| filter.matches(order)).cloned());
        }
        (found, None)
    }

    /// Every order, oldest first.
    pub fn all(&self) -> Vec<Arc<Order>> {
        self.read().by_id.values().cloned().collect()
    }

    /// Up to `limit` orders, oldest first, after `after`.
    pub fn after(&self, after: Option<OrderId>, limit: usize) -> Vec<Arc<Order>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let inner = self.read();
        let range = inner.by_id.range((after.map_or(Unbounded, Excluded), Unbounded));
        range.map(|(_, order)| Arc::clone(order)).take(limit).collect()
    }

    /// The rows that a record added to the sales ledger.
    pub fn rows_at(&self, seq: Seq) -> Vec<Arc<SaleRow>> {
        self.read().rows.range((seq, 0)..=(seq, u16::MAX)).map(|(_, row)| Arc::clone(row)).collect()
    }

    /// Up to `limit` rows of the sales ledger that match, in log order, after `after`; examines at most `looks`. Returns
    /// where the next page begins, if there may be more.
    pub fn sales(
        &self,
        filter: &SalesFilter,
        after: Option<(Seq, u16)>,
        limit: usize,
        looks: usize,
    ) -> (Vec<Arc<SaleRow>>, Option<(Seq, u16)>) {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let inner = self.read();
        type Place<'a> = ((Seq, u16), Option<&'a Arc<SaleRow>>);
        let at = |key: (Seq, u16)| (key, inner.rows.get(&key));
        let places: Box<dyn Iterator<Item = Place<'_>>> = match (&filter.order, filter.customer.as_deref()) {
            (Some(order), _) => {
                let mut keys = inner.rows_of.get(order).cloned().unwrap_or_default();
                keys.retain(|key| after.is_none_or(|after| *key > after));
                keys.sort_unstable();
                Box::new(keys.into_iter().map(at))
            }
            (None, Some(customer)) => {
                let of = |key: (Seq, u16)| (Box::<str>::from(customer), key);
                let from = after.map_or(Included(of((0, 0))), |after| Excluded(of(after)));
                let range = inner.rows_of_customer.range((from, Included(of((Seq::MAX, u16::MAX)))));
                Box::new(range.map(|(_, key)| *key).map(at))
            }
            (None, None) => {
                let range = inner.rows.range((after.map_or(Unbounded, Excluded), Unbounded));
                Box::new(range.map(|(key, row)| (*key, Some(row))))
            }
        };
        let mut found = Vec::new();
        let mut last = None;
        for (looked, (key, row)) in places.enumerate() {
            if found.len() == limit || looked == looks {
                return (found, last);
            }
            last = Some(key);
            found.extend(row.filter(|row| filter.matches(row)).cloned());
        }
        (found, None)
    }

    /// The row of the sales ledger at a place.
    pub(crate) fn row(&self, key: (Seq, u16)) -> Option<Arc<SaleRow>> {
        self.read().rows.get(&key).cloned()
    }

    /// Up to `limit` rows of the sales ledger, in log order, after `after`.
    pub(super) fn rows_after(&self, after: Option<(Seq, u16)>, limit: usize) -> Vec<Arc<SaleRow>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let inner = self.read();
        let range = inner.rows.range((after.map_or(Unbounded, Excluded), Unbounded));
        range.map(|(_, row)| Arc::clone(row)).take(limit).collect()
    }

    /// Stores an order after a step, unless it is known at this version already; returns whether it was stored.
    pub(super) fn set(&self, catalogue: &Catalogue, order: Arc<Order>) -> bool {
        let mut inner = self.write();
        let known = inner.by_id.get(&order.id).cloned();
        if known.as_ref().is_some_and(|known| known.version >= order.version) {
            return false;
        }
        let before = known.as_ref().map_or(0, |known| digest(catalogue, known));
        catalogue.hash.change(Part::Orders, before, digest(catalogue, &order));
        if let Some(known) = known {
            inner.stays(&known);
        }
        inner.insert(order);
        true
    }

    /// Bags of a customer's self check-outs that are still to be looked into; `None` before the first.
    pub(super) fn audits_left(&self, customer: &str) -> Option<u8> {
        self.read().audits_left.get(customer).map(|known| known.left)
    }

    /// The same of every customer.
    pub(super) fn all_audits_left(&self) -> Vec<AuditsLeft> {
        self.read().audits_left.values().cloned().collect()
    }

    /// Sets how many bags of a customer are still to be looked into, unless that is known since this record.
    pub(super) fn set_audits_left(&self, row: AuditsLeft) {
        let mut inner = self.write();
        if inner.audits_left.get(&row.customer).is_none_or(|known| known.seq < row.seq) {
            inner.audits_left.insert(row.customer.clone(), row);
        }
    }

    /// Adds rows to the sales ledger.
    pub(super) fn add_rows(&self, rows: Vec<impl Into<Arc<SaleRow>>>) {
        if rows.is_empty() {
            return;
        }
        let mut inner = self.write();
        for row in rows {
            let row: Arc<SaleRow> = row.into();
            let key = row.key();
            if inner.rows.insert(key, Arc::clone(&row)).is_some() {
                continue;
            }
            inner.rows_of_customer.extend(row.customer.clone().map(|customer| (customer, key)));
            // Rows without an order leave with their return.
            if let Some(order) = &row.order {
                inner.rows_of.entry(order.clone()).or_default().push(key);
            }
        }
    }
}

impl Inner {
    /// Takes a row of the sales ledger out.
    pub fn remove_row(&mut self, key: (Seq, u16)) {
        let customer = self.rows.remove(&key).and_then(|row| row.customer.clone());
        if let Some(customer) = customer {
            self.rows_of_customer.remove(&(customer, key));
        }
    }

    /// Puts an order into every index.
    pub fn insert(&mut self, order: Arc<Order>) {
        self.by_name.insert(order.name.clone(), order.id);
        if let Some(customer) = &order.customer {
            self.by_customer.insert((customer.clone(), order.id));
        }
        if let Some(till) = order.till_number() {
            self.by_till.insert(till, order.id);
        }
        match order.state.is_open() {
            true => drop(self.open.insert(order.id)),
            false => drop(self.open.remove(&order.id)),
        }
        self.may_go(&order);
        self.by_id.insert(order.id, order);
    }
}

impl OwnStore for Store {
    fn digest(&self, catalogue: &Catalogue, put: &mut dyn FnMut(Part, Digest)) {
        self.read().by_id.values().for_each(|order| put(Part::Orders, digest(catalogue, order)));
    }
}

/// The digest of an order in the state hash.
pub(super) fn digest(catalogue: &Catalogue, order: &Order) -> Digest {
    hash::content::digest(catalogue, Part::Orders, hash::text(order.name.as_str()).into(), order)
}
