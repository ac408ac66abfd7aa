//! Receipts that leave memory for the archive, and come back.

use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::listed::Key;
use super::receipt::{FiscalState, Receipt, ReceiptId};
use super::store::{Store, after_digest, insert, issued_digest};
use super::version::ReceiptVersion;
use crate::catalogue::Catalogue;
use crate::hash::Part;
use crate::ids::{Name, Timestamp};
use crate::orders::Order;

impl Receipt {
    /// Whether nothing is to be told to an authority.
    fn may_leave(&self) -> bool {
        self.fiscal_state() != FiscalState::Pending
    }
}

impl Store {
    /// The receipts of an order that leave with it, in the order of issue.
    pub(crate) fn leaving_with(&self, order: &Order) -> Vec<Arc<Receipt>> {
        let inner = self.read();
        let keys = inner.by_order.get(&order.name).into_iter().flat_map(|keys| keys.range(Unbounded, Unbounded));
        let receipts = keys.filter_map(|key| inner.receipts.get(key));
        receipts.filter(|receipt| receipt.may_leave()).cloned().collect()
    }

    /// Up to `limit` receipts that were issued before `before` and whose order `is_gone`, or that have none, in the
    /// order of issue. Looks at most at `looks`, and continues there the next time.
    pub(crate) fn leaving_alone(
        &self,
        before: Timestamp,
        limit: usize,
        looks: usize,
        is_gone: impl Fn(&Name) -> bool,
    ) -> Vec<Arc<Receipt>> {
        let mut inner = self.write();
        let end = Key::before(before);
        let begin = inner.searched.take().filter(|searched| *searched < end);
        let mut found = Vec::new();
        let mut searched = None;
        let begin_bound = begin.as_ref().map_or(Unbounded, Excluded);
        for (looked, (key, receipt)) in inner.receipts.range((begin_bound, Excluded(&end))).enumerate() {
            if found.len() == limit || looked == looks {
                break;
            }
            searched = Some(key.clone());
            let is_alone = receipt.issued.order.as_ref().is_none_or(|(_, order)| is_gone(order));
            let is_fresh = inner.recalled.get(&receipt.issued.id).is_some_and(|at| *at >= before);
            if is_alone && !is_fresh && receipt.may_leave() {
                found.push(Arc::clone(receipt));
            }
        }
        inner.searched = searched;
        found
    }

    /// Takes a receipt out, unless something happened to it since.
    pub(crate) fn take_out(&self, catalogue: &Catalogue, id: &ReceiptId, version: ReceiptVersion) {
        let mut inner = self.write();
        let Some(key) = inner.by_id.get(id).cloned() else { return };
        let known = inner.receipts.get(&key).filter(|known| known.version().is_up_to(version)).cloned();
        let Some(known) = known else { return };
        catalogue.hash.change(Part::Receipts, issued_digest(catalogue, &known.issued), 0);
        catalogue.hash.change(Part::Receipts, after_digest(catalogue, &known), 0);
        inner.note_fiscal(&key, known.fiscal_state(), FiscalState::None);
        inner.receipts.remove(&key);
        inner.by_id.remove(id);
        inner.recalled.remove(id);
        let issued = &known.issued;
        inner.by_key.remove(&issued.key);
        inner.by_series.remove(&issued.id.series, &key);
        inner.by_issuer.remove(&issued.issuer, &key);
        if let Some((_, order)) = &issued.order {
            inner.by_order.remove(order, &key);
        }
        if let Some(customer) = &issued.customer {
            inner.by_customer.remove(customer, &key);
        }
    }

    /// Puts a receipt back that memory does not have.
    pub(crate) fn put_back(&self, catalogue: &Catalogue, at: Timestamp, receipt: Receipt) {
        let mut inner = self.write();
        let id = receipt.issued.id.clone();
        if !inner.by_id.contains_key(&id) {
            insert(&mut inner, catalogue, receipt);
            inner.recalled.insert(id, at);
        }
    }
}
