//! What a receipt that a step asks for covers.

use crate::orders::command::ReceiptFields;
use crate::receipts::receipt::Tendered;

/// What a receipt covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// The units that were handed over.
    HandedOver,
    /// All units, if what covers the order reaches its total; else those that were handed over.
    Order,
    /// The same of one fulfilment.
    Fulfilment(Box<str>),
    /// What a return brings, on a credit note.
    Returned(BroughtBack),
}

/// What a return brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BroughtBack {
    /// Lines of the order, from 0, with the units that were back before it and after it.
    pub units: Vec<(usize, u32, u32)>,
    /// Charges of the order, from 0, and what of each.
    pub charges: Vec<(usize, u64)>,
    /// How it is paid back.
    pub tenders: Vec<Tendered>,
}

/// A receipt that a step asks for, and what it covers.
pub(crate) type ReceiptAsked = (ReceiptFields, Coverage);
