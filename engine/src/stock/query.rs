//! Reads: availability, stock, shortages. All use the durable view, and are exact at the `seq` that they return.

use std::sync::Arc;

use crate::catalogue::{GroupDetails, Versioned};
use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::level::{IN_QUARANTINE, LINE_QUANTITY_MAX};
use crate::matrix::StockCell;
use crate::reservations::promise::Purpose;
use crate::reservations::shelves::Shelves;
use crate::state::DurableState;
pub(crate) use crate::stock::lens::RowLens;
pub use crate::stock::lens::{CellView, Lens};
use crate::supply::Waiting;
pub use crate::supply::query::{AT_RISK_TOLD_MAX, After};
use crate::supply::query::{InboundView, Prospects};

/// More units than all cells of a SKU can hold.
const EVERYTHING: i64 = 1 << 52;

/// One SKU in a group of locations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupView {
    /// The SKU.
    pub sku: SkuId,
    /// The group.
    pub group: GroupId,
    /// Units on hand in all its locations.
    pub on_hand: i64,
    /// Reserved units of them.
    pub reserved: i64,
    /// Units that the channel may be promised in the group, after unallocated promises moved and quotas are kept.
    pub available: u64,
    /// Locations of the group that stock the SKU.
    pub locations: u32,
    /// Whether the channel gets the numbers of all of them.
    pub exact: bool,
    /// Whether its units are tracked; otherwise `available` is the maximum of one line.
    pub tracked: bool,
    /// Whether the availability is the sum of its cells.
    is_added_up: bool,
}

/// The cells of SKUs in groups, group by group.
struct GroupCells<'a> {
    /// The number of cells before the search.
    made: u32,
    members: Vec<Option<Arc<Versioned<GroupDetails>>>>,
    cells: Vec<&'a StockCell>,
    /// The end index of each SKU in each group.
    ends: Vec<usize>,
}

/// SKUs that one page of a location's stock examines.
pub const SKUS_PER_PAGE: usize = 262_144;

/// A cell that is short, or whose backorders are late, with the promises at risk.
#[derive(Debug, Clone)]
pub struct Shortage {
    /// The cell.
    pub cell: CellView,
    /// Units missing.
    pub missing: u32,
    /// Promises that stock does not cover if older ones are kept first: the newest, with the units at risk of each.
    pub at_risk: Vec<(ReservationId, u32)>,
    /// Whether there are more promises at risk than are listed.
    pub more_at_risk: bool,
    /// Backorders whose units will arrive too late, or not at all.
    pub late: Vec<Waiting>,
}

/// Another location that has what one lacks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alternative {
    /// The location.
    pub location: LocationId,
    /// Available units there.
    pub available: u32,
    /// The distance from the requested location, if both positions are known.
    pub distance_km: Option<f64>,
    /// Whether customers may pick up orders there.
    pub pickup: bool,
    /// Whether it ships orders.
    pub ship: bool,
}

impl DurableState {
    /// Up to `limit` locations other than `near` where `channel` may have `quantity` of a SKU, and that `may` accepts:
    /// the nearest first; those with unknown distances by quantity.
    #[allow(clippy::too_many_arguments, reason = "the question, and the requested part of the answer")]
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
        // Locations that are not returned need no order.
        if found.len() > limit {
            found.select_nth_unstable_by(limit, better);
            found.truncate(limit);
        }
        found.sort_by(better);
        found
    }

    /// The current view of `channel`. Exact at one `seq` inside the durable view.
    pub fn lens(&self, channel: Option<ChannelId>) -> Lens {
        let buffer = channel.map_or(0, |channel| self.catalogue.buffer(channel));
        Lens::new(self.rules.share_book(), channel, buffer)
    }

    /// The cells of `skus` at `locations`, or everywhere; by SKU.
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

    /// Whether a channel gets the numbers of a SKU at all locations.
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

    /// The view of a channel on a SKU at a location: its cell, or that it is untracked. Exact at one `seq` inside the
    /// durable view.
    pub(crate) fn seen_at(&self, lens: &Lens, sku: SkuId, location: LocationId) -> Option<CellView> {
        lens.row(&self.catalogue, sku).view_at(sku, location, self.matrix.get(sku, location))
    }

    /// Each of `skus` in each of `groups`: quantities are added up, and the availability is what a promise from the
    /// group gets.
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

    /// The same, each with its inbound supply; `None` if there is no inbound supply at all.
    pub fn group_availability_to_come(
        &self,
        skus: &[SkuId],
        groups: &[GroupId],
        channel: Option<ChannelId>,
        now: Timestamp,
    ) -> (Seq, Vec<(GroupView, Option<InboundView>)>) {
        let cells = self.cells_in(skus, groups);
        let (seq, (mut found, shelves, coming)) =
            self.view.read(|| self.groups_as_they_are(skus, groups, &cells, channel, Some(now)));
        let added_up: Vec<u64> = found.iter().map(|group| group.available).collect();
        self.plan_groups(&mut found, shelves);
        let with_rest = |((group, before), coming): ((GroupView, u64), Option<InboundView>)| {
            let orderable = |coming: InboundView| (coming.orderable + group.available).saturating_sub(before);
            (group, coming.map(|coming| InboundView { orderable: orderable(coming), ..coming }))
        };
        (seq, found.into_iter().zip(added_up).zip(coming).map(with_rest).collect())
    }

    /// The cells of SKUs in groups. Cells never move, so they may be found first and read together.
    fn cells_in(&self, skus: &[SkuId], groups: &[GroupId]) -> GroupCells<'_> {
        // Before the search: cells that are created meanwhile are detected.
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

    /// The sums of the cells of groups, a copy for plans of SKUs whose availability differs from the sum, and the
    /// inbound supply of each after `now`: `None` if there is no inbound supply at all. Exact at one `seq` inside the
    /// durable view.
    fn groups_as_they_are(
        &self,
        skus: &[SkuId],
        groups: &[GroupId],
        cells: &GroupCells<'_>,
        channel: Option<ChannelId>,
        now: Option<Timestamp>,
    ) -> (Vec<GroupView>, Option<Shelves<'_>>, Vec<Option<InboundView>>) {
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
                    *coming =
                        prospects.as_ref().map(|_| InboundView { orderable: sum.available, ..InboundView::default() });
                    from = *end;
                    found.push(sum);
                    continue;
                }
                // One SKU in one group at a time, because a fold waits for the ledger.
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
                        *coming = Some(coming.map_or(here, |sum: InboundView| sum.and(here)));
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

    /// An untracked SKU is everywhere where it may be promised, up to the maximum of one line.
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

    /// Plans the groups whose availability is not just a sum.
    fn plan_groups(&self, found: &mut [GroupView], shelves: Option<Shelves<'_>>) {
        let Some(mut shelves) = shelves else { return };
        shelves.sort();
        for group in found.iter_mut().filter(|group| !group.is_added_up) {
            let (got, _) = shelves.in_group(group.sku, group.group, Purpose::Cart, EVERYTHING);
            group.available = got.places.iter().map(|(_, units)| u64::from(*units)).sum();
        }
    }

    /// Up to `limit` cells of a location after the SKU `after`, in the order of declaration; and the last examined SKU
    /// if there may be more. Examines at most [`SKUS_PER_PAGE`] SKUs, so a page may be short.
    pub fn stock_of_location(
        &self,
        location: LocationId,
        after: Option<SkuId>,
        limit: usize,
        channel: Option<ChannelId>,
    ) -> (Seq, Vec<CellView>, Option<SkuId>) {
        let (first, count) = (after.map_or(0, |sku| sku.0.saturating_add(1)), self.catalogue.skus.count());
        let end = count.min(first.saturating_add(SKUS_PER_PAGE as u32));
        // Cells never move, so they may be found first and read together.
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

    /// Up to `limit` cells of a SKU after the location `after`, in the order of declaration; quarantines only on
    /// request.
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

    /// Up to `limit` short cells after the cell `after`, with the promises at risk; and the last examined cell if there
    /// may be more. Each cell is exact, and the page includes everything up to the `seq`. Runs outside the sequence
    /// lock except for single cells; examines `limit` cells and at most [`AT_RISK_TOLD_MAX`] promises of each.
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

    /// A cell with the promises at risk: the newest ones, because stock covers the older ones.
    fn shortage(&self, sku: SkuId, location: LocationId) -> Option<Shortage> {
        /// The number of folds that may interrupt before the last read is returned as it is.
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

    /// The reservations of a list of ids, as they are now.
    pub fn reservation(&self, id: ReservationId) -> (Seq, Option<Arc<crate::reservations::Reservation>>) {
        self.view.read(|| self.reservations.get(id))
    }
}
