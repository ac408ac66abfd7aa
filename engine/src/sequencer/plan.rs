//! What a promise would take, and what would have to make room for it, before any of it is written down.
//!
//! A plan is a set of differences to the draft: units taken from cells, units of the hold that is replaced, and units of
//! open promises (asked of a group, not bound yet) that go elsewhere in their group. Making room is finding an augmenting
//! path: from a full cell, over the groups whose open promises stand there, to a cell that has room. Paths change the
//! plan's counts and not single promises, so a unit may be sent on and back while the plan is made; in the end only the
//! difference moves. So a promise is refused only where no rearrangement would make room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Sequencer;
use crate::event::{Event, Move, Rebound};
use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, SkuId};
use crate::ledger::Counted;
use crate::level::{StockChange, StockLevel};
use crate::rules::{Book, RuleId};

/// Units of a cell that belong together, as far as room goes.
type Of = (GroupId, ChannelId);

/// Differences to the draft.
pub(super) struct Plan {
    pub channel: ChannelId,
    pub book: Arc<Book>,
    /// Units promised in a cell beyond what the draft has there: taken, moved in; less what was moved out.
    promised: FxHashMap<(SkuId, LocationId), i64>,
    /// Units that are given back in the same step: room for what the plan takes, but not for what moves before it.
    released: FxHashMap<(SkuId, LocationId), i64>,
    /// Units to come that are taken, less those that are given back.
    waiting: FxHashMap<(SkuId, LocationId), i64>,
    /// Units counted against quotas.
    pub charged: Vec<(Counted, i64)>,
    /// By how much open promises change from cell to cell.
    shifted: BTreeMap<(SkuId, Of, LocationId), i64>,
    /// Cells from which nothing can go anywhere; what the plan takes makes them no freer.
    dead_ends: FxHashSet<(SkuId, LocationId)>,
    /// What quotas leave, by SKU and quotas; as long as the plan stays as it is.
    pub quota_answers: Vec<QuotaAnswer>,
}

/// What the quotas of a cell leave of a SKU, and the rule that leaves the fewest.
pub(super) type QuotaAnswer = ((SkuId, Vec<RuleId>), Option<(u32, RuleId)>);

impl Plan {
    pub fn new(channel: ChannelId, book: Arc<Book>) -> Self {
        Self {
            channel,
            book,
            promised: FxHashMap::default(),
            released: FxHashMap::default(),
            waiting: FxHashMap::default(),
            charged: Vec::new(),
            shifted: BTreeMap::new(),
            dead_ends: FxHashSet::default(),
            quota_answers: Vec::new(),
        }
    }

    /// Only what moves in this one: what is there before anything is given back or taken.
    pub fn before_taking(&self) -> Self {
        let mut before = Self::new(self.channel, Arc::clone(&self.book));
        for ((sku, _, location), units) in &self.shifted {
            *before.promised.entry((*sku, *location)).or_default() += units;
        }
        before
    }

    /// Units of a cell are taken.
    pub fn take(&mut self, sku: SkuId, location: LocationId, units: u32) {
        self.quota_answers.clear();
        *self.promised.entry((sku, location)).or_default() += i64::from(units);
    }

    /// Units that are to come to a cell are taken.
    pub fn take_to_come(&mut self, sku: SkuId, location: LocationId, units: u32) {
        self.quota_answers.clear();
        *self.waiting.entry((sku, location)).or_default() += i64::from(units);
    }

    /// Units to come that are waited for beyond those that the draft has in line.
    pub fn waiting(&self, sku: SkuId, location: LocationId) -> i64 {
        self.waiting.get(&(sku, location)).copied().unwrap_or(0)
    }

    /// Units of a cell are given back.
    pub fn release(&mut self, sku: SkuId, location: LocationId, units: u32) {
        *self.released.entry((sku, location)).or_default() += i64::from(units);
    }

    /// A cell's level as the plan leaves it.
    pub fn level(&self, level: StockLevel, sku: SkuId, location: LocationId) -> StockLevel {
        let released = self.released.get(&(sku, location)).copied().unwrap_or(0);
        let StockLevel { reserved, .. } = self.level_before_release(level, sku, location);
        StockLevel { reserved: (i64::from(reserved) - released).max(0) as u32, ..level }
    }

    /// The same before anything is given back.
    fn level_before_release(&self, level: StockLevel, sku: SkuId, location: LocationId) -> StockLevel {
        let change = self.promised.get(&(sku, location)).copied().unwrap_or(0);
        let reserved = (i64::from(level.reserved) + change).clamp(0, u32::MAX.into());
        StockLevel { reserved: reserved as u32, ..level }
    }

    fn shift(&mut self, sku: SkuId, of: Of, from: LocationId, to: LocationId, units: i64) {
        self.quota_answers.clear();
        *self.shifted.entry((sku, of, from)).or_default() -= units;
        *self.shifted.entry((sku, of, to)).or_default() += units;
        *self.promised.entry((sku, from)).or_default() -= units;
        *self.promised.entry((sku, to)).or_default() += units;
    }
}

/// Open promises of one kind that have to go from one cell to another.
#[derive(Clone, Copy)]
pub(super) struct Shifted {
    sku: SkuId,
    of: Of,
    from: LocationId,
    to: LocationId,
    units: i64,
}

/// One hop of a path: open promises of one kind that go from one location to another.
#[derive(Clone, Copy)]
struct Hop {
    from: LocationId,
    to: LocationId,
    of: Of,
}

impl Sequencer {
    /// Units that may be promised in a cell beyond the plan; none where it does not exist.
    pub(super) fn room(&mut self, plan: &Plan, sku: SkuId, location: LocationId) -> u32 {
        let gate = self.draft.gate(&plan.book, sku, location, plan.channel);
        let cell = self.draft.cell(sku, location);
        if cell.exists { gate.available(plan.level(cell.level, sku, location)) } else { 0 }
    }

    /// Units by which a cell misses `quantity` for the plan's channel, what it lacks of its floor included; 0 where the
    /// channel may not sell there.
    pub(super) fn missing(&mut self, plan: &Plan, sku: SkuId, location: LocationId, quantity: u32) -> u32 {
        let gate = self.draft.gate(&plan.book, sku, location, plan.channel);
        let level = plan.level(self.draft.cell(sku, location).level, sku, location);
        let free = gate.free(level).unwrap_or(i64::MAX);
        i64::from(quantity).saturating_sub(free).clamp(0, u32::MAX.into()) as u32
    }

    /// Room for an open promise that moves before the plan's own units do, once `leaving` more have left.
    fn room_for(&mut self, plan: &Plan, sku: SkuId, at: LocationId, channel: ChannelId, leaving: u32) -> u32 {
        let gate = self.draft.gate(&plan.book, sku, at, channel);
        let cell = self.draft.cell(sku, at);
        if !cell.exists {
            return 0;
        }
        let level = plan.level_before_release(cell.level, sku, at);
        gate.available(StockLevel { reserved: level.reserved.saturating_sub(leaving), ..level })
    }

    /// Open promises in a cell, as the plan leaves them.
    fn open_in(&self, plan: &Plan, sku: SkuId, location: LocationId) -> Vec<(Of, i64)> {
        let known = self.draft.ledger.open(sku, location);
        let mut open: BTreeMap<Of, i64> =
            known.into_iter().flatten().map(|(of, promises)| (*of, promises.units)).collect();
        let first = (sku, (GroupId(0), ChannelId(0)), LocationId(0));
        for ((_, of, at), units) in plan.shifted.range(first..).take_while(|((of_sku, ..), _)| *of_sku == sku) {
            if *at == location {
                *open.entry(*of).or_default() += units;
            }
        }
        open.into_iter().filter(|(_, units)| *units > 0).collect()
    }

    /// Sends open promises elsewhere until `wanted` units of a cell are free for the plan's channel, or nothing more can
    /// go. Tells how many units went.
    pub(super) fn make_room(&mut self, plan: &mut Plan, sku: SkuId, at: LocationId, wanted: u32) -> u32 {
        let mut made = 0;
        // Where the channel could not use it, nobody is sent away.
        if self.room_for(plan, sku, at, plan.channel, wanted) == 0 {
            return 0;
        }
        while made < wanted {
            let Some(path) = self.find_path(plan, sku, at) else { break };
            let units = match path.as_slice() {
                [hop] => {
                    let there = self.open_in(plan, sku, hop.from);
                    let there = there.iter().find(|(of, _)| *of == hop.of).map_or(0, |(_, units)| *units);
                    let room = self.room_for(plan, sku, hop.to, hop.of.1, 0);
                    i64::from(room).min(there).min(i64::from(wanted - made)).max(1)
                }
                _ => 1,
            };
            for hop in &path {
                plan.shift(sku, hop.of, hop.from, hop.to, units);
            }
            made += units as u32;
        }
        made
    }

    /// The shortest way from a full cell to one with room, over open promises.
    fn find_path(&mut self, plan: &mut Plan, sku: SkuId, at: LocationId) -> Option<Vec<Hop>> {
        if plan.dead_ends.contains(&(sku, at)) {
            return None;
        }
        let mut came_by: FxHashMap<LocationId, Option<Hop>> = FxHashMap::default();
        came_by.insert(at, None);
        let mut next = VecDeque::from([at]);
        let mut looked_at: FxHashSet<(Of, Vec<RuleId>)> = FxHashSet::default();
        while let Some(from) = next.pop_front() {
            for (of, _) in self.open_in(plan, sku, from) {
                // Promises of one kind may go to the same places wherever they stand: once is enough. They never cross the
                // border of a quota.
                let quotas = self.quotas_at(plan, sku, from);
                if !looked_at.insert((of, quotas.clone())) {
                    continue;
                }
                for to in self.draft.members(of.0).iter().copied() {
                    if came_by.contains_key(&to)
                        || plan.dead_ends.contains(&(sku, to))
                        || (plan.book.has_quotas() && self.quotas_at(plan, sku, to) != quotas)
                    {
                        continue;
                    }
                    let hop = Hop { from, to, of };
                    if self.room_for(plan, sku, to, of.1, 0) > 0 {
                        let mut path = vec![hop];
                        let mut at = from;
                        while let Some(Some(hop)) = came_by.get(&at) {
                            path.push(*hop);
                            at = hop.from;
                        }
                        return Some(path);
                    }
                    // It may come here if another leaves, and this channel may sell here.
                    if self.draft.ledger.open(sku, to).is_some() && self.room_for(plan, sku, to, of.1, 1) > 0 {
                        came_by.insert(to, Some(hop));
                        next.push_back(to);
                    }
                }
            }
        }
        plan.dead_ends.extend(came_by.into_keys().map(|at| (sku, at)));
        None
    }

    /// Whether two cells are under the same quotas, so that moving between them takes nothing from anybody.
    pub(super) fn same_quotas(&self, plan: &Plan, sku: SkuId, one: LocationId, other: LocationId) -> bool {
        self.quotas_at(plan, sku, one) == self.quotas_at(plan, sku, other)
    }

    fn quotas_at(&self, plan: &Plan, sku: SkuId, location: LocationId) -> Vec<RuleId> {
        let quotas = plan.book.quotas(&self.state.catalogue, sku, location);
        quotas.into_iter().map(|quota| quota.id).collect()
    }

    /// What has to move for the plan, in an order in which each finds room when it comes: into free cells first, and what
    /// they leave makes room for the next. `None` where there is no such order.
    pub(super) fn schedule(&mut self, plan: &Plan) -> Option<Vec<Shifted>> {
        let mut leaving: Vec<(SkuId, Of, LocationId, i64)> = Vec::new();
        let mut coming: Vec<(SkuId, Of, LocationId, i64)> = Vec::new();
        for ((sku, of, location), units) in &plan.shifted {
            match units {
                0 => {}
                units if *units < 0 => leaving.push((*sku, *of, *location, -units)),
                units => coming.push((*sku, *of, *location, *units)),
            }
        }
        let mut arcs: Vec<Shifted> = Vec::new();
        for (sku, of, from, mut units) in leaving {
            for (_, _, to, left) in coming.iter_mut().filter(|(s, o, ..)| (*s, *o) == (sku, of)) {
                let moved = units.min(*left);
                if moved > 0 {
                    arcs.push(Shifted { sku, of, from, to: *to, units: moved });
                    *left -= moved;
                    units -= moved;
                }
            }
        }
        let mut so_far = Plan::new(plan.channel, Arc::clone(&plan.book));
        let mut schedule = Vec::new();
        while !arcs.is_empty() {
            let before = schedule.len();
            for arc in &mut arcs {
                let room = self.room_for(&so_far, arc.sku, arc.to, arc.of.1, 0);
                let units = i64::from(room).min(arc.units);
                if units > 0 {
                    so_far.shift(arc.sku, arc.of, arc.from, arc.to, units);
                    schedule.push(Shifted { units, ..*arc });
                    arc.units -= units;
                }
            }
            arcs.retain(|arc| arc.units > 0);
            if schedule.len() == before {
                // What is left may be a ring, which frees nothing and can stay as it is.
                let mut net: FxHashMap<(SkuId, LocationId), i64> = FxHashMap::default();
                for arc in &arcs {
                    *net.entry((arc.sku, arc.from)).or_default() -= arc.units;
                    *net.entry((arc.sku, arc.to)).or_default() += arc.units;
                }
                return net.values().all(|units| *units == 0).then_some(schedule);
            }
        }
        Some(schedule)
    }

    /// Logs what has to move, promise by promise.
    pub(super) fn log_moves(&mut self, schedule: &[Shifted]) {
        for Shifted { sku, of, from, to, units } in schedule {
            self.log_move(*sku, *of, *from, *to, *units as u32);
        }
    }

    /// Moves `units` of open promises from one cell to another.
    fn log_move(&mut self, sku: SkuId, of: Of, from: LocationId, to: LocationId, units: u32) {
        let open = self.draft.ledger.open(sku, from).and_then(|open| open.get(&of));
        let mut lines: Vec<((ReservationId, u16), u32)> = Vec::new();
        let mut left = units;
        for (line, there) in open.iter().flat_map(|open| &open.lines) {
            if left == 0 {
                break;
            }
            let quantity = left.min(*there);
            lines.push((*line, quantity));
            left -= quantity;
        }
        for ((reservation, line), quantity) in lines {
            let moves = vec![self.shift_units(sku, line, quantity, from, to)];
            // Known to the draft, so that it hears of the record.
            let _ = self.draft.reservation(reservation);
            self.draft.log(None, Event::Rebound(Box::new(Rebound { reservation, moves, bound: Vec::new() })));
        }
    }

    /// Takes promised units from one cell of the draft to another, and tells both.
    pub(super) fn shift_units(
        &mut self,
        sku: SkuId,
        line: u16,
        quantity: u32,
        from: LocationId,
        to: LocationId,
    ) -> Move {
        let promise = StockChange::reserve(quantity);
        for (location, change) in [(from, promise.inverse()), (to, promise)] {
            let level = self.draft.cell(sku, location).level.checked_add(change);
            let level =
                level.expect("promised units are among the reserved ones of their cell, and go where there is room");
            self.draft.set_level(sku, location, level);
        }
        let (from, to) = (self.draft.cell_after(sku, from), self.draft.cell_after(sku, to));
        Move { line, quantity, from, to }
    }
}
