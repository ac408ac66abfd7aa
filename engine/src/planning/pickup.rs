//! Pickup: where a customer can pick up a whole basket, and when it would be ready.
//!
//! One read, exact at one `seq`: the locations within the radius with the units of each line, sorted by distance. Units
//! are the store's own, as available to the channel; a location without pickups is never listed.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::catalogue::geo::Point;
use crate::catalogue::location_facts::{KnownLocations, LocationFacts};
use crate::ids::{ChannelId, GroupId, LocationId, Seq, SkuId, Timestamp};
use crate::state::DurableState;
use crate::stock::lens::Lens;

/// A basket, and the position to search around.
#[derive(Debug, Clone)]
pub struct PickupQuestion {
    /// SKUs and units.
    pub basket: Vec<(SkuId, u32)>,
    /// Degrees north and east.
    pub near: Option<(f64, f64)>,
    /// The maximum distance.
    pub radius_km: Option<f64>,
    /// The channel.
    pub channel: Option<ChannelId>,
    /// The time of the order.
    pub now: Timestamp,
    /// The earliest time of the order: the result is true from then on.
    pub since: Timestamp,
    /// The maximum number of locations.
    pub limit: usize,
}

/// A location that can hand over the basket, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PickupPlace {
    /// The location.
    pub location: LocationId,
    /// The distance from the given position.
    pub distance_km: Option<f64>,
    /// Available units of each line.
    pub available: Vec<u32>,
    /// Whether the whole basket is possible, units from other locations included.
    pub complete: bool,
    /// The source of missing units, by line; empty if nothing is missing.
    pub from: Vec<Option<LocationId>>,
    /// When it would be ready; `None` if it is incomplete, or not ready within a month.
    pub ready_at: Option<Timestamp>,
}

/// Finding one cell costs as much as reading this many adjacent ones.
const ROW_WORTH: usize = 4;

impl DurableState {
    /// Locations that can hand over the whole basket, by distance; then those that can hand over a part.
    pub fn pickup(&self, question: &PickupQuestion) -> (Seq, Vec<PickupPlace>) {
        let places = self.places.load();
        let mut near = (nearby(question, &places), places);
        // Only the copy of the stock, and of the sources, is of one `seq`; the rest is computed afterwards.
        let (seq, (mut groups, stock)) = self.view.read(|| {
            let places = self.places.load();
            if !Arc::ptr_eq(&places, &near.1) {
                near = (nearby(question, &places), places);
            }
            self.basket_at(question, &near.1, &self.lens(question.channel), &near.0)
        });
        let (mut found, places) = near;
        for place in &mut found {
            let units = stock.of_place(place.location);
            place.complete = question.basket.iter().zip(units).all(|((_, want), have)| have >= want);
        }
        // Locations without any unit of it are dropped. Untracked SKUs are everywhere.
        let is_counted: Vec<bool> = question.basket.iter().map(|(sku, _)| self.catalogue.is_tracked(*sku)).collect();
        let has_some = |place: &PickupPlace| {
            stock.of_place(place.location).iter().zip(&is_counted).any(|(units, counted)| *counted && *units > 0)
        };
        found.retain(|place| place.complete || has_some(place));
        groups.values_mut().for_each(|group| group.count(&stock));
        // Bound: `pickup_transfers`.
        for place in found.iter_mut().filter(|place| !place.complete) {
            bring(question, &places, &groups, &stock, place);
        }
        let nearer =
            |a: &PickupPlace, b: &PickupPlace| order(a).partial_cmp(&order(b)).unwrap_or(std::cmp::Ordering::Equal);
        // Locations that are not returned need no order.
        if found.len() > question.limit {
            found.select_nth_unstable_by(question.limit, nearer);
            found.truncate(question.limit);
        }
        found.sort_by(nearer);
        self.try_places(question, &stock, &mut found);
        found.sort_by(nearer);
        // Details are computed only for returned locations.
        for place in &mut found {
            place.available = stock.of_place(place.location).to_vec();
            place.ready_at = if place.complete { ready_at(question, &places, place) } else { None };
        }
        (seq, found)
    }

    /// Locations that a question may read to complete baskets: for each location within the radius, the members of its
    /// source group.
    pub fn pickup_transfers(&self, question: &PickupQuestion) -> usize {
        let places = self.places.load();
        let mut members: FxHashMap<GroupId, usize> = FxHashMap::default();
        let from = |place: &PickupPlace| places.get(place.location).and_then(LocationFacts::brought_from);
        let count = |(group, _): (GroupId, u32)| {
            let count = || self.catalogue.groups.details(group).map_or(0, |set| set.details.locations.len());
            *members.entry(group).or_insert_with(count)
        };
        nearby(question, &places).iter().filter_map(from).map(count).sum()
    }

    /// The available units of each line at the locations and their sources, and the source groups. For few locations,
    /// each cell is looked up; for many, all cells of each SKU are read in memory order.
    fn basket_at(
        &self,
        question: &PickupQuestion,
        places: &KnownLocations,
        lens: &Lens,
        found: &[PickupPlace],
    ) -> (FxHashMap<GroupId, Donors>, Stock) {
        let mut asked = vec![false; places.count()];
        let mut ask = |location: LocationId| {
            if let Some(place) = asked.get_mut(location.0 as usize) {
                *place = true;
            }
        };
        let mut groups: FxHashMap<GroupId, Donors> = FxHashMap::default();
        for place in found {
            ask(place.location);
            if let Some((group, _)) = places.get(place.location).and_then(LocationFacts::brought_from)
                && let Entry::Vacant(vacant) = groups.entry(group)
            {
                let members = self.catalogue.groups.details_or_default(group).locations;
                // An undeclared location hands nothing out.
                let members = members.into_iter().filter(|location| !self.catalogue.is_made_up(*location));
                let donors = vacant.insert(Donors { members: members.collect(), most: Vec::new() });
                donors.members.iter().copied().for_each(&mut ask);
            }
        }
        let some: Vec<_> = (0..).map(LocationId).zip(&asked).filter(|(_, asked)| **asked).map(|(at, _)| at).collect();
        let skus: Vec<_> = question.basket.iter().map(|(sku, _)| *sku).collect();
        (groups, self.stock_at(&skus, &some, places.count(), lens))
    }

    /// The available units of each SKU in up to `places` locations.
    pub(crate) fn stock_at(&self, skus: &[SkuId], some: &[LocationId], places: usize, lens: &Lens) -> Stock {
        let lines = skus.len();
        let mut stock = Stock { lines, units: vec![0; lines * places] };
        for (line, sku) in skus.iter().enumerate() {
            let lens = lens.row(&self.catalogue, *sku);
            let mut put = |location: LocationId, units: u32| {
                if let Some(place) = stock.units.get_mut(location.0 as usize * lines + line) {
                    *place = units;
                }
            };
            if lens.is_uncounted() {
                // Wherever it is available, with or without a cell.
                let seen = some.iter().filter_map(|at| lens.view_at(*sku, *at, self.matrix.get(*sku, *at)));
                seen.for_each(|cell| put(cell.location, cell.available));
            } else if some.len() * ROW_WORTH < places {
                for location in some {
                    if let Some(cell) = self.matrix.get(*sku, *location) {
                        put(*location, lens.available(cell));
                    }
                }
            } else {
                lens.available_in_all(self.matrix.row(*sku), put);
            }
        }
        stock
    }
}

/// The members of a group, for all locations that it supplies.
struct Donors {
    members: Vec<LocationId>,
    /// For each line, the two members that have most of it.
    most: Vec<[(u32, LocationId); 2]>,
}

impl Donors {
    fn count(&mut self, stock: &Stock) {
        let mut most = vec![[(0, LocationId(u32::MAX)); 2]; stock.lines];
        for member in &self.members {
            for (units, [first, second]) in stock.of_place(*member).iter().zip(&mut most) {
                if *units > first.0 {
                    (*first, *second) = ((*units, *member), *first);
                } else if *units > second.0 {
                    *second = (*units, *member);
                }
            }
        }
        self.most = most;
    }

    /// Whether any member except `to` has this many units of a line.
    fn has(&self, line: usize, units: u32, to: LocationId) -> bool {
        self.most.get(line).is_some_and(|most| most.iter().any(|(most, at)| *at != to && *most >= units))
    }

    /// The members except one, by distance from that one.
    fn by_distance(&self, places: &KnownLocations, to: LocationId) -> Vec<LocationId> {
        let mut donors: Vec<_> = self.members.iter().copied().filter(|location| *location != to).collect();
        let at = places.get(to).and_then(|place| place.point);
        donors.sort_by_cached_key(|location| {
            let other = places.get(*location).and_then(|place| place.point);
            let far = at.zip(other).map_or(f64::INFINITY, |(at, other)| at.km_to(&other));
            // Distances are not negative, so their order is that of their bits.
            (far.abs().to_bits(), *location)
        });
        donors
    }
}

/// Completes a location's basket from its source group.
fn bring(
    question: &PickupQuestion,
    places: &KnownLocations,
    groups: &FxHashMap<GroupId, Donors>,
    stock: &Stock,
    place: &mut PickupPlace,
) {
    let Some((group, _)) = places.get(place.location).and_then(LocationFacts::brought_from) else { return };
    let Some(group) = groups.get(&group) else { return };
    let lines = question.basket.iter().zip(stock.of_place(place.location)).enumerate();
    let lacking = lines.map(|(line, ((_, want), have))| (line, want.saturating_sub(*have)));
    if lacking.clone().any(|(line, units)| units > 0 && !group.has(line, units, place.location)) {
        return;
    }
    let donors = group.by_distance(places, place.location);
    let nearest = |(line, units)| match units {
        0 => None,
        units => donors.iter().copied().find(|donor| stock.of(*donor, line) >= units),
    };
    (place.from, place.complete) = (lacking.map(nearest).collect(), true);
}

fn ready_at(question: &PickupQuestion, places: &KnownLocations, found: &PickupPlace) -> Option<Timestamp> {
    let place = places.get(found.location)?;
    let brought = found.from.iter().any(Option::is_some);
    let minutes = place.brought_from().filter(|_| brought).map_or(0, |(_, minutes)| minutes);
    place.ready_at(question.now.plus_seconds(u64::from(minutes) * 60))
}

/// Units by location and line.
pub(crate) struct Stock {
    lines: usize,
    units: Vec<u32>,
}

impl Stock {
    pub fn of_place(&self, location: LocationId) -> &[u32] {
        let first = location.0 as usize * self.lines;
        self.units.get(first..first + self.lines).unwrap_or_default()
    }

    fn of(&self, location: LocationId, line: usize) -> u32 {
        self.units.get(location.0 as usize * self.lines + line).copied().unwrap_or(0)
    }
}

/// Locations with pickups within the radius.
fn nearby(question: &PickupQuestion, places: &KnownLocations) -> Vec<PickupPlace> {
    let near = question.near.map(Point::new);
    let mut found = Vec::new();
    for (location, place) in places.iter().filter(|(_, place)| place.pickup) {
        let distance_km = near.zip(place.point).map(|(near, at)| near.km_to(&at));
        let within = match question.radius_km {
            Some(radius) => distance_km.is_some_and(|distance| distance <= radius),
            None => true,
        };
        if within {
            found.push(PickupPlace {
                location,
                distance_km,
                available: Vec::new(),
                complete: false,
                from: Vec::new(),
                ready_at: None,
            });
        }
    }
    found
}

/// First complete from its own stock, then with units from others, then incomplete; by distance, then by declaration.
fn order(place: &PickupPlace) -> (bool, bool, f64, u32) {
    let brought = place.from.iter().any(Option::is_some);
    (!place.complete, brought, place.distance_km.unwrap_or(f64::INFINITY), place.location.0)
}
