//! One line of a reservation: units of a SKU at a location.

use serde::{Deserialize, Serialize};

use crate::ids::{GroupId, LocationId, SkuId};
use crate::reservations::promise::LineTerms;
use crate::reservations::wait::Backorder;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The SKU.
    pub sku: SkuId,
    /// The location.
    pub location: LocationId,
    /// Units requested.
    pub requested: u32,
    /// Units promised and not cancelled.
    pub quantity: u32,
    /// Units collected.
    pub collected: u32,
    /// The terms, if there are any.
    pub terms: Option<Box<LineTerms>>,
    /// The inbound units, if there are or were any. A checkpoint stores them beside the reservation.
    #[serde(skip)]
    pub wait: Option<Box<Backorder>>,
}

impl Line {
    /// The requested group, while the location is unallocated.
    pub fn unallocated(&self) -> Option<GroupId> {
        self.terms.as_deref().filter(|terms| terms.is_unallocated()).and_then(|terms| terms.group)
    }

    /// Units promised and not collected.
    pub fn outstanding(&self) -> u32 {
        self.quantity - self.collected
    }

    /// Outstanding units that are inbound.
    pub fn waiting(&self) -> u32 {
        self.wait.as_deref().map_or(0, |wait| wait.units)
    }

    /// Outstanding units on hand: the line's part of its cell's `reserved`.
    pub fn present(&self) -> u32 {
        self.outstanding() - self.waiting()
    }

    /// The units on hand among `units` to cancel: inbound units are cancelled first.
    pub fn present_of(&self, units: u32) -> u32 {
        units - units.min(self.waiting())
    }
}
