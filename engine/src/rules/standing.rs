//! A rule in the table.

use serde::{Deserialize, Serialize};

use super::rule::{Rule, RuleId};
use crate::ids::{Name, Seq};

/// A rule with its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandingRule {
    /// Its number in the table.
    pub id: RuleId,
    /// Its id.
    pub name: Name,
    /// Its content.
    pub rule: Rule,
    /// Whether it is in force: the log decides, not the clock.
    pub in_force: bool,
    /// The `seq` of its last activation or end.
    pub since: Seq,
    /// The `seq` at which it was set.
    pub version: Seq,
}

impl StandingRule {
    /// The `seq` of its last change: the version that `If-Match` compares.
    pub fn changed_at(&self) -> Seq {
        self.version.max(self.since)
    }
}
