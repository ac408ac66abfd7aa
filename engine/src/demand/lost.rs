//! Refused demand, added up until it is logged.
//!
//! A refusal changes nothing, so it is not an event. But what-if must know what was requested, so refused lines are
//! added up in memory and logged periodically. A crash loses what was not logged yet.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::demand::lost_demand::LostDemand;
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::reservations::promise::Purpose;

/// The number of rows that are logged soon, without the usual wait.
const MANY: usize = 1000;

/// The maximum number of rows while nothing can be logged; further rows are dropped.
const ROWS_MAX: usize = 100_000;

/// Rows per record.
const ROWS_PER_RECORD: usize = 1000;

/// SKU, location, group, channel, and purpose.
type Key = (SkuId, Option<LocationId>, Option<GroupId>, ChannelId, Purpose);

/// Refused demand since the last record.
#[derive(Debug, Default)]
pub struct Lost {
    rows: Mutex<FxHashMap<Key, (u32, u64)>>,
    count: AtomicUsize,
    /// Whether collection is off.
    is_off: AtomicBool,
}

impl Lost {
    /// Whether nothing is collected.
    pub fn is_empty(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// Whether so much is collected that it should be logged soon.
    pub fn is_many(&self) -> bool {
        self.count.load(Relaxed) >= MANY
    }

    /// Turns collection off.
    pub(crate) fn turn_off(&self) {
        self.is_off.store(true, Relaxed);
    }

    /// Adds refused lines of a request through a channel, for a purpose: SKU, location, group, units.
    pub fn add(
        &self,
        channel: ChannelId,
        purpose: Purpose,
        lines: impl Iterator<Item = (SkuId, Option<LocationId>, Option<GroupId>, u32)>,
    ) {
        if self.is_off.load(Relaxed) {
            return;
        }
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        for (sku, location, group, units) in lines {
            let key = (sku, location, group, channel, purpose);
            if rows.len() >= ROWS_MAX && !rows.contains_key(&key) {
                continue;
            }
            let (requests, all) = rows.entry(key).or_default();
            *requests = requests.saturating_add(1);
            *all += u64::from(units);
        }
        self.count.store(rows.len(), Relaxed);
    }

    /// The channels of the collected rows, with repetitions. At most [`ROWS_MAX`].
    pub(crate) fn channels(&self) -> Vec<ChannelId> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.keys().map(|(_, _, _, channel, _)| *channel).collect()
    }

    /// Takes the collected rows, record by record.
    pub(crate) fn take(&self) -> Vec<Vec<(Purpose, LostDemand)>> {
        let rows = {
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            self.count.store(0, Relaxed);
            std::mem::take(&mut *rows)
        };
        let row = |((sku, location, group, channel, purpose), (requests, units)): (Key, (u32, u64))| {
            let is_order = purpose != Purpose::Cart;
            (purpose, LostDemand { sku, location, group, channel, is_order, requests, units })
        };
        let mut all: Vec<_> = rows.into_iter().map(row).collect();
        all.sort_unstable_by_key(|(purpose, row)| (row.sku, row.location, row.group, row.channel, *purpose));
        all.chunks(ROWS_PER_RECORD).map(<[_]>::to_vec).collect()
    }
}
