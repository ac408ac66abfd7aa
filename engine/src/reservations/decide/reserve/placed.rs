//! A placed line: where its units come from, and on what terms.

use crate::ids::{LocationId, SkuId, Timestamp};
use crate::reservations::promise::LineTerms;
use crate::supply::Grant;

/// A line of the promise to be, in the place that was found for it.
pub(super) struct Placed {
    /// Which line of the request.
    pub(super) at: usize,
    pub(super) sku: SkuId,
    pub(super) location: LocationId,
    pub(super) requested: u32,
    /// Units promised, what is to come included.
    pub(super) quantity: u32,
    /// What of them is to come, and the latest that would do.
    pub(super) to_come: Option<(Grant, Timestamp)>,
    pub(super) terms: LineTerms,
}

impl Placed {
    /// Units that are there.
    pub(super) fn present(&self) -> u32 {
        self.quantity - self.to_come()
    }

    /// Units that are to come.
    pub(super) fn to_come(&self) -> u32 {
        self.to_come.map_or(0, |(grant, _)| grant.units)
    }
}
