//! Rows: what a SKU costs in a list, from when to when.

use serde::{Deserialize, Serialize};

use super::list::{BASE, Currency, KEPT_MS, ListId, WINDOW_MS};
use crate::ids::{Name, Seq, Timestamp};

/// Rows of a SKU that are in force or to come.
pub const ROWS_MAX: usize = 200;

/// Rows of a SKU that are kept beside them: those that ended last.
const FORMER_MAX: usize = 1000;

/// The highest amount, in minor units.
pub const AMOUNT_MAX: u64 = 1_000_000_000_000;

/// What identifies a row of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowKey {
    /// The list.
    pub list: ListId,
    /// Of `base` its own; of any other that of the list.
    pub currency: Currency,
    /// Only through this channel; of `base` alone.
    pub channel: Option<Name>,
    /// Only at this location; of `base` alone.
    pub location: Option<Name>,
    /// From so many units on.
    pub min_quantity: u32,
    /// From when on it holds; from when it is set, if nothing is said.
    pub starts_at: Option<Timestamp>,
}

impl RowKey {
    /// One of `base`, for everybody.
    pub fn base(currency: Currency) -> Self {
        Self { list: BASE, currency, channel: None, location: None, min_quantity: 1, starts_at: None }
    }

    /// Whether it is a row as there were before there were lists.
    pub(super) fn is_plain(&self) -> bool {
        self.list == BASE && self.min_quantity == 1 && self.starts_at.is_none()
    }
}

/// A row is set, or taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowSet {
    /// Which.
    pub key: RowKey,
    /// The amount and until when it holds; none where the row is taken out.
    pub value: Option<(u64, Option<Timestamp>)>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What identifies it among those that were not taken out.
    pub key: RowKey,
    /// In minor units.
    pub amount: u64,
    /// Until when it holds, that moment excluded.
    pub ends_at: Option<Timestamp>,
    /// From when on it really holds: not before what it takes the place of ended.
    pub from: Timestamp,
    /// When it was taken out, or another took its place.
    pub until: Option<Timestamp>,
}

impl Row {
    /// When it ends, as far as is known.
    #[inline]
    pub fn end(&self) -> Timestamp {
        let (ends_at, until) = (self.ends_at.unwrap_or(Timestamp(u64::MAX)), self.until.unwrap_or(Timestamp(u64::MAX)));
        ends_at.min(until)
    }

    /// Whether it is in force at `at`.
    #[inline]
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.end()
    }

    /// Whether it is in force at `now`, or to come.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.end()
    }

    /// Whether it was not taken out, and no other took its place.
    pub fn is_set(&self) -> bool {
        self.until.is_none()
    }
}

/// What is kept of the prices of a SKU.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuPrices {
    /// The `seq` of the last change of its rows.
    pub version: Seq,
    /// By key, then by when each holds.
    pub rows: Vec<Row>,
}

impl SkuPrices {
    /// Where the row of a key is that was not taken out.
    fn position(&self, key: &RowKey) -> Option<usize> {
        let from = self.rows.partition_point(|row| row.key < *key);
        let same = self.rows.iter().enumerate().skip(from).take_while(|(_, row)| row.key == *key);
        same.filter(|(_, row)| row.is_set()).map(|(at, _)| at).last()
    }

    /// The row of a key that was not taken out.
    pub fn get(&self, key: &RowKey) -> Option<&Row> {
        self.rows.get(self.position(key)?)
    }

    /// Rows in force at `now`, or to come.
    pub fn live(&self, now: Timestamp) -> usize {
        self.rows.iter().filter(|row| row.is_live(now)).count()
    }

    /// Sets a row, or takes it out, at `now`.
    pub(super) fn set(&mut self, now: Timestamp, set: &RowSet) {
        let known = self.position(&set.key);
        let Some((amount, ends_at)) = set.value else {
            if let Some(at) = known {
                self.close(at, now);
            }
            return;
        };
        if let Some(row) = known.and_then(|at| self.rows.get_mut(at))
            && row.amount == amount
            && (row.ends_at == ends_at || row.is_live(now))
        {
            row.ends_at = ends_at;
            return;
        }
        let replaces = known.is_some_and(|at| self.close(at, now));
        let from = self.rows.partition_point(|row| row.key < set.key);
        let same = self.rows.iter().skip(from).take_while(|row| row.key == set.key);
        let free = same.map(Row::end).max().unwrap_or_default();
        let begins = set.key.starts_at.unwrap_or(now).max(free);
        let begins = if replaces { begins.max(now) } else { begins };
        let behind = self.rows.partition_point(|row| row.key <= set.key);
        self.rows.insert(behind, Row { key: set.key.clone(), amount, ends_at, from: begins, until: None });
    }

    /// Ends a row at `now`, if it had not ended; whether it was in force. One that never was leaves nothing.
    fn close(&mut self, at: usize, now: Timestamp) -> bool {
        let Some(row) = self.rows.get_mut(at) else { return false };
        let was_in_force = row.is_in_force(now);
        let end = row.end().min(now);
        if end <= row.from {
            self.rows.remove(at);
        } else {
            row.until = Some(end);
        }
        was_in_force
    }

    /// Forgets rows that ended up to `until`.
    pub(super) fn forget(&mut self, until: Timestamp) {
        self.rows.retain(|row| row.end() > until);
    }

    /// Up to when rows that ended may be forgotten at `now`: what ended in the last 60 days is kept, and what a reduction that
    /// goes on is compared with, but for what is more than 1,000 rows.
    pub(super) fn forgettable(&self, now: Timestamp, is_sale: impl Fn(ListId) -> bool) -> Timestamp {
        let mut kept = Timestamp(now.0.saturating_sub(KEPT_MS));
        let sales = || self.rows.iter().filter(|row| is_sale(row.key.list));
        let mut began = sales().filter(|row| row.is_in_force(now)).map(|row| row.from).min();
        // Bounded by the rows: each turn finds an earlier step.
        while let Some(first) = began {
            let earlier = sales().filter(|row| row.from < first && first <= row.end()).map(|row| row.from).min();
            if earlier.is_none() {
                break;
            }
            began = earlier;
        }
        if let Some(began) = began {
            kept = kept.min(Timestamp(began.0.saturating_sub(WINDOW_MS)));
        }
        let mut ended: Vec<_> = self.rows.iter().map(Row::end).filter(|end| *end <= now).collect();
        if let Some(surplus) = ended.len().checked_sub(FORMER_MAX).filter(|surplus| *surplus > 0) {
            ended.sort_unstable();
            kept = kept.max(ended.get(surplus - 1).copied().unwrap_or_default());
        }
        kept
    }

    /// When the first of its rows may be forgotten.
    pub(super) fn forget_at(&self) -> Option<Timestamp> {
        let ends = self.rows.iter().map(Row::end).filter(|end| end.0 < u64::MAX);
        ends.min().map(|end| Timestamp(end.0.saturating_add(KEPT_MS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(starts_at: Option<u64>) -> RowKey {
        RowKey { starts_at: starts_at.map(Timestamp), ..RowKey::base(Currency(*b"EUR")) }
    }

    fn set(prices: &mut SkuPrices, now: u64, key: RowKey, value: Option<(u64, Option<u64>)>) {
        let value = value.map(|(amount, end)| (amount, end.map(Timestamp)));
        prices.set(Timestamp(now), &RowSet { key, value });
    }

    fn held(prices: &SkuPrices) -> Vec<(u64, u64, u64)> {
        prices.rows.iter().map(|row| (row.amount, row.from.0, row.end().0)).collect()
    }

    #[test]
    fn what_takes_the_place_of_a_row_begins_where_that_ends() {
        let mut prices = SkuPrices::default();
        set(&mut prices, 10, eur(None), Some((100, None)));
        set(&mut prices, 20, eur(None), Some((80, Some(30))));
        set(&mut prices, 25, eur(None), Some((80, Some(40))));
        set(&mut prices, 50, eur(None), Some((100, None)));
        set(&mut prices, 60, eur(None), None);
        assert_eq!(held(&prices), [(100, 10, 20), (80, 20, 40), (100, 50, 60)]);
        set(&mut prices, 70, eur(None), Some((90, None)));
        assert_eq!(prices.get(&eur(None)).map(|row| (row.amount, row.from.0)), Some((90, 70)));
        prices.forget(Timestamp(40));
        assert_eq!(prices.rows.len(), 2);
    }

    #[test]
    fn a_row_that_is_told_of_a_time_before_holds_from_then_unless_another_did() {
        let mut prices = SkuPrices::default();
        set(&mut prices, 100, eur(Some(50)), Some((100, None)));
        assert_eq!(held(&prices), [(100, 50, u64::MAX)]);
        set(&mut prices, 120, eur(Some(50)), Some((90, None)));
        assert_eq!(held(&prices), [(100, 50, 120), (90, 120, u64::MAX)]);
        set(&mut prices, 130, eur(Some(200)), Some((70, None)));
        set(&mut prices, 140, eur(Some(200)), None);
        assert_eq!(prices.rows.len(), 2, "what never was in force leaves nothing");
    }
}
