//! What was asked for and refused, added up until it is noted in the log.
//!
//! A refusal changes nothing, so it is no event. But whoever asks what other rules would have sold must know what was
//! asked for, so refused lines are added up in memory and noted once in a while. A crash loses what was not noted yet.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::command::{Failure, NameRef, Refusal, Reserve};
use crate::event::LostDemand;
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::state::State;

/// Rows that are noted at once, without waiting.
const MANY: usize = 1000;

/// Rows that are kept while nothing can be noted; what is beyond is not counted.
const ROWS_MAX: usize = 100_000;

/// Rows in one record.
const ROWS_PER_RECORD: usize = 1000;

type Key = (SkuId, Option<LocationId>, Option<GroupId>, ChannelId);

/// What was refused since it was last noted.
#[derive(Debug, Default)]
pub struct Lost {
    rows: Mutex<FxHashMap<Key, (u32, u64)>>,
    count: AtomicUsize,
}

impl Lost {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// Whether there is so much that it should be noted now.
    pub fn is_many(&self) -> bool {
        self.count.load(Relaxed) >= MANY
    }

    /// Units were asked for and refused.
    pub fn add(
        &self,
        sku: SkuId,
        location: Option<LocationId>,
        group: Option<GroupId>,
        channel: ChannelId,
        units: u32,
    ) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (sku, location, group, channel);
        if rows.len() >= ROWS_MAX && !rows.contains_key(&key) {
            return;
        }
        let (requests, all) = rows.entry(key).or_default();
        *requests = requests.saturating_add(1);
        *all += u64::from(units);
        self.count.store(rows.len(), Relaxed);
    }

    /// Hands it over, record by record.
    pub(crate) fn take(&self) -> Vec<Vec<LostDemand>> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |((sku, location, group, channel), (requests, units)): (Key, (u32, u64))| LostDemand {
            sku,
            location,
            group,
            channel,
            requests,
            units,
        };
        let mut all: Vec<_> = rows.drain().map(row).collect();
        self.count.store(0, Relaxed);
        all.sort_unstable_by_key(|row| (row.sku, row.location, row.group, row.channel));
        all.chunks(ROWS_PER_RECORD).map(<[LostDemand]>::to_vec).collect()
    }
}

impl State {
    /// A promise was refused for want of stock: every line of it is lost.
    pub(crate) fn note_refused(&self, reserve: &Reserve, failure: &Failure) {
        let Failure::Refused(Refusal::Insufficient(_)) = failure else { return };
        let channel = match &reserve.channel {
            NameRef::Known(channel) => Some(*channel),
            NameRef::New(name) => self.catalogue.channels.id(name.as_str()),
        };
        // One that nobody knows yet has no id to be counted under; what is only tried is not lost.
        let Some(channel) = channel.filter(|_| !reserve.is_attempt) else { return };
        for line in &reserve.lines {
            self.lost.add(line.sku, Some(line.location), None, channel, line.quantity);
        }
        for line in &reserve.group_lines {
            self.lost.add(line.sku, None, Some(line.group), channel, line.quantity);
        }
    }
}
