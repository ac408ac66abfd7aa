//! What a promise would take, and what would have to make room for it, before any of it is written down.
//!
//! A plan is a set of differences to a [`World`]: units taken from cells, units of the hold that is replaced, and units of
//! open promises (asked of a group, not bound yet) that go elsewhere in their group. Making room is finding an augmenting
//! path: from a full cell, over the groups whose open promises stand there, to a cell that has room. Quantities move along
//! a path at once. Paths change the plan's counts and not single promises, so units may be sent on and back while the plan
//! is made. Moves are kept in the order in which each finds room when it comes; so they are logged, before the promise.
//!
//! # Floors
//! A cell that a plan takes from, or sends promises to, keeps the highest floor (safety stock and buffer) of all who took
//! from it in this plan. So whatever order its records are read in, each of them leaves what it must. And nobody is pushed
//! into what the plan's own channel must leave to others, so that it does not sell its buffer in two steps either.
//!
//! # One arithmetic
//! The journal thread plans on its draft, and readers plan on a copy of the durable view. A plan for fewer units is a
//! plan for more units that ends earlier: every step takes as much as it can of what is still missing. So whatever a
//! group is told to have is granted, and so is everything below it.
//!
//! # Cost
//! A decision looks at no more than [`Budget::looks`] cells and kinds of promises, and moves no more than
//! [`Budget::promises`] promises. Neither depends on quantities, on history, or on how many hold something elsewhere.
//!
//! [`Budget::looks`]: crate::settings::Budget::looks
//! [`Budget::promises`]: crate::settings::Budget::promises

mod differences;
mod group;
mod paths;
mod quota_sets;
mod quotas;
mod room;
mod world;

pub(crate) use differences::{AllocationPlan, Moving};
pub(crate) use group::{FromGroup, take_in_group};
pub(crate) use paths::make_room;
pub(crate) use quota_sets::same_quotas;
pub(crate) use quotas::{charge, charges, fence, quota_allows, quotas_hold};
pub(crate) use room::{level_before_release, own_room, release, take};
pub(crate) use world::{Of, OpenKind, Shelf, World};
