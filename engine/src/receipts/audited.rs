//! The auditor's own model of receipts, from the log alone.

use std::collections::BTreeMap;

use super::chain;
use super::digest::Digest;
use super::issuer::Issuer;
use super::receipt::{FiscalState, Issued, Receipt, ReceiptId};
use super::series::Series;
use crate::ids::Name;
use crate::state::DurableState;

/// An issuer, and how long its chain is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AuditedIssuer {
    pub issuer: Option<Issuer>,
    pub position: u64,
    pub last: Option<Digest>,
}

/// A series, and the number that comes next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AuditedSeries {
    pub series: Option<Series>,
    pub next: Option<u64>,
}

/// A receipt: what is left of it, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuditedReceipt {
    pub issuer: Name,
    /// What is left by rate.
    pub left: BTreeMap<u32, i64>,
    pub replaced: bool,
    pub fiscal: FiscalState,
}

/// The models of all issuers, series and receipts.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    pub(super) issuers: BTreeMap<Name, AuditedIssuer>,
    pub(super) series: BTreeMap<Name, AuditedSeries>,
    pub(super) receipts: BTreeMap<ReceiptId, AuditedReceipt>,
}

/// Sums by rate, those of nothing left out.
pub(super) fn sums(issued: &Issued) -> BTreeMap<u32, i64> {
    let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
    for (_, rate, amount) in issued.amounts() {
        *sums.entry(rate).or_default() += amount;
    }
    sums
}

impl Audit {
    /// Starts from a checkpoint.
    pub fn start_from(&mut self, state: &DurableState) {
        let Ok(now) = now(state) else { return };
        *self = now;
    }

    /// A receipt leaves for the archive, as it is, and with nothing to be told of it.
    ///
    /// # Errors
    /// It is another, or something is to be told.
    pub fn leaves(&mut self, receipt: &Receipt) -> Result<(), String> {
        let id = &receipt.issued.id;
        let known = self.receipts.remove(id).ok_or("an unknown receipt was archived")?;
        match known == audited(receipt) && known.fiscal != FiscalState::Pending {
            true => Ok(()),
            false => Err(format!("receipt {id} was archived as it is not, or with something to be told of it")),
        }
    }

    /// A receipt comes back from the archive.
    ///
    /// # Errors
    /// It was not there.
    pub fn comes_back(&mut self, receipt: &Receipt) -> Result<(), String> {
        match self.receipts.insert(receipt.issued.id.clone(), audited(receipt)) {
            None => Ok(()),
            Some(_) => Err(format!("receipt {} came back, and had not left", receipt.issued.id)),
        }
    }

    /// Compares the model with the engine's fold of the log, and recomputes the hash of every receipt in memory, and its
    /// link to the one before, where memory has both. [`verify`](crate::engine::verify) checks whole chains.
    ///
    /// # Errors
    /// What differs.
    pub fn compare(&self, state: &DurableState) -> Result<(), String> {
        let now = now(state)?;
        let live = |(_, standing): &(&Name, &AuditedIssuer)| standing.issuer.is_some();
        if !self.issuers.iter().filter(live).eq(now.issuers.iter()) {
            return Err("memory and log disagree on issuers".into());
        }
        let live = |(_, standing): &(&Name, &AuditedSeries)| standing.series.is_some();
        if !self.series.iter().filter(live).eq(now.series.iter()) {
            return Err("memory and log disagree on series".into());
        }
        if self.receipts.len() != now.receipts.len() {
            return Err(format!("memory has {} receipts, and the log {}", now.receipts.len(), self.receipts.len()));
        }
        match self.receipts.iter().find(|(id, receipt)| now.receipts.get(*id) != Some(*receipt)) {
            Some((id, _)) => Err(format!("memory and log disagree on receipt {id}")),
            None => Ok(()),
        }
    }
}

/// The model of a receipt.
fn audited(receipt: &Receipt) -> AuditedReceipt {
    let mut left = sums(&receipt.issued);
    for (rate, taken) in &receipt.after.taken_back_at {
        *left.entry(*rate).or_default() -= taken;
    }
    AuditedReceipt {
        issuer: receipt.issued.issuer.clone(),
        left,
        replaced: receipt.after.replaced_by.is_some(),
        fiscal: receipt.fiscal_state(),
    }
}

/// What memory holds, with the hash of every receipt recomputed.
fn now(state: &DurableState) -> Result<Audit, String> {
    let store = &state.own.receipts;
    let mut audit = Audit::default();
    let mut chains: BTreeMap<Name, BTreeMap<u64, (Option<Digest>, Digest)>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.page(after.as_ref(), 1024);
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (_, receipt) in &page {
            let issued = &receipt.issued;
            let standing = store.issuer(issued.issuer.as_str()).ok_or("a receipt has no issuer")?;
            let issuer = standing.at(issued.chain.position).ok_or("a receipt has no issuer")?;
            check_hash(issuer, issued)?;
            let chain = chains.entry(issued.issuer.clone()).or_default();
            if chain.insert(issued.chain.position, (issued.chain.previous, issued.chain.hash)).is_some() {
                return Err(format!("two receipts have the position {} of a chain", issued.chain.position));
            }
            let series = store.series(issued.id.series.as_str());
            let series = series.filter(|standing| standing.series.is_some()).ok_or("a receipt has no series")?;
            if issued.id.n >= series.next {
                return Err(format!("receipt {} was issued where {} comes next", issued.id, series.next));
            }
            audit.receipts.insert(issued.id.clone(), audited(receipt));
        }
    }
    for standing in store.all_issuers() {
        let chain = chains.remove(&standing.name).unwrap_or_default();
        check_chain(&standing.name, &chain, (standing.position, standing.last))?;
        let (issuer, position, last) = (standing.issuer().cloned(), standing.position, standing.last);
        audit.issuers.insert(standing.name.clone(), AuditedIssuer { issuer, position, last });
    }
    for standing in store.all_series() {
        let Some(series) = &standing.series else { continue };
        let next = (standing.count() > 0).then_some(standing.next);
        audit.series.insert(standing.name.clone(), AuditedSeries { series: Some(Series::clone(series)), next });
    }
    Ok(audit)
}

/// Each receipt of a chain links to the one before, where that one is known, and the last is the one that its issuer says.
fn check_chain(
    issuer: &Name,
    chain: &BTreeMap<u64, (Option<Digest>, Digest)>,
    (end, last): (u64, Option<Digest>),
) -> Result<(), String> {
    let mut before: Option<(u64, Digest)> = Some((0, Digest([0; 32])));
    for (position, (previous, hash)) in chain {
        let link = match before {
            Some((0, _)) if *position == 1 => Some(None),
            Some((at, hash)) if at + 1 == *position => Some(Some(hash)),
            _ => None,
        };
        if link.is_some_and(|link| link != *previous) {
            return Err(format!("the receipt at {position} of the chain of {issuer} has another link"));
        }
        before = Some((*position, *hash));
    }
    let ends = chain.last_key_value().map(|(position, (_, hash))| (*position, *hash));
    match ends {
        Some((position, hash)) if position == end && last != Some(hash) => {
            Err(format!("the chain of {issuer} ends with another receipt"))
        }
        Some((position, _)) if position > end => {
            Err(format!("the chain of {issuer} has {position} receipts, and says {end}"))
        }
        Some(_) | None => Ok(()),
    }
}

/// A receipt links to the one before, and its hash is that of what it says.
pub(super) fn check_link(
    issuer: &Issuer,
    issued: &Issued,
    position: u64,
    previous: Option<Digest>,
) -> Result<(), String> {
    if issued.chain.position != position + 1 || issued.chain.previous != previous {
        let (id, at) = (&issued.id, issued.chain.position);
        return Err(format!("receipt {id} has the position {at} in a chain of {position}, or another link"));
    }
    check_hash(issuer, issued)
}

/// The hash of a receipt is that of what it says.
pub(crate) fn check_hash(issuer: &Issuer, issued: &Issued) -> Result<(), String> {
    match chain::hash(issuer, issued) == issued.chain.hash {
        true => Ok(()),
        false => Err(format!("the hash of receipt {} is not that of what it says", issued.id)),
    }
}

/// A receipt has the next number of its series.
pub(super) fn check_number(issued: &Issued, next: u64) -> Result<(), String> {
    match issued.id.n == next {
        true => Ok(()),
        false => Err(format!("receipt {} was issued where {next} comes next", issued.id)),
    }
}
