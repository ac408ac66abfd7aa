//! One entry of a record's history.

use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Name, Seq, Timestamp};

/// What happened to a record; `K` is its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened<K> {
    /// The log record.
    pub seq: Seq,
    /// The time.
    pub time: Timestamp,
    /// What happened.
    pub kind: K,
    /// Through which channel.
    pub channel: Option<Name>,
    /// At which location.
    pub location: Option<LocationId>,
    /// The name of the caller's key.
    pub actor: Option<Box<str>>,
}
