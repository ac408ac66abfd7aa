//! A cell after an event.

use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, SkuId};
use crate::level::StockLevel;

/// A cell after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellAfter {
    /// The SKU.
    pub sku: SkuId,
    /// The location.
    pub location: LocationId,
    /// Its level.
    pub level: StockLevel,
    /// The safety stock.
    pub safety_stock: u32,
}

impl CellAfter {
    /// Whether it is the cell of this SKU and location.
    #[inline]
    pub fn is_of(&self, sku: SkuId, location: LocationId) -> bool {
        (self.sku, self.location) == (sku, location)
    }
}
