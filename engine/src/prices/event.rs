//! The events of prices.

use serde::{Deserialize, Serialize};

use super::list::{ListId, PriceList};
use super::row::RowSet;
use super::tax::TaxClass;
use crate::effect::Tell;
use crate::ids::{Name, SkuId, Timestamp};
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;

tagged! {
    /// What can happen to prices.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// SKUs got all their prices of `base`. Logs of formats 1 to 7 set them; [`Event::RowsSet`] tells what was set since.
        5 => BaseSet(Vec<(SkuId, Vec<Price>)>),
        /// Rows were set, or taken out.
        49 => RowsSet(Vec<SkuRows>),
        /// A price list was set, or removed.
        50 => ListSet(Box<ListSet>),
        /// The date of price lists came: they are in force from here on (true), or no longer are.
        51 => ListsTurned(Vec<(ListId, bool)>),
        /// A tax class was set, or removed.
        52 => TaxClassSet(Box<TaxClassSet>),
        /// SKUs got their tax classes; none for the standard one.
        53 => SkusTaxed(Vec<(SkuId, Option<Name>)>),
    }
}

/// A price of a SKU as logs of formats 1 to 7 have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Price {
    /// ISO 4217 code.
    pub currency: String,
    /// Only through this channel.
    pub channel: Option<Name>,
    /// Only at this location.
    pub location: Option<Name>,
    /// In minor units of the currency.
    pub amount: i64,
}

/// Rows of one SKU change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuRows {
    /// The SKU.
    pub sku: SkuId,
    /// Which rows; none where some are only forgotten.
    pub rows: Vec<RowSet>,
    /// Rows that ended up to then are forgotten.
    pub forgotten: Timestamp,
}

/// A price list was set, or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSet {
    /// Its number.
    pub id: ListId,
    /// Its id.
    pub name: Name,
    /// What it says; none where it was removed.
    pub list: Option<PriceList>,
    /// Whether it is in force.
    pub in_force: bool,
    /// Lists that were removed long ago, and are forgotten.
    pub forgotten: Vec<ListId>,
}

/// A tax class was set, or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxClassSet {
    /// Its id.
    pub name: Name,
    /// What it says; none where it was removed.
    pub class: Option<TaxClass>,
}

impl Event {
    /// Tells what it does: what it says is the subject's own.
    pub fn effects<'a>(&'a self, _: &mut impl Tell<'a>) {
        match self {
            Self::BaseSet(_)
            | Self::RowsSet(_)
            | Self::ListSet(_)
            | Self::ListsTurned(_)
            | Self::TaxClassSet(_)
            | Self::SkusTaxed(_) => {}
        }
    }

    /// How a repeat of the request behind it is answered: by what was told.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::BaseSet(_)
            | Self::RowsSet(_)
            | Self::ListSet(_)
            | Self::ListsTurned(_)
            | Self::TaxClassSet(_)
            | Self::SkusTaxed(_) => Repeat::Never,
        }
    }
}
