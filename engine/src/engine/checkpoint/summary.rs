//! What a checkpoint says of itself.

use serde::{Deserialize, Serialize};

use crate::ids::{Seq, Timestamp};

/// What a checkpoint holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Everything up to here is in the checkpoint; the log is replayed from the next record on.
    pub start_seq: Seq,
    /// Something up to here may be in the checkpoint; the log must reach it.
    pub end_seq: Seq,
    /// The time of the last record that is certainly in it.
    pub last_time: Timestamp,
    /// Cells in it.
    pub cells: u64,
    /// Reservations in it.
    pub reservations: u64,
}
