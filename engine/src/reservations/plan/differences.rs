//! The plan itself: the units that it takes from cells, the promises that it moves, and the looks that it uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::world::Of;
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::reservations::ledger::Counted;
use crate::reservations::promise::Purpose;
use crate::rules::{Book, RuleId, StandingRule};
use crate::settings::Budget;

/// The settings that bound a plan, as a refusal names them.
pub(super) const LOOKS_LIMIT: &str = "limits.plan_looks";

pub(super) const PROMISES_LIMIT: &str = "limits.plan_promises";

const WAITS_LIMIT: &str = "limits.cell_waits";

/// Cells that are added up for a quota per look.
pub(super) const ADDED_UP_PER_LOOK: usize = 16;

/// The changes of a plan to one cell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Touched {
    /// Units for the plan's own lines.
    pub(super) taken: i64,
    /// Units that the replaced hold releases in the same step: room for the units that the plan takes, not for moved
    /// promises.
    pub(super) released: i64,
    /// Units of unallocated promises that entered, minus those that left.
    pub(super) moved: i64,
    /// The highest floor of the promises that entered.
    pub(super) floor: Option<i64>,
}

/// The change of a plan to the unallocated promises of one kind in one cell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Drift {
    pub(super) units: i64,
    /// The most lines that entered with them.
    pub(super) lines: usize,
}

/// Unallocated promises of one kind that go from one cell to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moving {
    pub sku: SkuId,
    pub of: Of,
    pub from: LocationId,
    pub to: LocationId,
    pub units: i64,
    /// The most promises that move.
    pub(super) lines: usize,
    pub(super) floor_before: Option<i64>,
}

/// Units that a line of the promise takes in one cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Take {
    pub(super) line: usize,
    pub(super) sku: SkuId,
    pub(super) location: LocationId,
    pub(super) present: i64,
    pub(super) to_come: i64,
}

/// The quotas of a cell.
#[derive(Debug, Default)]
pub(super) struct QuotaSet {
    pub(super) ids: Vec<RuleId>,
    /// Quotas for the same locations are grouped.
    pub(super) pools: Vec<Arc<[Arc<StandingRule>]>>,
}

/// The units of a SKU at the locations of a quota.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pool {
    pub(super) on_hand: i64,
    /// Available units in the world.
    pub(super) free_before: i64,
    /// Available units after the plan.
    pub(super) free: i64,
}

/// Differences to a world.
#[derive(Debug)]
pub(crate) struct AllocationPlan {
    pub channel: ChannelId,
    /// The purpose; a cart if the locations need not serve the actual purpose.
    pub purpose: Purpose,
    pub book: Arc<Book>,
    pub(super) cells: FxHashMap<(SkuId, LocationId), Touched>,
    /// Inbound units that are taken.
    waiting: FxHashMap<(SkuId, LocationId), i64>,
    /// Units counted against quotas, and the units that the replaced hold releases from those counts.
    pub(super) charged: FxHashMap<Counted, i64>,
    pub(super) uncharged: Vec<(Counted, i64)>,
    pub(super) drifts: BTreeMap<(SkuId, LocationId, Of), Drift>,
    pub(super) moves: Vec<Moving>,
    pub(super) takes: Vec<Take>,
    /// Cells from which no promise can move; the units that the plan takes do not change that.
    pub(super) dead_ends: FxHashSet<(SkuId, LocationId)>,
    /// The number of members of a group, from the first on, without room for promises of a kind. Room only shrinks.
    pub(super) full_members: FxHashMap<(SkuId, Of, usize), usize>,
    pub(super) quota_sets: Vec<QuotaSet>,
    pub(super) quota_ids: FxHashMap<Vec<RuleId>, usize>,
    pub(super) quota_at: FxHashMap<(SkuId, LocationId), usize>,
    pub(super) pools: FxHashMap<(SkuId, RuleId), Pool>,
    looks: usize,
    pub(super) looks_left: usize,
    pub(super) promises_left: usize,
    /// The setting that ended the search for room, if one did.
    pub(super) over: Option<&'static str>,
}

impl AllocationPlan {
    pub fn new(channel: ChannelId, purpose: Purpose, book: Arc<Book>, budget: Budget) -> Self {
        Self {
            channel,
            purpose,
            book,
            cells: FxHashMap::default(),
            waiting: FxHashMap::default(),
            charged: FxHashMap::default(),
            uncharged: Vec::new(),
            drifts: BTreeMap::new(),
            moves: Vec::new(),
            takes: Vec::new(),
            dead_ends: FxHashSet::default(),
            full_members: FxHashMap::default(),
            quota_sets: vec![QuotaSet::default()],
            quota_ids: FxHashMap::default(),
            quota_at: FxHashMap::default(),
            pools: FxHashMap::default(),
            looks: budget.looks,
            looks_left: budget.looks,
            promises_left: budget.promises,
            over: None,
        }
    }

    /// The setting that ended the search for room, if one did.
    pub fn over(&self) -> Option<&'static str> {
        self.over
    }

    /// Whether a setting ended a search for room among unallocated promises.
    pub fn search_ended(&self) -> bool {
        self.over.is_some_and(|limit| limit != WAITS_LIMIT)
    }

    /// A cell has reached its limit of backorders.
    pub fn too_many_wait(&mut self) {
        self.over.get_or_insert(WAITS_LIMIT);
    }

    /// The looks used so far.
    pub fn spent(&self) -> usize {
        self.looks - self.looks_left
    }

    /// The moves that the plan needs, in an order in which each has room when it is applied.
    pub fn moves(&self) -> &[Moving] {
        &self.moves
    }

    /// Counts looks; false if the budget is used up.
    pub(super) fn look(&mut self, looks: usize) -> bool {
        match self.looks_left.checked_sub(looks) {
            Some(left) => {
                self.looks_left = left;
                true
            }
            None => {
                self.looks_left = 0;
                self.over = Some(LOOKS_LIMIT);
                false
            }
        }
    }

    pub(super) fn touched(&self, sku: SkuId, location: LocationId) -> Touched {
        self.cells.get(&(sku, location)).copied().unwrap_or_default()
    }

    /// Takes inbound units of a cell.
    pub fn take_to_come(&mut self, sku: SkuId, location: LocationId, units: u32) {
        *self.waiting.entry((sku, location)).or_default() += i64::from(units);
    }

    /// Releases backordered units of a cell.
    pub fn leave_to_come(&mut self, sku: SkuId, location: LocationId, units: u32) {
        *self.waiting.entry((sku, location)).or_default() -= i64::from(units);
    }

    /// Backordered units of a cell beyond those of the world.
    pub fn waiting(&self, sku: SkuId, location: LocationId) -> i64 {
        self.waiting.get(&(sku, location)).copied().unwrap_or(0)
    }

    /// Releases units from the count of a quota.
    pub fn uncharge(&mut self, counted: Counted, units: u32) {
        *self.charged.entry(counted).or_default() -= i64::from(units);
        self.uncharged.push((counted, -i64::from(units)));
    }

    /// Records a line of the promise, as it will be in the record.
    pub fn note_line(&mut self, line: usize, sku: SkuId, location: LocationId, present: u32, to_come: u32) {
        let (present, to_come) = (present.into(), to_come.into());
        self.takes.push(Take { line, sku, location, present, to_come });
    }

    /// The plan's changes to unallocated promises in a cell.
    pub(super) fn drifts_in(&self, sku: SkuId, location: LocationId) -> impl Iterator<Item = (Of, Drift)> + '_ {
        let first = (sku, location, (GroupId(0), ChannelId(0), Purpose::Cart));
        let here = self.drifts.range(first..).take_while(move |((of, at, _), _)| (*of, *at) == (sku, location));
        here.map(|((.., of), drift)| (*of, *drift))
    }
}
