//! The events of the catalogue: names, and what is said of SKUs, locations, groups and channels.

use super::details::{ChannelDetails, GroupDetails, LocationDetails, LocationHours, ServiceDetails, SkuDetails};
use super::names::{Definitions, MadeUp};
use crate::effect::{Described, Effect, Naming, Tell};
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;

tagged! {
    /// What can happen to the catalogue.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Names got their interned ids. Comes before the first record that uses them.
        0 => Defined(Box<Definitions>),
        /// SKUs were described.
        1 => SkusSet(Vec<(SkuId, SkuDetails)>),
        /// Locations were described.
        2 => LocationsSet(Vec<(LocationId, LocationDetails)>),
        /// Groups got their members.
        3 => GroupsSet(Vec<(GroupId, GroupDetails)>),
        /// Channels got their settings.
        4 => ChannelsSet(Vec<(ChannelId, ChannelDetails)>),
        /// Locations got their hours and what else people there do for orders.
        22 => ServicesSet(Vec<(LocationId, ServiceDetails)>),
        /// Names that nobody declared got their interned ids. Comes before the first record that uses them.
        29 => MadeUp(Box<MadeUp>),
        /// Names that nothing uses lost their ids. Another name may get one of them once the log no longer has this record.
        30 => Released(Box<Definitions>),
        /// Locations got the hours and dates at which people work there.
        32 => HoursSet(Vec<(LocationId, LocationHours)>),
        /// Locations got their quarantines: which, and of which. Comes before the first record of what is in one.
        36 => QuarantinesMade(Vec<(LocationId, LocationId)>),
        /// Names were retired: nothing holds them, and nothing new is done with them. Their ids stay theirs.
        38 => Retired(Box<Definitions>),
        /// Retired names came back, with the ids that they had. Comes before the first record that uses them again.
        39 => Revived(Box<Definitions>),
        /// SKUs are counted from here on (true), or nobody counts them (false). None of their cells holds anything then.
        40 => TrackingSet(Vec<(SkuId, bool)>),
    }
}

impl Event {
    /// Tells what it does.
    #[inline]
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        to.tell(match self {
            Self::Defined(names) => Effect::Names(Naming::Defined(names)),
            Self::MadeUp(made_up) => Effect::Names(Naming::MadeUp(made_up)),
            Self::Released(names) => Effect::Names(Naming::Released(names)),
            Self::Retired(names) => Effect::Names(Naming::Retired(names)),
            Self::Revived(names) => Effect::Names(Naming::Revived(names)),
            Self::QuarantinesMade(rows) => Effect::Names(Naming::Quarantines(rows)),
            Self::SkusSet(rows) => Effect::Described(Described::Skus(rows)),
            Self::TrackingSet(rows) => Effect::Described(Described::Tracking(rows)),
            Self::LocationsSet(rows) => Effect::Described(Described::Locations(rows)),
            Self::ServicesSet(rows) => Effect::Described(Described::Services(rows)),
            Self::HoursSet(rows) => Effect::Described(Described::Hours(rows)),
            Self::GroupsSet(rows) => Effect::Described(Described::Groups(rows)),
            Self::ChannelsSet(rows) => Effect::Described(Described::Channels(rows)),
        });
    }

    /// How a repeat of the request behind it is answered: who sets something is answered by what was told.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Defined(_)
            | Self::MadeUp(_)
            | Self::Released(_)
            | Self::Retired(_)
            | Self::Revived(_)
            | Self::QuarantinesMade(_)
            | Self::SkusSet(_)
            | Self::TrackingSet(_)
            | Self::LocationsSet(_)
            | Self::ServicesSet(_)
            | Self::HoursSet(_)
            | Self::GroupsSet(_)
            | Self::ChannelsSet(_) => Repeat::Never,
        }
    }
}
