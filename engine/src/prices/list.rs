//! Price lists: for whom, where and when their rows hold.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{GroupId, LocationId, Name, Seq, Timestamp};

/// Lists that there may be beside `base`.
pub const LISTS_MAX: usize = 1000;

/// Periods that a list keeps of the times when it said something else.
const FORMER_MAX: usize = 200;

/// The list that is there by itself, into which rows go that name none.
pub const BASE: ListId = ListId(0);

/// What it is called.
pub const BASE_NAME: &str = "base";

/// Its priority.
pub const BASE_PRIORITY: i32 = -1;

/// Milliseconds for which what no longer holds is kept.
pub const KEPT_MS: u64 = 60 * 86_400_000;

/// Milliseconds before a reduction in which the lowest price counts: 30 days.
pub(super) const WINDOW_MS: u64 = 30 * 86_400_000;

/// A list, in the log. A list that is made under the id of a removed one has another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListId(pub u32);

/// A code of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Currency(pub [u8; 3]);

impl Currency {
    /// The code of ISO 4217 for "no currency". No request can ask for it.
    pub(crate) const NONE: Self = Self(*b"XXX");

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Reads a code from a record of the log. A text that is no code, as an earlier build may have written it, is no
    /// currency: its price counts for no request.
    pub fn of(text: &str) -> Self {
        let code = <[u8; 3]>::try_from(text.as_bytes()).ok().filter(|code| code.is_ascii());
        code.map_or(Self::NONE, Self)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ListKind {
    /// What things cost.
    Regular,
    /// What they cost while they are reduced.
    Sale,
}

impl ListKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Regular, Self::Sale];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Sale => "sale",
        }
    }
}

/// A price list. It holds where every condition that it names does, a condition where one of its values does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceList {
    /// What people call it.
    pub name: Option<String>,
    /// The currency of its rows.
    pub currency: Currency,
    /// What it is for.
    pub kind: ListKind,
    /// Only through these channels; through all, if there are none.
    pub channels: Vec<Name>,
    /// Only at these locations.
    pub locations: Vec<LocationId>,
    /// Only at the locations of these groups.
    pub groups: Vec<GroupId>,
    /// The highest wins.
    pub priority: i32,
    /// From when on it is in force.
    pub starts_at: Option<Timestamp>,
    /// Until when, that moment excluded.
    pub ends_at: Option<Timestamp>,
}

impl PriceList {
    /// One of which nothing is said but its currency and kind.
    pub fn of(currency: Currency, kind: ListKind) -> Self {
        Self {
            name: None,
            currency,
            kind,
            channels: Vec::new(),
            locations: Vec::new(),
            groups: Vec::new(),
            priority: 0,
            starts_at: None,
            ends_at: None,
        }
    }

    /// Whether its dates say that it is in force at `now`.
    pub fn runs_at(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= now) && self.ends_at.is_none_or(|end| now < end)
    }

    /// When it begins or ends next after `now`.
    pub fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        [self.starts_at, self.ends_at].into_iter().flatten().filter(|turn| *turn > now).min()
    }

    /// Whether a price worked out by it is the same as by another: all but its name and its dates.
    fn prices_like(&self, other: &Self) -> bool {
        let but = |list: &Self| Self { name: None, starts_at: None, ends_at: None, ..list.clone() };
        but(self) == but(other)
    }
}

/// A time when a list was in force and said something else than it says now, or was no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// What it said.
    pub list: PriceList,
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// A list as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListStanding {
    /// Its number.
    pub id: ListId,
    /// Its id.
    pub name: Name,
    /// What it says; none where it was removed.
    pub list: Option<PriceList>,
    /// Whether it is in force.
    pub in_force: bool,
    /// The moment since which the list has this content. Prices of an earlier time than the list count from then.
    pub since: Timestamp,
    /// The `seq` of its last change, its beginning and its end included.
    pub version: Seq,
    /// What it said before.
    pub former: Vec<Former>,
}

impl ListStanding {
    /// One that is new.
    pub(super) fn new(id: ListId, name: Name) -> Self {
        let (since, former) = (Timestamp(0), Vec::new());
        Self { id, name, list: None, in_force: false, since, version: 0, former }
    }

    /// It says something else from `now` on, or is no more.
    pub(super) fn set(&mut self, seq: Seq, now: Timestamp, list: Option<PriceList>, in_force: bool) {
        let is_new = self.list.is_none();
        let same = self.in_force == in_force
            && self.list.as_ref().zip(list.as_ref()).is_some_and(|(before, after)| before.prices_like(after));
        if !same {
            self.end(now);
            let told = list.as_ref().and_then(|list| list.starts_at).unwrap_or_default();
            self.since = if is_new { told.min(now) } else { now };
        }
        (self.list, self.in_force, self.version) = (list, in_force, seq);
    }

    /// It begins or ends by date.
    pub(super) fn turn(&mut self, seq: Seq, now: Timestamp, in_force: bool) {
        self.end(now);
        // By its date, which came just before: nothing was logged between.
        let began = self.list.as_ref().and_then(|list| list.starts_at).filter(|start| in_force && *start <= now);
        let free = self.former.last().map_or(Timestamp(0), |former| former.until);
        (self.in_force, self.since, self.version) = (in_force, began.unwrap_or(now).max(free), seq);
    }

    /// What it says holds no longer.
    fn end(&mut self, now: Timestamp) {
        self.former.retain(|former| now.since_ms(former.until) < KEPT_MS);
        if self.in_force
            && self.since < now
            && let Some(list) = &self.list
        {
            let until = list.ends_at.map_or(now, |end| end.min(now));
            self.former.push(Former { list: list.clone(), from: self.since, until });
        }
        let surplus = self.former.len().saturating_sub(FORMER_MAX);
        self.former.drain(..surplus);
    }

    /// What it said at `at`, if it was in force then, or will be; `now` is when that is asked.
    pub fn at(&self, at: Timestamp, now: Timestamp) -> Option<&PriceList> {
        let current = self.list.as_ref();
        if at == now {
            return current.filter(|_| self.in_force);
        }
        if at > now {
            return current.filter(|list| list.runs_at(at));
        }
        if self.in_force && self.since <= at {
            return current;
        }
        let then = self.former.iter().rev().find(|former| former.from <= at && at < former.until);
        then.map(|former| &former.list)
    }

    /// Moments at which what it says begins or ends to hold, up to `at`.
    pub(super) fn turns(&self, at: Timestamp, now: Timestamp, mut to: impl FnMut(Timestamp)) {
        self.former.iter().for_each(|former| {
            to(former.from);
            to(former.until);
        });
        if self.in_force {
            to(self.since);
        }
        let dates = self.list.iter().flat_map(|list| [list.starts_at, list.ends_at]).flatten();
        dates.filter(|date| now < *date && *date <= at).for_each(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_code_is_no_currency() {
        assert_eq!(Currency::of("EUR").as_str(), "EUR");
        for text in ["", "E", "EURO", "\u{20ac}", "EU\u{e9}"] {
            assert_eq!(Currency::of(text), Currency::NONE, "{text}");
        }
    }

    #[test]
    fn what_a_list_said_is_known_of_each_moment() {
        let list = |priority| PriceList { priority, ..PriceList::of(Currency(*b"EUR"), ListKind::Regular) };
        let mut standing = ListStanding::new(ListId(1), Name::parse("a").expect("a name"));
        let said =
            |standing: &ListStanding, at: u64| standing.at(Timestamp(at), Timestamp(60)).map(|list| list.priority);
        standing.set(1, Timestamp(10), Some(list(1)), true);
        assert_eq!((said(&standing, 0), said(&standing, 60)), (Some(1), Some(1)), "told of a time before it was made");
        standing.set(2, Timestamp(20), Some(list(2)), true);
        standing.turn(3, Timestamp(30), false);
        standing.turn(4, Timestamp(40), true);
        standing.set(5, Timestamp(50), None, false);
        let told: Vec<_> = [0, 19, 20, 29, 30, 39, 40, 49, 50, 60].iter().map(|at| said(&standing, *at)).collect();
        let (one, two) = (Some(1), Some(2));
        assert_eq!(told, [one, one, two, two, None, None, two, two, None, None]);
    }
}
