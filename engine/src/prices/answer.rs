//! The answers to requests that set prices, price lists and tax classes.

use serde::{Deserialize, Serialize};

use super::list::PriceList;
use super::tax::TaxClass;
use crate::ids::Name;

/// Something that was set, as it is from there on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PriceAnswer {
    /// A price list, and whether it is in force; none where it was removed.
    List(Name, Option<PriceList>, bool),
    /// A tax class; none where it was removed.
    TaxClass(Name, Option<TaxClass>),
    /// Rows: how many say something else from here on, and how many say what they said.
    Rows {
        /// Changed.
        changed: u32,
        /// As they were.
        unchanged: u32,
    },
}
