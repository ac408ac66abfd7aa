//! Messages in pieces, and the cursor after each.

use super::message::Item;
use crate::ids::{LocationId, Seq, SkuId};
use crate::stock::lens::CellView;

/// Cells in one piece of a snapshot. Deltas are never split: after each, what the subscriber knows is exact at its
/// `seq`.
pub(super) const PIECE_CELLS: usize = 512;

/// Cells that left because the subscriber removed them.
#[derive(Default)]
pub(super) struct Untracked {
    pub cells: Vec<(SkuId, LocationId)>,
    /// Their part of the digest of what the subscriber knows.
    pub digest: u64,
}

/// A snapshot in pieces, or a delta, being sent.
pub(super) enum Pieces {
    Snapshot { seq: Seq, cells: std::vec::IntoIter<CellView>, then: Then },
    Delta { seq: Seq, items: Vec<Item>, removed: Vec<(SkuId, LocationId)>, then: Then },
}

/// What the subscriber knows after the last piece.
#[derive(Clone, Copy)]
pub(super) enum Then {
    /// The same selection, at a later `seq`.
    Same,
    /// All of the selection with this digest.
    Whole(u64),
    /// More or fewer cells: this is added to the digest.
    Changed(u64),
}

impl Pieces {
    /// Cells of a snapshot that are still to be sent.
    pub fn snapshot_cells(&self) -> usize {
        match self {
            Self::Snapshot { cells, .. } => cells.len(),
            Self::Delta { .. } => 0,
        }
    }

    /// Whether a cursor must not claim `seq` while this is still to be sent. Requested changes are identified by the
    /// digest.
    pub fn is_due_at(&self, seq: Seq) -> bool {
        matches!(self, Self::Delta { seq: of, .. } if *of <= seq)
    }
}
