//! Retired, revived and undeclared names.

use std::sync::atomic::Ordering::Relaxed;

use super::Catalogue;
use super::bits::DECLARED;
use crate::catalogue::details::GroupDetails;
use crate::catalogue::names::{Definitions, MadeUp};
use crate::catalogue::undeclared::{RetiredNames, Undeclared};
use crate::hash::Part;
use crate::ids::Seq;

impl Catalogue {
    pub(crate) fn fold_made_up(&self, made_up: &MadeUp) {
        let MadeUp { by, names } = made_up;
        names.skus.iter().for_each(|(id, _)| self.skus.fold_made_up(*id, *by));
        names.locations.iter().for_each(|(id, _)| self.fold_made_up_location(*id, *by));
        names.groups.iter().for_each(|(id, _)| self.groups.fold_made_up(*id, *by));
        names.channels.iter().for_each(|(id, _)| self.channels.fold_made_up(*id, *by));
    }

    /// Journal thread only, inside a fold: retires names and drops their details.
    pub(crate) fn fold_retired(&self, seq: Seq, names: &Definitions) {
        for (sku, _) in &names.skus {
            let known = self.skus.details(*sku);
            let known = known.as_deref().map(|set| &set.details);
            self.rehash(Part::Skus, self.skus.digest(*sku), known, None);
            self.forget_gtins(*sku, known.and_then(|details| details.gtin.as_deref()));
            if self.tracking.contains_key(sku) {
                self.fold_tracking(*sku, seq, true);
            }
            self.skus.fold_retired(*sku);
        }
        for (location, _) in &names.locations {
            let (known, served) = (self.locations.details(*location), self.served(*location));
            let traded = self.traded(*location);
            let known = known.as_deref().map(|set| &set.details);
            self.rehash(Part::Locations, self.locations.digest(*location), known, None);
            self.services.remove(location);
            self.hours.remove(location);
            self.rehash_served(*location, served);
            self.trading.remove(location);
            self.rehash_traded(*location, traded.as_ref());
            self.retire_location(*location);
        }
        for (group, _) in &names.groups {
            let nothing = GroupDetails::default();
            self.fold_group(*group, seq, nothing.clone());
            self.rehash(Part::Groups, self.groups.digest(*group), Some(&nothing), None);
            self.groups.fold_retired(*group);
        }
        for (channel, _) in &names.channels {
            self.buffers.reach(channel.0 as usize).fetch_and(!DECLARED, Relaxed);
            let known = self.channels.details(*channel);
            let known = known.as_deref().map(|set| &set.details);
            self.rehash(Part::Channels, self.channels.digest(*channel), known, None);
            self.channels.fold_retired(*channel);
        }
    }

    /// Journal thread only, inside a fold: revives retired names with their former ids.
    pub(crate) fn fold_revived(&self, names: &Definitions) {
        names.skus.iter().for_each(|(id, _)| self.skus.fold_revived(*id));
        for (location, _) in &names.locations {
            if self.quarantine_of(*location).is_none() {
                self.barred.reach(location.0 as usize).store(0, Relaxed);
            }
            self.locations.fold_revived(*location);
        }
        names.groups.iter().for_each(|(id, _)| self.groups.fold_revived(*id));
        for (channel, _) in &names.channels {
            self.buffers.reach(channel.0 as usize).store(0, Relaxed);
            self.channels.fold_revived(*channel);
        }
    }

    /// The retired names, for a checkpoint.
    pub(crate) fn copy_retired(&self) -> RetiredNames {
        RetiredNames {
            skus: self.skus.copy_retired(),
            locations: self.locations.copy_retired(),
            groups: self.groups.copy_retired(),
            channels: self.channels.copy_retired(),
        }
    }

    /// Restores retired names; call it after the names are restored.
    pub(crate) fn restore_retired(&self, names: &RetiredNames) {
        names.skus.iter().for_each(|id| self.skus.fold_retired(*id));
        names.locations.iter().for_each(|id| self.retire_location(*id));
        names.groups.iter().for_each(|id| self.groups.fold_retired(*id));
        names.channels.iter().for_each(|id| self.channels.fold_retired(*id));
    }

    /// The undeclared and released names, for a checkpoint.
    pub(crate) fn undeclared(&self) -> Undeclared {
        Undeclared {
            skus: self.skus.copy_made_up(),
            locations: self.locations.copy_made_up(),
            groups: self.groups.copy_made_up(),
            channels: self.channels.copy_made_up(),
            released_channels: self.channels.copy_released(),
        }
    }

    /// Restores undeclared and released names.
    pub(crate) fn restore_undeclared(&self, undeclared: &Undeclared) {
        undeclared.skus.iter().for_each(|(id, by)| self.skus.fold_made_up(*id, *by));
        undeclared.locations.iter().for_each(|(id, by)| self.fold_made_up_location(*id, *by));
        undeclared.groups.iter().for_each(|(id, by)| self.groups.fold_made_up(*id, *by));
        undeclared.channels.iter().for_each(|(id, by)| self.channels.fold_made_up(*id, *by));
        self.channels.restore_released(&undeclared.released_channels);
    }
}
