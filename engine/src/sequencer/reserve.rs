//! Deciding a promise: all lines or none, netted against the hold that it replaces, in named locations or anywhere in a
//! group.

use std::sync::Arc;

use super::draft::Answer;
use super::plan::Plan;
use super::{Decision, Sequencer, no_ids_left};
use crate::command::{Failure, GroupLine, Refusal, Reserve, Short};
use crate::event::{Cause, Event, Few, LineChange, LineTerms, Promised, Reserved, ReservedLine, Superseded};
use crate::ids::{ChannelId, LocationId, ReservationId, SkuId};
use crate::ledger::{Counted, Shift};
use crate::level::{Constraint, StockChange, StockLevel};
use crate::reservation::State;
use crate::rules::RuleId;

/// What all lines together ask of one cell.
struct Demand {
    sku: SkuId,
    location: LocationId,
    requested: u32,
    granted: u32,
    /// Units of the cell that the replaced hold gives back.
    released: u32,
}

/// Lines that a reservation may come to have, far from what a record can hold.
pub(super) const LINES_MAX: usize = 16_384;

/// A line of the promise to be, in the place that was found for it.
struct Placed {
    /// Which line of the request.
    at: usize,
    sku: SkuId,
    location: LocationId,
    requested: u32,
    quantity: u32,
    terms: LineTerms,
}

impl Sequencer {
    pub(super) fn reserve(&mut self, reserve: Reserve, cause: &mut Option<Box<Cause>>) -> Decision {
        let channel = self.draft.intern_channel(&reserve.channel).ok_or_else(|| no_ids_left("channel"))?;
        let released = self.released_by(reserve.supersedes)?;
        // The hold that is replaced goes away: its open promises make no room, and are not moved.
        let replaced =
            reserve.supersedes.and_then(|id| self.draft.reservation(id)).filter(|old| old.has_terms()).cloned();
        self.draft.ledger.reopen(&replaced.as_ref().map(Shift::hiding).unwrap_or_default());
        let placed = self.place(&reserve, channel, &released);
        self.draft.ledger.reopen(&replaced.as_ref().map(Shift::showing).unwrap_or_default());
        let placed = placed?;

        // Nothing below may refuse.
        for (_, change) in &released {
            self.promise(change.cell.sku, change.cell.location, StockChange::reserve(change.quantity).inverse());
        }
        for line in placed.iter().filter(|line| line.quantity > 0) {
            self.promise(line.sku, line.location, StockChange::reserve(line.quantity));
        }
        let lines = placed.iter().map(|line| ReservedLine {
            requested: line.requested,
            quantity: line.quantity,
            cell: self.draft.cell_after(line.sku, line.location),
        });
        let lines: Few<ReservedLine> = lines.collect();
        let supersedes = reserve.supersedes.filter(|_| !released.is_empty()).map(|reservation| {
            let lines = released.iter().map(|(_, change)| LineChange {
                cell: self.draft.cell_after(change.cell.sku, change.cell.location),
                ..*change
            });
            Box::new(Superseded { reservation, lines: lines.collect() })
        });
        let reserved = Reserved {
            channel,
            purpose: reserve.purpose,
            confirmed: reserve.confirm,
            expires_at: self.draft.now.plus_seconds(u64::from(reserve.ttl_seconds).min(self.settings.hold_seconds_max)),
            customer: reserve.customer,
            order: reserve.order,
            lines,
            supersedes,
        };
        let on_terms = placed.iter().any(|line| line.terms != LineTerms::default());
        let event = if on_terms {
            let terms = placed.into_iter().map(|line| line.terms).collect();
            Event::Promised(Box::new(Promised { reserved, terms }))
        } else {
            Event::Reserved(Box::new(reserved))
        };
        let seq = self.draft.log(cause.take(), event);
        Ok(Answer::Reservation(ReservationId(seq), seq))
    }

    /// Finds a place for every line, and moves what has to make room for them.
    fn place(
        &mut self,
        reserve: &Reserve,
        channel: ChannelId,
        released: &Few<(ReservationId, LineChange)>,
    ) -> Result<Vec<Placed>, Failure> {
        let mut plan = Plan::new(channel, self.state.rules.share_book());
        self.plan_release(&mut plan, released);
        let mut shorts = Vec::new();
        let mut placed = self.place_in_locations(&mut plan, reserve, released, &mut shorts);
        for line in &reserve.group_lines {
            self.place_in_group(&mut plan, line, &mut placed, &mut shorts);
        }
        let granted = placed.iter().any(|line| line.quantity > 0);
        let some_will_do = reserve.allow_partial && granted;
        if !shorts.is_empty() && !some_will_do {
            shorts.sort_by_key(|short| short.line);
            return Err(Refusal::Insufficient(shorts).into());
        }
        placed.sort_by_key(|line| line.at);
        // Every location of a group may come to have a line of its own.
        let reach: usize = reserve.group_lines.iter().map(|line| self.draft.members(line.group).len()).sum();
        if placed.len() + reach > LINES_MAX {
            let reason = format!("the groups have {reach} locations together; a reservation reaches {LINES_MAX}");
            return Err(Refusal::invalid("lines", reason).into());
        }
        let Some(moves) = self.schedule(&plan) else {
            let short = |line: &Placed| {
                let (line, requested, constraint) = (line.at, line.requested, Constraint::Group);
                Short { line, requested, available: 0, constraint, rule: None }
            };
            return Err(Refusal::Insufficient(placed.iter().map(short).collect()).into());
        };
        self.check_quotas_again(&plan, &placed, released)?;
        self.log_moves(&moves);
        Ok(placed)
    }

    /// What moved to make room may have left less to quotas than when they were asked: with everything in its place, each
    /// line still takes nothing that is kept for others.
    fn check_quotas_again(
        &mut self,
        plan: &Plan,
        placed: &[Placed],
        released: &Few<(ReservationId, LineChange)>,
    ) -> Result<(), Failure> {
        if !plan.book.has_quotas() {
            return Ok(());
        }
        let mut again = plan.before_taking();
        self.plan_release(&mut again, released);
        for line in placed.iter().filter(|line| line.quantity > 0) {
            let own = released
                .iter()
                .filter(|(_, change)| (change.cell.sku, change.cell.location) == (line.sku, line.location));
            let own: u32 = own.map(|(_, change)| change.quantity).sum();
            if line.quantity > own
                && let Some((allowed, rule)) = self.quota_allows(&mut again, line.sku, line.location)
                && allowed < line.quantity
            {
                let (requested, constraint) = (line.requested, Constraint::Quota);
                let short = Short { line: line.at, requested, available: allowed, constraint, rule: Some(rule) };
                return Err(Refusal::Insufficient(vec![short]).into());
            }
            self.plan_take(&mut again, line.sku, line.location, line.quantity);
        }
        Ok(())
    }

    /// Changes what is promised in a cell of the draft.
    fn promise(&mut self, sku: SkuId, location: LocationId, change: StockChange) {
        let level = self.draft.cell(sku, location).level.checked_add(change);
        let level = level.expect("what is granted is free, and what is given back is among the reserved units");
        self.draft.set_level(sku, location, level);
    }

    /// The units of the replaced hold are there for the new one, and count against no quota any more.
    fn plan_release(&mut self, plan: &mut Plan, released: &[(ReservationId, LineChange)]) {
        for (id, change) in released {
            plan.release(change.cell.sku, change.cell.location, change.quantity);
            let held = self.draft.reservation(*id).and_then(|held| held.lines.get(usize::from(change.line)));
            let charges = held.and_then(|line| line.terms.as_ref()).map(|terms| terms.charges.clone());
            for (rule, since) in charges.unwrap_or_default() {
                let counted = Counted { rule, since, sku: change.cell.sku };
                plan.charged.push((counted, -i64::from(change.quantity)));
            }
        }
    }

    /// Lines that name their location: added up cell by cell, each cell gives all that is asked of it or is short.
    fn place_in_locations(
        &mut self,
        plan: &mut Plan,
        reserve: &Reserve,
        released: &Few<(ReservationId, LineChange)>,
        shorts: &mut Vec<Short>,
    ) -> Vec<Placed> {
        let mut demands = demands(reserve, released);
        let mut terms = Vec::with_capacity(demands.len());
        for demand in &mut demands {
            if let Err((constraint, available, rule)) = self.grant(plan, demand) {
                demand.granted = available;
                if !reserve.allow_partial || available == 0 {
                    let asks =
                        |line: &crate::command::ReserveLine| (line.sku, line.location) == (demand.sku, demand.location);
                    let line = reserve.line_number(reserve.lines.iter().position(asks).unwrap_or_default());
                    shorts.push(Short { line, requested: demand.requested, available, constraint, rule });
                }
            }
            terms.push(self.plan_take(plan, demand.sku, demand.location, demand.granted));
        }
        let place = |(nth, line): (usize, &crate::command::ReserveLine)| {
            let of = |demand: &Demand| (demand.sku, demand.location) == (line.sku, line.location);
            let at = demands.iter().position(of).expect("every line is part of a demand");
            let left = &mut demands.get_mut(at).expect("just found").granted;
            let quantity = line.quantity.min(*left);
            *left -= quantity;
            Placed {
                at: reserve.line_number(nth),
                sku: line.sku,
                location: line.location,
                requested: line.quantity,
                quantity,
                terms: terms.get(at).cloned().unwrap_or_default(),
            }
        };
        reserve.lines.iter().enumerate().map(place).collect()
    }

    /// A line that names a group: units come from the location that fewest groups share, then from the next; where that
    /// is not enough, open promises make room.
    fn place_in_group(&mut self, plan: &mut Plan, line: &GroupLine, placed: &mut Vec<Placed>, shorts: &mut Vec<Short>) {
        let members = self.draft.members(line.group);
        let (first, mut missing) = (placed.len(), line.quantity);
        let mut limited = None;
        for rearranges in [false, true] {
            for location in members.iter().copied() {
                let mut here = 0;
                while here < missing {
                    let mut room = self.room(plan, line.sku, location);
                    if let Some((allowed, rule)) = self.quota_allows(plan, line.sku, location)
                        && allowed < room.max(1)
                    {
                        limited = Some(rule);
                        room = allowed;
                        if room == 0 {
                            break;
                        }
                    }
                    if room == 0 {
                        let wanted =
                            if rearranges { self.missing(plan, line.sku, location, missing - here) } else { 0 };
                        if wanted == 0 || self.make_room(plan, line.sku, location, wanted) == 0 {
                            break;
                        }
                    }
                    let units = room.min(missing - here);
                    if units > 0 {
                        self.plan_take(plan, line.sku, location, units);
                        here += units;
                    }
                }
                if here > 0 {
                    missing -= here;
                    let charges = self.charges(plan, line.sku, location);
                    let terms = LineTerms { group: Some(line.group), bound: false, charges };
                    let (at, sku) = (line.at, line.sku);
                    placed.push(Placed { at, sku, location, requested: here, quantity: here, terms });
                }
                if missing == 0 {
                    return;
                }
            }
        }
        let available = line.quantity - missing;
        let constraint = match limited {
            Some(_) => Constraint::Quota,
            None if members.iter().any(|at| self.state.matrix.find(line.sku, *at).is_some()) => Constraint::Group,
            None => Constraint::UnknownCell,
        };
        match placed.get_mut(first) {
            Some(place) => place.requested += missing,
            // Of a promise that takes what there is, the line stays, with nothing.
            None => placed.extend(members.first().map(|location| {
                let terms = LineTerms { group: Some(line.group), ..LineTerms::default() };
                let (at, sku, requested) = (line.at, line.sku, line.quantity);
                Placed { at, sku, location: *location, requested, quantity: 0, terms }
            })),
        }
        shorts.push(Short { line: line.at, requested: line.quantity, available, constraint, rule: limited });
    }

    /// Whether a cell can give what is asked of it, and if not, what was short, how many it can give, and the rule behind
    /// it.
    fn grant(&mut self, plan: &mut Plan, demand: &Demand) -> Result<(), (Constraint, u32, Option<RuleId>)> {
        let net = demand.requested.saturating_sub(demand.released);
        if net == 0 {
            return Ok(());
        }
        let (sku, location) = (demand.sku, demand.location);
        if !self.draft.cell(sku, location).exists {
            return Err((Constraint::UnknownCell, 0, None));
        }
        let book = Arc::clone(&plan.book);
        let gate = self.draft.gate(&book, sku, location, plan.channel);
        // What the replaced hold gives back is counted apart: it is there even where the cell is short.
        let level = |this: &mut Self, plan: &Plan| {
            let level = plan.level(this.draft.cell(sku, location).level, sku, location);
            StockLevel { reserved: level.reserved.saturating_add(demand.released), ..level }
        };
        let mut seen = level(self, plan);
        if gate.reserve(seen, net).is_err() && self.draft.ledger.open(sku, location).is_some() {
            let free = gate.free(seen).unwrap_or(i64::MAX);
            let missing = i64::from(net).saturating_sub(free).clamp(0, u32::MAX.into());
            self.make_room(plan, sku, location, missing as u32);
            seen = level(self, plan);
        }
        let free = gate.available(seen).saturating_add(demand.released);
        if let Some((allowed, rule)) = self.quota_allows(plan, sku, location) {
            let allowed = allowed.max(demand.released);
            if allowed < demand.requested.min(free) {
                return Err((Constraint::Quota, allowed, Some(rule)));
            }
        }
        let short = |constraint| (constraint, free, gate.rule_behind(constraint));
        gate.reserve(seen, net).map(drop).map_err(short)
    }

    /// What the hold that is to be replaced gives back. One that expired gives back nothing more; any other that is no
    /// longer held must not be replaced, since its units are somebody's order.
    fn released_by(&mut self, supersedes: Option<ReservationId>) -> Result<Few<(ReservationId, LineChange)>, Failure> {
        let Some(id) = supersedes else { return Ok(Few::new()) };
        let Some(old) = self.draft.reservation(id) else {
            return Err(Refusal::NotFound("reservation to supersede").into());
        };
        match old.state {
            State::Held => {
                let lines: Vec<_> =
                    (0..).zip(old.lines.iter().cloned()).filter(|(_, line)| line.outstanding() > 0).collect();
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
