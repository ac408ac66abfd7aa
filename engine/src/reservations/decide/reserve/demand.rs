//! What a promise asks of each cell, less what the holds that it replaces give back there.

use super::replaced::{Released, given_back};
use crate::ids::{LocationId, SkuId, Timestamp};
use crate::kernel::few::Few;
use crate::reservations::command::Reserve;
use crate::supply::Grant;

/// What all lines together ask of one cell.
pub(super) struct Demand {
    pub(super) sku: SkuId,
    pub(super) location: LocationId,
    pub(super) requested: u32,
    pub(super) granted: u32,
    /// Units of it that are to come.
    pub(super) to_come: Option<(Grant, Timestamp)>,
    /// Units of the cell that the replaced holds give back.
    pub(super) released: u32,
    /// Units that are to come by then will do, for all lines on the cell that wait at all.
    pub(super) latest: Option<Timestamp>,
    /// Units asked for by lines that wait, and how many lines those are.
    pub(super) backordered: u32,
    pub(super) backordered_lines: u32,
}

/// Adds up what all lines ask of each cell: two lines on one cell are one demand. Bounded by the lines of the request,
/// against each other, and by those of the replaced holds.
pub(super) fn demands(reserve: &Reserve, released: &Few<Released>) -> Few<Demand> {
    let mut demands: Few<Demand> = Few::new();
    let back = given_back(released);
    for line in &reserve.lines {
        let same = |demand: &&mut Demand| (demand.sku, demand.location) == (line.sku, line.location);
        match demands.iter_mut().find(same) {
            Some(demand) => {
                // Admission keeps the sum within what one line may ask for.
                demand.requested += line.quantity;
                demand.latest = [demand.latest, line.latest].into_iter().flatten().min();
                demand.backordered += line.latest.map_or(0, |_| line.quantity);
                demand.backordered_lines += u32::from(line.latest.is_some());
            }
            None => {
                let (sku, location, requested) = (line.sku, line.location, line.quantity);
                let (released, latest) = (back.get(&(sku, location)).copied().unwrap_or(0), line.latest);
                demands.push(Demand {
                    sku,
                    location,
                    requested,
                    granted: 0,
                    to_come: None,
                    released,
                    latest,
                    backordered: latest.map_or(0, |_| requested),
                    backordered_lines: u32::from(latest.is_some()),
                });
            }
        }
    }
    for demand in &mut demands {
        demand.granted = demand.requested;
    }
    demands
}
