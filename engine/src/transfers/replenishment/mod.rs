//! Replenishment, computed on the reader's side: what policies would move in the current durable view. Nothing is
//! written.
//!
//! SKUs are independent, so each is read at one `seq` and distributed separately ([`balance`]). Transfers that are
//! under way or drafted when a plan begins count throughout.

mod balance;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

pub use balance::{Cell, Verdict};

use self::balance::{Terms, balance};
use crate::catalogue::names::TRANSFER_CHANNEL;
use crate::ids::{LocationId, Name, Seq, SkuId, Timestamp};
use crate::kernel::cell_after::CellAfter;
use crate::level::{IN_QUARANTINE, StockLevel};
use crate::matrix::StockCell;
use crate::rules::Conditions;
use crate::state::DurableState;
use crate::stock::lens::CellView;
use crate::transfers::policy::{Giver, Policy, PolicyKind, RunItem};
use crate::transfers::{Reason, Transfer, TransferState};

/// The most lines of one transfer.
pub const LINES_MAX: usize = 1000;

/// The most cells that a run reports.
pub const ITEMS_MAX: usize = 10_000;

/// How long a replenishment draft counts.
pub const DRAFT_LAPSES_MS: u64 = 7 * 86_400_000;

/// A plan would examine more cells than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run would read more than {cells_max} cells")]
pub struct TooMany {
    /// The limit.
    pub cells_max: usize,
}

/// A transfer that a plan proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The policy.
    pub policy: Name,
    /// The location that gives.
    pub from: LocationId,
    /// The location that receives.
    pub to: LocationId,
    /// The reason.
    pub reason: Reason,
    /// Whether it is made ready at once.
    pub ready: bool,
    /// SKUs, each once, and units; up to [`LINES_MAX`].
    pub lines: Vec<(SkuId, u32)>,
}

/// What policies would move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplenishmentPlan {
    /// The record at which the plan began.
    pub seq: Seq,
    /// The transfers, by policy, source and location.
    pub transfers: Vec<Proposed>,
    /// Cells that get less than they need.
    pub short: u32,
    /// The needs of cells: short ones first, up to [`ITEMS_MAX`].
    pub items: Vec<RunItem>,
    /// The number of examined cells.
    pub looked: usize,
}

/// Replenishment's view of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The record of the view.
    pub seq: Seq,
    /// The parts of its position, and its rate of sale.
    pub cell: Cell,
    /// By policy: its verdict on the cell as a receiver, and the units that the cell would give under it.
    pub verdicts: Vec<(Name, Verdict, u32)>,
}

/// A policy with its locations.
struct Resolved<'a> {
    name: &'a Name,
    policy: &'a Policy,
    of_sku: Conditions,
    to: Vec<LocationId>,
    from: Vec<Vec<LocationId>>,
}

impl<'a> Resolved<'a> {
    fn new(state: &DurableState, name: &'a Name, policy: &'a Policy) -> Self {
        let (to, from) = places_that_take_part(state, policy);
        let (skus, categories) = (policy.skus.clone(), policy.categories.clone());
        let mut of_sku =
            Conditions { skus, categories, attributes: policy.attributes.clone(), ..Conditions::default() };
        of_sku.normalise();
        Self { name, policy, of_sku, to, from }
    }

    fn terms(&self) -> Terms<'_> {
        Terms { policy: self.policy, to: &self.to, from: &self.from }
    }

    fn holds_for(&self, state: &DurableState, sku: SkuId) -> bool {
        let needs_details = !(self.of_sku.categories.is_empty() && self.of_sku.attributes.is_empty());
        let details = if needs_details { state.catalogue.skus.details(sku) } else { None };
        self.of_sku.hold_for_sku(sku, details.as_deref().map(|set| &set.details))
    }

    /// Locations that get a SKU for the first time.
    fn begins_at(&self) -> &[LocationId] {
        let begins = self.policy.kind == PolicyKind::MinMax && !self.policy.skus.is_empty();
        if begins { &self.to } else { &[] }
    }
}

/// Units of transfers that are not in stock or supply: `(would come, would leave, come undated)`.
#[derive(Default)]
struct Drafted(FxHashMap<(SkuId, LocationId), [i64; 3]>);

impl Drafted {
    fn of(state: &DurableState, now: Timestamp, sku: Option<SkuId>) -> Self {
        let mut all = Self::default();
        state.own.transfers.each_open(|transfer| all.add(transfer, now, sku));
        all
    }

    fn add(&mut self, transfer: &Transfer, now: Timestamp, of_sku: Option<SkuId>) {
        let (from, to) = (transfer.content.from, transfer.content.to);
        let is_planned = matches!(transfer.content.reason, Reason::Replenishment | Reason::Rebalance);
        let counts = match transfer.state {
            TransferState::Draft => is_planned && now.since_ms(transfer.created_at) < DRAFT_LAPSES_MS,
            // A dated transfer is inbound supply.
            _ => transfer.expected_at.is_none(),
        };
        for line in transfer.lines.iter().filter(|line| counts && of_sku.is_none_or(|sku| line.sku == sku)) {
            if transfer.state == TransferState::Draft {
                self.put((line.sku, to), 0, line.quantity);
                self.put((line.sku, from), 1, line.quantity);
            } else {
                self.put((line.sku, to), 2, line.reserved + line.outstanding());
            }
        }
    }

    fn put(&mut self, cell: (SkuId, LocationId), part: usize, units: u32) {
        if let Some(sum) = self.0.entry(cell).or_default().get_mut(part) {
            *sum += i64::from(units);
        }
    }
}

/// Reads the cells of one SKU for replenishment.
struct Reader<'a> {
    state: &'a DurableState,
    drafted: Drafted,
    /// Locations of all policies, ascending.
    places: Vec<LocationId>,
    now: Timestamp,
}

impl Reader<'_> {
    /// The cells of a SKU at locations of policies, and at `begins`; ascending by location.
    fn cells(&self, sku: SkuId, begins: &[LocationId]) -> (Seq, Vec<Cell>) {
        let (seq, mut cells) = self.state.view.read(|| self.cells_now(sku, begins));
        cells.sort_unstable_by_key(|cell| cell.location);
        (seq, cells)
    }

    /// Exact at one `seq` inside the durable view.
    fn cells_now(&self, sku: SkuId, begins: &[LocationId]) -> Vec<Cell> {
        let Self { state, places, .. } = self;
        let channel = state.catalogue.channels.id(TRANSFER_CHANNEL);
        let (everybody, transfer) = (state.lens(None), state.lens(channel));
        let (row_of_all, row_of_transfers) =
            (everybody.row(&state.catalogue, sku), transfer.row(&state.catalogue, sku));
        let ledger = state.ledger();
        let read = |seen: &CellView, available: u32, is_stocked: bool| {
            let outlook = ledger.outlook(sku, seen.location);
            let [drafts_in, drafts_out, undated] =
                self.drafted.0.get(&(sku, seen.location)).copied().unwrap_or_default();
            let rate = state.rates.get(sku, seen.location);
            Cell {
                location: seen.location,
                is_stocked,
                on_hand: seen.level.on_hand.into(),
                reserved: seen.level.reserved.into(),
                safety_stock: seen.safety_stock.into(),
                waiting: outlook.map_or(0, |outlook| outlook.waiting()) as i64,
                incoming: outlook.map_or(0, |outlook| outlook.supplied()) as i64 + undated,
                drafts_in,
                drafts_out,
                available: available.into(),
                per_day: rate.map_or(0.0, |rate| rate.at(self.now)),
                last_sale: rate.map(|rate| rate.at),
            }
        };
        let row = state.matrix.row(sku);
        let mut cells = Vec::new();
        let mut add = |cell: &StockCell| {
            if cell.safety_stock() != IN_QUARANTINE {
                cells.push(read(&row_of_all.view(cell), row_of_transfers.available(cell), true));
            }
        };
        if row.about() <= places.len() {
            row.for_each(|cell| {
                if places.binary_search(&cell.location()).is_ok() {
                    add(cell);
                }
            });
        } else {
            places.iter().filter_map(|location| state.matrix.get(sku, *location)).for_each(add);
        }
        let missing = begins.iter().filter(|location| state.matrix.get(sku, **location).is_none());
        cells.extend(missing.map(|location| {
            let empty = CellAfter { sku, location: *location, level: StockLevel::default(), safety_stock: 0 };
            read(&everybody.see(&state.catalogue, &empty), 0, false)
        }));
        cells
    }
}

/// Computes what `policies` would move at `now`, in the given order. Skips policies that are not in force, retired
/// names, quarantines and untracked SKUs.
///
/// # Errors
/// The plan would examine more than `cells_max` cells.
pub fn plan(
    state: &DurableState,
    policies: &[(Name, Arc<Policy>)],
    now: Timestamp,
    cells_max: usize,
) -> Result<ReplenishmentPlan, TooMany> {
    let seq = state.view.seq();
    let in_force = policies.iter().filter(|(_, policy)| policy.is_in_force(now));
    let policies: Vec<_> = in_force.map(|(name, policy)| Resolved::new(state, name, policy)).collect();
    let places = policies.iter().flat_map(|policy| policy.to.iter().chain(policy.from.iter().flatten()));
    let mut places: Vec<LocationId> = places.copied().collect();
    places.sort_unstable();
    places.dedup();
    let reader = Reader { state, drafted: Drafted::of(state, now, None), places, now };
    let mut plan = ReplenishmentPlan { seq, transfers: Vec::new(), short: 0, items: Vec::new(), looked: 0 };
    let mut moves: BTreeMap<(usize, LocationId, LocationId), Vec<(SkuId, u32)>> = BTreeMap::new();
    for sku in skus(state, &policies) {
        let (numbers, terms): (Vec<usize>, Vec<&Resolved<'_>>) =
            policies.iter().enumerate().filter(|(_, policy)| policy.holds_for(state, sku)).unzip();
        if terms.is_empty() || state.catalogue.skus.is_retired(sku) || !state.catalogue.is_tracked(sku) {
            continue;
        }
        let mut begins: Vec<LocationId> = terms.iter().flat_map(|policy| policy.begins_at()).copied().collect();
        begins.sort_unstable();
        begins.dedup();
        let (_, mut cells) = reader.cells(sku, &begins);
        plan.looked += cells.len();
        if plan.looked > cells_max {
            return Err(TooMany { cells_max });
        }
        let terms: Vec<_> = terms.iter().map(|policy| policy.terms()).collect();
        let (made, needs) = balance(&mut cells, &terms, now);
        for made in made {
            let Some(policy) = numbers.get(made.policy) else { continue };
            let lines = moves.entry((*policy, made.from, made.to)).or_default();
            match lines.last_mut().filter(|(last, _)| *last == sku) {
                Some((_, units)) => *units += made.units,
                None => lines.push((sku, made.units)),
            }
        }
        plan.items.extend(needs.into_iter().map(|need| {
            let balance::Need { location, wanted, given } = need;
            RunItem { sku, location, wanted, given }
        }));
    }
    let is_short = |item: &RunItem| item.given < item.wanted;
    plan.short = plan.items.iter().filter(|item| is_short(item)).count() as u32;
    plan.items.sort_by_key(|item| !is_short(item));
    plan.items.truncate(ITEMS_MAX);
    for ((number, from, to), lines) in moves {
        let Some(Resolved { name, policy, .. }) = policies.get(number) else { continue };
        let reason = match policy.kind {
            PolicyKind::Rebalance => Reason::Rebalance,
            PolicyKind::MinMax | PolicyKind::DaysOfCover => Reason::Replenishment,
        };
        let proposed = |lines: &[(SkuId, u32)]| Proposed {
            policy: (*name).clone(),
            from,
            to,
            reason,
            ready: policy.ready,
            lines: lines.to_vec(),
        };
        plan.transfers.extend(lines.chunks(LINES_MAX).map(proposed));
    }
    Ok(plan)
}

/// The locations that a policy supplies, ascending.
pub fn receivers(state: &DurableState, policy: &Policy) -> Vec<LocationId> {
    places_that_take_part(state, policy).0
}

/// The locations that a policy supplies, ascending, and those that give, in order; without quarantines and retired
/// locations.
fn places_that_take_part(state: &DurableState, policy: &Policy) -> (Vec<LocationId>, Vec<Vec<LocationId>>) {
    let members = |group| state.catalogue.groups.details_or_default(group).locations;
    let takes_part = |location: &LocationId| {
        !state.catalogue.locations.is_retired(*location) && state.catalogue.quarantine_of(*location).is_none()
    };
    let mut to = policy.to_locations.clone();
    to.extend(policy.to_groups.iter().flat_map(|group| members(*group)));
    to.retain(takes_part);
    to.sort_unstable();
    to.dedup();
    let from = policy.from.iter().map(|giver| match giver {
        Giver::Location(location) => vec![*location],
        Giver::Group(group) => members(*group),
    });
    (to, from.map(|places| places.into_iter().filter(takes_part).collect()).collect())
}

/// The SKUs of all policies, ascending.
fn skus(state: &DurableState, policies: &[Resolved<'_>]) -> Vec<SkuId> {
    if policies.iter().any(|policy| policy.of_sku.skus.is_empty()) {
        return (0..state.catalogue.skus.count()).map(SkuId).collect();
    }
    let mut named: Vec<SkuId> = policies.iter().flat_map(|policy| policy.of_sku.skus.iter().copied()).collect();
    named.sort_unstable();
    named.dedup();
    named
}

/// Explains replenishment's view of a cell at `now`, with each policy's verdict.
pub fn explain(state: &DurableState, sku: SkuId, location: LocationId, now: Timestamp) -> Explained {
    let policies = state.own.transfers.policies();
    let reader = Reader { state, drafted: Drafted::of(state, now, Some(sku)), places: vec![location], now };
    let (seq, cells) = reader.cells(sku, &[location]);
    let cell = cells.into_iter().next().unwrap_or(Cell::new(location));
    let is_counted = state.catalogue.is_tracked(sku) && state.catalogue.quarantine_of(location).is_none();
    let verdict = |(name, _, policy): &(Name, Seq, Arc<Policy>)| {
        let resolved = Resolved::new(state, name, policy);
        let says_nothing = if !policy.is_in_force(now) {
            Some(Verdict::NotInForce)
        } else if !is_counted {
            Some(Verdict::Uncounted)
        } else if !resolved.holds_for(state, sku) {
            Some(Verdict::OtherSku)
        } else {
            None
        };
        match says_nothing {
            Some(verdict) => (name.clone(), verdict, 0),
            None => (name.clone(), resolved.terms().verdict(&cell), resolved.terms().gives(&cell, now)),
        }
    };
    Explained { seq, cell, verdicts: policies.iter().map(verdict).collect() }
}
