//! The commands of rules.

use super::rule::Effect;
use crate::catalogue::LocationKind;
use crate::ids::{Name, Timestamp};
use crate::kernel::asked::Asked;
use crate::kernel::version::Precondition;
use crate::state::DurableState;

/// What can be asked of rules.
#[derive(Debug)]
pub enum Command {
    /// Set a rule whole, or remove it where nothing is said of it, if the precondition holds.
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

/// What is said of a rule, by name. It names only what there is.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleFields {
    /// One of these SKUs.
    pub skus: Vec<Name>,
    /// A SKU in one of these categories.
    pub categories: Vec<String>,
    /// A SKU with one of these attributes.
    pub attributes: Vec<(String, String)>,
    /// One of these locations.
    pub locations: Vec<Name>,
    /// A location in one of these groups.
    pub groups: Vec<Name>,
    /// A location of one of these kinds.
    pub kinds: Vec<LocationKind>,
    /// One of these channels.
    pub channels: Vec<Name>,
    /// What it does.
    pub effect: Effect,
    /// From when on.
    pub starts_at: Option<Timestamp>,
    /// Until when.
    pub ends_at: Option<Timestamp>,
}

impl RuleFields {
    /// A rule that holds everywhere and always.
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
