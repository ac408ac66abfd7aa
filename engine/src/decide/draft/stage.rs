//! Makes each record visible to later decisions of the batch: reservations, the ledger, and cells whose backorders
//! need new dates.

use std::collections::BTreeSet;

use super::Draft;
use crate::effect::{At, Effect, Inbound, Step};
use crate::ids::{LocationId, ReservationId, SkuId};
use crate::kernel::cause::Cause;
use crate::kernel::cell_after::CellAfter;
use crate::reservations::ledger::Shift;
use crate::reservations::{Progress, Reservation};
use crate::supply::SupplyOutlook;

impl Draft {
    /// Makes an effect visible to later decisions of the batch.
    #[inline]
    pub(super) fn stage(&mut self, at: At<'_>, effect: Effect<'_>, shift: &mut Shift) {
        match effect {
            Effect::Promise(Step::Made(made)) => {
                let reserved = made.reserved;
                let id = made.id(at.seq);
                self.holds.made(id, reserved.channel, Cause::caller(at.cause), reserved.confirmed);
                if made.is_on_terms() || made.parent.is_some() {
                    let reservation = Reservation::made(at, made);
                    shift.between(None, &reservation);
                    self.reservations.insert(id, reservation);
                }
            }
            Effect::Receipt(issued) => self.own.receipts.stage_issued(&self.state, issued),
            Effect::Promise(step) => {
                if let Some(id) = step.reservation() {
                    self.stage_change(id, at, Progress::Step(step), shift);
                }
            }
            Effect::Filled(fills) => {
                for of_one in fills.chunk_by(|a, b| a.reservation == b.reservation) {
                    if let Some(first) = of_one.first() {
                        self.stage_change(first.reservation, at, Progress::Filled(of_one), shift);
                    }
                }
                self.redated.extend(fills.iter().map(|fill| (fill.cell.sku, fill.cell.location)));
            }
            Effect::Dated(rows) => {
                for of_one in rows.chunk_by(|a, b| a.reservation == b.reservation) {
                    if let Some(first) = of_one.first() {
                        self.stage_change(first.reservation, at, Progress::Dated(of_one), shift);
                    }
                }
            }
            Effect::Inbound(inbound) => {
                self.ledger.inbound(at, inbound);
                match inbound {
                    Inbound::Set(rows) => {
                        self.redated.extend(rows.iter().map(|row| (row.cell.sku, row.cell.location)));
                    }
                    Inbound::Used(rows, _) => {
                        self.redated.extend(rows.iter().map(|used| (used.sku, used.location)));
                    }
                }
            }
            // Cells and details are staged when they are decided.
            Effect::Cell(..)
            | Effect::Moved(..)
            | Effect::Counted(..)
            | Effect::CountsConfirmed(_)
            | Effect::Shortage(..)
            | Effect::HandedOver(..)
            | Effect::Rules(_)
            | Effect::Names(_)
            | Effect::Described(_)
            | Effect::Refused(..) => {}
            Effect::Cart(ordered) => self.own.carts.stage_ordered(&self.state, at, ordered),
            Effect::Order(_, stepped) => self.own.orders.stage_step(&self.state, stepped),
            Effect::Sales(_) => {}
        }
    }

    /// Applies a change to a reservation in the draft.
    fn stage_change(&mut self, id: ReservationId, at: At<'_>, progress: Progress<'_>, shift: &mut Shift) {
        let Some(reservation) = self.reservations.get_mut(&id) else { return };
        let (state, channel) = (reservation.state, reservation.channel);
        let before = reservation.is_counted().then(|| reservation.clone());
        reservation.apply(at, progress);
        if state != reservation.state {
            let owner = self.holds.fresh_caller(id).unwrap_or_else(|| self.state.owner(id));
            self.holds.moved(channel, owner, state, reservation.state);
        }
        if before.is_some() {
            shift.between(before.as_ref(), reservation);
        }
    }

    /// Records the cells whose backorder dates an event may change, beside the cells whose supply changes. A new
    /// reservation joins the end of the queue, and supply that arrives as expected changes no date: only an event
    /// that shortens the queue moves others forward.
    pub(super) fn note_redated(&mut self, effect: Effect<'_>) {
        let Effect::Promise(step) = effect else { return };
        if let Some(lines) = step.given_back() {
            lines.iter().for_each(|line| self.redate_if_risky(&line.cell));
        }
        if let Step::Made(made) = step {
            if made.superseded().next().is_none() {
                return;
            }
            let lines = made.reserved.lines.iter().filter(|line| line.quantity > 0);
            lines.for_each(|line| self.redate_if_risky(&line.cell));
            // A backorder that takes over a queue position is at risk if its predecessor was.
            for wait in made.waits().iter().filter(|wait| wait.turn.is_some()) {
                let line = made.reserved.lines.get(usize::from(wait.line));
                self.redated.extend(line.map(|line| (line.cell.sku, line.cell.location)));
            }
        }
    }

    fn redate_if_risky(&mut self, cell: &CellAfter) {
        if self.ledger.outlook(cell.sku, cell.location).is_some_and(SupplyOutlook::has_risks) {
            self.redated.insert((cell.sku, cell.location));
        }
    }

    /// Returns these cells, and clears the list.
    pub fn take_redated(&mut self) -> BTreeSet<(SkuId, LocationId)> {
        std::mem::take(&mut self.redated)
    }

    /// Marks a cell whose backorders need new dates.
    pub fn redate(&mut self, sku: SkuId, location: LocationId) {
        self.redated.insert((sku, location));
    }

    /// These cells, and the cells that the current command touched.
    pub fn touched_or_redated(&self) -> BTreeSet<(SkuId, LocationId)> {
        self.redated.iter().chain(&self.touched).copied().collect()
    }
}
