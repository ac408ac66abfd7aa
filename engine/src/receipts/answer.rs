//! The answers to commands of receipts.

use serde::{Deserialize, Serialize};

use super::issuer::Issuer;
use super::receipt::Receipt;
use super::series::SeriesStanding;
use crate::ids::Name;

/// An item that was set or changed, with its new state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ReceiptAnswer {
    /// An issuer; `None` if it was removed.
    Issuer(Name, Option<Issuer>),
    /// A series; without content if it was removed.
    Series(SeriesStanding),
    /// A receipt.
    Receipt(Box<Receipt>),
}
