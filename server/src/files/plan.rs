//! The options of an import.

use anaquel_engine::event::ImportKind;

use crate::files::kind::{FileKind, RowOptions};
use crate::files::numbers::Decimal;
use crate::files::surface::Surface;

/// Rows of one command, which waits for the disk once.
pub const ROWS_PER_CHUNK: usize = 4000;

/// Bytes of a file in one command, because rows may be long.
pub const CHUNK_BYTES: usize = 16 << 20;

/// The longest field name or reason in an error.
const ERROR_BYTES_MAX: usize = 1000;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Delimited values with a header row.
    Csv,
    /// One JSON object per line.
    Ndjson,
}

/// The options of an import.
#[derive(Debug, Clone)]
pub struct ImportPlan {
    /// The kind of the rows.
    pub kind: &'static FileKind,
    /// The format of the file.
    pub format: Format,
    /// One wrong row rejects all.
    pub atomic: bool,
    /// What the rows may do.
    pub options: RowOptions,
    /// Cells of CSV are read as they are, without reversing [`csv::guard`].
    pub raw: bool,
    /// The maximum number of rows of an atomic import: they are one command, and stay in memory until all are valid.
    pub atomic_rows: usize,
    /// How a file in another layout is read.
    pub reading: Reading,
    /// The surface whose options error texts name.
    pub surface: Surface,
}

/// How a file in another layout than an export is read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The separator of fields; detected from the header if `None`.
    pub delimiter: Option<u8>,
    /// The decimal separator; without one, only unambiguous numbers are accepted.
    pub decimal: Option<Decimal>,
    /// Columns of this import and their names in the file; without a name, the column is not read.
    pub map: Vec<(String, String)>,
    /// Columns of this import and their values for rows that have none.
    pub set: Vec<(String, String)>,
    /// Whether unknown columns are ignored.
    pub ignore_unknown: bool,
}

impl Reading {
    /// Sets what a file of sales leaves out: the currency.
    pub fn with_currency(mut self, kind: &FileKind, currency: &str) -> Self {
        const COLUMN: &str = "currency";
        if kind.kind == ImportKind::Sales && self.set.iter().all(|(column, _)| column != COLUMN) {
            self.set.push((COLUMN.to_owned(), currency.to_owned()));
        }
        self
    }

    /// Parses a delimiter: the character itself, or its name.
    ///
    /// # Errors
    /// The accepted values.
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

    /// Parses the decimal separator.
    ///
    /// # Errors
    /// The accepted values.
    pub fn parse_decimal(text: &str) -> Result<Decimal, String> {
        match text {
            "." | "point" => Ok(Decimal::Point),
            "," | "comma" => Ok(Decimal::Comma),
            _ => Err(format!("{text:?} is not point or comma")),
        }
    }

    /// Parses `COLUMN=NAME`: a column of this import, and its name in the file; without a name, the column is not read,
    /// even if the file has a column of its name.
    ///
    /// # Errors
    /// The accepted form.
    pub fn parse_map(text: &str) -> Result<(String, String), String> {
        let parts = text.split_once('=').map(|(column, name)| (column.trim(), name.trim()));
        let (column, name) = parts
            .filter(|(column, _)| !column.is_empty())
            .ok_or_else(|| format!("{text:?} is not like sku=Variant SKU"))?;
        Ok((column.to_owned(), name.to_owned()))
    }

    /// Parses `COLUMN=VALUE`: a column of this import, and its value for rows that have none.
    ///
    /// # Errors
    /// The accepted form.
    pub fn parse_set(text: &str) -> Result<(String, String), String> {
        let parts = text.split_once('=').map(|(column, value)| (column.trim(), value.trim()));
        let (column, value) = parts
            .filter(|(column, value)| !column.is_empty() && !value.is_empty())
            .ok_or_else(|| format!("{text:?} is not like location=main"))?;
        Ok((column.to_owned(), value.to_owned()))
    }
}

/// Truncates a text of an error to its maximum length.
pub fn shortened(text: String) -> String {
    if text.len() <= ERROR_BYTES_MAX { text } else { text.chars().take(200).collect::<String>() + "\u{2026}" }
}
