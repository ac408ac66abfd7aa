//! Rates of sale: units per day that each cell sold or handed over, with more weight on recent days.
//!
//! The weight of each unit halves every two weeks, scaled so that a cell that sells `n` units a day has a rate of `n`.
//! The rate is one number per cell, which changes with a sale and is read on demand.

pub mod command;
pub(crate) mod decide;
pub mod event;
pub(crate) mod frames;
pub mod lost;
pub mod lost_demand;
pub(crate) mod refused;

use dashmap::DashMap;
use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Seq, SkuId, Timestamp};

/// The half-life of a unit's weight.
const HALF_LIFE_DAYS: f64 = 14.0;

const DAY_MS: f64 = 86_400_000.0;

/// The rate of one cell at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The record of the last change, and its row.
    pub last: (Seq, u32),
    /// The time of the last change.
    pub at: Timestamp,
    /// Units per day at that time.
    pub per_day: f32,
}

impl Rate {
    /// Units per day at `now`.
    pub fn at(&self, now: Timestamp) -> f64 {
        let days = now.since_ms(self.at) as f64 / DAY_MS;
        f64::from(self.per_day) * (-days / HALF_LIFE_DAYS).exp2()
    }
}

/// The rates of all cells that ever sold.
#[derive(Debug, Default)]
pub struct DemandRates(DashMap<(SkuId, LocationId), Rate, foldhash::fast::RandomState>);

impl DemandRates {
    /// Units of a cell sold per day, at `now`.
    pub fn per_day(&self, sku: SkuId, location: LocationId, now: Timestamp) -> f64 {
        self.0.get(&(sku, location)).map_or(0.0, |rate| rate.at(now))
    }

    /// The last rate of a cell; `None` if it never sold.
    pub fn get(&self, sku: SkuId, location: LocationId) -> Option<Rate> {
        self.0.get(&(sku, location)).map(|rate| *rate)
    }

    /// Journal thread only, inside a fold: adds a sale.
    pub(crate) fn fold_sold(&self, sku: SkuId, location: LocationId, row: (Seq, u32), at: Timestamp, units: u32) {
        let mut rate = self.0.entry((sku, location)).or_insert(Rate { last: (0, 0), at, per_day: 0.0 });
        // A change that the checkpoint contains is not counted again.
        if rate.last < row {
            let per_day = rate.at(at) + f64::from(units) * std::f64::consts::LN_2 / HALF_LIFE_DAYS;
            *rate = Rate { last: row, at, per_day: per_day as f32 };
        }
    }

    /// All rates, for a checkpoint.
    pub fn copy(&self) -> Vec<((SkuId, LocationId), Rate)> {
        let mut rates: Vec<_> = self.0.iter().map(|rate| (*rate.key(), *rate.value())).collect();
        rates.sort_unstable_by_key(|(cell, _)| *cell);
        rates
    }

    /// Restores rates from a checkpoint.
    pub(crate) fn restore(&self, sku: SkuId, location: LocationId, rate: Rate) {
        self.0.insert((sku, location), rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: (SkuId, LocationId) = (SkuId(0), LocationId(0));

    fn sell_daily(rates: &DemandRates, days: u64, units: u32) -> Timestamp {
        for day in 0..days {
            rates.fold_sold(CELL.0, CELL.1, (day + 1, 0), Timestamp(day * DAY_MS as u64), units);
        }
        Timestamp(days * DAY_MS as u64)
    }

    #[test]
    fn a_steady_cell_comes_to_what_it_sells_a_day_and_halves_in_two_weeks() {
        let rates = DemandRates::default();
        let now = sell_daily(&rates, 365, 6);
        let rate = rates.per_day(CELL.0, CELL.1, now);
        assert!((5.7..6.3).contains(&rate), "{rate}");
        let later = rates.per_day(CELL.0, CELL.1, Timestamp(now.0 + 14 * DAY_MS as u64));
        assert!((later - rate / 2.0).abs() < 0.01, "{later}");
    }

    #[test]
    fn what_a_checkpoint_knows_is_not_counted_twice() {
        let (first, second) = (DemandRates::default(), DemandRates::default());
        let now = sell_daily(&first, 10, 1);
        first.copy().into_iter().for_each(|((sku, location), rate)| second.restore(sku, location, rate));
        sell_daily(&second, 9, 1);
        assert_eq!(first.per_day(CELL.0, CELL.1, now), second.per_day(CELL.0, CELL.1, now));
    }
}
