//! Who must hear of what: subscriptions by key, and what each has not been told yet.
//!
//! Only the feed's thread puts changes in, round by round, under the one lock of the index; a subscription's own task
//! takes them out, under that subscription's lock alone. Registering takes the lock of the index, so it falls between two
//! rounds: everything after the position at that moment will be heard.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::change::Change;
use super::counters::Counters;
use super::entry::{Entry, Moving, Rests, What};
use super::filter::{CellKey, Cost, Filter, Key, cell_key, keys_of_cell};
use super::reset::Reset;
use crate::ids::{ChannelId, GroupId, LocationId, Name, Seq, SkuId};
use crate::kernel::cell_after::CellAfter;
use crate::rules::Book;
use crate::settings::FeedSettings;
use crate::state::State;
use crate::stock::lens::Lens;

/// Tells a subscriber that there may be something for it.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a subscriber wants of a cell that changes often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The latest value of each changed cell.
    #[default]
    Conflated,
    /// Every event, with all of its cells.
    Lossless,
}

/// A subscription as the feed sees it.
pub(super) struct Sub {
    pub mode: Mode,
    pub wake: Wake,
    /// What its caller has of everything that subscriptions share.
    pub share: Option<Arc<Share>>,
    pub filter: Mutex<Filter>,
    pub pending: Mutex<Pending>,
}

/// What the subscriptions of one caller take together of what all share: keys, and names that nobody declared. It changes
/// under the lock of the index alone.
#[derive(Debug, Default)]
pub struct Share {
    keys: AtomicUsize,
    unknown_bytes: AtomicUsize,
}

/// Keys, and bytes of unknown names, that a caller may have whatever is left.
const KEYS_FLOOR: usize = 64;
const UNKNOWN_BYTES_FLOOR: usize = 16 << 10;

/// What a caller that has `mine` may have in all: as much as it leaves to others of what is free.
fn share_of(mine: usize, free: usize, floor: usize) -> usize {
    (mine.saturating_add(free) / 2).max(floor)
}

/// What a subscription has not been told yet.
#[derive(Default)]
pub(super) struct Pending {
    /// Conflated: what was pending before the round that last put something in, exact at `ready_at`.
    pub ready: FxHashMap<CellKey, Arc<Change>>,
    pub ready_at: Seq,
    /// Conflated: the latest change of each cell.
    pub dirty: FxHashMap<CellKey, Arc<Change>>,
    /// Conflated: what came into the selection (true) or left it (false), and at which record it did last.
    pub moved: BTreeMap<Moving, (Seq, bool)>,
    /// Conflated: the record since which all cells count differently, and why.
    pub recounted: Option<(Seq, Reset)>,
    /// Lossless: what happened, in order.
    pub queue: VecDeque<Step>,
    /// The record of the last thing put in.
    pub last: Seq,
    /// There was more than fits; nothing is put in until the reader starts over.
    pub overrun: bool,
    marked: u64,
}

/// One thing that a lossless subscription hears of.
pub(super) enum Step {
    Changed(Arc<Change>),
    /// Something came into the selection (true) or left it (false).
    Moved(Seq, Moving, bool),
    /// All cells count differently.
    Recounted(Seq, Reset),
}

impl Step {
    pub fn seq(&self) -> Seq {
        match self {
            Self::Changed(change) => change.seq,
            Self::Moved(seq, ..) | Self::Recounted(seq, _) => *seq,
        }
    }
}

impl Sub {
    pub fn lock_filter(&self) -> MutexGuard<'_, Filter> {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lock_pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the index; it is used again when its subscription ends.
pub(super) type Slot = u32;

type Slots = SmallVec<[Slot; 2]>;

/// All subscriptions.
#[derive(Default)]
pub(super) struct Index {
    /// Everything up to this record was put in.
    position: Seq,
    round: u64,
    subs: Vec<Option<Arc<Sub>>>,
    unused: Vec<Slot>,
    conflated: FxHashMap<Key, Slots>,
    lossless: FxHashMap<Key, Slots>,
    /// Names that subscriptions wait for, and those with any.
    waiting: Vec<Slot>,
    /// Subscriptions by the channel that they asked for.
    channels: FxHashMap<Name, Slots>,
    /// Subscriptions that want to be woken once the position is there.
    held: Vec<(Seq, Slot)>,
    /// Group membership as of the position.
    members: FxHashMap<GroupId, Arc<[LocationId]>>,
    groups_of: FxHashMap<LocationId, SmallVec<[GroupId; 4]>>,
    /// What channels leave to others, as of the position.
    buffers: FxHashMap<ChannelId, u32>,
    /// The rules in force, as of the position or later.
    book: Arc<Book>,
    keys: usize,
    unknown_bytes: usize,
    marked: Vec<Slot>,
}

/// What was refused, and by which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// The setting.
    pub limit: &'static str,
    /// Its value.
    pub most: usize,
    /// What there would be.
    pub wanted: usize,
}

impl Index {
    pub fn new(state: &State) -> Self {
        let mut index = Self { position: state.view.seq(), book: state.rules.share_book(), ..Self::default() };
        for group in (0..state.catalogue.groups.count()).map(GroupId) {
            if let Some(details) = state.catalogue.groups.details(group) {
                index.set_members(group, details.details.locations.as_slice().into());
            }
        }
        let channels = (0..state.catalogue.channels.count()).map(ChannelId);
        index.buffers = channels.map(|channel| (channel, state.catalogue.buffer(channel))).collect();
        index
    }

    pub fn position(&self) -> Seq {
        self.position
    }

    pub fn is_empty(&self) -> bool {
        self.subs.len() == self.unused.len()
    }

    pub fn count(&self) -> usize {
        self.subs.len() - self.unused.len()
    }

    pub fn keys(&self) -> usize {
        self.keys
    }

    /// Gives a subscription its slot, if its keys fit. It hears nothing before [`Index::register`].
    pub fn admit(&mut self, sub: &Arc<Sub>, settings: &FeedSettings) -> Result<Slot, Exceeded> {
        let cost = sub.lock_filter().cost();
        self.make_room(sub, Cost::default(), cost, settings)?;
        let slot = self.unused.pop().unwrap_or_else(|| {
            self.subs.push(None);
            self.subs.len() as Slot - 1
        });
        if let Some(place) = self.subs.get_mut(slot as usize) {
            *place = Some(Arc::clone(sub));
        }
        Ok(slot)
    }

    /// Counts anew what a subscription takes, unless that would be too much, or too much for one caller.
    pub fn make_room(&mut self, sub: &Sub, before: Cost, after: Cost, settings: &FeedSettings) -> Result<(), Exceeded> {
        if after.keys > settings.subscription_keys_max {
            let most = settings.subscription_keys_max;
            return Err(Exceeded { limit: "stream.subscription_keys", most, wanted: after.keys });
        }
        let within = |limit: &'static str, most: usize, had: usize, before: usize, after: usize| {
            let wanted = had - before + after;
            if after > before && wanted > most { Err(Exceeded { limit, most, wanted }) } else { Ok(()) }
        };
        within("stream.keys", settings.keys_max, self.keys, before.keys, after.keys)?;
        let most = settings.unknown_bytes_max;
        within("stream.unknown_bytes", most, self.unknown_bytes, before.unknown_bytes, after.unknown_bytes)?;
        if let Some(share) = &sub.share {
            let (keys, bytes) = (share.keys.load(Relaxed), share.unknown_bytes.load(Relaxed));
            let most = match settings.caller_keys_max {
                0 => share_of(keys, settings.keys_max.saturating_sub(self.keys), KEYS_FLOOR),
                most => most,
            };
            within("stream.caller_keys", most, keys, before.keys, after.keys)?;
            let free = settings.unknown_bytes_max.saturating_sub(self.unknown_bytes);
            let most = share_of(bytes, free, UNKNOWN_BYTES_FLOOR);
            within("stream.unknown_bytes", most, bytes, before.unknown_bytes, after.unknown_bytes)?;
        }
        self.count_anew(sub, before, after);
        Ok(())
    }

    /// What a subscription takes is not what it took before.
    fn count_anew(&mut self, sub: &Sub, before: Cost, after: Cost) {
        self.keys = self.keys - before.keys + after.keys;
        self.unknown_bytes = self.unknown_bytes - before.unknown_bytes + after.unknown_bytes;
        if let Some(share) = &sub.share {
            share.keys.store(share.keys.load(Relaxed) - before.keys + after.keys, Relaxed);
            let bytes = share.unknown_bytes.load(Relaxed) - before.unknown_bytes + after.unknown_bytes;
            share.unknown_bytes.store(bytes, Relaxed);
        }
    }

    /// From here on the subscription hears of everything after the position, which it is told.
    pub fn register(&mut self, slot: Slot, state: &State) -> Seq {
        if let Some(sub) = self.sub(slot) {
            let (keys, waits, channel, before, after) = {
                let mut filter = sub.lock_filter();
                let before = filter.cost();
                // Names may have become known since they were looked up.
                filter.resolve(&state.catalogue);
                (filter.keys(), filter.has_unknown(), filter.channel.clone(), before, filter.cost())
            };
            self.count_anew(&sub, before, after);
            *sub.lock_pending() = Pending::default();
            self.add_keys(sub.mode, slot, keys);
            if waits {
                self.waiting.push(slot);
            }
            if let Some(name) = channel {
                self.channels.entry(name).or_default().push(slot);
            }
        }
        self.position
    }

    /// The subscription is over.
    pub fn remove(&mut self, slot: Slot) {
        let Some(sub) = self.subs.get_mut(slot as usize).and_then(Option::take) else { return };
        let (keys, cost, channel) = {
            let filter = sub.lock_filter();
            (filter.keys(), filter.cost(), filter.channel.clone())
        };
        self.remove_keys(sub.mode, slot, keys);
        if let Some(name) = channel
            && let Some(slots) = self.channels.get_mut(&name)
        {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.channels.remove(&name);
            }
        }
        self.waiting.retain(|other| *other != slot);
        self.held.retain(|(_, other)| *other != slot);
        self.count_anew(&sub, cost, Cost::default());
        self.unused.push(slot);
    }

    pub fn add_keys(&mut self, mode: Mode, slot: Slot, keys: Vec<Key>) {
        let index = self.of(mode);
        for key in keys {
            let slots = index.entry(key).or_default();
            debug_assert!(!slots.contains(&slot), "a key is added once");
            slots.push(slot);
        }
    }

    pub fn remove_keys(&mut self, mode: Mode, slot: Slot, keys: Vec<Key>) {
        let index = self.of(mode);
        for key in keys {
            let Some(slots) = index.get_mut(&key) else { continue };
            if let Some(at) = slots.iter().position(|other| *other == slot) {
                slots.swap_remove(at);
            }
            if slots.is_empty() {
                index.remove(&key);
            }
        }
    }

    /// The subscription waits for names.
    pub fn wait_for_names(&mut self, slot: Slot) {
        if !self.waiting.contains(&slot) {
            self.waiting.push(slot);
        }
    }

    /// Wakes the subscription once the position is at `seq`.
    pub fn hold(&mut self, slot: Slot, seq: Seq) {
        if seq > self.position {
            self.held.push((seq, slot));
        } else if let Some(sub) = self.sub(slot) {
            (sub.wake)();
        }
    }

    /// Groups of a location, as of the position.
    pub fn groups_of(&self, location: LocationId) -> &[GroupId] {
        self.groups_of.get(&location).map_or(&[], SmallVec::as_slice)
    }

    /// The locations that `filter` selects, as of the position; `None` where it selects any.
    pub fn places(&self, filter: &Filter) -> Option<FxHashSet<LocationId>> {
        if filter.anywhere() {
            return None;
        }
        let members = filter.groups.ids.iter().filter_map(|group| self.members.get(group));
        Some(filter.locations.ids.iter().chain(members.flat_map(|members| members.iter())).copied().collect())
    }

    /// How `filter`'s channel sees cells: its buffer as of the position, under the rules of now. Should those be newer
    /// than the position, all cells are told again when it comes to them.
    pub fn lens(&self, state: &State, filter: &Filter) -> Lens {
        let channel = filter.channel(&state.catalogue);
        let buffer = channel.and_then(|channel| self.buffers.get(&channel)).copied().unwrap_or(0);
        Lens::new(state.rules.share_book(), channel, buffer)
    }

    fn of(&mut self, mode: Mode) -> &mut FxHashMap<Key, Slots> {
        match mode {
            Mode::Conflated => &mut self.conflated,
            Mode::Lossless => &mut self.lossless,
        }
    }

    fn sub(&self, slot: Slot) -> Option<Arc<Sub>> {
        self.subs.get(slot as usize).and_then(Clone::clone)
    }

    fn set_members(&mut self, group: GroupId, members: Arc<[LocationId]>) {
        for gone in self.members.insert(group, Arc::clone(&members)).iter().flat_map(|before| before.iter()) {
            if let Some(groups) = self.groups_of.get_mut(gone) {
                groups.retain(|other| *other != group);
            }
        }
        for location in members.iter() {
            self.groups_of.entry(*location).or_default().push(group);
        }
    }

    /// Puts in `entries`, after which everything up to `last` is in, and wakes whoever was told something.
    pub fn round(&mut self, state: &State, entries: &[Entry], last: Seq, shared: &Shared<'_>) {
        self.round += 1;
        if self.is_empty() {
            for entry in entries {
                self.restructure(state, entry, shared);
            }
        } else {
            let mut cells = Vec::new();
            for entry in entries {
                match &entry.what {
                    What::Cell(cell) => cells.push((entry.seq, *cell)),
                    What::Names
                    | What::Group(..)
                    | What::Channel(..)
                    | What::Rules(_)
                    | What::Stands(..)
                    | What::Declared(_) => {
                        // What came before this entry is matched as things stood before it.
                        self.match_cells(&cells, shared);
                        cells.clear();
                        self.restructure(state, entry, shared);
                    }
                }
            }
            self.match_cells(&cells, shared);
        }
        self.position = last;
        // Release: whoever sees this position finds everything up to it in what is pending.
        shared.position.store(last, Release);
        let held = &mut self.held;
        let due: Slots = held.extract_if(.., |(seq, _)| *seq <= last).map(|(_, slot)| slot).collect();
        for slot in self.marked.drain(..).chain(due) {
            if let Some(Some(sub)) = self.subs.get(slot as usize) {
                (sub.wake)();
            }
        }
    }

    fn match_cells(&mut self, cells: &[(Seq, CellAfter)], shared: &Shared<'_>) {
        if !self.lossless.is_empty() {
            for (seq, cell) in cells {
                self.match_lossless(*seq, cell, shared);
            }
        }
        if !self.conflated.is_empty() {
            // Of several changes of a cell in one round, only the last is told.
            let mut latest = FxHashMap::default();
            for (at, (_, cell)) in cells.iter().enumerate() {
                latest.insert(cell_key(cell.sku, cell.location), at);
            }
            for (at, (seq, cell)) in cells.iter().enumerate() {
                if latest.get(&cell_key(cell.sku, cell.location)) == Some(&at) {
                    self.match_conflated(*seq, cell, shared);
                }
            }
        }
    }

    fn match_conflated(&mut self, seq: Seq, cell: &CellAfter, shared: &Shared<'_>) {
        let Self { conflated, subs, groups_of, marked, round, position, .. } = self;
        let groups = groups_of.get(&cell.location).map_or(&[][..], SmallVec::as_slice);
        let mut change = None;
        let mut replaced = 0;
        for key in keys_of_cell(cell.sku, cell.location, groups) {
            for slot in conflated.get(&key).into_iter().flatten() {
                let Some(Some(sub)) = subs.get(*slot as usize) else { continue };
                let change = change.get_or_insert_with(|| Arc::new(Change::new(seq, *cell)));
                let mut pending = sub.lock_pending();
                if pending.overrun {
                    continue;
                }
                pending.settle(*position, *round);
                let before = pending.dirty.insert(cell_key(cell.sku, cell.location), Arc::clone(change));
                match before {
                    Some(before) if before.seq < seq => replaced += 1,
                    Some(_) => {}
                    None if pending.ready.len() + pending.dirty.len() > shared.settings.dirty_cells_max => {
                        pending.ready = FxHashMap::default();
                        pending.dirty = FxHashMap::default();
                        pending.overrun = true;
                        shared.counters.overruns.fetch_add(1, Relaxed);
                    }
                    None => {}
                }
                pending.mark(seq, *slot, *round, marked);
            }
        }
        if change.is_some() {
            shared.counters.matched.fetch_add(1, Relaxed);
            shared.counters.conflated.fetch_add(replaced, Relaxed);
        }
    }

    fn match_lossless(&mut self, seq: Seq, cell: &CellAfter, shared: &Shared<'_>) {
        let Self { lossless, subs, groups_of, marked, round, .. } = self;
        let groups = groups_of.get(&cell.location).map_or(&[][..], SmallVec::as_slice);
        let mut change = None;
        for key in keys_of_cell(cell.sku, cell.location, groups) {
            for slot in lossless.get(&key).into_iter().flatten() {
                let Some(Some(sub)) = subs.get(*slot as usize) else { continue };
                let change = change.get_or_insert_with(|| Arc::new(Change::new(seq, *cell)));
                let mut pending = sub.lock_pending();
                // Found under two keys, it is the same change still.
                let again = matches!(pending.queue.back(), Some(Step::Changed(last)) if Arc::ptr_eq(last, change));
                if pending.overrun || again {
                    continue;
                }
                pending.push(Step::Changed(Arc::clone(change)), shared);
                pending.mark(seq, *slot, *round, marked);
            }
        }
        if change.is_some() {
            shared.counters.matched.fetch_add(1, Relaxed);
        }
    }

    /// Names became known, a group or a channel changed: rare, and may go over all subscriptions.
    fn restructure(&mut self, state: &State, entry: &Entry, shared: &Shared<'_>) {
        match &entry.what {
            What::Cell(_) => {}
            What::Names => self.resolve_names(state),
            What::Group(group, members) => self.regroup(entry.seq, *group, members, shared),
            What::Stands(moving, joins) => self.restand(entry.seq, moving, *joins, shared),
            What::Declared(locations) if state.catalogue.has_uncounted() => {
                self.redeclare(state, entry.seq, locations, shared);
            }
            What::Declared(_) => {}
            What::Channel(channel, buffer) => {
                let before = self.buffers.insert(*channel, *buffer).unwrap_or(0);
                let asked = self.channels.get(state.catalogue.channels.name(*channel));
                let asked: Vec<Slot> = asked.into_iter().flatten().filter(|_| before != *buffer).copied().collect();
                self.recount(entry.seq, Reset::BufferChanged, asked.into_iter(), shared);
            }
            What::Rules(rests) => {
                let before = std::mem::replace(&mut self.book, state.rules.share_book());
                let described_anew = matches!(rests, Rests::Skus) && self.book.looks_at_traits();
                // Rules that came and went since the last look count as well: somebody may have read under them.
                if described_anew || self.book.has_turned_since(&before) {
                    // The book may be newer than the entry: whoever knows its cells from before it must read again.
                    let seq = entry.seq.max(self.book.seq());
                    let all = 0..self.subs.len() as Slot;
                    self.recount(seq, Reset::RulesChanged, all, shared);
                }
            }
        }
    }

    /// All cells of some subscriptions count differently.
    fn recount(&mut self, seq: Seq, reason: Reset, slots: impl Iterator<Item = Slot>, shared: &Shared<'_>) {
        for slot in slots {
            let Some(Some(sub)) = self.subs.get(slot as usize) else { continue };
            let mut pending = sub.lock_pending();
            match sub.mode {
                // One that is known from a later record on stays.
                Mode::Conflated => {
                    pending.recounted = pending.recounted.filter(|(of, _)| *of > seq).or(Some((seq, reason)))
                }
                Mode::Lossless => pending.push(Step::Recounted(seq, reason), shared),
            }
            pending.mark(seq, slot, self.round, &mut self.marked);
        }
    }

    fn resolve_names(&mut self, state: &State) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|slot| self.resolve(*slot, state));
        self.waiting = waiting;
    }

    /// Looks up a registered subscription's unknown names again; whether any are left.
    pub fn resolve(&mut self, slot: Slot, state: &State) -> bool {
        let Some(sub) = self.sub(slot) else { return false };
        let (keys, waits, before, after) = {
            let mut filter = sub.lock_filter();
            let before = filter.cost();
            (filter.resolve(&state.catalogue), filter.has_unknown(), before, filter.cost())
        };
        self.count_anew(&sub, before, after);
        self.add_keys(sub.mode, slot, keys);
        waits
    }

    /// Names were retired, or came back: their cells leave every selection that they are in, or come into it.
    fn restand(&mut self, seq: Seq, moving: &[Moving], joins: bool, shared: &Shared<'_>) {
        for (slot, sub) in (0..).zip(&self.subs) {
            let Some(sub) = sub else { continue };
            let filter = sub.lock_filter();
            let mut pending = sub.lock_pending();
            for moving in moving {
                let is_selected = match moving {
                    Moving::Location(location) => filter.has_place(*location, self.groups_of(*location)),
                    Moving::Sku(sku) | Moving::Counting(sku) => filter.has_sku(*sku),
                };
                if !is_selected {
                    continue;
                }
                match sub.mode {
                    Mode::Conflated => drop(pending.moved.insert(*moving, (seq, joins))),
                    Mode::Lossless => pending.push(Step::Moved(seq, *moving, joins), shared),
                }
                pending.mark(seq, slot, self.round, &mut self.marked);
            }
        }
    }

    /// What nobody counts may be had at more locations: whoever names it, and one of them, is told of it anew.
    fn redeclare(&mut self, state: &State, seq: Seq, locations: &[LocationId], shared: &Shared<'_>) {
        for (slot, sub) in (0..).zip(&self.subs) {
            let Some(sub) = sub else { continue };
            let filter = sub.lock_filter();
            let uncounted: Vec<SkuId> = filter.uncounted(&state.catalogue).collect();
            let has_place = |at: &LocationId| filter.has_place(*at, self.groups_of(*at));
            if uncounted.is_empty() || !locations.iter().any(has_place) {
                continue;
            }
            let mut pending = sub.lock_pending();
            for sku in uncounted {
                let moving = Moving::Counting(sku);
                match sub.mode {
                    Mode::Conflated => drop(pending.moved.insert(moving, (seq, true))),
                    Mode::Lossless => pending.push(Step::Moved(seq, moving, true), shared),
                }
            }
            pending.mark(seq, slot, self.round, &mut self.marked);
        }
    }

    fn regroup(&mut self, seq: Seq, group: GroupId, members: &Arc<[LocationId]>, shared: &Shared<'_>) {
        let before = self.members.get(&group).cloned().unwrap_or_default();
        let left = before.iter().filter(|location| members.binary_search(location).is_err());
        let joined = members.iter().filter(|location| before.binary_search(location).is_err());
        let moved: Vec<(LocationId, bool)> =
            left.map(|location| (*location, false)).chain(joined.map(|location| (*location, true))).collect();
        let groups_before: Vec<_> = moved.iter().map(|(location, _)| self.groups_of(*location).to_vec()).collect();
        self.set_members(group, Arc::clone(members));
        for (slot, sub) in (0..).zip(&self.subs) {
            let Some(sub) = sub else { continue };
            let filter = sub.lock_filter();
            if !filter.groups.ids.contains(&group) {
                continue;
            }
            let mut pending = sub.lock_pending();
            for ((location, joins), groups_before) in moved.iter().zip(&groups_before) {
                // Selected by its own name or by another group, it neither comes nor goes.
                let had = filter.has_place(*location, groups_before);
                let has = filter.has_place(*location, self.groups_of(*location));
                if had == has {
                    continue;
                }
                match sub.mode {
                    Mode::Conflated => drop(pending.moved.insert(Moving::Location(*location), (seq, *joins))),
                    Mode::Lossless => pending.push(Step::Moved(seq, Moving::Location(*location), *joins), shared),
                }
                pending.mark(seq, slot, self.round, &mut self.marked);
            }
        }
    }
}

/// What a round needs from the feed.
pub(super) struct Shared<'a> {
    pub position: &'a AtomicU64,
    pub settings: &'a FeedSettings,
    pub counters: &'a Counters,
}

impl Pending {
    /// Conflated: before the first thing of a round is put in, what is there is known to be all up to `position`.
    fn settle(&mut self, position: Seq, round: u64) {
        if self.marked == round {
            return;
        }
        let dirty = std::mem::take(&mut self.dirty);
        if self.ready.is_empty() {
            self.ready = dirty;
        } else {
            self.ready.extend(dirty);
        }
        self.ready_at = position;
    }

    /// Lossless: one more thing to tell, unless there are too many.
    fn push(&mut self, step: Step, shared: &Shared<'_>) {
        if self.overrun {
            return;
        }
        if self.queue.len() >= shared.settings.lossless_changes_max {
            self.queue = VecDeque::new();
            self.overrun = true;
            shared.counters.overruns.fetch_add(1, Relaxed);
        } else {
            self.queue.push_back(step);
        }
    }

    fn mark(&mut self, seq: Seq, slot: Slot, round: u64, marked: &mut Vec<Slot>) {
        self.last = seq;
        if self.marked != round {
            self.marked = round;
            marked.push(slot);
        }
    }
}

/// Of several cells of one event, the last word on each; in the order of those last words.
pub(super) fn last_words(changes: Vec<Arc<Change>>) -> Vec<Arc<Change>> {
    let key = |change: &Change| (change.cell.sku, change.cell.location);
    if changes.len() < 2 {
        return changes;
    }
    let mut latest: FxHashMap<(SkuId, LocationId), usize> = FxHashMap::default();
    for (at, change) in changes.iter().enumerate() {
        latest.insert(key(change), at);
    }
    let mut at = 0..;
    changes.into_iter().filter(|change| latest.get(&key(change)).copied() == at.next()).collect()
}
