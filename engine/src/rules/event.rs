//! The events of rules.

use super::rule::RuleId;
use super::set::RuleSet;
use crate::effect::{Effect, RuleChange, Tell};
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;

tagged! {
    /// An event of rules.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Rules were set, or removed.
        18 => RulesSet(Vec<RuleSet>),
        /// Rules became active (true) or inactive (false) by their dates.
        19 => RulesActivated(Vec<(RuleId, bool)>),
    }
}

impl Event {
    /// Lists its effects.
    #[inline]
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        to.tell(match self {
            Self::RulesSet(rows) => Effect::Rules(RuleChange::Set(rows)),
            Self::RulesActivated(rows) => Effect::Rules(RuleChange::Activated(rows)),
        });
    }

    /// How a repeat of the request is answered: with the kept answer.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::RulesSet(_) | Self::RulesActivated(_) => Repeat::Never,
        }
    }
}
