//! The events of the catalogue: names, and details of SKUs, locations, groups and channels.

use super::details::{
    ChannelDetails, GroupDetails, LocationDetails, LocationHours, ServiceDetails, SkuDetails, TradingDetails,
};
use super::names::{Definitions, MadeUp};
use crate::effect::{Described, Effect, Naming, Tell};
use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;

tagged! {
    /// An event of the catalogue.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Names got their interned ids. Precedes the first record that uses them.
        0 => Defined(Box<Definitions>),
        /// SKUs got details.
        1 => SkusSet(Vec<(SkuId, SkuDetails)>),
        /// Locations got details.
        2 => LocationsSet(Vec<(LocationId, LocationDetails)>),
        /// Groups got their members.
        3 => GroupsSet(Vec<(GroupId, GroupDetails)>),
        /// Channels got their settings.
        4 => ChannelsSet(Vec<(ChannelId, ChannelDetails)>),
        /// Locations got their hours and service times.
        22 => ServicesSet(Vec<(LocationId, ServiceDetails)>),
        /// Undeclared names got their interned ids. Precedes the first record that uses them.
        29 => MadeUp(Box<MadeUp>),
        /// Unused names lost their ids. Another name may get such an id once the log no longer has this record.
        30 => Released(Box<Definitions>),
        /// Locations got their opening hours and dates.
        32 => HoursSet(Vec<(LocationId, LocationHours)>),
        /// Locations got their quarantines. Precedes the first record of a quarantine's contents.
        36 => QuarantinesMade(Vec<(LocationId, LocationId)>),
        /// Names were retired: nothing holds them, and they accept nothing new. They keep their ids.
        38 => Retired(Box<Definitions>),
        /// Retired names came back with their former ids. Precedes the first record that uses them again.
        39 => Revived(Box<Definitions>),
        /// SKUs became tracked (true) or untracked (false). None of their cells holds anything at that moment.
        40 => TrackingSet(Vec<(SkuId, bool)>),
        /// Locations got their currency, address and barcodes.
        70 => TradingSet(Vec<(LocationId, TradingDetails)>),
    }
}

impl Event {
    /// Lists its effects.
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
            Self::TradingSet(rows) => Effect::Described(Described::Trading(rows)),
            Self::GroupsSet(rows) => Effect::Described(Described::Groups(rows)),
            Self::ChannelsSet(rows) => Effect::Described(Described::Channels(rows)),
        });
    }

    /// How a repeat of the request is answered: with the kept answer of what was set.
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
            | Self::TradingSet(_)
            | Self::GroupsSet(_)
            | Self::ChannelsSet(_) => Repeat::Never,
        }
    }
}
