//! `channels`, `skus` and `locations`: how undeclared names are handled.

use serde::{Deserialize, Serialize};

/// Undeclared channels.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelsConfig {
    /// How an undeclared channel is handled once any channel is declared: `refuse` (400, listing the declared
    /// channels) or `accept`, with buffer 0. While no channel is declared, every channel is accepted.
    pub undeclared: Undeclared,
}

/// How an undeclared channel is handled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Undeclared {
    /// Refused by name.
    #[default]
    Refuse,
    /// Accepted and flagged.
    Accept,
}

/// How movements and counts with an undeclared SKU or location are handled.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NamesConfig {
    /// `accept`: they are recorded, and the name is flagged and listed (`declared: false`) until it is declared or
    /// retired. `refuse`: 400, also for sales of a till.
    pub undeclared: Noted,
}

/// How a record with an undeclared name is handled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Noted {
    /// Accepted and flagged.
    #[default]
    Accept,
    /// Refused by name.
    Refuse,
}
