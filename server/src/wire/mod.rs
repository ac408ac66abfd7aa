//! JSON on the wire: how answers are written, and how request values are parsed.
//!
//! Quantities are integers in the SKU's smallest unit, times RFC 3339 in UTC, names as in the glossary. Requests are
//! strict: an unknown field is refused by name.

pub mod currency;
pub mod objects;
pub mod patch;
pub mod put;
pub mod strict;
pub mod whole;

use anaquel_engine::catalogue::LocationKind;
use std::sync::OnceLock;

use anaquel_engine::Engine;
use anaquel_engine::catalogue::Catalogue;
use anaquel_engine::clock::Anchors;
use anaquel_engine::ids::{ChannelId, LocationId, Name, NameError, SkuId, Timestamp};
use anaquel_engine::level::LINE_QUANTITY_MAX;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer};

use crate::http::problem::Problem;

/// The longest text of a detail, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Where the log's time differs from the clock; set once, when this process opens the engine.
static ANCHORS: OnceLock<Anchors> = OnceLock::new();

/// From now on, times are converted between the log and the clock with `anchors`.
pub fn tell_times_by(anchors: &Anchors) {
    let _ = ANCHORS.set(anchors.clone());
}

/// Converts a caller's time to the log's time.
pub fn meant(at: Timestamp) -> Timestamp {
    ANCHORS.get().map_or(at, |anchors| anchors.meant(at))
}

/// A time on the wire.
pub fn time(at: Timestamp) -> String {
    const MILLISECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    let at = ANCHORS.get().map_or(at, |anchors| anchors.told(at));
    let at = jiff::Timestamp::from_millisecond(at.0 as i64).unwrap_or(jiff::Timestamp::MAX);
    MILLISECONDS.timestamp_to_string(&at)
}

/// Parses a time.
pub fn parse_time(field: &str, text: &str) -> Result<Timestamp, Problem> {
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        Problem::invalid(
            field,
            format!(
                "{text:?} is not an RFC 3339 time with an offset; write it like \
            2026-11-01T06:00:00Z"
            ),
        )
    })?;
    let ms = u64::try_from(at.as_millisecond()).ok().filter(|ms| *ms <= Timestamp::MAX.0);
    ms.map(|ms| meant(Timestamp(ms))).ok_or_else(|| Problem::invalid(field, "lies outside 1970 to 2109"))
}

/// Deserialises a field that is required and may be null.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// Parses the id of a location, a group, a channel or a rule.
pub fn name(field: &str, text: &str) -> Result<Name, Problem> {
    Name::parse(text).map_err(|error: NameError| Problem::invalid(field, error))
}

/// Parses a SKU.
pub fn sku_name(field: &str, text: &str) -> Result<Name, Problem> {
    Name::parse_sku(text).map_err(|error| Problem::invalid(field, error))
}

/// Parses a SKU that must be declared.
pub fn known_sku(catalogue: &Catalogue, text: &str) -> Result<SkuId, Problem> {
    sku_name("sku", text)?;
    catalogue.skus.id(text).ok_or_else(|| Problem::not_found("SKU"))
}

/// Parses a location that must be declared.
pub fn known_location(catalogue: &Catalogue, text: &str) -> Result<LocationId, Problem> {
    name("location", text)?;
    catalogue.locations.id(text).ok_or_else(|| Problem::not_found("location"))
}

/// Parses a channel; `None` for an id that nobody used yet.
///
/// # Errors
/// Channels are declared, this one is not, and the settings refuse undeclared channels.
pub fn asking_channel(engine: &Engine, name: Option<&Name>) -> Result<Option<ChannelId>, Problem> {
    match name {
        Some(name) => Ok(engine.state().channel("channel", name)?),
        None => Ok(None),
    }
}

/// Parses an id of another system: a customer, an order, a document.
pub fn outside_name(field: &str, text: &str) -> Result<Name, Problem> {
    Name::parse_printable(text).map_err(|error| Problem::invalid(field, error))
}

/// The same for an optional id.
pub fn optional_name(field: &str, text: Option<&str>) -> Result<Option<Box<str>>, Problem> {
    text.map(|text| outside_name(field, text).map(|name| name.as_str().into())).transpose()
}

/// Parses the quantity of a line.
pub fn quantity(field: &str, value: i64) -> Result<u32, Problem> {
    u32::try_from(value)
        .ok()
        .filter(|quantity| (1..=LINE_QUANTITY_MAX).contains(quantity))
        .ok_or_else(|| Problem::invalid(field, format!("{value} is not between 1 and {LINE_QUANTITY_MAX}")))
}

/// Parses a location's kind.
pub fn location_kind(text: &str) -> Result<LocationKind, String> {
    match text {
        "store" => Ok(LocationKind::Store),
        "warehouse" => Ok(LocationKind::Warehouse),
        "supplier" => Ok(LocationKind::Supplier),
        other => Err(format!("{other:?} is not store, warehouse or supplier")),
    }
}
