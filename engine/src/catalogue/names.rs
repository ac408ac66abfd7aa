//! Names and their ids, as events tell them.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, GroupId, LocationId, Name, SkuId};

/// Names and the ids they are interned to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions {
    /// SKUs.
    pub skus: Vec<(SkuId, Name)>,
    /// Locations.
    pub locations: Vec<(LocationId, Name)>,
    /// Groups.
    pub groups: Vec<(GroupId, Name)>,
    /// Channels.
    pub channels: Vec<(ChannelId, Name)>,
}

impl Definitions {
    /// Whether nothing is defined.
    pub fn is_empty(&self) -> bool {
        self.skus.is_empty() && self.locations.is_empty() && self.groups.is_empty() && self.channels.is_empty()
    }
}

/// Names that nobody declared, with who made them up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeUp {
    /// A digest of the caller; 0 where callers need not say who they are.
    pub by: u64,
    /// The names.
    pub names: Definitions,
}

/// A kind of things that are retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ThingKind {
    /// A SKU.
    Sku,
    /// A location.
    Location,
    /// A group.
    Group,
    /// A channel.
    Channel,
}

impl ThingKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sku => "sku",
            Self::Location => "location",
            Self::Group => "group",
            Self::Channel => "channel",
        }
    }

    /// The same where it is told that there is none.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sku => "SKU",
            other => other.as_str(),
        }
    }
}
