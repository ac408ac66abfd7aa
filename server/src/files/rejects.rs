//! The rejected rows of a file, as a file of the same kind: rows that are corrected in it can be imported from it.
//!
//! A delimited file of rejects has the columns of the file, then the line, the field, the reason, and the whole row if
//! its fields do not match the header. Rows of JSON have these as members. An import ignores them.

use std::io::{self, Write};

use anaquel_engine::event::RowError;
use serde_json::{Value, json};

use crate::files::columns::REJECT_COLUMNS;
use crate::files::csv::{guard, quote};
use crate::files::plan::{CHUNK_BYTES, Format, ROWS_PER_CHUNK, shortened};
use crate::files::table::{Field, split};
use crate::wire::strict::Object;

/// Writes rejected rows in the order of their lines.
pub struct Rejects<'a> {
    out: &'a mut (dyn Write + Send),
    format: Format,
    /// Bytes that may still be written.
    left: u64,
    /// Rows that did not fit.
    left_out: u64,
    header: Option<Vec<u8>>,
    delimiter: u8,
    /// For each column of the file: whether it belongs to the data, not to a file of rejects.
    own: Vec<bool>,
    /// Rows that the engine has not decided yet, by line; empty unless rejects are requested.
    pending: Vec<(u64, Vec<u8>)>,
    /// Rejected rows that are not written yet.
    rejected: Vec<(u64, Vec<u8>)>,
    rejected_bytes: usize,
}

impl<'a> Rejects<'a> {
    /// Writes up to `bytes` bytes to `out`.
    pub fn new(out: &'a mut (dyn Write + Send), format: Format, bytes: u64) -> Self {
        let (pending, rejected) = (Vec::new(), Vec::new());
        let (header, delimiter, own) = (None, b',', Vec::new());
        Self { out, format, left: bytes, left_out: 0, header, delimiter, own, pending, rejected, rejected_bytes: 0 }
    }

    /// The number of rows that did not fit.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The header of the file.
    pub(crate) fn columns(&mut self, header: &[u8], delimiter: u8) {
        self.delimiter = delimiter;
        let mut names = Vec::new();
        let _ = split(&String::from_utf8_lossy(header), delimiter, &mut names);
        self.own = names.iter().map(|field| !is_of_rejects(&field.text)).collect();
        let own = names.into_iter().map(|field| field.text).filter(|name| !is_of_rejects(name));
        let all: Vec<String> = own.chain(REJECT_COLUMNS.map(str::to_owned)).map(|name| quote(&name)).collect();
        self.header = Some(all.join(&char::from(delimiter).to_string()).into_bytes());
    }

    /// Records a row that was read; rejected, if there is an error.
    pub(crate) fn row(&mut self, line: u64, raw: &[u8], error: Option<&RowError>) {
        match error {
            Some(error) => {
                let row = self.written(raw, error);
                self.rejected_bytes += row.len();
                self.rejected.push((line, row));
            }
            None => self.pending.push((line, raw.to_vec())),
        }
    }

    /// Records that the engine rejected a row.
    pub(crate) fn reject(&mut self, error: &RowError) {
        let Ok(at) = self.pending.binary_search_by_key(&error.line, |(line, _)| *line) else { return };
        let Some((line, raw)) = self.pending.get(at).cloned() else { return };
        let row = self.written(&raw, error);
        self.rejected.push((line, row));
    }

    /// Whether enough rows were rejected to write them.
    pub(crate) fn is_full(&self) -> bool {
        self.rejected.len() >= ROWS_PER_CHUNK || self.rejected_bytes >= CHUNK_BYTES
    }

    /// Writes the rejected rows; all rows so far are decided, except those from the line `held_back` on.
    pub(crate) fn write(&mut self, held_back: Option<u64>) -> io::Result<()> {
        self.pending.retain(|(line, _)| held_back.is_some_and(|from| *line >= from));
        self.rejected_bytes = 0;
        let mut rejected = std::mem::take(&mut self.rejected);
        rejected.sort_by_key(|(line, _)| *line);
        for (_, row) in rejected {
            let header = self.header.take();
            let bytes = (header.as_ref().map_or(0, |header| header.len() + 1) + row.len() + 1) as u64;
            if bytes > self.left {
                self.header = header;
                self.left_out += 1;
                continue;
            }
            self.left -= bytes;
            for line in header.iter().chain([&row]) {
                self.out.write_all(line)?;
                self.out.write_all(b"\n")?;
            }
        }
        self.out.flush()
    }

    fn written(&self, raw: &[u8], error: &RowError) -> Vec<u8> {
        let text = String::from_utf8_lossy(raw);
        let (field, reason) = (error.field.clone().unwrap_or_default(), shortened(error.reason.clone()));
        match self.format {
            Format::Csv => {
                let delimiter = char::from(self.delimiter).to_string();
                let mut fields = Vec::new();
                let is_whole = split(&text, self.delimiter, &mut fields).is_ok() && fields.len() == self.own.len();
                fields.resize_with(self.own.len(), Default::default);
                let text_of =
                    |(field, is_own): (Field, &bool)| is_own.then(|| if is_whole { field.text } else { String::new() });
                let own: Vec<String> = fields.into_iter().zip(&self.own).filter_map(text_of).collect();
                let row = if is_whole { String::new() } else { text.into_owned() };
                let said = [error.line.to_string(), guard(&field), guard(&reason), row];
                let all: Vec<String> = own.into_iter().chain(said).map(|field| quote(&field)).collect();
                all.join(&delimiter).into_bytes()
            }
            Format::Ndjson => {
                let said = json!({"rejected_line": error.line, "rejected_field": field, "rejected_reason": reason});
                let mut row = match serde_json::from_str::<Object>(&text) {
                    Ok(Object(row)) => row,
                    Err(_) => [("rejected_row".to_owned(), Value::from(text))].into_iter().collect(),
                };
                if let Value::Object(said) = said {
                    row.extend(said);
                }
                Value::Object(row).to_string().into_bytes()
            }
        }
    }
}

fn is_of_rejects(name: &str) -> bool {
    REJECT_COLUMNS.iter().any(|column| column.eq_ignore_ascii_case(name.trim()))
}
