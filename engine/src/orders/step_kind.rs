//! The steps of an order.

use serde::{Deserialize, Serialize};

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepKind {
    /// It was made.
    Placed,
    /// It was made, paid and handed over at once.
    Sold,
    /// It was confirmed.
    Confirmed,
    /// Its holds got a new deadline.
    Extended,
    /// Its fulfilments were planned anew.
    Replanned,
    /// A fulfilment was changed.
    FulfilmentSet,
    /// Payments were told.
    Paid,
    /// Refunds were told.
    Refunded,
    /// A fulfilment was made ready.
    Readied,
    /// Units of a fulfilment got their locations.
    Bound,
    /// Units were handed over.
    HandedOver,
    /// Units or charges were cancelled.
    Cancelled,
    /// Its holds ran out.
    Expired,
    /// A pickup was not collected in time.
    Lapsed,
    /// A receipt was issued.
    Receipted,
    /// Units came back.
    Returned,
    /// Sales or returns of before this log were imported.
    Imported,
    /// The customer of a self check-out went out, or was stopped.
    Exited,
}

impl StepKind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "order_placed",
            Self::Sold => "order_sold",
            Self::Confirmed => "order_confirmed",
            Self::Extended => "order_extended",
            Self::Replanned => "order_replanned",
            Self::FulfilmentSet => "order_fulfilment_set",
            Self::Paid => "order_paid",
            Self::Refunded => "order_refunded",
            Self::Readied => "order_ready",
            Self::Bound => "order_bound",
            Self::HandedOver => "order_handed_over",
            Self::Cancelled => "order_cancelled",
            Self::Expired => "order_expired",
            Self::Lapsed => "order_lapsed",
            Self::Receipted => "order_receipted",
            Self::Returned => "order_returned",
            Self::Imported => "order_imported",
            Self::Exited => "order_exited",
        }
    }
}
