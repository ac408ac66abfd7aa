//! Transfers and policies in the durable view.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustc_hash::FxHashMap;

use super::policy::{Policy, Run};
use super::reason::{Reason, TransferId};
use super::transfer::{Transfer, TransferState};
use crate::ids::{LocationId, Name, Seq, SkuId};
use crate::own_store::OwnStore;

/// Runs of replenishment that are kept, newest first.
const RUNS_MAX: usize = 1000;

/// Transfers examined under one lock of the store, which blocks a fold.
const LOOKS_PER_HOLD: usize = 4096;

/// The filter of a list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// From this location.
    pub from: Option<LocationId>,
    /// To this location.
    pub to: Option<LocationId>,
    /// In this state.
    pub state: Option<TransferState>,
    /// For this reason.
    pub reason: Option<Reason>,
    /// With a line of this SKU.
    pub sku: Option<SkuId>,
    /// For this order.
    pub order: Option<String>,
    /// Made by this run.
    pub run: Option<Name>,
}

impl Filter {
    /// Whether a transfer matches.
    pub fn matches(&self, transfer: &Transfer) -> bool {
        let content = &transfer.content;
        self.from.is_none_or(|from| from == content.from)
            && self.to.is_none_or(|to| to == content.to)
            && self.state.is_none_or(|state| state == transfer.state)
            && self.reason.is_none_or(|reason| reason == content.reason)
            && self.sku.is_none_or(|sku| transfer.lines.iter().any(|line| line.sku == sku))
            && self.order.as_deref().is_none_or(|order| content.order.as_deref() == Some(order))
            && self.run.as_ref().is_none_or(|run| content.run.as_ref() == Some(run))
    }
}

#[derive(Debug, Default)]
struct Inner {
    by_id: BTreeMap<TransferId, Arc<Transfer>>,
    by_name: FxHashMap<Name, TransferId>,
    /// Transfers that may still change.
    open: BTreeSet<TransferId>,
    /// Each with the `seq` of its last change.
    policies: BTreeMap<Name, (Seq, Arc<Policy>)>,
    runs: BTreeMap<Seq, Arc<Run>>,
}

/// Transfers and policies.
#[derive(Debug, Default)]
pub struct Store(RwLock<Inner>);

impl Store {
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transfer by its identity.
    pub fn get(&self, id: TransferId) -> Option<Arc<Transfer>> {
        self.read().by_id.get(&id).cloned()
    }

    /// A transfer by its name.
    pub fn named(&self, name: &str) -> Option<Arc<Transfer>> {
        let inner = self.read();
        let id = inner.by_name.get(name)?;
        inner.by_id.get(id).cloned()
    }

    /// Up to `limit` matching transfers, newest first, starting before `before`; examines at most `looks`. Returns
    /// where the next page begins, if there may be more.
    pub fn list(
        &self,
        filter: &Filter,
        before: Option<TransferId>,
        limit: usize,
        looks: usize,
    ) -> (Vec<Arc<Transfer>>, Option<TransferId>) {
        let inner = self.read();
        let upto = before.unwrap_or(TransferId(u64::MAX));
        let mut found = Vec::new();
        for (looked, (id, transfer)) in inner.by_id.range(..upto).rev().enumerate() {
            if found.len() == limit || looked == looks {
                return (found, Some(TransferId(id.0 + 1)));
            }
            if filter.matches(transfer) {
                found.push(Arc::clone(transfer));
            }
        }
        (found, None)
    }

    /// The number of open transfers that match. Examines each of them.
    pub(crate) fn open_with(&self, is_asked: impl Fn(&Transfer) -> bool) -> usize {
        let inner = self.read();
        let open = inner.open.iter().filter_map(|id| inner.by_id.get(id));
        open.filter(|transfer| is_asked(transfer)).count()
    }

    /// Every transfer, oldest first.
    pub fn all(&self) -> Vec<Arc<Transfer>> {
        self.read().by_id.values().cloned().collect()
    }

    /// Visits every open transfer, oldest first, in stretches, so that folds can run between.
    pub fn each_open(&self, mut visit: impl FnMut(&Transfer)) {
        let mut from = TransferId(0);
        // Bounded by the open transfers.
        loop {
            let inner = self.read();
            let mut last = None;
            for id in inner.open.range(from..).take(LOOKS_PER_HOLD) {
                last = Some(*id);
                if let Some(transfer) = inner.by_id.get(id) {
                    visit(transfer);
                }
            }
            let Some(last) = last else { return };
            from = TransferId(last.0 + 1);
        }
    }

    /// A policy, with the `seq` of its last change.
    pub fn policy(&self, name: &str) -> Option<(Seq, Arc<Policy>)> {
        self.read().policies.get(name).cloned()
    }

    /// Every policy, by name.
    pub fn policies(&self) -> Vec<(Name, Seq, Arc<Policy>)> {
        self.read().policies.iter().map(|(name, (seq, policy))| (name.clone(), *seq, Arc::clone(policy))).collect()
    }

    /// A run of replenishment, with the `seq` of its record.
    pub fn run(&self, name: &str) -> Option<(Seq, Arc<Run>)> {
        let inner = self.read();
        inner.runs.iter().rev().find(|(_, run)| run.name.as_str() == name).map(|(seq, run)| (*seq, Arc::clone(run)))
    }

    /// Every kept run, with the `seq` of its record.
    pub(super) fn runs(&self) -> Vec<(Seq, Arc<Run>)> {
        self.read().runs.iter().map(|(seq, run)| (*seq, Arc::clone(run))).collect()
    }

    pub(super) fn insert(&self, transfer: Transfer) {
        let mut inner = self.write();
        inner.by_name.insert(transfer.name.clone(), transfer.id);
        if transfer.state.is_open() {
            inner.open.insert(transfer.id);
        }
        inner.by_id.insert(transfer.id, Arc::new(transfer));
    }

    pub(super) fn change(&self, id: TransferId, change: impl FnOnce(&mut Transfer)) {
        let mut inner = self.write();
        let Some(known) = inner.by_id.get_mut(&id) else { return };
        change(Arc::make_mut(known));
        if !known.state.is_open() {
            inner.open.remove(&id);
        }
    }

    pub(super) fn set_policy(&self, seq: Seq, name: &Name, policy: Option<Policy>) {
        let mut inner = self.write();
        if inner.policies.get(name).is_some_and(|(known, _)| *known >= seq) {
            return;
        }
        match policy {
            Some(policy) => drop(inner.policies.insert(name.clone(), (seq, Arc::new(policy)))),
            None => drop(inner.policies.remove(name)),
        }
    }

    pub(super) fn note_run(&self, seq: Seq, run: Run) {
        let mut inner = self.write();
        inner.runs.insert(seq, Arc::new(run));
        while inner.runs.len() > RUNS_MAX {
            inner.runs.pop_first();
        }
    }
}

impl OwnStore for Store {}
