//! What-if: replays the demand of a past span of the log in a separate shop, with other rules or other stock.
//!
//! The replay starts with the stock before the span, with the requested changes, and goes through the log: granted and
//! refused requests are made again, tills sell and goods arrive as they did. Each request is decided by the rules of
//! its time, with the tried rules in place of some. The real state does not change.
//!
//! A replay cannot know everything; these are its simplifications: a promise that only the replay grants is kept to the
//! end; a promise of inbound supply is repeated as it was; open promises do not move for each other; quotas and orders
//! per day count from the beginning of the span; groups and the catalogue are today's. So the span is replayed twice,
//! once without changes, and the difference of the two replays is the effect of the changes.

mod question;
mod replay;
mod shop;

pub use question::{Question, Tallies, Tally, TallyKey, WhatIfReport};
