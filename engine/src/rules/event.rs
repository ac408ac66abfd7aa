//! The events of rules.

use super::rule::RuleId;
use super::set::RuleSet;
use crate::effect::{Effect, RuleChange, Tell};
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;

tagged! {
    /// What can happen to rules.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Rules were set, or removed.
        18 => RulesSet(Vec<RuleSet>),
        /// The date of rules came: they are in force from here on (true), or no longer are.
        19 => RulesActivated(Vec<(RuleId, bool)>),
    }
}

impl Event {
    /// Tells what it does.
    #[inline]
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        to.tell(match self {
            Self::RulesSet(rows) => Effect::Rules(RuleChange::Set(rows)),
            Self::RulesActivated(rows) => Effect::Rules(RuleChange::Activated(rows)),
        });
    }

    /// How a repeat of the request behind it is answered: who sets a rule is answered by what was told.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::RulesSet(_) | Self::RulesActivated(_) => Repeat::Never,
        }
    }
}
