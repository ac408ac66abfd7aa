//! What is on its way out: messages in order, and what a cursor may claim after each.

use std::sync::Arc;

use super::super::change::Change;
use super::Subscription;
use super::message::{Item, Message};
use super::pieces::{PIECE_CELLS, Pieces, Then, Untracked};
use crate::ids::{LocationId, Seq, SkuId};

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
