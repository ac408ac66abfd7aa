//! The requests of the attackers and their results, by the name of the attack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Of one kind of attack.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    /// Requests and messages.
    pub sent: u64,
    /// The number of answers by status; and other results: `held` (kept open, and not read on purpose),
    /// `left` (gone before the answer), `closed` (by the server, or never let in), `unanswered` (for ten seconds).
    pub outcomes: BTreeMap<String, u64>,
}

/// Of all.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tally(pub BTreeMap<String, Row>);

impl Tally {
    fn row(&mut self, row: &str) -> &mut Row {
        self.0.entry(row.to_owned()).or_default()
    }

    fn count(&mut self, row: &str, outcome: &str) {
        *self.row(row).outcomes.entry(outcome.to_owned()).or_default() += 1;
    }

    pub(super) fn sent(&mut self, row: &str, count: u64) {
        self.row(row).sent += count;
    }

    pub(super) fn answered(&mut self, row: &str, status: u16) {
        self.count(row, &status.to_string());
    }

    pub(super) fn held(&mut self, row: &str) {
        self.count(row, "held");
    }

    pub(super) fn left(&mut self, row: &str) {
        self.count(row, "left");
    }

    /// Records a failed request.
    pub(super) fn failed(&mut self, row: &str, error: &anyhow::Error) {
        let is_late = error.downcast_ref::<tokio::time::error::Elapsed>().is_some();
        self.count(row, if is_late { "unanswered" } else { "closed" });
    }

    pub(super) fn add(&mut self, other: Self) {
        for (name, of) in other.0 {
            let row = self.row(&name);
            row.sent += of.sent;
            for (outcome, count) in of.outcomes {
                *row.outcomes.entry(outcome).or_default() += count;
            }
        }
    }
}
