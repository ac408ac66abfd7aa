//! A cell after the batch so far, and its state before the current command.

use smallvec::SmallVec;

use crate::ids::{LocationId, SkuId, Timestamp};
use crate::level::{StockChange, StockLevel};
use crate::matrix::CellId;

/// A cell after the batch so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct CellNow {
    /// Its id in the matrix; `None` if this batch creates the cell.
    pub id: Option<CellId>,
    /// Whether the cell exists, in the view or in this batch.
    pub exists: bool,
    pub level: StockLevel,
    pub safety_stock: u32,
    pub counted_at: Timestamp,
    /// Movements in this batch: the time and the units.
    pub moved: SmallVec<[(Timestamp, i64); 0]>,
    /// The cell before the current command, once the command touched it.
    pub(super) before: Option<Before>,
}

/// The state to restore if the command is refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) exists: bool,
    pub(super) level: StockLevel,
    pub(super) safety_stock: u32,
    pub(super) counted_at: Timestamp,
    pub(super) moved: usize,
}

/// A cell, its id in the matrix if it has one, and the change of the command.
pub(crate) type CellChange = (SkuId, LocationId, Option<CellId>, StockChange);

/// Cells that the current command touched, for settling their promise words.
pub(crate) type Touched = SmallVec<[(SkuId, LocationId); 1]>;
