//! The words of the wire: what each answer looks like in JSON, and how each request is read.
//!
//! Quantities are integers in the SKU's smallest unit, times RFC 3339 in UTC, names as the glossary has them. Requests
//! know their fields: one that the contract does not have is refused by name.

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

/// Where the log's time is not the clock's; set once, when the engine of this process is opened.
static ANCHORS: OnceLock<Anchors> = OnceLock::new();

/// From here on, times of `anchors` are told, and understood, as the clock has them.
pub fn tell_times_by(anchors: &Anchors) {
    let _ = ANCHORS.set(anchors.clone());
}

/// A time that a caller says, as the log has it.
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

/// Reads a time.
pub fn parse_time(field: &str, text: &str) -> Result<Timestamp, Problem> {
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|_| Problem::invalid(field, format!("{text:?} is not an RFC 3339 time with an offset")))?;
    let ms = u64::try_from(at.as_millisecond()).ok().filter(|ms| *ms <= Timestamp::MAX.0);
    ms.map(|ms| meant(Timestamp(ms))).ok_or_else(|| Problem::invalid(field, "lies outside 1970 to 2109"))
}

/// Reads a field that must be there, and may be null.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// Reads the id of a location, a group, a channel or a rule.
pub fn name(field: &str, text: &str) -> Result<Name, Problem> {
    Name::parse(text).map_err(|error: NameError| Problem::invalid(field, error))
}

/// Reads a SKU.
pub fn sku_name(field: &str, text: &str) -> Result<Name, Problem> {
    Name::parse_sku(text).map_err(|error| Problem::invalid(field, error))
}

/// Reads a SKU that somebody declared.
pub fn known_sku(catalogue: &Catalogue, text: &str) -> Result<SkuId, Problem> {
    sku_name("sku", text)?;
    catalogue.skus.id(text).ok_or_else(|| Problem::not_found("SKU"))
}

/// Reads a location that somebody declared.
pub fn known_location(catalogue: &Catalogue, text: &str) -> Result<LocationId, Problem> {
    name("location", text)?;
    catalogue.locations.id(text).ok_or_else(|| Problem::not_found("location"))
}

/// The channel for which something is asked, if it has an id: one that nobody used yet has none.
///
/// # Errors
/// Where channels are declared and this one is not, unless the settings accept it.
pub fn asking_channel(engine: &Engine, name: Option<&Name>) -> Result<Option<ChannelId>, Problem> {
    match name {
        Some(name) => Ok(engine.state().channel("channel", name)?),
        None => Ok(None),
    }
}

/// Reads an id that another system chose: a customer, an order, a document.
pub fn outside_name(field: &str, text: &str) -> Result<Name, Problem> {
    Name::parse_printable(text).map_err(|error| Problem::invalid(field, error))
}

/// The same, if there is one.
pub fn optional_name(field: &str, text: Option<&str>) -> Result<Option<Box<str>>, Problem> {
    text.map(|text| outside_name(field, text).map(|name| name.as_str().into())).transpose()
}

/// Reads the quantity of a line.
pub fn quantity(field: &str, value: i64) -> Result<u32, Problem> {
    u32::try_from(value)
        .ok()
        .filter(|quantity| (1..=LINE_QUANTITY_MAX).contains(quantity))
        .ok_or_else(|| Problem::invalid(field, format!("{value} is not between 1 and {LINE_QUANTITY_MAX}")))
}

/// Reads a location's kind.
pub fn location_kind(text: &str) -> Result<LocationKind, String> {
    match text {
        "store" => Ok(LocationKind::Store),
        "warehouse" => Ok(LocationKind::Warehouse),
        "supplier" => Ok(LocationKind::Supplier),
        other => Err(format!("{other:?} is not store, warehouse or supplier")),
    }
}
