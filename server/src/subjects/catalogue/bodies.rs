//! SKUs, locations, groups and channels on the wire.

use std::collections::BTreeMap;

use anaquel_engine::business_time::{Span, SpecialDates};
use anaquel_engine::command::{ChannelFields, LocationFields, ServiceFields, SkuFields};
use anaquel_engine::ids::Name;
use anaquel_engine::level::LINE_QUANTITY_MAX;
use anaquel_engine::patch::Patch;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::subjects::catalogue::{hours, trading};
use crate::wire::patch::{self, Said};
use crate::wire::{TEXT_BYTES_MAX, location_kind, name};

/// The maximum number of attributes of a SKU, and of its categories.
pub const ATTRIBUTES_MAX: usize = 64;

/// The maximum number of names in one list.
const LIST_MAX: usize = 10_000;

/// Fields of a SKU. A field that is left out keeps its value; `null` removes it.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SkuBody {
    /// The display name.
    #[schema(example = "T-shirt, red, M", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub name: Said<String>,
    /// Global Trade Item Number: EAN-8, UPC-A, EAN-13 or GTIN-14 with a valid check digit; several are separated by
    /// semicolons.
    #[schema(example = "4006381333931", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub gtin: Said<String>,
    /// Unit of measure.
    #[schema(example = "piece", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub unit: Said<String>,
    /// Decimal places of the unit that one counted unit stands for, 0 to 9; 0 by default.
    #[schema(value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub decimals: Said<i64>,
    /// The product that this SKU is a variant of.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub product: Said<String>,
    /// The categories of the SKU.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub categories: Said<Vec<String>>,
    /// Free attributes: the whole set.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    #[serde(deserialize_with = "patch::map")]
    pub attributes: Said<BTreeMap<String, String>>,
    /// Whether the units are counted; true by default. `false` is for services, gift cards and digital goods: every
    /// declared location can promise the SKU, it is never short, and no stock of it is booked. It changes only while no
    /// cell of the SKU holds stock, reservations or supply (409 `wrong-state`).
    #[schema(value_type = Option<bool>)]
    #[serde(deserialize_with = "patch::said")]
    pub tracked: Said<bool>,
    /// Its tax class; `standard` if nobody says.
    #[schema(example = "standard", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub tax_class: Said<String>,
}

/// Fields of a location. A field that is left out keeps its value; `null` removes it.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LocationBody {
    /// The display name.
    #[schema(example = "Madrid, Gran V\u{ed}a", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub name: Said<String>,
    /// `store` (default), `warehouse` or `supplier`.
    #[schema(example = "store", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub kind: Said<String>,
    /// Degrees north.
    #[schema(value_type = Option<f64>)]
    #[serde(deserialize_with = "patch::said")]
    pub latitude: Said<f64>,
    /// Degrees east.
    #[schema(value_type = Option<f64>)]
    #[serde(deserialize_with = "patch::said")]
    pub longitude: Said<f64>,
    /// A name of the tz database; UTC while there is none.
    #[schema(example = "Europe/Madrid", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub timezone: Said<String>,
    /// Whether customers may pick up orders here; true by default. If false, a reservation for `pickup` is refused.
    #[schema(value_type = Option<bool>)]
    #[serde(deserialize_with = "patch::said")]
    pub pickup: Said<bool>,
    /// Whether the location ships orders; true by default. If false, a reservation for `delivery` is refused.
    #[schema(value_type = Option<bool>)]
    #[serde(deserialize_with = "patch::said")]
    pub ship: Said<bool>,
    /// The groups that contain the location: the whole list.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub groups: Said<Vec<String>>,
    /// Opening hours by day (`mon` to `sun`) in the location's time; `closed` for a day without hours. A given value
    /// without any span means always closed; without a value, the location counts as always open.
    #[schema(example = json!({"mon": "10:00-14:00,17:00-20:30", "sat": "10:00-14:00"}), value_type = Option<BTreeMap<String, String>>)]
    #[serde(deserialize_with = "patch::map")]
    pub hours: Said<BTreeMap<String, String>>,
    /// Dates with other hours: the whole list.
    #[schema(value_type = Option<Vec<hours::SpecialDay>>)]
    #[serde(deserialize_with = "patch::said")]
    pub special_hours: Said<Vec<hours::SpecialDay>>,
    /// The cut-off: orders after this time of day wait for the next opening. It belongs to the opening that contains
    /// it.
    #[schema(example = "18:00", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub pickup_cutoff: Said<String>,
    /// Minutes of work until an order is ready for pickup.
    #[schema(example = 120, value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub pickup_minutes: Said<i64>,
    /// The group whose locations may send units that this location lacks.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub transfer_group: Said<String>,
    /// Minutes until these units arrive.
    #[schema(value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub transfer_minutes: Said<i64>,
    /// The currency in which the location sells: its tills and screens ask for prices in it.
    #[schema(example = "EUR", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub currency: Said<String>,
    /// Its postal address: one line of text.
    #[schema(example = "Gran V\u{ed}a 32, 28013 Madrid", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub address: Said<String>,
    /// The forms of the barcodes that the location prints itself, 20 to 29, in the order in which they are tried: the
    /// whole list. A digit is itself, `I` a digit of the item, `W` of its weight in grams, `P` of its price in minor
    /// units, `C` the check digit.
    #[schema(example = json!(["2IIIIIIWWWWWC"]), value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub barcodes: Said<Vec<String>>,
}

/// The members of a group.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroupBody {
    /// Its locations; each must be known. If left out, the members stay; `null` or `[]` removes all.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub locations: Said<Vec<String>>,
}

/// The settings of a channel.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelBody {
    /// Units of each cell that the channel leaves to others; a field that is left out keeps its value; 0 by default.
    #[schema(example = 2, value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub buffer: Said<i64>,
}

impl SkuBody {
    /// The fields, validated.
    pub fn into_fields(self) -> Result<SkuFields, Problem> {
        let wrong = |reason| Problem::invalid("decimals", reason);
        let decimals = Patch::said(self.decimals).try_map(|value| decimals(value).map_err(wrong))?;
        let (categories, attributes) = (Patch::said(self.categories), Patch::said(self.attributes));
        if attributes.value().map_or(0, BTreeMap::len) > ATTRIBUTES_MAX {
            return Err(Problem::invalid("attributes", format!("at most {ATTRIBUTES_MAX} attributes are allowed")));
        }
        if categories.value().map_or(0, Vec::len) > ATTRIBUTES_MAX {
            return Err(Problem::invalid("categories", format!("at most {ATTRIBUTES_MAX} categories are allowed")));
        }
        for (key, value) in attributes.value().into_iter().flatten() {
            bounded(&format!("attributes.{key}"), value)?;
            name("attributes", key)?;
        }
        for category in categories.value().into_iter().flatten() {
            bounded("categories", category)?;
        }
        Ok(SkuFields {
            name: text("name", self.name)?,
            gtin: text("gtin", self.gtin)?,
            unit: text("unit", self.unit)?,
            decimals,
            product: text("product", self.product)?,
            categories,
            all_attributes: attributes,
            attributes: Vec::new(),
            tracked: Patch::said(self.tracked),
            tax_class: Patch::said(self.tax_class).try_map(|class| name("tax_class", &class))?,
        })
    }
}

impl LocationBody {
    /// The fields, validated.
    pub fn into_fields(self) -> Result<LocationFields, Problem> {
        let wrong = |reason| Problem::invalid("kind", reason);
        let kind = Patch::said(self.kind).try_map(|text| location_kind(&text).map_err(wrong))?;
        let coordinates = match (self.latitude, self.longitude) {
            (None, None) => Patch::Keep,
            (Some(None), Some(None)) => Patch::Clear,
            (Some(Some(latitude)), Some(Some(longitude))) => {
                Patch::Set(coordinates(latitude, longitude).map_err(|(field, reason)| Problem::invalid(field, reason))?)
            }
            (None | Some(None), Some(_)) => return Err(Problem::invalid("latitude", "is required beside longitude")),
            (Some(_), None | Some(None)) => return Err(Problem::invalid("longitude", "is required beside latitude")),
        };
        let groups = Patch::said(self.groups).try_map(|groups| names("groups", &groups))?;
        let wrong = |reason| Problem::invalid("hours", reason);
        let hours = Patch::said(self.hours).try_map(|days| hours::parse(&days).map_err(wrong))?;
        let wrong = |reason| Problem::invalid("special_hours", reason);
        let special = Patch::said(self.special_hours).try_map(|days| hours::parse_special(&days).map_err(wrong))?;
        let wrong = |reason| Problem::invalid("timezone", reason);
        let zone = |name| hours::zone(Some(name)).map(Option::unwrap_or_default).map_err(wrong);
        let timezone = Patch::said(self.timezone).try_map(zone)?;
        let services = services(
            (hours, special),
            Patch::said(self.pickup_cutoff),
            Patch::said(self.pickup_minutes),
            Patch::said(self.transfer_group),
            Patch::said(self.transfer_minutes),
        )
        .map_err(|(field, reason)| Problem::invalid(field, reason))?;
        let (currency, address) = (Patch::said(self.currency), Patch::said(self.address));
        let trading = trading::fields(currency, address, Patch::said(self.barcodes))
            .map_err(|wrong| Problem::invalid(&wrong.path(), wrong.reason))?;
        Ok(LocationFields {
            services,
            trading,
            name: text("name", self.name)?,
            kind,
            coordinates,
            timezone,
            pickup: Patch::said(self.pickup),
            ship: Patch::said(self.ship),
            groups,
        })
    }
}

/// The maximum of pickup_minutes and transfer_minutes: 31 days.
const MINUTES_MAX: i64 = 31 * 24 * 60;

/// Hours by day, and on special dates.
type Hours = (Patch<Vec<Span>>, Patch<SpecialDates>);

/// The opening hours of a location, validated.
pub fn services(
    (hours, special_hours): Hours,
    cutoff: Patch<String>,
    pickup_minutes: Patch<i64>,
    transfer_group: Patch<String>,
    transfer_minutes: Patch<i64>,
) -> Result<ServiceFields, (&'static str, String)> {
    let minutes = |field: &'static str, value: i64| {
        let value = u32::try_from(value).ok().filter(|value| i64::from(*value) <= MINUTES_MAX);
        value.ok_or_else(|| (field, format!("is not between 0 and {MINUTES_MAX}")))
    };
    Ok(ServiceFields {
        hours,
        special_hours,
        pickup_cutoff: cutoff.try_map(|text| hours::minute(&text).map_err(|reason| ("pickup_cutoff", reason)))?,
        pickup_minutes: pickup_minutes.try_map(|value| minutes("pickup_minutes", value))?,
        transfer_group: transfer_group
            .try_map(|text| Name::parse(&text).map_err(|error| ("transfer_group", error.to_string())))?,
        transfer_minutes: transfer_minutes.try_map(|value| minutes("transfer_minutes", value))?,
    })
}

impl GroupBody {
    /// The members, validated.
    pub fn into_names(self) -> Result<Patch<Vec<Name>>, Problem> {
        Patch::said(self.locations).try_map(|locations| names("locations", &locations))
    }
}

impl ChannelBody {
    /// The settings, validated.
    pub fn into_fields(self) -> Result<ChannelFields, Problem> {
        let buffer = Patch::said(self.buffer).try_map(|value| {
            let buffer = u32::try_from(value).ok().filter(|buffer| *buffer <= LINE_QUANTITY_MAX);
            let reason = || Problem::invalid("buffer", format!("{value} is not between 0 and {LINE_QUANTITY_MAX}"));
            buffer.ok_or_else(reason)
        })?;
        Ok(ChannelFields { buffer })
    }
}

fn text(field: &str, said: Said<String>) -> Result<Patch<String>, Problem> {
    Patch::said(said).try_map(|value| bounded(field, &value).map(|()| value))
}

fn bounded(field: &str, value: &str) -> Result<(), Problem> {
    if value.len() > TEXT_BYTES_MAX {
        return Err(Problem::invalid(field, format!("is longer than {TEXT_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn names(field: &str, texts: &[String]) -> Result<Vec<Name>, Problem> {
    if texts.len() > LIST_MAX {
        return Err(Problem::invalid(field, format!("has {} entries; at most {LIST_MAX} are allowed", texts.len())));
    }
    texts.iter().enumerate().map(|(at, text)| name(format!("{field}[{at}]"), text)).collect()
}

/// Parses a number of decimal places.
pub fn decimals(value: i64) -> Result<u8, String> {
    u8::try_from(value).ok().filter(|places| *places <= 9).ok_or_else(|| format!("{value} is not between 0 and 9"))
}

/// Parses a pair of coordinates.
pub fn coordinates(latitude: f64, longitude: f64) -> Result<(f64, f64), (&'static str, String)> {
    if !(-90.0..=90.0).contains(&latitude) {
        return Err(("latitude", format!("{latitude} is not between -90 and 90")));
    }
    if !(-180.0..=180.0).contains(&longitude) {
        return Err(("longitude", format!("{longitude} is not between -180 and 180")));
    }
    Ok((latitude, longitude))
}
