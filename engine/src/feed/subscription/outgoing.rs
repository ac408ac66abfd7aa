//! What is on its way out: messages in order, and what a cursor may claim after each.

use std::sync::Arc;

use super::super::change::Change;
use super::{Item, Message, Subscription};
use crate::ids::{LocationId, Seq, SkuId};
use crate::query::CellView;

/// Cells in one piece of a snapshot. Deltas are never cut: after each, what the subscriber knows is exact at its `seq`.
pub(super) const PIECE_CELLS: usize = 512;

/// Cells that left because nobody asks for them any more.
#[derive(Default)]
pub(super) struct Untracked {
    pub cells: Vec<(SkuId, LocationId)>,
    /// What that takes from the digest of what the subscriber knows.
    pub digest: u64,
}

/// A snapshot, piece by piece, or a delta on its way out.
pub(super) enum Pieces {
    Snapshot { seq: Seq, cells: std::vec::IntoIter<CellView>, then: Then },
    Delta { seq: Seq, items: Vec<Item>, removed: Vec<(SkuId, LocationId)>, then: Then },
}

/// What the subscriber knows once the last piece is out.
#[derive(Clone, Copy)]
pub(super) enum Then {
    /// The same selection, at a later `seq`.
    Same,
    /// All of the selection with this digest.
    Whole(u64),
    /// More, or less: so much is added to the digest.
    Changed(u64),
}

impl Pieces {
    /// Cells of a snapshot that are still to go out.
    pub fn snapshot_cells(&self) -> usize {
        match self {
            Self::Snapshot { cells, .. } => cells.len(),
            Self::Delta { .. } => 0,
        }
    }

    /// Whether a cursor must not claim `seq` while this is still to come. What was asked for since is told apart by the
    /// digest.
    fn is_due_at(&self, seq: Seq) -> bool {
        matches!(self, Self::Delta { seq: of, .. } if *of <= seq)
    }
}

impl Subscription {
    /// The next piece of what is on its way out.
    pub(super) fn next_piece(&mut self) -> Option<Message> {
        let prev_seq = self.prev_seq;
        let message = match self.out.front_mut()? {
            Pieces::Snapshot { seq, cells, then } => {
                let (seq, then) = (*seq, *then);
                let piece: Vec<_> = cells.take(PIECE_CELLS).collect();
                let more = cells.len() > 0;
                if !more {
                    self.sent(seq, then);
                }
                self.prev_seq = seq;
                let cursor = if more { None } else { self.cursor() };
                Message::Snapshot { seq, cursor, cells: piece, more }
            }
            Pieces::Delta { seq, items, removed, then } => {
                let (seq, then) = (*seq, *then);
                let (items, removed) = (std::mem::take(items), std::mem::take(removed));
                self.sent(seq, then);
                self.prev_seq = seq;
                // Where something of the same `seq` is still to come, the cursor is that of the message before.
                Message::Delta { seq, prev_seq, cursor: self.position(), items, removed }
            }
        };
        Some(message)
    }

    /// The last piece of something is out. What the subscriber can go on from moves only where nothing that belongs to
    /// the same `seq` is still to come, be it a delta or a cell that joins by no wish of the subscriber's.
    fn sent(&mut self, seq: Seq, then: Then) {
        self.out.pop_front();
        match then {
            Then::Same => {}
            Then::Whole(digest) => (self.selection, self.knows) = (digest, true),
            Then::Changed(digest) => self.selection = self.selection.wrapping_add(digest),
        }
        // Changes of what the subscriber let go of are dropped before it is told that they are.
        let joins = self.joining.iter().any(|joining| joining.tracked.is_none()) || self.untracked.is_some();
        if !joins && !self.out.front().is_some_and(|next| next.is_due_at(seq)) {
            self.told = self.told.max(seq);
        }
    }

    pub(super) fn push_delta(&mut self, seq: Seq, changes: Vec<Arc<Change>>, removed: Vec<(SkuId, LocationId)>) {
        if !(changes.is_empty() && removed.is_empty()) {
            let items: Vec<_> = changes.into_iter().map(Item::Changed).collect();
            self.out.push_back(Pieces::Delta { seq, items, removed, then: Then::Same });
        }
    }

    pub(super) fn push_items(&mut self, seq: Seq, items: Vec<Item>) {
        let then = Then::Same;
        self.out.push_back(Pieces::Delta { seq, items, removed: Vec::new(), then });
    }

    /// Names the cells that the subscriber asked to hear of no longer.
    pub(super) fn push_untracked(&mut self, seq: Seq, items: Vec<Item>, Untracked { cells, digest }: Untracked) {
        let then = Then::Changed(digest.wrapping_neg());
        self.out.push_back(Pieces::Delta { seq, items, removed: cells, then });
    }
}
