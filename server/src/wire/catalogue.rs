//! SKUs, locations, groups, channels and prices on the wire.

use std::collections::BTreeMap;

use anaquel_engine::Engine;
use anaquel_engine::business_time::{Span, SpecialDates};
use anaquel_engine::catalogue::{
    ChannelDetails, LocationDetails, LocationHours, LocationKind, Price, ServiceDetails, SkuDetails, Versioned,
};
use anaquel_engine::command::{LocationFields, ServiceFields, SkuFields, Version};
use anaquel_engine::event::{CellToCome, PlaceSet, Thing};
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, Name, SkuId};
use anaquel_engine::level::LINE_QUANTITY_MAX;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{hours, name};
use crate::problem::Problem;
use crate::sight::Sight;

/// The longest text of a detail, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Attributes of a SKU, and categories it is filed under.
pub const ATTRIBUTES_MAX: usize = 64;

/// Names in one list.
const LIST_MAX: usize = 10_000;

/// What is known of a SKU.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SkuBody {
    /// What people call it.
    #[schema(example = "T-shirt, red, M")]
    pub name: Option<String>,
    /// Global Trade Item Number: EAN-8, UPC-A, EAN-13 or GTIN-14, its check digit verified; several between semicolons.
    #[schema(example = "4006381333931")]
    pub gtin: Option<String>,
    /// Unit of measure.
    #[schema(example = "piece")]
    pub unit: Option<String>,
    /// Decimal places of the unit that one counted unit stands for, 0 to 9.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub decimals: Option<i64>,
    /// The product of which it is a variant.
    pub product: Option<String>,
    /// Categories it is filed under.
    pub categories: Option<Vec<String>>,
    /// Free attributes.
    #[serde(deserialize_with = "super::strict::map")]
    pub attributes: Option<BTreeMap<String, String>>,
}

/// What is known of a location.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LocationBody {
    /// What people call it.
    #[schema(example = "Madrid, Gran V\u{ed}a")]
    pub name: Option<String>,
    /// `store` (default), `warehouse` or `supplier`.
    #[schema(example = "store")]
    pub kind: Option<String>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// A name of the tz database; UTC while there is none.
    #[schema(example = "Europe/Madrid")]
    pub timezone: Option<String>,
    /// Whether customers may fetch orders here; yes if left out. Where they may not, no reservation for `pickup` is taken.
    pub pickup: Option<bool>,
    /// Whether orders are shipped from here; yes if left out. Where they are not, no reservation for `delivery` is taken.
    pub ship: Option<bool>,
    /// Exactly the groups it is in; left out, it stays in those it is in.
    pub groups: Option<Vec<String>>,
    /// When people work there, by day (`mon` to `sun`), in its own time; `closed` for a day on which nobody does. Hours that
    /// are given and hold no span are closed; while they were never given, nothing stands in the way of work.
    #[schema(example = json!({"mon": "10:00-14:00,17:00-20:30", "sat": "10:00-14:00"}))]
    #[serde(deserialize_with = "super::strict::map")]
    pub hours: Option<BTreeMap<String, String>>,
    /// Dates on which other hours hold: all of them.
    pub special_hours: Option<Vec<hours::SpecialDay>>,
    /// Orders that come at or after this time of the day wait for the next opening. It belongs to the opening that it falls
    /// into.
    #[schema(example = "18:00")]
    pub pickup_cutoff: Option<String>,
    /// Minutes of work until an order is ready to be fetched.
    #[schema(example = 120)]
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub pickup_minutes: Option<i64>,
    /// The group from which what it lacks may be brought.
    pub transfer_group: Option<String>,
    /// Minutes until that is there.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub transfer_minutes: Option<i64>,
}

/// The members of a group.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupBody {
    /// Its locations; each must be known.
    pub locations: Vec<String>,
}

/// What holds for a channel.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelBody {
    /// Units of every cell that it must leave to others.
    #[schema(example = 2)]
    #[serde(default, deserialize_with = "crate::wire::whole::required")]
    pub buffer: i64,
}

impl SkuBody {
    /// The fields, validated.
    pub fn into_fields(self) -> Result<SkuFields, Problem> {
        let decimals =
            self.decimals.map(decimals).transpose().map_err(|reason| Problem::invalid("decimals", reason))?;
        let attributes: Vec<_> = self.attributes.unwrap_or_default().into_iter().collect();
        let categories = self.categories.as_ref().map_or(0, Vec::len);
        if attributes.len() > ATTRIBUTES_MAX || categories > ATTRIBUTES_MAX {
            let reason = format!("at most {ATTRIBUTES_MAX} attributes and as many categories are taken");
            return Err(Problem::invalid("attributes", reason));
        }
        for (key, value) in &attributes {
            bounded(&format!("attributes.{key}"), value)?;
            name("attributes", key)?;
        }
        for category in self.categories.iter().flatten() {
            bounded("categories", category)?;
        }
        Ok(SkuFields {
            name: text("name", self.name)?,
            gtin: text("gtin", self.gtin)?,
            unit: text("unit", self.unit)?,
            decimals,
            product: text("product", self.product)?,
            categories: self.categories,
            attributes,
        })
    }
}

impl LocationBody {
    /// The fields, validated.
    pub fn into_fields(self) -> Result<LocationFields, Problem> {
        let kind =
            self.kind.as_deref().map(parse_kind).transpose().map_err(|reason| Problem::invalid("kind", reason))?;
        let coordinates = match (self.latitude, self.longitude) {
            (None, None) => None,
            (Some(latitude), Some(longitude)) => {
                Some(coordinates(latitude, longitude).map_err(|(field, reason)| Problem::invalid(field, reason))?)
            }
            (None, Some(_)) => return Err(Problem::invalid("latitude", "is needed beside longitude")),
            (Some(_), None) => return Err(Problem::invalid("longitude", "is needed beside latitude")),
        };
        let groups = self.groups.map(|groups| names("groups", &groups)).transpose()?;
        let hours =
            self.hours.as_ref().map(hours::parse).transpose().map_err(|reason| Problem::invalid("hours", reason))?;
        let special = self.special_hours.as_deref().map(hours::parse_special).transpose();
        let special = special.map_err(|reason| Problem::invalid("special_hours", reason))?;
        let timezone = hours::zone(self.timezone).map_err(|reason| Problem::invalid("timezone", reason))?;
        let (cutoff, minutes) = (self.pickup_cutoff, self.pickup_minutes);
        let services = services((hours, special), cutoff, minutes, self.transfer_group, self.transfer_minutes)
            .map_err(|(field, reason)| Problem::invalid(field, reason))?;
        Ok(LocationFields {
            services,
            name: text("name", self.name)?,
            kind,
            coordinates,
            timezone,
            pickup: self.pickup,
            ship: self.ship,
            groups,
        })
    }
}

/// The longest that making ready, or bringing, may take: 31 days.
const MINUTES_MAX: i64 = 31 * 24 * 60;

/// Hours by day, and on some dates, where they were given.
type Hours = (Option<Vec<Span>>, Option<SpecialDates>);

/// What is said of the people in a location, validated.
pub fn services(
    (hours, special_hours): Hours,
    cutoff: Option<String>,
    pickup_minutes: Option<i64>,
    transfer_group: Option<String>,
    transfer_minutes: Option<i64>,
) -> Result<ServiceFields, (&'static str, String)> {
    let minutes = |field: &'static str, value: i64| {
        let value = u32::try_from(value).ok().filter(|value| i64::from(*value) <= MINUTES_MAX);
        value.ok_or_else(|| (field, format!("is not between 0 and {MINUTES_MAX}")))
    };
    if transfer_minutes.is_some() && transfer_group.is_none() {
        return Err(("transfer_group", "is needed beside transfer_minutes".into()));
    }
    Ok(ServiceFields {
        hours,
        special_hours,
        pickup_cutoff: cutoff
            .map(|text| hours::minute(&text).map_err(|reason| ("pickup_cutoff", reason)))
            .transpose()?,
        pickup_minutes: pickup_minutes.map(|value| minutes("pickup_minutes", value)).transpose()?,
        transfer_group: transfer_group
            .map(|text| Name::parse(&text).map_err(|error| ("transfer_group", error.to_string())))
            .transpose()?,
        transfer_minutes: transfer_minutes.map(|value| minutes("transfer_minutes", value)).transpose()?,
    })
}

impl GroupBody {
    /// The members, validated.
    pub fn into_names(self) -> Result<Vec<Name>, Problem> {
        names("locations", &self.locations)
    }
}

impl ChannelBody {
    /// The settings, validated.
    pub fn into_details(self) -> Result<ChannelDetails, Problem> {
        let buffer = u32::try_from(self.buffer).ok().filter(|buffer| *buffer <= LINE_QUANTITY_MAX);
        let reason = || Problem::invalid("buffer", format!("{} is not between 0 and {LINE_QUANTITY_MAX}", self.buffer));
        Ok(ChannelDetails { buffer: buffer.ok_or_else(reason)? })
    }
}

fn text(field: &str, value: Option<String>) -> Result<Option<String>, Problem> {
    value.map(|value| bounded(field, &value).map(|()| value)).transpose()
}

fn bounded(field: &str, value: &str) -> Result<(), Problem> {
    if value.len() > TEXT_BYTES_MAX {
        return Err(Problem::invalid(field, format!("is longer than {TEXT_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn names(field: &str, texts: &[String]) -> Result<Vec<Name>, Problem> {
    if texts.len() > LIST_MAX {
        return Err(Problem::invalid(field, format!("has {} entries; up to {LIST_MAX} are taken", texts.len())));
    }
    texts.iter().enumerate().map(|(at, text)| name(&format!("{field}[{at}]"), text)).collect()
}

/// Reads a number of decimal places.
pub fn decimals(value: i64) -> Result<u8, String> {
    u8::try_from(value).ok().filter(|places| *places <= 9).ok_or_else(|| format!("{value} is not between 0 and 9"))
}

/// Reads a pair of coordinates.
pub fn coordinates(latitude: f64, longitude: f64) -> Result<(f64, f64), (&'static str, String)> {
    if !(-90.0..=90.0).contains(&latitude) {
        return Err(("latitude", format!("{latitude} is not between -90 and 90")));
    }
    if !(-180.0..=180.0).contains(&longitude) {
        return Err(("longitude", format!("{longitude} is not between -180 and 180")));
    }
    Ok((latitude, longitude))
}

/// Reads a location's kind.
pub fn parse_kind(text: &str) -> Result<LocationKind, String> {
    match text {
        "store" => Ok(LocationKind::Store),
        "warehouse" => Ok(LocationKind::Warehouse),
        "supplier" => Ok(LocationKind::Supplier),
        other => Err(format!("{other:?} is not store, warehouse or supplier")),
    }
}

/// A location's kind on the wire.
pub fn kind_name(kind: LocationKind) -> &'static str {
    match kind {
        LocationKind::Store => "store",
        LocationKind::Warehouse => "warehouse",
        LocationKind::Supplier => "supplier",
    }
}

/// The version of a thing; 0 where nobody declared it.
fn version<D>(set: Option<&Versioned<D>>) -> Version {
    Version::new(set.map_or(0, |set| set.version))
}

/// A SKU with its version.
pub fn sku(engine: &Engine, id: SkuId) -> (Version, Value) {
    let registry = &engine.state().catalogue.skus;
    let set = registry.details(id);
    let details = set.as_deref().map(|set| set.details.clone()).unwrap_or_default();
    (version(set.as_deref()), sku_item(engine, id, &details))
}

fn sku_item(engine: &Engine, id: SkuId, details: &SkuDetails) -> Value {
    json!({
        "sku": engine.state().catalogue.skus.name(id).as_str(),
        "name": details.name,
        "gtin": details.gtin,
        "unit": details.unit,
        "decimals": details.decimals,
        "product": details.product,
        "categories": details.categories,
        "attributes": details.attributes,
    })
}

/// A location with its version.
pub fn location(engine: &Engine, id: LocationId) -> (Version, Value) {
    let catalogue = &engine.state().catalogue;
    let set = catalogue.locations.details(id);
    let details = set.as_deref().map(|set| set.details.clone()).unwrap_or_default();
    let served = catalogue.services(id);
    let services = served.as_deref().map(|set| set.details.clone()).unwrap_or_default();
    let hours = catalogue.hours(id);
    let groups = catalogue.groups_of(id);
    let mut item = location_item(engine, id, &details, &services, &hours.details, &groups);
    if let (Value::Object(members), Some(of)) = (&mut item, catalogue.quarantine_of(id)) {
        members.insert("kind".into(), "quarantine".into());
        members.insert("quarantine_of".into(), catalogue.locations.name(of).as_str().into());
        members.insert("pickup".into(), false.into());
        members.insert("ship".into(), false.into());
    }
    let seq = set.map_or(0, |set| set.version).max(served.map_or(0, |set| set.version)).max(hours.version);
    (Version::of_location(seq, &groups), item)
}

fn location_item(
    engine: &Engine,
    id: LocationId,
    details: &LocationDetails,
    services: &ServiceDetails,
    hours: &LocationHours,
    groups: &[GroupId],
) -> Value {
    let catalogue = &engine.state().catalogue;
    let groups: Vec<_> = groups.iter().map(|group| catalogue.groups.name(*group).to_string()).collect();
    json!({
        "location": catalogue.locations.name(id).as_str(),
        "name": details.name,
        "kind": kind_name(details.kind),
        "latitude": details.coordinates.map(|(latitude, _)| latitude),
        "longitude": details.coordinates.map(|(_, longitude)| longitude),
        "timezone": details.timezone,
        "pickup": details.pickup,
        "ship": details.ship,
        "groups": groups,
        "hours": hours::by_day(hours.weekly.as_deref()),
        "special_hours": hours::special_days(&hours.special),
        "pickup_cutoff": services.pickup_cutoff.map(hours::clock),
        "pickup_minutes": services.pickup_minutes,
        "transfer_group": services.transfers.map(|transfers| catalogue.groups.name(transfers.from).as_str()),
        "transfer_minutes": services.transfers.map(|transfers| transfers.minutes),
    })
}

/// A group with its version.
pub fn group(engine: &Engine, id: GroupId) -> (Version, Value) {
    let catalogue = &engine.state().catalogue;
    let set = catalogue.groups.details(id);
    let members = set.as_deref().map(|set| set.details.locations.clone()).unwrap_or_default();
    (version(set.as_deref()), group_item(engine, id, &members))
}

fn group_item(engine: &Engine, id: GroupId, members: &[LocationId]) -> Value {
    let catalogue = &engine.state().catalogue;
    let members: Vec<_> = members.iter().map(|member| catalogue.locations.name(*member).to_string()).collect();
    json!({"group": catalogue.groups.name(id).as_str(), "locations": members})
}

/// A channel with its version.
pub fn channel(engine: &Engine, id: ChannelId) -> (Version, Value) {
    let registry = &engine.state().catalogue.channels;
    let set = registry.details(id);
    let buffer = set.as_deref().map_or(0, |set| set.details.buffer);
    (version(set.as_deref()), channel_item(engine, id, buffer))
}

fn channel_item(engine: &Engine, id: ChannelId, buffer: u32) -> Value {
    json!({"channel": engine.state().catalogue.channels.name(id).as_str(), "buffer": buffer})
}

/// What was set, as it was from its record on, as far as it is seen. Who is bound is told of no promise at risk here: what
/// is theirs may change, and a repeat is told what was told first.
pub fn thing(engine: &Engine, thing: &Thing, sight: &Sight) -> Value {
    match thing {
        Thing::Sku(id, details) => sku_item(engine, *id, details),
        Thing::Location(id, details, services, groups) => {
            location_item(engine, *id, details, services, &services.old_hours(), groups)
        }
        Thing::Place(place) => {
            let PlaceSet { location, details, services, hours, groups } = &**place;
            location_item(engine, *location, details, services, hours, groups)
        }
        Thing::Group(id, details) => group_item(engine, *id, &details.locations),
        Thing::Channel(id, details) => channel_item(engine, *id, details.buffer),
        Thing::Rule(standing) => super::rule::standing(engine, standing).1,
        Thing::NoRule(name) => json!({"rule": name.as_str()}),
        Thing::Supply(cells) => {
            let item = |cell: &CellToCome| match sight.is_free() {
                true => super::supply::cell(engine, cell, sight),
                false => super::supply::cell(engine, &CellToCome { at_risk: Vec::new(), ..cell.clone() }, sight),
            };
            json!({"items": cells.iter().map(item).collect::<Vec<_>>()})
        }
    }
}

/// A price of a SKU.
pub fn price(sku: &str, price: &Price) -> Value {
    json!({
        "sku": sku,
        "currency": price.currency,
        "amount": price.amount,
        "channel": price.channel.as_ref().map(Name::as_str),
        "location": price.location.as_ref().map(Name::as_str),
    })
}
