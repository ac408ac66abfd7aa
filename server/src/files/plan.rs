//! What is to be loaded, and how it is read.

use crate::files::kind::FileKind;
use crate::files::numbers::Decimal;
use crate::files::surface::Surface;

/// Rows in one command: one wait for the disk each.
pub const ROWS_PER_CHUNK: usize = 4000;

/// Bytes of a file in one command: rows may be long.
pub const CHUNK_BYTES: usize = 16 << 20;

/// The longest field or reason of an error; a row may be the worst of nonsense.
const ERROR_BYTES_MAX: usize = 1000;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Delimited values with a header row.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// What is to be loaded, and how.
#[derive(Debug, Clone)]
pub struct ImportPlan {
    /// What the rows are.
    pub kind: &'static FileKind,
    /// How they are written.
    pub format: Format,
    /// One bad row refuses all.
    pub atomic: bool,
    /// Stock for unknown SKUs and locations creates them.
    pub create: bool,
    /// Cells of CSV are taken as they are: what [`csv::guard`] would have written before them stays.
    pub raw: bool,
    /// Rows of an atomic import: they are one command, and are kept in memory until all are known to be right.
    pub atomic_rows: usize,
    /// How they are to be read where they are written otherwise.
    pub reading: Reading,
    /// Whose options are named in refusals.
    pub surface: Surface,
}

/// How a file that is not written as this import expects is read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// What stands between two fields; the header line shows it if left out.
    pub delimiter: Option<u8>,
    /// What stands before the fraction of a number; if nobody says, only what can be read in one way is.
    pub decimal: Option<Decimal>,
    /// Columns of this import, and their names in the file; without a name, they are taken from nowhere.
    pub map: Vec<(String, String)>,
    /// Columns of this import, and what they are in every row that does not say otherwise.
    pub set: Vec<(String, String)>,
    /// Whether columns that this import does not know are passed over.
    pub ignore_unknown: bool,
}

impl Reading {
    /// Reads a delimiter: the character itself, or its name.
    ///
    /// # Errors
    /// What may be written.
    pub fn parse_delimiter(text: &str) -> Result<u8, String> {
        match text {
            "comma" => Ok(b','),
            "semicolon" => Ok(b';'),
            "tab" | "\\t" => Ok(b'\t'),
            "pipe" => Ok(b'|'),
            _ => match text.as_bytes() {
                [byte @ (b',' | b';' | b'\t' | b'|')] => Ok(*byte),
                _ => Err(format!("{text:?} is not comma, semicolon, tab or pipe, nor one of these characters")),
            },
        }
    }

    /// Reads what stands before the fraction of a number.
    ///
    /// # Errors
    /// What may be written.
    pub fn parse_decimal(text: &str) -> Result<Decimal, String> {
        match text {
            "." | "point" => Ok(Decimal::Point),
            "," | "comma" => Ok(Decimal::Comma),
            _ => Err(format!("{text:?} is not point or comma")),
        }
    }

    /// Reads `COLUMN=NAME`: a column of this import, and its name in the file; without a name, the column is taken from
    /// nowhere, whatever the file has under its name.
    ///
    /// # Errors
    /// What may be written.
    pub fn parse_map(text: &str) -> Result<(String, String), String> {
        let parts = text.split_once('=').map(|(column, name)| (column.trim(), name.trim()));
        let (column, name) = parts
            .filter(|(column, _)| !column.is_empty())
            .ok_or_else(|| format!("{text:?} is not like sku=Variant SKU"))?;
        Ok((column.to_owned(), name.to_owned()))
    }

    /// Reads `COLUMN=VALUE`: a column of this import, and what it is where a row does not say.
    ///
    /// # Errors
    /// What may be written.
    pub fn parse_set(text: &str) -> Result<(String, String), String> {
        let parts = text.split_once('=').map(|(column, value)| (column.trim(), value.trim()));
        let (column, value) = parts
            .filter(|(column, value)| !column.is_empty() && !value.is_empty())
            .ok_or_else(|| format!("{text:?} is not like location=main"))?;
        Ok((column.to_owned(), value.to_owned()))
    }
}

/// A text of an error, no longer than it may be.
pub fn shortened(text: String) -> String {
    if text.len() <= ERROR_BYTES_MAX { text } else { text.chars().take(200).collect::<String>() + "\u{2026}" }
}
