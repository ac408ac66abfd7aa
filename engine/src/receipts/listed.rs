//! Places of receipts by what they are listed under: a series, an issuer, an order, a customer, a state.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::ops::{Bound, RangeBounds};

use rustc_hash::FxHashMap;

use super::receipt::Issued;
use crate::ids::{Name, Seq, Timestamp};

/// The place of a receipt in the order of issue: by time, record and chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub(crate) at: Timestamp,
    pub(crate) seq: Seq,
    pub(crate) position: u64,
    pub(crate) series: Name,
}

impl Key {
    /// The place of a receipt.
    pub fn of(issued: &Issued) -> Self {
        let (position, series) = (issued.chain.position, issued.id.series.clone());
        Self { at: issued.issued_at, seq: issued.seq, position, series }
    }

    /// Before everything that was issued at `at` or later.
    pub(crate) fn before(at: Timestamp) -> Self {
        Self { at, seq: 0, position: 0, series: Name::from(String::new()) }
    }
}

/// The places under one name, in the order of issue. Most orders and customers have one, which then takes no set.
#[derive(Debug)]
pub(super) enum Keys {
    One(Key),
    More(BTreeSet<Key>),
}

impl Keys {
    fn add(&mut self, key: Key) {
        match self {
            Self::One(known) if *known == key => {}
            Self::One(known) => *self = Self::More(BTreeSet::from([known.clone(), key])),
            Self::More(known) => drop(known.insert(key)),
        }
    }

    pub fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::More(known) => known.len(),
        }
    }

    /// Those between two bounds, the first of which is not after the second.
    pub fn range(&self, begin: Bound<&Key>, end: Bound<&Key>) -> impl Iterator<Item = &Key> {
        let (one, more) = match self {
            Self::One(key) => ((begin, end).contains(key).then_some(key), None),
            Self::More(keys) => (None, Some(keys.range((begin, end)))),
        };
        one.into_iter().chain(more.into_iter().flatten())
    }
}

/// An index by name; a name without receipts is not in it.
#[derive(Debug)]
pub(super) struct Listed<N>(FxHashMap<N, Keys>);

impl<N> Default for Listed<N> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<N: Eq + Hash + Clone> Listed<N> {
    pub fn get(&self, name: &N) -> Option<&Keys> {
        self.0.get(name)
    }

    pub fn add(&mut self, name: &N, key: &Key) {
        match self.0.get_mut(name) {
            Some(keys) => keys.add(key.clone()),
            None => drop(self.0.insert(name.clone(), Keys::One(key.clone()))),
        }
    }

    pub fn remove(&mut self, name: &N, key: &Key) {
        let is_over = match self.0.get_mut(name) {
            Some(Keys::One(known)) => known == key,
            Some(Keys::More(known)) => {
                known.remove(key);
                known.is_empty()
            }
            None => false,
        };
        if is_over {
            self.0.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::{Excluded, Included, Unbounded};

    use super::*;

    fn key(position: u64) -> Key {
        Key { at: Timestamp(position), seq: position, position, series: Name::from("T".to_owned()) }
    }

    fn places(listed: &Listed<&str>, name: &'static str, begin: Bound<&Key>, end: Bound<&Key>) -> Vec<u64> {
        listed.get(&name).into_iter().flat_map(|keys| keys.range(begin, end)).map(|key| key.position).collect()
    }

    #[test]
    fn one_and_more_are_listed_in_order_and_go() {
        let mut listed = Listed::default();
        for position in [2, 1, 2, 3] {
            listed.add(&"A", &key(position));
        }
        listed.add(&"B", &key(4));
        listed.add(&"B", &key(4));
        assert_eq!(places(&listed, "A", Unbounded, Unbounded), [1, 2, 3]);
        assert_eq!(places(&listed, "A", Excluded(&key(1)), Excluded(&key(3))), [2]);
        assert_eq!(places(&listed, "B", Included(&key(4)), Unbounded), [4]);
        assert_eq!(places(&listed, "B", Excluded(&key(4)), Unbounded), []);
        assert_eq!([&"A", &"B"].map(|name| listed.get(name).map(Keys::count)), [Some(3), Some(1)]);
        listed.remove(&"B", &key(5));
        assert!(listed.get(&"B").is_some(), "another one");
        for (name, position) in [("A", 1), ("A", 2), ("A", 3), ("B", 4), ("C", 1)] {
            listed.remove(&name, &key(position));
        }
        assert!(["A", "B", "C"].iter().all(|name| listed.get(name).is_none()));
    }
}
