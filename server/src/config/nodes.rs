//! `nodes`: which node this one follows, and which it asks before it decides.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Other nodes. The variable `ANAQUEL_KEY` has the key that this node sends them, of the scope `node`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodesConfig {
    /// The node that this one follows, such as `https://stock-1.example`: it takes over its log, serves reads and streams,
    /// and decides nothing. Without it, this node decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow: Option<String>,
    /// A PEM file of certificates to trust instead of the machine's, for nodes with https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Nodes that follow this one, or may have: before it decides, it asks them whether one of them was promoted, and then
    /// it does not decide.
    pub peers: Vec<String>,
}
