//! How exports write cells: texts are escaped against spreadsheet formulas, unless the caller asks for raw texts.

use std::io::{self, Write};

use serde_json::Value;

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

/// Writes the members of a JSON object as a row: those of `columns`, in their order. A list or an object is JSON.
///
/// # Errors
/// An error of `out`.
pub fn json_row(out: &mut dyn Write, texts: Texts, columns: &[&str], item: &Value) -> io::Result<()> {
    let cell = |column: &&str| match item.get(*column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => texts.cell(text),
        Some(other) => other.to_string(),
    };
    row(out, &columns.iter().map(cell).collect::<Vec<_>>())
}

/// Writes a row.
///
/// # Errors
/// An error of `out`.
pub fn row(out: &mut dyn Write, fields: &[String]) -> io::Result<()> {
    let quoted: Vec<String> = fields.iter().map(|field| quote(field)).collect();
    writeln!(out, "{}", quoted.join(","))
}
