//! The plan itself: what it takes from cells, what it moves, and what it has looked at.

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

/// Cells that are added up for a quota, one after the other, for one look.
pub(super) const ADDED_UP_PER_LOOK: usize = 16;

/// What a plan does to one cell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Touched {
    /// Units of the plan's own lines.
    pub(super) taken: i64,
    /// Units that the replaced hold gives back in the same step: room for what the plan takes, not for what moves.
    pub(super) released: i64,
    /// Units of open promises that came, less those that left.
    pub(super) moved: i64,
    /// The highest floor of those that came.
    pub(super) floor: Option<i64>,
}

/// By how much a plan changes the open promises of one kind in one cell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Drift {
    pub(super) units: i64,
    /// Lines that came with them, at most.
    pub(super) lines: usize,
}

/// Open promises of one kind that go from one cell to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moving {
    pub sku: SkuId,
    pub of: Of,
    pub from: LocationId,
    pub to: LocationId,
    pub units: i64,
    /// Promises that move, at most.
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

/// The quotas that hold for a cell.
#[derive(Debug, Default)]
pub(super) struct QuotaSet {
    pub(super) ids: Vec<RuleId>,
    /// Those about the same places stand together.
    pub(super) pools: Vec<Arc<[Arc<StandingRule>]>>,
}

/// What the places of a quota hold of a SKU.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pool {
    pub(super) on_hand: i64,
    /// Free units as the world has them.
    pub(super) free_before: i64,
    /// The same as the plan leaves them.
    pub(super) free: i64,
}

/// Differences to a world.
#[derive(Debug)]
pub(crate) struct AllocationPlan {
    pub channel: ChannelId,
    /// What it is for; a cart where its places need not take orders of its purpose.
    pub purpose: Purpose,
    pub book: Arc<Book>,
    pub(super) cells: FxHashMap<(SkuId, LocationId), Touched>,
    /// Units to come that are taken.
    waiting: FxHashMap<(SkuId, LocationId), i64>,
    /// Units counted against quotas, and what of that the replaced hold gives back.
    pub(super) charged: FxHashMap<Counted, i64>,
    pub(super) uncharged: Vec<(Counted, i64)>,
    pub(super) drifts: BTreeMap<(SkuId, LocationId, Of), Drift>,
    pub(super) moves: Vec<Moving>,
    pub(super) takes: Vec<Take>,
    /// Cells from which nothing can go anywhere; what the plan takes makes them no freer.
    pub(super) dead_ends: FxHashSet<(SkuId, LocationId)>,
    /// Members of a group that have no room for promises of a kind: so many from the first on. Rooms only shrink.
    pub(super) full_members: FxHashMap<(SkuId, Of, usize), usize>,
    pub(super) quota_sets: Vec<QuotaSet>,
    pub(super) quota_ids: FxHashMap<Vec<RuleId>, usize>,
    pub(super) quota_at: FxHashMap<(SkuId, LocationId), usize>,
    pub(super) pools: FxHashMap<(SkuId, RuleId), Pool>,
    looks: usize,
    pub(super) looks_left: usize,
    pub(super) promises_left: usize,
    /// The setting that ended the search for room, where one did.
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

    /// The setting that ended the search for room, where one did.
    pub fn over(&self) -> Option<&'static str> {
        self.over
    }

    /// Whether a search for room among open promises was ended by a setting.
    pub fn search_ended(&self) -> bool {
        self.over.is_some_and(|limit| limit != WAITS_LIMIT)
    }

    /// So many wait for a cell that nobody else may.
    pub fn too_many_wait(&mut self) {
        self.over.get_or_insert(WAITS_LIMIT);
    }

    /// What was looked at so far.
    pub fn spent(&self) -> usize {
        self.looks - self.looks_left
    }

    /// What has to move for the plan, in an order in which each finds room when it comes.
    pub fn moves(&self) -> &[Moving] {
        &self.moves
    }

    /// Counts what is looked at; false where there were too many looks.
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

    /// Units that are to come to a cell are taken.
    pub fn take_to_come(&mut self, sku: SkuId, location: LocationId, units: u32) {
        *self.waiting.entry((sku, location)).or_default() += i64::from(units);
    }

    /// Units to come that are in line are waited for no more.
    pub fn leave_to_come(&mut self, sku: SkuId, location: LocationId, units: u32) {
        *self.waiting.entry((sku, location)).or_default() -= i64::from(units);
    }

    /// Units to come that are waited for beyond those that the world has in line.
    pub fn waiting(&self, sku: SkuId, location: LocationId) -> i64 {
        self.waiting.get(&(sku, location)).copied().unwrap_or(0)
    }

    /// Units no longer count against a quota.
    pub fn uncharge(&mut self, counted: Counted, units: u32) {
        *self.charged.entry(counted).or_default() -= i64::from(units);
        self.uncharged.push((counted, -i64::from(units)));
    }

    /// A line of the promise, as it will stand in the record.
    pub fn note_line(&mut self, line: usize, sku: SkuId, location: LocationId, present: u32, to_come: u32) {
        let (present, to_come) = (present.into(), to_come.into());
        self.takes.push(Take { line, sku, location, present, to_come });
    }

    /// By how much the plan changes open promises in a cell.
    pub(super) fn drifts_in(&self, sku: SkuId, location: LocationId) -> impl Iterator<Item = (Of, Drift)> + '_ {
        let first = (sku, location, (GroupId(0), ChannelId(0), Purpose::Cart));
        let here = self.drifts.range(first..).take_while(move |((of, at, _), _)| (*of, *at) == (sku, location));
        here.map(|((.., of), drift)| (*of, *drift))
    }
}
