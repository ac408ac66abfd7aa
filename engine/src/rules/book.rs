//! The rules in force, compiled: from (SKU, location, channel) to the numbers that a promise needs.
//!
//! ```text
//!  SKU ──► class: the rules whose SKU side holds ───┐
//!                                                   ├──► ruling: the rules that hold for the cell, best first
//!  location ──► class: those whose place side holds ┘
//! ```
//!
//! Few SKUs differ in the rules that hold for them, and fewer locations, so classes are few where cells are millions. A
//! new rule makes a new book, which costs what the rules and the locations are worth; the classes of SKUs and the
//! rulings are found out when somebody first asks, and remembered. So a rule that touches two million cells is in force
//! as soon as one that touches two.
//!
//! Looking up reads a few words and takes no lock. Only whoever is the first to need a class or a ruling writes it down
//! under one. A book never changes what it says, with one exception that its owner brings about: a SKU that is described
//! anew gets its class anew ([`Book::reclassify`]).

use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustc_hash::FxHashMap;

use super::{Band, Effect, Kind, OWN_CONDITIONS, Standing};
use crate::catalogue::{Catalogue, LocationKind, SkuDetails};
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::level::{Floor, StockLevel};
use crate::matrix::Arena;
use std::sync::Arc;

/// A rule's place among those in force: the smaller comes first.
type Rank = u32;

/// Ranks, ascending.
type Ranks = Box<[Rank]>;

/// SKU classes that there may be; more than SKUs that rules name.
const CLASS_CHUNK_BITS: u32 = 10;
const CLASS_DIRECTORY_BITS: u32 = 17;

/// The rules in force.
#[derive(Debug)]
pub struct Book {
    rules: Vec<Arc<Standing>>,
    by_sku: FxHashMap<SkuId, Vec<Rank>>,
    by_category: FxHashMap<String, Vec<Rank>>,
    by_attribute: FxHashMap<(String, String), Vec<Rank>>,
    /// Rules that name neither SKUs nor places.
    everywhere: Vec<Rank>,
    /// The class of each location that was known.
    place_class: Vec<u32>,
    /// The class of one that was not.
    other_place_class: u32,
    place_classes: Vec<Ranks>,
    /// The class of each SKU, plus one; 0 where nobody asked yet.
    sku_class: Arena<AtomicU32, 14, 13>,
    sku_classes: Arena<OnceLock<SkuClass>, CLASS_CHUNK_BITS, CLASS_DIRECTORY_BITS>,
    rulings: Arena<OnceLock<Ruling>, CLASS_CHUNK_BITS, CLASS_DIRECTORY_BITS>,
    interned: Mutex<Interned>,
    has_quotas: bool,
}

/// What SKUs of one class have in common.
#[derive(Debug)]
struct SkuClass {
    ranks: Ranks,
    /// By place class: the ruling, plus one; 0 where nobody asked yet.
    rulings: Box<[AtomicU32]>,
}

#[derive(Debug, Default)]
struct Interned {
    sku_classes: FxHashMap<Ranks, u32>,
    rulings: FxHashMap<Ranks, u32>,
}

/// The rules that hold for a cell, best first, kind by kind.
#[derive(Debug, Default)]
pub struct Ruling {
    safety_stock: Vec<Rank>,
    access: Vec<Rank>,
    bands: Vec<Rank>,
    quotas: Vec<Rank>,
}

/// What holds for one channel in one cell.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    safety_stock: Option<&'a Standing>,
    denied: Option<&'a Standing>,
    band: Option<(u32, bool)>,
}

impl<'a> Terms<'a> {
    /// The safety stock in a cell that holds `level` and has `own` by its own stock row.
    #[inline]
    pub fn safety_stock(&self, level: StockLevel, own: u32) -> u32 {
        match self.safety_rule(own) {
            Some(Standing { rule, .. }) => match rule.effect {
                Effect::SafetyStock(amount) => amount.units(level),
                Effect::Access(_) | Effect::Band { .. } | Effect::Quota { .. } => own,
            },
            None => own,
        }
    }

    /// The rule that sets it, unless the cell's own does.
    #[inline]
    pub fn safety_rule(&self, own: u32) -> Option<&'a Standing> {
        self.safety_stock.filter(|standing| own == 0 || standing.rule.conditions.count() >= OWN_CONDITIONS)
    }

    /// What must remain free.
    #[inline]
    pub fn floor(&self, level: StockLevel, own: u32, buffer: u32) -> Floor {
        Floor { safety_stock: self.safety_stock(level, own), buffer }
    }

    /// The rule that keeps the channel from selling here, if one does.
    #[inline]
    pub fn denied(&self) -> Option<&'a Standing> {
        self.denied
    }

    /// How much there is if `available` units are, and whether the number may be told.
    pub fn band(&self, available: u32) -> (Band, bool) {
        let (few_left, exact) = self.band.unwrap_or((0, true));
        let band = match available {
            0 => Band::OutOfStock,
            units if units <= few_left => Band::FewLeft,
            _ => Band::InStock,
        };
        (band, exact)
    }
}

impl Default for Book {
    fn default() -> Self {
        Self::compile(&[], &Catalogue::default())
    }
}

impl Book {
    /// Compiles those of `standing` that are in force.
    pub fn compile(standing: &[Arc<Standing>], catalogue: &Catalogue) -> Self {
        let mut rules: Vec<_> = standing.iter().filter(|rule| rule.in_force).cloned().collect();
        rules.sort_by(|a, b| a.rule.rank(&a.name).cmp(&b.rule.rank(&b.name)));
        let mut book = Self {
            by_sku: FxHashMap::default(),
            by_category: FxHashMap::default(),
            by_attribute: FxHashMap::default(),
            everywhere: Vec::new(),
            place_class: Vec::new(),
            other_place_class: 0,
            place_classes: Vec::new(),
            sku_class: Arena::new(),
            sku_classes: Arena::new(),
            rulings: Arena::new(),
            interned: Mutex::default(),
            has_quotas: rules.iter().any(|rule| rule.rule.effect.kind() == Kind::Quota),
            rules,
        };
        let places = book.index();
        book.classify_places(&places, catalogue);
        book
    }

    /// Whether no rule is in force, so that nothing need be asked.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules, best first.
    pub fn rules(&self) -> &[Arc<Standing>] {
        &self.rules
    }

    /// What holds for `channel` in the cell of `sku` at `location`.
    #[inline]
    pub fn terms(
        &self,
        catalogue: &Catalogue,
        sku: SkuId,
        location: LocationId,
        channel: Option<ChannelId>,
    ) -> Terms<'_> {
        if self.is_empty() {
            return Terms::default();
        }
        self.terms_in(self.row(catalogue, sku), location, channel)
    }

    /// The part of the book that is about a SKU; for asking about many locations.
    #[inline]
    pub fn row(&self, catalogue: &Catalogue, sku: SkuId) -> Row<'_> {
        // Acquire: pairs with the Release below and in `reclassify`; the class was written before its number.
        let known = self.sku_class.get(sku.0 as usize).map_or(0, |class| class.load(Acquire));
        let class = if known > 0 { known - 1 } else { self.classify(catalogue, sku) };
        let class = self.sku_classes.get(class as usize).and_then(OnceLock::get);
        Row { class: class.expect("a class is written before its number is") }
    }

    /// What holds for `channel` at `location`.
    #[inline]
    pub fn terms_in(&self, row: Row<'_>, location: LocationId, channel: Option<ChannelId>) -> Terms<'_> {
        self.terms_of(self.ruling(row, location), channel)
    }

    fn terms_of(&self, ruling: &Ruling, channel: Option<ChannelId>) -> Terms<'_> {
        let first = |ranks: &[Rank]| {
            let holds = |rule: &&Arc<Standing>| rule.rule.conditions.hold_for_channel(channel);
            ranks.iter().filter_map(|rank| self.rules.get(*rank as usize)).find(holds).map(Arc::as_ref)
        };
        let band = first(&ruling.bands).and_then(|standing| match standing.rule.effect {
            Effect::Band { few_left, exact } => Some((few_left, exact)),
            Effect::SafetyStock(_) | Effect::Access(_) | Effect::Quota { .. } => None,
        });
        Terms {
            safety_stock: first(&ruling.safety_stock),
            denied: first(&ruling.access).filter(|standing| standing.rule.effect.denies()),
            band,
        }
    }

    /// A SKU was described anew: its class is found out again. Journal thread only, inside
    /// the fold that brings the description.
    pub(crate) fn reclassify(&self, sku: SkuId, details: &SkuDetails) {
        if !self.looks_at_traits() {
            return;
        }
        let class = self.intern_sku_class(self.ranks_of_sku(sku, Some(details)));
        // Release: the class is written. Whoever found 0 here and looked at the old description finds this instead.
        self.sku_class.reach(sku.0 as usize).store(class + 1, Release);
    }

    /// Lists every rule under what it names; the places are needed only while locations are classified.
    fn index(&mut self) -> Places {
        let mut places = Places::default();
        for (rank, standing) in (0..).zip(&self.rules) {
            let conditions = &standing.rule.conditions;
            if !conditions.name_skus() && !conditions.name_places() {
                self.everywhere.push(rank);
            }
            // Under one of the dimensions that it names is enough: the others are looked at when it is found there.
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
            } else if !conditions.kinds.is_empty() {
                places.by_kind.push(rank);
            }
        }
        places
    }

    fn classify_places(&mut self, places: &Places, catalogue: &Catalogue) {
        if self.rules.is_empty() {
            self.place_classes.push(Ranks::default());
            return;
        }
        let mut classes: FxHashMap<Ranks, u32> = FxHashMap::default();
        let mut class_of = |ranks: Ranks, all: &mut Vec<Ranks>| {
            *classes.entry(ranks).or_insert_with_key(|ranks| {
                all.push(ranks.clone());
                all.len() as u32 - 1
            })
        };
        let ranks = |location: LocationId, kind: LocationKind, groups: &[GroupId]| {
            let listed = places.by_location.get(&location).into_iter();
            let listed = listed.chain(groups.iter().filter_map(|group| places.by_group.get(group))).flatten();
            let holds = |rank: &Rank| {
                let standing = self.rules.get(*rank as usize);
                standing.is_some_and(|standing| standing.rule.conditions.hold_for_place(location, kind, groups))
            };
            sorted(listed.chain(&places.by_kind).copied().filter(holds).collect())
        };
        let mut all = Vec::new();
        self.place_class = (0..catalogue.locations.count())
            .map(LocationId)
            .map(|location| {
                let kind = catalogue.locations.details(location).map(|set| set.details.kind).unwrap_or_default();
                class_of(ranks(location, kind, &catalogue.groups_of(location)), &mut all)
            })
            .collect();
        let unknown = LocationId(u32::MAX);
        self.other_place_class = class_of(ranks(unknown, LocationKind::default(), &[]), &mut all);
        self.place_classes = all;
    }

    /// Finds out the class of a SKU that nobody asked about before.
    #[cold]
    fn classify(&self, catalogue: &Catalogue, sku: SkuId) -> u32 {
        let word = self.sku_class.reach(sku.0 as usize);
        let details = catalogue.skus.details(sku);
        let class = self.intern_sku_class(self.ranks_of_sku(sku, details.as_deref().map(|set| &set.details)));
        // Release: the class is written. Should it have been classified anew meanwhile, by a newer description, that holds.
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
        let next = interned.sku_classes.len() as u32;
        *interned.sku_classes.entry(ranks).or_insert_with_key(|ranks| {
            let rulings = (0..self.place_classes.len()).map(|_| AtomicU32::new(0)).collect();
            let class = SkuClass { ranks: ranks.clone(), rulings };
            self.sku_classes.reach(next as usize).get_or_init(|| class);
            next
        })
    }

    #[inline]
    fn ruling(&self, row: Row<'_>, location: LocationId) -> &Ruling {
        let place = self.place_class.get(location.0 as usize).copied().unwrap_or(self.other_place_class);
        let word = row.class.rulings.get(place as usize).expect("a class has a place for every place class");
        // Acquire: pairs with the Release below; the ruling was written before its number.
        let known = word.load(Acquire);
        let number = if known > 0 { known - 1 } else { self.rule(row.class, place, word) };
        self.rulings.get(number as usize).and_then(OnceLock::get).expect("a ruling is written before its number is")
    }

    /// Finds out the ruling for a class of SKUs in a class of places.
    #[cold]
    fn rule(&self, class: &SkuClass, place: u32, word: &AtomicU32) -> u32 {
        let places = self.place_classes.get(place as usize).map_or(&[][..], |ranks| ranks);
        let conditions = |rank: &Rank| &self.rules.get(*rank as usize).expect("a rank is of a rule").rule.conditions;
        let by_sku = class.ranks.iter();
        let by_sku = by_sku.filter(|rank| !conditions(rank).name_places() || places.binary_search(rank).is_ok());
        let by_place = places.iter().filter(|rank| !conditions(rank).name_skus());
        let ranks = sorted(by_sku.chain(by_place).chain(&self.everywhere).copied().collect());
        let mut interned = self.interned.lock().unwrap_or_else(PoisonError::into_inner);
        let next = interned.rulings.len() as u32;
        let number = *interned.rulings.entry(ranks).or_insert_with_key(|ranks| {
            self.rulings.reach(next as usize).get_or_init(|| self.sort_by_kind(ranks));
            next
        });
        drop(interned);
        word.store(number + 1, Release);
        number
    }

    /// A list for each kind, up to the first rule that holds for every channel: none behind it can ever win.
    fn sort_by_kind(&self, ranks: &[Rank]) -> Ruling {
        let mut ruling = Ruling::default();
        let mut settled = Vec::new();
        for rank in ranks {
            let Some(standing) = self.rules.get(*rank as usize) else { continue };
            let kind = standing.rule.effect.kind();
            if settled.contains(&kind) {
                continue;
            }
            match kind {
                Kind::SafetyStock => ruling.safety_stock.push(*rank),
                Kind::Access => ruling.access.push(*rank),
                Kind::Band => ruling.bands.push(*rank),
                Kind::Quota => ruling.quotas.push(*rank),
            }
            // Quotas do not compete.
            if kind != Kind::Quota && standing.rule.conditions.channels.is_empty() {
                settled.push(kind);
            }
        }
        ruling
    }

    /// Whether any quota is in force anywhere.
    #[inline]
    pub fn has_quotas(&self) -> bool {
        self.has_quotas
    }

    /// The quotas that hold for the cell of `sku` at `location`, whatever the channel.
    pub fn quotas(&self, catalogue: &Catalogue, sku: SkuId, location: LocationId) -> Vec<&Arc<Standing>> {
        if !self.has_quotas {
            return Vec::new();
        }
        let ruling = self.ruling(self.row(catalogue, sku), location);
        ruling.quotas.iter().filter_map(|rank| self.rules.get(*rank as usize)).collect()
    }

    /// Whether the places of a rule in force include `location`.
    pub fn is_at(&self, standing: &Standing, location: LocationId) -> bool {
        if !standing.rule.conditions.name_places() {
            return true;
        }
        let place = self.place_class.get(location.0 as usize).copied().unwrap_or(self.other_place_class);
        let ranks = self.place_classes.get(place as usize).map_or(&[][..], |ranks| ranks);
        ranks.iter().any(|rank| self.rules.get(*rank as usize).is_some_and(|rule| rule.id == standing.id))
    }

    /// Whether any rule looks at categories or attributes, so that describing a SKU anew may change what holds for it.
    pub fn looks_at_traits(&self) -> bool {
        self.rules.iter().any(|standing| {
            let conditions = &standing.rule.conditions;
            !(conditions.categories.is_empty() && conditions.attributes.is_empty())
        })
    }

    /// Classes of SKUs and rulings found out so far.
    pub fn found_out(&self) -> (usize, usize) {
        let interned = self.interned.lock().unwrap_or_else(PoisonError::into_inner);
        (interned.sku_classes.len(), interned.rulings.len())
    }
}

/// The part of a book that is about one SKU.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    class: &'a SkuClass,
}

#[derive(Default)]
struct Places {
    by_location: FxHashMap<LocationId, Vec<Rank>>,
    by_group: FxHashMap<GroupId, Vec<Rank>>,
    by_kind: Vec<Rank>,
}

fn sorted(mut ranks: Vec<Rank>) -> Ranks {
    ranks.sort_unstable();
    ranks.dedup();
    ranks.into()
}
