//! Compares imported sales with the archive, on the caller's thread: a file that is imported again costs the journal
//! thread nothing.

use rustc_hash::{FxHashMap, FxHashSet};

use super::error::ArchiveError;
use super::keys;
use super::recall::{Needed, RecallError};
use crate::engine::Engine;
use crate::orders::imported::{SaleGroup, SaleOf, Sales};
use crate::orders::load::{has_all, has_all_of_return};

/// Orders that one command brings back.
const RECALLED_AT_ONCE: usize = 512;

impl Engine {
    /// Takes the rows of orders out that only the archive has, where its ledger has all of them, and returns how many: an
    /// import of them changes nothing. May read the disk.
    ///
    /// # Errors
    /// The archive is unreadable.
    pub fn take_out_archived(&self, sales: &mut Sales) -> Result<u64, ArchiveError> {
        let Some(archive) = self.archived() else { return Ok(0) };
        let state = self.state();
        let mut groups: FxHashMap<&SaleOf, Vec<&SaleGroup>> = FxHashMap::default();
        for group in &sales.groups {
            groups.entry(&group.of).or_default().push(group);
        }
        let mut unchanged: FxHashSet<SaleOf> = FxHashSet::default();
        for (of, groups) in groups {
            let is_unchanged = match of {
                SaleOf::Order(name) if state.own.orders.named(name.as_str()).is_some() => false,
                SaleOf::Order(name) => match archive.order(&keys::order_name(name.as_str()))? {
                    Some(order) => {
                        let rows = self.sales_of(&order)?;
                        has_all(&state.catalogue, order, rows, &groups)
                    }
                    None => false,
                },
                SaleOf::Return(name) if state.own.returns.named(name.as_str()).is_some() => false,
                SaleOf::Return(name) => match archive.returned(&keys::return_name(name.as_str()))? {
                    Some(back) => {
                        let rows = self.sales_of_return(&back)?;
                        has_all_of_return(&state.catalogue, back, rows, &groups)
                    }
                    None => false,
                },
            };
            if is_unchanged {
                unchanged.insert(of.clone());
            }
        }
        let before = sales.len();
        sales.groups.retain(|group| !unchanged.contains(&group.of));
        Ok((before - sales.len()) as u64)
    }

    /// Brings the orders and returns of imported rows into memory, and notes what the archive has of their rows. May read
    /// the disk.
    ///
    /// # Errors
    /// The archive is unreadable, or no writes are accepted.
    pub fn recall_sales(&self, sales: &mut Sales) -> Result<(), RecallError> {
        sales.archived.seen = self.state().own.archive.last();
        if self.archived().is_none() {
            return Ok(());
        }
        let all: Vec<SaleOf> = sales.groups.iter().map(|group| group.of.clone()).collect();
        // What the first command brought may leave before the last one: the earliest record counts.
        for (nth, part) in all.chunks(RECALLED_AT_ONCE).enumerate() {
            let mut needed = Needed::default();
            for of in part {
                match of {
                    SaleOf::Order(name) => needed.orders.push(name.clone()),
                    SaleOf::Return(name) => needed.returns.push(name.clone()),
                }
            }
            let seen = self.recall_needed(&needed)?;
            sales.archived.seen = if nth == 0 { seen } else { seen.min(sales.archived.seen) };
        }
        let own = &self.state().own;
        for of in all {
            let rows = match &of {
                SaleOf::Order(name) => own.orders.named(name.as_str()).map(|order| self.sales_of(&order)),
                SaleOf::Return(name) => own.returns.named(name.as_str()).map(|back| self.sales_of_return(&back)),
            };
            if let Some(rows) = rows {
                sales.archived.rows.insert(of, rows.map_err(RecallError::Unreadable)?);
            }
        }
        Ok(())
    }
}
