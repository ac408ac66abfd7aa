//! Audits promises and the steps of their life, from the events alone.

use std::collections::BTreeMap;

use super::ReservationState;
use super::promise::{LineChange, Reallocated};
use crate::audit::{Audited, AuditedLine, Books, Stated};
use crate::effect::{At, Made, Step};
use crate::ids::{LocationId, ReservationId, SkuId};
use crate::kernel::cell_after::CellAfter;
use crate::level::StockLevel;
use crate::rules::audit::{Planned, RuleAudit};
use crate::supply::received::Fill;

pub(crate) fn step(books: &mut Books, at: At<'_>, step: Step<'_>) -> Result<(), String> {
    match step {
        Step::Made(made) => check_made(books, at, made),
        // Checked with the promise that replaces it.
        Step::Superseded(_) => Ok(()),
        Step::Collected(event) => {
            use_up_lines(books, event.reservation, &event.lines, true)?;
            advance(
                books,
                event.reservation,
                &[ReservationState::Confirmed, ReservationState::Ready],
                None,
                ReservationState::Collected,
            )
        }
        Step::Cancelled(event) => {
            use_up_lines(books, event.reservation, &event.lines, false)?;
            let to = if event.whole { Some(ReservationState::Cancelled) } else { None };
            advance(
                books,
                event.reservation,
                &[ReservationState::Held, ReservationState::Confirmed, ReservationState::Ready],
                to,
                ReservationState::Cancelled,
            )
        }
        Step::Expired(event) => {
            use_up_lines(books, event.reservation, &event.lines, false)?;
            move_on(
                books,
                event.reservation,
                &[ReservationState::Held, ReservationState::Confirmed, ReservationState::Ready],
                ReservationState::Expired,
            )
        }
        Step::Confirmed(event) => {
            move_on(books, event.reservation, &[ReservationState::Held], ReservationState::Confirmed)
        }
        Step::PickupBySet(event) => advance(
            books,
            event.reservation,
            &[ReservationState::Confirmed, ReservationState::Ready],
            None,
            ReservationState::Confirmed,
        ),
        Step::Readied(event) => {
            move_on(books, event.reservation, &[ReservationState::Confirmed], ReservationState::Ready)
        }
        Step::Reallocated(event) => reallocated(books, event),
        Step::Extended(event) => move_on(books, event.reservation, &[ReservationState::Held], ReservationState::Held),
    }
}

fn check_made(books: &mut Books, at: At<'_>, made: Made<'_>) -> Result<(), String> {
    let reserved = made.reserved;
    let stated = stated_by(made);
    check_terms(books, made)?;
    let mut changes: BTreeMap<(SkuId, LocationId), i64> = BTreeMap::new();
    let conjured =
        |law: &RuleAudit, key: (SkuId, LocationId), change: i64| if law.is_tracked(key.0) { 0 } else { change };
    for superseded in made.superseded() {
        for line in &superseded.lines {
            let (key, present) = use_up(books, superseded.reservation, line, false)?;
            *changes.entry(key).or_default() -= i64::from(present);
        }
        move_on(books, superseded.reservation, &[ReservationState::Held], ReservationState::Cancelled)?;
    }
    let id = made.id(at.seq);
    if let Some(arranged) = made.arranged {
        books.supply.check_waits(&books.rules, id, at.time, arranged)?;
    }
    books.supply.check_orders(&books.rules, made, at)?;
    let mut audited = Audited {
        lines: Vec::new(),
        terms: made.terms.to_vec(),
        state: None,
        channel: reserved.channel,
        orders: made.orders().iter().copied().collect(),
    };
    for (number, line) in (0..).zip(&reserved.lines) {
        let key = (line.cell.sku, line.cell.location);
        if line.quantity > line.requested {
            return Err(format!("{} units were promised where {} were requested", line.quantity, line.requested));
        }
        let wait = made.waits().iter().find(|wait| wait.line == number);
        let waiting = wait.map(|wait| wait.quantity);
        *changes.entry(key).or_default() += i64::from(line.quantity - waiting.unwrap_or(0));
        audited.lines.push(AuditedLine { key, quantity: line.quantity, collected: 0, waiting });
    }
    for (line, terms) in reserved.lines.iter().zip(&audited.terms) {
        books.rules.count(&terms.charges, line.cell.sku, line.quantity.into(), 0);
    }
    audited.state = Some(if reserved.confirmed { ReservationState::Confirmed } else { ReservationState::Held });
    for (key, change) in changes.iter().filter(|(key, change)| **change != 0 || stated.contains_key(*key)) {
        let (before, safety_stock) = books.cells.get(key).copied().unwrap_or_default();
        if *change > 0 {
            let held_back = books.rules.held_back(*key, reserved.channel, before, safety_stock)?;
            books.check_promise(*key, *change, before, held_back, "were promised")?;
        }
        let stated = stated.get(key).ok_or("a promised cell is not among the cells of its record")?;
        let on_hand = i64::from(before.on_hand) + conjured(&books.rules, *key, *change);
        books.state_level(stated, on_hand, i64::from(before.reserved) + change)?;
    }
    books.reservations.insert(id, audited);
    Ok(())
}

/// The cells of a promise, each as it is after the promise.
fn stated_by(made: Made<'_>) -> Stated {
    let mut stated = Stated::new();
    let lines = made.superseded().flat_map(|old| old.lines.iter().map(|line| line.cell));
    let own = made.reserved.lines.iter().filter(|line| line.quantity > 0).map(|line| line.cell);
    stated.extend(lines.chain(own).map(|cell| ((cell.sku, cell.location), cell)));
    stated
}

/// Every line of a promise is where it was requested, counts against the quotas that apply there, and takes nothing
/// that they keep for others.
fn check_terms(books: &mut Books, made: Made<'_>) -> Result<(), String> {
    let (reserved, terms) = (made.reserved, made.terms);
    for (at, line) in reserved.lines.iter().enumerate() {
        let group = terms.get(at).and_then(|terms| terms.group).filter(|_| line.quantity > 0);
        if group.is_some_and(|group| !books.rules.is_in(line.cell.location, group)) {
            return Err("units were promised outside the requested group".into());
        }
    }
    if !books.rules.has_quotas() {
        return Ok(());
    }
    // The units of the replaced hold count as released before anything is taken.
    let mut cells: BTreeMap<SkuId, Vec<(LocationId, StockLevel, i64)>> = BTreeMap::new();
    let mut planned = Planned::new();
    let mut given_back: BTreeMap<(SkuId, LocationId), u32> = BTreeMap::new();
    let lines = made.superseded().flat_map(|old| old.lines.iter().map(|line| (old.reservation, line)));
    for (old, line) in lines {
        let old = books.reservations.get(&old);
        let terms = old.and_then(|old| old.terms.get(usize::from(line.line)));
        let waiting = old.and_then(|old| old.lines.get(usize::from(line.line))?.waiting).unwrap_or(0);
        *given_back.entry((line.cell.sku, line.cell.location)).or_default() +=
            line.quantity - waiting.min(line.quantity);
        for (rule, since) in terms.iter().flat_map(|terms| &terms.charges) {
            *planned.entry((*rule, *since, line.cell.sku)).or_default() -= i64::from(line.quantity);
        }
    }
    for (at, line) in reserved.lines.iter().enumerate() {
        let (sku, location) = (line.cell.sku, line.cell.location);
        let charges = books.rules.charges(sku, location, reserved.channel);
        let stated = terms.get(at).map(|terms| terms.charges.clone()).unwrap_or_default();
        if line.quantity > 0 && charges != stated {
            return Err(format!("a line counts against {stated:?}, and {charges:?} apply to it"));
        }
        let row = cells.entry(sku).or_insert_with(|| {
            let row = books.cells.range((sku, LocationId(0))..=(sku, LocationId(u32::MAX)));
            row.map(|((_, at), (level, own))| {
                let back = given_back.get(&(sku, *at)).copied().unwrap_or(0);
                let level = StockLevel { reserved: level.reserved.saturating_sub(back), ..*level };
                (*at, level, books.rules.held_back_from_all((sku, *at), level, *own))
            })
            .collect()
        });
        let own_units = given_back.get(&(sku, location)).copied().unwrap_or(0);
        let wait = made.waits().iter().find(|wait| usize::from(wait.line) == at);
        let present = line.quantity - wait.map_or(0, |wait| wait.quantity);
        if present > own_units {
            books.rules.check_quotas((sku, location), reserved.channel, present.into(), row, &planned)?;
        }
        for (rule, since) in &charges {
            *planned.entry((*rule, *since, sku)).or_default() += i64::from(line.quantity);
        }
        if let Some((_, level, _)) = row.iter_mut().find(|(at, ..)| *at == location) {
            level.reserved += present;
        }
    }
    Ok(())
}

/// Units of a reservation move: they were its own, the cells add up, and there was room at the new location.
fn reallocated(books: &mut Books, event: &Reallocated) -> Result<(), String> {
    let id = event.reservation;
    let held = books.reservations.get(&id).ok_or_else(|| format!("reservation {} is unknown", id.0))?;
    let channel = held.channel;
    if !matches!(held.state, Some(ReservationState::Held | ReservationState::Confirmed)) {
        return Err(format!("a reservation that is {:?} was moved", held.state));
    }
    let mut changes: BTreeMap<(SkuId, LocationId), (i64, Option<CellAfter>)> = BTreeMap::new();
    for moved in &event.moves {
        let (from, to) = ((moved.from.sku, moved.from.location), (moved.to.sku, moved.to.location));
        let held = books.reservations.get_mut(&id).ok_or("the reservation is unknown")?;
        let line = held.lines.get(usize::from(moved.line)).ok_or("it has no such line")?;
        let (line, units) = (*line, moved.quantity);
        if line.key != from || line.present() < units || from.0 != to.0 {
            return Err(format!("{units} units moved that the line does not have there"));
        }
        let whole = line.quantity == units && line.collected == 0 && line.waiting.unwrap_or(0) == 0;
        let of = held.terms.get(usize::from(moved.line)).cloned();
        let joins = of.as_ref().is_some_and(|terms| terms.is_unallocated() && event.bound.is_empty());
        let other = (0..held.lines.len()).find(|at| {
            let other = held.lines.get(*at).filter(|_| *at != usize::from(moved.line) && joins);
            other.is_some_and(|other| other.key == to && other.collected == 0 && other.waiting.is_none())
                && held.terms.get(*at) == of.as_ref()
        });
        match other.and_then(|at| held.lines.get_mut(at)) {
            Some(other) => {
                other.quantity += units;
                if let Some(line) = held.lines.get_mut(usize::from(moved.line)) {
                    line.quantity -= units;
                }
            }
            None if whole => held.lines.get_mut(usize::from(moved.line)).ok_or("it has no such line")?.key = to,
            None => {
                held.lines.get_mut(usize::from(moved.line)).ok_or("it has no such line")?.quantity -= units;
                held.lines.push(AuditedLine { key: to, quantity: units, collected: 0, waiting: None });
                held.terms.extend(of);
            }
        }
        let of = held.terms.get(usize::from(moved.line)).filter(|terms| terms.is_unallocated());
        let public = event.bound.contains(&moved.line) || event.bound.contains(&(held.lines.len() as u16 - 1));
        if let Some(group) = of.and_then(|terms| terms.group).filter(|_| !public)
            && !books.rules.is_in(to.1, group)
        {
            return Err("units of a group line moved out of the group".into());
        }
        for (key, cell, sign) in [(from, moved.from, -1), (to, moved.to, 1)] {
            let change = changes.entry(key).or_default();
            change.0 += sign * i64::from(units);
            change.1 = Some(cell);
        }
    }
    let held = books.reservations.get_mut(&id).ok_or("the reservation is unknown")?;
    for line in &event.bound {
        let terms = held.terms.get_mut(usize::from(*line)).ok_or("a line without terms was bound")?;
        if !terms.is_unallocated() {
            return Err("a line was bound that was not unallocated".into());
        }
        terms.bound = true;
    }
    for (key, (change, after)) in changes {
        let (before, safety_stock) = books.cells.get(&key).copied().unwrap_or_default();
        if change > 0 {
            let held_back = books.rules.held_back(key, channel, before, safety_stock)?;
            books.check_promise(key, change, before, held_back, "came to")?;
        }
        let stated = after.ok_or("a cell is not among those of its record")?;
        let conjured = if books.rules.is_tracked(key.0) { 0 } else { change };
        books.state_level(&stated, i64::from(before.on_hand) + conjured, i64::from(before.reserved) + change)?;
    }
    Ok(())
}

/// Units that arrived were given to backorders, and are among the reserved units of their cell from now on.
pub(crate) fn filled(books: &mut Books, fills: &[Fill]) -> Result<(), String> {
    let mut changes: BTreeMap<(SkuId, LocationId), (i64, CellAfter)> = BTreeMap::new();
    books.supply.check_fills(fills)?;
    for fill in fills {
        let held =
            books.reservations.get_mut(&fill.reservation).ok_or("a backorder of an unknown promise was filled")?;
        let line = held.lines.get_mut(usize::from(fill.line)).ok_or("it has no such line")?;
        line.waiting = line.waiting.map(|waiting| waiting - fill.quantity);
        let change = changes.entry(line.key).or_insert((0, fill.cell));
        change.0 += i64::from(fill.quantity);
    }
    for (key, (units, stated)) in changes {
        let before = books.level(key);
        books.state_level(&stated, before.on_hand.into(), i64::from(before.reserved) + units)?;
    }
    Ok(())
}

/// Units of a line were collected or cancelled: its cell, and the units of them on hand.
fn use_up(
    books: &mut Books,
    id: ReservationId,
    line: &LineChange,
    collected: bool,
) -> Result<((SkuId, LocationId), u32), String> {
    let reservation = books.reservations.get_mut(&id).ok_or_else(|| format!("reservation {} is unknown", id.0))?;
    let held =
        reservation.lines.get_mut(usize::from(line.line)).ok_or_else(|| format!("it has no line {}", line.line))?;
    let left = if collected { held.present() } else { held.quantity - held.collected };
    if line.quantity > left {
        return Err(format!("{} units of a line that has {left} left", line.quantity));
    }
    let units = i64::from(line.quantity);
    let counts = if collected {
        held.collected += line.quantity;
        (0, units)
    } else {
        held.quantity -= line.quantity;
        (-units, 0)
    };
    // Inbound units are cancelled first.
    let waited = held.waiting.map_or(0, |waiting| waiting.min(line.quantity)) * u32::from(!collected);
    held.waiting = held.waiting.map(|waiting| waiting - waited);
    let key = held.key;
    books.supply.stop_waiting(key, id, line.line, waited);
    if let Some(terms) = reservation.terms.get(usize::from(line.line)) {
        if collected && terms.is_unallocated() {
            return Err("units were collected whose location was unallocated".into());
        }
        books.rules.count(&terms.charges, key.0, counts.0, counts.1);
    }
    Ok((key, line.quantity - waited))
}

fn use_up_lines(books: &mut Books, id: ReservationId, lines: &[LineChange], collected: bool) -> Result<(), String> {
    let mut changes: BTreeMap<(SkuId, LocationId), (i64, CellAfter)> = BTreeMap::new();
    for line in lines {
        let (key, present) = use_up(books, id, line, collected)?;
        let (sum, after) = changes.entry(key).or_insert((0, line.cell));
        *sum += i64::from(present);
        *after = line.cell;
    }
    for (key, (units, stated)) in changes {
        let before = books.level(key);
        // Untracked units vanish with their promise in both cases.
        let leaves = collected || !books.rules.is_tracked(key.0);
        let on_hand = i64::from(before.on_hand) - if leaves { units } else { 0 };
        books.state_level(&stated, on_hand, i64::from(before.reserved) - units)?;
    }
    Ok(())
}

/// A step that closes the reservation if nothing is left of it.
fn advance(
    books: &mut Books,
    id: ReservationId,
    from: &[ReservationState],
    to: Option<ReservationState>,
    empty: ReservationState,
) -> Result<(), String> {
    let reservation = books.reservations.get(&id).ok_or_else(|| format!("reservation {} is unknown", id.0))?;
    let left = reservation.lines.iter().any(|line| line.quantity > line.collected);
    let some_collected = reservation.lines.iter().any(|line| line.collected > 0);
    let end = match (to, left) {
        (Some(to), _) => to,
        (None, true) => reservation.state.unwrap_or(empty),
        (None, false) if some_collected => ReservationState::Collected,
        (None, false) => empty,
    };
    move_on(books, id, from, end)
}

fn move_on(
    books: &mut Books,
    id: ReservationId,
    from: &[ReservationState],
    to: ReservationState,
) -> Result<(), String> {
    let reservation = books.reservations.get_mut(&id).ok_or_else(|| format!("reservation {} is unknown", id.0))?;
    match reservation.state {
        Some(state) if from.contains(&state) => {
            reservation.state = Some(to);
            if matches!(to, ReservationState::Cancelled | ReservationState::Expired) {
                books.supply.forget_orders(&reservation.orders);
            }
            Ok(())
        }
        state => Err(format!("a reservation that is {state:?} became {to:?}")),
    }
}
