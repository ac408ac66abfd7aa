//! Demand that was refused, as an event tells it.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, GroupId, LocationId, SkuId};

/// Units that were asked for and refused, added up over a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostDemand {
    /// The SKU.
    pub sku: SkuId,
    /// Where it was asked for; none where it was asked of a group.
    pub location: Option<LocationId>,
    /// The group that it was asked of.
    pub group: Option<GroupId>,
    /// Through which channel.
    pub channel: ChannelId,
    /// Whether it was an order, for pickup or delivery.
    pub is_order: bool,
    /// Lines that were refused.
    pub requests: u32,
    /// Units that they asked for and did not get.
    pub units: u64,
}
