//! Versions of things, and what must hold of them before they are set.

use crate::ids::{GroupId, Seq};

/// What must hold of a thing before it is set, as `If-Match` and `If-None-Match` of RFC 9110 say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// It has one of these versions.
    pub if_match: Option<Versions>,
    /// It has none of these.
    pub if_none_match: Option<Versions>,
}

/// Versions of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// Any: the thing exists.
    Any,
    /// One of these. Versions that were never given out are left out.
    OneOf(Vec<Seen>),
}

/// A version of a thing: two of one thing are the same only if all that is told of it is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The `seq` of its last change; 0 where nobody declared it.
    pub seq: Seq,
    /// Of a location: a digest of the groups that it is in, which may change without it.
    pub groups: Option<u32>,
}

/// A version as a caller names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The `seq` of the change.
    pub seq: Seq,
    /// The digest of the groups, where it was told.
    pub groups: Option<u32>,
}

impl Version {
    /// That of a thing whose last change was at `seq`.
    pub fn new(seq: Seq) -> Self {
        Self { seq, groups: None }
    }

    /// That of a location whose last change was at `seq`, and which is in `groups`.
    pub fn of_location(seq: Seq, groups: &[GroupId]) -> Self {
        // The same in whatever order they stand: a sum of each one, mixed (the finaliser of SplitMix64).
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
    /// Whether `current` is among them; nothing is `None`.
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
    /// Whether it holds of a thing that has the version `current`, or does not exist.
    pub fn holds(&self, current: Option<Version>) -> bool {
        self.if_match.as_ref().is_none_or(|versions| versions.have(current))
            && !self.if_none_match.as_ref().is_some_and(|versions| versions.have(current))
    }
}
