//! The arithmetic of replenishment over the cells of one SKU: positions, needs, and the locations that give.
//!
//! ```text
//!   position = on hand − reserved − safety stock − backordered + inbound
//! ```
//!
//! The units that a plan moves count as a draft at once: as inbound at one location, and as gone at the other. So a
//! second plan, after the transfers were drafted, proposes nothing.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::ids::{LocationId, Timestamp};
use crate::level::LINE_QUANTITY_MAX;
use crate::transfers::policy::{Policy, PolicyKind};

/// The units a day below which a location does not sell a SKU: about one unit in three months.
const SELLS_PER_DAY: f64 = 0.001;

/// The most rounds over all policies.
const ROUNDS: usize = 16;

/// The tolerance of a rate, whose last digits are not exact: a smaller excess is not rounded up.
const ROUNDING: f64 = 1e-6;

const DAY_MS: u64 = 86_400_000;

/// The facts about a SKU at one location.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The location.
    pub location: LocationId,
    /// Whether the SKU has a cell there; otherwise a policy names both.
    pub is_stocked: bool,
    /// Units on hand.
    pub on_hand: i64,
    /// Reserved units on hand.
    pub reserved: i64,
    /// Safety stock.
    pub safety_stock: i64,
    /// Backordered units.
    pub waiting: i64,
    /// Units of inbound supply, including transfers under way.
    pub incoming: i64,
    /// Units that replenishment drafts would bring.
    pub drafts_in: i64,
    /// Units that replenishment drafts would take.
    pub drafts_out: i64,
    /// Units available to promise through the channel `transfer`.
    pub available: i64,
    /// Units sold a day.
    pub per_day: f64,
    /// When a unit was last sold.
    pub last_sale: Option<Timestamp>,
}

impl Cell {
    /// A location without any units.
    pub fn new(location: LocationId) -> Self {
        let (is_stocked, per_day, last_sale) = (false, 0.0, None);
        let [on_hand, reserved, safety_stock, waiting, incoming, drafts_in, drafts_out, available] = [0; 8];
        Self {
            location,
            is_stocked,
            on_hand,
            reserved,
            safety_stock,
            waiting,
            incoming,
            drafts_in,
            drafts_out,
            available,
            per_day,
            last_sale,
        }
    }

    /// The units after everything inbound has arrived and every promise is served; may be negative.
    pub fn position(&self) -> i64 {
        let to_come = self.incoming + self.drafts_in - self.drafts_out;
        self.on_hand - self.reserved - self.safety_stock - self.waiting + to_come
    }

    /// Whether the location sells the SKU.
    pub fn sells(&self) -> bool {
        self.per_day >= SELLS_PER_DAY
    }

    /// The days that the position lasts; infinite if the location does not sell the SKU.
    pub fn days_of_cover(&self) -> f64 {
        let position = self.position();
        match self.sells() {
            true => position as f64 / self.per_day,
            false if position > 0 => f64::INFINITY,
            false => 0.0,
        }
    }

    /// The units for this many days, rounded up.
    fn units_of(&self, days: Option<u32>) -> i64 {
        (f64::from(days.unwrap_or(0)) * self.per_day - ROUNDING).ceil().max(0.0) as i64
    }
}

/// A policy's verdict on one location that it supplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The policy is not in force now.
    NotInForce,
    /// The policy excludes this SKU.
    OtherSku,
    /// The policy excludes this location.
    OtherPlace,
    /// The SKU is untracked.
    Uncounted,
    /// The location does not sell the SKU, or has no cell and is not named for it.
    DoesNotSell,
    /// The position has at least this many units.
    Enough {
        /// Units below which it would be raised.
        below: i64,
    },
    /// The position is below that.
    Needs {
        /// Units below which it is raised.
        below: i64,
        /// The target in units.
        up_to: i64,
        /// Units to bring, in whole packs.
        wanted: u32,
    },
}

/// A policy with its locations.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// Locations that it supplies, ascending.
    pub to: &'a [LocationId],
    /// Locations that give, in the order of use; those of one group together.
    pub from: &'a [Vec<LocationId>],
}

impl Terms<'_> {
    fn supplies(&self, location: LocationId) -> bool {
        self.to.binary_search(&location).is_ok()
    }

    /// The lower limit and the target of a location in units; `None` if the location gets no units of the SKU.
    fn levels(&self, cell: &Cell) -> Option<(i64, i64)> {
        let policy = self.policy;
        match policy.kind {
            PolicyKind::MinMax => {
                let is_named = cell.is_stocked || !policy.skus.is_empty();
                let (min, max) = (policy.min.unwrap_or(0), policy.max.or(policy.min).unwrap_or(0));
                is_named.then_some((min.into(), max.into()))
            }
            PolicyKind::DaysOfCover => {
                let days = policy.cover_days_max.or(policy.cover_days_min);
                cell.sells().then(|| (cell.units_of(policy.cover_days_min), cell.units_of(days)))
            }
            PolicyKind::Rebalance => {
                let units = cell.units_of(policy.cover_days_min);
                (cell.is_stocked && cell.sells()).then_some((units, units))
            }
        }
    }

    /// The policy's verdict on a location.
    pub fn verdict(&self, cell: &Cell) -> Verdict {
        if !self.supplies(cell.location) {
            return Verdict::OtherPlace;
        }
        let Some((below, up_to)) = self.levels(cell) else { return Verdict::DoesNotSell };
        let position = cell.position();
        if position >= below {
            return Verdict::Enough { below };
        }
        let pack = i64::from(self.policy.pack.max(1));
        let most = i64::from(LINE_QUANTITY_MAX) / pack;
        let packs = (up_to.max(below) - position + pack - 1) / pack;
        Verdict::Needs { below, up_to, wanted: (packs.min(most) * pack) as u32 }
    }

    fn wanted(&self, cell: &Cell) -> Option<u32> {
        match self.verdict(cell) {
            Verdict::Needs { wanted, .. } => Some(wanted),
            _ => None,
        }
    }

    /// Units in whole packs that a location gives under the policy.
    pub fn gives(&self, cell: &Cell, now: Timestamp) -> u32 {
        match self.from.iter().flatten().any(|from| *from == cell.location) {
            true => self.spares(cell, now),
            false => 0,
        }
    }

    /// Units in whole packs that a giving location can spare.
    fn spares(&self, cell: &Cell, now: Timestamp) -> u32 {
        let (policy, mut keeps) = (self.policy, 0);
        if policy.kind == PolicyKind::Rebalance {
            let idle_ms = u64::from(policy.idle_days.unwrap_or(0)) * DAY_MS;
            let is_idle = cell.last_sale.is_none_or(|last| now.since_ms(last) >= idle_ms);
            let lasts = cell.position() as f64 > f64::from(policy.cover_days_max.unwrap_or(0)) * cell.per_day;
            if !is_idle || !lasts {
                return 0;
            }
            keeps = policy.min.unwrap_or(0).into();
        }
        // Units taken from a location must not be brought back by the same policy.
        if self.supplies(cell.location)
            && let Some((below, _)) = self.levels(cell)
        {
            keeps = keeps.max(below);
        }
        let units = (cell.available - cell.drafts_out).min(cell.position() - keeps).min(LINE_QUANTITY_MAX.into());
        let pack = i64::from(policy.pack.max(1));
        (units / pack * pack).max(0) as u32
    }
}

/// Units that go from one location to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The index of the policy.
    pub policy: usize,
    /// The location that gives.
    pub from: LocationId,
    /// The location that receives.
    pub to: LocationId,
    /// The number of units.
    pub units: u32,
}

/// The need of a location, and the assigned units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The location.
    pub location: LocationId,
    /// Units needed.
    pub wanted: u32,
    /// Units assigned.
    pub given: u32,
}

/// Distributes the units of one SKU: policy by policy, the locations that run out first come first. `cells` ascend by
/// location, and contain the moves afterwards.
///
/// A giving location may run short through this, and a receiving location may give. So all policies run again until
/// nothing moves, and a chain of locations is served in one plan.
pub fn balance(cells: &mut [Cell], policies: &[Terms<'_>], now: Timestamp) -> (Vec<Move>, Vec<Need>) {
    let (mut moves, mut needs): (Vec<Move>, BTreeMap<LocationId, Need>) = (Vec::new(), BTreeMap::new());
    for _ in 0..ROUNDS {
        let before_round = moves.len();
        for (policy, terms) in policies.iter().enumerate() {
            let short = cells.iter().filter(|cell| terms.wanted(cell).is_some());
            let mut short: Vec<Cell> = short.copied().collect();
            short.sort_by(runs_out_first);
            for place in short.iter().map(|cell| cell.location) {
                let Some(wanted) = find(cells, place).and_then(|cell| terms.wanted(cell)) else { continue };
                let before = moves.len();
                take(cells, terms, (policy, place), wanted, now, &mut moves);
                let given = moves.iter().skip(before).map(|made| made.units).sum::<u32>();
                let need = needs.entry(place).or_insert(Need { location: place, wanted: 0, given: 0 });
                need.wanted = need.wanted.max(need.given.saturating_add(wanted));
                need.given = need.given.saturating_add(given);
            }
        }
        if moves.len() == before_round {
            break;
        }
    }
    (moves, needs.into_values().collect())
}

fn runs_out_first(a: &Cell, b: &Cell) -> Ordering {
    let by_cover = a.days_of_cover().total_cmp(&b.days_of_cover());
    by_cover.then(a.position().cmp(&b.position())).then(a.location.cmp(&b.location))
}

fn lasts_longest(a: &Cell, b: &Cell) -> Ordering {
    let by_cover = b.days_of_cover().total_cmp(&a.days_of_cover());
    by_cover.then(b.position().cmp(&a.position())).then(a.location.cmp(&b.location))
}

fn find(cells: &[Cell], location: LocationId) -> Option<&Cell> {
    cells.binary_search_by_key(&location, |cell| cell.location).ok().and_then(|at| cells.get(at))
}

fn find_mut(cells: &mut [Cell], location: LocationId) -> Option<&mut Cell> {
    cells.binary_search_by_key(&location, |cell| cell.location).ok().and_then(|at| cells.get_mut(at))
}

/// Takes up to `wanted` units for a location, source by source.
fn take(
    cells: &mut [Cell],
    terms: &Terms<'_>,
    (policy, to): (usize, LocationId),
    wanted: u32,
    now: Timestamp,
    moves: &mut Vec<Move>,
) {
    let mut left = wanted;
    for group in terms.from {
        let members = group.iter().filter(|from| **from != to);
        let mut givers: Vec<Cell> = members.filter_map(|from| find(cells, *from)).copied().collect();
        givers.sort_by(lasts_longest);
        for giver in givers {
            if left == 0 {
                return;
            }
            let from = giver.location;
            // A location may be asked twice, because it can be in two groups.
            let units = find(cells, from).map_or(0, |giver| terms.spares(giver, now)).min(left);
            if units == 0 {
                continue;
            }
            left -= units;
            if let Some(giver) = find_mut(cells, from) {
                giver.drafts_out += i64::from(units);
            }
            if let Some(place) = find_mut(cells, to) {
                place.drafts_in += i64::from(units);
            }
            moves.push(Move { policy, from, to, units });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const WAREHOUSE: LocationId = LocationId(0);
    const STORE: LocationId = LocationId(1);
    const OTHER: LocationId = LocationId(2);

    fn min_max(min: u32, max: u32, pack: u32) -> Policy {
        Policy { min: Some(min), max: Some(max), pack, ..Policy::of(PolicyKind::MinMax) }
    }

    fn cover(min: u32, max: u32, pack: u32) -> Policy {
        let (min, max) = (Some(min), Some(max));
        Policy { cover_days_min: min, cover_days_max: max, pack, ..Policy::of(PolicyKind::DaysOfCover) }
    }

    fn rebalance(idle: u32, above: u32, below: u32, min: u32) -> Policy {
        Policy {
            idle_days: Some(idle),
            cover_days_max: Some(above),
            cover_days_min: Some(below),
            min: Some(min),
            ..Policy::of(PolicyKind::Rebalance)
        }
    }

    fn stocked(location: LocationId, on_hand: i64) -> Cell {
        Cell { is_stocked: true, on_hand, available: on_hand.max(0), ..Cell::new(location) }
    }

    fn selling(location: LocationId, on_hand: i64, per_day: f64) -> Cell {
        Cell { per_day, last_sale: Some(NOW), ..stocked(location, on_hand) }
    }

    fn days_ago(days: u64) -> Option<Timestamp> {
        Some(Timestamp(NOW.0 - days * DAY_MS))
    }

    #[test]
    fn a_position_counts_everything_and_may_be_negative() {
        let cell = Cell {
            reserved: 3,
            safety_stock: 2,
            waiting: 9,
            incoming: 4,
            drafts_in: 5,
            drafts_out: 1,
            ..stocked(STORE, 10)
        };
        assert_eq!(cell.position(), 4, "10 - 3 - 2 - 9 + 4 + 5 - 1");
        assert_eq!(Cell { waiting: 20, ..cell }.position(), -7);
    }

    #[test]
    fn a_need_is_brought_to_the_top_in_whole_packs() {
        // min, max, pack, position: wanted.
        let table = [
            (5, 20, 1, 5, None),
            (5, 20, 1, 4, Some(16)),
            (5, 20, 6, 4, Some(18)),
            (5, 20, 6, 2, Some(18)),
            (5, 20, 6, 1, Some(24)),
            (5, 20, 100, 0, Some(100)),
            (5, 20, 1, -7, Some(27)),
            (0, 20, 1, 0, None),
            (5, 5, 1, 4, Some(1)),
        ];
        for (min, max, pack, position, wanted) in table {
            let policy = min_max(min, max, pack);
            let terms = Terms { policy: &policy, to: &[STORE], from: &[] };
            assert_eq!(terms.wanted(&stocked(STORE, position)), wanted, "{min} {max} {pack} {position}");
        }
    }

    #[test]
    fn days_are_counted_in_units_a_day_rounded_up() {
        // days below which, days to which, units a day, position: wanted.
        let table = [
            (3, 7, 2.0, 6, None),
            (3, 7, 2.0, 5, Some(9)),
            (3, 7, 0.3, 1, None),
            (3, 7, 0.3, 0, Some(3)),
            (1, 7, 1.05, 1, Some(7)),
            (3, 7, 0.000_5, 0, None),
            (3, 7, 0.0, 0, None),
            (7, 14, f64::from(0.1_f32), 0, Some(2)),
            // As an `f32`, the rate is slightly more than a tenth; ten days of it are still one unit.
            (10, 10, f64::from(0.1_f32), 0, Some(1)),
        ];
        for (min, max, per_day, position, wanted) in table {
            let policy = cover(min, max, 1);
            let terms = Terms { policy: &policy, to: &[STORE], from: &[] };
            assert_eq!(terms.wanted(&selling(STORE, position, per_day)), wanted, "{min} {max} {per_day} {position}");
        }
    }

    #[test]
    fn a_place_without_a_cell_gets_what_is_named_alone() {
        let all = min_max(2, 5, 1);
        let named = Policy { skus: vec![crate::ids::SkuId(7)], ..all.clone() };
        let wanted = |policy: &Policy| Terms { policy, to: &[STORE], from: &[] }.wanted(&Cell::new(STORE));
        assert_eq!((wanted(&all), wanted(&named)), (None, Some(5)));
    }

    #[test]
    fn a_giver_gives_what_rules_leave_and_its_position_allows() {
        let policy = min_max(5, 20, 4);
        let from = [vec![WAREHOUSE]];
        let terms = Terms { policy: &policy, to: &[STORE], from: &from };
        // on hand, backordered, drafts that leave, available: gives.
        let table = [
            (20, 0, 0, 20, 20),
            (20, 0, 0, 7, 4),
            (20, 9, 0, 20, 8),
            (20, 0, 6, 10, 4),
            (3, 0, 0, 3, 0),
            (9, 9, 0, 9, 0),
        ];
        for (on_hand, waiting, drafts_out, available, gives) in table {
            let cell = Cell { waiting, drafts_out, available, ..stocked(WAREHOUSE, on_hand) };
            assert_eq!(terms.gives(&cell, NOW), gives, "{on_hand} {waiting} {drafts_out} {available}");
        }
        assert_eq!(terms.gives(&stocked(STORE, 20), NOW), 0, "the location does not give");
    }

    #[test]
    fn a_place_gives_once_a_sku_lies_there() {
        let policy = rebalance(30, 60, 7, 2);
        let from = [vec![WAREHOUSE]];
        let terms = Terms { policy: &policy, to: &[STORE], from: &from };
        // last sale, units a day, on hand: gives.
        let table = [
            (None, 0.0, 10, 8),
            (days_ago(30), 0.01, 10, 8),
            (days_ago(29), 0.01, 10, 0),
            (days_ago(40), 0.1, 6, 0),
            (days_ago(40), 0.1, 7, 5),
            (None, 0.0, 2, 0),
            (None, 0.0, 1, 0),
        ];
        for (last_sale, per_day, on_hand, gives) in table {
            let cell = Cell { last_sale, per_day, ..stocked(WAREHOUSE, on_hand) };
            assert_eq!(terms.gives(&cell, NOW), gives, "{last_sale:?} {per_day} {on_hand}");
        }
    }

    #[test]
    fn givers_are_asked_in_order_and_in_a_group_by_cover() {
        let [a, b, c, d] = [10, 11, 12, 13].map(LocationId);
        let policy = min_max(10, 10, 1);
        let from = [vec![d], vec![a, b, c]];
        let terms = Terms { policy: &policy, to: &[STORE], from: &from };
        let mut cells = [
            stocked(STORE, 0),
            selling(a, 4, 1.0),
            selling(b, 4, 0.5),
            Cell { per_day: 0.0, last_sale: None, ..stocked(c, 2) },
            selling(d, 3, 3.0),
        ];
        let (moves, needs) = balance(&mut cells, std::slice::from_ref(&terms), NOW);
        let told: Vec<_> = moves.iter().map(|made| (made.from, made.units)).collect();
        assert_eq!(told, [(d, 3), (c, 2), (b, 4), (a, 1)]);
        assert_eq!(needs, [Need { location: STORE, wanted: 10, given: 10 }]);
        assert_eq!(balance(&mut cells, &[terms], NOW).0, [], "a second run proposes nothing");
    }

    #[test]
    fn what_is_scarce_goes_first_to_who_runs_out_first() {
        let policy = cover(4, 8, 1);
        let from = [vec![WAREHOUSE]];
        let terms = Terms { policy: &policy, to: &[STORE, OTHER], from: &from };
        let mut cells = [stocked(WAREHOUSE, 6), selling(STORE, 3, 1.0), selling(OTHER, 2, 1.0)];
        let (moves, needs) = balance(&mut cells, &[terms], NOW);
        let told: Vec<_> = moves.iter().map(|made| (made.to, made.units)).collect();
        assert_eq!(told, [(OTHER, 6)]);
        let short = Need { location: STORE, wanted: 5, given: 0 };
        assert_eq!(needs, [short, Need { location: OTHER, wanted: 6, given: 6 }]);
    }

    #[test]
    fn a_chain_is_served_in_one_plan() {
        let far = LocationId(9);
        let (near, whole) = (min_max(5, 10, 1), min_max(20, 40, 10));
        let (from_near, from_far) = ([vec![WAREHOUSE]], [vec![far]]);
        let policies = [
            Terms { policy: &whole, to: &[WAREHOUSE], from: &from_far },
            Terms { policy: &near, to: &[STORE], from: &from_near },
        ];
        let mut cells = [stocked(WAREHOUSE, 25), stocked(STORE, 0), stocked(far, 100)];
        let (moves, needs) = balance(&mut cells, &policies, NOW);
        let told: Vec<_> = moves.iter().map(|made| (made.policy, made.from, made.to, made.units)).collect();
        assert_eq!(told, [(1, WAREHOUSE, STORE, 10), (0, far, WAREHOUSE, 30)]);
        assert_eq!(needs.len(), 2);
        assert_eq!(balance(&mut cells, &policies, NOW).0, [], "a second run proposes nothing");
    }

    #[test]
    fn what_supplies_itself_takes_nothing_that_it_would_bring_back() {
        let policy = min_max(5, 20, 1);
        let all = [STORE, OTHER];
        let from = [all.to_vec()];
        let terms = Terms { policy: &policy, to: &all, from: &from };
        let mut cells = [stocked(STORE, 8), stocked(OTHER, 1)];
        let (moves, _) = balance(&mut cells, std::slice::from_ref(&terms), NOW);
        assert_eq!(moves, [Move { policy: 0, from: STORE, to: OTHER, units: 3 }]);
        assert_eq!(balance(&mut cells, &[terms], NOW).0, [], "a second run proposes nothing");
    }

    proptest::proptest! {
        #[test]
        fn a_second_run_proposes_nothing_and_nobody_gives_what_he_lacks(
            stock in proptest::collection::vec((-5i64..40, 0i64..30, 0u32..400, 0u64..90), 2..8),
            min in 0u32..12, more in 0u32..20, pack in 1u32..7, kind in 0usize..3,
        ) {
            let [a, b, c] = [min_max(min, min + more, pack), cover(min, min + more, pack), rebalance(20, 40, min, 1)];
            let policy = [a, b, Policy { pack, ..c }].into_iter().nth(kind).expect("one of three");
            let all: Vec<_> = (0..stock.len() as u32).map(LocationId).collect();
            let from = [all.clone()];
            let terms = Terms { policy: &policy, to: &all, from: &from };
            let cell = |(at, (on_hand, available, rate, last)): (&LocationId, &(i64, i64, u32, u64))| Cell {
                available: (*available).min(*on_hand).max(0),
                per_day: f64::from(*rate) / 100.0,
                last_sale: days_ago(*last),
                ..stocked(*at, *on_hand)
            };
            let mut cells: Vec<_> = all.iter().zip(&stock).map(cell).collect();
            let before = cells.clone();
            let (moves, needs) = balance(&mut cells, std::slice::from_ref(&terms), NOW);
            for (cell, before) in cells.iter().zip(&before) {
                proptest::prop_assert!(cell.drafts_out <= before.available);
                proptest::prop_assert!(cell.drafts_out == 0 || cell.position() >= 0);
            }
            proptest::prop_assert!(moves.iter().all(|made| made.units > 0 && made.units % pack == 0 && made.from != made.to));
            proptest::prop_assert!(needs.iter().all(|need| need.given <= need.wanted));
            proptest::prop_assert_eq!(balance(&mut cells, &[terms], NOW).0, Vec::new());
        }
    }
}
