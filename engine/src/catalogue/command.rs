//! The commands of the catalogue.

use crate::kernel::asked::Asked;
use std::collections::BTreeMap;

use super::details::{ChannelDetails, LocationKind};
use super::names::ThingKind;
use crate::catalogue::business_time::SpecialDates;
use crate::ids::{ChannelId, Name, Seq, SkuId};
use crate::kernel::patch::Patch;
use crate::kernel::version::Precondition;
use crate::state::State;

/// What can be asked of the catalogue.
#[derive(Debug)]
pub enum Command {
    /// Set what is said of one thing, or retire it, if the precondition holds.
    Put(Box<Setting>, Precondition),
    /// Take back the ids of channels that nothing used at a `seq`, if nothing used them since.
    Release(Vec<ChannelId>, Seq),
}

/// What is said of one thing. What is not said of it stays as it is.
#[derive(Debug, Clone)]
pub enum Setting {
    /// A SKU.
    Sku(Name, SkuFields),
    /// A location.
    Location(Name, LocationFields),
    /// A group.
    Group(Name, Patch<Vec<Name>>),
    /// A channel.
    Channel(Name, ChannelFields),
    /// Something that is no more.
    Retire(ThingKind, Name),
}

impl Asked<State> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Put(..) => "put",
            Self::Release(..) => "names given back",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Put(..) => 1,
            Self::Release(channels, _) => channels.len(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        match self {
            Self::Put(..) => true,
            Self::Release(..) => false,
        }
    }

    fn begins_batch(&self, state: &State) -> bool {
        match self {
            Self::Put(setting, _) => match &**setting {
                Setting::Retire(..) => true,
                Setting::Sku(name, fields) => fields.changes_tracking(state, || state.catalogue.skus.id(name.as_str())),
                Setting::Location(..) | Setting::Group(..) | Setting::Channel(..) => false,
            },
            Self::Release(..) => false,
        }
    }

    fn ends_batch(&self, state: &State) -> bool {
        match self {
            Self::Put(setting, _) => match &**setting {
                Setting::Sku(_, fields) => {
                    !fields.tax_class.is_keep()
                        || state.rules.book().looks_at_traits()
                        || self.begins_batch(state)
                }
                Setting::Channel(..) => false,
                Setting::Location(..) | Setting::Group(..) | Setting::Retire(..) => true,
            },
            // What comes next finds the names gone.
            Self::Release(..) => true,
        }
    }
}

/// What is said of a SKU.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SkuFields {
    /// What people call it.
    pub name: Patch<String>,
    /// Global Trade Item Number.
    pub gtin: Patch<String>,
    /// Unit of measure.
    pub unit: Patch<String>,
    /// Decimal places.
    pub decimals: Patch<u8>,
    /// The product of which it is a variant.
    pub product: Patch<String>,
    /// Categories.
    pub categories: Patch<Vec<String>>,
    /// All attributes, before those of [`SkuFields::attributes`].
    pub all_attributes: Patch<BTreeMap<String, String>>,
    /// Attributes one by one; those named are set, others keep their value.
    pub attributes: Vec<(String, String)>,
    /// Whether its units are counted; they are if nobody says.
    pub tracked: Patch<bool>,
    /// Its tax class; the standard one if nobody says.
    pub tax_class: Patch<Name>,
}

impl SkuFields {
    /// Whether the SKU is to be counted, if anything is said of that.
    pub(crate) fn tracks(&self) -> Option<bool> {
        match self.tracked {
            Patch::Keep => None,
            Patch::Clear => Some(true),
            Patch::Set(tracked) => Some(tracked),
        }
    }
}

/// What is said of a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelFields {
    /// Units of every cell that it must leave to others.
    pub buffer: Patch<u32>,
}

impl From<ChannelDetails> for ChannelFields {
    fn from(details: ChannelDetails) -> Self {
        Self { buffer: Patch::Set(details.buffer) }
    }
}

/// What is said of a location.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LocationFields {
    /// What people call it.
    pub name: Patch<String>,
    /// What it is.
    pub kind: Patch<LocationKind>,
    /// Degrees north and east.
    pub coordinates: Patch<(f64, f64)>,
    /// IANA time zone.
    pub timezone: Patch<String>,
    /// Whether customers may fetch orders here.
    pub pickup: Patch<bool>,
    /// Whether orders are shipped from here.
    pub ship: Patch<bool>,
    /// Exactly the groups it is in.
    pub groups: Patch<Vec<Name>>,
    /// When people work there.
    pub services: ServiceFields,
}

/// What is said of the people in a location.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceFields {
    /// When people work there, as in [`LocationHours`](crate::catalogue::LocationHours); empty for never.
    pub hours: Patch<Vec<(u16, u16)>>,
    /// Dates on which other hours hold: all of them.
    pub special_hours: Patch<SpecialDates>,
    /// Minute of the day.
    pub pickup_cutoff: Patch<u16>,
    /// Minutes of work until an order is ready.
    pub pickup_minutes: Patch<u32>,
    /// The group from which what it lacks may be brought. Without one nothing is brought, whatever the minutes.
    pub transfer_group: Patch<Name>,
    /// Minutes until that is there.
    pub transfer_minutes: Patch<u32>,
}

impl SkuFields {
    /// Whether the SKU comes to be counted by them, or no longer is: then the command is the whole of its batch, so that
    /// everything else is decided on what is durable of that.
    pub(crate) fn changes_tracking(&self, state: &State, sku: impl FnOnce() -> Option<SkuId>) -> bool {
        let is_tracked = |sku: Option<SkuId>| sku.is_none_or(|sku| state.catalogue.is_tracked(sku));
        self.tracks().is_some_and(|tracked| tracked != is_tracked(sku()))
    }
}
