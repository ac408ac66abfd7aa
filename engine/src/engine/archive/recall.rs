//! Brings archived things back into memory, before a step that needs them is submitted.
//!
//! This runs on the caller's thread: the writer of the log never reads the archive. It takes what was read unless
//! something was archived since, and sends the caller back then.

use crate::archive::Kept;
use crate::archive::command::Command;
use crate::engine::Engine;
use crate::ids::{LocationId, Name, Seq};
use crate::orders::Order;
use crate::receipts::{Receipt, ReceiptId};
use crate::refusal::{Failure, Refusal};

use super::error::ArchiveError;
use super::keys;
use super::opened::Archive;

/// How often a caller is sent back.
const TRIES: usize = 8;

/// What a step needs in memory, if it exists.
#[derive(Debug, Clone, Default)]
pub struct Needed {
    /// Orders, each with its receipts and their invoices.
    pub orders: Vec<Name>,
    /// Receipts, each with the invoice that replaced it.
    pub receipts: Vec<ReceiptId>,
    /// Returns, each with its order and what was taken in exchange.
    pub returns: Vec<Name>,
    /// Orders that have these numbers of tills.
    pub tills: Vec<(LocationId, Box<str>, Box<str>)>,
}

/// Why something was not brought back.
#[derive(Debug, thiserror::Error)]
pub enum RecallError {
    /// The archive is unreadable.
    #[error(transparent)]
    Unreadable(ArchiveError),
    /// The engine did not take it.
    #[error(transparent)]
    Failed(Failure),
}

/// Collects what is missing in memory.
struct Missing<'a> {
    engine: &'a Engine,
    archive: &'a Archive,
    kept: Vec<Kept>,
}

impl Missing<'_> {
    fn order(&mut self, name: &Name) -> Result<(), ArchiveError> {
        match self.engine.state().own.orders.named(name.as_str()) {
            Some(order) => self.receipts_of(&order),
            None => match self.archive.order(&keys::order_name(name.as_str()))? {
                Some(order) => self.found(order),
                None => Ok(()),
            },
        }
    }

    fn returned(&mut self, name: &Name) -> Result<(), ArchiveError> {
        let orders = match self.engine.state().own.returns.named(name.as_str()) {
            Some(back) => back.orders(),
            None => {
                let Some(back) = self.archive.returned(&keys::return_name(name.as_str()))? else { return Ok(()) };
                let orders = back.orders();
                let is_known = |kept: &Kept| matches!(kept, Kept::Return(known) if known.id == back.id);
                if !self.kept.iter().any(is_known) {
                    self.kept.push(Kept::Return(Box::new(back)));
                }
                orders
            }
        };
        orders.iter().try_for_each(|order| self.order(order))
    }

    fn till(&mut self, (location, till, number): &(LocationId, Box<str>, Box<str>)) -> Result<(), ArchiveError> {
        if self.engine.state().own.orders.told_by_till(*location, till, number).is_some() {
            return Ok(());
        }
        match self.archive.order(&keys::till(*location, till, number))? {
            Some(order) => self.found(order),
            None => Ok(()),
        }
    }

    fn found(&mut self, order: Order) -> Result<(), ArchiveError> {
        let is_known = |kept: &Kept| matches!(kept, Kept::Order(known) if known.id == order.id);
        if self.kept.iter().any(is_known) {
            return Ok(());
        }
        self.receipts_of(&order)?;
        self.kept.push(Kept::Order(Box::new(order)));
        Ok(())
    }

    fn receipts_of(&mut self, order: &Order) -> Result<(), ArchiveError> {
        order.receipts.iter().try_for_each(|id| self.receipt(id))
    }

    fn receipt(&mut self, id: &ReceiptId) -> Result<(), ArchiveError> {
        let replaced_by = |receipt: &Receipt| receipt.after.replaced_by.clone();
        let invoice = match self.engine.state().own.receipts.get(id) {
            Some(receipt) => replaced_by(&receipt),
            None => {
                let is_known = |kept: &Kept| matches!(kept, Kept::Receipt(known) if known.issued.id == *id);
                if self.kept.iter().any(is_known) {
                    return Ok(());
                }
                let Some(receipt) = self.archive.receipt(&keys::receipt(id))? else { return Ok(()) };
                let invoice = replaced_by(&receipt);
                self.kept.push(Kept::Receipt(Box::new(receipt)));
                invoice
            }
        };
        // An invoice is replaced by nothing.
        invoice.map_or(Ok(()), |invoice| self.receipt(&invoice))
    }
}

impl Engine {
    /// Whether anything of this is archived and not in memory. Reads no file, and the index for at most one look-up
    /// each; the receipts of orders in memory are not looked at.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn is_archived(&self, needed: &Needed) -> Result<bool, ArchiveError> {
        let Some(archive) = self.archived() else { return Ok(false) };
        let (orders, receipts) = (&self.state().own.orders, &self.state().own.receipts);
        let is_there = |key: Vec<u8>| archive.index().get(&key).map(|found| found.is_some());
        for name in &needed.orders {
            let is_missing = match orders.named(name.as_str()) {
                Some(order) => order.receipts.iter().any(|id| self.lacks_receipt(id)),
                None => is_there(keys::order_name(name.as_str()))?,
            };
            if is_missing {
                return Ok(true);
            }
        }
        for id in &needed.receipts {
            let is_missing = match receipts.get(id) {
                Some(_) => self.lacks_receipt(id),
                None => is_there(keys::receipt(id))?,
            };
            if is_missing {
                return Ok(true);
            }
        }
        for name in &needed.returns {
            let is_missing = match self.state().own.returns.named(name.as_str()) {
                Some(back) => back.orders().iter().any(|name| {
                    let order = orders.named(name.as_str());
                    order.is_none_or(|order| order.receipts.iter().any(|id| self.lacks_receipt(id)))
                }),
                None => is_there(keys::return_name(name.as_str()))?,
            };
            if is_missing {
                return Ok(true);
            }
        }
        for (location, till, number) in &needed.tills {
            let is_known = orders.told_by_till(*location, till, number).is_some();
            if !is_known && is_there(keys::till(*location, till, number))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether memory lacks a receipt, or the invoice that replaced it.
    fn lacks_receipt(&self, id: &ReceiptId) -> bool {
        let receipts = &self.state().own.receipts;
        receipts.get(id).is_none_or(|receipt| {
            receipt.after.replaced_by.as_ref().is_some_and(|invoice| receipts.get(invoice).is_none())
        })
    }

    /// Brings what is archived of this into memory, and waits until it is there. Returns the last *archived* record
    /// before memory was found complete: what memory does not have at that record does not exist.
    ///
    /// # Errors
    /// The archive is unreadable, or no writes are accepted.
    pub fn recall_needed(&self, needed: &Needed) -> Result<Seq, RecallError> {
        for _ in 0..TRIES {
            let seen = self.state().own.archive.last();
            let Some(archive) = self.archived() else { return Ok(seen) };
            let mut missing = Missing { engine: self, archive, kept: Vec::new() };
            let collected = (|| {
                needed.orders.iter().try_for_each(|name| missing.order(name))?;
                needed.receipts.iter().try_for_each(|id| missing.receipt(id))?;
                needed.returns.iter().try_for_each(|name| missing.returned(name))?;
                needed.tills.iter().try_for_each(|till| missing.till(till))
            })();
            collected.map_err(RecallError::Unreadable)?;
            let kept = missing.kept;
            if kept.is_empty() {
                return Ok(seen);
            }
            match self.run(|engine, done| engine.submit(Command::Recall { kept, seen }, None, done)) {
                Ok(_) | Err(Failure::Refused(Refusal::ArchiveMoved)) => {}
                Err(failure) => return Err(RecallError::Failed(failure)),
            }
        }
        let reason = "the archive changed each time while this was read; send it again";
        Err(RecallError::Failed(Failure::Overloaded(reason.into())))
    }
}
