//! A rule that was set, as an event tells it.

use serde::{Deserialize, Serialize};

use super::rule::{Rule, RuleId};
use crate::ids::Name;

/// A rule that was set, or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleSet {
    /// Its place in the table of rules.
    pub id: RuleId,
    /// Its id.
    pub name: Name,
    /// What it says; `None` where it was removed.
    pub rule: Option<Rule>,
    /// Whether it is in force from here on.
    pub in_force: bool,
}
