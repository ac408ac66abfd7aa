//! Deciding where promises are: making the location of one that was asked of a group public, and moving one elsewhere.

use super::draft::Answer;
use super::plan::Plan;
use super::{Decision, Sequencer};
use crate::command::{Failure, Rebind, Refusal, Short};
use crate::event::{Cause, Event, Rebound};
use crate::ids::{LocationId, ReservationId, SkuId};
use crate::ledger::Shift;
use crate::level::Constraint;
use crate::reservation::Line;

/// Units of one line that are to be in another place, or to stay where they are.
struct Wanted {
    line: u16,
    sku: SkuId,
    from: LocationId,
    to: LocationId,
    quantity: u32,
}

impl Sequencer {
    /// One record: what is to be elsewhere goes there, and with `binds` the locations become public.
    pub(super) fn rebind(
        &mut self,
        id: ReservationId,
        lines: Option<&[Rebind]>,
        binds: bool,
        cause: &mut Option<Box<Cause>>,
    ) -> Decision {
        let reservation = self.draft.reservation(id).ok_or(Refusal::NotFound("reservation"))?;
        let (channel, version) = (reservation.channel, reservation.version);
        let wanted = wanted(&reservation.lines, lines, binds)?;
        let moves: Vec<_> = wanted.iter().filter(|units| units.from != units.to).collect();
        let nothing_to_bind = !binds || wanted.is_empty();
        if moves.is_empty() && nothing_to_bind {
            return Ok(Answer::Reservation(id, version));
        }
        // Room for all of it before any of it moves; what it leaves behind is room for others of it.
        let mut plan = Plan::new(channel, self.state.rules.share_book());
        for units in &moves {
            plan.release(units.sku, units.from, units.quantity);
        }
        let own = self.draft.reservation(id).cloned().ok_or(Refusal::NotFound("reservation"))?;
        self.draft.ledger.reopen(&Shift::hiding(&own));
        let mut shorts = Vec::new();
        for (at, units) in wanted.iter().enumerate().filter(|_| binds) {
            let group = own.lines.get(usize::from(units.line)).and_then(Line::unbound);
            if group.is_some_and(|group| !self.draft.members(group).contains(&units.to)) {
                let (requested, constraint) = (units.quantity, Constraint::Group);
                shorts.push(Short { line: at, requested, available: 0, constraint, rule: None });
            }
        }
        for (at, units) in moves.iter().enumerate() {
            let room = self.room(&plan, units.sku, units.to);
            let missing = units.quantity.saturating_sub(room);
            if missing > 0 && self.make_room(&mut plan, units.sku, units.to, missing) < missing {
                let exists = self.draft.cell(units.sku, units.to).exists;
                let constraint = if exists { Constraint::Reserved } else { Constraint::UnknownCell };
                shorts.push(Short { line: at, requested: units.quantity, available: room, constraint, rule: None });
            }
            plan.take(units.sku, units.to, units.quantity);
        }
        let schedule = if shorts.is_empty() { self.schedule(&plan) } else { None };
        if let Some(schedule) = &schedule {
            self.log_moves(schedule);
        }
        self.draft.ledger.reopen(&Shift::showing(&own));
        if schedule.is_none() {
            return Err(Refusal::Insufficient(shorts).into());
        }

        // Nothing below may refuse. A part of a line becomes a line of its own, behind the last.
        let mut left: Vec<_> = own.lines.iter().map(|line| (line.outstanding(), line.collected)).collect();
        let (mut bound, mut shifted) = (Vec::new(), Vec::new());
        for units in &wanted {
            let mut line = units.line;
            if units.from != units.to {
                shifted.push(self.shift_units(units.sku, units.line, units.quantity, units.from, units.to));
                let next_line = left.len() as u16;
                if let Some((outstanding, collected)) = left.get_mut(usize::from(units.line))
                    && (units.quantity < *outstanding || *collected > 0)
                {
                    *outstanding -= units.quantity;
                    line = next_line;
                    left.push((units.quantity, 0));
                }
            }
            // Whoever names a place knows it from then on.
            let open = own.lines.get(usize::from(units.line)).is_some_and(|line| line.unbound().is_some());
            if open && (binds || units.from != units.to) {
                bound.push(line);
            }
        }
        // Every cell as it is after the whole event.
        for moved in &mut shifted {
            moved.from = self.draft.cell_after(moved.from.sku, moved.from.location);
            moved.to = self.draft.cell_after(moved.to.sku, moved.to.location);
        }
        let event = Event::Rebound(Box::new(Rebound { reservation: id, moves: shifted, bound }));
        Ok(Answer::Reservation(id, self.draft.log(cause.take(), event)))
    }
}

/// The lines and units that a request means.
fn wanted(lines: &[Line], asked: Option<&[Rebind]>, binds: bool) -> Result<Vec<Wanted>, Failure> {
    let mine = |line: &Line| line.outstanding() > 0 && (!binds || line.unbound().is_some());
    let stay = |(number, line): (u16, &Line)| Wanted {
        line: number,
        sku: line.sku,
        from: line.location,
        to: line.location,
        quantity: line.outstanding(),
    };
    let Some(asked) = asked else {
        return Ok((0..).zip(lines).filter(|(_, line)| mine(line)).map(stay).collect());
    };
    let mut found: Vec<Wanted> = Vec::new();
    for (at, units) in asked.iter().enumerate() {
        let fits = |line: &Line| {
            line.sku == units.sku
                && units.from.is_none_or(|from| line.location == from && line.unbound().is_none())
                && units.group.is_none_or(|group| line.terms.as_ref().is_some_and(|terms| terms.group == Some(group)))
        };
        let here: Vec<_> = (0..).zip(lines).filter(|(_, line)| mine(line) && fits(line)).collect();
        if here.is_empty() {
            let reason = if binds { "is not in this reservation, or is bound" } else { "is not in this reservation" };
            return Err(Refusal::invalid(format!("lines[{at}].sku"), reason).into());
        }
        let mut left = units.quantity.unwrap_or(u32::MAX);
        for (number, line) in here {
            let used: u32 = found.iter().filter(|known| known.line == number).map(|known| known.quantity).sum();
            let quantity = left.min(line.outstanding() - used.min(line.outstanding()));
            if quantity > 0 {
                let to = units.to.unwrap_or(line.location);
                found.push(Wanted { quantity, to, ..stay((number, line)) });
                left -= quantity;
            }
        }
        if units.quantity.is_some() && left > 0 {
            let reason = format!("{left} more than the reservation has of these");
            return Err(Refusal::invalid(format!("lines[{at}].quantity"), reason).into());
        }
    }
    Ok(found)
}
