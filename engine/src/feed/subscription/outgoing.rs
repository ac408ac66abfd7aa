//! Sends messages in order, and computes the cursor after each.

use std::sync::Arc;

use super::super::change::Change;
use super::Subscription;
use super::message::{Item, Message};
use super::pieces::{PIECE_CELLS, Pieces, Then, Untracked};
use crate::ids::{LocationId, Seq, SkuId};

impl Subscription {
    /// The next piece of the current message.
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
                // If more of the same `seq` follows, the cursor is that of the previous message.
                Message::Delta { seq, prev_seq, cursor: self.position(), items, removed }
            }
        };
        Some(message)
    }

    /// The last piece of a message is sent. The cursor moves only if nothing of the same `seq` is still to be sent, be
    /// it a delta or a cell that joins without a request of the subscriber.
    fn sent(&mut self, seq: Seq, then: Then) {
        self.out.pop_front();
        match then {
            Then::Same => {}
            Then::Whole(digest) => (self.selection, self.knows) = (digest, true),
            Then::Changed(digest) => self.selection = self.selection.wrapping_add(digest),
        }
        // Changes of removed names are dropped before their removal is sent.
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

    /// Lists the cells that the subscriber removed.
    pub(super) fn push_untracked(&mut self, seq: Seq, items: Vec<Item>, Untracked { cells, digest }: Untracked) {
        let then = Then::Changed(digest.wrapping_neg());
        self.out.push_back(Pieces::Delta { seq, items, removed: cells, then });
    }
}
