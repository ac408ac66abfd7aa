//! The commands of prices.

use super::list::{Currency, PriceList};
use super::tax::TaxClass;
use crate::ids::{Name, Timestamp};
use crate::kernel::asked::Asked;
use crate::kernel::patch::Patch;
use crate::kernel::version::Precondition;
use crate::state::DurableState;

/// What can be asked of prices.
#[derive(Debug)]
pub enum Command {
    /// Set a price list, or remove it where nothing is said of it, if the precondition holds.
    SetList(Name, Option<Box<PriceList>>, Precondition),
    /// The same of a tax class.
    SetTaxClass(Name, Option<Box<TaxClass>>, Precondition),
    /// Set rows, all or none.
    SetRows(Vec<RowFields>),
}

/// What is said of one row.
#[derive(Debug, Clone)]
pub struct RowFields {
    /// Line of the file, from 1; 0 where it is of none.
    pub line: u64,
    /// The list; `base`, if nothing is said.
    pub list: Option<Name>,
    /// The SKU.
    pub sku: Name,
    /// Only through this channel.
    pub channel: Option<Name>,
    /// Only at this location.
    pub location: Option<Name>,
    /// The currency; that of the list, if nothing is said.
    pub currency: Option<Currency>,
    /// In minor units; none where the row is taken out.
    pub amount: Option<u64>,
    /// From so many units on.
    pub min_quantity: u32,
    /// From when on.
    pub starts_at: Option<Timestamp>,
    /// Until when.
    pub ends_at: Patch<Timestamp>,
}

impl RowFields {
    /// One of `base`, for everybody and without dates.
    pub fn base(sku: Name, currency: Currency, amount: u64) -> Self {
        Self {
            line: 0,
            list: None,
            sku,
            channel: None,
            location: None,
            currency: Some(currency),
            amount: Some(amount),
            min_quantity: 1,
            starts_at: None,
            ends_at: Patch::Keep,
        }
    }
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::SetList(..) => "price list",
            Self::SetTaxClass(..) => "tax class",
            Self::SetRows(_) => "prices",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::SetList(..) | Self::SetTaxClass(..) => 1,
            Self::SetRows(rows) => rows.len(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        true
    }

    /// What is decided next looks at prices as they are durable: so whatever follows is decided under one book.
    fn ends_batch(&self, _: &DurableState) -> bool {
        true
    }
}
