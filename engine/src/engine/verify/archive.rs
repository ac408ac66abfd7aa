//! The proof of the archive: its files are read from end to end, together with what memory has.
//!
//! Orders add up, the ledger has for each order the units that it handed over, the numbers of every series are there once,
//! the chain of every issuer has no gap, and what came back is what the archive has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anaquel_log::archive::{ArchiveDamage, ArchiveFiles, Scanned};
use rustc_hash::{FxHashMap, FxHashSet};

use super::error::VerifyError;
use crate::archive::Kept;
use crate::archive::event::Event as ArchiveEvent;
use crate::engine::archive::{folder_of, mend};
use crate::event::{Event, Record};
use crate::ids::{Name, Seq};
use crate::journal::{JournalReader, OpenError};
use crate::orders::audit::check_order;
use crate::orders::{Order, SaleRow, SalesFilter};
use crate::receipts::Receipt;
use crate::receipts::audited::check_hash;
use crate::receipts::digest::Digest;
use crate::state::DurableState;

/// What the archive has: things that left more than once are counted each time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Archived {
    /// Orders.
    pub orders: u64,
    /// Receipts.
    pub receipts: u64,
    /// Returns.
    pub returns: u64,
    /// Rows of the sales ledger.
    pub rows: u64,
    /// Bytes of its files.
    pub bytes: u64,
}

/// The content of what came back, which the archive must have.
#[derive(Debug, Default)]
pub(super) struct Recalls(FxHashSet<[u8; 32]>);

fn digest(kind: u8, payload: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(payload);
    *hasher.finalize().as_bytes()
}

impl Recalls {
    /// Notes what a record brought back.
    pub fn note(&mut self, record: &Record) {
        if let Event::Archive(ArchiveEvent::Recalled(recalled)) = &record.event {
            self.0.extend(recalled.kept.iter().map(|kept| digest(kept.kind(), &kept.payload())));
        }
    }
}

/// What the ledger has of an order, and what the order says.
#[derive(Debug, Default)]
struct Units {
    rows: i64,
    /// The version of the order, and the units that it handed over less those that came back.
    order: Option<(Seq, i64)>,
}

#[derive(Default)]
struct Sums {
    archived: Archived,
    units: FxHashMap<Name, Units>,
    chains: BTreeMap<Name, BTreeMap<u64, (Option<Digest>, Digest)>>,
    numbers: BTreeMap<Name, BTreeSet<u64>>,
}

impl Sums {
    fn order(&mut self, order: &Order) -> Result<(), String> {
        check_order(order)?;
        let lines = order.lines.iter();
        let units = lines.map(|line| i64::from(line.handed_over) - i64::from(line.returned)).sum();
        let known = &mut self.units.entry(order.name.clone()).or_default().order;
        match known {
            Some((version, _)) if *version > order.version => {
                Err(format!("the order {} is older than what was archived of it before", order.name))
            }
            _ => {
                *known = Some((order.version, units));
                Ok(())
            }
        }
    }

    fn row(&mut self, row: &SaleRow) {
        // Rows without an order are of goods without a sale.
        if let Some(order) = &row.order {
            self.units.entry(order.clone()).or_default().rows += row.quantity;
        }
    }

    fn receipt(&mut self, state: &DurableState, receipt: &Receipt) -> Result<(), String> {
        let issued = &receipt.issued;
        let standing = state.own.receipts.issuer(issued.issuer.as_str()).ok_or("a receipt has no issuer")?;
        check_hash(standing.at(issued.chain.position).ok_or("a receipt has no issuer")?, issued)?;
        let link = (issued.chain.previous, issued.chain.hash);
        let chain = self.chains.entry(issued.issuer.clone()).or_default();
        if chain.insert(issued.chain.position, link).is_some_and(|known| known != link) {
            return Err(format!("two receipts have the position {} of one chain", issued.chain.position));
        }
        self.numbers.entry(issued.id.series.clone()).or_default().insert(issued.id.n);
        Ok(())
    }

    /// Compares everything.
    fn end(&self, state: &DurableState) -> Result<(), String> {
        for (name, Units { rows, order }) in &self.units {
            if let Some((_, units)) = order
                && units != rows
            {
                return Err(format!("the order {name} handed over {units} units, and the ledger has {rows}"));
            }
        }
        for standing in state.own.receipts.all_issuers() {
            let mut before: (u64, Option<Digest>) = (0, None);
            for (position, (previous, hash)) in self.chains.get(&standing.name).into_iter().flatten() {
                if *position != before.0 + 1 || *previous != before.1 {
                    return Err(format!("the chain of {} breaks at its receipt {position}", standing.name));
                }
                before = (*position, Some(*hash));
            }
            if before != (standing.position, standing.last) {
                let (has, says) = (before.0, standing.position);
                return Err(format!("the chain of {} has {has} receipts, and says {says}", standing.name));
            }
        }
        for standing in state.own.receipts.all_series() {
            let Some(series) = &standing.series else { continue };
            let numbers = self.numbers.get(&standing.name).into_iter().flatten().copied();
            if !numbers.eq(series.first..standing.next.max(series.first)) {
                return Err(format!("the numbers of series {} have a gap", standing.name));
            }
        }
        Ok(())
    }
}

/// Reads the archive of a directory, and checks it together with the state that its log leads to.
///
/// # Errors
/// The first damage, by file and byte; or the first violation.
pub(super) fn check(
    directory: &Path,
    state: &DurableState,
    log: &dyn JournalReader,
    recalls: Recalls,
) -> Result<Archived, VerifyError> {
    let (files, standing) = (ArchiveFiles::new(&folder_of(directory)), state.own.archive.standing());
    mend(&files, &standing, log)?;
    let violation = |what: String| VerifyError::Violation { seq: state.view.seq(), what };
    let (mut sums, Recalls(mut wanted)) = (Sums::default(), recalls);
    for end in &standing.ends {
        let damage = |at: u64, what: String| ArchiveDamage { path: files.path_of(end.file), at, what };
        let scanned = files.scan(end.file, 0, end.at, &mut |scanned| {
            let Scanned::Frame { frame, kind, payload } = scanned else { return Ok(()) };
            wanted.remove(&digest(kind, payload));
            let kept = Kept::read(kind, payload).map_err(|what| damage(frame.place.at, what))?;
            add(&mut sums, state, &kept).map_err(|what| damage(frame.place.at, what))
        });
        scanned.map_err(OpenError::from)?;
        sums.archived.bytes += end.at;
    }
    if !wanted.is_empty() {
        return Err(violation(format!("{} things came back that the archive does not have", wanted.len())));
    }
    for order in state.own.orders.all() {
        sums.order(&order).map_err(violation)?;
    }
    let (rows, _) = state.own.orders.sales(&SalesFilter::default(), None, usize::MAX, usize::MAX);
    rows.iter().for_each(|row| sums.row(row));
    let mut after = None;
    loop {
        let page = state.own.receipts.page(after.as_ref(), 1024);
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        page.iter().try_for_each(|(_, receipt)| sums.receipt(state, receipt)).map_err(violation)?;
    }
    sums.end(state).map_err(violation)?;
    Ok(sums.archived)
}

fn add(sums: &mut Sums, state: &DurableState, kept: &Kept) -> Result<(), String> {
    match kept {
        Kept::Order(order) => {
            sums.archived.orders += 1;
            sums.order(order)
        }
        Kept::Rows(rows) => {
            sums.archived.rows += rows.len() as u64;
            rows.iter().for_each(|row| sums.row(row));
            Ok(())
        }
        Kept::Receipt(receipt) => {
            sums.archived.receipts += 1;
            sums.receipt(state, receipt)
        }
        Kept::Return(_) => {
            sums.archived.returns += 1;
            Ok(())
        }
    }
}
