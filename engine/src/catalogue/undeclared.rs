//! Undeclared and released names in checkpoints.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, GroupId, LocationId, Seq, SkuId};

/// Retired names.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct RetiredNames {
    pub skus: Vec<SkuId>,
    pub locations: Vec<LocationId>,
    pub groups: Vec<GroupId>,
    pub channels: Vec<ChannelId>,
}

/// Undeclared names with their creators, and released names with the `seq` of the release.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Undeclared {
    pub skus: Vec<(SkuId, u64)>,
    pub locations: Vec<(LocationId, u64)>,
    pub groups: Vec<(GroupId, u64)>,
    pub channels: Vec<(ChannelId, u64)>,
    pub released_channels: Vec<(ChannelId, Seq)>,
}
