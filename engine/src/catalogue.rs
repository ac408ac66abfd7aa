//! What is sold, where, and through which channel: names, their interned ids, and the details that were set for them.
//!
//! An id is published here only once its definition is durable, so nothing in memory or on the wire ever refers to an
//! id that a crash could give to another name. Names are looked up in a sharded map at the edge; from an id, the name
//! is one load away.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dashmap::DashMap;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, GroupId, LocationId, Name, Seq, SkuId};
use crate::matrix::Arena;

type Map<K, V> = DashMap<K, V, foldhash::fast::RandomState>;

/// What is known of a SKU.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SkuDetails {
    /// What people call it.
    pub name: Option<String>,
    /// Global Trade Item Number, its check digit verified.
    pub gtin: Option<String>,
    /// Unit of measure, such as `piece` or `kg`.
    pub unit: Option<String>,
    /// Decimal places of the unit that one counted unit stands for: 0.350 kg is 350 with 3.
    pub decimals: u8,
    /// The product of which this is a variant.
    pub product: Option<String>,
    /// Categories it is filed under.
    pub categories: Vec<String>,
    /// Free attributes, such as `colour` and `size`.
    pub attributes: BTreeMap<String, String>,
}

/// What a location is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LocationKind {
    /// Sells to people who walk in.
    #[default]
    Store,
    /// Ships.
    Warehouse,
    /// Holds stock that is somebody else's until it is bought.
    Supplier,
}

/// What is known of a location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocationDetails {
    /// What people call it.
    pub name: Option<String>,
    /// What it is.
    pub kind: LocationKind,
    /// Degrees north and east.
    pub coordinates: Option<(f64, f64)>,
    /// IANA time zone.
    pub timezone: Option<String>,
    /// Whether customers may fetch orders here.
    pub pickup: bool,
    /// Whether orders are shipped from here.
    pub ship: bool,
}

impl Default for LocationDetails {
    fn default() -> Self {
        Self { name: None, kind: LocationKind::Store, coordinates: None, timezone: None, pickup: true, ship: true }
    }
}

/// When people work in a location, and how long they take for an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDetails {
    /// When it is open, in minutes since Monday 00:00 of its own time: from, to. Ascending; no span crosses midnight.
    pub hours: Vec<(u16, u16)>,
    /// Orders that come at or after this minute of the day wait for the next day.
    pub pickup_cutoff: Option<u16>,
    /// Minutes of work until an order is ready.
    pub pickup_minutes: u32,
    /// From where what it lacks may be brought.
    pub transfers: Option<Transfers>,
}

/// From where stock may be brought, and how long that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfers {
    /// The locations.
    pub from: GroupId,
    /// Minutes until it is there.
    pub minutes: u32,
}

/// A named set of locations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupDetails {
    /// Its members, ascending.
    pub locations: Vec<LocationId>,
}

/// What holds for a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelDetails {
    /// Units of every cell that the channel must leave to others.
    pub buffer: u32,
}

/// A price of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Price {
    /// ISO 4217 code.
    pub currency: String,
    /// Only through this channel.
    pub channel: Option<Name>,
    /// Only at this location.
    pub location: Option<Name>,
    /// In minor units of the currency.
    pub amount: i64,
}

/// Details, and the `seq` at which they were last set: the version that `If-Match` compares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Versioned<D> {
    /// The `seq` of the record that set them.
    pub version: Seq,
    /// The details.
    pub details: D,
}

/// One kind of name: interned, dense ids from 0, with details for those that have any.
#[derive(Debug)]
pub struct Registry<I, D> {
    ids: Map<Name, u32>,
    names: Arena<OnceLock<Name>, 14, 13>,
    details: Map<u32, Arc<Versioned<D>>>,
    count: AtomicU32,
    kind: PhantomData<I>,
}

impl<I, D> Default for Registry<I, D> {
    fn default() -> Self {
        Self {
            ids: Map::default(),
            names: Arena::new(),
            details: Map::default(),
            count: AtomicU32::new(0),
            kind: PhantomData,
        }
    }
}

impl<I: From<u32> + Into<u32> + Copy + Eq + Hash, D: Default + Clone> Registry<I, D> {
    /// The id of `name`, if its definition is durable.
    pub fn id(&self, name: &str) -> Option<I> {
        self.ids.get(name).map(|id| I::from(*id))
    }

    /// The name behind an id.
    ///
    /// # Panics
    /// For an id that was never published.
    pub fn name(&self, id: I) -> &Name {
        let index: u32 = id.into();
        let name = self.names.get(index as usize).and_then(OnceLock::get);
        name.expect("ids are published with their names")
    }

    /// Names published so far; their ids are `0..count`.
    pub fn count(&self) -> u32 {
        // Acquire: pairs with the Release in `fold_definition`, so every id below the count has its name.
        self.count.load(Acquire)
    }

    /// What was set for an id, if anything was.
    pub fn details(&self, id: I) -> Option<Arc<Versioned<D>>> {
        self.details.get(&id.into()).map(|details| details.clone())
    }

    /// What was set for an id, or the defaults.
    pub fn details_or_default(&self, id: I) -> D {
        self.details(id).map(|set| set.details.clone()).unwrap_or_default()
    }

    /// Journal thread only, inside a fold: the definition is durable.
    pub(crate) fn fold_definition(&self, id: I, name: &Name) {
        let index: u32 = id.into();
        self.names.reach(index as usize).get_or_init(|| name.clone());
        self.ids.insert(name.clone(), index);
        if index >= self.count.load(Relaxed) {
            self.count.store(index + 1, Release);
        }
    }

    /// Journal thread only, inside a fold: the details are durable.
    pub(crate) fn fold_details(&self, id: I, version: Seq, details: D) {
        self.details.insert(id.into(), Arc::new(Versioned { version, details }));
    }
}

/// Members of groups in an order, and the version of all groups that it is of.
type InOrder = (u64, FxHashMap<GroupId, Arc<[LocationId]>>);

/// All names and details, as the durable log has them.
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
    prices: Map<SkuId, Arc<Versioned<Vec<Price>>>>,
    services: Map<LocationId, Arc<Versioned<ServiceDetails>>>,
    groups_of: Map<LocationId, Vec<GroupId>>,
    /// Members of groups in the order in which promises take from them, as of a version of all groups.
    in_order: Mutex<InOrder>,
    buffers: Arena<AtomicU32, 8, 16>,
}

impl Catalogue {
    /// What a channel must leave in every cell. An undeclared channel leaves nothing.
    #[inline]
    pub fn buffer(&self, channel: ChannelId) -> u32 {
        self.buffers.get(channel.0 as usize).map_or(0, |buffer| buffer.load(Relaxed))
    }

    /// The groups that a location is in, ascending.
    pub fn groups_of(&self, location: LocationId) -> Vec<GroupId> {
        self.groups_of.get(&location).map(|groups| groups.clone()).unwrap_or_default()
    }

    /// The members of a group, those first that fewest groups share.
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
        // A group may have changed meanwhile, and this order be of before.
        if known.0 == version {
            known.1.insert(group, Arc::clone(&members));
        }
        members
    }

    /// The prices of a SKU.
    pub fn prices(&self, sku: SkuId) -> Option<Arc<Versioned<Vec<Price>>>> {
        self.prices.get(&sku).map(|prices| prices.clone())
    }

    /// When people work in a location, if that was ever set.
    pub fn services(&self, location: LocationId) -> Option<Arc<Versioned<ServiceDetails>>> {
        self.services.get(&location).map(|services| services.clone())
    }

    pub(crate) fn fold_services(&self, location: LocationId, version: Seq, details: ServiceDetails) {
        self.services.insert(location, Arc::new(Versioned { version, details }));
    }

    pub(crate) fn fold_group(&self, group: GroupId, version: Seq, details: GroupDetails) {
        let before = self.groups.details_or_default(group).locations;
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

    pub(crate) fn fold_channel(&self, channel: ChannelId, version: Seq, details: ChannelDetails) {
        self.buffers.reach(channel.0 as usize).store(details.buffer, Relaxed);
        self.channels.fold_details(channel, version, details);
    }

    pub(crate) fn fold_prices(&self, sku: SkuId, version: Seq, prices: Vec<Price>) {
        self.prices.insert(sku, Arc::new(Versioned { version, details: prices }));
    }
}

/// Whether `text` is a GTIN-8, -12, -13 or -14 whose check digit holds.
pub fn is_gtin(text: &str) -> bool {
    matches!(text.len(), 8 | 12 | 13 | 14)
        && text.bytes().all(|digit| digit.is_ascii_digit())
        && text.bytes().rev().zip([1u32, 3].iter().cycle()).map(|(d, w)| u32::from(d - b'0') * w).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gtin_needs_its_check_digit() {
        for good in ["4006381333931", "036000291452", "96385074", "10614141000415"] {
            assert!(is_gtin(good), "{good}");
        }
        for bad in ["4006381333932", "", "400638133393", "abcdefgh", "40063813339310000"] {
            assert!(!is_gtin(bad), "{bad}");
        }
    }

    #[test]
    fn leaving_a_group_is_seen_from_the_location() {
        let catalogue = Catalogue::default();
        let group = |locations: &[u32]| GroupDetails { locations: locations.iter().map(|l| LocationId(*l)).collect() };
        catalogue.fold_group(GroupId(1), 1, group(&[3, 4]));
        catalogue.fold_group(GroupId(0), 2, group(&[4]));
        assert_eq!(catalogue.groups_of(LocationId(4)), vec![GroupId(0), GroupId(1)]);
        catalogue.fold_group(GroupId(1), 3, group(&[3]));
        assert_eq!(catalogue.groups_of(LocationId(4)), vec![GroupId(0)]);
    }
}
