//! Plans on the draft, and logs the moves of a plan.

use crate::catalogue::Catalogue;
use crate::decide::Decide;
use crate::decide::draft::Draft;
use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, SkuId};
use crate::reservations::event::Event;
use crate::reservations::ledger::{Counted, Used};
use crate::reservations::plan::{AllocationPlan, Moving, Of, OpenKind, Shelf, World};
use crate::reservations::promise::{Move, Purpose, Reallocated};
use std::sync::Arc;

impl World for Draft {
    fn catalogue(&self) -> &Catalogue {
        &self.state.catalogue
    }

    fn shelf(&self, sku: SkuId, location: LocationId) -> Shelf {
        self.cell_as_it_is(sku, location)
    }

    fn for_each_shelf(&self, sku: SkuId, visit: &mut dyn FnMut(LocationId, Shelf)) {
        for (_, cell) in self.state.matrix.row(sku).iter() {
            visit(cell.location(), self.in_batch(sku, cell.location()).unwrap_or_else(|| Shelf::of(cell)));
        }
        self.made_in_this_batch(sku, visit);
    }

    fn takes(&self, location: LocationId, purpose: Purpose) -> bool {
        // The purposes that locations accept change only between batches.
        self.state.catalogue.takes(location, purpose)
    }

    fn buffer(&self, channel: ChannelId) -> u32 {
        self.buffer_of(channel)
    }

    fn open(&self, sku: SkuId, location: LocationId) -> Vec<OpenKind> {
        let open = self.ledger.open(sku, location);
        open.into_iter().flatten().map(|(of, open)| OpenKind::of(*of, open)).collect()
    }

    fn has_open(&self, sku: SkuId, location: LocationId) -> bool {
        self.ledger.open(sku, location).is_some()
    }

    fn has_open_anywhere(&self, sku: SkuId) -> bool {
        self.ledger.has_open(sku)
    }

    fn members(&mut self, group: GroupId) -> Arc<[LocationId]> {
        self.members_of(group)
    }

    fn used(&self, counted: Counted) -> Used {
        self.ledger.used(counted)
    }
}

/// An empty plan for a channel and a purpose, under the rules in force.
pub(crate) fn new_plan(cx: &Decide<'_>, channel: ChannelId, purpose: Purpose) -> AllocationPlan {
    AllocationPlan::new(channel, purpose, cx.state.rules.share_book(), cx.state.bounds().budget)
}

/// Logs the moves of a plan, promise by promise.
///
/// Bounded by the moves of one plan, which its budget bounds.
pub(crate) fn log_moves(cx: &mut Decide<'_>, moves: &[Moving]) {
    for Moving { sku, of, from, to, units, .. } in moves {
        log_move(cx, *sku, *of, *from, *to, *units as u32);
    }
}

/// Moves `units` of unallocated promises from one cell to another.
///
/// Bounded by the promises that the plan counted for them.
fn log_move(cx: &mut Decide<'_>, sku: SkuId, of: Of, from: LocationId, to: LocationId, units: u32) {
    let open = cx.draft.ledger.open(sku, from).and_then(|open| open.get(&of));
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
        let moves = vec![shift_units(cx, sku, line, quantity, from, to)];
        // Known to the draft, which applies the record to it.
        let _ = cx.draft.reservation(reservation);
        cx.draft.log(None, Event::Reallocated(Box::new(Reallocated { reservation, moves, bound: Vec::new() })));
    }
}

/// Moves promised units from one cell of the draft to another, and returns both cells.
pub(crate) fn shift_units(
    cx: &mut Decide<'_>,
    sku: SkuId,
    line: u16,
    quantity: u32,
    from: LocationId,
    to: LocationId,
) -> Move {
    let promise = cx.state.catalogue.promise(sku, quantity);
    for (location, change) in [(from, promise.inverse()), (to, promise)] {
        let level = cx.draft.cell(sku, location).level.checked_add(change);
        let level = level.expect("the promised units are reserved in their cell, and the new cell has room");
        cx.draft.set_level(sku, location, level);
    }
    let (from, to) = (cx.draft.cell_after(sku, from), cx.draft.cell_after(sku, to));
    Move { line, quantity, from, to }
}
