//! What other rules, or other stock, would have sold: the demand of a past span of the log, replayed in a shop of its own.
//!
//! The shop begins with the stock that the cells had before the span, changed as asked, and goes through the log: what
//! was promised asks again, what was refused asks too, tills sell and goods come in as they did. Each ask is decided by
//! the rules that were in force at that moment, and by those that are tried in their place. Nothing real is touched.
//!
//! What a replay cannot know, it keeps simple, and says so here: a promise that only the replay makes is kept to the end;
//! what was promised of supply is promised again as it was; open promises do not make room for each other; quotas and
//! orders of a day count from the beginning of the span; groups and the catalogue are those of today. So the same span is
//! replayed twice, once with nothing tried, and what the trial would have changed is the difference of the two replays.

mod question;
mod replay;
mod shop;

pub use question::{Place, Question, Tallies, Tally, WhatIfReport};
