//! Inbound supply and backorders, as events tell them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::inbound::{Supply, SupplyKind};
use crate::ids::{LocationId, Name, ReservationId, SkuId, Timestamp};
use crate::kernel::cell_after::CellAfter;
use crate::stock::movement::Moved;

/// A supply of one cell as it is from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplySet {
    /// The caller's own document; with the cell, its identity.
    pub name: Name,
    /// Where the units are.
    pub kind: SupplyKind,
    /// Units still to come; 0 where there is none any more.
    pub open: u32,
    /// When they are expected.
    pub expected_at: Timestamp,
    /// The cell that they come to.
    pub cell: CellAfter,
}

/// Stock moved, with the supply that it used up and the promises that it filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The movements.
    pub rows: Vec<Moved>,
    /// Supplies of which something came.
    pub used: Vec<SupplyUsed>,
    /// Promises that got what they waited for, by reservation and line.
    pub fills: Vec<Fill>,
}

impl Received {
    /// The movements, each cell as it is after the whole event.
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

/// A supply of which something came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyUsed {
    /// Its name.
    pub name: Name,
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// Units that came.
    pub quantity: u32,
    /// Units still to come.
    pub open: u32,
}

/// Units that were waited for and are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Whose.
    pub reservation: ReservationId,
    /// Which line of it, from 0.
    pub line: u16,
    /// How many units.
    pub quantity: u32,
    /// The cell after the whole event.
    pub cell: CellAfter,
}

/// When units that are waited for are expected now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackorderDated {
    /// Whose.
    pub reservation: ReservationId,
    /// Which line of it, from 0.
    pub line: u16,
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// Units that are waited for.
    pub quantity: u32,
    /// When they were promised for.
    pub promised_for: Timestamp,
    /// When they are expected; `None` if all inbound supply is already promised to others.
    pub expected_at: Option<Timestamp>,
}

impl BackorderDated {
    /// Whether they will come too late, or not at all.
    pub fn at_risk(&self) -> bool {
        self.expected_at.is_none_or(|expected| expected > self.promised_for)
    }
}

/// What is to come to a cell, and who waits for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellToCome {
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// What is to come, the earliest first.
    pub supplies: Vec<Supply>,
    /// Units that are waited for.
    pub waiting: u64,
    /// Promises at risk, in the order in which they were made: whose, units, for when they are promised, and when they are
    /// expected. The first of them, where there are many.
    pub at_risk: Vec<(ReservationId, u32, Timestamp, Option<Timestamp>)>,
}
