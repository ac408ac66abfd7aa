//! Versions of items, and preconditions of changes.

use crate::ids::{GroupId, Seq};

/// A precondition of a change, as `If-Match` and `If-None-Match` of RFC 9110 define it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// The item has one of these versions.
    pub if_match: Option<Versions>,
    /// The item has none of these versions.
    pub if_none_match: Option<Versions>,
}

/// Versions of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// Any version: the item exists.
    Any,
    /// One of these. Versions that were never issued are left out.
    OneOf(Vec<Seen>),
}

/// A version of an item: equal versions of one item mean equal content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The `seq` of its last change; 0 if it is not declared.
    pub seq: Seq,
    /// For a location: a digest of its groups, which may change without it.
    pub groups: Option<u32>,
}

/// A version in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The `seq` of the change.
    pub seq: Seq,
    /// The digest of the groups, if it is given.
    pub groups: Option<u32>,
}

impl Version {
    /// The version of an item whose last change was at `seq`.
    pub fn new(seq: Seq) -> Self {
        Self { seq, groups: None }
    }

    /// The version of a location whose last change was at `seq`, and which is in `groups`.
    pub fn of_location(seq: Seq, groups: &[GroupId]) -> Self {
        // Independent of their order: a sum of the mixed ids (the finaliser of SplitMix64).
        let mixed = |group: &GroupId| {
            let mut word = (u64::from(group.0) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        };
        let sum = groups.iter().fold(0_u64, |sum, group| sum.wrapping_add(mixed(group)));
        Self { seq, groups: Some((sum >> 32) as u32) }
    }
}

impl Versions {
    /// Whether `current` is among them; `None` means that the item does not exist.
    pub fn have(&self, current: Option<Version>) -> bool {
        let Some(current) = current else { return false };
        let is_it = |seen: &Seen| seen.seq == current.seq && (seen.groups.is_none() || seen.groups == current.groups);
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.iter().any(is_it),
        }
    }
}

impl Precondition {
    /// Whether the precondition holds for an item with the version `current`, or for none.
    pub fn holds(&self, current: Option<Version>) -> bool {
        self.if_match.as_ref().is_none_or(|versions| versions.have(current))
            && !self.if_none_match.as_ref().is_some_and(|versions| versions.have(current))
    }
}
