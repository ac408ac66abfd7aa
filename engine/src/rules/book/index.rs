//! The book: the indexes of its rules.

use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::compiled::Compiled;
use super::whole::{Room, WholeRows};
use crate::catalogue::{Catalogue, LocationKind, SkuDetails};
use crate::ids::{ChannelId, GroupId, LocationId, Seq, SkuId, Timestamp};
use crate::matrix::Arena;
use crate::rules::limits::{Limits, Rank};
use crate::rules::rule::{Effect, Kind};
use crate::rules::standing::StandingRule;
use crate::supply::Allowance;

/// Ranks, ascending.
type Ranks = Box<[Rank]>;

/// The rules in force.
#[derive(Debug)]
pub struct Book {
    /// The record since which the book is in force.
    pub(super) seq: Seq,
    /// How often the results of cells changed up to this book.
    pub(super) turns: u64,
    pub(super) rules: Vec<Arc<StandingRule>>,
    pub(super) compiled: Vec<Compiled>,
    pub(super) by_sku: FxHashMap<SkuId, Vec<Rank>>,
    pub(super) by_category: FxHashMap<String, Vec<Rank>>,
    pub(super) by_attribute: FxHashMap<(String, String), Vec<Rank>>,
    /// The column of each channel that a rule names; 0, for no particular channel, for all others.
    pub(super) columns: Vec<u16>,
    pub(super) column_count: usize,
    /// The best rules without SKUs and places, by column.
    pub(super) everywhere: Box<[Limits]>,
    /// The class of each known location.
    pub(super) place_class: Vec<u32>,
    /// The class of an unknown location.
    pub(super) other_place_class: u32,
    /// The best rules that name only places: by column, then by class, as a reader of a SKU's cells needs them for one
    /// channel.
    pub(super) by_place: Vec<Limits>,
    pub(super) place_classes: usize,
    /// For each rule, one bit per class of places: whether the rule's places include it.
    pub(super) at_place: Vec<Bits>,
    /// The class of each SKU, plus one; 0 if it is not computed yet.
    pub(super) sku_class: Arena<AtomicU32, 14, 13>,
    pub(super) sku_classes: Arena<OnceLock<SkuClass>, 12, 13>,
    pub(super) interned: Mutex<FxHashMap<Ranks, u32>>,
    pub(super) quotas: Vec<Rank>,
    /// Rules of kinds that are not hot and do not name SKUs; others are found by the SKU's class.
    pub(super) cold: Ranks,
    /// The kinds of rules in force that are not hot.
    pub(super) cold_kinds: Vec<Kind>,
    pub(super) looks_at_traits: bool,
    pub(super) has_bands: bool,
    /// For complete rows.
    pub(super) room: Room,
}

/// The common part of the SKUs of one class.
#[derive(Debug)]
pub(super) struct SkuClass {
    pub(super) ranks: Ranks,
    /// The best rules that name only SKUs, by column.
    pub(super) best: Box<[Limits]>,
    /// Rules that name SKUs and places, and compete.
    pub(super) both: SmallVec<[Rank; 4]>,
    pub(super) whole: WholeRows,
}

/// One bit per class of places; `None` if a rule names no places.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Bits(Box<[u64]>);

impl Bits {
    fn set(&mut self, class: usize, classes: usize) {
        if self.0.is_empty() {
            self.0 = vec![0; classes.div_ceil(64)].into();
        }
        if let Some(word) = self.0.get_mut(class / 64) {
            *word |= 1 << (class % 64);
        }
    }

    #[inline]
    fn has(&self, class: usize) -> bool {
        self.0.get(class / 64).is_some_and(|word| word & (1 << (class % 64)) != 0)
    }
}

impl Default for Book {
    fn default() -> Self {
        Self::compile(0, &[], &Catalogue::default())
    }
}

impl Book {
    /// Compiles the rules of `standing` that are in force at `seq`.
    pub fn compile(seq: Seq, standing: &[Arc<StandingRule>], catalogue: &Catalogue) -> Self {
        let mut rules: Vec<_> = standing.iter().filter(|rule| rule.in_force).cloned().collect();
        rules.sort_by_cached_key(|standing| {
            let (conditions, ends, _) = standing.rule.rank(&standing.name);
            (conditions, ends, standing.name.clone())
        });
        let compiled: Vec<_> = (0..).zip(&rules).map(|(rank, standing)| Compiled::of(rank, standing)).collect();
        let quotas = (0..).zip(&compiled).filter(|(_, rule)| rule.kind == Kind::Quota).map(|(rank, _)| rank);
        let quotas = quotas.collect();
        let cold: Vec<_> = (0..).zip(&compiled).filter(|(_, rule)| !rule.kind.is_hot()).collect();
        let mut cold_kinds: Vec<_> = cold.iter().map(|(_, rule)| rule.kind).collect();
        cold_kinds.sort_unstable();
        cold_kinds.dedup();
        let cold = cold.into_iter().filter(|(_, rule)| !rule.names_skus).map(|(rank, _)| rank).collect();
        let looks_at_traits = rules.iter().any(|standing| {
            let conditions = &standing.rule.conditions;
            !(conditions.categories.is_empty() && conditions.attributes.is_empty())
        });
        let mut book = Self {
            seq,
            turns: 0,
            by_sku: FxHashMap::default(),
            by_category: FxHashMap::default(),
            by_attribute: FxHashMap::default(),
            columns: Vec::new(),
            column_count: 1,
            everywhere: Box::default(),
            place_class: Vec::new(),
            other_place_class: 0,
            by_place: Vec::new(),
            place_classes: 0,
            at_place: Vec::new(),
            sku_class: Arena::new(),
            sku_classes: Arena::new(),
            interned: Mutex::default(),
            quotas,
            cold,
            cold_kinds,
            looks_at_traits,
            room: Room::default(),
            has_bands: compiled.iter().any(|rule| rule.kind == Kind::Band),
            compiled,
            rules,
        };
        if !book.rules.is_empty() {
            book.name_columns();
            let (places, everywhere) = book.index();
            book.everywhere = book.best_of(&everywhere).into();
            book.classify_places(&places, catalogue);
        }
        book
    }

    /// Whether no rule is in force.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The record since which the book is in force.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The same as the successor of `before`.
    pub fn succeed(mut self, before: &Self) -> Self {
        self.turns = before.turns + u64::from(!self.counts_like(before));
        self
    }

    /// Whether results of cells changed since `other`, even if they are the same again.
    pub fn has_turned_since(&self, other: &Self) -> bool {
        self.turns != other.turns
    }

    /// Whether every cell has the same result as under `other`, as far as rules and places matter.
    pub(in crate::rules) fn counts_like(&self, other: &Self) -> bool {
        self.rules == other.rules
            && (self.other_place_class, &self.place_class) == (other.other_place_class, &other.place_class)
            && self.at_place == other.at_place
    }

    #[inline]
    pub(super) fn class(&self, catalogue: &Catalogue, sku: SkuId) -> &SkuClass {
        // Acquire: pairs with the Release below and in `reclassify`; the class was written before its number.
        let known = self.sku_class.get(sku.0 as usize).map_or(0, |class| class.load(Acquire));
        let class = if known > 0 { known - 1 } else { self.classify(catalogue, sku) };
        let class = self.sku_classes.get(class as usize).and_then(OnceLock::get);
        class.expect("a class is written before its number is")
    }

    #[inline]
    pub(super) fn place_of(&self, location: LocationId) -> usize {
        self.place_class.get(location.0 as usize).copied().unwrap_or(self.other_place_class) as usize
    }

    /// The best rules that name only places, by class.
    #[inline]
    pub(super) fn places_in(&self, column: usize) -> &[Limits] {
        self.by_place.get(column * self.place_classes..(column + 1) * self.place_classes).unwrap_or(&[])
    }

    /// Whether any rule depends on categories or attributes, so that new details of a SKU may change its result.
    pub fn looks_at_traits(&self) -> bool {
        self.looks_at_traits
    }

    /// Whether any band is in force.
    pub fn has_bands(&self) -> bool {
        self.has_bands
    }

    /// Whether any quota is in force.
    #[inline]
    pub fn has_quotas(&self) -> bool {
        !self.quotas.is_empty()
    }

    /// All quotas in force.
    pub fn all_quotas(&self) -> impl Iterator<Item = &Arc<StandingRule>> {
        self.quotas.iter().filter_map(|rank| self.rules.get(*rank as usize))
    }

    /// The quotas that apply to the cell of `sku` at `location`, whatever the channel.
    pub fn quotas(&self, catalogue: &Catalogue, sku: SkuId, location: LocationId) -> Vec<&Arc<StandingRule>> {
        // Untracked units never run out, so no quota keeps them.
        if !self.has_quotas() || !catalogue.is_tracked(sku) {
            return Vec::new();
        }
        let (class, place) = (self.class(catalogue, sku), self.place_of(location));
        let holds = |rank: &&Rank| {
            self.compiled.get(**rank as usize).is_some_and(|rule| {
                (!rule.names_skus || class.ranks.binary_search(rank).is_ok())
                    && (!rule.names_places || self.is_at(**rank, place))
            })
        };
        self.quotas.iter().filter(holds).filter_map(|rank| self.rules.get(*rank as usize)).collect()
    }

    /// Whether any rule of a kind is in force.
    #[inline]
    pub fn has(&self, kind: Kind) -> bool {
        self.cold_kinds.contains(&kind)
    }

    /// The first rule of a kind that is not hot, for `channel` in the cell of `sku` at `location`.
    pub fn first(
        &self,
        kind: Kind,
        catalogue: &Catalogue,
        sku: SkuId,
        location: LocationId,
        channel: Option<ChannelId>,
    ) -> Option<&Arc<StandingRule>> {
        if !self.has(kind) {
            return None;
        }
        let class = self.class(catalogue, sku);
        let first = [&class.ranks, &self.cold].map(|ranks| self.first_of(kind, ranks, location, channel));
        first.into_iter().flatten().min().and_then(|rank| self.rules.get(rank as usize))
    }

    /// The first rule of a kind that names only places and channels.
    pub fn first_at(&self, kind: Kind, location: LocationId, channel: Option<ChannelId>) -> Option<&Arc<StandingRule>> {
        let first = self.first_of(kind, &self.cold, location, channel);
        first.and_then(|rank| self.rules.get(rank as usize))
    }

    /// The first rule of a kind among `ranks` that applies at `location` for `channel`.
    fn first_of(&self, kind: Kind, ranks: &[Rank], location: LocationId, channel: Option<ChannelId>) -> Option<Rank> {
        let place = self.place_of(location);
        let holds = |rank: &Rank| {
            self.compiled
                .get(*rank as usize)
                .is_some_and(|rule| rule.kind == kind && (!rule.names_places || self.is_at(*rank, place)))
                && self.rules.get(*rank as usize).is_some_and(|rule| rule.rule.conditions.hold_for_channel(channel))
        };
        ranks.iter().copied().find(holds)
    }

    /// Units that may be promised to `channel` at `now` in a cell beyond units on hand and known inbound supply.
    pub fn allowances(
        &self,
        catalogue: &Catalogue,
        sku: SkuId,
        location: LocationId,
        channel: Option<ChannelId>,
        now: Timestamp,
    ) -> SmallVec<[Allowance; 2]> {
        let rules = [Kind::Backorder, Kind::Preorder].map(|kind| self.first(kind, catalogue, sku, location, channel));
        let allowance = |standing: &Arc<StandingRule>| match standing.rule.effect {
            Effect::Backorder { units, lead_days } => {
                let date = now.plus_seconds(u64::from(lead_days) * 86_400);
                Some(Allowance { rule: standing.id, units, date, is_preorder: false })
            }
            // Once sales have begun, missing units are backorders.
            Effect::Preorder { units, available_at } if available_at > now => {
                Some(Allowance { rule: standing.id, units, date: available_at, is_preorder: true })
            }
            _ => None,
        };
        rules.into_iter().flatten().filter_map(allowance).collect()
    }

    /// Whether the places of a rule in force include those of a location, for many locations.
    pub fn places_of<'a>(&'a self, standing: &StandingRule) -> impl Fn(LocationId) -> bool + 'a {
        let rank = self.rules.iter().position(|rule| rule.id == standing.id).unwrap_or(usize::MAX);
        let anywhere = !standing.rule.conditions.name_places();
        move |location| anywhere || self.is_at(rank as Rank, self.place_of(location))
    }

    #[inline]
    pub(super) fn is_at(&self, rank: Rank, place: usize) -> bool {
        self.at_place.get(rank as usize).is_some_and(|places| places.has(place))
    }

    /// A SKU has new details: its class is computed again. Journal thread only, inside the fold of the details.
    pub(crate) fn reclassify(&self, sku: SkuId, details: &SkuDetails) {
        if !self.looks_at_traits {
            return;
        }
        let class = self.intern_sku_class(self.ranks_of_sku(sku, Some(details)));
        // Release: the class is written. A reader that found 0 here and used the old details finds this instead.
        self.sku_class.reach(sku.0 as usize).store(class + 1, Release);
    }

    /// Assigns a column to every channel that a rule names.
    fn name_columns(&mut self) {
        let mut named: Vec<_> =
            self.rules.iter().flat_map(|rule| rule.rule.conditions.channels.iter().copied()).collect();
        named.sort_unstable();
        named.dedup();
        self.column_count = named.len() + 1;
        self.columns = vec![0; named.last().map_or(0, |last| last.0 as usize + 1)];
        for (column, channel) in (1..).zip(named) {
            if let Some(place) = self.columns.get_mut(channel.0 as usize) {
                *place = column;
            }
        }
    }

    /// The first rule of each kind among `ranks`, by column.
    fn best_of(&self, ranks: &[Rank]) -> Vec<Limits> {
        let mut best = vec![Limits::NONE; self.column_count];
        for rank in ranks {
            let (rule, standing) = (self.compiled.get(*rank as usize), self.rules.get(*rank as usize));
            let Some((rule, standing)) = rule.zip(standing) else { continue };
            let channels = &standing.rule.conditions.channels;
            if channels.is_empty() {
                best.iter_mut().for_each(|column| *column = column.first(rule.limits));
            }
            for column in channels.iter().filter_map(|channel| self.columns.get(channel.0 as usize)) {
                if let Some(column) = best.get_mut(usize::from(*column)) {
                    *column = column.first(rule.limits);
                }
            }
        }
        best
    }

    /// Indexes every rule by what it names; the places are needed only while locations are classified.
    fn index(&mut self) -> (KnownLocations, Vec<Rank>) {
        let (mut places, mut everywhere) = (KnownLocations::default(), Vec::new());
        for (rank, standing) in (0..).zip(&self.rules) {
            let conditions = &standing.rule.conditions;
            if !conditions.name_skus() && !conditions.name_places() {
                everywhere.push(rank);
            }
            // One of the dimensions that it names is sufficient: the others are checked when the rule is found there.
            if !conditions.skus.is_empty() {
                conditions.skus.iter().for_each(|sku| self.by_sku.entry(*sku).or_default().push(rank));
            } else if !conditions.categories.is_empty() {
                let by = &mut self.by_category;
                conditions.categories.iter().for_each(|name| by.entry(name.clone()).or_default().push(rank));
            } else {
                let by = &mut self.by_attribute;
                conditions.attributes.iter().for_each(|pair| by.entry(pair.clone()).or_default().push(rank));
            }
            if !conditions.locations.is_empty() {
                conditions.locations.iter().for_each(|place| places.by_location.entry(*place).or_default().push(rank));
            } else if !conditions.groups.is_empty() {
                conditions.groups.iter().for_each(|group| places.by_group.entry(*group).or_default().push(rank));
            } else {
                let by = &mut places.by_kind;
                conditions.kinds.iter().for_each(|kind| by.entry(*kind as u8).or_default().push(rank));
            }
        }
        (places, everywhere)
    }

    fn classify_places(&mut self, places: &KnownLocations, catalogue: &Catalogue) {
        let ranks = |location: LocationId, kind: LocationKind, groups: &[GroupId]| {
            let listed = places.by_location.get(&location).into_iter();
            let listed = listed.chain(groups.iter().filter_map(|group| places.by_group.get(group)));
            let listed = listed.chain(places.by_kind.get(&(kind as u8))).flatten();
            let holds = |rank: &Rank| {
                let standing = self.rules.get(*rank as usize);
                standing.is_some_and(|standing| standing.rule.conditions.hold_for_place(location, kind, groups))
            };
            sorted(listed.copied().filter(holds).collect())
        };
        let mut classes: FxHashMap<Ranks, u32> = FxHashMap::default();
        let mut all: Vec<Ranks> = Vec::new();
        let mut class_of = |ranks: Ranks| {
            *classes.entry(ranks).or_insert_with_key(|ranks| {
                all.push(ranks.clone());
                all.len() as u32 - 1
            })
        };
        let locations = (0..catalogue.locations.count()).map(LocationId);
        let place_class = locations.map(|location| {
            let kind = catalogue.locations.details(location).map(|set| set.details.kind).unwrap_or_default();
            class_of(ranks(location, kind, &catalogue.groups_of(location)))
        });
        let place_class = place_class.collect();
        let other = class_of(ranks(LocationId(u32::MAX), LocationKind::default(), &[]));
        let places_only = |ranks: &Ranks| -> Vec<Rank> {
            let names_skus = |rank: &Rank| self.compiled.get(*rank as usize).is_some_and(|rule| rule.names_skus);
            ranks.iter().copied().filter(|rank| !names_skus(rank)).collect()
        };
        let by_class: Vec<_> = all.iter().map(|ranks| self.best_of(&places_only(ranks))).collect();
        let columns = 0..self.column_count;
        let by_place = columns.flat_map(|column| by_class.iter().filter_map(move |best| best.get(column).copied()));
        let by_place = by_place.collect();
        let mut at_place: Vec<Bits> = self.rules.iter().map(|_| Bits::default()).collect();
        for (class, ranks) in all.iter().enumerate() {
            for rank in ranks {
                if let Some(places) = at_place.get_mut(*rank as usize) {
                    places.set(class, all.len());
                }
            }
        }
        (self.place_class, self.other_place_class) = (place_class, other);
        (self.by_place, self.at_place, self.place_classes) = (by_place, at_place, all.len());
    }

    /// Computes the class of a SKU on first use.
    #[cold]
    fn classify(&self, catalogue: &Catalogue, sku: SkuId) -> u32 {
        let word = self.sku_class.reach(sku.0 as usize);
        let details = catalogue.skus.details(sku);
        let class = self.intern_sku_class(self.ranks_of_sku(sku, details.as_deref().map(|set| &set.details)));
        // Release: the class is written. If newer details have reclassified it meanwhile, that result stays.
        match word.compare_exchange(0, class + 1, Release, Acquire) {
            Ok(_) => class,
            Err(known) => known - 1,
        }
    }

    fn ranks_of_sku(&self, sku: SkuId, details: Option<&SkuDetails>) -> Ranks {
        let by_category =
            details.iter().flat_map(|details| &details.categories).filter_map(|c| self.by_category.get(c));
        let by_attribute = details.iter().flat_map(|details| &details.attributes);
        let by_attribute = by_attribute.filter_map(|(key, value)| self.by_attribute.get(&(key.clone(), value.clone())));
        let listed = self.by_sku.get(&sku).into_iter().chain(by_category).chain(by_attribute).flatten();
        let holds = |rank: &Rank| {
            let standing = self.rules.get(*rank as usize);
            standing.is_some_and(|standing| standing.rule.conditions.hold_for_sku(sku, details))
        };
        sorted(listed.copied().filter(holds).collect())
    }

    fn intern_sku_class(&self, ranks: Ranks) -> u32 {
        let mut interned = self.interned.lock().unwrap_or_else(PoisonError::into_inner);
        let next = interned.len() as u32;
        *interned.entry(ranks).or_insert_with_key(|ranks| {
            let names_places = |rank: &Rank| self.compiled.get(*rank as usize).is_some_and(|rule| rule.names_places);
            let competes = |rank: &Rank| self.compiled.get(*rank as usize).is_some_and(|r| r.kind.is_hot());
            let (both, only): (Vec<Rank>, Vec<Rank>) = ranks.iter().copied().partition(names_places);
            let class = SkuClass {
                ranks: ranks.clone(),
                best: self.best_of(&only).into(),
                both: both.into_iter().filter(competes).collect(),
                whole: (0..self.column_count).map(|_| OnceLock::new()).collect(),
            };
            self.sku_classes.reach(next as usize).get_or_init(|| class);
            next
        })
    }
}

/// Rules by the places that they name.
#[derive(Default)]
struct KnownLocations {
    by_location: FxHashMap<LocationId, Vec<Rank>>,
    by_group: FxHashMap<GroupId, Vec<Rank>>,
    by_kind: FxHashMap<u8, Vec<Rank>>,
}

fn sorted(mut ranks: Vec<Rank>) -> Ranks {
    ranks.sort_unstable();
    ranks.dedup();
    ranks.into()
}
