//! The declared details of SKUs, locations, groups and channels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::business_time::{Span, SpecialDates};
use crate::ids::{GroupId, LocationId};
use crate::prices::list::Currency;

/// Details of a SKU.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SkuDetails {
    /// The display name.
    pub name: Option<String>,
    /// Global Trade Item Numbers between semicolons, their check digits verified.
    pub gtin: Option<String>,
    /// Unit of measure, such as `piece` or `kg`.
    pub unit: Option<String>,
    /// Decimal places of the unit that one counted unit stands for: 0.350 kg is 350 with 3.
    pub decimals: u8,
    /// The product that this is a variant of.
    pub product: Option<String>,
    /// The categories of the SKU.
    pub categories: Vec<String>,
    /// Free attributes, such as `colour` and `size`.
    pub attributes: BTreeMap<String, String>,
}

/// The kind of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LocationKind {
    /// Sells to walk-in customers.
    #[default]
    Store,
    /// Ships.
    Warehouse,
    /// Holds stock that belongs to a supplier until it is bought.
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

/// Details of a location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocationDetails {
    /// The display name.
    pub name: Option<String>,
    /// Its kind.
    pub kind: LocationKind,
    /// Degrees north and east.
    pub coordinates: Option<(f64, f64)>,
    /// IANA time zone.
    pub timezone: Option<String>,
    /// Whether customers may pick up orders here.
    pub pickup: bool,
    /// Whether orders are shipped from here.
    pub ship: bool,
}

impl Default for LocationDetails {
    fn default() -> Self {
        Self { name: None, kind: LocationKind::Store, coordinates: None, timezone: None, pickup: true, ship: true }
    }
}

/// The hours of a location, and its times for an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDetails {
    /// Opening hours in minutes since Monday 00:00 of its own time: from, to. Ascending; no span crosses midnight. Logs
    /// of formats 3 to 5 set it; [`LocationHours`] replaces it since.
    pub hours: Vec<(u16, u16)>,
    /// The cut-off: orders that arrive in an opening at or after this minute of the day wait for the next opening.
    pub pickup_cutoff: Option<u16>,
    /// Minutes of work until an order is ready.
    pub pickup_minutes: u32,
    /// The source of missing units.
    pub brought_from: Option<BroughtFrom>,
}

impl ServiceDetails {
    /// The hours of logs of formats 3 to 5: no spans meant unknown.
    pub fn old_hours(&self) -> LocationHours {
        let weekly = (!self.hours.is_empty()).then(|| self.hours.clone());
        LocationHours { weekly, special: Vec::new() }
    }
}

/// The opening hours of a location since format 6, in place of [`ServiceDetails::hours`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationHours {
    /// In minutes since Monday 00:00 of its own time, as in [`ServiceDetails::hours`]. `None` if unknown; no spans
    /// means closed.
    pub weekly: Option<Vec<Span>>,
    /// Dates with other spans.
    pub special: SpecialDates,
}

/// How a location trades: what its tills, its screens and its papers say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradingDetails {
    /// The currency in which it sells.
    pub currency: Option<Currency>,
    /// Its postal address: one line of text.
    pub address: Option<String>,
    /// The forms of its own barcodes, as [`Pattern`](crate::catalogue::barcodes::Pattern) parses them, in the order in
    /// which they are tried.
    pub barcodes: Vec<String>,
}

/// The source of missing units, and the time that they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroughtFrom {
    /// The locations.
    pub from: GroupId,
    /// Minutes until the units arrive.
    pub minutes: u32,
}

/// A named set of locations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupDetails {
    /// Its members, ascending.
    pub locations: Vec<LocationId>,
}

/// The settings of a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelDetails {
    /// Units of every cell that the channel leaves to others.
    pub buffer: u32,
}
