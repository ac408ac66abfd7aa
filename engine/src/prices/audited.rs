//! What the auditor keeps of prices, by itself.

use std::collections::BTreeMap;

use super::list::{BASE, Currency, ListId};
use super::row::{RowKey, SkuPrices};
use crate::ids::{Name, SkuId, Timestamp};
use crate::state::DurableState;

/// The rows of a SKU that were set and not taken out: amount and end.
pub(super) type Rows = BTreeMap<RowKey, (u64, Option<Timestamp>)>;

/// A list as the auditor keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuditedList {
    pub name: Name,
    pub currency: Currency,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub in_force: bool,
}

/// What the auditor knows of prices.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    pub(super) rows: BTreeMap<SkuId, Rows>,
    pub(super) lists: BTreeMap<ListId, AuditedList>,
}

impl Audit {
    /// Starts from what a checkpoint says.
    pub fn start_from(&mut self, state: &DurableState) {
        let store = &state.own.prices;
        self.lists = lists_now(state);
        for sku in (0..store.skus()).map(SkuId) {
            if let Some(prices) = store.look(sku).as_deref() {
                self.rows.insert(sku, self.rows_of(prices));
            }
        }
        self.rows.retain(|_, rows| !rows.is_empty());
    }

    /// SKUs are no more.
    pub fn retired(&mut self, skus: &[(SkuId, Name)]) {
        skus.iter().for_each(|(sku, _)| drop(self.rows.remove(sku)));
    }

    fn rows_of(&self, prices: &SkuPrices) -> Rows {
        let rows = prices.rows.iter().filter(|row| row.is_set());
        let there = rows.filter(|row| row.key.list == BASE || self.lists.contains_key(&row.key.list));
        there.map(|row| (row.key.clone(), (row.amount, row.ends_at))).collect()
    }

    /// Compares with what the engine's own fold of the log holds.
    ///
    /// # Errors
    /// The list or the SKU that differs.
    pub fn compare(&self, state: &DurableState) -> Result<(), String> {
        if lists_now(state) != self.lists {
            return Err("memory and log disagree on price lists".into());
        }
        let store = &state.own.prices;
        for sku in (0..store.skus()).map(SkuId) {
            let here = store.look(sku).as_deref().map(|prices| self.rows_of(prices)).unwrap_or_default();
            if here != self.rows.get(&sku).cloned().unwrap_or_default() {
                return Err(format!("memory and log disagree on the prices of SKU {}", state.catalogue.skus.name(sku)));
            }
        }
        Ok(())
    }
}

fn lists_now(state: &DurableState) -> BTreeMap<ListId, AuditedList> {
    let all = state.own.prices.lists(None, usize::MAX);
    let list = |standing: &super::list::ListStanding| {
        let list = standing.list.as_ref()?;
        let (currency, starts_at, ends_at) = (list.currency, list.starts_at, list.ends_at);
        let name = standing.name.clone();
        Some((standing.id, AuditedList { name, currency, starts_at, ends_at, in_force: standing.in_force }))
    };
    all.iter().filter_map(|standing| list(standing)).collect()
}
