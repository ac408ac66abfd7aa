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

/// A body without fields.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DemoteBody {}
