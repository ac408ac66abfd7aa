//! The commands of rules.

use super::rule::Effect;
use crate::catalogue::LocationKind;
use crate::ids::{Name, Timestamp};
use crate::kernel::asked::Asked;
use crate::kernel::version::Precondition;
use crate::state::DurableState;

/// A command of rules.
#[derive(Debug)]
pub enum Command {
    /// Set a whole rule, or remove it if there is no content, if the precondition holds.
    Put(Name, Option<Box<RuleFields>>, Precondition),
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Put(..) => "put",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Put(..) => 1,
        }
    }

    fn may_be_dropped(&self) -> bool {
        true
    }

    fn ends_batch(&self, _: &DurableState) -> bool {
        true
    }
}

/// The content of a rule, by name. It may only name what exists.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleFields {
    /// These SKUs.
    pub skus: Vec<Name>,
    /// SKUs in these categories.
    pub categories: Vec<String>,
    /// SKUs with these attributes.
    pub attributes: Vec<(String, String)>,
    /// These locations.
    pub locations: Vec<Name>,
    /// Locations in these groups.
    pub groups: Vec<Name>,
    /// Locations of these kinds.
    pub kinds: Vec<LocationKind>,
    /// These channels.
    pub channels: Vec<Name>,
    /// The effect.
    pub effect: Effect,
    /// The time from which it applies.
    pub starts_at: Option<Timestamp>,
    /// The time at which it ends.
    pub ends_at: Option<Timestamp>,
}

impl RuleFields {
    /// A rule that applies everywhere and always.
    pub fn everywhere(effect: Effect) -> Self {
        Self {
            skus: Vec::new(),
            categories: Vec::new(),
            attributes: Vec::new(),
            locations: Vec::new(),
            groups: Vec::new(),
            kinds: Vec::new(),
            channels: Vec::new(),
            effect,
            starts_at: None,
            ends_at: None,
        }
    }
}
