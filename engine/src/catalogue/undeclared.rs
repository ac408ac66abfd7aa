//! Names that nobody declared, and names that were taken out, as checkpoints keep them.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, GroupId, LocationId, Seq, SkuId};

/// Names that are retired.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct RetiredNames {
    pub skus: Vec<SkuId>,
    pub locations: Vec<LocationId>,
    pub groups: Vec<GroupId>,
    pub channels: Vec<ChannelId>,
}

/// Names that nobody declared: by whom they were made up, and those whose ids went back, with the `seq` of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Undeclared {
    pub skus: Vec<(SkuId, u64)>,
    pub locations: Vec<(LocationId, u64)>,
    pub groups: Vec<(GroupId, u64)>,
    pub channels: Vec<(ChannelId, u64)>,
    pub released_channels: Vec<(ChannelId, Seq)>,
}
