//! What a subscriber is told, and where it starts.

use std::sync::Arc;

use super::super::change::Change;
use super::super::cursor::Cursor;
use super::super::index::Exceeded;
use crate::catalogue::Catalogue;
use crate::ids::{LocationId, Seq, SkuId};
use crate::query::{CellView, Lens};

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

/// Why a subscriber must start over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The cursor is none that this server gave.
    CursorUnknown,
    /// It is of another log.
    EpochChanged,
    /// The log no longer has what came after it.
    CursorTooOld,
    /// The log does not reach so far.
    CursorAhead,
    /// It was given for another selection.
    SelectionChanged,
    /// A selected group had other members then.
    GroupChanged,
    /// The channel's buffer was another then.
    BufferChanged,
    /// Other rules were in force then.
    RulesChanged,
    /// More cells changed than are kept for one reader.
    TooFarBehind,
    /// The log cannot be read.
    LogUnreadable,
}

impl Reset {
    /// The reason on the wire.
    pub fn slug(self) -> &'static str {
        match self {
            Self::CursorUnknown => "cursor-unknown",
            Self::EpochChanged => "epoch-changed",
            Self::CursorTooOld => "cursor-too-old",
            Self::CursorAhead => "cursor-ahead",
            Self::SelectionChanged => "selection-changed",
            Self::GroupChanged => "group-changed",
            Self::BufferChanged => "buffer-changed",
            Self::RulesChanged => "rules-changed",
            Self::TooFarBehind => "too-far-behind",
            Self::LogUnreadable => "log-unreadable",
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
