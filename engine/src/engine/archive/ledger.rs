//! The sales ledger over memory and the archive together, in log order, each row once.
//!
//! Rows of an order are found by its history, rows of a customer by keys of their own: neither walks what others bought.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use super::error::ArchiveError;
use super::keys::{self, Sold};
use super::opened::Archive;
use super::page::Walk;
use crate::engine::Engine;
use crate::ids::{Seq, Timestamp};
use crate::orders::{Order, SaleRow, SalesFilter};
use crate::returns::Return;

/// A page of the ledger in log order, and the last row that was examined, if there may be more.
pub type LedgerPage = (Vec<Arc<SaleRow>>, Option<(Seq, u16)>);

/// Rows by their place in the ledger.
type ByPlace = BTreeMap<(Seq, u16), Arc<SaleRow>>;

/// A frame of the archive, as its entries of the index begin, and its rows.
type Frame = (Vec<u8>, Vec<Arc<SaleRow>>);

impl Engine {
    /// Up to `limit` matching rows of the sales ledger, in log order, after `after`; examines at most `looks` in memory
    /// and as many in the archive, or those of the order that is asked for. Rows that happened before `since` may be left
    /// out. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn sales(
        &self,
        filter: &SalesFilter,
        since: Option<Timestamp>,
        after: Option<(Seq, u16)>,
        limit: usize,
        looks: usize,
    ) -> Result<LedgerPage, ArchiveError> {
        let Some(archive) = self.archived() else {
            return Ok(self.state().own.orders.sales(filter, after, limit, looks));
        };
        let (all, ends_at): (ByPlace, _) = match &filter.order {
            Some(name) => {
                let Some(order) = self.order(name.as_str())? else { return Ok((Vec::new(), None)) };
                let rows = self.sales_of(&order)?.into_iter();
                let is_asked = |row: &Arc<SaleRow>| after.is_none_or(|after| row.key() > after) && filter.matches(row);
                (rows.filter(is_asked).map(|row| (row.key(), row)).collect(), None)
            }
            None => {
                let (here, next) = self.state().own.orders.sales(filter, after, limit, looks);
                let (there, next_there) = self.archived_rows(archive, filter, since, after, (limit, looks))?;
                let all = there.into_iter().chain(here).map(|row| (row.key(), row)).collect();
                (all, [next, next_there].into_iter().flatten().min())
            }
        };
        let whole = all.into_iter().take_while(|(key, _)| ends_at.is_none_or(|end| *key <= end));
        let mut page: Vec<_> = whole.map(|(_, row)| row).collect();
        let is_cut = page.len() > limit;
        page.truncate(limit);
        let next = if is_cut { page.last().map(|row| row.key()) } else { ends_at };
        Ok((page, next))
    }

    /// All rows of the sales ledger of an order, in log order. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn sales_of(&self, order: &Order) -> Result<Vec<Arc<SaleRow>>, ArchiveError> {
        let here = self.state().own.orders.rows_of(&order.name);
        let Some(archive) = self.archived() else { return Ok(here) };
        let (mut all, mut frame) = (ByPlace::new(), None);
        let mut read = |from: Seq, to: Seq| -> Result<(), ArchiveError> {
            let rows = rows_between(archive, from, to, &mut frame)?;
            all.extend(
                rows.into_iter().filter(|row| row.order.as_ref() == Some(&order.name)).map(|row| (row.key(), row)),
            );
            Ok(())
        };
        // A full history has lost its oldest entries: their records are between the first one and those that it has.
        let oldest = order.history.first().map_or(order.id.0, |happened| happened.seq);
        if oldest > order.id.0 {
            read(order.id.0, oldest - 1)?;
        }
        order.history.iter().try_for_each(|happened| read(happened.seq, happened.seq))?;
        all.extend(here.into_iter().map(|row| (row.key(), row)));
        Ok(all.into_values().collect())
    }

    /// The rows of the sales ledger of a return that belong to no order. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn sales_of_return(&self, back: &Return) -> Result<Vec<Arc<SaleRow>>, ArchiveError> {
        let mut rows = back.received.map_or(Ok(Vec::new()), |seq| self.sales_at(seq))?;
        rows.retain(|row| row.order.is_none() && row.returned.as_ref() == Some(&back.name));
        Ok(rows)
    }

    /// The rows that a record added to the sales ledger. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn sales_at(&self, seq: Seq) -> Result<Vec<Arc<SaleRow>>, ArchiveError> {
        let here = self.state().own.orders.rows_at(seq);
        let Some(archive) = self.archived() else { return Ok(here) };
        let there = rows_between(archive, seq, seq, &mut None)?;
        let all: ByPlace = there.into_iter().chain(here).map(|row| (row.key(), row)).collect();
        Ok(all.into_values().collect())
    }

    fn archived_rows(
        &self,
        archive: &Archive,
        filter: &SalesFilter,
        since: Option<Timestamp>,
        after: Option<(Seq, u16)>,
        (limit, looks): (usize, usize),
    ) -> Result<LedgerPage, ArchiveError> {
        let first = match since.max(filter.from) {
            None => Some(0),
            Some(since) => keys::first_row(archive.index(), since)?,
        };
        let Some(first) = first else { return Ok((Vec::new(), None)) };
        let beginning = keys::sold_of(filter.customer.as_deref().map_or(Sold::All, Sold::Customer));
        let begin = match after {
            Some((seq, nth)) if seq >= first => Bound::Excluded(keys::row_of(&beginning, seq, nth)),
            Some(_) | None => Bound::Included(keys::row_of(&beginning, first, 0)),
        };
        let (mut walk, mut last) = (Walk::new(), None);
        let mut frame = None;
        archive.index().each((begin, keys::after_all(&beginning)), false, &mut |key, value| {
            if walk.is_full(limit, looks) {
                return ControlFlow::Break(());
            }
            let Some(place) = keys::read_row(key) else { return ControlFlow::Continue(()) };
            last = Some(place);
            let read = match self.state().own.orders.row(place) {
                Some(row) => Ok(row),
                None => row_at(archive, value, &mut frame),
            };
            walk.take(read.map(|row| filter.matches(&row).then_some(row)))
        })?;
        let (found, ended) = walk.end()?;
        Ok((found, last.filter(|_| !ended)))
    }
}

/// The archived rows of the records from `from` to `to`.
fn rows_between(
    archive: &Archive,
    from: Seq,
    to: Seq,
    frame: &mut Option<Frame>,
) -> Result<Vec<Arc<SaleRow>>, ArchiveError> {
    let mut walk = Walk::new();
    let all = keys::sold_of(Sold::All);
    let range = (Bound::Included(keys::row_of(&all, from, 0)), Bound::Included(keys::row_of(&all, to, u16::MAX)));
    archive.index().each(range, false, &mut |_, value| walk.take(row_at(archive, value, frame).map(Some)))?;
    Ok(walk.end()?.0)
}

/// The row that an entry points at. Rows of one order are one frame, and mostly next to each other: `frame` has those of the
/// last entry.
fn row_at(archive: &Archive, value: &[u8], frame: &mut Option<Frame>) -> Result<Arc<SaleRow>, ArchiveError> {
    let (of_frame, nth) = value.split_at_checked(16).unwrap_or((value, &[]));
    let nth = nth.try_into().map_or(0, u16::from_be_bytes);
    if frame.as_ref().is_none_or(|(known, _)| known != of_frame) {
        let (rows, _) = archive.rows_of(value)?;
        *frame = Some((of_frame.to_vec(), rows.into_iter().map(Arc::new).collect()));
    }
    let row = frame.as_ref().and_then(|(_, rows)| rows.get(usize::from(nth)).cloned());
    row.ok_or_else(|| ArchiveError::Content("a row of the ledger is expected".into()))
}
