//! A rule that was set, in an event.

use serde::{Deserialize, Serialize};

use super::rule::{Rule, RuleId};
use crate::ids::Name;

/// A rule that was set, or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleSet {
    /// Its number in the table of rules.
    pub id: RuleId,
    /// Its id.
    pub name: Name,
    /// Its content; `None` if it was removed.
    pub rule: Option<Rule>,
    /// Whether it is in force from now on.
    pub in_force: bool,
}
