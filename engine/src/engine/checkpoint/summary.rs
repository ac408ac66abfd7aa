//! The summary of a checkpoint.

use serde::{Deserialize, Serialize};

use crate::ids::{Seq, Timestamp};

/// The contents of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// All records up to here are in the checkpoint; the log is replayed from the next record on.
    pub start_seq: Seq,
    /// Some records up to here may be in the checkpoint; the log must reach this one.
    pub end_seq: Seq,
    /// The time of the last record that is certainly in it.
    pub last_time: Timestamp,
    /// The number of cells.
    pub cells: u64,
    /// The number of reservations.
    pub reservations: u64,
}
