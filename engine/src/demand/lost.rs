//! What was asked for and refused, added up until it is noted in the log.
//!
//! A refusal changes nothing, so it is no event. But whoever asks what other rules would have sold must know what was
//! asked for, so refused lines are added up in memory and noted once in a while. A crash loses what was not noted yet.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::demand::lost_demand::LostDemand;
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::reservations::promise::Purpose;

/// Rows that are noted soon, without waiting for long.
const MANY: usize = 1000;

/// Rows that are kept while nothing can be noted; what is beyond is not counted.
const ROWS_MAX: usize = 100_000;

/// Rows in one record.
const ROWS_PER_RECORD: usize = 1000;

/// SKU, location, group, channel, and for what it was asked.
type Key = (SkuId, Option<LocationId>, Option<GroupId>, ChannelId, Purpose);

/// What was refused since it was last noted.
#[derive(Debug, Default)]
pub struct Lost {
    rows: Mutex<FxHashMap<Key, (u32, u64)>>,
    count: AtomicUsize,
    /// Whether nobody wants to know.
    is_off: AtomicBool,
}

impl Lost {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// Whether there is so much that it should be noted soon.
    pub fn is_many(&self) -> bool {
        self.count.load(Relaxed) >= MANY
    }

    /// Nobody wants to know.
    pub(crate) fn turn_off(&self) {
        self.is_off.store(true, Relaxed);
    }

    /// Lines were asked for through a channel, for a purpose, and refused: SKU, location, group, units.
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

    /// The channels through which it was asked for, each as often as it comes. At most [`ROWS_MAX`] of them.
    pub(crate) fn channels(&self) -> Vec<ChannelId> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.keys().map(|(_, _, _, channel, _)| *channel).collect()
    }

    /// Hands it over, record by record.
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
