//! Groups and their locations, in both directions.

use std::sync::{Arc, PoisonError};

use super::Catalogue;
use crate::catalogue::details::GroupDetails;
use crate::hash::Part;
use crate::ids::{GroupId, LocationId, Seq};

impl Catalogue {
    /// The groups that contain a location, ascending.
    pub fn groups_of(&self, location: LocationId) -> Vec<GroupId> {
        self.groups_of.get(&location).map(|groups| groups.clone()).unwrap_or_default()
    }

    /// The members of a group; those that belong to the fewest groups come first.
    pub fn members_in_order(&self, group: GroupId) -> Arc<[LocationId]> {
        let lock = || self.in_order.lock().unwrap_or_else(PoisonError::into_inner);
        let version = {
            let known = lock();
            if let Some(members) = known.1.get(&group) {
                return Arc::clone(members);
            }
            known.0
        };
        let mut members = self.groups.details_or_default(group).locations;
        members
            .sort_by_cached_key(|location| (self.groups_of.get(location).map_or(0, |groups| groups.len()), *location));
        let members: Arc<[LocationId]> = members.into();
        let mut known = lock();
        // A group may have changed meanwhile, so the order may be outdated.
        if known.0 == version {
            known.1.insert(group, Arc::clone(&members));
        }
        members
    }

    pub(crate) fn fold_group(&self, group: GroupId, version: Seq, details: GroupDetails) {
        let known = self.groups.details(group);
        let known = known.as_deref().map(|set| &set.details);
        self.rehash(Part::Groups, self.groups.digest(group), known, Some(&details));
        let before = known.map_or(&[][..], |known| &known.locations);
        for gone in before.iter().filter(|location| details.locations.binary_search(location).is_err()) {
            if let Some(mut groups) = self.groups_of.get_mut(gone) {
                groups.retain(|member| *member != group);
            }
        }
        for location in &details.locations {
            let mut groups = self.groups_of.entry(*location).or_default();
            if let Err(at) = groups.binary_search(&group) {
                groups.insert(at, group);
            }
        }
        self.groups.fold_details(group, version, details);
        let mut known = self.in_order.lock().unwrap_or_else(PoisonError::into_inner);
        known.0 += 1;
        known.1.clear();
    }
}
