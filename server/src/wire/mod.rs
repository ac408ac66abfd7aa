//! JSON on the wire: how answers are written, and how request values are parsed.
//!
//! Quantities are integers in the SKU's smallest unit, times RFC 3339 in UTC, names as in the glossary. Requests are
//! strict: an unknown field is refused by name.

pub mod currency;
pub mod declared;
pub mod lists;
pub mod objects;
pub mod patch;
pub mod put;
pub mod said;
pub mod strict;
pub mod whole;

use anaquel_engine::catalogue::LocationKind;
use std::fmt::Display;
use std::sync::OnceLock;

use anaquel_engine::Engine;
use anaquel_engine::catalogue::Catalogue;
use anaquel_engine::clock::Anchors;
use anaquel_engine::ids::{ChannelId, LocationId, Name, NameError, SkuId, Timestamp};
use anaquel_engine::level::LINE_QUANTITY_MAX;
use serde::{Deserialize, Deserializer};

use crate::http::problem::Problem;
use crate::wire::put::Piece;

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

/// A time on the wire: RFC 3339 in UTC, to the millisecond.
pub fn time(at: Timestamp) -> String {
    let mut out = String::with_capacity("1970-01-01T00:00:00.000Z".len());
    Time(at).append(&mut out);
    out
}

/// A time on the wire, as a piece of an answer.
pub struct Time(pub Timestamp);

impl Piece for Time {
    /// Digit by digit: a general formatter takes six times as long, and most answers have two of them.
    fn append(self, out: &mut String) {
        let at = ANCHORS.get().map_or(self.0, |anchors| anchors.told(self.0)).0.min(LATEST_MS);
        let (days, ms) = (at / DAY_MS, at % DAY_MS);
        let (year, month, day) = date_of(days);
        let mut digits = |value: u64, count: u32, end: char| {
            for place in (0..count).rev() {
                out.push(char::from(b'0' + (value / 10_u64.pow(place) % 10) as u8));
            }
            out.push(end);
        };
        digits(year, 4, '-');
        digits(month, 2, '-');
        digits(day, 2, 'T');
        digits(ms / 3_600_000, 2, ':');
        digits(ms / 60_000 % 60, 2, ':');
        digits(ms / 1000 % 60, 2, '.');
        digits(ms % 1000, 3, 'Z');
    }
}

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// 9999-12-30T22:00:00.999Z: the last time whose year has four digits in every time zone.
const LATEST_MS: u64 = 253_402_207_200_999;

/// Year, month and day of a day since 1970, in the Gregorian calendar. Years start on the first of March, so that the
/// leap day is their last day; 400 years have 146,097 days.
fn date_of(days: u64) -> (u64, u64, u64) {
    /// From the first of March of the year 0 to 1970.
    const BEFORE: u64 = 719_468;
    let days = days + BEFORE;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, five months in a row have 153 days.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, is_next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * era + year_of_era + is_next, month, day)
}

/// Parses a time.
pub fn parse_time(field: impl Display, text: &str) -> Result<Timestamp, Problem> {
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        Problem::invalid(
            &field.to_string(),
            format!(
                "{text:?} is not an RFC 3339 time with an offset; write it like \
            2026-11-01T06:00:00Z"
            ),
        )
    })?;
    let ms = u64::try_from(at.as_millisecond()).ok().filter(|ms| *ms <= Timestamp::MAX.0);
    ms.map(|ms| meant(Timestamp(ms))).ok_or_else(|| Problem::invalid(&field.to_string(), "lies outside 1970 to 2109"))
}

/// Deserialises a field that is required and may be null.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// Parses the id of a location, a group, a channel or a rule.
pub fn name(field: impl Display, text: &str) -> Result<Name, Problem> {
    Name::parse(text).map_err(|error: NameError| Problem::invalid(&field.to_string(), error))
}

/// Parses a SKU.
pub fn sku_name(field: impl Display, text: &str) -> Result<Name, Problem> {
    Name::parse_sku(text).map_err(|error| Problem::invalid(&field.to_string(), error))
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

/// Parses a channel; `None` for an id without any use yet.
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
pub fn outside_name(field: impl Display, text: &str) -> Result<Name, Problem> {
    Name::parse_printable(text).map_err(|error| Problem::invalid(&field.to_string(), error))
}

/// The same for an optional id.
pub fn optional_name(field: impl Display, text: Option<&str>) -> Result<Option<Box<str>>, Problem> {
    text.map(|text| outside_name(field, text).map(|name| name.as_str().into())).transpose()
}

/// Parses the quantity of a line.
pub fn quantity(field: impl Display, value: i64) -> Result<u32, Problem> {
    u32::try_from(value).ok().filter(|quantity| (1..=LINE_QUANTITY_MAX).contains(quantity)).ok_or_else(|| {
        Problem::invalid(&field.to_string(), format!("{value} is not between 1 and {LINE_QUANTITY_MAX}"))
    })
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_everybody_writes_them() {
        let expected = |ms: u64| {
            let printer = jiff::fmt::temporal::DateTimePrinter::new().precision(Some(3));
            printer.timestamp_to_string(&jiff::Timestamp::from_millisecond(ms as i64).unwrap())
        };
        // Every day up to the year 2500, each at another moment of it; the ends; and what is beyond them.
        for day in 0..194_000_u64 {
            let ms = day * DAY_MS + day * 7_919_993 % DAY_MS;
            assert_eq!(time(Timestamp(ms)), expected(ms));
        }
        for ms in [0, 1, DAY_MS - 1, DAY_MS, Timestamp::MAX.0, LATEST_MS - 999] {
            assert_eq!(time(Timestamp(ms)), expected(ms));
        }
        assert_eq!(time(Timestamp(u64::MAX)), "9999-12-30T22:00:00.999Z");
    }
}
