//! How exports write cells: texts are escaped against spreadsheet formulas, unless the caller asks for raw texts.

use std::io::{self, Write};

use crate::files::csv::{guard, quote, said};

/// Whether texts are escaped or raw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// Escaped by [`guard`]; the import reads them back.
    Guarded,
    /// Raw, for programs that parse plain CSV.
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

    /// An optional text as its cell.
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
/// An error of `out`.
pub fn row(out: &mut dyn Write, fields: &[String]) -> io::Result<()> {
    let quoted: Vec<String> = fields.iter().map(|field| quote(field)).collect();
    writeln!(out, "{}", quoted.join(","))
}
