//! The data that a plan reads: cells and unallocated promises, on the draft or on a copy of the durable view.

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::level::StockLevel;
use crate::matrix::StockCell;
use crate::reservations::ledger::{Counted, OpenUnits, Used};
use crate::reservations::promise::Purpose;

/// The kind of unallocated promises, which share room: their group, their channel, and their purpose.
pub(crate) type Of = (GroupId, ChannelId, Purpose);

/// A cell before the plan.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shelf {
    pub exists: bool,
    pub level: StockLevel,
    pub safety_stock: u32,
}

impl Shelf {
    /// A cell of the durable view.
    pub fn of(cell: &StockCell) -> Self {
        Self { exists: true, level: cell.durable(), safety_stock: cell.safety_stock() }
    }
}

/// Unallocated promises of one kind in one cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenKind {
    pub of: Of,
    /// All of their units.
    pub units: i64,
    /// The most lines of reservations.
    pub lines: usize,
}

impl OpenKind {
    /// The promises of a ledger entry.
    pub fn of(of: Of, open: &OpenUnits) -> Self {
        Self { of, units: open.units, lines: open.lines.len() }
    }
}

/// The data of a plan: the draft of the journal thread, or a copy of the durable view.
pub(crate) trait World {
    /// Names and details.
    fn catalogue(&self) -> &Catalogue;
    /// A cell.
    fn shelf(&self, sku: SkuId, location: LocationId) -> Shelf;
    /// Every cell of a SKU that exists.
    fn for_each_shelf(&self, sku: SkuId, visit: &mut dyn FnMut(LocationId, Shelf));
    /// Whether a location serves a purpose.
    fn takes(&self, location: LocationId, purpose: Purpose) -> bool;
    /// Units that a channel leaves to others.
    fn buffer(&self, channel: ChannelId) -> u32;
    /// Unallocated promises in a cell, in the order of their kinds.
    fn open(&self, sku: SkuId, location: LocationId) -> Vec<OpenKind>;
    /// Whether the cell has any.
    fn has_open(&self, sku: SkuId, location: LocationId) -> bool;
    /// Whether any cell of a SKU has any.
    fn has_open_anywhere(&self, sku: SkuId) -> bool;
    /// The members of a group; those that belong to the fewest groups come first.
    fn members(&mut self, group: GroupId) -> Arc<[LocationId]>;
    /// The usage of a quota.
    fn used(&self, counted: Counted) -> Used;
}
