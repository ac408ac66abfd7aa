//! A copy of the data that plans for some SKUs need, exact at one `seq`: a reader plans like the journal thread,
//! without blocking it.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::catalogue::Catalogue;
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::reservations::ledger::{Counted, Ledger, Used};
use crate::reservations::plan::{self, AllocationPlan, FromGroup, Of, OpenKind, Shelf, World};
use crate::reservations::promise::Purpose;
use crate::rules::Book;
use crate::settings::Budget;
use crate::state::DurableState;

/// No particular channel: no rule names it, and it has no buffer.
const NOBODY: ChannelId = ChannelId(u32::MAX);

/// The copy.
pub(crate) struct Shelves<'a> {
    /// Data that is not copied is read live.
    state: &'a DurableState,
    catalogue: &'a Catalogue,
    book: Arc<Book>,
    budget: Budget,
    spent: usize,
    channel: ChannelId,
    skus: FxHashMap<SkuId, OfSku>,
    members: FxHashMap<GroupId, Arc<[LocationId]>>,
    /// Members of groups that do not accept a purpose.
    barred: FxHashSet<(LocationId, Purpose)>,
    buffers: FxHashMap<ChannelId, u32>,
    used: FxHashMap<Counted, Used>,
}

/// The data of one SKU, by location, ascending.
#[derive(Default)]
struct OfSku {
    cells: Vec<(LocationId, Shelf)>,
    open: Vec<(LocationId, Vec<OpenKind>)>,
}

impl DurableState {
    /// Whether a plan is needed to know what a group has of a SKU: unallocated promises may move, or quotas apply.
    pub(crate) fn takes_a_plan(&self, book: &Book, ledger: &Ledger, sku: SkuId) -> bool {
        book.has_quotas() || ledger.has_open(sku)
    }

    /// Copies the data for plans of `skus` in `groups`. Exact at one `seq` inside the durable view.
    ///
    /// Bounded by the cells of the SKUs, and the kinds of promises in them.
    pub(crate) fn shelves(
        &self,
        skus: impl Iterator<Item = SkuId>,
        groups: impl Iterator<Item = GroupId>,
        channel: Option<ChannelId>,
    ) -> Shelves<'_> {
        self.copy_shelves(skus, groups, channel, false)
    }

    /// The same only for SKUs whose promises may move; the cells of others are read live.
    pub(crate) fn shelves_of_open(&self, skus: &[SkuId], channel: Option<ChannelId>) -> Shelves<'_> {
        self.copy_shelves(skus.iter().copied(), std::iter::empty(), channel, true)
    }

    fn copy_shelves(
        &self,
        skus: impl Iterator<Item = SkuId>,
        groups: impl Iterator<Item = GroupId>,
        channel: Option<ChannelId>,
        only_open: bool,
    ) -> Shelves<'_> {
        let (book, channel) = (self.rules.share_book(), channel.unwrap_or(NOBODY));
        let mut shelves = Shelves {
            state: self,
            catalogue: &self.catalogue,
            book,
            budget: self.bounds().budget,
            spent: 0,
            channel,
            skus: FxHashMap::default(),
            members: FxHashMap::default(),
            barred: FxHashSet::default(),
            buffers: FxHashMap::default(),
            used: FxHashMap::default(),
        };
        groups.for_each(|group| shelves.note_group(group));
        shelves.note_channel(channel);
        let ledger = self.ledger();
        for sku in skus {
            for quota in shelves.book.all_quotas() {
                let counted = Counted { rule: quota.id, since: quota.since, sku };
                shelves.used.insert(counted, ledger.used(counted));
            }
            if only_open && !ledger.has_open(sku) {
                continue;
            }
            let mut of_sku = OfSku::default();
            let row = self.matrix.row(sku);
            of_sku.cells.reserve(row.about());
            row.for_each(|cell| {
                of_sku.cells.push((cell.location(), Shelf::of(cell)));
            });
            for (location, open) in ledger.open_of(sku) {
                let kinds: Vec<_> = open.iter().map(|(of, open)| OpenKind::of(*of, open)).collect();
                for kind in &kinds {
                    shelves.note_group(kind.of.0);
                    shelves.note_channel(kind.of.1);
                }
                of_sku.open.push((location, kinds));
            }
            shelves.skus.insert(sku, of_sku);
        }
        shelves
    }
}

impl Shelves<'_> {
    /// An empty plan of the channel for a purpose, with this many looks.
    pub fn plan(&self, purpose: Purpose, looks: usize) -> AllocationPlan {
        AllocationPlan::new(self.channel, purpose, Arc::clone(&self.book), Budget { looks, ..self.budget })
    }

    /// Copies the members of a group for a plan.
    pub fn note_group(&mut self, group: GroupId) {
        let (catalogue, barred) = (self.catalogue, &mut self.barred);
        self.members.entry(group).or_insert_with(|| {
            let members = catalogue.members_in_order(group);
            for location in members.iter().filter(|location| !catalogue.takes_all(**location)) {
                let purposes = [Purpose::Pickup, Purpose::Delivery].into_iter();
                barred.extend(
                    purposes
                        .filter(|purpose| !catalogue.takes(*location, *purpose))
                        .map(|purpose| (*location, purpose)),
                );
            }
            members
        });
    }

    fn note_channel(&mut self, channel: ChannelId) {
        let catalogue = self.catalogue;
        self.buffers.entry(channel).or_insert_with(|| catalogue.buffer(channel));
    }

    /// Unallocated promises of a replaced hold make no room, and are not moved.
    pub fn hide_open(&mut self, sku: SkuId, location: LocationId, of: Of, units: u32) {
        let Some(of_sku) = self.skus.get_mut(&sku) else { return };
        let Ok(at) = of_sku.open.binary_search_by_key(&location, |(at, _)| *at) else { return };
        let Some((_, kinds)) = of_sku.open.get_mut(at) else { return };
        if let Some(kind) = kinds.iter_mut().find(|kind| kind.of == of) {
            kind.units -= i64::from(units);
            kind.lines = kind.lines.saturating_sub(1);
        }
        kinds.retain(|kind| kind.units > 0);
        if kinds.is_empty() {
            of_sku.open.remove(at);
        }
    }

    /// Sorts the copy; outside the durable view.
    pub fn sort(&mut self) {
        for of_sku in self.skus.values_mut().filter(|of_sku| !of_sku.cells.is_sorted_by_key(|(at, _)| *at)) {
            of_sku.cells.sort_unstable_by_key(|(at, _)| *at);
        }
    }

    /// Sets the looks of the next group question.
    pub fn leave(&mut self, looks: usize) {
        self.budget.looks = looks;
    }

    /// The looks that the last group question used.
    pub fn spent(&self) -> usize {
        self.spent
    }

    /// The units that a promise of up to `wanted` units of a SKU, from a group, for a purpose, gets, and the setting
    /// that ended the search for more, if one did.
    pub fn in_group(
        &mut self,
        sku: SkuId,
        group: GroupId,
        purpose: Purpose,
        wanted: i64,
    ) -> (FromGroup, Option<&'static str>) {
        let mut plan = AllocationPlan::new(self.channel, purpose, Arc::clone(&self.book), self.budget);
        let members = self.members(group);
        let got = plan::take_in_group(self, &mut plan, 0, sku, &members, wanted);
        self.spent = plan.spent();
        (got, plan.over())
    }

    /// Up to `wanted` units that a promise of a named cell may get after unallocated promises moved; the caller has
    /// checked that the location accepts the purpose.
    pub fn at(&mut self, sku: SkuId, location: LocationId, wanted: i64) -> (i64, Option<&'static str>) {
        let mut plan = AllocationPlan::new(self.channel, Purpose::Cart, Arc::clone(&self.book), self.budget);
        let room = plan::own_room(self, &plan, sku, location);
        if let Some(room) = room.filter(|room| *room < wanted) {
            plan::make_room(self, &mut plan, sku, location, wanted - room);
        }
        (plan::own_room(self, &plan, sku, location).unwrap_or(0).max(0), plan.over())
    }

    fn of(&self, sku: SkuId, location: LocationId) -> Option<&[OpenKind]> {
        let open = &self.skus.get(&sku)?.open;
        let at = open.binary_search_by_key(&location, |(at, _)| *at).ok()?;
        open.get(at).map(|(_, kinds)| kinds.as_slice())
    }
}

impl World for Shelves<'_> {
    fn catalogue(&self) -> &Catalogue {
        self.catalogue
    }

    fn shelf(&self, sku: SkuId, location: LocationId) -> Shelf {
        let Some(OfSku { cells, .. }) = self.skus.get(&sku) else {
            return self.state.matrix.get(sku, location).map_or_else(Shelf::default, Shelf::of);
        };
        let at = cells.binary_search_by_key(&location, |(at, _)| *at).ok();
        at.and_then(|at| cells.get(at)).map(|(_, shelf)| *shelf).unwrap_or_default()
    }

    fn for_each_shelf(&self, sku: SkuId, visit: &mut dyn FnMut(LocationId, Shelf)) {
        match self.skus.get(&sku) {
            Some(of_sku) => of_sku.cells.iter().for_each(|(location, shelf)| visit(*location, *shelf)),
            None => self.state.matrix.row(sku).for_each(|cell| visit(cell.location(), Shelf::of(cell))),
        }
    }

    fn takes(&self, location: LocationId, purpose: Purpose) -> bool {
        self.barred.is_empty() || !self.barred.contains(&(location, purpose))
    }

    fn buffer(&self, channel: ChannelId) -> u32 {
        self.buffers.get(&channel).copied().unwrap_or(0)
    }

    fn open(&self, sku: SkuId, location: LocationId) -> Vec<OpenKind> {
        self.of(sku, location).unwrap_or_default().to_vec()
    }

    fn has_open(&self, sku: SkuId, location: LocationId) -> bool {
        self.of(sku, location).is_some()
    }

    fn has_open_anywhere(&self, sku: SkuId) -> bool {
        self.skus.get(&sku).is_some_and(|of_sku| !of_sku.open.is_empty())
    }

    fn members(&mut self, group: GroupId) -> Arc<[LocationId]> {
        self.members.get(&group).cloned().unwrap_or_default()
    }

    fn used(&self, counted: Counted) -> Used {
        self.used.get(&counted).copied().unwrap_or_default()
    }
}
