//! The cells of one row, by column, and how each type is parsed.

use std::collections::BTreeMap;

use anaquel_engine::ids::{Name, Timestamp};
use anaquel_engine::level::LINE_QUANTITY_MAX;

use crate::files::csv;
use crate::files::numbers::{self, Decimal};
use crate::files::surface::Surface;
use crate::wire::{self, TEXT_BYTES_MAX};

/// The cells of one row by column; empty cells are absent.
pub type Cells = BTreeMap<String, String>;

/// An error of a row: the column, and the reason.
pub type Wrong = (Option<String>, String);

/// Why a value is not accepted.
pub fn wrong(field: &str, reason: impl ToString) -> Wrong {
    (Some(field.to_owned()), reason.to_string())
}

/// How the numbers of a file are parsed.
#[derive(Debug, Clone, Copy)]
pub struct Numbers {
    /// The decimal separator.
    pub decimal: Decimal,
    /// The surface whose options error texts name.
    pub surface: Surface,
}

impl Numbers {
    fn parts(&self, column: &str, text: &str, decimal: Decimal) -> Result<numbers::Parts, Wrong> {
        let say = |name: &str, value: &str| self.surface.option(name, value);
        numbers::parts(text, decimal, say).map_err(|reason| wrong(column, format!("{:?} {reason}", shorten(text))))
    }

    /// A whole number; zeros after the decimal separator are ignored.
    pub fn whole(&self, column: &str, text: &str) -> Result<i64, Wrong> {
        let whole = self.parts(column, text, self.decimal)?.whole();
        whole.map_err(|reason| wrong(column, format!("{:?} {reason}", shorten(text))))
    }

    /// Degrees, which have no thousands separator.
    pub fn degrees(&self, column: &str, text: &str) -> Result<f64, Wrong> {
        let decimal = if self.decimal == Decimal::UnsaidWithoutCommas { Decimal::Unsaid } else { self.decimal };
        self.parts(column, text, decimal).map(|parts| parts.float())
    }

    /// An amount of money in minor units of a currency.
    pub fn minor_units(&self, column: &str, text: &str, digits: u8) -> Result<i64, Wrong> {
        let units = self.parts(column, text, self.decimal)?.minor_units(digits);
        units.map_err(|reason| wrong(column, format!("{:?} {reason}", shorten(text))))
    }
}

/// The cell of a required column.
pub fn required(cells: &mut Cells, column: &str) -> Result<String, Wrong> {
    cells.remove(column).ok_or_else(|| wrong(column, "is required and empty; write a value"))
}

/// The name in a required cell.
pub fn name(cells: &mut Cells, column: &str) -> Result<Name, Wrong> {
    let text = required(cells, column)?;
    Name::parse(&text).map_err(|error| wrong(column, error))
}

/// The SKU of a row.
pub fn sku(cells: &mut Cells) -> Result<Name, Wrong> {
    let text = required(cells, "sku")?;
    Name::parse_sku(&text).map_err(|error| wrong("sku", error))
}

/// Names separated by semicolons.
pub fn names(text: &str, column: &str) -> Result<Vec<Name>, Wrong> {
    let read = |part: &String| Name::parse(part).map_err(|error| wrong(column, format!("{part:?} {error}")));
    csv::unlist(text).iter().map(read).collect()
}

/// Parses true or false.
pub fn flag(column: &str, text: &str) -> Result<bool, Wrong> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(wrong(column, format!("{:?} is not true or false; write one of both", shorten(text)))),
    }
}

/// The text of a column's cell; `None` if it is empty.
pub fn text(cells: &mut Cells, column: &str) -> Result<Option<String>, Wrong> {
    match cells.remove(column) {
        Some(text) if text.len() > TEXT_BYTES_MAX => {
            Err(wrong(column, format!("is longer than {TEXT_BYTES_MAX} bytes; shorten it")))
        }
        text => Ok(text),
    }
}

/// A time in the log's time.
pub fn time(column: &str, text: &str) -> Result<Timestamp, Wrong> {
    clock_time(column, text).map(wire::meant)
}

/// A time as written.
pub fn clock_time(column: &str, text: &str) -> Result<Timestamp, Wrong> {
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        let reason = "is not an RFC 3339 time with an offset; write it like 2026-11-01T06:00:00Z";
        wrong(column, format!("{:?} {reason}", shorten(text)))
    })?;
    let ms = u64::try_from(at.as_millisecond()).ok().filter(|ms| *ms <= Timestamp::MAX.0);
    ms.map(Timestamp).ok_or_else(|| wrong(column, "lies outside 1970 to 2109"))
}

/// Units of safety stock or buffer.
pub fn held_back(column: &str, text: &str, numbers: &Numbers) -> Result<u32, Wrong> {
    let value = numbers.whole(column, text)?;
    u32::try_from(value)
        .ok()
        .filter(|value| *value <= LINE_QUANTITY_MAX)
        .ok_or_else(|| wrong(column, format!("{value} is not between 0 and {LINE_QUANTITY_MAX}")))
}

/// The part of a wrong value that an error shows.
pub fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}
