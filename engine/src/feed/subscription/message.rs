//! What a subscriber is told, and where it starts.

use super::super::reset::Reset;
use std::sync::Arc;

use super::super::change::Change;
use super::super::cursor::Cursor;
use super::super::index::Exceeded;
use crate::catalogue::Catalogue;
use crate::ids::{LocationId, Seq, SkuId};
use crate::stock::lens::{CellView, Lens};

/// Something to tell the subscriber.
#[derive(Debug)]
pub enum Message {
    /// All cells, or those that were just tracked, as of `seq`.
    Snapshot {
        /// At which they are exact.
        seq: Seq,
        /// Where to go on from; none before the last piece.
        cursor: Option<Cursor>,
        /// The cells.
        cells: Vec<CellView>,
        /// Whether more pieces follow.
        more: bool,
    },
    /// What changed.
    Delta {
        /// Up to which record.
        seq: Seq,
        /// The `seq` of the message before.
        prev_seq: Seq,
        /// Where to go on from.
        cursor: Cursor,
        /// The cells after the change.
        items: Vec<Item>,
        /// Cells that are no longer selected.
        removed: Vec<(SkuId, LocationId)>,
    },
    /// The subscriber must forget what it knows; a snapshot follows.
    Reset {
        /// Why.
        reason: Reset,
    },
    /// A lossless subscriber is too far behind, and the subscription is over.
    TooFarBehind {
        /// Where it can go on from.
        cursor: Cursor,
    },
    /// The subscription would cover more cells than one may, and is over.
    TooLarge(Exceeded),
}

/// A cell in a delta.
#[derive(Debug, Clone)]
pub enum Item {
    /// It changed.
    Changed(Arc<Change>),
    /// It joined, or counts differently now.
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

/// Where a subscriber wants to go on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From a snapshot.
    Fresh,
    /// From a cursor.
    Cursor(Cursor),
    /// From something that is no cursor.
    Unreadable,
}
