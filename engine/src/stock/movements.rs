//! Movements after a cell's last count, so that a late count is still exact.
//!
//! A count states the quantity at `counted_at`. Later events stay in force, so the books at that time are today's minus
//! all movements since. Only movements after the last count matter; a limited number is stored per cell, for a limited
//! time. A count that would need dropped movements is refused instead of guessed.
//!
//! A movement has two positions: the time when it happened, and the record that reported it. A count is true at a time,
//! and uses the first. An export shows the books as of a record, and uses the second: later reports stay in force,
//! whenever they happened.

use dashmap::DashMap;
use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Seq, SkuId, Timestamp};

/// Movements stored per cell. If more happen between two counts, the older half is dropped.
pub const MOVEMENTS_PER_CELL_MAX: usize = 1024;

/// One movement, in 16 bytes.
///
/// ```text
///  when   u64   occurred at (42 bits, ms) | high bits of the seq (22)
///  what   u64   units, signed (32)        | low bits of the seq (32)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Moved {
    when: u64,
    what: u64,
}

impl Moved {
    fn new(at: Timestamp, change: i32, seq: Seq) -> Self {
        let at = at.min(Timestamp::MAX);
        let (high, low) = ((seq >> 32) & ((1 << 22) - 1), seq & u64::from(u32::MAX));
        Self { when: (at.0 << 22) | high, what: (u64::from(change.cast_unsigned()) << 32) | low }
    }

    fn at(self) -> Timestamp {
        Timestamp(self.when >> 22)
    }

    fn change(self) -> i64 {
        i64::from(((self.what >> 32) as u32).cast_signed())
    }

    fn seq(self) -> Seq {
        ((self.when & ((1 << 22) - 1)) << 32) | (self.what & u64::from(u32::MAX))
    }
}

/// The movements of one cell since its last count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// The last record and row that is included.
    version: (Seq, u32),
    /// Movements that happened up to here were dropped, and no later ones.
    kept_after: Timestamp,
    /// Movements that were reported up to this record were dropped, and no later ones.
    told_after: Seq,
    moved: Vec<Moved>,
}

/// The same in checkpoints of formats 1 to 4: the records are unknown.
#[derive(Debug, Serialize, Deserialize)]
pub struct RecentV1 {
    version: (Seq, u32),
    kept_after: Timestamp,
    moved: Vec<(Timestamp, i64)>,
}

impl From<RecentV1> for Recent {
    fn from(RecentV1 { version, kept_after, moved }: RecentV1) -> Self {
        // All were reported up to the last included record; before that, it is unknown.
        let (seq, _) = version;
        let entry = |(at, change): (Timestamp, i64)| {
            let units = change.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
            Moved::new(at, units, seq)
        };
        let told_after = if moved.is_empty() && kept_after == Timestamp(0) { 0 } else { seq };
        Self { version, kept_after, told_after, moved: moved.into_iter().map(entry).collect() }
    }
}

impl Recent {
    /// The movements after `time`; `None` if they are no longer known.
    pub fn since(&self, time: Timestamp) -> Option<i64> {
        (time >= self.kept_after).then(|| self.sum(|moved| moved.at() > time))
    }

    /// The movements that were reported after record `seq`; `None` if they are no longer known.
    pub fn told_since(&self, seq: Seq) -> Option<i64> {
        (seq >= self.told_after).then(|| self.sum(|moved| moved.seq() > seq))
    }

    fn sum(&self, counts: impl Fn(&Moved) -> bool) -> i64 {
        self.moved.iter().filter(|moved| counts(moved)).map(|moved| moved.change()).sum()
    }

    fn push(&mut self, version: (Seq, u32), at: Timestamp, change: i64) {
        if version <= self.version {
            return;
        }
        self.version = version;
        // One entry holds 32 bits; only a correction may be larger.
        let mut left = change;
        while left != 0 {
            let units = left.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
            self.moved.push(Moved::new(at, units, version.0));
            left -= i64::from(units);
        }
        if self.moved.len() > MOVEMENTS_PER_CELL_MAX {
            let mut times: Vec<_> = self.moved.iter().map(|moved| moved.at()).collect();
            times.sort_unstable();
            let half = times.get(times.len() / 2).copied().unwrap_or_default();
            self.let_go(half);
        }
    }

    fn let_go(&mut self, until: Timestamp) {
        let (kept_after, told_after) = (&mut self.kept_after, &mut self.told_after);
        self.moved.retain(|moved| {
            let stays = moved.at() > until;
            if !stays {
                *kept_after = (*kept_after).max(moved.at());
                *told_after = (*told_after).max(moved.seq());
            }
            stays
        });
    }
}

/// The movements of all cells. Only the journal thread writes.
#[derive(Debug, Default)]
pub struct RecentMovements {
    cells: DashMap<(SkuId, LocationId), Recent, foldhash::fast::RandomState>,
}

impl RecentMovements {
    /// The movements of a cell after `time`; `None` if they are no longer known.
    pub fn since(&self, sku: SkuId, location: LocationId, time: Timestamp) -> Option<i64> {
        self.cells.get(&(sku, location)).map_or(Some(0), |recent| recent.since(time))
    }

    /// The movements of a cell that were reported after record `seq`; `None` if they are no longer known.
    pub fn told_since(&self, sku: SkuId, location: LocationId, seq: Seq) -> Option<i64> {
        self.cells.get(&(sku, location)).map_or(Some(0), |recent| recent.told_since(seq))
    }

    /// Journal thread only: adds a movement.
    pub(crate) fn fold_moved(&self, sku: SkuId, location: LocationId, version: (Seq, u32), at: Timestamp, change: i64) {
        self.cells.entry((sku, location)).or_default().push(version, at, change);
    }

    /// Journal thread only: a count is in force, so earlier movements no longer matter.
    #[inline]
    pub(crate) fn fold_counted(&self, sku: SkuId, location: LocationId, counted_at: Timestamp) {
        if let Some(mut recent) = self.cells.get_mut(&(sku, location)) {
            recent.moved.retain(|moved| moved.at() > counted_at);
        }
    }

    /// Journal thread only: from record `seq` on, `tracked` of a cell differs, so earlier reports no longer matter.
    pub(crate) fn fold_begun(&self, sku: SkuId, location: LocationId, seq: Seq) {
        if let Some(mut recent) = self.cells.get_mut(&(sku, location)) {
            recent.moved.retain(|moved| moved.seq() > seq);
        }
    }

    /// Journal thread only: a count corrected one of the same time. An earlier export is corrected, too.
    #[inline]
    pub(crate) fn fold_recounted(
        &self,
        sku: SkuId,
        location: LocationId,
        version: (Seq, u32),
        at: Timestamp,
        change: i64,
    ) {
        self.fold_counted(sku, location, at);
        if change != 0 {
            self.fold_moved(sku, location, version, at, change);
        }
    }

    /// Drops movements from before `before`. A cell remembers that some were dropped.
    pub(crate) fn let_go(&self, before: Timestamp) {
        self.cells.alter_all(|_, mut recent| {
            recent.let_go(before);
            recent
        });
    }

    /// A copy of all movements, for a checkpoint.
    pub(crate) fn copy(&self) -> Vec<((SkuId, LocationId), Recent)> {
        self.cells.iter().map(|entry| (*entry.key(), entry.value().clone())).collect()
    }

    /// Restores movements from a checkpoint.
    pub(crate) fn restore(&self, sku: SkuId, location: LocationId, recent: Recent) {
        self.cells.insert((sku, location), recent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_let_go_is_refused_not_guessed() {
        let mut recent = Recent::default();
        for n in 1..=MOVEMENTS_PER_CELL_MAX as u64 + 1 {
            recent.push((n, 0), Timestamp(n * 10), 1);
        }
        assert_eq!(recent.since(Timestamp(0)), None);
        assert_eq!(recent.told_since(0), None);
        assert_eq!(recent.since(Timestamp(MOVEMENTS_PER_CELL_MAX as u64 * 10)), Some(1));
        assert_eq!(recent.told_since(MOVEMENTS_PER_CELL_MAX as u64), Some(1));
    }

    #[test]
    fn what_is_still_known_is_told_although_something_was_let_go() {
        let mut recent = Recent::default();
        recent.push((1, 0), Timestamp(10), -1);
        recent.push((2, 0), Timestamp(90), -2);
        recent.let_go(Timestamp(50));
        assert_eq!(recent.since(Timestamp(9)), None);
        assert_eq!(recent.since(Timestamp(10)), Some(-2), "nothing after the tenth was let go");
        assert_eq!((recent.told_since(0), recent.told_since(1)), (None, Some(-2)));
    }

    #[test]
    fn a_record_that_a_checkpoint_knows_counts_once() {
        let mut recent = Recent::default();
        recent.push((5, 0), Timestamp(1), -2);
        recent.push((5, 1), Timestamp(1), -2);
        recent.push((5, 0), Timestamp(1), -2);
        assert_eq!(recent.since(Timestamp(0)), Some(-4));
    }

    proptest! {
        #[test]
        fn an_entry_says_what_was_put_into_it(at in 0..1_u64 << 42, change: i32, seq in 0..1_u64 << 54) {
            let moved = Moved::new(Timestamp(at), change, seq);
            prop_assert_eq!((moved.at(), moved.change(), moved.seq()), (Timestamp(at), i64::from(change), seq));
        }
    }
}
