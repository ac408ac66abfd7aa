//! Issuers, series and receipts after the batch so far.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::event::Event;
use super::issuer::IssuerStanding;
use super::receipt::{Issued, Receipt, ReceiptId};
use super::series::SeriesStanding;
use crate::effect::At;
use crate::ids::Name;
use crate::state::DurableState;

/// What the batch set, issued or changed.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    issuers: FxHashMap<Name, IssuerStanding>,
    series: FxHashMap<Name, SeriesStanding>,
    receipts: FxHashMap<ReceiptId, Receipt>,
    by_key: FxHashMap<[u8; 16], ReceiptId>,
}

impl Draft {
    /// Clears everything for the next batch.
    pub fn restart(&mut self) {
        if !(self.issuers.is_empty() && self.series.is_empty() && self.receipts.is_empty()) {
            *self = Self::default();
        }
    }

    /// Makes an event visible to later decisions of the batch.
    pub fn stage(&mut self, state: &DurableState, at: At<'_>, event: &Event) {
        match event {
            Event::IssuerSet(set) => {
                let mut standing = self.issuer_or_new(state, &set.name);
                standing.set(at.seq, set.issuer.clone());
                self.issuers.insert(set.name.clone(), standing);
            }
            Event::SeriesSet(set) => {
                let mut standing = self.series_or_new(state, &set.name);
                standing.set(at.seq, set.series.clone());
                self.series.insert(set.name.clone(), standing);
            }
            Event::FiscalTold(told) => {
                if let Some(mut receipt) = self.receipt(state, &told.receipt) {
                    receipt.after.fiscal = Some((at.seq, at.time, told.told.clone()));
                    self.receipts.insert(told.receipt.clone(), receipt);
                }
            }
            // Told by its effects.
            Event::ReceiptsIssued(_) => {}
        }
    }

    /// Makes a receipt visible, whichever subject logged it: its number is used from here on.
    pub fn stage_issued(&mut self, state: &DurableState, issued: &Arc<Issued>) {
        let mut issuer = self.issuer_or_new(state, &issued.issuer);
        issuer.issued(issued.chain.position, issued.chain.hash);
        self.issuers.insert(issued.issuer.clone(), issuer);
        let mut series = self.series_or_new(state, &issued.id.series);
        series.issued(issued.id.n, issued.chain.hash);
        self.series.insert(issued.id.series.clone(), series);
        for id in issued.replaces.iter().chain(&issued.corrects) {
            if let Some(mut receipt) = self.receipt(state, id) {
                receipt.touched_by(issued);
                self.receipts.insert(id.clone(), receipt);
            }
        }
        self.by_key.insert(issued.key, issued.id.clone());
        self.receipts.insert(issued.id.clone(), Receipt::new(Arc::clone(issued)));
    }

    fn issuer_or_new(&self, state: &DurableState, name: &Name) -> IssuerStanding {
        let staged = self.issuers.get(name).cloned();
        let durable = || state.own.receipts.issuer(name.as_str()).map(Arc::unwrap_or_clone);
        staged.or_else(durable).unwrap_or_else(|| IssuerStanding::new(name.clone()))
    }

    pub(super) fn series_or_new(&self, state: &DurableState, name: &Name) -> SeriesStanding {
        let staged = self.series.get(name).cloned();
        let durable = || state.own.receipts.series(name.as_str()).map(Arc::unwrap_or_clone);
        staged.or_else(durable).unwrap_or_else(|| SeriesStanding::new(name.clone()))
    }

    /// An issuer after the batch so far; `None` if there is none.
    pub fn issuer(&self, state: &DurableState, name: &Name) -> Option<IssuerStanding> {
        Some(self.issuer_or_new(state, name)).filter(|standing| standing.issuer().is_some())
    }

    /// A series after the batch so far; `None` if there is none.
    pub fn series(&self, state: &DurableState, name: &Name) -> Option<SeriesStanding> {
        Some(self.series_or_new(state, name)).filter(|standing| standing.series.is_some())
    }

    /// Every series of an issuer after the batch so far.
    pub fn series_of(&self, state: &DurableState, issuer: &Name) -> Vec<SeriesStanding> {
        let durable = state.own.receipts.all_series();
        let durable = durable.into_iter().filter(|standing| !self.series.contains_key(&standing.name));
        let all = durable.map(Arc::unwrap_or_clone).chain(self.series.values().cloned());
        all.filter(|standing| standing.series.as_ref().is_some_and(|series| series.issuer == *issuer)).collect()
    }

    /// The receipt with a key, after the batch so far.
    pub fn with_key(&self, state: &DurableState, key: &[u8; 16]) -> Option<Receipt> {
        let staged = self.by_key.get(key).and_then(|id| self.receipts.get(id)).cloned();
        staged.or_else(|| state.own.receipts.by_key(key).map(Arc::unwrap_or_clone))
    }

    /// A receipt after the batch so far.
    pub fn receipt(&self, state: &DurableState, id: &ReceiptId) -> Option<Receipt> {
        let staged = self.receipts.get(id).cloned();
        staged.or_else(|| state.own.receipts.get(id).map(Arc::unwrap_or_clone))
    }
}
