//! The commands of imports.

use super::imported::{ImportKind, Imported};
use crate::catalogue::command::{LocationFields, SkuFields};
use crate::ids::{LocationId, Name, SkuId};
use crate::kernel::asked::Asked;
use crate::kernel::name_ref::NameRef;
use crate::orders::imported::Sales;
use crate::prices::command::RowFields;
use crate::rules::command::RuleFields;
use crate::state::DurableState;
use crate::stock::command::Count;
use crate::supply::command::SupplyFields;

/// A command of imports.
#[derive(Debug)]
pub enum Command {
    /// Load rows of an import. Each chunk is one command; an atomic import is one chunk.
    Load {
        /// The rows.
        rows: Rows,
        /// Whether one wrong row rejects all.
        atomic: bool,
        /// The end of the import, if this is its last chunk.
        finish: Option<Box<Imported>>,
    },
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Load { .. } => "import",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Load { rows, .. } => rows.len(),
        }
    }

    fn begins_batch(&self, state: &DurableState) -> bool {
        match self {
            // Rows that came before are in the ledger by then.
            Self::Load { rows: Rows::Sales(_), .. } => true,
            Self::Load { rows, .. } => rows.set_tracking(state),
        }
    }

    fn ends_batch(&self, state: &DurableState) -> bool {
        match self {
            Self::Load { rows: Rows::Skus(_), .. } if state.rules.book().looks_at_traits() => true,
            Self::Load { rows: Rows::Skus(rows), .. } if rows.iter().any(|row| !row.fields.tax_class.is_keep()) => true,
            Self::Load { rows: Rows::Locations(_) | Rows::Groups(_) | Rows::Rules(_) | Rows::Prices(_), .. } => true,
            Self::Load { rows, .. } => rows.set_tracking(state),
        }
    }

    fn may_be_dropped(&self) -> bool {
        false
    }
}

/// Rows of an import.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Locations.
    Locations(Vec<Row<LocationId, LocationFields>>),
    /// Groups with their members.
    Groups(Vec<(u64, Name, Vec<Name>)>),
    /// SKUs.
    Skus(Vec<Row<SkuId, SkuFields>>),
    /// Counts.
    Stock {
        /// The rows.
        counts: Vec<Count>,
        /// Whether unknown SKUs and locations are created.
        create: bool,
    },
    /// Prices.
    Prices(Vec<RowFields>),
    /// Rules.
    Rules(Vec<(u64, Name, RuleFields)>),
    /// Inbound supply.
    Supply(Vec<SupplyFields>),
    /// Channels with their buffers; `None` keeps the current value.
    Channels(Vec<(u64, Name, Option<u32>)>),
    /// Sales of before this log, by order.
    Sales(Sales),
    /// No rows: the file ended.
    None(ImportKind),
}

impl Rows {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Locations(rows) => rows.len(),
            Self::Groups(rows) => rows.len(),
            Self::Skus(rows) => rows.len(),
            Self::Stock { counts, .. } => counts.len(),
            Self::Prices(rows) => rows.len(),
            Self::Rules(rows) => rows.len(),
            Self::Supply(rows) => rows.len(),
            Self::Channels(rows) => rows.len(),
            Self::Sales(sales) => sales.len(),
            Self::None(_) => 0,
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One row: its line, the name, and its content.
#[derive(Debug, Clone)]
pub struct Row<I, F> {
    /// Line of the file, from 1.
    pub line: u64,
    /// The name.
    pub id: NameRef<I>,
    /// The content.
    pub fields: F,
}

impl Rows {
    /// Takes out the last rows, if they belong to rows that may follow.
    pub fn hold_back(&mut self) -> Option<Self> {
        match self {
            Self::Sales(sales) => Some(Self::Sales(sales.hold_back())),
            Self::Locations(_)
            | Self::Groups(_)
            | Self::Skus(_)
            | Self::Stock { .. }
            | Self::Prices(_)
            | Self::Rules(_)
            | Self::Supply(_)
            | Self::Channels(_)
            | Self::None(_) => None,
        }
    }

    /// The line of the file where the first row stands, of rows that may be held back.
    pub fn first_row(&self) -> Option<u64> {
        match self {
            Self::Sales(sales) => sales.first_row(),
            Self::Locations(_)
            | Self::Groups(_)
            | Self::Skus(_)
            | Self::Stock { .. }
            | Self::Prices(_)
            | Self::Rules(_)
            | Self::Supply(_)
            | Self::Channels(_)
            | Self::None(_) => None,
        }
    }

    /// Whether the rows change `tracked` of a SKU.
    fn set_tracking(&self, state: &DurableState) -> bool {
        let Self::Skus(rows) = self else { return false };
        rows.iter().any(|row| {
            let sku = || match &row.id {
                NameRef::Known(sku) => Some(*sku),
                NameRef::New(name) => state.catalogue.skus.id(name.as_str()),
            };
            row.fields.changes_tracking(state, sku)
        })
    }
}
