//! The pending changes of a subscription.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use rustc_hash::FxHashMap;

use crate::feed::change::Change;
use crate::feed::counters::Counters;
use crate::feed::entry::Moving;
use crate::feed::filter::CellKey;
use crate::feed::reset::Reset;
use crate::ids::{LocationId, Seq, SkuId};
use crate::settings::FeedSettings;

/// A place in the index; it is reused after its subscription ends.
pub(in crate::feed) type Slot = u32;

/// What a round needs from the feed.
pub(in crate::feed) struct Shared<'a> {
    pub position: &'a AtomicU64,
    pub settings: &'a FeedSettings,
    pub counters: &'a Counters,
}

/// The pending changes of a subscription.
#[derive(Default)]
pub(in crate::feed) struct Pending {
    /// Conflated: the changes pending before the latest round that added any, exact at `ready_at`.
    pub ready: FxHashMap<CellKey, Arc<Change>>,
    pub ready_at: Seq,
    /// Conflated: the latest change of each cell.
    pub dirty: FxHashMap<CellKey, Arc<Change>>,
    /// Conflated: names that entered (true) or left (false) the selection, with the record of the last such change.
    pub moved: BTreeMap<Moving, (Seq, bool)>,
    /// Conflated: the record since which all cells have other results, and the reason.
    pub recounted: Option<(Seq, Reset)>,
    /// Lossless: the events, in order.
    pub queue: VecDeque<Step>,
    /// The record of the last addition.
    pub last: Seq,
    /// More changes than the limit; nothing is added until the reader starts over.
    pub overrun: bool,
    pub(super) marked: u64,
}

impl Pending {
    /// Conflated: called before the first addition of a round; the pending changes are complete up to `position`.
    pub(super) fn settle(&mut self, position: Seq, round: u64) {
        if self.marked == round {
            return;
        }
        let dirty = std::mem::take(&mut self.dirty);
        if self.ready.is_empty() {
            self.ready = dirty;
        } else {
            self.ready.extend(dirty);
        }
        self.ready_at = position;
    }

    /// Lossless: adds one step, unless there are too many.
    pub(super) fn push(&mut self, step: Step, shared: &Shared<'_>) {
        if self.overrun {
            return;
        }
        if self.queue.len() >= shared.settings.lossless_changes_max {
            self.queue = VecDeque::new();
            self.overrun = true;
            shared.counters.overruns.fetch_add(1, Relaxed);
        } else {
            self.queue.push_back(step);
        }
    }

    pub(super) fn mark(&mut self, seq: Seq, slot: Slot, round: u64, marked: &mut Vec<Slot>) {
        self.last = seq;
        if self.marked != round {
            self.marked = round;
            marked.push(slot);
        }
    }
}

/// One step of a lossless subscription.
pub(in crate::feed) enum Step {
    Changed(Arc<Change>),
    /// A name entered (true) or left (false) the selection.
    Moved(Seq, Moving, bool),
    /// All cells have other results.
    Recounted(Seq, Reset),
}

impl Step {
    pub fn seq(&self) -> Seq {
        match self {
            Self::Changed(change) => change.seq,
            Self::Moved(seq, ..) | Self::Recounted(seq, _) => *seq,
        }
    }
}

/// The last change of each cell of one event, in the order of those changes.
pub(in crate::feed) fn last_words(changes: Vec<Arc<Change>>) -> Vec<Arc<Change>> {
    let key = |change: &Change| (change.cell.sku, change.cell.location);
    if changes.len() < 2 {
        return changes;
    }
    let mut latest: FxHashMap<(SkuId, LocationId), usize> = FxHashMap::default();
    for (at, change) in changes.iter().enumerate() {
        latest.insert(key(change), at);
    }
    let mut at = 0..;
    changes.into_iter().filter(|change| latest.get(&key(change)).copied() == at.next()).collect()
}
