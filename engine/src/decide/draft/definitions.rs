//! Definitions of the names that the batch interned: logged before the record that uses them, or dropped.

use std::collections::BTreeMap;

use super::Draft;
use crate::catalogue;
use crate::catalogue::names::{Definitions, MadeUp};
use crate::ids::Seq;
use crate::kernel::cause::Cause;

/// The most names of each kind in one record of definitions.
const NAMES_PER_RECORD: usize = 4096;

/// Splits off the names for one record.
pub(super) fn first<T>(names: &mut Vec<T>) -> Vec<T> {
    let rest = names.split_off(names.len().min(NAMES_PER_RECORD));
    std::mem::replace(names, rest)
}

/// Splits off the names of each kind for one record.
fn first_of_each(names: &mut Definitions) -> Definitions {
    Definitions {
        skus: first(&mut names.skus),
        locations: first(&mut names.locations),
        groups: first(&mut names.groups),
        channels: first(&mut names.channels),
    }
}

/// The number of unlogged names of each kind: new ones, and revived ones.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DefinedSoFar([[usize; 4]; 2]);

impl Draft {
    /// Logs names and quarantines that are not logged yet; the next record gets the next `seq`.
    pub fn flush_names(&mut self, cause: Option<&Cause>) {
        if self.has_definitions() {
            self.log_definitions(cause.and_then(Cause::of_part));
        }
        if !self.unmade_quarantines.is_empty() {
            let made = std::mem::take(&mut self.unmade_quarantines);
            self.push(cause.and_then(Cause::of_part), catalogue::event::Event::QuarantinesMade(made).into());
        }
    }

    /// Whether any interned name is not defined by a record yet.
    pub fn has_definitions(&self) -> bool {
        !(self.undefined.is_empty() && self.revived.is_empty())
    }

    /// Logs definitions alone, for declared names without further details.
    pub fn log_definitions(&mut self, cause: Option<Box<Cause>>) -> Seq {
        let mut names = std::mem::take(&mut self.undefined);
        self.revive_pairs();
        let mut revived = std::mem::take(&mut self.revived);
        // Revived names that stay undeclared are introduced again.
        names.skus.extend(self.skus.made_up_of(&revived.skus));
        names.locations.extend(self.locations.made_up_of(&revived.locations));
        names.groups.extend(self.groups.made_up_of(&revived.groups));
        names.channels.extend(self.channels.made_up_of(&revived.channels));
        while !revived.is_empty() {
            let names = first_of_each(&mut revived);
            self.push(cause.clone(), catalogue::event::Event::Revived(Box::new(names)).into());
        }
        let Definitions { skus, locations, groups, channels } = names;
        let mut made_up: BTreeMap<u64, Definitions> = BTreeMap::new();
        let mut rest = Definitions {
            skus: self.skus.split(skus, &mut |by, name| made_up.entry(by).or_default().skus.push(name)),
            locations: self
                .locations
                .split(locations, &mut |by, name| made_up.entry(by).or_default().locations.push(name)),
            groups: self.groups.split(groups, &mut |by, name| made_up.entry(by).or_default().groups.push(name)),
            channels: self.channels.split(channels, &mut |by, name| made_up.entry(by).or_default().channels.push(name)),
        };
        let mut seq = self.builder.next_seq() - 1;
        for (by, names) in made_up {
            let mut rest = names;
            while !rest.is_empty() {
                let names = first_of_each(&mut rest);
                seq = self.push(cause.clone(), catalogue::event::Event::MadeUp(Box::new(MadeUp { by, names })).into());
            }
        }
        if rest.is_empty() {
            return seq;
        }
        loop {
            let first = first_of_each(&mut rest);
            let seq = self.push(cause.clone(), catalogue::event::Event::Defined(Box::new(first)).into());
            if rest.is_empty() {
                return seq;
            }
        }
    }

    /// Revives a location and its quarantine together, as they were retired.
    fn revive_pairs(&mut self) {
        let catalogue = &self.state.catalogue;
        if !catalogue.has_quarantines() {
            return;
        }
        for at in 0..self.revived.locations.len() {
            let Some((location, _)) = self.revived.locations.get(at) else { continue };
            let other = catalogue.quarantine(*location).or_else(|| catalogue.quarantine_of(*location));
            if let Some(other) = other.filter(|other| self.locations.revived.insert(other.0)) {
                let name = catalogue.locations.name(other).clone();
                self.locations.names.insert(name.clone(), other);
                self.revived.locations.push((other, name));
            }
        }
    }

    /// The number of unlogged names: the point to return to if the next step fails.
    pub fn defined_so_far(&self) -> DefinedSoFar {
        let lengths = |names: &Definitions| {
            let Definitions { skus, locations, groups, channels } = names;
            [skus.len(), locations.len(), groups.len(), channels.len()]
        };
        DefinedSoFar([lengths(&self.undefined), lengths(&self.revived)])
    }

    /// Drops the names that were interned since `since`, because the step failed.
    pub fn forget_definitions(&mut self, since: DefinedSoFar) {
        let DefinedSoFar(since) = since;
        for (names, [skus, locations, groups, channels]) in
            [&mut self.undefined, &mut self.revived].into_iter().zip(since)
        {
            let locations = names.locations.split_off(locations.min(names.locations.len()));
            self.skus.forget(&names.skus.split_off(skus.min(names.skus.len())));
            self.locations.forget(&locations);
            if !self.quarantines.is_empty() {
                self.quarantines.retain(|_, quarantine| locations.iter().all(|(gone, _)| gone != quarantine));
                self.unmade_quarantines.retain(|(quarantine, _)| locations.iter().all(|(gone, _)| gone != quarantine));
            }
            self.groups.forget(&names.groups.split_off(groups.min(names.groups.len())));
            self.channels.forget(&names.channels.split_off(channels.min(names.channels.len())));
        }
    }
}
