//! Rules: conditions between *on the shelf* and *may be promised*, as data.
//!
//! A rule states the SKUs, places and channels that it applies to, its start and end, and its effect. Rules are logged
//! like every change: each is in force from the `seq` of the record that set it, or of the record of its activation by
//! date. A promise reads no clock and no string: the rules in force are compiled into a [`Book`], which leads from
//! (SKU, location, channel) to numbers.
//!
//! # Which rule wins
//! Of the rules of one kind that hold for a cell and a channel, one is in force: the one with the most conditions
//! (SKU, category, attribute, location, group, location kind and channel count one each, however many values they name);
//! of those the one that ends soonest, where never is last; of those the one whose id comes first. The safety stock that
//! came with a cell's own stock row counts as a rule with two conditions, its SKU and its location, which never ends and
//! gives way to a rule that is as specific. Quotas do not compete: every one that holds is in force.

pub(crate) mod audit;
mod book;
pub mod command;
pub(crate) mod decide;
pub mod event;
mod explain;
pub(crate) mod fold;
pub(crate) mod frames;
mod gate;
pub(crate) mod known;
mod limits;
pub(crate) mod load;
mod rule;
pub mod set;
mod standing;
mod table;

pub use book::{Book, RowTerms, Terms, WholeRow};
pub use explain::{Explained, Fate};
pub use gate::Gate;
pub use limits::Limits;
pub use rule::{Amount, Band, Conditions, Effect, Kind, Rule, RuleId};
pub use standing::StandingRule;
pub use table::RuleTable;
