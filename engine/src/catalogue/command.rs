//! The commands of the catalogue.

use crate::kernel::asked::Asked;
use std::collections::BTreeMap;

use super::barcodes::Patterns;
use super::details::{ChannelDetails, LocationKind};
use super::names::ThingKind;
use crate::catalogue::business_time::SpecialDates;
use crate::ids::{ChannelId, Name, Seq, SkuId};
use crate::kernel::patch::Patch;
use crate::kernel::version::Precondition;
use crate::prices::list::Currency;
use crate::state::DurableState;

/// A command of the catalogue.
#[derive(Debug)]
pub enum Command {
    /// Set the fields of one item, or retire it, if the precondition holds.
    Put(Box<Setting>, Precondition),
    /// Release the ids of channels that were unused at a `seq`, if they are still unused.
    Release(Vec<ChannelId>, Seq),
}

/// The new fields of one item. Fields that are left out stay unchanged.
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
    /// An item to retire.
    Retire(ThingKind, Name),
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Put(..) => "put",
            Self::Release(..) => "released names",
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

    fn begins_batch(&self, state: &DurableState) -> bool {
        match self {
            Self::Put(setting, _) => match &**setting {
                Setting::Retire(..) => true,
                Setting::Sku(name, fields) => fields.changes_tracking(state, || state.catalogue.skus.id(name.as_str())),
                Setting::Location(..) | Setting::Group(..) | Setting::Channel(..) => false,
            },
            Self::Release(..) => false,
        }
    }

    fn ends_batch(&self, state: &DurableState) -> bool {
        match self {
            Self::Put(setting, _) => match &**setting {
                Setting::Sku(_, fields) => {
                    !fields.tax_class.is_keep() || state.rules.book().looks_at_traits() || self.begins_batch(state)
                }
                Setting::Channel(..) => false,
                Setting::Location(..) | Setting::Group(..) | Setting::Retire(..) => true,
            },
            // Later commands find the names retired.
            Self::Release(..) => true,
        }
    }
}

/// The new fields of a SKU.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SkuFields {
    /// The display name.
    pub name: Patch<String>,
    /// Global Trade Item Number.
    pub gtin: Patch<String>,
    /// Unit of measure.
    pub unit: Patch<String>,
    /// Decimal places.
    pub decimals: Patch<u8>,
    /// The product that it is a variant of.
    pub product: Patch<String>,
    /// Categories.
    pub categories: Patch<Vec<String>>,
    /// All attributes; applied before [`SkuFields::attributes`].
    pub all_attributes: Patch<BTreeMap<String, String>>,
    /// Single attributes; the others keep their values.
    pub attributes: Vec<(String, String)>,
    /// Whether its units are tracked; true by default.
    pub tracked: Patch<bool>,
    /// Its tax class; without one it is `standard`.
    pub tax_class: Patch<Name>,
}

impl SkuFields {
    /// The new value of `tracked`, if it is set.
    pub(crate) fn tracks(&self) -> Option<bool> {
        match self.tracked {
            Patch::Keep => None,
            Patch::Clear => Some(true),
            Patch::Set(tracked) => Some(tracked),
        }
    }
}

/// The new fields of a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelFields {
    /// Units of every cell that it leaves to others.
    pub buffer: Patch<u32>,
}

impl From<ChannelDetails> for ChannelFields {
    fn from(details: ChannelDetails) -> Self {
        Self { buffer: Patch::Set(details.buffer) }
    }
}

/// The new fields of a location.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LocationFields {
    /// The display name.
    pub name: Patch<String>,
    /// Its kind.
    pub kind: Patch<LocationKind>,
    /// Degrees north and east.
    pub coordinates: Patch<(f64, f64)>,
    /// IANA time zone.
    pub timezone: Patch<String>,
    /// Whether customers may pick up orders here.
    pub pickup: Patch<bool>,
    /// Whether orders are shipped from here.
    pub ship: Patch<bool>,
    /// The groups that contain it: the whole list.
    pub groups: Patch<Vec<Name>>,
    /// Its opening hours.
    pub services: ServiceFields,
    /// How it trades.
    pub trading: TradingFields,
}

/// The new fields of how a location trades.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TradingFields {
    /// The currency in which it sells.
    pub currency: Patch<Currency>,
    /// Its postal address.
    pub address: Patch<String>,
    /// The forms of its own barcodes: the whole list.
    pub barcodes: Patch<Patterns>,
}

/// The new service fields of a location.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceFields {
    /// Opening hours, as in [`LocationHours`](crate::catalogue::LocationHours); empty for never.
    pub hours: Patch<Vec<(u16, u16)>>,
    /// Dates with other hours: the whole list.
    pub special_hours: Patch<SpecialDates>,
    /// The cut-off, as a minute of the day.
    pub pickup_cutoff: Patch<u16>,
    /// Minutes of work until an order is ready.
    pub pickup_minutes: Patch<u32>,
    /// The group that may send missing units. Without one, nothing is sent, whatever the minutes.
    pub transfer_group: Patch<Name>,
    /// Minutes until these units arrive.
    pub transfer_minutes: Patch<u32>,
}

impl SkuFields {
    /// Whether the fields change `tracked`: then the command is the whole of its batch, so that everything else is
    /// decided on the durable change.
    pub(crate) fn changes_tracking(&self, state: &DurableState, sku: impl FnOnce() -> Option<SkuId>) -> bool {
        let is_tracked = |sku: Option<SkuId>| sku.is_none_or(|sku| state.catalogue.is_tracked(sku));
        self.tracks().is_some_and(|tracked| tracked != is_tracked(sku()))
    }
}
