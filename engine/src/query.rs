//! Reading: availability, stock, shortages. All of it from the durable view, exact at the `seq` that comes with it.

use std::sync::Arc;

use crate::event::CellAfter;
use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, SkuId};
use crate::level::{Floor, StockLevel};
use crate::matrix::StockCell;
use crate::state::State;

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
    /// Units that the asking channel may promise.
    pub available: u32,
}

impl CellView {
    /// A cell after an event, as a channel sees it that leaves `buffer` units.
    pub fn after(cell: &CellAfter, buffer: u32) -> Self {
        let CellAfter { sku, location, level, safety_stock } = *cell;
        Self { sku, location, level, safety_stock, available: 0 }.seen_with(buffer)
    }

    /// The same cell as a channel sees it that leaves `buffer` units.
    #[must_use]
    pub fn seen_with(self, buffer: u32) -> Self {
        let floor = Floor { safety_stock: self.safety_stock, buffer };
        Self { available: self.level.available(floor), ..self }
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
    /// Units that the asking channel may promise, added up cell by cell.
    pub available: u64,
    /// Locations of the group that stock the SKU.
    pub locations: u32,
}

/// A cell that is short, with the promises at risk.
#[derive(Debug, Clone)]
pub struct Shortage {
    /// The cell.
    pub cell: CellView,
    /// Units missing.
    pub missing: u32,
    /// Promises that what is there does not cover if the older ones are kept first: the newest, with the units of each
    /// that are at risk.
    pub at_risk: Vec<(ReservationId, u32)>,
}

pub(crate) fn view(cell: &StockCell, buffer: u32) -> CellView {
    let (level, safety_stock) = (cell.durable(), cell.safety_stock());
    CellView {
        sku: cell.sku(),
        location: cell.location(),
        level,
        safety_stock,
        available: level.available(Floor { safety_stock, buffer }),
    }
}

impl State {
    fn buffer(&self, channel: Option<ChannelId>) -> u32 {
        channel.map_or(0, |channel| self.catalogue.buffer(channel))
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
            let buffer = self.buffer(channel);
            for sku in skus {
                match locations {
                    None => found.extend(self.matrix.row(*sku).map(|(_, cell)| view(cell, buffer))),
                    Some(places) => {
                        let cells = places.iter().filter_map(|place| self.matrix.get(*sku, *place));
                        found.extend(cells.map(|cell| view(cell, buffer)));
                    }
                }
            }
        });
        (seq, found)
    }

    /// Each of `skus` in each of `groups`, added up.
    pub fn group_availability(
        &self,
        skus: &[SkuId],
        groups: &[GroupId],
        channel: Option<ChannelId>,
    ) -> (Seq, Vec<GroupView>) {
        let mut found = Vec::new();
        let (seq, ()) = self.view.read(|| {
            found.clear();
            let buffer = self.buffer(channel);
            for group in groups {
                let details = self.catalogue.groups.details(*group);
                let members = details.as_deref().map_or(&[][..], |set| &set.details.locations);
                for sku in skus {
                    let mut sum =
                        GroupView { sku: *sku, group: *group, on_hand: 0, reserved: 0, available: 0, locations: 0 };
                    for cell in members.iter().filter_map(|location| self.matrix.get(*sku, *location)) {
                        let cell = view(cell, buffer);
                        sum.on_hand += i64::from(cell.level.on_hand);
                        sum.reserved += i64::from(cell.level.reserved);
                        sum.available += u64::from(cell.available);
                        sum.locations += 1;
                    }
                    found.push(sum);
                }
            }
        });
        (seq, found)
    }

    /// Up to `limit` cells of a location from the SKU after `after`, in the order in which SKUs were declared.
    pub fn stock_of_location(
        &self,
        location: LocationId,
        after: Option<SkuId>,
        limit: usize,
        channel: Option<ChannelId>,
    ) -> (Seq, Vec<CellView>) {
        let first = after.map_or(0, |sku| sku.0 + 1);
        let skus = (first..self.catalogue.skus.count()).map(SkuId);
        // Cells stay where they are, so they may be found first and read together.
        let cells: Vec<_> = skus.filter_map(|sku| self.matrix.get(sku, location)).take(limit).collect();
        self.view.read(|| cells.iter().map(|cell| view(cell, self.buffer(channel))).collect())
    }

    /// Up to `limit` cells of a SKU from the location after `after`, in the order in which locations were declared.
    pub fn stock_of_sku(
        &self,
        sku: SkuId,
        after: Option<LocationId>,
        limit: usize,
        channel: Option<ChannelId>,
    ) -> (Seq, Vec<CellView>) {
        let (_, mut cells) = self.view.read(|| self.matrix.row(sku).map(|(_, cell)| cell).collect::<Vec<_>>());
        cells.sort_by_key(|cell| cell.location());
        let from = after.map_or(0, |after| cells.partition_point(|cell| cell.location() <= after));
        let page = cells.get(from..).unwrap_or(&[]);
        self.view.read(|| page.iter().take(limit).map(|cell| view(cell, self.buffer(channel))).collect())
    }

    /// Up to `limit` cells that are short, from the one after `after`, with the promises at risk.
    pub fn shortages_page(&self, after: Option<(SkuId, LocationId)>, limit: usize) -> (Seq, Vec<Shortage>) {
        let mut places = self.shortages();
        places.retain(|place| after.is_none_or(|after| *place > after));
        places.truncate(limit);
        self.view.read(|| {
            let cells = places.iter().filter_map(|(sku, location)| self.matrix.get(*sku, *location));
            cells.map(|cell| self.shortage(view(cell, 0))).filter(|shortage| shortage.missing > 0).collect()
        })
    }

    fn shortage(&self, cell: CellView) -> Shortage {
        let mut covered = i64::from(cell.level.on_hand).max(0);
        let mut at_risk = Vec::new();
        for reservation in self.reservations.open_on(cell.sku, cell.location) {
            let here = reservation.lines.iter().filter(|l| l.sku == cell.sku && l.location == cell.location);
            let units: u32 = here.map(|line| line.outstanding()).sum();
            let missing = (i64::from(units) - covered).max(0);
            covered = (covered - i64::from(units)).max(0);
            if missing > 0 {
                at_risk.push((reservation.id, missing as u32));
            }
        }
        Shortage { cell, missing: cell.level.shortage(), at_risk }
    }

    /// The reservations behind an id list, as they are now.
    pub fn reservation(&self, id: ReservationId) -> (Seq, Option<Arc<crate::reservation::Reservation>>) {
        self.view.read(|| self.reservations.get(id))
    }
}
