//! Reads one thing: from memory, or from the archive.
//!
//! Memory is asked first. What is not there left before, and the index had it before it left.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::error::ArchiveError;
use super::keys;
use super::opened::Archive;
use crate::archive::Kept;
use crate::engine::Engine;
use crate::ids::LocationId;
use crate::orders::{Order, SaleRow};
use crate::receipts::{Receipt, ReceiptId};
use crate::returns::Return;

impl Archive {
    /// Whether anything was ever written to it.
    pub fn has_any(&self) -> bool {
        self.has_any.load(Ordering::Acquire)
    }

    /// Reads what an entry of the index points at.
    pub(super) fn read(&self, value: &[u8]) -> Result<(Kept, u16), ArchiveError> {
        let (frame, nth) = keys::read_value(value)?;
        let (kind, payload) = self.files.read(frame)?;
        let kept = Kept::read(kind, &payload).map_err(ArchiveError::Content)?;
        Ok((kept, nth))
    }

    pub(super) fn order_of(&self, value: &[u8]) -> Result<Order, ArchiveError> {
        match self.read(value)?.0 {
            Kept::Order(order) => Ok(*order),
            Kept::Rows(_) | Kept::Receipt(_) | Kept::Return(_) => {
                Err(ArchiveError::Content("an order is expected".into()))
            }
        }
    }

    pub(super) fn receipt_of(&self, value: &[u8]) -> Result<Receipt, ArchiveError> {
        match self.read(value)?.0 {
            Kept::Receipt(receipt) => Ok(*receipt),
            Kept::Rows(_) | Kept::Order(_) | Kept::Return(_) => {
                Err(ArchiveError::Content("a receipt is expected".into()))
            }
        }
    }

    pub(super) fn rows_of(&self, value: &[u8]) -> Result<(Vec<SaleRow>, u16), ArchiveError> {
        match self.read(value)? {
            (Kept::Rows(rows), nth) => Ok((rows, nth)),
            (Kept::Order(_) | Kept::Receipt(_) | Kept::Return(_), _) => {
                Err(ArchiveError::Content("rows of the ledger are expected".into()))
            }
        }
    }

    pub(super) fn return_of(&self, value: &[u8]) -> Result<Return, ArchiveError> {
        match self.read(value)?.0 {
            Kept::Return(back) => Ok(*back),
            Kept::Rows(_) | Kept::Order(_) | Kept::Receipt(_) => {
                Err(ArchiveError::Content("a return is expected".into()))
            }
        }
    }

    /// The archived return of a key.
    pub(super) fn returned(&self, key: &[u8]) -> Result<Option<Return>, ArchiveError> {
        self.index().get(key)?.map(|value| self.return_of(&value)).transpose()
    }

    /// The archived order of a key.
    pub(super) fn order(&self, key: &[u8]) -> Result<Option<Order>, ArchiveError> {
        self.index().get(key)?.map(|value| self.order_of(&value)).transpose()
    }

    /// The archived receipt of a key.
    pub(super) fn receipt(&self, key: &[u8]) -> Result<Option<Receipt>, ArchiveError> {
        self.index().get(key)?.map(|value| self.receipt_of(&value)).transpose()
    }
}

impl Engine {
    /// The archive, if anything was ever archived.
    pub(super) fn archived(&self) -> Option<&Archive> {
        self.shared.archive.as_ref().filter(|archive| archive.has_any())
    }

    /// Whether anything was ever archived: otherwise memory has everything.
    pub fn has_archived(&self) -> bool {
        self.archived().is_some()
    }

    /// An order by its name. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn order(&self, name: &str) -> Result<Option<Arc<Order>>, ArchiveError> {
        match (self.state().own.orders.named(name), self.archived()) {
            (Some(order), _) => Ok(Some(order)),
            (None, None) => Ok(None),
            (None, Some(archive)) => Ok(archive.order(&keys::order_name(name))?.map(Arc::new)),
        }
    }

    /// A return by its name. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn returned(&self, name: &str) -> Result<Option<Arc<Return>>, ArchiveError> {
        match (self.state().own.returns.named(name), self.archived()) {
            (Some(back), _) => Ok(Some(back)),
            (None, None) => Ok(None),
            (None, Some(archive)) => Ok(archive.returned(&keys::return_name(name))?.map(Arc::new)),
        }
    }

    /// Whether there is an order with this name. Reads the disk for at most one look-up.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn has_order(&self, name: &str) -> Result<bool, ArchiveError> {
        match (self.state().own.orders.named(name), self.archived()) {
            (Some(_), _) => Ok(true),
            (None, None) => Ok(false),
            (None, Some(archive)) => Ok(archive.index().get(&keys::order_name(name))?.is_some()),
        }
    }

    /// The order that has this number of a till. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn order_of_till(
        &self,
        location: LocationId,
        till: &str,
        number: &str,
    ) -> Result<Option<Arc<Order>>, ArchiveError> {
        match (self.state().own.orders.told_by_till(location, till, number), self.archived()) {
            (Some(order), _) => Ok(Some(order)),
            (None, None) => Ok(None),
            (None, Some(archive)) => Ok(archive.order(&keys::till(location, till, number))?.map(Arc::new)),
        }
    }

    /// A receipt by its id. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn receipt(&self, id: &ReceiptId) -> Result<Option<Arc<Receipt>>, ArchiveError> {
        match (self.state().own.receipts.get(id), self.archived()) {
            (Some(receipt), _) => Ok(Some(receipt)),
            (None, None) => Ok(None),
            (None, Some(archive)) => Ok(archive.receipt(&keys::receipt(id))?.map(Arc::new)),
        }
    }

    /// A receipt by the key of the customer's copy. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn receipt_by_key(&self, key: &[u8; 16]) -> Result<Option<Arc<Receipt>>, ArchiveError> {
        match (self.state().own.receipts.by_key(key), self.archived()) {
            (Some(receipt), _) => Ok(Some(receipt)),
            (None, None) => Ok(None),
            (None, Some(archive)) => Ok(archive.receipt(&keys::copy(key))?.map(Arc::new)),
        }
    }
}
