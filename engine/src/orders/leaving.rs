//! Orders and rows of the sales ledger that leave memory for the archive, and orders that come back.

use std::sync::Arc;

use super::ledger::SaleRow;
use super::line::Source;
use super::order::{Order, OrderId};
use super::payment::RefundState;
use super::store::{Inner, Store, digest};
use crate::catalogue::Catalogue;
use crate::hash::Part;
use crate::ids::{LocationId, Name, Seq, Timestamp};
use crate::returns::Return;

impl Order {
    /// The location, the till and the number that the till printed, of a sale that has them.
    pub fn till_number(&self) -> Option<(LocationId, Box<str>, Box<str>)> {
        let place = self.fulfilments.first().map(|fulfilment| fulfilment.source);
        match (place, &self.till, &self.till_reference) {
            (Some(Source::Location(location)), Some(till), Some(number)) => {
                Some((location, till.clone(), number.clone()))
            }
            _ => None,
        }
    }

    /// When it last changed.
    pub fn changed_at(&self) -> Timestamp {
        self.history.last().map_or(self.created_at, |happened| happened.time)
    }

    /// Whether nothing is left to do for it: it has ended, and no money is to be voided or paid back.
    pub fn may_leave(&self) -> bool {
        let is_pending = self.refunds.iter().any(|refund| refund.state == RefundState::Pending);
        !self.state.is_open() && !self.is_to_void() && self.refund_due() == 0 && !is_pending
    }
}

impl Inner {
    /// An order may leave some time from now, if nothing is left to do for it.
    pub(super) fn may_go(&mut self, order: &Order) {
        if order.may_leave() {
            self.leaving.insert((order.changed_at(), order.id));
        }
    }

    /// An order changes, or goes: its place among those that may leave is free.
    pub(super) fn stays(&mut self, order: &Order) {
        let since = self.recalled.remove(&order.id).unwrap_or_else(|| order.changed_at());
        self.leaving.remove(&(since, order.id));
    }
}

impl Store {
    /// Up to `limit` orders for which nothing is left to do, and that last changed before `before`, oldest first.
    pub(crate) fn leaving(&self, before: Timestamp, limit: usize) -> Vec<OrderId> {
        let inner = self.read();
        inner.leaving.range(..(before, OrderId(0))).take(limit).map(|(_, id)| *id).collect()
    }

    /// The rows of the sales ledger of an order, in log order.
    pub(crate) fn rows_of(&self, order: &Name) -> Vec<Arc<SaleRow>> {
        let inner = self.read();
        let mut keys = inner.rows_of.get(order).cloned().unwrap_or_default();
        keys.sort_unstable();
        keys.iter().filter_map(|key| inner.rows.get(key).cloned()).collect()
    }

    /// The rows of the sales ledger of a return that belong to no order: those of the record by which its goods came.
    pub(crate) fn rows_of_return(&self, back: &Return) -> Vec<Arc<SaleRow>> {
        let rows = back.received.map(|seq| self.rows_at(seq)).unwrap_or_default();
        let is_its = |row: &Arc<SaleRow>| row.order.is_none() && row.returned.as_ref() == Some(&back.name);
        rows.into_iter().filter(is_its).collect()
    }

    /// Takes the rows of a return out that belong to no order.
    pub(crate) fn take_out_rows(&self, back: &Return) {
        let rows = self.rows_of_return(back);
        let mut inner = self.write();
        for row in rows {
            inner.remove_row(row.key());
        }
    }

    /// Takes an order out with its rows up to `version`, unless it changed since.
    pub(crate) fn take_out(&self, catalogue: &Catalogue, id: OrderId, version: Seq) {
        let mut inner = self.write();
        let Some(known) = inner.by_id.get(&id).filter(|known| known.version <= version).cloned() else { return };
        catalogue.hash.change(Part::Orders, digest(catalogue, &known), 0);
        inner.stays(&known);
        inner.by_id.remove(&id);
        inner.by_name.remove(&known.name);
        inner.open.remove(&id);
        if let Some(customer) = &known.customer {
            inner.by_customer.remove(&(customer.clone(), id));
        }
        if let Some(till) = known.till_number() {
            inner.by_till.remove(&till);
        }
        let keys = inner.rows_of.remove(&known.name).unwrap_or_default();
        let (left, kept): (Vec<_>, Vec<_>) = keys.into_iter().partition(|(seq, _)| *seq <= version);
        for key in left {
            inner.remove_row(key);
        }
        if !kept.is_empty() {
            inner.rows_of.insert(known.name.clone(), kept);
        }
    }

    /// Puts an order back that memory does not have.
    pub(crate) fn put_back(&self, catalogue: &Catalogue, at: Timestamp, order: Order) {
        let mut inner = self.write();
        if inner.by_id.contains_key(&order.id) {
            return;
        }
        catalogue.hash.change(Part::Orders, 0, digest(catalogue, &order));
        let (id, changed_at) = (order.id, order.changed_at());
        inner.insert(Arc::new(order));
        // It stays as long as one that changed now.
        if inner.leaving.remove(&(changed_at, id)) {
            inner.leaving.insert((at, id));
            inner.recalled.insert(id, at);
        }
    }
}
