//! The requests of nodes.

use serde::Deserialize;
use utoipa::ToSchema;

/// Who decides from now on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromoteBody {
    /// The operator says that the node that was followed has stopped, and does not come back: it is not asked.
    pub i_stopped_it: bool,
}

/// The last record of the node that is to take over, all of it or nothing: it is compared before this node stops.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DemoteBody {
    /// The epoch that it belongs to, 16 hexadecimal digits.
    pub epoch: Option<String>,
    /// Its number.
    pub seq: Option<u64>,
    /// The chain at it, 32 hexadecimal digits.
    pub chain: Option<String>,
}
