//! Sourcing: which location each unit of an order comes from.
//!
//! A question has lines, a destination, and weights; the answer is the plan with the lowest score, and the next best
//! one that uses other locations. One score contains everything:
//!
//! ```text
//!   score = shipments × places used
//!         + over all units: distance × km / 100
//!                         + priority × rank of the place, from 0
//!                         + stock    × 1 / units available there
//!                         + store    × 1 if it is a store
//!                         + cover    × 1 / (1 + days until it sells out)
//! ```
//!
//! Untracked SKUs are everywhere, so they do not affect the choice: their lines join the shipments of the rest, at no
//! cost. An order with only such lines comes from the location with the lowest score.
//!
//! A policy is a set of weights. A plan uses the units that are available to the channel at one `seq`; it becomes a
//! promise as a reservation of its lines, all or none, and is computed again if that is refused.

mod plan;
mod search;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::catalogue::LocationKind;
use crate::catalogue::geo::Point;
use crate::catalogue::location_facts::{KnownLocations, LocationFacts};
use crate::ids::{ChannelId, LocationId, Name, Seq, SkuId, Timestamp};
use crate::planning::pickup::Stock;
use crate::prices::book::{self, Asked};
use crate::prices::list::Currency;
use crate::reservations::promise::{OrderDay, Purpose};
use crate::rules::{Effect, Kind, RuleId};
use crate::state::DurableState;
use crate::supply::SupplyOutlook;
pub use plan::{Policy, Shipment, SourcingPlan, Weights};
use search::Candidate;

/// The possible sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sources {
    /// All locations that ship.
    Shipping,
    /// These, in the order of their priority.
    Named(Vec<LocationId>),
    /// This store, and the locations that may send units to it.
    Store(LocationId),
}

/// An order to source.
#[derive(Debug, Clone)]
pub struct Question {
    /// SKU, units, and the date by which inbound units are accepted.
    pub lines: Vec<(SkuId, u32, Option<Timestamp>)>,
    /// The destination: degrees north and east.
    pub near: Option<(f64, f64)>,
    /// The sources.
    pub sources: Sources,
    /// The channel.
    pub channel: Option<ChannelId>,
    /// The purpose: locations that do not accept it send nothing.
    pub purpose: Purpose,
    /// The weights.
    pub weights: Weights,
    /// The maximum number of locations.
    pub shipments_max: usize,
    /// The time.
    pub now: Timestamp,
    /// Corrected units of cells, as a refusal reported them.
    pub limits: FxHashMap<(SkuId, LocationId), u32>,
}

/// The plans.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The plan that covers most units, and of those the cheapest; `None` if no location has anything.
    pub best: Option<SourcingPlan>,
    /// The next best one that uses other locations.
    pub runner_up: Option<SourcingPlan>,
    /// Units of each line in all locations together, in any number of shipments.
    pub anywhere: Vec<u32>,
    /// Locations without capacity on the day of the order.
    pub full: Vec<LocationId>,
    /// Locations that have units, but do not accept the purpose.
    pub barred: Vec<LocationId>,
}

impl SourcingPlan {
    /// Adds untracked lines to the first shipments that may contain them, or else to the first location that may send
    /// them. This does not change the score.
    ///
    /// Bounded by the lines times the locations.
    fn take_along(&mut self, all: &[Candidate], wanted: &[u32], goes_along: &[bool], shipments_max: usize) {
        for (line, want) in wanted.iter().enumerate().filter(|(line, _)| goes_along.get(*line) == Some(&true)) {
            let mut left = *want;
            for shipment in &mut self.shipments {
                let has = all.iter().find(|candidate| candidate.is_at(shipment.location));
                let units = left.min(has.map_or(0, |candidate| candidate.units(line)));
                if units > 0 {
                    shipment.lines.push((line, units));
                    left -= units;
                }
            }
            let other = all.iter().find(|candidate| left > 0 && candidate.units(line) >= left);
            if let Some(other) = other.filter(|_| self.shipments.len() < shipments_max) {
                self.shipments.push(other.shipment((line, left)));
                left = 0;
            }
            if let Some(missing) = self.missing.get_mut(line) {
                *missing = left;
            }
        }
        self.shipments.iter_mut().for_each(|shipment| shipment.lines.sort_unstable());
    }
}

impl DurableState {
    /// The value of an order in a currency, in minor units, by the prices in force for its channel at no location in
    /// particular. `None` if a line has no price.
    pub fn order_value(&self, lines: &[(SkuId, u32)], channel: &str, currency: &str, now: Timestamp) -> Option<u64> {
        let (channel, currency) = (Name::from(channel.to_owned()), Currency::of(currency));
        let asked = Asked { channel, place: book::PriceTarget::Nowhere, currency, at: now, now };
        self.worth(&asked, lines)
    }

    /// The rule that refuses delivery through `channel` because the value is too low, if there is one.
    pub fn pickup_only(&self, channel: Option<ChannelId>, value: impl Fn(&str) -> Option<u64>) -> Option<RuleId> {
        let book = self.rules.book();
        let standing = book.first_at(Kind::PickupOnly, LocationId(u32::MAX), channel)?;
        let Effect::PickupOnly { below, currency } = standing.rule.effect else { return None };
        let worth = value(std::str::from_utf8(&currency).ok()?)?;
        (worth < below).then_some(standing.id)
    }

    /// Computes the plans. The units of each location are read at one `seq`; the search runs outside the read.
    pub fn source(&self, question: &Question) -> (Seq, Answer) {
        let places = self.places.load();
        let named = self.sources(question, &places);
        let skus: Vec<SkuId> = question.lines.iter().map(|(sku, ..)| *sku).collect();
        let (seq, stock) = self.view.read(|| {
            let lens = self.lens(question.channel);
            self.stock_at(&skus, &named, places.count(), &lens)
        });
        let wanted: Vec<u32> = question.lines.iter().map(|(_, units, _)| *units).collect();
        // Untracked lines do not affect the choice: they are added to the rest, unless there is no rest.
        let goes_along: Vec<bool> = match skus.iter().any(|sku| self.catalogue.is_tracked(*sku)) {
            true => skus.iter().map(|sku| !self.catalogue.is_tracked(*sku)).collect(),
            false => vec![false; skus.len()],
        };
        let decides: Vec<u32> =
            wanted.iter().zip(&goes_along).map(|(want, goes_along)| if *goes_along { 0 } else { *want }).collect();
        let search = |waits: bool| {
            let (mut candidates, [full, barred]) =
                self.candidates(question, &places, &named, &stock, waits, &goes_along);
            let mut all = None;
            let (mut decides, mut goes_along) = (&decides, &goes_along[..]);
            if goes_along.contains(&true) {
                let none = vec![false; skus.len()];
                let more = all.insert(self.candidates(question, &places, &named, &stock, waits, &none).0);
                if candidates.is_empty() {
                    // There is nothing of the rest.
                    (candidates, decides, goes_along) = (more.clone(), &wanted, &[]);
                }
            }
            let all = all.as_ref().unwrap_or(&candidates);
            let has = |line: usize| all.iter().map(|candidate| u64::from(candidate.units(line))).sum::<u64>();
            let anywhere = wanted.iter().enumerate().map(|(line, want)| has(line).min((*want).into()) as u32).collect();
            let found = search::plans(decides, &candidates, question.weights.shipments, question.shipments_max);
            let plan = |found: search::Found| {
                let mut plan = found.into_plan(&candidates, decides, &question.weights);
                plan.take_along(all, &wanted, goes_along, question.shipments_max);
                plan
            };
            Answer { best: found.0.map(plan), runner_up: found.1.map(plan), anywhere, full, barred }
        };
        // Inbound units are used only if units on hand are not sufficient.
        let now = search(false);
        let waits = question.lines.iter().any(|(.., latest)| latest.is_some());
        let enough = now.best.as_ref().is_some_and(SourcingPlan::is_complete);
        (seq, if waits && !enough { search(true) } else { now })
    }

    /// The possible sources, in the order of their priority.
    fn sources(&self, question: &Question, places: &KnownLocations) -> Vec<LocationId> {
        match &question.sources {
            Sources::Shipping => places.iter().filter(|(_, place)| place.ship).map(|(location, _)| location).collect(),
            Sources::Named(named) => {
                let mut seen = FxHashSet::default();
                named.iter().copied().filter(|location| seen.insert(*location)).collect()
            }
            Sources::Store(store) => {
                let group = places.get(*store).and_then(LocationFacts::brought_from).map(|(group, _)| group);
                let donors = group.map(|group| self.catalogue.groups.details_or_default(group).locations);
                let donors = donors.unwrap_or_default().into_iter().filter(|location| location != store);
                std::iter::once(*store).chain(donors).collect()
            }
        }
    }

    /// The locations that have units; those that only lack capacity on their day; and those that do not accept the
    /// purpose.
    fn candidates(
        &self,
        question: &Question,
        places: &KnownLocations,
        named: &[LocationId],
        stock: &Stock,
        waits: bool,
        goes_along: &[bool],
    ) -> (Vec<Candidate>, [Vec<LocationId>; 2]) {
        let (mut candidates, mut full, mut barred) = (Vec::new(), Vec::new(), Vec::new());
        let near = question.near.map(Point::new);
        for (rank, location) in named.iter().enumerate() {
            let mut units = stock.of_place(*location).to_vec();
            for ((sku, want, latest), have) in question.lines.iter().zip(&mut units) {
                if let Some(latest) = latest.filter(|_| waits && *have < *want) {
                    *have += self.to_come(*sku, *location, want - *have, latest, question);
                }
                *have = (*have).min(question.limits.get(&(*sku, *location)).copied().unwrap_or(u32::MAX));
            }
            if units.iter().zip(goes_along).all(|(units, goes_along)| *units == 0 || *goes_along) {
                continue;
            }
            if self.sends_nothing(*location, question) {
                barred.push(*location);
                continue;
            }
            if self.is_full(*location, places, question) {
                full.push(*location);
                continue;
            }
            let at = places.get(*location).and_then(|place| place.point);
            let distance_km = near.zip(at).map(|(near, at)| near.km_to(&at));
            let details = self.catalogue.locations.details(*location);
            let is_store = details.is_none_or(|set| set.details.kind == LocationKind::Store);
            let days = |((sku, ..), units): (&(SkuId, u32, Option<Timestamp>), &u32)| {
                let per_day = self.rates.per_day(*sku, *location, question.now);
                if per_day > 0.0 { f64::from(*units) / per_day } else { f64::INFINITY }
            };
            let days_of_cover = match question.weights.cover > 0.0 {
                true => question.lines.iter().zip(&units).map(days).collect(),
                false => Vec::new(),
            };
            candidates.push(Candidate::new(
                *location,
                distance_km,
                rank,
                is_store,
                units,
                days_of_cover,
                &question.weights,
            ));
        }
        (candidates, [full, barred])
    }

    /// The locations under the same quota, for a refusal that named it.
    pub fn places_of_rule(&self, rule: RuleId) -> Vec<LocationId> {
        let book = self.rules.share_book();
        let Some(standing) = self.rules.at(rule) else { return Vec::new() };
        let is_there = book.places_of(&standing);
        (0..self.catalogue.locations.count()).map(LocationId).filter(|location| is_there(*location)).collect()
    }

    /// Inbound units of a cell that may be promised by then.
    fn to_come(&self, sku: SkuId, location: LocationId, units: u32, latest: Timestamp, question: &Question) -> u32 {
        let book = self.rules.book();
        if book.terms(&self.catalogue, sku, location, question.channel).limits().is_denied() {
            return 0;
        }
        let allowances = book.allowances(&self.catalogue, sku, location, question.channel, question.now);
        let (ledger, none) = (self.ledger(), SupplyOutlook::default());
        let outlook = ledger.outlook(sku, location).unwrap_or(&none);
        outlook.promise(units, latest, question.now, &allowances, 0).map_or(0, |grant| grant.units)
    }

    /// Whether a location sends nothing of such an order: one without shipping sends no delivery, and an undeclared one
    /// sends nothing. Orders for pickup at another location may come from any location.
    fn sends_nothing(&self, location: LocationId, question: &Question) -> bool {
        match question.purpose {
            Purpose::Pickup => self.catalogue.is_made_up(location),
            purpose => !self.catalogue.takes(location, purpose),
        }
    }

    fn is_full(&self, location: LocationId, places: &KnownLocations, question: &Question) -> bool {
        let book = self.rules.book();
        if !book.has(Kind::Capacity) {
            return false;
        }
        let rule = book.first_at(Kind::Capacity, location, question.channel).map(|standing| standing.rule.effect);
        let Some(Effect::Capacity { orders_per_day }) = rule else { return false };
        let day = places.day_of_work(location, question.now).map(|day| OrderDay { location, day });
        day.is_none_or(|day| self.ledger().orders(day) >= i64::from(orders_per_day))
    }
}
