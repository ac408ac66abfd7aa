//! Loading files: lines to rows, rows to the engine in chunks, and what became of each.
//!
//! A bad row is told by the number of the line where it begins, and never spoils the rest. Nothing is buffered whole,
//! except the rows of an atomic import, which must be known to be right before the first is loaded.

mod as_of;
pub mod csv;
pub mod export;
pub mod numbers;
mod rejects;
mod rows;
pub mod table;

use std::io::BufRead;

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Failure, Loaded, Outcome, Refusal, Rows};
use anaquel_engine::event::{ImportKind, Imported, RowError};
use anaquel_engine::ids::Seq;

use crate::app::Caller;
use crate::problem::{Problem, Slug};
use numbers::Decimal;
pub use rejects::Rejects;
use rows::{Collector, Columns};
use table::{Lines, Part, Table};

/// Rows in one command: one wait for the disk each.
const ROWS_PER_CHUNK: usize = 4000;

/// Bytes of a file in one command: rows may be long.
const CHUNK_BYTES: usize = 16 << 20;

/// Row errors that an answer carries.
const ERRORS_MAX: usize = 1000;

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
    pub reading: Reading,
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

/// Where an import was asked for: advice speaks of what can be written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Over HTTP, with parameters.
    Http,
    /// On the command line, with flags.
    CommandLine,
}

/// What the command line's own client calls itself, before its version.
pub const CLIENT: &str = "anaquel/";

impl Surface {
    /// That of a caller who names itself so.
    pub fn of_user_agent(agent: Option<&str>) -> Self {
        if agent.is_some_and(|agent| agent.starts_with(CLIENT)) { Self::CommandLine } else { Self::Http }
    }

    /// How an option is written.
    pub fn option(self, name: &str, value: &str) -> String {
        match (self, value) {
            (Self::Http, value) => format!("{name}={value}"),
            (Self::CommandLine, "true") => format!("--{}", name.replace('_', "-")),
            (Self::CommandLine, value) => format!("--{} {value}", name.replace('_', "-")),
        }
    }
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
        ImportKind::Channels => "channels",
    }
}

/// Reads a kind.
pub fn parse_kind(text: &str) -> Option<ImportKind> {
    use ImportKind::{Channels, Groups, Locations, Prices, Rules, Skus, Stock, Supply};
    [Locations, Groups, Skus, Stock, Prices, Rules, Supply, Channels].into_iter().find(|kind| kind_name(*kind) == text)
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
                std::io::ErrorKind::InvalidData => {
                    Self::new(Slug::InvalidRequest, error.to_string()).with("field", "Content-Encoding")
                }
                _ => Self::new(Slug::InvalidRequest, format!("the body was cut off: {error}")),
            },
        }
    }
}

/// Loads `input` into `engine`, and tells what became of its rows; those that were rejected are written to `rejects`, where
/// somebody asks for them. The record that ends the import is the caller's to submit, with [`end_of`]: only now is
/// everything received, and known by its hash.
///
/// # Errors
/// [`LoadError`]; rows of chunks before it are loaded, unless the import is atomic.
pub fn load(
    engine: &Engine,
    caller: &Caller,
    plan: &Plan,
    input: impl BufRead,
    rejects: Option<&mut Rejects<'_>>,
) -> Result<Box<Imported>, LoadError> {
    match plan.format {
        Format::Ndjson => {
            let mut loading = Loading::new(engine, caller, plan, None, rejects)?;
            let mut lines = Lines::new(input);
            while let Some(line) = lines.next_line()? {
                let (line, rejected) = match line {
                    Part::Good(line, text) => (line, loading.collector.push_json(line, text, engine).err()),
                    Part::Bad(line, reason) => (line, Some(RowError { line, field: None, reason })),
                };
                loading.row(line, lines.raw(), rejected)?;
            }
            loading.end()
        }
        Format::Csv => {
            let mut table = Table::new(input, plan.reading.delimiter);
            let columns = match table.header(|name| rows::is_known(plan, name))? {
                Some(Part::Good(_, header)) => Columns::parse(plan, header)?,
                Some(Part::Bad(_, reason)) => return Err(Problem::invalid("header", reason).into()),
                None => {
                    let reason = "the file is empty; its first line names the columns";
                    return Err(Problem::invalid("header", reason).into());
                }
            };
            let mut loading = Loading::new(engine, caller, plan, Some(table.delimiter()), rejects)?;
            if let Some(rejects) = &mut loading.rejects {
                rejects.columns(table.raw(), table.delimiter());
            }
            while let Some(row) = table.next_row()? {
                let (line, rejected) = match row {
                    Part::Good(line, fields) => (line, loading.collector.push(&columns, line, fields, engine).err()),
                    Part::Bad(line, reason) => (line, Some(RowError { line, field: None, reason })),
                };
                loading.row(line, table.raw(), rejected)?;
            }
            loading.end()
        }
    }
}

/// An import under way.
struct Loading<'a, 'b> {
    engine: &'a Engine,
    caller: &'a Caller,
    plan: &'a Plan,
    summary: Box<Imported>,
    collector: Collector,
    /// Bytes of the rows that were collected.
    collected: usize,
    rejects: Option<&'a mut Rejects<'b>>,
}

impl<'a, 'b> Loading<'a, 'b> {
    fn new(
        engine: &'a Engine,
        caller: &'a Caller,
        plan: &'a Plan,
        delimiter: Option<u8>,
        rejects: Option<&'a mut Rejects<'b>>,
    ) -> Result<Self, LoadError> {
        let nothing = Imported { kind: plan.kind, accepted: 0, unchanged: 0, rejected: 0, errors: Vec::new() };
        let collector = Collector::new(plan, delimiter)?;
        Ok(Self { engine, caller, plan, summary: Box::new(nothing), collector, collected: 0, rejects })
    }

    /// A row was read, or rejected.
    fn row(&mut self, line: u64, raw: &[u8], rejected: Option<RowError>) -> Result<(), LoadError> {
        self.collected += raw.len();
        if let Some(rejects) = &mut self.rejects {
            rejects.row(line, raw, rejected.as_ref());
        }
        if let Some(error) = rejected {
            self.reject(error);
        }
        if self.plan.atomic && self.collector.len() > self.plan.atomic_rows {
            let atomic = self.plan.surface.option("atomic", "true");
            let reason = format!(
                "line {line}: an import with {atomic} has at most {} rows (limits.import_atomic_rows); load it in parts, or \
                 without {atomic}",
                self.plan.atomic_rows
            );
            return Err(Problem::new(Slug::PayloadTooLarge, reason).into());
        }
        let is_full = self.rejects.as_ref().is_some_and(|rejects| rejects.is_full());
        if !self.plan.atomic && (self.collector.len() >= ROWS_PER_CHUNK || self.collected >= CHUNK_BYTES || is_full) {
            self.run_chunk()?;
        } else if is_full && let Some(rejects) = &mut self.rejects {
            // Some row is wrong, so none will be loaded, and the engine will reject no other.
            rejects.write()?;
        }
        Ok(())
    }

    /// The file ended.
    fn end(mut self) -> Result<Box<Imported>, LoadError> {
        if !self.plan.atomic || self.summary.rejected == 0 {
            self.run_chunk()?;
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.write()?;
        }
        self.summary.errors.sort_by_key(|error| error.line);
        if self.plan.atomic && self.summary.rejected > 0 {
            return Err(Problem::bad_rows(self.summary.rejected, &self.summary.errors).into());
        }
        Ok(self.summary)
    }

    /// Loads the rows that were collected.
    fn run_chunk(&mut self) -> Result<(), LoadError> {
        self.collected = 0;
        if self.collector.len() > 0 {
            let command = Command::Load { rows: self.collector.take(), atomic: self.plan.atomic, finish: None };
            let run = self.engine.run(|engine, done| engine.submit(command, self.caller.cause(), done));
            let loaded = match run {
                Ok(Outcome::Loaded(loaded)) => loaded,
                // Told like rows that could not be read: by line, and none is loaded.
                Err(Failure::Refused(Refusal::BadRows(errors))) => Loaded { errors, ..Loaded::default() },
                Ok(other) => return Err(Failure::Unknown(format!("an import came to {other:?}")).into()),
                Err(failure) => return Err(failure.into()),
            };
            self.summary.accepted += loaded.accepted;
            self.summary.unchanged += loaded.unchanged;
            for error in loaded.errors {
                let error = self.advised(error);
                if let Some(rejects) = &mut self.rejects {
                    rejects.reject(&error);
                }
                self.reject(error);
            }
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.write()?;
        }
        Ok(())
    }

    /// What the engine says of a row, with what can be done about it here.
    fn advised(&self, mut error: RowError) -> RowError {
        let is_of_cell = matches!(error.field.as_deref(), Some("sku" | "location"));
        if self.plan.kind == ImportKind::Stock && is_of_cell && error.reason.ends_with(UNKNOWN) {
            error.reason.push_str(&format!(", or pass {}", self.plan.surface.option("create", "true")));
        }
        error
    }

    fn reject(&mut self, error: RowError) {
        self.summary.rejected += 1;
        if self.summary.errors.len() < ERRORS_MAX {
            let RowError { line, field, reason } = error;
            self.summary.errors.push(RowError { line, field: field.map(shortened), reason: shortened(reason) });
        }
    }
}

/// How the engine ends what it says of a name that nobody declared.
const UNKNOWN: &str = "is unknown; declare it first";

/// A text of an error, no longer than it may be.
fn shortened(text: String) -> String {
    if text.len() <= ERROR_BYTES_MAX { text } else { text.chars().take(200).collect::<String>() + "\u{2026}" }
}

/// The command that ends an import.
pub fn end_of(imported: Box<Imported>) -> Command {
    Command::Load { rows: Rows::None(imported.kind), atomic: false, finish: Some(imported) }
}

/// What became of an import, as its answer tells it.
pub fn summary(imported: &Imported, seq: Seq) -> serde_json::Value {
    serde_json::json!({
        "accepted": imported.accepted,
        "unchanged": imported.unchanged,
        "rejected": imported.rejected,
        "errors": imported.errors.iter().map(crate::wire::row_error).collect::<Vec<_>>(),
        "errors_left_out": imported.rejected.saturating_sub(imported.errors.len() as u64),
        "seq": seq,
    })
}
