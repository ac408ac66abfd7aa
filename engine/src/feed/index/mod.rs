//! The index: subscriptions by key, and the pending changes of each.
//!
//! Only the feed's thread adds changes, round by round, under the single lock of the index; a subscription's own task
//! removes them, under that subscription's lock alone. Registering takes the lock of the index, so it happens between
//! two rounds: the subscription receives everything after the position of that moment.

mod matching;
mod pending;
mod structure;
mod sub;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::feed::filter::{Cost, Filter, Key};
use crate::ids::{ChannelId, GroupId, LocationId, Name, Seq};
use crate::rules::Book;
use crate::settings::FeedSettings;
use crate::state::DurableState;
use crate::stock::lens::Lens;
use sub::{KEYS_FLOOR, UNKNOWN_BYTES_FLOOR, share_of};

pub(super) use pending::{Pending, Shared, Slot, Step, last_words};
pub(super) use sub::Sub;
pub use sub::{Exceeded, Mode, Share, Wake};

type Slots = SmallVec<[Slot; 2]>;

/// All subscriptions.
#[derive(Default)]
pub(super) struct Index {
    /// Everything up to this record was added.
    position: Seq,
    round: u64,
    subs: Vec<Option<Arc<Sub>>>,
    unused: Vec<Slot>,
    conflated: FxHashMap<Key, Slots>,
    lossless: FxHashMap<Key, Slots>,
    /// Subscriptions that wait for unknown names.
    waiting: Vec<Slot>,
    /// Subscriptions by their requested channel.
    channels: FxHashMap<Name, Slots>,
    /// Subscriptions to wake when the position reaches a `seq`.
    held: Vec<(Seq, Slot)>,
    /// Group membership at the position.
    members: FxHashMap<GroupId, Arc<[LocationId]>>,
    groups_of: FxHashMap<LocationId, SmallVec<[GroupId; 4]>>,
    /// Buffers of channels at the position.
    buffers: FxHashMap<ChannelId, u32>,
    /// The rules in force at the position or later.
    book: Arc<Book>,
    keys: usize,
    unknown_bytes: usize,
    marked: Vec<Slot>,
}

impl Index {
    pub fn new(state: &DurableState) -> Self {
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

    /// Gives a subscription its slot, if its keys fit. It receives nothing before [`Index::register`].
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

    /// Updates the resources of a subscription, unless the total or the caller's share would be exceeded.
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

    /// Replaces the counted resources of a subscription.
    fn count_anew(&mut self, sub: &Sub, before: Cost, after: Cost) {
        self.keys = self.keys - before.keys + after.keys;
        self.unknown_bytes = self.unknown_bytes - before.unknown_bytes + after.unknown_bytes;
        if let Some(share) = &sub.share {
            share.keys.store(share.keys.load(Relaxed) - before.keys + after.keys, Relaxed);
            let bytes = share.unknown_bytes.load(Relaxed) - before.unknown_bytes + after.unknown_bytes;
            share.unknown_bytes.store(bytes, Relaxed);
        }
    }

    /// Registers a subscription: it receives everything after the returned position.
    pub fn register(&mut self, slot: Slot, state: &DurableState) -> Seq {
        if let Some(sub) = self.sub(slot) {
            let (keys, waits, channel, before, after) = {
                let mut filter = sub.lock_filter();
                let before = filter.cost();
                // Names may have become known since their lookup.
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

    /// Removes a subscription.
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

    /// Adds the subscription to those that wait for names.
    pub fn wait_for_names(&mut self, slot: Slot) {
        if !self.waiting.contains(&slot) {
            self.waiting.push(slot);
        }
    }

    /// Wakes the subscription when the position reaches `seq`.
    pub fn hold(&mut self, slot: Slot, seq: Seq) {
        if seq > self.position {
            self.held.push((seq, slot));
        } else if let Some(sub) = self.sub(slot) {
            (sub.wake)();
        }
    }

    /// The groups of a location at the position.
    pub fn groups_of(&self, location: LocationId) -> &[GroupId] {
        self.groups_of.get(&location).map_or(&[], SmallVec::as_slice)
    }

    /// The locations that `filter` selects at the position; `None` if it selects any location.
    pub fn places(&self, filter: &Filter) -> Option<FxHashSet<LocationId>> {
        if filter.anywhere() {
            return None;
        }
        let members = filter.groups.ids.iter().filter_map(|group| self.members.get(group));
        Some(filter.locations.ids.iter().chain(members.flat_map(|members| members.iter())).copied().collect())
    }

    /// The lens of `filter`'s channel: its buffer at the position, under the current rules. If the rules are newer
    /// than the position, all cells are sent again when the position reaches them.
    pub fn lens(&self, state: &DurableState, filter: &Filter) -> Lens {
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
}
