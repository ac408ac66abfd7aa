//! Rules in their compact form.

use crate::rules::limits::{Limits, Rank};
use crate::rules::rule::Kind;
use crate::rules::standing::StandingRule;

/// The parts of a rule that a promise needs, small, so that many fit into the caches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compiled {
    pub limits: Limits,
    pub kind: Kind,
    pub names_skus: bool,
    pub names_places: bool,
    pub names_channels: bool,
}

impl Compiled {
    pub fn of(rank: Rank, standing: &StandingRule) -> Self {
        let conditions = &standing.rule.conditions;
        Self {
            limits: Limits::of(rank, &standing.rule),
            kind: standing.rule.effect.kind(),
            names_skus: conditions.name_skus(),
            names_places: conditions.name_places(),
            names_channels: !conditions.channels.is_empty(),
        }
    }
}
