//! The demand of a promise on each cell, less the units that the replaced holds release there.

use super::replaced::{Released, given_back};
use crate::ids::{LocationId, SkuId, Timestamp};
use crate::kernel::few::Few;
use crate::reservations::command::Reserve;
use crate::supply::Grant;

/// The demand of all lines on one cell.
pub(super) struct Demand {
    pub(super) sku: SkuId,
    pub(super) location: LocationId,
    pub(super) requested: u32,
    pub(super) granted: u32,
    /// Inbound units of it.
    pub(super) to_come: Option<(Grant, Timestamp)>,
    /// Units of the cell that the replaced holds release.
    pub(super) released: u32,
    /// The latest acceptable date of inbound units, over all lines on the cell that accept any.
    pub(super) latest: Option<Timestamp>,
    /// Units of lines that accept inbound units, and the number of those lines.
    pub(super) backordered: u32,
    pub(super) backordered_lines: u32,
}

/// Adds up the demand of all lines on each cell. Bounded by the square of the request's lines, and by those of the
/// replaced holds.
pub(super) fn demands(reserve: &Reserve, released: &Few<Released>) -> Few<Demand> {
    let mut demands: Few<Demand> = Few::new();
    let back = given_back(released);
    for line in &reserve.lines {
        let same = |demand: &&mut Demand| (demand.sku, demand.location) == (line.sku, line.location);
        match demands.iter_mut().find(same) {
            Some(demand) => {
                // Admission keeps the sum within the limit of one line.
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
