//! The book of prices: the lists and the tax classes, compiled, and from them which row of a SKU counts.
//!
//! A book never changes what it says. A list that is set, removed, begins or ends, and a group that a list or a class names
//! and that changes, makes a new one, with a later version. The rows of SKUs lie beside it, each SKU's under one pointer
//! with the `seq` of its last change. Looking up takes no lock.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::list::{BASE, BASE_PRIORITY, Currency, ListId, ListKind, ListStanding, PriceList};
use super::priced::{Brief, Buyer, Priced};
use super::tax::TaxClass;
use crate::ids::{GroupId, LocationId, Name, Seq, Timestamp};

/// Where something is bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceTarget {
    /// Nowhere in particular: what names a place does not hold.
    Nowhere,
    /// At a location.
    Location(LocationId, Name),
    /// From whichever location of a group: only conditions on groups hold, and what names no place.
    Group(GroupId),
}

/// For whom prices are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The channel.
    pub channel: Name,
    /// The place.
    pub place: PriceTarget,
    /// The currency.
    pub currency: Currency,
    /// The moment; `now` for what is in force.
    pub at: Timestamp,
    /// When it is asked.
    pub now: Timestamp,
}

impl Asked {
    /// For whom rows may be.
    #[inline]
    pub(super) fn buyer(&self) -> Buyer<'_> {
        let location = match &self.place {
            PriceTarget::Location(_, at) => Some(at),
            PriceTarget::Nowhere | PriceTarget::Group(_) => None,
        };
        Buyer { channel: &self.channel, location, currency: self.currency }
    }
}

/// The row that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Winner {
    /// The row.
    pub row: Brief,
    /// Its list's priority.
    pub priority: i32,
    /// Where its list stands among all, by id.
    pub rank: u32,
    /// Whether its list is a sale.
    pub is_sale: bool,
}

impl Winner {
    /// Whether it wins over another of another list.
    fn beats(&self, other: &Self) -> bool {
        (std::cmp::Reverse(self.priority), self.row.amount, self.rank)
            < (std::cmp::Reverse(other.priority), other.row.amount, other.rank)
    }
}

/// What of a list counts while it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holding {
    pub priority: i32,
    pub rank: u32,
    pub is_sale: bool,
}

#[derive(Debug)]
pub(super) struct Listed {
    pub standing: Arc<ListStanding>,
    /// Where it stands among all, by id.
    pub rank: u32,
}

/// Lists and tax classes, compiled.
#[derive(Debug, Default)]
pub struct Book {
    version: Seq,
    taxes: Seq,
    /// By number; none for `base`, and where one is forgotten.
    lists: Vec<Option<Listed>>,
    /// Where `base` stands among all.
    base_rank: u32,
    /// By channel, the lists in force that name it.
    by_channel: FxHashMap<Name, Vec<ListId>>,
    /// Lists in force that name no channel.
    for_all: Vec<ListId>,
    /// The members of groups that lists or classes name, ascending.
    members: FxHashMap<GroupId, Arc<[LocationId]>>,
    classes: FxHashMap<Name, Arc<TaxClass>>,
}

impl Book {
    /// Compiles what stands at `seq`.
    pub(super) fn compile(
        seq: Seq,
        taxes: Seq,
        standing: &[Arc<ListStanding>],
        classes: impl Iterator<Item = (Name, Arc<TaxClass>)>,
        members_of: impl Fn(GroupId) -> Vec<LocationId>,
    ) -> Self {
        let mut book = Self { version: seq, taxes, classes: classes.collect(), ..Self::default() };
        let mut names: Vec<(&str, u32)> = standing.iter().map(|list| (list.name.as_str(), list.id.0)).collect();
        names.push((super::list::BASE_NAME, BASE.0));
        names.sort_unstable();
        let ranks: FxHashMap<u32, u32> = (0..).zip(&names).map(|(rank, (_, id))| (*id, rank)).collect();
        let rank = |id: ListId| ranks.get(&id.0).copied().unwrap_or_default();
        book.base_rank = rank(BASE);
        let places = standing.iter().map(|list| list.id.0 as usize + 1).max().unwrap_or_default();
        book.lists.resize_with(places, || None);
        let mut groups: Vec<GroupId> = Vec::new();
        for standing in standing {
            let said = standing.former.iter().map(|former| &former.list).chain(&standing.list);
            groups.extend(said.flat_map(|list| list.groups.iter().copied()));
            if let Some(list) = standing.list.as_ref().filter(|_| standing.in_force) {
                match list.channels.as_slice() {
                    [] => book.for_all.push(standing.id),
                    some => {
                        some.iter().for_each(|name| book.by_channel.entry(name.clone()).or_default().push(standing.id));
                    }
                }
            }
            if let Some(place) = book.lists.get_mut(standing.id.0 as usize) {
                *place = Some(Listed { standing: Arc::clone(standing), rank: rank(standing.id) });
            }
        }
        groups
            .extend(book.classes.values().flat_map(|class| &class.rates).flat_map(|rate| rate.groups.iter().copied()));
        groups.sort_unstable();
        groups.dedup();
        book.members = groups.into_iter().map(|group| (group, members_of(group).into())).collect();
        book
    }

    /// The `seq` of the last change of any list, or of a group that one names.
    pub fn version(&self) -> Seq {
        self.version
    }

    /// The `seq` of the last change of any tax class.
    pub fn taxes(&self) -> Seq {
        self.taxes
    }

    /// Whether a change of groups changes what it says.
    pub(super) fn names_groups(&self) -> bool {
        !self.members.is_empty()
    }

    /// A list as it stands, or as it was when it was removed; none for `base`.
    pub fn list(&self, id: ListId) -> Option<&Arc<ListStanding>> {
        self.lists.get(id.0 as usize)?.as_ref().map(|listed| &listed.standing)
    }

    /// What a list is called.
    pub fn name(&self, id: ListId) -> &str {
        self.list(id).map_or(super::list::BASE_NAME, |standing| standing.name.as_str())
    }

    /// Whether a list is a sale, or was one when it was removed.
    pub(super) fn is_sale(&self, id: ListId) -> bool {
        let standing = self.list(id);
        let said = standing
            .and_then(|standing| standing.list.as_ref().or_else(|| standing.former.last().map(|former| &former.list)));
        said.is_some_and(|list| list.kind == ListKind::Sale)
    }

    fn is_in(&self, group: GroupId, location: LocationId) -> bool {
        self.members.get(&group).is_some_and(|members| members.binary_search(&location).is_ok())
    }

    /// Whether conditions on places hold.
    pub(super) fn holds_at(&self, place: &PriceTarget, locations: &[LocationId], groups: &[GroupId]) -> bool {
        match place {
            PriceTarget::Nowhere => locations.is_empty() && groups.is_empty(),
            PriceTarget::Location(at, _) => {
                (locations.is_empty() || locations.contains(at))
                    && (groups.is_empty() || groups.iter().any(|group| self.is_in(*group, *at)))
            }
            PriceTarget::Group(group) => locations.is_empty() && (groups.is_empty() || groups.contains(group)),
        }
    }

    /// Whether a list holds for a request, regardless of its dates.
    pub(super) fn holds(&self, list: &PriceList, asked: &Asked) -> bool {
        list.currency == asked.currency
            && (list.channels.is_empty() || list.channels.contains(&asked.channel))
            && self.holds_at(&asked.place, &list.locations, &list.groups)
    }

    /// A list at a moment, if it was in force then and holds for the request.
    pub(super) fn holding_at(&self, id: ListId, asked: &Asked, at: Timestamp) -> Option<Holding> {
        if id == BASE {
            return Some(Holding { priority: BASE_PRIORITY, rank: self.base_rank, is_sale: false });
        }
        let listed = self.lists.get(id.0 as usize)?.as_ref()?;
        let list = listed.standing.at(at, asked.now).filter(|list| self.holds(list, asked))?;
        Some(Holding { priority: list.priority, rank: listed.rank, is_sale: list.kind == ListKind::Sale })
    }

    /// The rate of a class at a place, in hundredths of a percent; none where there is no such class.
    pub fn rate(&self, class: &str, place: &PriceTarget) -> Option<u32> {
        let class = self.classes.get(class)?;
        let holding = class.rates.iter().filter(|rate| self.holds_at(place, &rate.locations, &rate.groups));
        // Among rates with equally many conditions, the first.
        let best = holding.reduce(|best, rate| if rate.conditions() > best.conditions() { rate } else { best });
        Some(best.map_or(0, |rate| rate.rate))
    }

    /// A reader of prices for one request.
    pub fn reader<'a>(&'a self, asked: &'a Asked) -> Reader<'a> {
        let mut holding: Vec<Option<Holding>> = vec![None; self.lists.len().max(1)];
        let mut put = |id: ListId| {
            if let Some(place) = holding.get_mut(id.0 as usize) {
                *place = self.holding_at(id, asked, asked.at);
            }
        };
        put(BASE);
        if asked.at == asked.now {
            self.for_all.iter().chain(self.by_channel.get(&asked.channel).into_iter().flatten()).copied().for_each(put);
        } else {
            (1..self.lists.len() as u32).map(ListId).for_each(put);
        }
        Reader { book: self, asked, holding }
    }
}

/// Reads prices for one request.
#[derive(Debug)]
pub struct Reader<'a> {
    pub(super) book: &'a Book,
    pub(super) asked: &'a Asked,
    /// By number, the lists that hold at the moment asked for.
    holding: Vec<Option<Holding>>,
}

/// The winner of all lists, and that of regular lists alone.
#[inline]
pub(super) fn best<'r>(
    rows: impl Iterator<Item = &'r Brief>,
    holding: impl Fn(ListId) -> Option<Holding>,
) -> (Option<Winner>, Option<Winner>) {
    let (mut all, mut regular) = (None, None);
    let mut of_list: Option<Winner> = None;
    let mut end = |winner: Option<Winner>| {
        let Some(winner) = winner else { return };
        let better = |than: &Option<Winner>| than.as_ref().is_none_or(|than| winner.beats(than));
        if better(&all) {
            all = Some(winner);
        }
        if !winner.is_sale && better(&regular) {
            regular = Some(winner);
        }
    };
    // Rows of one list stand together.
    for row in rows {
        match &mut of_list {
            Some(winner) if winner.row.list == row.list => {
                if winner.row.rank_within() < row.rank_within() {
                    winner.row = *row;
                }
            }
            _ => {
                let Some(Holding { priority, rank, is_sale }) = holding(row.list) else { continue };
                end(of_list.replace(Winner { row: *row, priority, rank, is_sale }));
            }
        }
    }
    end(of_list);
    (all, regular)
}

impl<'a> Reader<'a> {
    /// The row of a SKU that counts, and the one of regular lists alone.
    #[inline]
    pub fn price(&self, prices: &Priced, quantity: u32) -> (Option<Winner>, Option<Winner>) {
        let at = self.asked.at;
        let rows = prices.briefs().iter();
        let buyer = self.asked.buyer();
        let rows = rows.filter(|row| row.is_in_force(at) && prices.fits(row, buyer, quantity));
        best(rows, |id| self.holding(id))
    }

    /// A list, if it holds at the moment asked for.
    #[inline]
    pub(super) fn holding(&self, id: ListId) -> Option<Holding> {
        self.holding.get(id.0 as usize).copied().flatten()
    }

    /// What a list is called.
    pub fn name(&self, id: ListId) -> &'a str {
        self.book.name(id)
    }

    /// Until when a row counts, as far as it and its list say: none where neither says.
    pub fn ends_at(&self, row: &Brief) -> Option<Timestamp> {
        let list = self.book.list(row.list).and_then(|standing| standing.list.as_ref());
        let ends = [Some(row.end).filter(|end| end.0 < u64::MAX), list.and_then(|list| list.ends_at)];
        ends.into_iter().flatten().min()
    }
}
