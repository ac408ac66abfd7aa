//! What the archive keeps of a thing: the content of one frame.

use serde::{Deserialize, Serialize};

use super::left::Left;
use crate::journal::{decode, encode};
use crate::orders::{Order, SaleRow};
use crate::receipts::Receipt;
use crate::returns::Return;

/// The kinds of frames. A kind is frozen with the fields of its content; a change of these takes a new kind.
const ORDER: u8 = 1;
const ROWS: u8 = 2;
const RECEIPT: u8 = 3;
const RETURN: u8 = 4;

/// What the archive keeps, one frame each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kept {
    /// An order.
    Order(Box<Order>),
    /// Rows of the sales ledger of one order, or of one return without an order, in log order.
    Rows(Vec<SaleRow>),
    /// A receipt.
    Receipt(Box<Receipt>),
    /// A return.
    Return(Box<Return>),
}

impl Kept {
    /// The kind of its frame.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Order(_) => ORDER,
            Self::Rows(_) => ROWS,
            Self::Receipt(_) => RECEIPT,
            Self::Return(_) => RETURN,
        }
    }

    /// The payload of its frame.
    pub fn payload(&self) -> Vec<u8> {
        match self {
            Self::Order(order) => encode(order),
            Self::Rows(rows) => encode(rows),
            Self::Receipt(receipt) => encode(receipt),
            Self::Return(back) => encode(back),
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// The kind is unknown, or the payload is not one of it.
    pub fn read(kind: u8, payload: &[u8]) -> Result<Self, String> {
        match kind {
            ORDER => decode(payload).map(Self::Order),
            ROWS => decode(payload).map(Self::Rows),
            RECEIPT => decode(payload).map(Self::Receipt),
            RETURN => decode(payload).map(Self::Return),
            other => Err(format!("a frame of kind {other}, which this build does not know")),
        }
    }

    /// What leaves with it; `None` for rows, which leave with their order or their return.
    pub fn left(&self) -> Option<Left> {
        match self {
            Self::Order(order) => Some(Left::Order { id: order.id, version: order.version }),
            Self::Rows(_) => None,
            Self::Receipt(receipt) => Some(Left::Receipt { id: receipt.issued.id.clone(), version: receipt.version() }),
            Self::Return(back) => Some(Left::Return { id: back.id, version: back.version }),
        }
    }
}
