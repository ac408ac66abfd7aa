//! A cell as the batch so far leaves it, and how the command being decided found it.

use smallvec::SmallVec;

use crate::ids::{LocationId, SkuId, Timestamp};
use crate::level::{StockChange, StockLevel};
use crate::matrix::CellId;

/// A cell as the batch so far leaves it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CellNow {
    /// Its place in the matrix, unless this batch makes it.
    pub id: Option<CellId>,
    /// Whether it exists, in the view or in this batch.
    pub exists: bool,
    pub level: StockLevel,
    pub safety_stock: u32,
    pub counted_at: Timestamp,
    /// What this batch moved, and when that happened.
    pub moved: SmallVec<[(Timestamp, i64); 0]>,
    /// How it was before the command that is being decided, once that touched it.
    pub(super) before: Option<Before>,
}

/// What a command that is refused must leave behind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) exists: bool,
    pub(super) level: StockLevel,
    pub(super) safety_stock: u32,
    pub(super) counted_at: Timestamp,
    pub(super) moved: usize,
}

/// A cell, its place in the matrix where it has one yet, and what a command did to it.
pub(crate) type CellChange = (SkuId, LocationId, Option<CellId>, StockChange);

/// What the command being decided did to the matrix, for settling its promise words.
pub(crate) type Touched = SmallVec<[(SkuId, LocationId); 1]>;
