//! A rule as it stands in the table.

use serde::{Deserialize, Serialize};

use super::rule::{Rule, RuleId};
use crate::ids::{Name, Seq};

/// A rule as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandingRule {
    /// Its place in the table.
    pub id: RuleId,
    /// Its id.
    pub name: Name,
    /// What it says.
    pub rule: Rule,
    /// Whether it is in force: the log says so, not the clock.
    pub in_force: bool,
    /// The `seq` at which it came into force, or went out of it, the last time.
    pub since: Seq,
    /// The `seq` at which it was set.
    pub version: Seq,
}

impl StandingRule {
    /// The `seq` from which on it stands as it does: the version that `If-Match` compares.
    pub fn changed_at(&self) -> Seq {
        self.version.max(self.since)
    }
}
