//! Lossless: every event, with all of its cells, once.

use std::sync::Arc;

use super::super::change::Change;
use super::super::entry::Moving;
use super::super::filter::{Cells, cell_key};
use super::super::index::{Step, last_words};
use super::pieces::{Pieces, Then};
use super::{Item, Joining, LiveOutput, Reset, Subscription};
use crate::ids::{LocationId, Seq, SkuId};

/// The next thing that a lossless subscription has to send.
enum Event {
    Changed(Seq, Vec<Arc<Change>>),
    /// Names that entered (true) or left (false).
    Moved(Seq, Vec<(Moving, bool)>),
    Recounted(Seq, Reset),
}

impl Subscription {
    /// Lossless: the next event or change of the selection, as one delta.
    pub(super) fn tell_events(&mut self, position: Seq) -> Option<LiveOutput> {
        loop {
            let joins_at = self.joining.front().map(|joining| joining.cells.seq);
            let next = self.next_event(position.min(joins_at.unwrap_or(Seq::MAX)))?;
            match next {
                Event::Changed(seq, mut changes) => {
                    // Cells that are joining are sent when they have joined.
                    changes.retain(|change| {
                        let key = cell_key(change.cell.sku, change.cell.location);
                        seq > self.base && !self.joining.iter().any(|joining| joining.keys.contains(&key))
                    });
                    self.push_delta(seq, last_words(changes), Vec::new());
                    if !self.out.is_empty() {
                        return Some(LiveOutput::Pieces);
                    }
                }
                Event::Moved(seq, moved) if seq > self.base => {
                    let (left, retired) = (Moving::locations(&moved, false), Moving::skus(&moved, false));
                    let counted = Moving::counted(&moved);
                    let joins = moved.iter().any(|(_, joins)| *joins) || !counted.is_empty();
                    let without_cell = self.without_cell(&counted);
                    let is_gone = |sku: SkuId, at: LocationId| {
                        left.contains(&at) || retired.contains(&sku) || without_cell.contains(&(sku, at))
                    };
                    self.joining.iter_mut().for_each(|joining| joining.let_go(is_gone));
                    let mut gone = self.gone(&left, &retired);
                    gone.extend(without_cell);
                    let limit = self.shared.settings.subscription_cells_max;
                    match self.came(&moved, limit) {
                        // Before anything of this record is sent: from now on, a cursor must not skip the joining
                        // cells.
                        Ok(cells) if cells.cells.len().max(gone.len()) > self.delta_cells_max() => {
                            return self.restart(Reset::GroupChanged).map(LiveOutput::Message);
                        }
                        Ok(cells) if joins => self.join(cells, None),
                        Ok(_) => {}
                        // The next snapshot will report that it is too large.
                        Err(_) => return self.restart(Reset::GroupChanged).map(LiveOutput::Message),
                    }
                    self.push_delta(seq, Vec::new(), gone);
                    if !self.out.is_empty() {
                        return Some(LiveOutput::Pieces);
                    }
                }
                Event::Recounted(seq, reason) if seq > self.base => {
                    return self.restart(reason).map(LiveOutput::Message);
                }
                // Known already.
                Event::Moved(..) | Event::Recounted(..) => {}
            }
        }
    }

    /// Takes the next event from the queue, with all of its cells, unless it is after `upto`.
    fn next_event(&mut self, upto: Seq) -> Option<Event> {
        let mut pending = self.sub.lock_pending();
        let first = pending.queue.pop_front_if(|step| step.seq() <= upto)?;
        let event = match first {
            Step::Changed(first) => {
                let seq = first.seq;
                let mut changes = vec![first];
                while let Some(Step::Changed(next)) =
                    pending.queue.pop_front_if(|step| matches!(step, Step::Changed(change) if change.seq == seq))
                {
                    changes.push(next);
                }
                Event::Changed(seq, changes)
            }
            Step::Moved(seq, moving, joins) => {
                let mut moved = vec![(moving, joins)];
                while let Some(Step::Moved(_, moving, joins)) =
                    pending.queue.pop_front_if(|step| matches!(step, Step::Moved(other, ..) if *other == seq))
                {
                    moved.push((moving, joins));
                }
                // Rules may depend on what moved: a cursor must not separate the two.
                match pending.queue.front() {
                    Some(Step::Recounted(recounted_at, reason)) if *recounted_at > self.base => {
                        Event::Recounted(*recounted_at, *reason)
                    }
                    _ => Event::Moved(seq, moved),
                }
            }
            Step::Recounted(seq, reason) => Event::Recounted(seq, reason),
        };
        Some(event)
    }

    /// Lossless: what follows the events up to `position`.
    pub(super) fn after_events(&mut self, position: Seq) -> Option<LiveOutput> {
        if self.joining.front().is_some_and(|joining| joining.cells.seq <= position) {
            self.tell_joined();
            return Some(LiveOutput::Pieces);
        }
        if !self.joining.is_empty() {
            return None;
        }
        if let Some(untracked) = self.untracked.take() {
            if untracked.cells.len() > self.delta_cells_max() {
                return self.restart(Reset::SelectionChanged).map(LiveOutput::Message);
            }
            self.push_untracked(position.max(self.prev_seq), Vec::new(), untracked);
            return Some(LiveOutput::Pieces);
        }
        self.told = self.told.max(position);
        None
    }

    /// Lossless: the first of the joining parts has joined.
    fn tell_joined(&mut self) {
        let Some(Joining { cells: Cells { seq, cells, .. }, tracked, .. }) = self.joining.pop_front() else { return };
        let Some(digest) = tracked else {
            if !cells.is_empty() {
                self.push_items(seq, cells.into_iter().map(Item::Read).collect());
            }
            return;
        };
        // A name that was removed before may be requested again now: first it leaves, then it enters.
        if let Some(untracked) = self.untracked.take() {
            self.push_untracked(seq, Vec::new(), untracked);
        }
        self.out.push_back(Pieces::Snapshot { seq, cells: cells.into_iter(), then: Then::Changed(digest) });
    }
}
