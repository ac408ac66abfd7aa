//! The commands of stock.

use super::movement::MovementKind;
use crate::ids::{LocationId, Seq, SkuId, Timestamp};
use crate::kernel::asked::Asked;
use crate::kernel::few::Few;
use crate::kernel::name_ref::NameRef;
use crate::kernel::plain::Plain;
use crate::level::StockChange;
use crate::matrix::CellId;
use crate::state::DurableState;

/// A command of stock.
#[derive(Debug)]
pub enum Command {
    /// Move stock.
    Move(Vec<Movement>),
    /// Count stock.
    Count(Vec<Count>),
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Move(_) => "movements",
            Self::Count(_) => "counts",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Move(rows) => rows.len(),
            Self::Count(rows) => rows.len(),
        }
    }

    #[inline]
    fn plain(&self) -> Option<Plain> {
        match self {
            Self::Move(rows) => (rows.len() <= 1).then_some(Plain::Movements),
            Self::Count(_) => None,
        }
    }

    #[inline]
    fn admitted(&self) -> Few<(CellId, StockChange)> {
        match self {
            Self::Move(movements) => movements.iter().filter_map(|movement| movement.admitted).collect(),
            Self::Count(_) => Few::new(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        false
    }
}

/// A reported movement.
#[derive(Debug, Clone)]
pub struct Movement {
    /// The kind.
    pub kind: MovementKind,
    /// The SKU.
    pub sku: NameRef<SkuId>,
    /// The location.
    pub location: NameRef<LocationId>,
    /// Added to `on_hand`, signed.
    pub change: i64,
    /// The time, if the caller gave it.
    pub occurred_at: Option<Timestamp>,
    /// The caller's own document.
    pub reference: Option<String>,
    /// Whether a receipt belongs to no known supply.
    pub unplanned: bool,
    /// The units that admission took from the promise word.
    pub admitted: Option<(CellId, StockChange)>,
}

/// A reported count.
#[derive(Debug, Clone)]
pub struct Count {
    /// The line of the import; 0 for none.
    pub line: u64,
    /// The SKU.
    pub sku: NameRef<SkuId>,
    /// The location.
    pub location: NameRef<LocationId>,
    /// The counted quantity.
    pub on_hand: i32,
    /// The time of the count, if the caller gave it.
    pub counted_at: Option<Timestamp>,
    /// The new safety stock; `None` keeps the current one.
    pub safety_stock: Option<u32>,
    /// The point of an export, if this is its row and not a count.
    pub as_of: Option<AsOf>,
}

/// The point in the log of an exported row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The time.
    pub time: Timestamp,
    /// The record, if it belongs to this log.
    pub seq: Option<Seq>,
    /// The time of the last count, as exported; `None` for never.
    pub counted_at: Option<Timestamp>,
}
