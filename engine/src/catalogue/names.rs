//! Names and their ids in events.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, GroupId, LocationId, Name, SkuId};

/// Names and their interned ids.
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
    /// Whether there are no definitions.
    pub fn is_empty(&self) -> bool {
        self.skus.is_empty() && self.locations.is_empty() && self.groups.is_empty() && self.channels.is_empty()
    }
}

/// Undeclared names, with the caller that created them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeUp {
    /// A digest of the caller; 0 if callers need not authenticate.
    pub by: u64,
    /// The names.
    pub names: Definitions,
}

/// The channel of units that move between the retailer's locations. It is never declared, rules may name it, and
/// callers cannot sell through it.
pub const TRANSFER_CHANNEL: &str = "transfer";

/// The kind of a retired item.
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

    /// The noun for a message that it does not exist.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sku => "SKU",
            other => other.as_str(),
        }
    }
}
