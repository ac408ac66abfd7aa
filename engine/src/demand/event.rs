//! The events of demand that was refused.

use super::lost_demand::LostDemand;
use crate::effect::{Effect, Tell};
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;
use crate::reservations::promise::Purpose;

tagged! {
    /// What was asked for in vain.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Units were asked for and refused.
        28 => DemandLost(Vec<LostDemand>),
        /// Units were asked for and refused, for a purpose. In the place of [`Event::DemandLost`] since format 6.
        34 => DemandRefused(Vec<(Purpose, LostDemand)>),
    }
}

impl Event {
    /// Tells what it does.
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        match self {
            Self::DemandLost(rows) => rows.iter().for_each(|row| to.tell(Effect::Refused(None, row))),
            Self::DemandRefused(rows) => {
                rows.iter().for_each(|(purpose, row)| to.tell(Effect::Refused(Some(*purpose), row)));
            }
        }
    }

    /// How a repeat of the request behind it is answered: the engine notes it by itself.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::DemandLost(_) | Self::DemandRefused(_) => Repeat::Never,
        }
    }
}
