//! Inbound supply and backorders in events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::inbound::{Supply, SupplyKind};
use crate::ids::{LocationId, Name, ReservationId, SkuId, Timestamp};
use crate::kernel::cell_after::CellAfter;
use crate::stock::movement::Moved;

/// A supply of one cell after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplySet {
    /// The caller's own document; together with the cell, its identity.
    pub name: Name,
    /// Its kind.
    pub kind: SupplyKind,
    /// Units still inbound; 0 for none.
    pub open: u32,
    /// When they are expected.
    pub expected_at: Timestamp,
    /// The cell that receives them.
    pub cell: CellAfter,
}

/// Stock moved, used up supply, and filled backorders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The movements.
    pub rows: Vec<Moved>,
    /// Supplies of which units arrived.
    pub used: Vec<SupplyUsed>,
    /// Fills, by reservation and line.
    pub fills: Vec<Fill>,
}

impl Received {
    /// The movements, each with its cell after the whole event.
    pub fn rows_after(&self) -> Vec<Moved> {
        let filled = filled_cells(&self.fills);
        let after = |row: &Moved| {
            let cell = filled.get(&(row.cell.sku, row.cell.location)).copied().unwrap_or(row.cell);
            Moved { cell, ..row.clone() }
        };
        self.rows.iter().map(after).collect()
    }
}

/// The cells of fills, each once.
pub(super) fn filled_cells(fills: &[Fill]) -> BTreeMap<(SkuId, LocationId), CellAfter> {
    fills.iter().map(|fill| ((fill.cell.sku, fill.cell.location), fill.cell)).collect()
}

/// An arrival of a supply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyUsed {
    /// Its name.
    pub name: Name,
    /// The SKU.
    pub sku: SkuId,
    /// The location.
    pub location: LocationId,
    /// Units that arrived.
    pub quantity: u32,
    /// Units still inbound.
    pub open: u32,
}

/// A fill of a backorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// The reservation.
    pub reservation: ReservationId,
    /// The line, from 0.
    pub line: u16,
    /// The number of units.
    pub quantity: u32,
    /// The cell after the whole event.
    pub cell: CellAfter,
}

/// A new expected date of a backorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackorderDated {
    /// The reservation.
    pub reservation: ReservationId,
    /// The line, from 0.
    pub line: u16,
    /// The SKU.
    pub sku: SkuId,
    /// The location.
    pub location: LocationId,
    /// Units of the backorder.
    pub quantity: u32,
    /// The promised date.
    pub promised_for: Timestamp,
    /// When they are expected; `None` if all inbound supply is already promised to others.
    pub expected_at: Option<Timestamp>,
}

impl BackorderDated {
    /// Whether they will arrive too late, or not at all.
    pub fn at_risk(&self) -> bool {
        self.expected_at.is_none_or(|expected| expected > self.promised_for)
    }
}

/// The inbound supply and the backorders of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellToCome {
    /// The SKU.
    pub sku: SkuId,
    /// The location.
    pub location: LocationId,
    /// The supplies, the earliest first.
    pub supplies: Vec<Supply>,
    /// Units of backorders.
    pub waiting: u64,
    /// Promises at risk, in the order of their creation: reservation, units, promised date, and expected date. Only the
    /// first ones, if there are many.
    pub at_risk: Vec<(ReservationId, u32, Timestamp, Option<Timestamp>)>,
}
