//! What is known of SKUs, locations, groups and channels, as it was declared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::business_time::{Span, SpecialDates};
use crate::ids::{GroupId, LocationId};

/// What is known of a SKU.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SkuDetails {
    /// What people call it.
    pub name: Option<String>,
    /// Global Trade Item Numbers between semicolons, their check digits verified.
    pub gtin: Option<String>,
    /// Unit of measure, such as `piece` or `kg`.
    pub unit: Option<String>,
    /// Decimal places of the unit that one counted unit stands for: 0.350 kg is 350 with 3.
    pub decimals: u8,
    /// The product of which this is a variant.
    pub product: Option<String>,
    /// Categories it is filed under.
    pub categories: Vec<String>,
    /// Free attributes, such as `colour` and `size`.
    pub attributes: BTreeMap<String, String>,
}

/// What a location is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LocationKind {
    /// Sells to people who walk in.
    #[default]
    Store,
    /// Ships.
    Warehouse,
    /// Holds stock that is somebody else's until it is bought.
    Supplier,
}

impl LocationKind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Warehouse => "warehouse",
            Self::Supplier => "supplier",
        }
    }
}

/// What is known of a location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocationDetails {
    /// What people call it.
    pub name: Option<String>,
    /// What it is.
    pub kind: LocationKind,
    /// Degrees north and east.
    pub coordinates: Option<(f64, f64)>,
    /// IANA time zone.
    pub timezone: Option<String>,
    /// Whether customers may fetch orders here.
    pub pickup: bool,
    /// Whether orders are shipped from here.
    pub ship: bool,
}

impl Default for LocationDetails {
    fn default() -> Self {
        Self { name: None, kind: LocationKind::Store, coordinates: None, timezone: None, pickup: true, ship: true }
    }
}

/// When people work in a location, and how long they take for an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDetails {
    /// When people work there, in minutes since Monday 00:00 of its own time: from, to. Ascending; no span crosses
    /// midnight. Logs of formats 3 to 5 set it; [`LocationHours`] holds what was said since.
    pub hours: Vec<(u16, u16)>,
    /// Orders that come in an opening at or after this minute of the day wait for the next opening.
    pub pickup_cutoff: Option<u16>,
    /// Minutes of work until an order is ready.
    pub pickup_minutes: u32,
    /// From where what it lacks may be brought.
    pub brought_from: Option<BroughtFrom>,
}

impl ServiceDetails {
    /// The hours that logs of formats 3 to 5 set: none were unknown ones.
    pub fn old_hours(&self) -> LocationHours {
        let weekly = (!self.hours.is_empty()).then(|| self.hours.clone());
        LocationHours { weekly, special: Vec::new() }
    }
}

/// When people work in a location: what was said of it since format 6, in the place of [`ServiceDetails::hours`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationHours {
    /// In minutes since Monday 00:00 of its own time, as in [`ServiceDetails::hours`]. `None` where nobody said; given and
    /// empty, nobody works there.
    pub weekly: Option<Vec<Span>>,
    /// Dates on which other spans hold.
    pub special: SpecialDates,
}

/// From where stock may be brought, and how long that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroughtFrom {
    /// The locations.
    pub from: GroupId,
    /// Minutes until it is there.
    pub minutes: u32,
}

/// A named set of locations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupDetails {
    /// Its members, ascending.
    pub locations: Vec<LocationId>,
}

/// What holds for a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelDetails {
    /// Units of every cell that the channel must leave to others.
    pub buffer: u32,
}
