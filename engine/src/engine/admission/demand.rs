//! The units that the lines of a reservation request from each cell together, and the bounds of a request.

use super::request::{LineRequest, Target};
use crate::ids::ReservationId;
use crate::kernel::few::Few;
use crate::level::LINE_QUANTITY_MAX;
use crate::matrix::CellId;
use crate::refusal::{Failure, Refusal};
use crate::reservations::ReservationState;
use crate::reservations::command::{Reserve, SUPERSEDES_MAX};
use crate::state::DurableState;

/// The total demand of all lines on one cell.
pub(super) struct Demand {
    pub(super) cell: CellId,
    pub(super) line: usize,
    /// Units requested.
    pub(super) requested: u32,
    /// Units that the replaced hold returns.
    pub(super) released: u32,
    pub(super) taken: u32,
}

impl Demand {
    /// Units that must come from the available units.
    pub(super) fn wanted(&self) -> u32 {
        self.requested.saturating_sub(self.released)
    }
}

/// Refuses lines that together request more of one SKU in one place than one line may: a sum of units is never
/// truncated. The loop is bounded by the square of the request's lines, and runs only if all lines together request
/// that much.
pub(super) fn check_sums(lines: &[LineRequest]) -> Result<(), Failure> {
    let all: u64 = lines.iter().map(|line| u64::from(line.quantity)).sum();
    if all <= LINE_QUANTITY_MAX.into() {
        return Ok(());
    }
    for (at, line) in lines.iter().enumerate() {
        let same = lines.iter().take(at + 1).filter(|other| other.sku == line.sku && other.place == line.place);
        let sum: u64 = same.map(|other| u64::from(other.quantity)).sum();
        if sum > LINE_QUANTITY_MAX.into() {
            let place = match &line.place {
                Target::Location(location) => format!("at {location}"),
                Target::Group(group) => format!("in {group}"),
            };
            let reason = format!(
                "the lines up to this one request {sum} of {} {place}; together they may request at most \
                 {LINE_QUANTITY_MAX}",
                line.sku
            );
            return Err(Refusal::invalid(format!("lines[{at}].quantity"), reason).into());
        }
    }
    Ok(())
}

/// Refuses to replace more holds than one reservation may.
pub(super) fn check_supersedes(supersedes: &[ReservationId]) -> Result<(), Failure> {
    if supersedes.len() > SUPERSEDES_MAX {
        let reason = format!("names {} holds; one reservation replaces at most {SUPERSEDES_MAX}", supersedes.len());
        return Err(Refusal::invalid("supersedes", reason).into());
    }
    Ok(())
}

impl DurableState {
    /// The demand on each cell, less the units that the replaced holds return. `None` if a cell does not exist: the
    /// journal thread decides then, because the cell may exist by that time. Untracked SKUs have no demand.
    pub(super) fn demands(&self, reserve: &Reserve) -> Option<Few<Demand>> {
        let mut demands: Few<Demand> = Few::new();
        for (at, line) in reserve.lines.iter().enumerate() {
            if !self.catalogue.is_tracked(line.sku) {
                continue;
            }
            let cell = self.matrix.find(line.sku, line.location)?;
            match demands.iter_mut().find(|demand| demand.cell == cell) {
                Some(demand) => demand.requested += line.quantity,
                None => demands.push(Demand { cell, line: at, requested: line.quantity, released: 0, taken: 0 }),
            }
        }
        for (_, superseded) in reserve.replaced() {
            let old = self.reservations.get(superseded);
            for held in old.iter().filter(|old| old.state == ReservationState::Held).flat_map(|old| &old.lines) {
                let cell = self.matrix.find(held.sku, held.location)?;
                if let Some(demand) = demands.iter_mut().find(|demand| demand.cell == cell) {
                    demand.released += held.present();
                }
            }
        }
        Some(demands)
    }
}
