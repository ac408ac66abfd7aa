//! Loading files: lines to rows, rows to the engine in chunks, and what became of each.
//!
//! A file is a line after another, and a line is a record: a bad one is told by its number and never spoils the rest.
//! That is why a quoted field may not hold a line break. Nothing is buffered whole, except the rows of an atomic import,
//! which must be known to be right before the first is loaded.

mod as_of;
pub mod csv;
pub mod export;
mod rows;

use std::io::{BufRead, Read};

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Failure, Loaded, Outcome, Rows};
use anaquel_engine::event::{ImportKind, Imported, RowError};
use anaquel_engine::ids::Seq;

use crate::app::Caller;
use crate::problem::{Problem, Slug};
use rows::{Collector, Columns};

/// Rows in one command: one wait for the disk each.
const ROWS_PER_CHUNK: usize = 4000;

/// The longest line, in bytes: a rule with the longest lists, or a SKU with all the attributes that it may have.
const LINE_BYTES_MAX: usize = 8 << 20;

/// Row errors that an answer carries.
const ERRORS_MAX: usize = 1000;

/// The longest field or reason of an error; a row may be the worst of nonsense.
const ERROR_BYTES_MAX: usize = 300;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header row.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// What is to be loaded, and how.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub kind: ImportKind,
    pub format: Format,
    /// One bad row refuses all.
    pub atomic: bool,
    /// Stock for unknown SKUs and locations creates them.
    pub create: bool,
    /// Cells of CSV are taken as they are: what [`csv::guard`] would have written before them stays.
    pub raw: bool,
    /// Rows of an atomic import: they are one command, and are kept in memory until all are known to be right.
    pub atomic_rows: usize,
}

/// A kind's name on the wire and the command line.
pub fn kind_name(kind: ImportKind) -> &'static str {
    match kind {
        ImportKind::Locations => "locations",
        ImportKind::Groups => "groups",
        ImportKind::Skus => "skus",
        ImportKind::Stock => "stock",
        ImportKind::Prices => "prices",
        ImportKind::Rules => "rules",
        ImportKind::Supply => "supply",
    }
}

/// Reads a kind.
pub fn parse_kind(text: &str) -> Option<ImportKind> {
    use ImportKind::{Groups, Locations, Prices, Rules, Skus, Stock, Supply};
    [Locations, Groups, Skus, Stock, Prices, Rules, Supply].into_iter().find(|kind| kind_name(*kind) == text)
}

/// Why a file was not loaded to its end.
#[derive(Debug)]
pub enum LoadError {
    /// It is not what it should be.
    Refused(Problem),
    /// The engine did not take it.
    Failed(Failure),
    /// It could not be read.
    Read(std::io::Error),
}

impl From<Failure> for LoadError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Problem> for LoadError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<std::io::Error> for LoadError {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Refused(problem) => problem,
            LoadError::Failed(failure) => failure.into(),
            LoadError::Read(error) => match error.kind() {
                std::io::ErrorKind::FileTooLarge => Self::new(Slug::PayloadTooLarge, error.to_string()),
                std::io::ErrorKind::TimedOut => Self::new(Slug::Timeout, error.to_string()),
                _ => Self::new(Slug::InvalidRequest, format!("the body was cut off: {error}")),
            },
        }
    }
}

/// A line, its number, and its text; `None` at the end.
struct Lines<R> {
    input: R,
    number: u64,
    buffer: Vec<u8>,
}

enum Line<'a> {
    Text(u64, &'a str),
    Bad(u64, &'static str),
}

impl<R: BufRead> Lines<R> {
    fn new(input: R) -> Self {
        Self { input, number: 0, buffer: Vec::new() }
    }

    /// The next line that is not blank.
    fn next(&mut self) -> std::io::Result<Option<Line<'_>>> {
        loop {
            self.buffer.clear();
            let limit = LINE_BYTES_MAX as u64 + 1;
            let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.buffer.len() > LINE_BYTES_MAX && self.buffer.last() != Some(&b'\n') {
                self.skip_to_line_end()?;
                return Ok(Some(Line::Bad(self.number, "is longer than 8,388,608 bytes")));
            }
            if self.number == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.drain(..3);
            }
            while matches!(self.buffer.last(), Some(b'\n' | b'\r')) {
                self.buffer.pop();
            }
            if !self.buffer.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        Ok(Some(match std::str::from_utf8(&self.buffer) {
            Ok(text) => Line::Text(self.number, text),
            Err(_) => Line::Bad(self.number, "is not UTF-8; save the file as UTF-8"),
        }))
    }

    fn skip_to_line_end(&mut self) -> std::io::Result<()> {
        loop {
            let available = self.input.fill_buf()?;
            let end = available.iter().position(|byte| *byte == b'\n');
            let (used, done) = (end.map_or(available.len(), |at| at + 1), end.is_some() || available.is_empty());
            self.input.consume(used);
            if done {
                return Ok(());
            }
        }
    }
}

/// Loads `input` into `engine`, and tells what became of its rows. The record that ends the import is the caller's to
/// submit, with [`end_of`]: only now is everything received, and known by its hash.
///
/// # Errors
/// [`LoadError`]; rows of chunks before it are loaded, unless the import is atomic.
pub fn load(engine: &Engine, caller: &Caller, plan: Plan, input: impl BufRead) -> Result<Box<Imported>, LoadError> {
    let mut lines = Lines::new(input);
    let nothing = Imported { kind: plan.kind, accepted: 0, unchanged: 0, rejected: 0, errors: Vec::new() };
    let mut summary = Box::new(nothing);
    let mut collector = Collector::new(plan);
    let columns = match plan.format {
        Format::Ndjson => Columns::json(plan.kind),
        Format::Csv => match lines.next()? {
            Some(Line::Text(_, header)) => Columns::parse(plan.kind, header)?,
            Some(Line::Bad(_, reason)) => return Err(Problem::invalid("header", reason).into()),
            None => {
                return Err(Problem::invalid("header", "the file is empty; its first line names the columns").into());
            }
        },
    };
    while let Some(line) = lines.next()? {
        let error = match line {
            Line::Text(number, text) => collector.push(&columns, number, text, engine).err(),
            Line::Bad(line, reason) => Some(RowError { line, field: None, reason: reason.to_owned() }),
        };
        if let Some(error) = error {
            reject(&mut summary, error);
        }
        if plan.atomic && collector.len() > plan.atomic_rows {
            let reason = format!(
                "an atomic import has at most {} rows (limits.import_atomic_rows); load it in parts, or without atomic",
                plan.atomic_rows
            );
            return Err(Problem::new(Slug::PayloadTooLarge, reason).into());
        }
        if !plan.atomic && collector.len() >= ROWS_PER_CHUNK {
            add(&mut summary, run_chunk(engine, caller, collector.take(), false)?);
        }
    }
    if plan.atomic && summary.rejected > 0 {
        let mut errors = std::mem::take(&mut summary.errors);
        errors.sort_by_key(|error| error.line);
        return Err(Failure::from(anaquel_engine::command::Refusal::BadRows(errors)).into());
    }
    if collector.len() > 0 {
        add(&mut summary, run_chunk(engine, caller, collector.take(), plan.atomic)?);
    }
    summary.errors.sort_by_key(|error| error.line);
    Ok(summary)
}

/// The command that ends an import.
pub fn end_of(imported: Box<Imported>) -> Command {
    Command::Load { rows: Rows::None(imported.kind), atomic: false, finish: Some(imported) }
}

fn run_chunk(engine: &Engine, caller: &Caller, rows: Rows, atomic: bool) -> Result<Loaded, Failure> {
    let command = Command::Load { rows, atomic, finish: None };
    match engine.run(|engine, done| engine.submit(command, caller.cause(), done))? {
        Outcome::Loaded(loaded) => Ok(loaded),
        other => Err(Failure::Unknown(format!("an import came to {other:?}"))),
    }
}

fn reject(summary: &mut Imported, error: RowError) {
    summary.rejected += 1;
    if summary.errors.len() < ERRORS_MAX {
        let short = |text: String| if text.len() <= ERROR_BYTES_MAX { text } else { text.chars().take(80).collect() };
        let (field, reason) = (error.field.map(short), short(error.reason));
        summary.errors.push(RowError { line: error.line, field, reason });
    }
}

fn add(summary: &mut Imported, loaded: Loaded) {
    summary.accepted += loaded.accepted;
    summary.unchanged += loaded.unchanged;
    loaded.errors.into_iter().for_each(|error| reject(summary, error));
}

/// What became of an import, as its answer tells it.
pub fn summary(imported: &Imported, seq: Seq) -> serde_json::Value {
    serde_json::json!({
        "accepted": imported.accepted,
        "unchanged": imported.unchanged,
        "rejected": imported.rejected,
        "errors": imported.errors.iter().map(crate::wire::row_error).collect::<Vec<_>>(),
        "seq": seq,
    })
}
