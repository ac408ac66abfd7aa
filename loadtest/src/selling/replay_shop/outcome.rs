//! What became of the lines of cancellations.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Why a line of a cancellation was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Its customer has fewer units of the SKU, and some.
    MoreThanBought,
    /// Its customer had units of the SKU, and all came back before.
    AllTakenBefore,
    /// Its customer never had one.
    NeverBought,
}

/// What became of a line of a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was taken: of these orders, so many units each.
    Taken(Vec<(String, i64)>),
    /// It was refused; the order is the one that has the most of it, or another one of its customer if none has any.
    Refused(Why, Option<String>),
    /// It is of no sale.
    Unreferenced,
}

/// By the id of the line.
pub(super) type Outcomes = BTreeMap<String, Outcome>;

/// Lines of cancellations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Cancels {
    /// Lines that were taken.
    pub taken: u64,
    /// Of those, lines whose units no order had alone.
    pub of_several_orders: u64,
    /// Lines that were refused because their customer had fewer units.
    pub more_than_bought: u64,
    /// Lines that were refused because their customer had none.
    pub never_bought: u64,
    /// Of those, lines whose customer had some before, all of which came back.
    pub all_taken_before: u64,
    /// Lines without a customer: of no sale.
    pub unreferenced: u64,
}

impl Cancels {
    /// Counts outcomes.
    pub(super) fn count(outcomes: &Outcomes) -> Self {
        let mut cancels = Self::default();
        for outcome in outcomes.values() {
            match outcome {
                Outcome::Taken(orders) => {
                    cancels.taken += 1;
                    cancels.of_several_orders += u64::from(orders.len() > 1);
                }
                Outcome::Refused(Why::MoreThanBought, _) => cancels.more_than_bought += 1,
                Outcome::Refused(Why::NeverBought, _) => cancels.never_bought += 1,
                Outcome::Refused(Why::AllTakenBefore, _) => {
                    cancels.never_bought += 1;
                    cancels.all_taken_before += 1;
                }
                Outcome::Unreferenced => cancels.unreferenced += 1,
            }
        }
        cancels
    }
}
