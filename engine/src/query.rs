//! Reading: availability, stock, shortages. All of it from the durable view, exact at the `seq` that comes with it.

use std::sync::Arc;

use crate::catalogue::{Catalogue, GroupDetails, Versioned};
use crate::coming::{Coming, Prospects};
use crate::event::{CellAfter, Purpose};
use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::level::{Floor, IN_QUARANTINE, LINE_QUANTITY_MAX, StockLevel};
use crate::matrix::{RowCells, StockCell};
use crate::rules::{Band, Book, Gate, RowTerms, WholeRow};
use crate::shelves::Shelves;
use crate::state::State;
use crate::supply::Waiting;

/// More units than all cells of a SKU can hold.
const EVERYTHING: i64 = 1 << 52;

/// One cell as a reader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellView {
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// What is there, and promised.
    pub level: StockLevel,
    /// Units held back from every channel.
    pub safety_stock: u32,
    /// Units that the asking channel must leave to others; all that are left where it may not sell.
    pub buffer: u32,
    /// Units that the asking channel may promise: what is on hand less what is promised, the safety stock and the buffer.
    pub available: u32,
    /// How much that is, for those who are not told the number.
    pub band: Band,
    /// Whether the asking channel may tell the numbers.
    pub exact: bool,
    /// The safety stock of the cell's own stock row.
    own_safety_stock: u32,
}

/// Stands in the place of a cell's own safety stock where nobody counts the SKU. No stock row may say so much.
const UNCOUNTED: u32 = IN_QUARANTINE - 1;

impl CellView {
    /// Whether it may not be sold until somebody has looked.
    pub fn is_in_quarantine(&self) -> bool {
        self.own_safety_stock == IN_QUARANTINE
    }

    /// Whether its units are counted; otherwise `available` is what one line may be promised.
    pub fn is_tracked(&self) -> bool {
        self.own_safety_stock != UNCOUNTED
    }

    /// Units held back, as they are told: all that are free of what is in quarantine.
    pub fn held_back(&self) -> u32 {
        match self.is_in_quarantine() {
            true => self.level.free().max(0) as u32,
            false => self.safety_stock,
        }
    }
}

/// How a channel sees cells: the rules in force, and the units that it leaves to others.
#[derive(Debug, Clone)]
pub struct Lens {
    book: Arc<Book>,
    channel: Option<ChannelId>,
    buffer: u32,
}

impl Lens {
    pub(crate) fn new(book: Arc<Book>, channel: Option<ChannelId>, buffer: u32) -> Self {
        Self { book, channel, buffer }
    }

    /// The same for the cells of one SKU.
    #[inline]
    pub(crate) fn row<'a>(&'a self, catalogue: &'a Catalogue, sku: SkuId) -> RowLens<'a> {
        let uncounted = if catalogue.is_tracked(sku) { None } else { Some(catalogue) };
        RowLens { terms: self.book.row(catalogue, sku, self.channel), buffer: self.buffer, uncounted }
    }

    /// A cell after an event.
    pub fn see(&self, catalogue: &Catalogue, cell: &CellAfter) -> CellView {
        self.row(catalogue, cell.sku).see(cell)
    }

    /// A cell that was seen through another lens.
    pub(crate) fn see_again(&self, catalogue: &Catalogue, cell: &CellView) -> CellView {
        let CellView { sku, location, level, own_safety_stock, .. } = *cell;
        // It may be counted again by now: it holds nothing then.
        let safety_stock = if cell.is_tracked() { own_safety_stock } else { 0 };
        self.see(catalogue, &CellAfter { sku, location, level, safety_stock })
    }

    /// A cell as it is. Exact at one `seq` inside the durable view.
    #[inline]
    pub(crate) fn view(&self, catalogue: &Catalogue, cell: &StockCell) -> CellView {
        self.row(catalogue, cell.sku()).view(cell)
    }
}

/// How a channel sees the cells of one SKU.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowLens<'a> {
    terms: RowTerms<'a>,
    buffer: u32,
    /// Names and details, where nobody counts the SKU.
    uncounted: Option<&'a Catalogue>,
}

impl RowLens<'_> {
    fn see(&self, cell: &CellAfter) -> CellView {
        if let Some(catalogue) = self.uncounted
            && cell.safety_stock != IN_QUARANTINE
        {
            return self.see_uncounted(catalogue, cell.sku, cell.location, cell.level);
        }
        see(self.terms.terms(cell.location).limits().gate(cell.safety_stock, self.buffer), cell)
    }

    /// A cell of what nobody counts: as much as one line may ask for, if the channel may sell there.
    #[cold]
    fn see_uncounted(&self, catalogue: &Catalogue, sku: SkuId, location: LocationId, level: StockLevel) -> CellView {
        let limits = self.terms.terms(location).limits();
        let may_be_had = !limits.is_denied() && catalogue.has_uncounted_at(location);
        let available = if may_be_had { level.uncounted_room() } else { 0 };
        let band = if available > 0 { Band::InStock } else { Band::OutOfStock };
        let (_, exact) = limits.gate(0, 0).band(available);
        let (safety_stock, buffer, own_safety_stock) = (0, 0, UNCOUNTED);
        CellView { sku, location, level, safety_stock, buffer, available, band, exact, own_safety_stock }
    }

    /// What nobody counts at a location where it has no cell yet, if somebody declared the location.
    #[cold]
    fn see_without_cell(&self, catalogue: &Catalogue, sku: SkuId, location: LocationId) -> Option<CellView> {
        let may_be = catalogue.has_uncounted_at(location);
        may_be.then(|| self.see_uncounted(catalogue, sku, location, StockLevel::default()))
    }

    /// The SKU at a location, if there is anything to be told of it there. Exact at one `seq` inside the durable view.
    #[inline]
    pub fn view_at(&self, sku: SkuId, location: LocationId, cell: Option<&StockCell>) -> Option<CellView> {
        match (cell, self.uncounted) {
            (Some(cell), _) => Some(self.view(cell)),
            (None, Some(catalogue)) => self.see_without_cell(catalogue, sku, location),
            (None, None) => None,
        }
    }

    /// Whether nobody counts the SKU, so that it may be had where it has no cell.
    pub fn is_uncounted(&self) -> bool {
        self.uncounted.is_some()
    }

    /// A cell as it is. Exact at one `seq` inside the durable view.
    #[inline]
    pub fn view(&self, cell: &StockCell) -> CellView {
        self.see(&as_it_is(cell))
    }

    /// Units of a cell that may be promised, and nothing else.
    #[inline]
    pub fn available(&self, cell: &StockCell) -> u32 {
        if self.uncounted.is_some() {
            return self.view(cell).available;
        }
        self.terms.terms(cell.location()).limits().gate(cell.safety_stock(), self.buffer).available(cell.durable())
    }

    /// All cells of the SKU as they are, one after the other. Exact at one `seq` inside the durable view.
    #[inline]
    fn view_all(&self, row: RowCells<'_>, found: &mut Vec<CellView>) {
        if self.uncounted.is_some() {
            return found.extend(row.iter().map(|(_, cell)| self.view(cell)));
        }
        let (buffer, rules) = (self.buffer, self.terms.everywhere(row.about()));
        // What is done for a cell is done in place in every loop: as a call, its result went through memory.
        if self.terms.is_empty() {
            row.pieces().into_iter().for_each(|cells| {
                found.extend(cells.iter().map(|cell| see_plainly(cell, cell.safety_stock(), buffer)))
            });
            found.extend(row.strays().map(|(_, cell)| see_plainly(cell, cell.safety_stock(), buffer)));
        } else if let Some(rules) = rules.filter(|rules| rules.is_only_units()) {
            let see = |cell: &StockCell| see_plainly(cell, rules.units(cell.location(), cell.safety_stock()), buffer);
            row.pieces().into_iter().for_each(|cells| found.extend(cells.iter().map(see)));
            found.extend(row.strays().map(|(_, cell)| see(cell)));
        } else if let Some(rules) = rules {
            let pieces = row.pieces().into_iter();
            pieces.for_each(|cells| found.extend(cells.iter().map(|cell| see_under(rules, cell, buffer))));
            found.extend(row.strays().map(|(_, cell)| see_under(rules, cell, buffer)));
        } else {
            found.extend(row.iter().map(|(_, cell)| self.view(cell)));
        }
    }

    /// Units that may be promised in every cell of the SKU.
    #[inline]
    pub fn available_in_all(&self, row: RowCells<'_>, mut put: impl FnMut(LocationId, u32)) {
        let buffer = self.buffer;
        if self.uncounted.is_some() {
            row.for_each(|cell| put(cell.location(), self.available(cell)));
        } else if self.terms.is_empty() {
            row.for_each(|cell| put(cell.location(), see_plainly(cell, cell.safety_stock(), buffer).available));
        } else if let Some(rules) = self.terms.everywhere(row.about()) {
            row.for_each(|cell| {
                let gate = rules.limits(cell.location()).gate(cell.safety_stock(), buffer);
                put(cell.location(), gate.available(cell.durable()));
            });
        } else {
            row.for_each(|cell| put(cell.location(), self.available(cell)));
        }
    }
}

#[inline(always)]
fn see_under(rules: &WholeRow, cell: &StockCell, buffer: u32) -> CellView {
    let cell = as_it_is(cell);
    see(rules.limits(cell.location).gate(cell.safety_stock, buffer), &cell)
}

/// What [`see`] comes to where no rule does more than hold back `safety_stock`.
#[inline(always)]
fn see_plainly(cell: &StockCell, safety_stock: u32, buffer: u32) -> CellView {
    let (level, own_safety_stock) = (cell.durable(), cell.safety_stock());
    let available = level.available(Floor { safety_stock, buffer });
    let band = if available == 0 { Band::OutOfStock } else { Band::InStock };
    let (sku, location) = (cell.sku(), cell.location());
    CellView { sku, location, level, safety_stock, buffer, available, band, exact: true, own_safety_stock }
}

#[inline(always)]
fn as_it_is(cell: &StockCell) -> CellAfter {
    let (level, safety_stock) = (cell.durable(), cell.safety_stock());
    CellAfter { sku: cell.sku(), location: cell.location(), level, safety_stock }
}

#[inline(always)]
fn see(gate: Gate, cell: &CellAfter) -> CellView {
    let CellAfter { sku, location, level, safety_stock } = *cell;
    let available = gate.available(level);
    let (band, exact) = gate.band(available);
    CellView {
        sku,
        location,
        level,
        safety_stock: gate.safety_stock(level),
        buffer: gate.buffer(level),
        available,
        band,
        exact,
        own_safety_stock: safety_stock,
    }
}

/// One SKU in a group of locations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupView {
    /// The SKU.
    pub sku: SkuId,
    /// The group.
    pub group: GroupId,
    /// Units in all its locations.
    pub on_hand: i64,
    /// Units of them that are promised.
    pub reserved: i64,
    /// Units that the asking channel may be promised in the group, with open promises making room and quotas kept.
    pub available: u64,
    /// Locations of the group that stock the SKU.
    pub locations: u32,
    /// Whether the asking channel may tell the numbers of all of them.
    pub exact: bool,
    /// Whether its units are counted; otherwise `available` is what one line may be promised.
    pub tracked: bool,
    /// Whether what is available is what its cells add up to.
    is_added_up: bool,
}

/// The cells of SKUs in groups, group by group.
struct GroupCells<'a> {
    /// Cells that there were before they were looked for.
    made: u32,
    members: Vec<Option<Arc<Versioned<GroupDetails>>>>,
    cells: Vec<&'a StockCell>,
    /// Where those of each SKU in each group end.
    ends: Vec<usize>,
}

/// Promises at risk that are told of one cell.
pub const AT_RISK_TOLD_MAX: usize = 1000;

/// SKUs looked at for one page of a place's stock.
pub const SKUS_PER_PAGE: usize = 262_144;

/// Where a list of cells goes on, where it does.
pub type After = Option<(SkuId, LocationId)>;

/// A cell that is short, or to which what is waited for comes late, with the promises at risk.
#[derive(Debug, Clone)]
pub struct Shortage {
    /// The cell.
    pub cell: CellView,
    /// Units missing.
    pub missing: u32,
    /// Promises that what is there does not cover if the older ones are kept first: the newest, with the units of each
    /// that are at risk.
    pub at_risk: Vec<(ReservationId, u32)>,
    /// Whether there are older ones at risk, too, which are not told.
    pub more_at_risk: bool,
    /// Promises that wait for units which will come too late, or not at all.
    pub late: Vec<Waiting>,
}

/// Another location that would give what one could not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alternative {
    /// Where.
    pub location: LocationId,
    /// Units that may be promised there.
    pub available: u32,
    /// From the location that was asked, where both are known to be somewhere.
    pub distance_km: Option<f64>,
    /// Whether customers may fetch orders there.
    pub pickup: bool,
    /// Whether orders are shipped from there.
    pub ship: bool,
}

impl State {
    /// Up to `limit` locations other than `near` where `channel` may have `quantity` of a SKU, and which `may` lets
    /// pass: the nearest first, and
    /// those first that have most where nothing is known of distances.
    #[allow(clippy::too_many_arguments, reason = "what is asked, and what of the answer is told")]
    pub fn alternatives(
        &self,
        sku: SkuId,
        near: Option<LocationId>,
        quantity: u32,
        channel: Option<ChannelId>,
        purpose: Purpose,
        limit: usize,
        may: impl Fn(LocationId) -> bool,
    ) -> Vec<Alternative> {
        let (_, mut found) = self.view.read(|| {
            let (places, lens) = (self.places.load(), self.lens(channel));
            let from = near.and_then(|near| places.get(near)).and_then(|place| place.point);
            let lens = lens.row(&self.catalogue, sku);
            let mut found = Vec::new();
            let mut put = |location: LocationId, available: u32| {
                if available < quantity
                    || Some(location) == near
                    || !self.catalogue.takes(location, purpose)
                    || !may(location)
                {
                    return;
                }
                let place = places.get(location);
                let at = place.and_then(|place| place.point);
                let distance_km = from.zip(at).map(|(from, to)| from.km_to(&to));
                let (pickup, ship) = place.map_or((true, true), |place| (place.pickup, place.ship));
                found.push(Alternative { location, available, distance_km, pickup, ship });
            };
            if lens.is_uncounted() {
                let all = places.iter().map(|(location, _)| location);
                let seen = all.filter_map(|at| lens.view_at(sku, at, self.matrix.get(sku, at)));
                seen.for_each(|cell| put(cell.location, cell.available));
            } else {
                lens.available_in_all(self.matrix.row(sku), put);
            }
            found
        });
        let far = |alternative: &Alternative| alternative.distance_km.unwrap_or(f64::INFINITY);
        let better = |a: &Alternative, b: &Alternative| {
            far(a).total_cmp(&far(b)).then(b.available.cmp(&a.available)).then(a.location.cmp(&b.location))
        };
        // Those that are not told need no order among themselves.
        if found.len() > limit {
            found.select_nth_unstable_by(limit, better);
            found.truncate(limit);
        }
        found.sort_by(better);
        found
    }

    /// How `channel` sees cells now. Exact at one `seq` inside the durable view.
    pub fn lens(&self, channel: Option<ChannelId>) -> Lens {
        let buffer = channel.map_or(0, |channel| self.catalogue.buffer(channel));
        Lens::new(self.rules.share_book(), channel, buffer)
    }

    /// The cells of `skus` at `locations`, or everywhere; SKU by SKU.
    pub fn availability(
        &self,
        skus: &[SkuId],
        locations: Option<&[LocationId]>,
        channel: Option<ChannelId>,
    ) -> (Seq, Vec<CellView>) {
        let mut found = Vec::new();
        let (seq, ()) = self.view.read(|| {
            found.clear();
            let lens = self.lens(channel);
            let hides = self.catalogue.locations.retired() > 0;
            for sku in skus {
                let lens = lens.row(&self.catalogue, *sku);
                match locations {
                    None => lens.view_all(self.matrix.row(*sku), &mut found),
                    Some(places) => {
                        let seen = |place: &LocationId| lens.view_at(*sku, *place, self.matrix.get(*sku, *place));
                        found.extend(places.iter().filter_map(seen));
                    }
                }
            }
            if hides {
                found.retain(|cell| !self.catalogue.locations.is_retired(cell.location));
            }
        });
        if locations.is_none() && self.catalogue.has_quarantines() {
            found.retain(|cell| !cell.is_in_quarantine());
        }
        (seq, found)
    }

    /// Cells of `skus` in the quarantines of all locations.
    pub fn quarantined(&self, skus: &[SkuId], channel: Option<ChannelId>) -> (Seq, Vec<CellView>) {
        self.view.read(|| {
            let lens = self.lens(channel);
            let cells = skus.iter().flat_map(|sku| self.matrix.row(*sku).iter().map(|(_, cell)| cell));
            let inside = cells.filter(|cell| cell.safety_stock() == IN_QUARANTINE);
            inside.map(|cell| lens.view(&self.catalogue, cell)).collect()
        })
    }

    /// Whether a channel is told the numbers of a SKU wherever it is.
    pub fn tells_numbers(&self, sku: SkuId, channel: Option<ChannelId>) -> bool {
        let book = self.rules.book();
        !book.has_bands() || {
            let lens = self.lens(channel);
            let lens = lens.row(&self.catalogue, sku);
            self.matrix.row(sku).iter().all(|(_, cell)| lens.view(cell).exact)
        }
    }

    /// One cell. Exact at one `seq` inside the durable view.
    pub fn cell(&self, sku: SkuId, location: LocationId, channel: Option<ChannelId>) -> Option<CellView> {
        self.matrix.get(sku, location).map(|cell| self.lens(channel).view(&self.catalogue, cell))
    }

    /// What a channel sees of a SKU at a location: its cell, or that nobody counts it. Exact at one `seq` inside the durable
    /// view.
    pub(crate) fn seen_at(&self, lens: &Lens, sku: SkuId, location: LocationId) -> Option<CellView> {
        lens.row(&self.catalogue, sku).view_at(sku, location, self.matrix.get(sku, location))
    }

    /// Each of `skus` in each of `groups`: what is there is added up, and what is available is what a promise that is asked
    /// of the group is granted.
    pub fn group_availability(
        &self,
        skus: &[SkuId],
        groups: &[GroupId],
        channel: Option<ChannelId>,
    ) -> (Seq, Vec<GroupView>) {
        let cells = self.cells_in(skus, groups);
        let (seq, (mut found, shelves, _)) =
            self.view.read(|| self.groups_as_they_are(skus, groups, &cells, channel, None));
        self.plan_groups(&mut found, shelves);
        (seq, found)
    }

    /// The same, each with what is to come to it; none where nothing is to come anywhere.
    pub fn group_availability_to_come(
        &self,
        skus: &[SkuId],
        groups: &[GroupId],
        channel: Option<ChannelId>,
        now: Timestamp,
    ) -> (Seq, Vec<(GroupView, Option<Coming>)>) {
        let cells = self.cells_in(skus, groups);
        let (seq, (mut found, shelves, coming)) =
            self.view.read(|| self.groups_as_they_are(skus, groups, &cells, channel, Some(now)));
        let added_up: Vec<u64> = found.iter().map(|group| group.available).collect();
        self.plan_groups(&mut found, shelves);
        let with_rest = |((group, before), coming): ((GroupView, u64), Option<Coming>)| {
            let orderable = |coming: Coming| (coming.orderable + group.available).saturating_sub(before);
            (group, coming.map(|coming| Coming { orderable: orderable(coming), ..coming }))
        };
        (seq, found.into_iter().zip(added_up).zip(coming).map(with_rest).collect())
    }

    /// The cells of SKUs in groups. Cells stay where they are, so they may be found first and read together.
    fn cells_in(&self, skus: &[SkuId], groups: &[GroupId]) -> GroupCells<'_> {
        // Before they are looked for: what is made meanwhile shows.
        let made = self.cells();
        let members: Vec<_> = groups.iter().map(|group| self.catalogue.groups.details(*group)).collect();
        let (mut cells, mut ends) = (Vec::new(), Vec::with_capacity(skus.len() * groups.len()));
        for group in &members {
            let members = group.as_deref().map_or(&[][..], |set| &set.details.locations);
            for sku in skus {
                cells.extend(members.iter().filter_map(|location| self.matrix.get(*sku, *location)));
                ends.push(cells.len());
            }
        }
        GroupCells { made, members, cells, ends }
    }

    /// Whether those are still all cells of the groups. Exact at one `seq` inside the durable view.
    fn are_all(&self, cells: &GroupCells<'_>, groups: &[GroupId]) -> bool {
        let same = |(group, then): (&GroupId, &Option<Arc<_>>)| match (self.catalogue.groups.details(*group), then) {
            (Some(now), Some(then)) => Arc::ptr_eq(&now, then),
            (None, None) => true,
            _ => false,
        };
        self.cells() == cells.made && groups.iter().zip(&cells.members).all(same)
    }

    /// What the cells of groups add up to, a copy to plan on for SKUs where that is not what can be promised, and what is
    /// to come to each after `now`: none where nothing is to come anywhere. Exact at one `seq` inside the durable view.
    fn groups_as_they_are(
        &self,
        skus: &[SkuId],
        groups: &[GroupId],
        cells: &GroupCells<'_>,
        channel: Option<ChannelId>,
        now: Option<Timestamp>,
    ) -> (Vec<GroupView>, Option<Shelves<'_>>, Vec<Option<Coming>>) {
        let found_again = (!self.are_all(cells, groups)).then(|| self.cells_in(skus, groups));
        let cells = found_again.as_ref().unwrap_or(cells);
        let size = skus.len() * groups.len();
        let (mut found, mut coming, lens) = (Vec::with_capacity(size), vec![None; size], self.lens(channel));
        {
            let prospects = now.and_then(|now| self.prospects(&lens.book, channel, now));
            let rows: Vec<_> = skus.iter().map(|sku| (*sku, lens.row(&self.catalogue, *sku))).collect();
            let members = groups.iter().zip(&cells.members);
            let asked = members.flat_map(|(group, of)| rows.iter().map(move |row| (*group, of, row)));
            let mut from = 0;
            for (((group, members, (sku, row)), end), coming) in asked.zip(&cells.ends).zip(&mut coming) {
                let mut sum = GroupView {
                    sku: *sku,
                    group,
                    on_hand: 0,
                    reserved: 0,
                    available: 0,
                    locations: 0,
                    exact: true,
                    tracked: !row.is_uncounted(),
                    is_added_up: true,
                };
                if row.is_uncounted() {
                    let members = members.as_deref().map_or(&[][..], |set| &set.details.locations);
                    self.add_up_uncounted(&mut sum, row, members);
                    *coming = prospects.as_ref().map(|_| Coming { orderable: sum.available, ..Coming::default() });
                    from = *end;
                    found.push(sum);
                    continue;
                }
                // For one SKU in one group at a time: a fold waits for the ledger.
                let ledger = prospects.as_ref().and_then(Prospects::ledger);
                for cell in cells.cells.get(from..*end).unwrap_or_default() {
                    let cell = row.view(cell);
                    sum.on_hand += i64::from(cell.level.on_hand);
                    sum.reserved += i64::from(cell.level.reserved);
                    sum.available += u64::from(cell.available);
                    sum.locations += 1;
                    sum.exact &= cell.exact;
                    if let Some(prospects) = &prospects {
                        let here = prospects.of(ledger.as_deref(), &cell);
                        *coming = Some(coming.map_or(here, |sum: Coming| sum.and(here)));
                    }
                }
                from = *end;
                found.push(sum);
            }
        }
        if !self.has_plans(&lens.book) {
            return (found, None, coming);
        }
        let planned: Vec<SkuId> = {
            let ledger = self.ledger();
            let counted = skus.iter().copied().filter(|sku| self.catalogue.is_tracked(*sku));
            counted.filter(|sku| self.takes_a_plan(&lens.book, &ledger, *sku)).collect()
        };
        if planned.is_empty() {
            return (found, None, coming);
        }
        found.iter_mut().for_each(|group| group.is_added_up = !planned.contains(&group.sku));
        let shelves = self.shelves(planned.into_iter(), groups.iter().copied(), channel);
        (found, Some(shelves), coming)
    }

    /// What nobody counts is wherever it may be promised, and one line may have as much as one may ask for.
    fn add_up_uncounted(&self, sum: &mut GroupView, row: &RowLens<'_>, members: &[LocationId]) {
        let seen = |at: &LocationId| row.view_at(sum.sku, *at, self.matrix.get(sum.sku, *at));
        let seen: Vec<_> = members.iter().filter_map(seen).collect();
        for cell in seen {
            sum.on_hand += i64::from(cell.level.on_hand);
            sum.reserved += i64::from(cell.level.reserved);
            sum.available += u64::from(cell.available);
            sum.locations += 1;
            sum.exact &= cell.exact;
        }
        sum.available = sum.available.min(LINE_QUANTITY_MAX.into());
    }

    /// Plans what is not just added up.
    fn plan_groups(&self, found: &mut [GroupView], shelves: Option<Shelves<'_>>) {
        let Some(mut shelves) = shelves else { return };
        shelves.sort();
        for group in found.iter_mut().filter(|group| !group.is_added_up) {
            let (got, _) = shelves.in_group(group.sku, group.group, Purpose::Cart, EVERYTHING);
            group.available = got.places.iter().map(|(_, units)| u64::from(*units)).sum();
        }
    }

    /// Up to `limit` cells of a location from the SKU after `after`, in the order in which SKUs were declared; and the last
    /// SKU looked at where there may be more. Looks at [`SKUS_PER_PAGE`] SKUs at the most, so a page may be short.
    pub fn stock_of_location(
        &self,
        location: LocationId,
        after: Option<SkuId>,
        limit: usize,
        channel: Option<ChannelId>,
    ) -> (Seq, Vec<CellView>, Option<SkuId>) {
        let (first, count) = (after.map_or(0, |sku| sku.0.saturating_add(1)), self.catalogue.skus.count());
        let end = count.min(first.saturating_add(SKUS_PER_PAGE as u32));
        // Cells stay where they are, so they may be found first and read together.
        let skus = (first..end).map(SkuId);
        let skus = skus.filter(|sku| !self.catalogue.skus.is_retired(*sku));
        let cells: Vec<_> = skus.filter_map(|sku| self.matrix.get(sku, location)).take(limit).collect();
        let (seq, cells) = self.view.read(|| {
            let lens = self.lens(channel);
            cells.iter().map(|cell| lens.view(&self.catalogue, cell)).collect::<Vec<_>>()
        });
        let next = match cells.get(limit - 1) {
            Some(last) => Some(last.sku),
            None => (end < count).then(|| SkuId(end - 1)),
        };
        (seq, cells, next)
    }

    /// Up to `limit` cells of a SKU from the location after `after`, in the order in which locations were declared;
    /// those in quarantine only where they are asked for.
    pub fn stock_of_sku(
        &self,
        sku: SkuId,
        after: Option<LocationId>,
        limit: usize,
        channel: Option<ChannelId>,
        with_quarantine: bool,
    ) -> (Seq, Vec<CellView>) {
        let (_, mut cells) = self.view.read(|| self.matrix.row(sku).iter().map(|(_, cell)| cell).collect::<Vec<_>>());
        cells.retain(|cell| with_quarantine || cell.safety_stock() != IN_QUARANTINE);
        cells.retain(|cell| !self.catalogue.locations.is_retired(cell.location()));
        cells.sort_by_key(|cell| cell.location());
        let from = after.map_or(0, |after| cells.partition_point(|cell| cell.location() <= after));
        let page = cells.get(from..).unwrap_or(&[]);
        self.view.read(|| {
            let lens = self.lens(channel);
            page.iter().take(limit).map(|cell| lens.view(&self.catalogue, cell)).collect()
        })
    }

    /// Up to `limit` cells that are short, from the one after `after`, with the promises at risk; and the last cell looked
    /// at where there may be more. Each cell is exact by itself, and nothing that came after the `seq` is missing. Runs
    /// outside of the sequence lock but for single cells, and looks at `limit` cells and at [`AT_RISK_TOLD_MAX`]
    /// promises of each at the most.
    pub fn shortages_page(&self, after: Option<(SkuId, LocationId)>, limit: usize) -> (Seq, Vec<Shortage>, After) {
        let seq = self.view.seq();
        let mut places = self.shortages_after(after, limit);
        places.extend(self.risky_after(after, limit));
        places.sort_unstable();
        places.dedup();
        let next = (places.len() >= limit).then(|| places.get(limit - 1).copied()).flatten();
        let found = places.iter().take(limit).filter_map(|(sku, location)| self.shortage(*sku, *location));
        (seq, found.filter(|shortage| shortage.missing > 0 || !shortage.late.is_empty()).collect(), next)
    }

    /// A cell with the promises at risk: the newest, since what is there keeps the older ones.
    fn shortage(&self, sku: SkuId, location: LocationId) -> Option<Shortage> {
        /// How often a fold may come between, before what was read is told as it is.
        const ATTEMPTS: usize = 8;
        let mut told = None;
        for _ in 0..ATTEMPTS {
            let seq = self.view.seq();
            let cell = self.cell(sku, location, None)?;
            let missing = cell.level.shortage();
            let (mut left, mut at_risk, mut more) = (i64::from(missing), Vec::new(), false);
            if left > 0 {
                self.reservations.open_on(sku, location, |reservation| {
                    let here = reservation.lines.iter().filter(|l| l.sku == sku && l.location == location);
                    let units = here.map(|line| i64::from(line.present())).sum::<i64>().min(left);
                    more = at_risk.len() >= AT_RISK_TOLD_MAX;
                    if !more {
                        at_risk.push((reservation.id, units as u32));
                        left -= units;
                    }
                    left > 0 && !more
                });
            }
            at_risk.reverse();
            let late = self.waits_at_risk(sku, location, AT_RISK_TOLD_MAX);
            told = Some(Shortage { cell, missing, at_risk, more_at_risk: more, late });
            if self.view.seq() == seq {
                break;
            }
        }
        told
    }

    /// The reservations behind an id list, as they are now.
    pub fn reservation(&self, id: ReservationId) -> (Seq, Option<Arc<crate::reservation::Reservation>>) {
        self.view.read(|| self.reservations.get(id))
    }
}
