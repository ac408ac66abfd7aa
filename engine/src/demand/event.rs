//! The events of refused demand.

use super::lost_demand::LostDemand;
use crate::effect::{Effect, Tell};
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;
use crate::reservations::promise::Purpose;

tagged! {
    /// An event of refused demand.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Requests for units were refused.
        28 => DemandLost(Vec<LostDemand>),
        /// Requests for units were refused, by purpose. Replaces [`Event::DemandLost`] since format 6.
        34 => DemandRefused(Vec<(Purpose, LostDemand)>),
    }
}

impl Event {
    /// Lists its effects.
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        match self {
            Self::DemandLost(rows) => rows.iter().for_each(|row| to.tell(Effect::Refused(None, row))),
            Self::DemandRefused(rows) => {
                rows.iter().for_each(|(purpose, row)| to.tell(Effect::Refused(Some(*purpose), row)));
            }
        }
    }

    /// How a repeat is answered: the engine itself submits the command, so there is none.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::DemandLost(_) | Self::DemandRefused(_) => Repeat::Never,
        }
    }
}
