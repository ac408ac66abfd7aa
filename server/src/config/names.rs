//! `channels`, `skus` and `locations`: what becomes of names that nobody declared.

use serde::{Deserialize, Serialize};

/// Through which channels things are sold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelsConfig {
    /// What becomes of a channel that nobody declared, once one is declared: `refuse` (400, with those declared) or
    /// `accept`, with the buffer 0. While none is declared, every channel is accepted.
    pub undeclared: Undeclared,
}

/// What becomes of a channel that nobody declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Undeclared {
    /// Refused by name.
    #[default]
    Refuse,
    /// Taken, with a flag.
    Accept,
}

/// What becomes of movements and counts of a SKU, or at a location, that nobody declared.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NamesConfig {
    /// `accept`: they are noted, and the name is flagged and listed (`declared: false`) until somebody declares or retires
    /// it; or `refuse` (400), a till's sales included.
    pub undeclared: Noted,
}

/// What becomes of what happened with a name that nobody declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Noted {
    /// Taken, with a flag.
    #[default]
    Accept,
    /// Refused by name.
    Refuse,
}
