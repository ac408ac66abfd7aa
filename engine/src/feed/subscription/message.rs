//! The messages to a subscriber, and where a subscription starts.

use super::super::reset::Reset;
use std::sync::Arc;

use super::super::change::Change;
use super::super::cursor::Cursor;
use super::super::index::Exceeded;
use crate::catalogue::Catalogue;
use crate::ids::{LocationId, Seq, SkuId};
use crate::stock::lens::{CellView, Lens};

/// A message to the subscriber.
#[derive(Debug)]
pub enum Message {
    /// All cells, or those that were just tracked, as of `seq`.
    Snapshot {
        /// The `seq` at which they are exact.
        seq: Seq,
        /// Where to resume; `None` before the last piece.
        cursor: Option<Cursor>,
        /// The cells.
        cells: Vec<CellView>,
        /// Whether more pieces follow.
        more: bool,
    },
    /// Changed cells.
    Delta {
        /// The last record of the message.
        seq: Seq,
        /// The `seq` of the previous message.
        prev_seq: Seq,
        /// Where to resume.
        cursor: Cursor,
        /// The cells after the change.
        items: Vec<Item>,
        /// Cells that are no longer selected.
        removed: Vec<(SkuId, LocationId)>,
    },
    /// The subscriber must drop its cells; a snapshot follows.
    Reset {
        /// The reason.
        reason: Reset,
    },
    /// A lossless subscriber is too far behind, and the subscription ends.
    TooFarBehind {
        /// Where it can resume.
        cursor: Cursor,
    },
    /// The subscription would cover more cells than the limit, and ends.
    TooLarge(Exceeded),
}

/// A cell in a delta.
#[derive(Debug, Clone)]
pub enum Item {
    /// It changed.
    Changed(Arc<Change>),
    /// It entered the selection, or has another result now.
    Read(CellView),
}

impl Item {
    pub(super) fn view(self, lens: &Lens, catalogue: &Catalogue) -> CellView {
        match self {
            Self::Read(cell) => cell,
            Self::Changed(change) => lens.see(catalogue, &change.cell),
        }
    }
}

/// Where a subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From a snapshot.
    Fresh,
    /// From a cursor.
    Cursor(Cursor),
    /// At an invalid cursor.
    Unreadable,
}
