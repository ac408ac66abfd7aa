//! The selection of a subscription, and the keys under which a change finds it.
//!
//! A cell is selected by its SKU, or by all SKUs, and by its place: anywhere, its location, or a group that contains
//! the location. So a change of one cell looks up `2 × (1 + groups of the location) + 1` keys, whatever the number of
//! subscriptions, and a location that joins or leaves a group changes no key.

use std::collections::BTreeSet;

use crate::catalogue::{Catalogue, Registry};
use crate::ids::{ChannelId, GroupId, LocationId, Name, SkuId};
use crate::level::IN_QUARANTINE;
use crate::state::DurableState;
use crate::stock::lens::{CellView, Lens};

use super::cursor::Digest;

/// A requested selection, by name: cells of the SKUs, at the locations and in the groups. No SKU means all SKUs of the
/// places; no place means anywhere. One of both must be given.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// SKUs.
    pub skus: Vec<Name>,
    /// Locations.
    pub locations: Vec<Name>,
    /// Groups, whose members count as locations.
    pub groups: Vec<Name>,
    /// The channel that sells; its buffer is subtracted.
    pub channel: Option<Name>,
}

impl Selection {
    /// The maximum number of its keys.
    pub(super) fn size(&self) -> usize {
        self.skus.len().max(1).saturating_mul((self.locations.len() + self.groups.len()).max(1))
    }
}

/// Names with ids, and names without.
#[derive(Debug)]
pub(super) struct Named<I> {
    pub ids: BTreeSet<I>,
    unknown: BTreeSet<Name>,
    /// The cost of the unknown names.
    unknown_bytes: usize,
}

/// The cost of an unknown name beside its text: a tree node, and a heap allocation.
const UNKNOWN_BYTES: usize = 96;

fn bytes_of(name: &Name) -> usize {
    UNKNOWN_BYTES + name.as_str().len()
}

/// The use of shared resources by a subscription.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Keys, including those of unknown names.
    pub keys: usize,
    pub unknown_bytes: usize,
}

impl<I> Default for Named<I> {
    fn default() -> Self {
        Self { ids: BTreeSet::new(), unknown: BTreeSet::new(), unknown_bytes: 0 }
    }
}

impl<I: Copy + Ord + From<u32> + Into<u32> + std::hash::Hash> Named<I> {
    /// Adds `name`; returns its id if it has one and is new here.
    fn insert<D: Default + Clone>(&mut self, registry: &Registry<I, D>, name: &Name) -> Inserted<I> {
        // An unknown name is resolved when the feed reaches its definition, and only then.
        if self.unknown.contains(name) {
            return Inserted::Known;
        }
        let Some(id) = registry.id(name.as_str()) else {
            self.unknown.insert(name.clone());
            self.unknown_bytes += bytes_of(name);
            return Inserted::Unknown;
        };
        if self.ids.insert(id) { Inserted::New(id) } else { Inserted::Known }
    }

    /// Unknown names that have ids by now.
    fn resolve<D: Default + Clone>(&mut self, registry: &Registry<I, D>) -> Vec<I> {
        let mut found = Vec::new();
        let unknown_bytes = &mut self.unknown_bytes;
        self.unknown.retain(|name| match registry.id(name.as_str()) {
            Some(id) => {
                found.push(id);
                *unknown_bytes -= bytes_of(name);
                false
            }
            None => true,
        });
        self.ids.extend(&found);
        found
    }

    /// Those that are unknown.
    pub fn unknown(&self) -> impl Iterator<Item = &Name> {
        self.unknown.iter()
    }

    /// Whether an unknown name was present and is removed now.
    fn forget(&mut self, name: &Name) -> bool {
        let was_there = self.unknown.remove(name);
        if was_there {
            self.unknown_bytes -= bytes_of(name);
        }
        was_there
    }

    fn len(&self) -> usize {
        self.ids.len() + self.unknown.len()
    }
}

enum Inserted<I> {
    New(I),
    Unknown,
    Known,
}

/// The keys under which a change finds its subscriptions.
pub(super) type Key = u64;

/// A cell as one word.
pub(super) type CellKey = u64;

const ANY_SKU: u32 = u32::MAX;
const ANYWHERE: u32 = 0;
const LOCATION: u32 = 1 << 30;
const GROUP: u32 = 2 << 30;

fn key(sku: Option<SkuId>, place: u32) -> Key {
    (u64::from(sku.map_or(ANY_SKU, |sku| sku.0)) << 32) | u64::from(place)
}

/// The word of a cell.
pub(super) fn cell_key(sku: SkuId, location: LocationId) -> CellKey {
    (u64::from(sku.0) << 32) | u64::from(location.0)
}

/// The keys of a change of `sku` at `location`, which is in `groups`.
pub(super) fn keys_of_cell(sku: SkuId, location: LocationId, groups: &[GroupId]) -> impl Iterator<Item = Key> {
    let places = std::iter::once(LOCATION | location.0).chain(groups.iter().map(|group| GROUP | group.0));
    let anywhere = std::iter::once(key(Some(sku), ANYWHERE));
    anywhere.chain(places.flat_map(move |place| [key(Some(sku), place), key(None, place)]))
}

/// A selection, resolved as far as its names are known.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub all_skus: bool,
    pub skus: Named<SkuId>,
    pub locations: Named<LocationId>,
    pub groups: Named<GroupId>,
    pub channel: Option<Name>,
    pub digest: Digest,
}

/// SKUs that were added to or removed from a selection.
#[derive(Debug, Default)]
pub(super) struct Tracked {
    pub names: Vec<Name>,
    /// Those of them that are known.
    pub ids: Vec<SkuId>,
}

impl Tracked {
    /// The change of a selection's digest.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        self.names.iter().for_each(|name| digest.add(kind::SKU, name));
        digest.0
    }
}

/// The kinds in a digest.
mod kind {
    pub const SKU: u8 = 0;
    pub const LOCATION: u8 = 1;
    pub const GROUP: u8 = 2;
    pub const CHANNEL: u8 = 3;
}

impl Filter {
    pub fn new(catalogue: &Catalogue, selection: Selection) -> Self {
        let mut filter = Self { all_skus: selection.skus.is_empty(), ..Self::default() };
        if filter.all_skus {
            filter.digest.add_all(kind::SKU);
        }
        filter.track(catalogue, &selection.skus);
        for name in &selection.locations {
            if !matches!(filter.locations.insert(&catalogue.locations, name), Inserted::Known) {
                filter.digest.add(kind::LOCATION, name);
            }
        }
        for name in &selection.groups {
            if !matches!(filter.groups.insert(&catalogue.groups, name), Inserted::Known) {
                filter.digest.add(kind::GROUP, name);
            }
        }
        if let Some(channel) = &selection.channel {
            filter.digest.add(kind::CHANNEL, channel);
        }
        filter.channel = selection.channel;
        filter
    }

    /// Adds `skus`.
    pub fn track(&mut self, catalogue: &Catalogue, skus: &[Name]) -> Tracked {
        let mut tracked = Tracked::default();
        for name in skus {
            match self.skus.insert(&catalogue.skus, name) {
                Inserted::New(sku) => tracked.ids.push(sku),
                Inserted::Unknown => {}
                Inserted::Known => continue,
            }
            self.digest.add(kind::SKU, name);
            tracked.names.push(name.clone());
        }
        tracked
    }

    /// Removes `skus`; returns those that were selected.
    pub fn untrack(&mut self, catalogue: &Catalogue, skus: &[Name]) -> Tracked {
        let mut gone = Tracked::default();
        for name in skus {
            let id = catalogue.skus.id(name.as_str()).or_else(|| catalogue.skus.retired_id(name.as_str()));
            let known = id.filter(|sku| self.skus.ids.remove(sku));
            if known.is_none() && !self.skus.forget(name) {
                continue;
            }
            gone.ids.extend(known);
            self.digest.remove(kind::SKU, name);
            gone.names.push(name.clone());
        }
        gone
    }

    /// Resolves unknown names again. Returns the SKUs and places that are known now, as keys to add.
    pub fn resolve(&mut self, catalogue: &Catalogue) -> Vec<Key> {
        if !self.is_outdated(catalogue) {
            return Vec::new();
        }
        let (skus_before, places_before) = (self.skus.ids.clone(), self.places());
        let skus = self.skus.resolve(&catalogue.skus);
        let found = self.locations.resolve(&catalogue.locations).len() + self.groups.resolve(&catalogue.groups).len();
        let mut keys: Vec<Key> = skus.iter().flat_map(|sku| self.keys_of_sku(*sku)).collect();
        if found > 0 {
            let new = self.places().into_iter().filter(|place| !places_before.contains(place));
            for place in new {
                if self.all_skus {
                    keys.push(key(None, place));
                }
                keys.extend(skus_before.iter().map(|sku| key(Some(*sku), place)));
            }
        }
        keys
    }

    /// Whether a name that is unknown here is known to the catalogue by now.
    pub fn is_outdated(&self, catalogue: &Catalogue) -> bool {
        self.skus.unknown.iter().any(|name| catalogue.skus.id(name.as_str()).is_some())
            || self.locations.unknown.iter().any(|name| catalogue.locations.id(name.as_str()).is_some())
            || self.groups.unknown.iter().any(|name| catalogue.groups.id(name.as_str()).is_some())
    }

    pub fn has_unknown(&self) -> bool {
        !(self.skus.unknown.is_empty() && self.locations.unknown.is_empty() && self.groups.unknown.is_empty())
    }

    pub fn anywhere(&self) -> bool {
        self.locations.len() + self.groups.len() == 0
    }

    fn places(&self) -> Vec<u32> {
        if self.anywhere() {
            return vec![ANYWHERE];
        }
        let locations = self.locations.ids.iter().map(|location| LOCATION | location.0);
        locations.chain(self.groups.ids.iter().map(|group| GROUP | group.0)).collect()
    }

    /// The keys of one of its SKUs.
    pub fn keys_of_sku(&self, sku: SkuId) -> Vec<Key> {
        self.places().into_iter().map(|place| key(Some(sku), place)).collect()
    }

    /// All its keys.
    pub fn keys(&self) -> Vec<Key> {
        let places = self.places();
        if self.all_skus {
            return places.into_iter().map(|place| key(None, place)).collect();
        }
        self.skus.ids.iter().flat_map(|sku| places.iter().map(|place| key(Some(*sku), *place))).collect()
    }

    /// The number of its keys, counting names that are not known yet.
    pub fn size(&self) -> usize {
        let places = if self.anywhere() { 1 } else { self.locations.len() + self.groups.len() };
        if self.all_skus { places } else { self.skus.len() * places }
    }

    /// Its use of shared resources.
    pub fn cost(&self) -> Cost {
        let unknown_bytes = self.skus.unknown_bytes + self.locations.unknown_bytes + self.groups.unknown_bytes;
        Cost { keys: self.size(), unknown_bytes }
    }

    /// The untracked SKUs that it names.
    pub fn uncounted<'a>(&'a self, catalogue: &'a Catalogue) -> impl Iterator<Item = SkuId> + 'a {
        let all = if catalogue.has_uncounted() { Some(&self.skus.ids) } else { None };
        all.into_iter().flatten().copied().filter(|sku| !catalogue.is_tracked(*sku))
    }

    pub fn has_sku(&self, sku: SkuId) -> bool {
        self.all_skus || self.skus.ids.contains(&sku)
    }

    /// Whether a location that is in `groups` is selected.
    pub fn has_place(&self, location: LocationId, groups: &[GroupId]) -> bool {
        self.anywhere()
            || self.locations.ids.contains(&location)
            || groups.iter().any(|group| self.groups.ids.contains(group))
    }

    /// Its channel, if known.
    pub fn channel(&self, catalogue: &Catalogue) -> Option<ChannelId> {
        let channels = &catalogue.channels;
        // A retired channel stays as it was for its subscribers.
        self.channel.as_ref().and_then(|name| {
            let name = name.as_str();
            channels.id(name).or_else(|| channels.retired_id(name))
        })
    }
}

/// Cells that a subscription selects, read together.
#[derive(Debug)]
pub(super) struct Cells {
    /// The `seq` at which they are exact.
    pub seq: u64,
    /// The lens.
    pub lens: Lens,
    pub cells: Vec<CellView>,
}

/// A part of a filter's cells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    Whole,
    Skus(&'a [SkuId]),
    Locations(&'a [LocationId]),
    /// Everything that leaves with these, retired or not.
    LeavingSkus(&'a [SkuId]),
    LeavingLocations(&'a [LocationId]),
}

/// Reads the cells of `filter`, or a part of them, exact at one `seq`; `Err` with their number if there are more than
/// `limit`.
pub(super) fn read(state: &DurableState, filter: &Filter, part: Part<'_>, limit: usize) -> Result<Cells, usize> {
    // Finding cells takes longer than reading them and needs no quiet, because cells never move. If a cell is created
    // or a group changes meanwhile, cells are searched again, finally inside the read.
    for _ in 0..3 {
        let (made, members) = (state.cells(), Members::of(state, filter, part));
        let found: Vec<_> = members.cells(state, filter, part).take(limit.saturating_add(1)).collect();
        let others = members.without_cell(state, filter, part);
        if found.len() + others.len() > limit {
            return Err(found.len() + others.len());
        }
        let (seq, read) = state.view.read(|| {
            let lens = state.lens(filter.channel(&state.catalogue));
            let unchanged = state.cells() == made && members.are_current(state, filter);
            unchanged.then(|| {
                let mut cells: Vec<_> = found.iter().map(|cell| lens.view(&state.catalogue, cell)).collect();
                cells.extend(others.iter().filter_map(|(sku, at)| state.seen_at(&lens, *sku, *at)));
                (lens, cells)
            })
        });
        if let Some((lens, cells)) = read {
            return Ok(Cells { seq, lens, cells });
        }
    }
    let (seq, (lens, cells)) = state.view.read(|| {
        let lens = state.lens(filter.channel(&state.catalogue));
        let members = Members::of(state, filter, part);
        let cells = members.cells(state, filter, part).take(limit.saturating_add(1));
        let mut cells: Vec<_> = cells.map(|cell| lens.view(&state.catalogue, cell)).collect();
        let others = members.without_cell(state, filter, part);
        cells.extend(others.iter().filter_map(|(sku, at)| state.seen_at(&lens, *sku, *at)));
        (lens, cells)
    });
    if cells.len() > limit { Err(cells.len()) } else { Ok(Cells { seq, lens, cells }) }
}

/// The locations that a filter selects, in the current catalogue.
struct Members {
    /// `None`: anywhere.
    locations: Option<Vec<LocationId>>,
    versions: Vec<u64>,
}

impl Members {
    fn of(state: &DurableState, filter: &Filter, part: Part<'_>) -> Self {
        let groups = &state.catalogue.groups;
        let versions = group_versions(state, filter);
        if let Part::Locations(locations) | Part::LeavingLocations(locations) = part {
            return Self { locations: Some(locations.to_vec()), versions };
        }
        if filter.anywhere() {
            return Self { locations: None, versions };
        }
        let mut locations: Vec<_> = filter.locations.ids.iter().copied().collect();
        for group in &filter.groups.ids {
            if let Some(details) = groups.details(*group) {
                locations.extend(&details.details.locations);
            }
        }
        locations.sort_unstable();
        locations.dedup();
        Self { locations: Some(locations), versions }
    }

    /// Places where untracked SKUs are available without a cell: the places that are named.
    fn without_cell(&self, state: &DurableState, filter: &Filter, part: Part<'_>) -> Vec<(SkuId, LocationId)> {
        let catalogue = &state.catalogue;
        if !catalogue.has_uncounted() {
            return Vec::new();
        }
        let named = |sku: &SkuId| !catalogue.is_tracked(*sku) && filter.skus.ids.contains(sku);
        let skus: Vec<SkuId> = match part {
            Part::Skus(skus) | Part::LeavingSkus(skus) => skus.iter().copied().filter(named).collect(),
            Part::Whole | Part::Locations(_) | Part::LeavingLocations(_) => {
                filter.skus.ids.iter().copied().filter(named).collect()
            }
        };
        self.free_places(state, &skus)
    }

    /// Places where some SKUs have no cell.
    fn free_places(&self, state: &DurableState, skus: &[SkuId]) -> Vec<(SkuId, LocationId)> {
        let places = self.locations.as_deref().unwrap_or_default();
        let free = |sku: SkuId| places.iter().filter(move |at| state.matrix.get(sku, **at).is_none());
        skus.iter().flat_map(|sku| free(*sku).map(move |at| (*sku, *at))).collect()
    }

    fn are_current(&self, state: &DurableState, filter: &Filter) -> bool {
        self.versions == group_versions(state, filter)
    }

    fn cells<'a>(
        &'a self,
        state: &'a DurableState,
        filter: &'a Filter,
        part: Part<'a>,
    ) -> impl Iterator<Item = &'a crate::matrix::StockCell> {
        let catalogue = &state.catalogue;
        // Only cells that leave are read after their names were retired.
        let hides = !matches!(part, Part::LeavingLocations(_) | Part::LeavingSkus(_));
        let hides_skus = hides && !catalogue.skus.all_live();
        let hides_places = hides && !catalogue.locations.all_live();
        let are_named = matches!(part, Part::Skus(_) | Part::LeavingSkus(_));
        let every = (filter.all_skus && !are_named).then(|| (0..state.catalogue.skus.count()).map(SkuId));
        let (some, own) = match part {
            Part::Skus(skus) | Part::LeavingSkus(skus) => (skus, None),
            Part::Whole | Part::Locations(_) | Part::LeavingLocations(_) => (&[][..], Some(&filter.skus.ids)),
        };
        let skus = every.into_iter().flatten().chain(some.iter().chain(own.into_iter().flatten()).copied());
        let skus = skus.filter(move |sku| !hides_skus || catalogue.skus.is_live(*sku));
        skus.flat_map(move |sku| {
            let row = self.locations.is_none().then(|| state.matrix.row(sku).iter().map(|(_, cell)| cell));
            // Cells of quarantines are in no list.
            let row = row.map(|row| row.filter(|cell| cell.safety_stock() != IN_QUARANTINE));
            let places = self.locations.as_deref().unwrap_or_default();
            row.into_iter().flatten().chain(places.iter().filter_map(move |place| state.matrix.get(sku, *place)))
        })
        .filter(move |cell| !hides_places || catalogue.locations.is_live(cell.location()))
    }
}

/// The named places where some named SKUs have no cell.
pub(super) fn without_cell(state: &DurableState, filter: &Filter, skus: &[SkuId]) -> Vec<(SkuId, LocationId)> {
    let named: Vec<SkuId> = skus.iter().copied().filter(|sku| filter.skus.ids.contains(sku)).collect();
    let mut places = Members::of(state, filter, Part::Whole).free_places(state, &named);
    places.retain(|(_, at)| state.catalogue.has_uncounted_at(*at));
    places
}

/// Places where untracked or formerly untracked SKUs leave, with locations and SKUs that had no cell there.
pub(super) fn left_without_cell(
    state: &DurableState,
    filter: &Filter,
    locations: &[LocationId],
    skus: &[SkuId],
) -> Vec<(SkuId, LocationId)> {
    if !state.catalogue.has_tracking() {
        return Vec::new();
    }
    let was_told = |sku: &SkuId| filter.skus.ids.contains(sku) && state.catalogue.tracking(*sku).is_some();
    let retired: Vec<SkuId> = skus.iter().copied().filter(was_told).collect();
    let mut gone = Members::of(state, filter, Part::Whole).free_places(state, &retired);
    let named: Vec<SkuId> = filter.skus.ids.iter().copied().filter(was_told).collect();
    gone.extend(Members::of(state, filter, Part::LeavingLocations(locations)).free_places(state, &named));
    gone
}

fn group_versions(state: &DurableState, filter: &Filter) -> Vec<u64> {
    let version = |group: &GroupId| state.catalogue.groups.details(*group).map_or(0, |details| details.version);
    filter.groups.ids.iter().map(version).collect()
}
