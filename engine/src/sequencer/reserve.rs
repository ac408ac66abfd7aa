//! Deciding a promise: all lines or none, netted against the hold that it replaces.

use super::draft::Answer;
use super::{Decision, Sequencer, no_ids_left};
use crate::command::{Refusal, Reserve, Short};
use crate::event::{Cause, Event, Few, LineChange, Reserved, ReservedLine, Superseded};
use crate::ids::{ChannelId, LocationId, ReservationId, SkuId};
use crate::level::{Constraint, StockChange};
use crate::reservation::State;
use crate::rules::{Book, RuleId};

/// What all lines together ask of one cell.
struct Demand {
    sku: SkuId,
    location: LocationId,
    requested: u32,
    granted: u32,
    /// Units of the cell that the replaced hold gives back.
    released: u32,
}

impl Sequencer {
    pub(super) fn reserve(&mut self, reserve: Reserve, cause: &mut Option<Box<Cause>>) -> Decision {
        let channel = self.draft.intern_channel(&reserve.channel).ok_or_else(|| no_ids_left("channel"))?;
        let released = self.released_by(reserve.supersedes)?;
        let book = self.state.rules.share_book();
        let mut demands = demands(&reserve, &released);
        let mut shorts = Vec::new();
        for demand in &mut demands {
            if let Err((constraint, available, rule)) = self.grant(&book, demand, channel) {
                if reserve.allow_partial {
                    demand.granted = available;
                }
                if !reserve.allow_partial || available == 0 {
                    let asks =
                        |line: &crate::command::ReserveLine| (line.sku, line.location) == (demand.sku, demand.location);
                    let line = reserve.lines.iter().position(asks).unwrap_or_default();
                    shorts.push(Short { line, requested: demand.requested, available, constraint, rule });
                }
            }
        }
        if !shorts.is_empty() && (!reserve.allow_partial || demands.iter().all(|demand| demand.granted == 0)) {
            shorts.sort_by_key(|short| short.line);
            return Err(Refusal::Insufficient(shorts).into());
        }

        // Nothing below may refuse.
        for (_, change) in &released {
            let level = self.draft.cell(change.cell.sku, change.cell.location).level;
            let level = level.checked_add(StockChange::reserve(change.quantity).inverse());
            let level = level.expect("a hold's units are among the reserved ones of its cell");
            self.draft.set_level(change.cell.sku, change.cell.location, level);
        }
        for demand in demands.iter().filter(|demand| demand.granted > 0) {
            let level = self.draft.cell(demand.sku, demand.location).level;
            let level = level.checked_add(StockChange::reserve(demand.granted));
            let level = level.expect("what is granted is free, so reserved stays within on_hand");
            self.draft.set_level(demand.sku, demand.location, level);
        }
        let lines = reserve.lines.iter().map(|line| {
            let asked = demands.iter_mut().find(|demand| (demand.sku, demand.location) == (line.sku, line.location));
            let left = &mut asked.expect("every line is part of a demand").granted;
            let quantity = line.quantity.min(*left);
            *left -= quantity;
            ReservedLine { requested: line.quantity, quantity, cell: self.draft.cell_after(line.sku, line.location) }
        });
        let lines: Few<ReservedLine> = lines.collect();
        let supersedes = reserve.supersedes.filter(|_| !released.is_empty()).map(|reservation| {
            let lines = released.iter().map(|(_, change)| LineChange {
                cell: self.draft.cell_after(change.cell.sku, change.cell.location),
                ..*change
            });
            Box::new(Superseded { reservation, lines: lines.collect() })
        });
        let event = Event::Reserved(Box::new(Reserved {
            channel,
            purpose: reserve.purpose,
            confirmed: reserve.confirm,
            expires_at: self.draft.now.plus_seconds(u64::from(reserve.ttl_seconds).min(self.settings.hold_seconds_max)),
            customer: reserve.customer,
            order: reserve.order,
            lines,
            supersedes,
        }));
        let seq = self.draft.log(cause.take(), event);
        Ok(Answer::Reservation(ReservationId(seq), seq))
    }

    /// Whether a cell can give what is asked of it, and if not, what was short, how many it can give, and the rule behind
    /// it.
    fn grant(
        &mut self,
        book: &Book,
        demand: &Demand,
        channel: ChannelId,
    ) -> Result<(), (Constraint, u32, Option<RuleId>)> {
        let net = demand.requested.saturating_sub(demand.released);
        if net == 0 {
            return Ok(());
        }
        let gate = self.draft.gate(book, demand.sku, demand.location, channel);
        let cell = self.draft.cell(demand.sku, demand.location);
        if !cell.exists {
            return Err((Constraint::UnknownCell, 0, None));
        }
        let free = gate.available(cell.level);
        let short = |constraint| (constraint, free.saturating_add(demand.released), gate.rule_behind(constraint));
        gate.reserve(cell.level, net).map(drop).map_err(short)
    }

    /// What the hold that is to be replaced gives back. One that expired gives back nothing more; any other that is no
    /// longer held must not be replaced, since its units are somebody's order.
    fn released_by(
        &mut self,
        supersedes: Option<ReservationId>,
    ) -> Result<Few<(ReservationId, LineChange)>, crate::command::Failure> {
        let Some(id) = supersedes else { return Ok(Few::new()) };
        let Some(old) = self.draft.reservation(id) else {
            return Err(Refusal::NotFound("reservation to supersede").into());
        };
        match old.state {
            State::Held => {
                let lines: Vec<_> =
                    (0..).zip(old.lines.iter().copied()).filter(|(_, line)| line.outstanding() > 0).collect();
                let change = |(line, held): (u16, crate::reservation::Line)| {
                    let cell = self.draft.cell_after(held.sku, held.location);
                    (id, LineChange { line, quantity: held.outstanding(), cell })
                };
                Ok(lines.into_iter().map(change).collect())
            }
            State::Expired => Ok(Few::new()),
            state => Err(Refusal::WrongState(state).into()),
        }
    }
}

/// Adds up what all lines ask of each cell: two lines on one cell are one demand.
fn demands(reserve: &Reserve, released: &Few<(ReservationId, LineChange)>) -> Few<Demand> {
    let mut demands: Few<Demand> = Few::new();
    for line in &reserve.lines {
        let same = |demand: &&mut Demand| (demand.sku, demand.location) == (line.sku, line.location);
        match demands.iter_mut().find(same) {
            Some(demand) => demand.requested = demand.requested.saturating_add(line.quantity),
            None => {
                let here = |change: &&(ReservationId, LineChange)| {
                    (change.1.cell.sku, change.1.cell.location) == (line.sku, line.location)
                };
                let released = released.iter().filter(here).map(|(_, change)| change.quantity).sum();
                let (sku, location) = (line.sku, line.location);
                demands.push(Demand { sku, location, requested: line.quantity, granted: 0, released });
            }
        }
    }
    for demand in &mut demands {
        demand.granted = demand.requested;
    }
    demands
}
