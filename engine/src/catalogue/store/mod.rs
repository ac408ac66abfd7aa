//! All names and details in the durable log.

mod bits;
mod channels;
mod groups;
mod locations;
mod retired;
mod skus;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32};
use std::sync::{Arc, Mutex};

use rustc_hash::FxHashMap;
use serde::Serialize;
use smallvec::SmallVec;

use crate::catalogue::details::{
    ChannelDetails, GroupDetails, LocationDetails, LocationHours, ServiceDetails, SkuDetails, TradingDetails,
};
use crate::catalogue::gtin::Gtin;
use crate::catalogue::registry::{Map, Registry, Versioned};
use crate::hash;
use crate::hash::{CellNames, Part, StateHash};
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::kernel::id_set::IdSet;
use crate::matrix::Arena;

/// Ordered members of groups, and the version of all groups that the order belongs to.
type InOrder = (u64, FxHashMap<GroupId, Arc<[LocationId]>>);

/// All names and details in the durable log.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// SKUs.
    pub skus: Registry<SkuId, SkuDetails>,
    /// Locations.
    pub locations: Registry<LocationId, LocationDetails>,
    /// Groups of locations.
    pub groups: Registry<GroupId, GroupDetails>,
    /// Channels.
    pub channels: Registry<ChannelId, ChannelDetails>,
    services: Map<LocationId, Arc<Versioned<ServiceDetails>>>,
    hours: Map<LocationId, Arc<Versioned<LocationHours>>>,
    trading: Map<LocationId, Arc<Versioned<TradingDetails>>>,
    /// By location: the purposes that it does not serve.
    barred: Arena<AtomicU8, 12, 12>,
    pub(super) groups_of: Map<LocationId, Vec<GroupId>>,
    by_gtin: Map<Gtin, SmallVec<[SkuId; 2]>>,
    /// Members of groups in the order in which reservations take units from them, for one version of all groups.
    pub(super) in_order: Mutex<InOrder>,
    /// By channel: its buffer, and whether it is declared.
    buffers: Arena<AtomicU32, 8, 16>,
    accepts_undeclared: AtomicBool,
    /// Untracked SKUs.
    uncounted: IdSet,
    /// Whether a SKU is tracked, for each SKU where this was ever set.
    tracking: Map<SkuId, Versioned<bool>>,
    /// Quarantines by location, and locations by quarantine.
    quarantines: Map<LocationId, LocationId>,
    quarantined: Map<LocationId, LocationId>,
    has_quarantines: AtomicBool,
    /// The state hash; the catalogue maintains its own parts of it.
    pub(crate) hash: Arc<StateHash>,
}

impl Catalogue {
    pub(crate) fn new(hash: Arc<StateHash>) -> Self {
        Self { hash, ..Self::default() }
    }

    /// Updates the state hash: the item `key` was set. A value equal to the default counts for nothing.
    fn rehash<T: Serialize + PartialEq>(&self, part: Part, key: u64, before: Option<&T>, after: Option<&T>) {
        if before != after {
            let digest = |thing: Option<&T>| thing.map_or(0, |thing| hash::content::digest(self, part, key, thing));
            self.hash.change(part, digest(before), digest(after));
        }
    }

    /// The digests of the names of a cell.
    #[inline]
    pub(crate) fn place(&self, sku: SkuId, location: LocationId) -> CellNames {
        CellNames { sku: self.skus.digest(sku), location: self.locations.digest(location) }
    }

    /// Recomputes the digest of every item.
    pub(crate) fn digest(&self, put: &mut dyn FnMut(Part, hash::Digest)) {
        for id in (0..self.skus.count()).map(SkuId) {
            let key = self.skus.digest(id);
            if let Some(set) = self.skus.details(id) {
                put(Part::Skus, hash::content::digest(self, Part::Skus, key, &set.details));
            }
            if !self.is_tracked(id) {
                put(Part::Skus, self.digest_uncounted(id));
            }
        }
        for id in (0..self.locations.count()).map(LocationId) {
            let key = self.locations.digest(id);
            if let Some(set) = self.locations.details(id) {
                put(Part::Locations, hash::content::digest(self, Part::Locations, key, &set.details));
            }
            if let Some(served) = self.served(id) {
                put(Part::Services, hash::content::digest(self, Part::Services, key, &served));
            }
            if let Some(trading) = self.traded(id) {
                put(Part::Locations, hash::content::digest(self, Part::Locations, key, &trading));
            }
        }
        for id in (0..self.groups.count()).map(GroupId) {
            if let Some(set) = self.groups.details(id) {
                put(Part::Groups, hash::content::digest(self, Part::Groups, self.groups.digest(id), &set.details));
            }
        }
        for id in (0..self.channels.count()).map(ChannelId) {
            if let Some(set) = self.channels.details(id) {
                put(
                    Part::Channels,
                    hash::content::digest(self, Part::Channels, self.channels.digest(id), &set.details),
                );
            }
        }
    }
}

impl hash::content::Names for Catalogue {
    fn digest_of(&self, kind: &str, id: u32) -> Option<u64> {
        let Self { skus, locations, groups, channels, .. } = self;
        match kind {
            "SkuId" => Some(skus.digest(SkuId(id))),
            "LocationId" => Some(locations.digest(LocationId(id))),
            "GroupId" => Some(groups.digest(GroupId(id))),
            "ChannelId" => Some(channels.digest(ChannelId(id))),
            _ => None,
        }
    }
}
