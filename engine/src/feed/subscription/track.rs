//! Adds SKUs to a subscription, and removes them.

use rustc_hash::FxHashSet;

use super::{Phase, Subscription, TrackError};
use crate::feed::entry::Moving;
use crate::feed::filter::Part;
use crate::feed::index::{Exceeded, Step};
use crate::feed::reset::Reset;
use crate::ids::{Name, SkuId};

impl Subscription {
    /// Selects more SKUs; a snapshot of their cells follows, for which a [`poll`](Self::poll) is due.
    ///
    /// # Errors
    /// There would be too many keys or cells; or the subscription has all SKUs already.
    pub fn track(&mut self, skus: &[Name]) -> Result<(), TrackError> {
        let shared = &self.shared;
        let (state, settings) = (&shared.state, &shared.settings);
        let most = settings.subscription_keys_max;
        if skus.len() > most {
            return Err(TrackError::Exceeded(Exceeded { limit: "stream.subscription_keys", most, wanted: skus.len() }));
        }
        let tracked = {
            let mut index = shared.lock_index();
            let mut filter = self.sub.lock_filter();
            if filter.all_skus {
                return Err(TrackError::AllSkus);
            }
            let before = filter.cost();
            let tracked = filter.track(&state.catalogue, skus);
            if let Err(exceeded) = index.make_room(&self.sub, before, filter.cost(), settings) {
                filter.untrack(&state.catalogue, &tracked.names);
                return Err(TrackError::Exceeded(exceeded));
            }
            let keys = tracked.ids.iter().flat_map(|sku| filter.keys_of_sku(*sku)).collect();
            let waits = filter.has_unknown();
            drop(filter);
            if self.registered {
                index.add_keys(self.sub.mode, self.slot, keys);
                if waits {
                    index.wait_for_names(self.slot);
                }
            }
            tracked
        };
        match self.phase {
            Phase::Live => match self.read(Part::Skus(&tracked.ids), settings.subscription_cells_max) {
                Ok(cells) => self.join(cells, Some(tracked.digest())),
                Err(wanted) => {
                    let exceeded = self.too_large(wanted);
                    let before = self.untracked.take();
                    self.untrack(&tracked.names)?;
                    self.untracked = before;
                    return Err(TrackError::Exceeded(exceeded));
                }
            },
            // The read at the start will include them.
            Phase::Starting { .. } => {}
            Phase::CatchingUp { .. } => self.phase = Phase::Starting { reset: Some(Reset::SelectionChanged) },
            Phase::Over => {}
        }
        Ok(())
    }

    /// Selects fewer SKUs; a delta that names the cells that left follows, for which a [`poll`](Self::poll) is due.
    ///
    /// # Errors
    /// The subscription has all SKUs.
    pub fn untrack(&mut self, skus: &[Name]) -> Result<(), TrackError> {
        let shared = &self.shared;
        let state = &shared.state;
        let mut index = shared.lock_index();
        let (gone, keys) = {
            let mut filter = self.sub.lock_filter();
            if filter.all_skus {
                return Err(TrackError::AllSkus);
            }
            let before = filter.cost();
            let gone = filter.untrack(&state.catalogue, skus);
            let _ = index.make_room(&self.sub, before, filter.cost(), &shared.settings);
            let keys: Vec<_> = gone.ids.iter().flat_map(|sku| filter.keys_of_sku(*sku)).collect();
            (gone, keys)
        };
        let digest = gone.digest();
        let gone: FxHashSet<SkuId> = gone.ids.into_iter().collect();
        if self.registered {
            index.remove_keys(self.sub.mode, self.slot, keys);
        }
        // No round can run under the lock of the index.
        let is_gone = |sku: SkuId| gone.contains(&sku);
        let mut places = index.places(&self.sub.lock_filter());
        {
            let mut pending = self.sub.lock_pending();
            pending.ready.retain(|_, change| !is_gone(change.cell.sku));
            pending.dirty.retain(|_, change| !is_gone(change.cell.sku));
            // Pending entries and removals of these SKUs are dropped as well.
            let concerns = |moving: &Moving| match moving {
                Moving::Sku(sku) | Moving::Counting(sku) => is_gone(*sku),
                Moving::Location(_) => false,
            };
            pending.moved.retain(|moving, _| !concerns(moving));
            pending.queue.retain(|step| match step {
                Step::Changed(change) => !is_gone(change.cell.sku),
                Step::Moved(_, moving, _) => !concerns(moving),
                Step::Recounted(..) => true,
            });
            // The subscriber knows the cells of a location that left until it receives their removal.
            let left = pending.queue.iter().filter_map(|step| match step {
                Step::Moved(_, Moving::Location(location), false) => Some(*location),
                _ => None,
            });
            let moved = pending.moved.iter().filter_map(|(moving, (_, joins))| match moving {
                Moving::Location(location) if !*joins => Some(*location),
                _ => None,
            });
            if let Some(places) = &mut places {
                places.extend(left.chain(moved));
                if index.position() < self.base {
                    places.extend(&self.read_ahead);
                }
            }
        }
        // At a cursor ahead of the feed, the locations of the known cells cannot be determined yet.
        if let Phase::CatchingUp { at, .. } = self.phase
            && at > index.position()
        {
            self.phase = Phase::Starting { reset: Some(Reset::SelectionChanged) };
        }
        // The delta with the removed cells is due once the position is beyond the known cells.
        index.hold(self.slot, self.base);
        drop(index);
        self.joining.iter_mut().for_each(|joining| joining.let_go(|sku, _| is_gone(sku)));
        let matrix = &state.matrix;
        let removed =
            gone.iter().flat_map(|sku| matrix.row(*sku).iter()).map(|(_, cell)| (cell.sku(), cell.location()));
        let removed = removed.filter(|(_, location)| places.as_ref().is_none_or(|places| places.contains(location)));
        // The SKU is tracked again, but the subscriber may still know it at places without a cell.
        let uncounted = gone.iter().filter(|sku| state.catalogue.tracking(**sku).is_some());
        let without_cell = uncounted.flat_map(|sku| {
            let places = places.iter().flatten();
            let free = places.filter(|at| state.matrix.get(*sku, **at).is_none());
            free.filter(|at| state.catalogue.has_uncounted_at(**at)).map(|at| (*sku, *at))
        });
        let removed = removed.chain(without_cell);
        let untracked = self.untracked.get_or_insert_default();
        untracked.cells.extend(removed);
        untracked.digest = untracked.digest.wrapping_add(digest);
        Ok(())
    }
}
