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

/// What can be told of stock.
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

/// A movement that is reported.
#[derive(Debug, Clone)]
pub struct Movement {
    /// Why.
    pub kind: MovementKind,
    /// The SKU.
    pub sku: NameRef<SkuId>,
    /// Where.
    pub location: NameRef<LocationId>,
    /// Added to `on_hand`, signed.
    pub change: i64,
    /// When it happened, where the caller says so.
    pub occurred_at: Option<Timestamp>,
    /// The caller's own document.
    pub reference: Option<String>,
    /// Whether a receipt is of nothing that was known to come.
    pub unplanned: bool,
    /// What was already taken from the promise word.
    pub admitted: Option<(CellId, StockChange)>,
}

/// A count that is reported.
#[derive(Debug, Clone)]
pub struct Count {
    /// Line of the import it came from; 0 for none.
    pub line: u64,
    /// The SKU.
    pub sku: NameRef<SkuId>,
    /// Where.
    pub location: NameRef<LocationId>,
    /// What was found.
    pub on_hand: i32,
    /// When it was true, where the caller says so.
    pub counted_at: Option<Timestamp>,
    /// Units to hold back from now on; `None` keeps what is there.
    pub safety_stock: Option<u32>,
    /// Where it is no count but what the books said, as an export writes it.
    pub as_of: Option<AsOf>,
}

/// As of which record an export tells the books of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The moment of it.
    pub time: Timestamp,
    /// The record, where it is one of this log.
    pub seq: Option<Seq>,
    /// When the cell was last counted, as it is told; none for never.
    pub counted_at: Option<Timestamp>,
}
