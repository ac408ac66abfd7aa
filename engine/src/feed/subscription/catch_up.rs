//! Resuming from a cursor: reads the log after it, one chunk at a time, until the feed is reached.

use std::sync::Arc;

use super::super::change::Change;
use super::super::entry::{Entry, Moving, What};
use super::super::filter::Filter;
use super::super::index::{Mode, last_words};
use super::{Message, Phase, Reset, Subscription};
use crate::ids::{LocationId, Seq};
use crate::journal::ReadError;
use crate::state::DurableState;

impl Subscription {
    /// Returns a chunk of what came after the cursor; goes live with the last one.
    pub(super) fn catch_up(&mut self, at: Seq) -> Option<Message> {
        /// This near to the feed's position, the rest is read at once while new changes already accumulate.
        const NEAR: Seq = 4096;
        let shared = &self.shared;
        let (until, places, lens) = {
            let mut index = shared.lock_index();
            if index.position() < at {
                // The cursor is ahead of the feed: it resumes where both meet.
                index.hold(self.slot, at);
                self.phase = Phase::CatchingUp { at, waits: true };
                return None;
            }
            if !self.registered {
                if index.position() - at <= NEAR {
                    index.register(self.slot, &shared.state);
                    self.registered = true;
                } else {
                    self.sub.lock_filter().resolve(&shared.state.catalogue);
                }
            }
            // Members, buffer and rules as of the position: the chunk shows whether they changed since the cursor.
            let filter = self.sub.lock_filter();
            (index.position(), index.places(&filter), index.lens(&shared.state, &filter))
        };
        let mut entries = Vec::new();
        let visited = match until > at {
            true => shared.history.visit(&shared.state, at, until, |entry| entries.push(entry.clone())),
            false => Ok(at),
        };
        let upto = match visited {
            Ok(upto) => upto,
            Err(ReadError::Trimmed { .. }) => return self.restart(Reset::CursorTooOld),
            Err(ReadError::Damaged(_)) => return self.restart(Reset::LogUnreadable),
        };
        let mut found = Found { filter_changed: None, cells: Vec::new() };
        {
            let filter = self.sub.lock_filter();
            let selected = |location| places.as_ref().is_none_or(|places| places.contains(&location));
            entries.iter().for_each(|entry| found.visit(&shared.state, &filter, entry, selected));
        }
        if let Some(reason) = found.filter_changed {
            return self.restart(reason);
        }
        self.lens = lens;
        match self.sub.mode {
            Mode::Lossless => {
                let mut changes = found.cells.into_iter().peekable();
                while let Some(first) = changes.next() {
                    let seq = first.seq;
                    let mut event = vec![first];
                    event.extend(std::iter::from_fn(|| changes.next_if(|change| change.seq == seq)));
                    self.push_delta(seq, last_words(event), Vec::new());
                }
            }
            Mode::Conflated => {
                let changes = last_words(found.cells);
                if changes.len() > self.delta_cells_max() {
                    return self.restart(Reset::TooFarBehind);
                }
                self.push_delta(upto, changes, Vec::new());
            }
        }
        if self.registered && upto >= until {
            self.base = upto;
            self.phase = Phase::Live;
        } else {
            self.phase = Phase::CatchingUp { at: upto, waits: false };
        }
        // If nothing matched up to there, it counts as sent, once earlier entries and removals were sent.
        if self.out.is_empty() && self.untracked.is_none() {
            self.told = self.told.max(upto);
        }
        None
    }
}

/// The matches of a filter in a chunk of the log.
struct Found {
    filter_changed: Option<Reset>,
    cells: Vec<Arc<Change>>,
}

impl Found {
    /// Whether cells enter or leave with names that were retired, or came back.
    fn selects(filter: &Filter, moving: Moving, selected: impl Fn(LocationId) -> bool) -> bool {
        match moving {
            Moving::Location(location) => selected(location),
            Moving::Sku(sku) | Moving::Counting(sku) => filter.has_sku(sku),
        }
    }

    fn visit(&mut self, state: &DurableState, filter: &Filter, entry: &Entry, selected: impl Fn(LocationId) -> bool) {
        match &entry.what {
            What::Cell(cell) if filter.has_sku(cell.sku) && selected(cell.location) => {
                self.cells.push(Arc::new(Change::new(entry.seq, *cell)));
            }
            What::Group(group, _) if filter.groups.ids.contains(group) => {
                self.filter_changed = Some(Reset::GroupChanged);
            }
            What::Channel(channel, _) if filter.channel.as_ref() == Some(state.catalogue.channels.name(*channel)) => {
                self.filter_changed = Some(Reset::BufferChanged);
            }
            What::Rules(rests) if rests.matters(&state.rules.book()) => {
                self.filter_changed = Some(Reset::RulesChanged);
            }
            What::Stands(moving, _) if moving.iter().any(|moving| Self::selects(filter, *moving, &selected)) => {
                self.filter_changed = Some(Reset::SelectionChanged);
            }
            What::Declared(locations)
                if locations.iter().any(|location| selected(*location))
                    && filter.uncounted(&state.catalogue).next().is_some() =>
            {
                self.filter_changed = Some(Reset::SelectionChanged);
            }
            What::Cell(_)
            | What::Group(..)
            | What::Channel(..)
            | What::Rules(_)
            | What::Names
            | What::Stands(..)
            | What::Declared(_) => {}
        }
    }
}
