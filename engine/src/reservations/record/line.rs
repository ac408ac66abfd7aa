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
    /// Where.
    pub location: LocationId,
    /// Units asked for.
    pub requested: u32,
    /// Units promised and not given back.
    pub quantity: u32,
    /// Units of them that were handed over.
    pub collected: u32,
    /// On what terms, where there are any.
    pub terms: Option<Box<LineTerms>>,
    /// What of it is to come, where something is or was. A checkpoint keeps it beside the reservation.
    #[serde(skip)]
    pub wait: Option<Box<Backorder>>,
}

impl Line {
    /// The group that it was asked of, while nobody knows where it is.
    pub fn unallocated(&self) -> Option<GroupId> {
        self.terms.as_deref().filter(|terms| terms.is_unallocated()).and_then(|terms| terms.group)
    }

    /// Units promised and not handed over.
    pub fn outstanding(&self) -> u32 {
        self.quantity - self.collected
    }

    /// Units of them that are still to come.
    pub fn waiting(&self) -> u32 {
        self.wait.as_deref().map_or(0, |wait| wait.units)
    }

    /// Units of them that are there: what the line adds to its cell's `reserved`.
    pub fn present(&self) -> u32 {
        self.outstanding() - self.waiting()
    }

    /// What giving back `units` takes from those that are there: what is to come goes first.
    pub fn present_of(&self, units: u32) -> u32 {
        units - units.min(self.waiting())
    }
}
