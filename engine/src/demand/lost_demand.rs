//! Refused demand in an event.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, GroupId, LocationId, SkuId};

/// Units that were requested and refused, added up over a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostDemand {
    /// The SKU.
    pub sku: SkuId,
    /// The location; `None` if a group was requested.
    pub location: Option<LocationId>,
    /// The requested group.
    pub group: Option<GroupId>,
    /// The channel.
    pub channel: ChannelId,
    /// Whether it was an order, for pickup or delivery.
    pub is_order: bool,
    /// Refused lines.
    pub requests: u32,
    /// Units that they did not get.
    pub units: u64,
}
