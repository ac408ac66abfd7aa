//! Advice that stays true for a while: each alternative is tried before a refusal or an answer names it.
//!
//! A refusal says what would succeed instead, and the caller follows it a moment later. So each piece of advice is
//! tried first, by the planner of the journal thread on a copy of the durable view, for a moment [`ADVICE_SECONDS`]
//! ahead: dates that move with the clock (those of backorders) get this margin, supply that is overdue by then is not
//! used, and a day without capacity for another order, today or then, is not used. The trial uses the exact request:
//! the line with the advised values, together with all other lines of its SKU. Unless something else changes meanwhile,
//! it is granted.
//!
//! A trial takes nothing, and only copies the SKUs whose promises may move; a plan's budget bounds its reads.

use smallvec::SmallVec;

use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, SkuId, Timestamp};
use crate::planning::pickup::{PickupPlace, PickupQuestion, Stock};
use crate::reservations::ReservationState;
use crate::reservations::ledger::Counted;
use crate::reservations::plan::{self, AllocationPlan, World};
use crate::reservations::promise::{OrderDay, Purpose};
use crate::reservations::shelves::Shelves;
use crate::rules::{Effect, Kind};
use crate::state::DurableState;
use crate::supply::SupplyOutlook;

/// How long advice stays true, in seconds: time to show it to a customer, and to follow it.
pub const ADVICE_SECONDS: u64 = 120;

/// Dates that move with the clock are rounded up to a multiple of this number of milliseconds.
const ROUND_MS: u64 = 60_000;

/// A line to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialLine {
    /// The SKU.
    pub sku: SkuId,
    /// The location or group.
    pub at: TrialPlace,
    /// Units.
    pub quantity: u32,
    /// Inbound units that arrive by then are accepted.
    pub latest: Option<Timestamp>,
}

/// The place of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialPlace {
    /// At this location.
    Location(LocationId),
    /// Anywhere in this group.
    Group(GroupId),
}

/// Trials of promises through one channel for one purpose.
pub struct Trials<'a> {
    state: &'a DurableState,
    shelves: Shelves<'a>,
    channel: Option<ChannelId>,
    purpose: Purpose,
    /// Whether locations must themselves accept the purpose, because nothing is sent to another location.
    checks_places: bool,
    now: Timestamp,
    /// Seconds for which a result must stay true.
    seconds: u64,
    /// The units that the replaced holds release.
    released: Released,
    /// The remaining budget.
    looks: usize,
}

/// The units that replaced holds release.
#[derive(Default)]
struct Released {
    /// Units on hand.
    present: Vec<(SkuId, LocationId, u32)>,
    /// Inbound units.
    to_come: Vec<(SkuId, LocationId, u32)>,
    /// Units that counted against quotas.
    charges: Vec<(Counted, u32)>,
    /// Days that they counted against.
    orders: Vec<OrderDay>,
}

/// A cell that several lines request.
struct Asked {
    sku: SkuId,
    location: LocationId,
    present: u32,
    to_come: u32,
}

impl DurableState {
    /// Creates trials of `skus` through a channel that replace holds; `now` is the time of the request.
    pub fn trials(
        &self,
        skus: &[SkuId],
        channel: Option<ChannelId>,
        purpose: Purpose,
        supersedes: &[ReservationId],
        now: Timestamp,
    ) -> Trials<'_> {
        let (_, mut shelves) = self.view.read(|| self.shelves_of_open(skus, channel));
        shelves.sort();
        let mut released = Released::default();
        for (nth, id) in supersedes.iter().enumerate() {
            let is_again = supersedes.iter().take(nth).any(|earlier| earlier == id);
            let Some(held) =
                self.reservations.get(*id).filter(|held| held.state == ReservationState::Held && !is_again)
            else {
                continue;
            };
            released.orders.extend(held.orders.iter().copied());
            for line in &held.lines {
                let (sku, location) = (line.sku, line.location);
                released.present.push((sku, location, line.present()));
                released.to_come.push((sku, location, line.waiting()));
                for (rule, since) in line.terms.iter().flat_map(|terms| &terms.charges) {
                    released.charges.push((Counted { rule: *rule, since: *since, sku }, line.outstanding()));
                }
                if let Some(group) = line.unallocated() {
                    shelves.hide_open(sku, location, (group, held.channel, held.purpose), line.outstanding());
                }
            }
        }
        let looks = self.bounds().budget.looks;
        Trials {
            state: self,
            shelves,
            channel,
            purpose,
            checks_places: true,
            now,
            seconds: ADVICE_SECONDS,
            released,
            looks,
        }
    }
}

impl DurableState {
    /// Corrects the completeness of locations: a location counts as incomplete if, by then, quotas keep its units or
    /// its day is full. The budget bounds the number of tried locations; later ones stay as they are.
    pub(crate) fn try_places(&self, question: &PickupQuestion, stock: &Stock, found: &mut [PickupPlace]) {
        let book = self.rules.share_book();
        if !book.has_quotas() && !book.has(Kind::Capacity) {
            return;
        }
        let skus: Vec<SkuId> = question.basket.iter().map(|(sku, _)| *sku).collect();
        let mut trials = self.trials(&skus, question.channel, Purpose::Pickup, &[], question.since).brought();
        for place in found.iter_mut().filter(|place| place.complete) {
            let own = stock.of_place(place.location);
            let mut lines = Vec::new();
            for (nth, (sku, want)) in question.basket.iter().enumerate() {
                let here = own.get(nth).copied().unwrap_or(0).min(*want);
                let from = place.from.get(nth).copied().flatten().unwrap_or(place.location);
                for (location, quantity) in [(place.location, here), (from, want - here)] {
                    let at = TrialPlace::Location(location);
                    lines.push(TrialLine { sku: *sku, at, quantity, latest: None });
                }
            }
            lines.retain(|line| line.quantity > 0);
            let is_had = trials.succeed(&lines);
            if trials.looks == 0 {
                return;
            }
            place.complete = is_had;
        }
    }
}

impl Trials<'_> {
    /// The same for baskets that other locations complete.
    #[must_use]
    pub fn brought(self) -> Self {
        Self { checks_places: false, ..self }
    }

    /// The same for a result that must stay true for this many seconds.
    #[must_use]
    pub fn for_seconds(self, seconds: u64) -> Self {
        Self { seconds, ..self }
    }

    /// The latest time at which advice that is given now is followed.
    fn ahead(&self) -> Timestamp {
        self.now.plus_seconds(self.seconds)
    }

    /// Whether the budget is used up: later results are empty.
    pub fn are_over(&self) -> bool {
        self.looks == 0
    }

    /// Whether all of `lines` would be granted together.
    pub fn succeed(&mut self, lines: &[TrialLine]) -> bool {
        let got = self.units(lines);
        lines.iter().zip(got).all(|(line, got)| got == line.quantity)
    }

    /// The minimum of units that each line would get, from now until [`ADVICE_SECONDS`] from now.
    ///
    /// Bounded by the lines, the members of their groups, and the budget; beyond it, the result is 0.
    pub fn units(&mut self, lines: &[TrialLine]) -> Vec<u32> {
        let mut got = vec![0; lines.len()];
        if self.looks == 0 {
            return got;
        }
        let purpose = if self.checks_places { self.purpose } else { Purpose::Cart };
        let mut plan = self.shelves.plan(purpose, self.looks);
        for (sku, location, units) in &self.released.present {
            plan::release(&self.shelves, &mut plan, *sku, *location, *units);
        }
        for (sku, location, units) in &self.released.to_come {
            plan.leave_to_come(*sku, *location, *units);
        }
        for (counted, units) in &self.released.charges {
            plan.uncharge(*counted, *units);
        }
        self.leave_to_those_who_wait(&mut plan, lines);
        self.in_locations(&mut plan, lines, &mut got);
        for (nth, line) in lines.iter().enumerate() {
            if let TrialPlace::Group(group) = line.at
                && let Some(got) = got.get_mut(nth)
            {
                *got = self.in_group(&mut plan, nth, line, group);
            }
        }
        self.looks = self.looks.saturating_sub(plan.spent() + lines.len());
        // Moved promises may leave less for quotas.
        if let Err((nth, allowed, _)) = plan::quotas_hold(&self.shelves, &mut plan)
            && let Some(got) = got.get_mut(nth)
        {
            *got = allowed.min(*got);
        }
        if plan.search_ended() {
            self.looks = 0;
        }
        got
    }

    /// Supply that is overdue by then fails its backorders, which take available units.
    ///
    /// Bounded by the lines, and the members of their groups.
    fn leave_to_those_who_wait(&mut self, plan: &mut AllocationPlan, lines: &[TrialLine]) {
        if !self.state.ledger().has_outlooks() {
            return;
        }
        let (now, ahead) = (self.now, self.ahead());
        let mut cells: Vec<(SkuId, LocationId)> = Vec::new();
        for line in lines {
            match line.at {
                TrialPlace::Location(location) => cells.push((line.sku, location)),
                TrialPlace::Group(group) => {
                    self.shelves.note_group(group);
                    cells.extend(self.shelves.members(group).iter().map(|location| (line.sku, *location)));
                }
            }
        }
        cells.sort_unstable();
        cells.dedup();
        for (sku, location) in cells {
            let ledger = self.state.ledger();
            let lets_down = |outlook: &SupplyOutlook| {
                outlook.uncovered(ahead) - outlook.uncovered(now).min(outlook.uncovered(ahead))
            };
            let units = ledger.outlook(sku, location).map_or(0, lets_down);
            drop(ledger);
            if units > 0 {
                plan::take(&self.shelves, plan, sku, location, units as i64);
            }
        }
    }

    /// Lines that name locations, added up by cell.
    fn in_locations(&mut self, plan: &mut AllocationPlan, lines: &[TrialLine], got: &mut [u32]) {
        let mut demands: Vec<(Asked, u32, u32, Option<Timestamp>, usize)> = Vec::new();
        for (nth, line) in lines.iter().enumerate() {
            let TrialPlace::Location(location) = line.at else { continue };
            let backordered = line.latest.map_or(0, |_| line.quantity);
            match demands.iter_mut().find(|(of, ..)| (of.sku, of.location) == (line.sku, location)) {
                Some((_, requested, waits, latest, _)) => {
                    *requested = requested.saturating_add(line.quantity);
                    *waits = waits.saturating_add(backordered);
                    *latest = [*latest, line.latest].into_iter().flatten().min();
                }
                None => {
                    let asked = Asked { sku: line.sku, location, present: 0, to_come: 0 };
                    demands.push((asked, line.quantity, backordered, line.latest, nth));
                }
            }
        }
        for (asked, requested, backordered, latest, nth) in &mut demands {
            let (sku, location) = (asked.sku, asked.location);
            if !self.is_open(plan, location) {
                continue;
            }
            asked.present = self.present(plan, sku, location, *requested);
            let missing = (*requested - asked.present).min(*backordered);
            if let Some(latest) = latest.filter(|_| missing > 0) {
                asked.to_come = self.units_to_come(plan, sku, location, (missing, asked.present), latest);
            }
            plan.take_to_come(sku, location, asked.to_come);
            plan::take(&self.shelves, plan, sku, location, asked.present.into());
            let charged = i64::from(asked.present) + i64::from(asked.to_come);
            plan::charge(&self.shelves, plan, sku, location, charged);
            plan.note_line(*nth, sku, location, asked.present, asked.to_come);
        }
        // Lines that do not accept inbound units get units on hand first.
        for waits in [false, true] {
            for (line, got) in lines.iter().zip(got.iter_mut()).filter(|(line, _)| line.latest.is_some() == waits) {
                let TrialPlace::Location(location) = line.at else { continue };
                let of = |(asked, ..): &&mut (Asked, u32, u32, Option<Timestamp>, usize)| {
                    (asked.sku, asked.location) == (line.sku, location)
                };
                let Some((asked, ..)) = demands.iter_mut().find(of) else { continue };
                let present = line.quantity.min(asked.present);
                let to_come = if waits { (line.quantity - present).min(asked.to_come) } else { 0 };
                (asked.present, asked.to_come) = (asked.present - present, asked.to_come - to_come);
                *got = present + to_come;
            }
        }
    }

    /// A line that names a group.
    fn in_group(&mut self, plan: &mut AllocationPlan, nth: usize, line: &TrialLine, group: GroupId) -> u32 {
        self.shelves.note_group(group);
        let members: Vec<LocationId> =
            self.shelves.members(group).iter().copied().filter(|at| self.is_open(plan, *at)).collect();
        let found = plan::take_in_group(&mut self.shelves, plan, nth, line.sku, &members, line.quantity.into());
        let mut missing = found.missing.clamp(0, line.quantity.into()) as u32;
        let Some(latest) = line.latest.filter(|_| missing > 0) else { return line.quantity - missing };
        for location in members {
            if missing == 0 {
                break;
            }
            let units = self.units_to_come(plan, line.sku, location, (missing, 0), latest);
            if units > 0 {
                plan.take_to_come(line.sku, location, units);
                plan::charge(&self.shelves, plan, line.sku, location, units.into());
                plan.note_line(nth, line.sku, location, 0, units);
                missing -= units;
            }
        }
        line.quantity - missing
    }

    /// Whether a location accepts one more order, today and when the advice is followed.
    fn is_open(&self, plan: &AllocationPlan, location: LocationId) -> bool {
        if self.checks_places && !self.state.catalogue.takes(location, self.purpose) {
            return false;
        }
        if self.purpose.is_taken_along() || !plan.book.has(Kind::Capacity) {
            return true;
        }
        let standing = plan.book.first_at(Kind::Capacity, location, self.channel);
        let Some(Effect::Capacity { orders_per_day }) = standing.map(|standing| standing.rule.effect) else {
            return true;
        };
        let places = self.state.places.load();
        let has_room = |at: Timestamp| {
            let day = places.day_of_work(location, at).map(|day| OrderDay { location, day });
            let replaced = |day: OrderDay| self.released.orders.iter().filter(|of| **of == day).count() as i64;
            day.is_some_and(|day| self.state.ledger().orders(day) - replaced(day) < i64::from(orders_per_day))
        };
        has_room(self.now) && has_room(self.ahead())
    }

    /// Up to `wanted` units on hand for the channel.
    fn present(&mut self, plan: &mut AllocationPlan, sku: SkuId, location: LocationId, wanted: u32) -> u32 {
        let Some(mut room) = plan::own_room(&self.shelves, plan, sku, location) else { return 0 };
        if room < i64::from(wanted) && self.shelves.has_open(sku, location) {
            plan::make_room(&mut self.shelves, plan, sku, location, i64::from(wanted) - room);
            room = plan::own_room(&self.shelves, plan, sku, location).unwrap_or(0);
        }
        let allowed = plan::quota_allows(&self.shelves, plan, sku, location).map_or(u32::MAX, |(units, _)| units);
        room.clamp(0, wanted.into()).min(allowed.into()) as u32
    }

    /// Inbound units that may be promised, beside those on hand.
    fn units_to_come(
        &mut self,
        plan: &mut AllocationPlan,
        sku: SkuId,
        location: LocationId,
        (units, present): (u32, u32),
        latest: Timestamp,
    ) -> u32 {
        let (catalogue, ahead) = (&self.state.catalogue, self.ahead());
        if !catalogue.is_tracked(sku) || plan.book.terms(catalogue, sku, location, self.channel).limits().is_denied() {
            return 0;
        }
        let fence = plan::fence(&self.shelves, plan, sku, location).map_or(u32::MAX, |(units, _)| units);
        let units = units.min(fence.saturating_sub(present));
        let allowances = plan.book.allowances(catalogue, sku, location, self.channel, ahead);
        let waiting = plan.waiting(sku, location);
        let (ledger, none) = (self.state.ledger(), SupplyOutlook::default());
        let outlook = ledger.outlook(sku, location).unwrap_or(&none);
        if outlook.waits_count() >= self.state.bounds().cell_waits {
            return 0;
        }
        outlook.promise(units, latest, ahead, &allowances, waiting).map_or(0, |grant| grant.units)
    }

    /// The earliest sufficient date for one line that names its location, beside `others`; `None` if no date is
    /// sufficient.
    ///
    /// A date that depends on supply is that of the supply; one that moves with the clock stays true for
    /// [`ADVICE_SECONDS`].
    pub fn earliest(&mut self, line: TrialLine, others: &[TrialLine]) -> Option<Timestamp> {
        let TrialPlace::Location(location) = line.at else { return None };
        let (sku, ahead) = (line.sku, self.ahead());
        let mut dates: SmallVec<[Timestamp; 8]> = SmallVec::new();
        {
            let book = self.state.rules.share_book();
            let allowances = book.allowances(&self.state.catalogue, sku, location, self.channel, ahead);
            for allowance in allowances {
                let moves = !allowance.is_preorder;
                let date = allowance.date.0;
                dates.push(Timestamp(if moves { date.div_ceil(ROUND_MS) * ROUND_MS } else { date }));
            }
            let ledger = self.state.ledger();
            let outlook = ledger.outlook(sku, location);
            let supplies = outlook.map_or(&[][..], SupplyOutlook::supplies).iter().map(|supply| supply.expected_at);
            dates.extend(supplies.filter(|date| *date >= ahead));
        }
        dates.sort_unstable();
        dates.dedup();
        // A later date yields more units: a binary search finds the first sufficient one.
        let mut tried = others.to_vec();
        tried.push(line);
        let mut would = |trials: &mut Self, latest: Timestamp| {
            if let Some(last) = tried.last_mut() {
                last.latest = Some(latest);
            }
            trials.succeed(&tried)
        };
        let last = *dates.last()?;
        if !would(self, last) {
            return None;
        }
        let (mut low, mut high) = (0, dates.len() - 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let date = *dates.get(middle)?;
            if would(self, date) { high = middle } else { low = middle + 1 }
        }
        dates.get(high).copied()
    }
}
