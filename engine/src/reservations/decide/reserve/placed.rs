//! A placed line: where its units come from, and on what terms.

use crate::ids::{LocationId, SkuId, Timestamp};
use crate::reservations::promise::LineTerms;
use crate::supply::Grant;

/// A line of the new promise, at the location that was found for it.
pub(super) struct Placed {
    /// The line of the request.
    pub(super) at: usize,
    pub(super) sku: SkuId,
    pub(super) location: LocationId,
    pub(super) requested: u32,
    /// Promised units, inbound ones included.
    pub(super) quantity: u32,
    /// Inbound units of them, and the latest acceptable date.
    pub(super) to_come: Option<(Grant, Timestamp)>,
    pub(super) terms: LineTerms,
}

impl Placed {
    /// Units on hand.
    pub(super) fn present(&self) -> u32 {
        self.quantity - self.to_come()
    }

    /// Inbound units.
    pub(super) fn to_come(&self) -> u32 {
        self.to_come.map_or(0, |(grant, _)| grant.units)
    }
}
