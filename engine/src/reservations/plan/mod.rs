//! Plans a promise before anything is logged: the units that it takes, and the promises that must move to make room.
//!
//! A plan is a set of differences to a [`World`]: units taken from cells, units of the replaced hold, and units of
//! unallocated promises (requested from a group, without a final location) that go elsewhere in their group. Making
//! room means finding an augmenting path: from a full cell, over the groups of the unallocated promises in it, to a
//! cell with room. Quantities move along a path at once. A path changes the plan's counts and not single promises, so
//! units may move there and back while the plan is computed. Moves are kept in an order in which each has room when
//! it is applied; they are logged in this order, before the promise.
//!
//! # Floors
//! A cell that a plan takes from, or moves promises to, keeps the highest floor (safety stock and buffer) of all
//! promises that took from it in this plan. So each record keeps its floor, whatever order the records are read in.
//! No promise moves into the units that the plan's own channel must leave to others, so the channel cannot sell its
//! buffer in two steps either.
//!
//! # One arithmetic
//! The journal thread plans on its draft, and readers plan on a copy of the durable view. A plan for fewer units is a
//! plan for more units that ends earlier: every step takes as many of the missing units as possible. So any quantity
//! reported for a group is granted, and so is any smaller one.
//!
//! # Cost
//! A decision examines at most [`Budget::looks`] cells and kinds of promises, and moves at most [`Budget::promises`]
//! promises. Neither depends on quantities, on history, or on the number of holds elsewhere.
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
