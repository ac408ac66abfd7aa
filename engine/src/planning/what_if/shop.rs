//! The shop of a replay: cells, promises and rules in the simplest model.

use std::collections::BTreeMap;

use super::question::{Before, Question, Tallies, members, present_units};
use crate::demand::lost_demand::LostDemand;
use crate::effect::{Described, Effect, Made, Naming, RuleChange, Step};
use crate::event::Record;
use crate::ids::{ChannelId, GroupId, LocationId, Name, ReservationId, Seq, SkuId, Timestamp};
use crate::level::{StockChange, StockLevel, UNCOUNTED_MAX};
use crate::reservations::promise::{LineChange, OrderDay, Purpose};
use crate::rules::audit::{Planned, RuleAudit};
use crate::rules::{Effect as RuleEffect, Kind, Rule, RuleId};
use crate::state::DurableState;
use crate::supply::received::Fill;

type Cell = (SkuId, LocationId);

/// One line of a promise in the replay.
#[derive(Debug, Clone)]
struct Line {
    cell: Cell,
    /// Units on hand that are reserved.
    present: u32,
    /// Inbound units, as they were.
    waiting: u32,
    charges: Vec<(RuleId, Seq)>,
}

/// The demand that a request belongs to.
#[derive(Debug, Clone, Copy)]
struct Asker {
    channel: ChannelId,
    purpose: Purpose,
    now: Timestamp,
    /// Whether the request names one location, so that the units it releases are its own.
    names_place: bool,
}

pub(super) struct Shop<'a> {
    state: &'a DurableState,
    rule_audit: RuleAudit,
    tried: Vec<(RuleId, Name, Rule)>,
    /// Rules whose real changes are ignored.
    replaced: Vec<RuleId>,
    /// Changed cells; the others have their original level.
    cells: BTreeMap<Cell, (StockLevel, u32)>,
    /// The first record of the span: later promises are those of the replay.
    first: Seq,
    promises: BTreeMap<ReservationId, Vec<Line>>,
    orders: BTreeMap<OrderDay, i64>,
    /// The days that each promise counts against.
    days: BTreeMap<ReservationId, Vec<OrderDay>>,
    /// Units of the hold that the current promise replaces: they are its own, whatever else applies.
    own: BTreeMap<Cell, u32>,
    /// The members of requested groups.
    members: BTreeMap<GroupId, Vec<LocationId>>,
}

impl<'a> Shop<'a> {
    /// The state when the span began, with the requested changes.
    pub fn open(state: &'a DurableState, question: &Question, before: Before, rule_records: &[Record]) -> Self {
        let mut rule_audit = RuleAudit::default();
        rule_audit.start_from(state);
        rule_audit.forget_counts();
        before.tracking.iter().for_each(|(sku, tracked)| rule_audit.track(*sku, *tracked));
        // A rule applies from its record on; a rule without a record in the log has always applied.
        let mut seen: Vec<RuleId> = Vec::new();
        for record in rule_records {
            each_change(record, |change| match change {
                RuleChange::Set(rows) => {
                    for row in rows.iter().filter(|row| !seen.contains(&row.id)) {
                        rule_audit.remove(row.id);
                    }
                    seen.extend(rows.iter().map(|row| row.id));
                }
                RuleChange::Activated(rows) => {
                    for (id, in_force) in rows.iter().filter(|(id, _)| !seen.contains(id)) {
                        rule_audit.turn(*id, !in_force, 0);
                    }
                    seen.extend(rows.iter().map(|(id, _)| *id));
                }
            });
        }
        let earlier = |record: &&Record| !question.reaches(record);
        for record in rule_records.iter().filter(earlier) {
            each_change(record, |change| follow(&mut rule_audit, record.seq, change, &[]));
        }
        let mut replaced = Vec::new();
        let mut tried = Vec::new();
        let mut next = state.rules.next_id();
        for (name, rule) in question.tried(state) {
            let known = state.rules.get(name.as_str()).map(|standing| standing.id);
            let mut logged = None;
            for record in rule_records {
                each_change(record, |change| {
                    if let (None, RuleChange::Set(rows)) = (logged, change) {
                        logged = rows.iter().find(|row| row.name == name).map(|row| row.id);
                    }
                });
            }
            let id = known.or(logged).unwrap_or_else(|| {
                next = RuleId(next.0 + 1);
                RuleId(next.0 - 1)
            });
            rule_audit.remove(id);
            replaced.push(id);
            tried.extend(rule.map(|rule| (id, name, rule)));
        }
        let mut shop = Self {
            state,
            rule_audit,
            tried,
            replaced,
            cells: before.cells,
            first: 0,
            promises: BTreeMap::new(),
            orders: BTreeMap::new(),
            days: BTreeMap::new(),
            own: BTreeMap::new(),
            members: BTreeMap::new(),
        };
        for (sku, location, units) in &question.stock {
            shop.change((*sku, *location), StockChange::bring(*units));
        }
        shop
    }

    /// Applies one record and tallies its demand.
    pub fn live(&mut self, record: &Record, actual: &mut Tallies, replayed: &mut Tallies) {
        self.first = if self.first == 0 { record.seq } else { self.first };
        self.turn_tried(record);
        self.own.clear();
        record.event.effects(|effect| match effect {
            Effect::Rules(change) => follow(&mut self.rule_audit, record.seq, change, &self.replaced),
            Effect::Described(Described::Tracking(rows)) => {
                rows.iter().for_each(|(sku, tracked)| self.rule_audit.track(*sku, *tracked));
            }
            Effect::Names(Naming::Retired(names)) => {
                names.skus.iter().for_each(|(sku, _)| self.rule_audit.track(*sku, true));
            }
            Effect::Moved(_, row) if !row.absorbed => {
                self.change((row.cell.sku, row.cell.location), StockChange::bring(row.change));
            }
            Effect::Counted(_, row) => {
                let cell = (row.cell.sku, row.cell.location);
                let difference = if row.outdated { 0 } else { i64::from(row.counted) - i64::from(row.expected) };
                self.change(cell, StockChange::bring(difference));
                self.at(cell).1 = row.cell.safety_stock;
            }
            Effect::Filled(fills) => fills.iter().for_each(|fill| self.fill(fill)),
            Effect::Promise(step) => self.step(record, step, actual, replayed),
            Effect::Refused(purpose, row) => {
                let purpose = purpose.unwrap_or(if row.is_order { Purpose::Delivery } else { Purpose::Cart });
                self.ask_again(row, purpose, record.time, actual, replayed);
            }
            Effect::Cell(..)
            | Effect::Moved(..)
            | Effect::CountsConfirmed(_)
            | Effect::Shortage(..)
            | Effect::HandedOver(..)
            | Effect::Dated(_)
            | Effect::Inbound(_)
            | Effect::Names(_)
            | Effect::Described(_)
            | Effect::Receipt(_)
            | Effect::Cart(_)
            | Effect::Order(..)
            | Effect::Sales(_) => {}
        });
    }

    /// Applies a step of a promise.
    fn step(&mut self, record: &Record, step: Step<'_>, actual: &mut Tallies, replayed: &mut Tallies) {
        match step {
            Step::Made(made) => self.promise(record, made, actual, replayed),
            Step::Superseded(event) => self.take_back(record.seq, event.reservation, &event.lines, true, true),
            Step::Cancelled(event) => {
                self.take_back(record.seq, event.reservation, &event.lines, event.whole, false);
            }
            Step::Expired(event) => self.take_back(record.seq, event.reservation, &event.lines, true, false),
            Step::Collected(event) => {
                for line in &event.lines {
                    let cell = (line.cell.sku, line.cell.location);
                    let mut units = 0;
                    for (taken, charges) in self.take_from(event.reservation, cell, line.quantity) {
                        self.rule_audit.count(&charges, cell.0, 0, taken.into());
                        units += taken;
                    }
                    self.change(cell, StockChange { on_hand: -i64::from(units), reserved: -i64::from(units) });
                }
            }
            Step::Reallocated(event) => {
                for moved in &event.moves {
                    let (from, to) = ((moved.from.sku, moved.from.location), (moved.to.sku, moved.to.location));
                    self.reallocate(event.reservation, from, to, moved.quantity);
                }
            }
            Step::Confirmed(_) | Step::Readied(_) | Step::Extended(_) | Step::PickupBySet(_) => {}
        }
    }

    /// Applies a fill of backorders.
    fn fill(&mut self, fill: &Fill) {
        let cell = (fill.cell.sku, fill.cell.location);
        let is_earlier = self.is_earlier(fill.reservation);
        let units = match self.promises.get_mut(&fill.reservation) {
            Some(lines) => {
                let mut left = fill.quantity;
                for line in lines.iter_mut().filter(|line| line.cell == cell) {
                    let units = left.min(line.waiting);
                    line.waiting -= units;
                    line.present += units;
                    left -= units;
                }
                fill.quantity - left
            }
            None if is_earlier => fill.quantity,
            None => 0,
        };
        self.change(cell, StockChange::reserve(units));
    }

    /// Releases units of a promise's lines; removes the promise if it `is_whole` or nothing is left of it. The units of
    /// a promise that `is_replaced` belong to the new one.
    fn take_back(&mut self, seq: Seq, id: ReservationId, lines: &[LineChange], is_whole: bool, is_replaced: bool) {
        let present = present_units(self.state, id, seq, lines);
        for (line, present) in lines.iter().zip(present) {
            let cell = (line.cell.sku, line.cell.location);
            let units = self.give_back(id, cell, line.quantity, present);
            self.change(cell, self.rule_audit.promise(cell.0, units).inverse());
            if is_replaced {
                *self.own.entry(cell).or_default() += units;
            }
        }
        let is_empty = |lines: &Vec<Line>| lines.iter().all(|line| line.present + line.waiting == 0);
        // A promise with units that are left, or were collected, stays an order.
        if is_whole || self.promises.get(&id).is_some_and(is_empty) {
            for day in self.days.remove(&id).unwrap_or_default() {
                *self.orders.entry(day).or_default() -= 1;
            }
            self.promises.remove(&id);
        }
    }

    /// The tried rules become active and inactive by their own dates.
    fn turn_tried(&mut self, record: &Record) {
        for (id, name, rule) in &self.tried {
            let runs = rule.runs_at(record.time);
            if self.rule_audit.runs(*id) != Some(runs) {
                self.rule_audit.set(*id, name, rule, runs, record.seq);
            }
        }
    }

    /// Whether a promise was made before the span.
    fn is_earlier(&self, id: ReservationId) -> bool {
        id.0 < self.first
    }

    /// A cell, with its safety stock.
    fn at(&mut self, cell: Cell) -> &mut (StockLevel, u32) {
        let state = self.state;
        self.cells.entry(cell).or_insert_with(|| {
            state.matrix.get(cell.0, cell.1).map(|cell| (cell.durable(), cell.safety_stock())).unwrap_or_default()
        })
    }

    fn members(&mut self, group: GroupId) -> Vec<LocationId> {
        let state = self.state;
        self.members.entry(group).or_insert_with(|| members(state, group)).clone()
    }

    fn change(&mut self, cell: Cell, change: StockChange) {
        let (level, _) = self.at(cell);
        *level = level.checked_add(change).unwrap_or(*level);
    }

    /// Removes units on hand from a promise, with their quota counts. Promises of the span are all known, also refused
    /// ones; earlier ones are taken from the log.
    fn take_from(&mut self, id: ReservationId, cell: Cell, units: u32) -> Vec<(u32, Vec<(RuleId, Seq)>)> {
        let is_earlier = self.is_earlier(id);
        let Some(lines) = self.promises.get_mut(&id) else {
            return if is_earlier { vec![(units, Vec::new())] } else { Vec::new() };
        };
        let mut left = units;
        let mut taken = Vec::new();
        for line in lines.iter_mut().filter(|line| line.cell == cell && line.present > 0) {
            let units = left.min(line.present);
            line.present -= units;
            left -= units;
            taken.push((units, line.charges.clone()));
        }
        taken
    }

    fn give_back(&mut self, id: ReservationId, cell: Cell, units: u32, present: u32) -> u32 {
        let is_earlier = self.is_earlier(id);
        let Some(lines) = self.promises.get_mut(&id) else { return if is_earlier { present } else { 0 } };
        let (mut left, mut freed) = (units, 0);
        for line in lines.iter_mut().filter(|line| line.cell == cell) {
            let waited = left.min(line.waiting);
            line.waiting -= waited;
            let taken = (left - waited).min(line.present);
            line.present -= taken;
            left -= waited + taken;
            freed += taken;
            self.rule_audit.count(&line.charges, cell.0, -i64::from(waited + taken), 0);
        }
        freed
    }

    fn reallocate(&mut self, id: ReservationId, from: Cell, to: Cell, units: u32) {
        for (moved, charges) in self.take_from(id, from, units) {
            let promised = self.rule_audit.promise(from.0, moved);
            self.change(from, promised.inverse());
            self.change(to, promised);
            // Moved units still count where the promise was made.
            if let Some(lines) = self.promises.get_mut(&id) {
                lines.push(Line { cell: to, present: moved, waiting: 0, charges });
            }
        }
    }

    /// Requests a promise again: all or nothing, unless the original accepted less.
    fn promise(&mut self, record: &Record, made: Made<'_>, actual: &mut Tallies, replayed: &mut Tallies) {
        let reserved = made.reserved;
        let (channel, purpose, now) = (reserved.channel, reserved.purpose, record.time);
        let asker = Asker { channel, purpose, now, names_place: true };
        let some_will_do = reserved.lines.iter().any(|line| line.quantity < line.requested);
        let mut lines: Vec<Line> = Vec::new();
        let mut tallies = Vec::new();
        let mut refused = Vec::new();
        let mut short = false;
        for ask in asks(made) {
            for (nth, (at, asked, got)) in ask.got.iter().enumerate() {
                let tally = actual.entry((Some(*at), channel)).or_default();
                tally.count((*asked).into(), (*got).into(), nth == 0);
            }
            let home = if ask.group.is_some() { None } else { ask.got.first().map(|(at, ..)| *at) };
            refused.push((home, ask.requested(), 0, true));
            let places: Vec<_> = match ask.group {
                Some(group) => {
                    let takes = |at: &LocationId| self.state.catalogue.takes(*at, purpose);
                    self.members(group).into_iter().filter(takes).collect()
                }
                None => home.into_iter().collect(),
            };
            let mut got: BTreeMap<Option<LocationId>, (u64, u64)> = BTreeMap::new();
            let mut add = |at: Option<LocationId>, asked: u32, units: u32| {
                let sum = got.entry(at).or_default();
                (sum.0, sum.1) = (sum.0 + u64::from(asked), sum.1 + u64::from(units));
            };
            let waits: u64 = ask.waits.iter().map(|(_, units)| u64::from(*units)).sum();
            let mut left = ask.requested() - waits;
            for location in places {
                let (cell, asker) = ((ask.sku, location), Asker { names_place: ask.group.is_none(), ..asker });
                let wanted = left.min(u32::MAX.into()) as u32;
                let units = self.grant(cell, wanted, asker, some_will_do || ask.group.is_some());
                if units > 0 {
                    lines.push(self.take(cell, units, asker));
                    add(Some(location), units, units);
                    left -= u64::from(units);
                }
                if left == 0 {
                    break;
                }
            }
            for (location, waiting) in &ask.waits {
                let (cell, waiting) = ((ask.sku, *location), *waiting);
                lines.push(self.count_line(cell, 0, waiting, channel));
                add(Some(*location), waiting, waiting);
            }
            if left > 0 {
                short = true;
                // A group line with a partial result misses its rest at the location of that result.
                let first = got.keys().next().copied().unwrap_or(home);
                got.entry(first).or_default().0 += left;
            }
            // One line counts once, in however many locations its units are.
            tallies.extend(got.into_iter().enumerate().map(|(nth, (at, (asked, got)))| (at, asked, got, nth == 0)));
        }
        if short && !some_will_do {
            // All or nothing: release what was taken.
            for line in &lines {
                self.change(line.cell, self.rule_audit.promise(line.cell.0, line.present).inverse());
                self.rule_audit.count(&line.charges, line.cell.0, -i64::from(line.present + line.waiting), 0);
            }
            lines.clear();
            tallies = refused;
        } else {
            self.count_orders(Some(made.id(record.seq)), &lines, asker);
        }
        for (location, asked, got, is_line) in tallies {
            replayed.entry((location, channel)).or_default().count(asked, got, is_line);
        }
        // The replay ignores later records of a promise that it refused.
        if !lines.is_empty() {
            self.promises.insert(made.id(record.seq), lines);
        }
    }

    /// Makes refused requests again, one by one, each with its share of the units; granted units are kept.
    fn ask_again(
        &mut self,
        lost: &LostDemand,
        purpose: Purpose,
        now: Timestamp,
        actual: &mut Tallies,
        replayed: &mut Tallies,
    ) {
        let asker = Asker { channel: lost.channel, purpose, now, names_place: true };
        let place = (lost.location, lost.channel);
        let requests = u64::from(lost.requests.max(1));
        let tally = actual.entry(place).or_default();
        tally.refused += requests;
        tally.lost_units += lost.units;
        let places = match (lost.location, lost.group) {
            (Some(location), _) => vec![location],
            (None, Some(group)) => self.members(group),
            // An order that any location could have shipped.
            (None, None) => (0..self.state.catalogue.locations.count()).map(LocationId).collect(),
        };
        let places: Vec<_> = places.into_iter().filter(|at| self.state.catalogue.takes(*at, purpose)).collect();
        let (mut requests, mut units) = (requests, lost.units);
        while requests > 0 {
            let size = units.div_ceil(requests).min(u64::from(u32::MAX)) as u32;
            let granted = places.iter().find(|at| size > 0 && self.grant((lost.sku, **at), size, asker, false) == size);
            let Some(location) = granted.copied() else { break };
            let line = self.take((lost.sku, location), size, asker);
            self.count_orders(None, &[line], asker);
            replayed.entry((Some(location), lost.channel)).or_default().count(size.into(), size.into(), true);
            requests -= 1;
            units -= u64::from(size).min(units);
        }
        let rest = replayed.entry(place).or_default();
        rest.refused += requests;
        rest.lost_units += units;
    }

    /// The units of a cell that the replay's rules grant: all requested ones, or fewer if the request accepts that.
    fn grant(&mut self, cell: Cell, wanted: u32, asker: Asker, some_will_do: bool) -> u32 {
        let (level, safety_stock) = *self.at(cell);
        if self.day_is_full(cell.1, asker) {
            return 0;
        }
        if !self.rule_audit.is_tracked(cell.0) {
            let may_be_had = self.state.catalogue.has_uncounted_at(cell.1)
                && self.rule_audit.held_back(cell, asker.channel, level, safety_stock).is_ok();
            let room = UNCOUNTED_MAX - i64::from(level.on_hand);
            let units = if may_be_had { room.clamp(0, wanted.into()) as u32 } else { 0 };
            return if units == wanted || some_will_do { units } else { 0 };
        }
        // Its own units are there even if the cell is short.
        let own = self.own.get(&cell).copied().filter(|_| asker.names_place).unwrap_or(0);
        let before = StockLevel { reserved: level.reserved.saturating_add(own), ..level };
        let free = match self.rule_audit.held_back(cell, asker.channel, before, safety_stock) {
            Ok(held_back) => (before.free() - held_back).max(0),
            Err(_) => 0,
        };
        let free = (free + i64::from(own)).min(wanted.into()) as u32;
        let mut units = if free == wanted || some_will_do { free } else { 0 };
        if units > own && self.rule_audit.has_quotas() {
            let places: Vec<_> = self.state.matrix.row(cell.0).iter().map(|(_, cell)| cell.location()).collect();
            let row = places.into_iter().map(|location| {
                let (level, own) = *self.at((cell.0, location));
                (location, level, self.rule_audit.held_back_from_all((cell.0, location), level, own))
            });
            let row: Vec<_> = row.collect();
            let fits = |units: u32| {
                self.rule_audit.check_quotas(cell, asker.channel, units.into(), &row, &Planned::new()).is_ok()
            };
            if !fits(units) {
                // The largest number that fits, by bisection.
                let (mut low, mut high) = (own, if some_will_do { units } else { own });
                while low < high {
                    let middle = low + (high - low).div_ceil(2);
                    if fits(middle) { low = middle } else { high = middle - 1 }
                }
                units = if some_will_do || low == wanted { low } else { 0 };
            }
        }
        units
    }

    fn take(&mut self, cell: Cell, units: u32, asker: Asker) -> Line {
        self.change(cell, self.rule_audit.promise(cell.0, units));
        if let Some(own) = self.own.get_mut(&cell) {
            *own -= units.min(*own);
        }
        self.count_line(cell, units, 0, asker.channel)
    }

    /// A line of a promise; its units, inbound ones included, count against its channel's quotas.
    fn count_line(&mut self, cell: Cell, present: u32, waiting: u32, channel: ChannelId) -> Line {
        let charges = self.rule_audit.charges(cell.0, cell.1, channel);
        self.rule_audit.count(&charges, cell.0, i64::from(present) + i64::from(waiting), 0);
        Line { cell, present, waiting, charges }
    }

    fn day_of(&self, location: LocationId, now: Timestamp) -> Option<OrderDay> {
        self.state.places.load().day_of_work(location, now).map(|day| OrderDay { location, day })
    }

    fn day_is_full(&self, location: LocationId, asker: Asker) -> bool {
        if asker.purpose.is_taken_along() {
            return false;
        }
        match self.rule_audit.first_at(Kind::Capacity, location, asker.channel).map(|rule| rule.effect) {
            Some(RuleEffect::Capacity { orders_per_day }) => {
                let orders = |day| self.orders.get(&day).copied().unwrap_or(0);
                self.day_of(location, asker.now).is_none_or(|day| orders(day) >= i64::from(orders_per_day))
            }
            _ => false,
        }
    }

    fn count_orders(&mut self, id: Option<ReservationId>, lines: &[Line], asker: Asker) {
        if asker.purpose.is_taken_along() {
            return;
        }
        let mut places: Vec<_> = lines.iter().map(|line| line.cell.1).collect();
        places.sort_unstable();
        places.dedup();
        // As in the log: an order counts against locations that limit orders when it arrives.
        places.retain(|location| self.rule_audit.first_at(Kind::Capacity, *location, asker.channel).is_some());
        for location in places {
            let Some(day) = self.day_of(location, asker.now) else { continue };
            *self.orders.entry(day).or_default() += 1;
            if let Some(id) = id {
                self.days.entry(id).or_default().push(day);
            }
        }
    }
}

/// A requested line. A group line is one line, in however many locations.
struct Ask {
    sku: SkuId,
    group: Option<GroupId>,
    /// Location, requested units, and promised units.
    got: Vec<(LocationId, u32, u32)>,
    /// Location, and the inbound units of them.
    waits: Vec<(LocationId, u32)>,
}

impl Ask {
    fn requested(&self) -> u64 {
        self.got.iter().map(|(_, requested, _)| u64::from(*requested)).sum()
    }
}

/// The request behind the promise of a record.
fn asks(made: Made<'_>) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    for (number, line) in (0..).zip(&made.reserved.lines) {
        let (sku, location) = (line.cell.sku, line.cell.location);
        let group = made.terms.get(usize::from(number)).and_then(|terms| terms.group);
        let wait = made.waits().iter().find(|wait| wait.line == number);
        let got = (location, line.requested, line.quantity);
        let waits = wait.map(|wait| (location, wait.quantity));
        match asks.last_mut().filter(|last| group.is_some() && (last.sku, last.group) == (sku, group)) {
            Some(same) => {
                same.got.push(got);
                same.waits.extend(waits);
            }
            None => asks.push(Ask { sku, group, got: vec![got], waits: waits.into_iter().collect() }),
        }
    }
    asks
}

/// Applies a change of rules, except to replaced ones.
fn follow(rule_audit: &mut RuleAudit, seq: Seq, change: RuleChange<'_>, replaced: &[RuleId]) {
    match change {
        RuleChange::Set(rows) => {
            for row in rows.iter().filter(|row| !replaced.contains(&row.id)) {
                match &row.rule {
                    Some(rule) => rule_audit.set(row.id, &row.name, rule, row.in_force, seq),
                    None => rule_audit.remove(row.id),
                }
            }
        }
        RuleChange::Activated(rows) => {
            for (id, in_force) in rows.iter().filter(|(id, _)| !replaced.contains(id)) {
                rule_audit.turn(*id, *in_force, seq);
            }
        }
    }
}

/// Visits the changes of rules in a record.
fn each_change(record: &Record, mut visit: impl FnMut(RuleChange<'_>)) {
    record.event.effects(|effect| {
        if let Effect::Rules(change) = effect {
            visit(change);
        }
    });
}
