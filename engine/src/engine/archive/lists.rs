//! Lists over memory and the archive together, in one order, each thing once.
//!
//! Memory is read first: what leaves meanwhile is found twice, and what comes back is still in the archive. Of what both
//! have, memory's counts. A list ends where the first of both did not look further.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::error::ArchiveError;
use super::keys::{self, Issued};
use super::opened::Archive;
use super::page::{Walk, newest_first};
use crate::engine::Engine;
use crate::ids::{Seq, Timestamp};
use crate::orders::{Filter, Order, OrderId};
use crate::receipts::{Filter as ReceiptFilter, Key, Receipt};

/// A page of orders, newest first, and before which order the next one begins, if there may be more.
pub type OrderPage = (Vec<Arc<Order>>, Option<OrderId>);

/// A page of receipts in the order of issue, and the last one that was examined, if there may be more.
pub type ReceiptPage = (Vec<Arc<Receipt>>, Option<Arc<Receipt>>);

/// Receives an order; breaks to end the walk.
pub type EachOrder<'a> = dyn FnMut(&Order) -> ControlFlow<()> + 'a;

impl Engine {
    /// Up to `limit` matching orders, newest first, before `before`; examines at most `looks` in memory and as many in
    /// the archive. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn orders(
        &self,
        filter: &Filter,
        before: Option<OrderId>,
        limit: usize,
        looks: usize,
    ) -> Result<OrderPage, ArchiveError> {
        let (here, next) = self.state().own.orders.list(filter, before, limit, looks);
        let Some(archive) = self.archived() else { return Ok((here, next)) };
        let (there, next_there) = self.archived_orders(archive, filter, before, limit, looks)?;
        Ok(newest_first((here, next), (there, next_there), limit, |order| order.id))
    }

    fn archived_orders(
        &self,
        archive: &Archive,
        filter: &Filter,
        before: Option<OrderId>,
        limit: usize,
        looks: usize,
    ) -> Result<OrderPage, ArchiveError> {
        if let Some(number) = &filter.till_reference {
            return Ok((self.archived_of_till(archive, filter, before, number)?, None));
        }
        let upto = before.unwrap_or(OrderId(Seq::MAX));
        let (begin, end) = match &filter.customer {
            Some(customer) => (keys::of_customer(customer), keys::customer(customer, upto)),
            None => (vec![b'O'], keys::order(upto)),
        };
        let (mut walk, mut last, mut is_older) = (Walk::new(), upto, false);
        archive.index().each((Bound::Included(begin), Bound::Excluded(end)), true, &mut |key, value| {
            if walk.is_full(limit, looks) {
                return ControlFlow::Break(());
            }
            let Some(id) = keys::read_id(key) else { return ControlFlow::Continue(()) };
            last = id;
            let read = self.order_at(archive, id, value);
            // Orders were made in the order of their ids.
            is_older = read.as_ref().is_ok_and(|order| filter.from.is_some_and(|from| order.created_at < from));
            if is_older {
                return ControlFlow::Break(());
            }
            walk.take(read.map(|order| filter.matches(&order).then_some(order)))
        })?;
        let (found, ended) = walk.end()?;
        Ok((found, (!ended).then_some(last)))
    }

    /// Of a few tills, those that printed the number.
    fn archived_of_till(
        &self,
        archive: &Archive,
        filter: &Filter,
        before: Option<OrderId>,
        number: &str,
    ) -> Result<Vec<Arc<Order>>, ArchiveError> {
        let mut walk = Walk::new();
        archive.index().each(keys::starting_with(&keys::till_number(number)), false, &mut |_, value| {
            let read = archive.order_of(value).map(|order| {
                let now = self.state().own.orders.get(order.id).unwrap_or_else(|| Arc::new(order));
                (filter.matches(&now) && before.is_none_or(|before| now.id < before)).then_some(now)
            });
            walk.take(read)
        })?;
        Ok(walk.end()?.0)
    }

    /// What memory has of an order, or else the archive.
    fn order_at(&self, archive: &Archive, id: OrderId, value: &[u8]) -> Result<Arc<Order>, ArchiveError> {
        match self.state().own.orders.get(id) {
            Some(order) => Ok(order),
            None => archive.order_of(value).map(Arc::new),
        }
    }

    /// Visits every archived order that changed at `from` or later, but those of `known`, until `visit` breaks. May read
    /// the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn archived_orders_since(
        &self,
        from: Timestamp,
        known: &FxHashSet<OrderId>,
        visit: &mut EachOrder<'_>,
    ) -> Result<(), ArchiveError> {
        let Some(archive) = self.archived() else { return Ok(()) };
        let mut failed = None;
        let range = (Bound::Included(keys::changed(from, OrderId(0))), keys::after_all(b"H"));
        archive.index().each(range, false, &mut |key, value| {
            let Some(id) = keys::read_id(key).filter(|id| !known.contains(id)) else {
                return ControlFlow::Continue(());
            };
            // An order that came back and left again has an entry for each time; the last one counts.
            let read = archive.index().get(&keys::order(id)).map_err(ArchiveError::from);
            let read = read.and_then(|last| match last.as_deref() == Some(value) {
                true => archive.order_of(value).map(Some),
                false => Ok(None),
            });
            match read {
                Ok(Some(order)) => visit(&order),
                Ok(None) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Up to `limit` matching receipts in the order of issue, after the place `after`; examines at most `looks` in
    /// memory and as many in the archive. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn receipts(
        &self,
        filter: &ReceiptFilter,
        after: Option<&Key>,
        limit: usize,
        looks: usize,
    ) -> Result<ReceiptPage, ArchiveError> {
        let (here, next) = self.state().own.receipts.list(filter, after.cloned(), limit, looks);
        let Some(archive) = self.archived() else { return Ok((here, next)) };
        let (there, next_there) = self.archived_receipts(archive, filter, after, limit, looks)?;
        let key = |receipt: &Arc<Receipt>| Key::of(&receipt.issued);
        let ends_at = [next, next_there].into_iter().flatten().min_by_key(key);
        let end = ends_at.as_ref().map(key);
        let all: BTreeMap<Key, _> = there.into_iter().chain(here).map(|receipt| (key(&receipt), receipt)).collect();
        let whole = all.into_iter().take_while(|(key, _)| end.as_ref().is_none_or(|end| key <= end));
        let mut page: Vec<_> = whole.map(|(_, receipt)| receipt).collect();
        let is_cut = page.len() > limit;
        page.truncate(limit);
        let next = if is_cut { page.last().cloned() } else { ends_at };
        Ok((page, next))
    }

    fn archived_receipts(
        &self,
        archive: &Archive,
        filter: &ReceiptFilter,
        after: Option<&Key>,
        limit: usize,
        looks: usize,
    ) -> Result<ReceiptPage, ArchiveError> {
        let name = |name: &Option<crate::ids::Name>| name.as_ref().map(|name| name.as_str().to_owned());
        let (order, customer) = (name(&filter.order), name(&filter.customer));
        let (series, issuer) = (name(&filter.series), name(&filter.issuer));
        let which = (order.as_deref().map(Issued::Order))
            .or(customer.as_deref().map(Issued::Customer))
            .or(series.as_deref().map(Issued::Series))
            .or(issuer.as_deref().map(Issued::Issuer))
            .unwrap_or(Issued::All);
        let beginning = keys::issued_of(which);
        let at = |key: &Key| [beginning.clone(), keys::place_of(key)].concat();
        let begin = match (after, filter.from) {
            (Some(after), _) => Bound::Excluded(at(after)),
            (None, Some(from)) => Bound::Included(at(&Key::before(from))),
            (None, None) => Bound::Included(beginning.clone()),
        };
        let end = match filter.to {
            Some(to) => Bound::Excluded(at(&Key::before(to))),
            None => keys::after_all(&beginning),
        };
        let (mut walk, mut last) = (Walk::new(), None);
        archive.index().each((begin, end), false, &mut |key, value| {
            if walk.is_full(limit, looks) {
                return ControlFlow::Break(());
            }
            let here = keys::read_place(key, beginning.len()).and_then(|key| self.state().own.receipts.at(&key));
            let read = here.map_or_else(|| archive.receipt_of(value).map(Arc::new), Ok);
            if let Ok(receipt) = &read {
                last = Some(Arc::clone(receipt));
            }
            walk.take(read.map(|receipt| filter.matches(&receipt).then_some(receipt)))
        })?;
        let (found, ended) = walk.end()?;
        Ok((found, last.filter(|_| !ended)))
    }
}
