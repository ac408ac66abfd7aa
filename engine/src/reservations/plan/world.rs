//! What a plan looks at: cells and open promises, on the draft or on a copy of the durable view.

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::level::StockLevel;
use crate::matrix::StockCell;
use crate::reservations::ledger::{Counted, OpenUnits, Used};
use crate::reservations::promise::Purpose;

/// Open promises that belong together, as far as room goes: the group that they were asked of, their channel, and what
/// they are for.
pub(crate) type Of = (GroupId, ChannelId, Purpose);

/// A cell as a plan finds it.
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

/// Open promises of one kind in one cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenKind {
    pub of: Of,
    /// All of their units.
    pub units: i64,
    /// At most so many lines of reservations.
    pub lines: usize,
}

impl OpenKind {
    /// Those that a ledger knows.
    pub fn of(of: Of, open: &OpenUnits) -> Self {
        Self { of, units: open.units, lines: open.lines.len() }
    }
}

/// What a plan rests on: the draft of the journal thread, or a copy of the durable view.
pub(crate) trait World {
    /// Names and details.
    fn catalogue(&self) -> &Catalogue;
    /// A cell.
    fn shelf(&self, sku: SkuId, location: LocationId) -> Shelf;
    /// Every cell of a SKU that exists.
    fn for_each_shelf(&self, sku: SkuId, visit: &mut dyn FnMut(LocationId, Shelf));
    /// Whether a location takes promises of a purpose.
    fn takes(&self, location: LocationId, purpose: Purpose) -> bool;
    /// Units that a channel leaves to others.
    fn buffer(&self, channel: ChannelId) -> u32;
    /// Open promises in a cell, in the order of their kinds.
    fn open(&self, sku: SkuId, location: LocationId) -> Vec<OpenKind>;
    /// Whether there are any.
    fn has_open(&self, sku: SkuId, location: LocationId) -> bool;
    /// Whether there are any in any cell of a SKU.
    fn has_open_anywhere(&self, sku: SkuId) -> bool;
    /// The members of a group, those first that fewest groups share.
    fn members(&mut self, group: GroupId) -> Arc<[LocationId]>;
    /// What was promised under a quota.
    fn used(&self, counted: Counted) -> Used;
}
