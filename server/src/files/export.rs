//! How exports write cells: what a spreadsheet would run is guarded, unless the caller asks for texts as they are.

use std::io::{self, Write};

use crate::files::csv::{guard, quote, said};

/// Whether what people named is written so that no spreadsheet runs it, or as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// As [`guard`] writes them; the import reads them back.
    Guarded,
    /// As they are, for programs that read CSV and nothing else.
    Raw,
}

impl Texts {
    /// A text as its cell.
    pub fn cell(self, text: &str) -> String {
        match self {
            Self::Guarded => guard(text),
            Self::Raw => text.to_owned(),
        }
    }

    /// A text that may be none, as its cell.
    pub fn optional(self, text: Option<&str>) -> String {
        match (self, text) {
            (_, None) => String::new(),
            (Self::Guarded, Some(text)) => said(text),
            (Self::Raw, Some(text)) => text.to_owned(),
        }
    }
}

/// Writes a row.
///
/// # Errors
/// What `out` said.
pub fn row(out: &mut dyn Write, fields: &[String]) -> io::Result<()> {
    let quoted: Vec<String> = fields.iter().map(|field| quote(field)).collect();
    writeln!(out, "{}", quoted.join(","))
}
