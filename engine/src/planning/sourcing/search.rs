//! The search for the cheapest set of locations.
//!
//! For a given set of locations, each unit comes from the cheapest one that has it: lines are independent, so that is
//! optimal for the set. The set is searched in three ways, and the best result wins: every single location, every two
//! and every three of the most promising ones; upwards from one location, repeatedly opening the one that helps most;
//! and downwards from all locations, repeatedly closing the one that is missed least. So a plan of up to three
//! shipments is optimal for those locations, and a larger one is good.

use super::plan::{Shipment, SourcingPlan, Weights};
use crate::ids::LocationId;

/// Locations that are tried in pairs and triples.
const PROMISING: usize = 24;

/// Locations that the upward search opens.
const OPENED: usize = 64;

/// Locations that the downward search closes.
const CLOSED: usize = 32;

/// A possible source.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    location: LocationId,
    distance_km: Option<f64>,
    rank: usize,
    is_store: bool,
    /// Its units of each line.
    units: Vec<u32>,
    days_of_cover: Vec<f64>,
    /// The cost of a unit of each line from here.
    cost: Vec<f64>,
}

/// An unknown distance counts as the other side of the world.
const UNKNOWN_KM: f64 = 20_000.0;

impl Candidate {
    pub fn new(
        location: LocationId,
        distance_km: Option<f64>,
        rank: usize,
        is_store: bool,
        units: Vec<u32>,
        days_of_cover: Vec<f64>,
        weights: &Weights,
    ) -> Self {
        let mut new = Self { location, distance_km, rank, is_store, units, days_of_cover, cost: Vec::new() };
        new.cost = (0..new.units.len()).map(|line| sum(&new.parts(line, weights))).collect();
        new
    }

    pub fn units(&self, line: usize) -> u32 {
        self.units.get(line).copied().unwrap_or(0)
    }

    /// Units of one line from this location.
    pub fn shipment(&self, line: (usize, u32)) -> Shipment {
        Shipment { location: self.location, distance_km: self.distance_km, lines: vec![line] }
    }

    pub fn is_at(&self, location: LocationId) -> bool {
        self.location == location
    }

    fn cost(&self, line: usize) -> f64 {
        self.cost.get(line).copied().unwrap_or(0.0)
    }

    /// The part of each weight in the score of one unit of a line.
    fn parts(&self, line: usize, weights: &Weights) -> Weights {
        let days = self.days_of_cover.get(line).copied().unwrap_or(f64::INFINITY);
        Weights {
            shipments: 0.0,
            distance: weights.distance * self.distance_km.unwrap_or(UNKNOWN_KM) / 100.0,
            priority: weights.priority * self.rank as f64,
            stock: weights.stock / f64::from(self.units(line).max(1)),
            store: weights.store * f64::from(u8::from(self.is_store)),
            cover: weights.cover / (1.0 + days),
        }
    }
}

fn sum(parts: &Weights) -> f64 {
    parts.shipments + parts.distance + parts.priority + parts.stock + parts.store + parts.cover
}

/// An evaluated set of locations.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Units that it lacks.
    missing: u64,
    score: f64,
    /// Its locations, ascending.
    open: Vec<usize>,
}

impl Found {
    fn is_better(&self, other: &Self) -> bool {
        (self.missing, self.score, &self.open) < (other.missing, other.score, &other.open)
    }

    /// The complete plan.
    pub fn into_plan(self, candidates: &[Candidate], wanted: &[u32], weights: &Weights) -> SourcingPlan {
        let mut shipments: Vec<Shipment> = Vec::new();
        let mut parts = Weights::default();
        let mut missing = wanted.to_vec();
        assign(&self.open, candidates, wanted, |line, place, units| {
            let Some(candidate) = candidates.get(place) else { return };
            let (location, distance_km) = (candidate.location, candidate.distance_km);
            let shipment = match shipments.iter_mut().find(|shipment| shipment.location == location) {
                Some(shipment) => shipment,
                None => {
                    shipments.push(Shipment { location, distance_km, lines: Vec::new() });
                    shipments.last_mut().expect("just pushed")
                }
            };
            shipment.lines.push((line, units));
            let unit = candidate.parts(line, weights);
            parts.distance += unit.distance * f64::from(units);
            parts.priority += unit.priority * f64::from(units);
            parts.stock += unit.stock * f64::from(units);
            parts.store += unit.store * f64::from(units);
            parts.cover += unit.cover * f64::from(units);
            if let Some(missing) = missing.get_mut(line) {
                *missing -= units;
            }
        });
        parts.shipments = weights.shipments * shipments.len() as f64;
        SourcingPlan { shipments, score: sum(&parts), parts, missing }
    }
}

/// Assigns each unit to the cheapest open location that has it.
fn assign(open: &[usize], candidates: &[Candidate], wanted: &[u32], mut take: impl FnMut(usize, usize, u32)) {
    let mut order: Vec<usize> = open.to_vec();
    for (line, want) in wanted.iter().enumerate() {
        let cost = |place: &usize| candidates.get(*place).map_or(f64::INFINITY, |candidate| candidate.cost(line));
        order.sort_by(|a, b| cost(a).total_cmp(&cost(b)).then(a.cmp(b)));
        let mut left = *want;
        for place in &order {
            let units = left.min(candidates.get(*place).map_or(0, |candidate| candidate.units(line)));
            if units > 0 {
                take(line, *place, units);
                left -= units;
            }
            if left == 0 {
                break;
            }
        }
    }
}

/// Evaluates a set of locations; unused locations are dropped from it.
fn look_at(open: &[usize], candidates: &[Candidate], wanted: &[u32], per_shipment: f64) -> Found {
    let (mut score, mut got, mut used) = (0.0, 0, Vec::with_capacity(open.len()));
    assign(open, candidates, wanted, |line, place, units| {
        score += f64::from(units) * candidates.get(place).map_or(0.0, |candidate| candidate.cost(line));
        got += u64::from(units);
        if !used.contains(&place) {
            used.push(place);
        }
    });
    used.sort_unstable();
    let wanted: u64 = wanted.iter().map(|units| u64::from(*units)).sum();
    Found { missing: wanted - got, score: score + per_shipment * used.len() as f64, open: used }
}

/// The best set of at most `shipments_max` locations, and the next best different one.
pub(super) fn plans(
    wanted: &[u32],
    candidates: &[Candidate],
    per_shipment: f64,
    shipments_max: usize,
) -> (Option<Found>, Option<Found>) {
    let mut best = BestTwo::default();
    let look_at = |open: &[usize]| look_at(open, candidates, wanted, per_shipment);
    let mut alone: Vec<Found> = (0..candidates.len()).map(|place| look_at(&[place])).collect();
    alone.sort_by(|a, b| a.missing.cmp(&b.missing).then(a.score.total_cmp(&b.score)).then(a.open.cmp(&b.open)));
    let promising = promising(&alone, candidates, wanted);
    let most: Vec<usize> = alone.iter().filter_map(|found| found.open.first().copied()).take(OPENED).collect();
    alone.into_iter().take(2).for_each(|found| best.consider(found));
    if shipments_max >= 2 {
        for (nth, one) in promising.iter().enumerate() {
            for (mth, other) in promising.iter().enumerate().skip(nth + 1) {
                best.consider(look_at(&[*one, *other]));
                if shipments_max >= 3 {
                    for third in promising.iter().skip(mth + 1) {
                        best.consider(look_at(&[*one, *other, *third]));
                    }
                }
            }
        }
        open_up(&most, shipments_max, &look_at, &mut best);
        close_down(candidates.len(), shipments_max, &look_at, &mut best);
    }
    (best.first, best.second)
}

/// The locations that cover most for least, and for each line the cheapest ones.
fn promising(alone: &[Found], candidates: &[Candidate], wanted: &[u32]) -> Vec<usize> {
    let mut places: Vec<usize> =
        alone.iter().flat_map(|found| found.open.first().copied()).take(PROMISING / 2).collect();
    for line in 0..wanted.len() {
        let has = |place: &usize| candidates.get(*place).is_some_and(|candidate| candidate.units(line) > 0);
        let cost = |place: &usize| candidates.get(*place).map_or(f64::INFINITY, |candidate| candidate.cost(line));
        let cheapest = (0..candidates.len()).filter(has).min_by(|a, b| cost(a).total_cmp(&cost(b)));
        places.extend(cheapest);
    }
    places.sort_unstable();
    places.dedup();
    places.truncate(PROMISING);
    places
}

/// Upwards from one location: opens the location that helps most, as long as one helps.
fn open_up(most: &[usize], shipments_max: usize, look_at: &impl Fn(&[usize]) -> Found, best: &mut BestTwo) {
    let Some(first) = most.first() else { return };
    let mut now = look_at(&[*first]);
    while now.open.len() < shipments_max {
        let with = |place: &usize| {
            let mut open = now.open.clone();
            open.push(*place);
            look_at(&open)
        };
        let closed = most.iter().filter(|place| !now.open.contains(place));
        let next = closed.map(with).reduce(|one, other| if other.is_better(&one) { other } else { one });
        let Some(next) = next.filter(|next| next.is_better(&now)) else { break };
        best.consider(next.clone());
        now = next;
    }
}

/// Downwards from all locations: closes the location that is missed least, until no more need to close and closing none
/// improves the score.
fn close_down(places: usize, shipments_max: usize, look_at: &impl Fn(&[usize]) -> Found, best: &mut BestTwo) {
    let all: Vec<usize> = (0..places).collect();
    // Every line uses few locations, so few of them are open at the start.
    let mut now = look_at(&all);
    while (2..=CLOSED).contains(&now.open.len()) {
        let without = |place: &usize| {
            let open: Vec<usize> = now.open.iter().copied().filter(|other| other != place).collect();
            // Units of a closed location may come from one that was unused so far.
            look_at(&open)
        };
        let next = now.open.iter().map(without).reduce(|one, other| if other.is_better(&one) { other } else { one });
        let Some(next) = next else { break };
        if now.open.len() <= shipments_max {
            best.consider(now.clone());
            if !next.is_better(&now) {
                best.consider(next);
                break;
            }
        }
        now = next;
    }
    if now.open.len() <= shipments_max {
        best.consider(now);
    }
}

/// The best evaluated set, and the next best one with other locations.
#[derive(Default)]
struct BestTwo {
    first: Option<Found>,
    second: Option<Found>,
}

impl BestTwo {
    fn consider(&mut self, found: Found) {
        if found.open.is_empty() {
            return;
        }
        match &self.first {
            Some(first) if found.open == first.open => {}
            Some(first) if !found.is_better(first) => {
                if self.second.as_ref().is_none_or(|second| found.is_better(second)) {
                    self.second = Some(found);
                }
            }
            _ => self.second = self.first.replace(found),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(rows: &[(f64, &[u32])], weights: &Weights) -> Vec<Candidate> {
        let place = |(at, (km, units)): (usize, &(f64, &[u32]))| {
            Candidate::new(LocationId(at as u32), Some(*km), at, false, units.to_vec(), Vec::new(), weights)
        };
        rows.iter().enumerate().map(place).collect()
    }

    const NEAREST: Weights =
        Weights { shipments: 0.0, distance: 1.0, priority: 0.0, stock: 0.0, store: 0.0, cover: 0.0 };

    #[test]
    fn each_unit_comes_from_the_cheapest_place_unless_a_shipment_costs_more() {
        let rows: [(f64, &[u32]); 3] = [(10.0, &[5, 0]), (50.0, &[5, 5]), (60.0, &[0, 5])];
        let candidates = places(&rows, &NEAREST);
        let (best, second) = plans(&[2, 2], &candidates, 0.0, 9);
        assert_eq!((best.unwrap().open, second.unwrap().open), (vec![0, 1], vec![0, 2]));
        let (best, _) = plans(&[2, 2], &candidates, 10.0, 9);
        assert_eq!(best.unwrap().open, [1]);
        let (best, _) = plans(&[6, 2], &candidates, 0.0, 1);
        let best = best.unwrap();
        assert_eq!((best.open, best.missing), (vec![1], 1), "one place, and the one that covers most");
    }

    /// The best of all sets, one by one.
    fn by_force(wanted: &[u32], candidates: &[Candidate], per_shipment: f64, shipments_max: usize) -> Option<Found> {
        let sets = (1_usize..1 << candidates.len()).map(|bits| {
            let open: Vec<usize> = (0..candidates.len()).filter(|place| bits & (1 << place) != 0).collect();
            look_at(&open, candidates, wanted, per_shipment)
        });
        let allowed = sets.filter(|found| !found.open.is_empty() && found.open.len() <= shipments_max);
        allowed.reduce(|one, other| if other.is_better(&one) { other } else { one })
    }

    proptest! {
        #[test]
        fn up_to_three_shipments_are_the_best_there_are(
            rows in prop::collection::vec((0.0_f64..500.0, prop::collection::vec(0_u32..4, 3)), 1..7),
            wanted in prop::collection::vec(1_u32..5, 3),
            per_shipment in 0.0_f64..5.0,
            shipments_max in 1_usize..=3,
        ) {
            let rows: Vec<(f64, &[u32])> = rows.iter().map(|(km, units)| (*km, units.as_slice())).collect();
            let candidates = places(&rows, &NEAREST);
            let (best, _) = plans(&wanted, &candidates, per_shipment, shipments_max);
            let forced = by_force(&wanted, &candidates, per_shipment, shipments_max);
            prop_assert_eq!(best.as_ref().map(|found| found.missing), forced.as_ref().map(|found| found.missing));
            let scores = best.zip(forced).map_or(0.0, |(best, forced)| best.score - forced.score);
            prop_assert!(scores.abs() < 1e-9, "off by {scores}");
        }
    }
}
