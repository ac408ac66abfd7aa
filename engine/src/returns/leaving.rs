//! Returns that leave memory for the archive, and returns that come back.

use super::returned::{Return, ReturnId, ReturnState};
use super::store::{Inner, Store, digest};
use crate::catalogue::Catalogue;
use crate::hash::Part;
use crate::ids::{Name, Seq, Timestamp};

impl Return {
    /// When it last changed.
    pub fn changed_at(&self) -> Timestamp {
        self.history.last().map_or(self.created_at, |happened| happened.time)
    }

    /// Its order, and what was taken in exchange.
    pub fn orders(&self) -> Vec<Name> {
        self.order.iter().chain(&self.exchange).cloned().collect()
    }

    /// Whether it may leave: nothing is left to do for it, or its order never came. Such a return has no other record that
    /// waits for it, and nobody may ever finish it; a step brings it back.
    pub fn may_leave(&self) -> bool {
        match self.state {
            ReturnState::Settled | ReturnState::Cancelled => true,
            ReturnState::Received => self.order.is_some() && self.lines.iter().all(|line| line.is_unreferenced),
            ReturnState::Announced => false,
        }
    }
}

impl Inner {
    /// A return may leave some time from now, if it may at all.
    pub(super) fn may_go(&mut self, returned: &Return) {
        if returned.may_leave() {
            self.leaving.insert((returned.changed_at(), returned.id));
        }
    }

    /// A return changes, or goes: its place among those that may leave is free.
    pub(super) fn stays(&mut self, returned: &Return) {
        let since = self.recalled.remove(&returned.id).unwrap_or_else(|| returned.changed_at());
        self.leaving.remove(&(since, returned.id));
    }
}

impl Store {
    /// Up to `limit` returns that may leave, and that last changed before `before`, oldest first.
    pub(crate) fn leaving(&self, before: Timestamp, limit: usize) -> Vec<ReturnId> {
        let inner = self.read();
        inner.leaving.range(..(before, ReturnId(0))).take(limit).map(|(_, id)| *id).collect()
    }

    /// Takes a return out, unless it changed since; returns it.
    pub(crate) fn take_out(&self, catalogue: &Catalogue, id: ReturnId, version: Seq) -> Option<Return> {
        let mut inner = self.write();
        let known = inner.by_id.get(&id).filter(|known| known.version <= version).cloned()?;
        catalogue.hash.change(Part::Returns, digest(catalogue, &known), 0);
        inner.stays(&known);
        inner.by_id.remove(&id);
        inner.by_name.remove(&known.name);
        if let Some(customer) = &known.customer {
            inner.by_customer.remove(&(customer.clone(), id));
        }
        if let Some(order) = &known.order {
            inner.by_order.remove(&(order.clone(), id));
        }
        Some((*known).clone())
    }

    /// Puts a return back that memory does not have.
    pub(crate) fn put_back(&self, catalogue: &Catalogue, at: Timestamp, returned: Return) {
        let mut inner = self.write();
        if inner.by_id.contains_key(&returned.id) {
            return;
        }
        catalogue.hash.change(Part::Returns, 0, digest(catalogue, &returned));
        let (id, changed_at) = (returned.id, returned.changed_at());
        inner.insert(returned);
        // It stays as long as one that changed now.
        if inner.leaving.remove(&(changed_at, id)) {
            inner.leaving.insert((at, id));
            inner.recalled.insert(id, at);
        }
    }
}
