//! What moved after a cell was last counted, so that a count that comes late is still exact.
//!
//! A count says what was there at `counted_at`. What happened after that stays in force, so the books' figure for that
//! moment is today's less all that moved since. Only movements after the last count matter, only so many are kept a cell,
//! and only for so long; a count from before what is kept is refused rather than guessed.

use dashmap::DashMap;
use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Seq, SkuId, Timestamp};

/// Movements kept a cell. Where more happen between two counts, the oldest half is let go.
pub const MOVEMENTS_PER_CELL_MAX: usize = 1024;

/// The movements of one cell since its last count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// The last record and row that is in.
    version: (Seq, u32),
    /// Movements up to here were let go.
    kept_after: Timestamp,
    moved: Vec<(Timestamp, i64)>,
}

impl Recent {
    /// What moved after `time`; `None` where that is no longer known.
    pub fn since(&self, time: Timestamp) -> Option<i64> {
        if time < self.kept_after {
            return None;
        }
        Some(self.moved.iter().filter(|(at, _)| *at > time).map(|(_, change)| change).sum())
    }

    fn push(&mut self, version: (Seq, u32), at: Timestamp, change: i64) {
        if version <= self.version {
            return;
        }
        self.version = version;
        self.moved.push((at, change));
        if self.moved.len() > MOVEMENTS_PER_CELL_MAX {
            let mut times: Vec<_> = self.moved.iter().map(|(at, _)| *at).collect();
            times.sort_unstable();
            let half = times.get(times.len() / 2).copied().unwrap_or_default();
            self.let_go(half);
        }
    }

    fn let_go(&mut self, until: Timestamp) {
        let before = self.moved.len();
        self.moved.retain(|(at, _)| *at > until);
        if self.moved.len() < before {
            self.kept_after = self.kept_after.max(until);
        }
    }
}

/// The movements of all cells. The journal thread alone writes.
#[derive(Debug, Default)]
pub struct RecentMovements {
    cells: DashMap<(SkuId, LocationId), Recent, foldhash::fast::RandomState>,
}

impl RecentMovements {
    /// What moved in a cell after `time`; `None` where that is no longer known.
    pub fn since(&self, sku: SkuId, location: LocationId, time: Timestamp) -> Option<i64> {
        self.cells.get(&(sku, location)).map_or(Some(0), |recent| recent.since(time))
    }

    /// Journal thread only: something moved.
    pub(crate) fn fold_moved(&self, sku: SkuId, location: LocationId, version: (Seq, u32), at: Timestamp, change: i64) {
        self.cells.entry((sku, location)).or_default().push(version, at, change);
    }

    /// Journal thread only: a count is in force, so nothing before it matters any more.
    pub(crate) fn fold_counted(&self, sku: SkuId, location: LocationId, counted_at: Timestamp) {
        if let Some(mut recent) = self.cells.get_mut(&(sku, location)) {
            recent.moved.retain(|(at, _)| *at > counted_at);
        }
    }

    /// Lets go of what happened before `before`. A cell remembers that something was let go.
    pub(crate) fn let_go(&self, before: Timestamp) {
        self.cells.alter_all(|_, mut recent| {
            recent.let_go(before);
            recent
        });
    }

    /// A copy of everything, for an image.
    pub(crate) fn copy(&self) -> Vec<((SkuId, LocationId), Recent)> {
        self.cells.iter().map(|entry| (*entry.key(), entry.value().clone())).collect()
    }

    /// Puts back what an image holds.
    pub(crate) fn restore(&self, sku: SkuId, location: LocationId, recent: Recent) {
        self.cells.insert((sku, location), recent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_let_go_is_refused_not_guessed() {
        let mut recent = Recent::default();
        for n in 1..=MOVEMENTS_PER_CELL_MAX as u64 + 1 {
            recent.push((n, 0), Timestamp(n * 10), 1);
        }
        assert_eq!(recent.since(Timestamp(0)), None);
        assert_eq!(recent.since(Timestamp(MOVEMENTS_PER_CELL_MAX as u64 * 10)), Some(1));
    }

    #[test]
    fn a_record_that_an_image_knows_counts_once() {
        let mut recent = Recent::default();
        recent.push((5, 0), Timestamp(1), -2);
        recent.push((5, 1), Timestamp(1), -2);
        recent.push((5, 0), Timestamp(1), -2);
        assert_eq!(recent.since(Timestamp(0)), Some(-4));
    }
}
