//! Loads files: parses lines to rows, submits rows to the engine in chunks, and collects the result of each.
//!
//! An error names the line where its row begins, and does not affect other rows. Rows are streamed, except those of an
//! atomic import, which must all be valid before the first one is loaded.

use std::io::BufRead;

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Failure, Loaded, Outcome, Refusal, Rows};
use anaquel_engine::event::{Imported, RowError};
use anaquel_engine::ids::Seq;

use crate::auth::caller::Caller;
use crate::files::columns::{self, Collector, Columns};
use crate::files::plan::{CHUNK_BYTES, Format, ImportPlan, ROWS_PER_CHUNK, shortened};
use crate::files::progress::Progress;
use crate::files::rejects::Rejects;
use crate::files::table::{Lines, Part, Table};
use crate::http::problem::{Problem, Slug};

/// The maximum number of row errors in an answer.
const ERRORS_MAX: usize = 1000;

/// Why a file was not loaded to its end.
#[derive(Debug)]
pub enum LoadError {
    /// The file is invalid.
    Refused(Problem),
    /// The engine refused a command.
    Failed(Failure),
    /// An I/O error.
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

/// Loads `input` into `engine`, and returns the result of its rows; rejected rows are written to `rejects` on request.
/// The caller submits the record that ends the import, with [`end_of`], because only then the whole body and its hash
/// are known.
///
/// # Errors
/// [`LoadError`]; rows of earlier chunks stay loaded, unless the import is atomic.
pub fn load(
    engine: &Engine,
    caller: &Caller,
    plan: &ImportPlan,
    input: impl BufRead,
    rejects: Option<&mut Rejects<'_>>,
    progress: Option<&Progress>,
) -> Result<Box<Imported>, LoadError> {
    match plan.format {
        Format::Ndjson => {
            let mut loading = Loading::new(engine, caller, plan, None, rejects, progress)?;
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
            let columns = match table.header(|name| columns::is_known(plan, name))? {
                Some(Part::Good(_, header)) => Columns::parse(plan, header)?,
                Some(Part::Bad(_, reason)) => return Err(Problem::invalid("header", reason).into()),
                None => {
                    let reason = "the file is empty; its first line must name the columns";
                    return Err(Problem::invalid("header", reason).into());
                }
            };
            let mut loading = Loading::new(engine, caller, plan, Some(table.delimiter()), rejects, progress)?;
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

/// An import that is running.
struct Loading<'a, 'b> {
    engine: &'a Engine,
    caller: &'a Caller,
    plan: &'a ImportPlan,
    summary: Box<Imported>,
    collector: Collector,
    /// Bytes of the collected rows.
    collected: usize,
    rejects: Option<&'a mut Rejects<'b>>,
    /// Who asks how far it is learns it here.
    progress: Option<&'a Progress>,
}

impl<'a, 'b> Loading<'a, 'b> {
    fn new(
        engine: &'a Engine,
        caller: &'a Caller,
        plan: &'a ImportPlan,
        delimiter: Option<u8>,
        rejects: Option<&'a mut Rejects<'b>>,
        progress: Option<&'a Progress>,
    ) -> Result<Self, LoadError> {
        let nothing = Imported { kind: plan.kind.kind, accepted: 0, unchanged: 0, rejected: 0, errors: Vec::new() };
        let collector = Collector::new(plan, delimiter)?;
        Ok(Self { engine, caller, plan, summary: Box::new(nothing), collector, collected: 0, rejects, progress })
    }

    /// Called for each row that was read or rejected.
    fn row(&mut self, line: u64, raw: &[u8], rejected: Option<RowError>) -> Result<(), LoadError> {
        self.collected += raw.len();
        if let Some(progress) = self.progress {
            progress.read_row();
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.row(line, raw, rejected.as_ref());
        }
        if let Some(error) = rejected {
            self.reject(error);
        }
        if self.plan.atomic && self.collector.count() > self.plan.atomic_rows {
            let atomic = self.plan.surface.option("atomic", "true");
            let reason = format!(
                "line {line}: an import with {atomic} has at most {} rows (limits.import_atomic_rows); load it in parts, or \
                 without {atomic}",
                self.plan.atomic_rows
            );
            return Err(Problem::new(Slug::PayloadTooLarge, reason).into());
        }
        let is_full = self.rejects.as_ref().is_some_and(|rejects| rejects.is_full());
        if !self.plan.atomic && (self.collector.count() >= ROWS_PER_CHUNK || self.collected >= CHUNK_BYTES || is_full) {
            self.run_chunk(false)?;
        } else if is_full && let Some(rejects) = &mut self.rejects {
            // One row is wrong, so the engine gets none.
            rejects.write(None)?;
        }
        Ok(())
    }

    /// Called at the end of the file.
    fn end(mut self) -> Result<Box<Imported>, LoadError> {
        if !self.plan.atomic || self.summary.rejected == 0 {
            self.run_chunk(true)?;
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.write(None)?;
        }
        self.summary.errors.sort_by_key(|error| error.line);
        if self.plan.atomic && self.summary.rejected > 0 {
            return Err(Problem::bad_rows(self.summary.rejected, &self.summary.errors).into());
        }
        Ok(self.summary)
    }

    /// Submits the collected rows; unless the file ended, without those that belong to rows that may follow.
    fn run_chunk(&mut self, is_end: bool) -> Result<(), LoadError> {
        self.collected = 0;
        if self.collector.count() > 0 {
            let rows = self.collector.take(is_end);
            let run = self.run_rows(rows)?;
            let loaded = match run {
                Ok(Outcome::Loaded(loaded)) => loaded,
                // Reported like rows that could not be parsed: by line. No row is loaded.
                Err(Failure::Refused(Refusal::BadRows(errors))) => Loaded { errors, ..Loaded::default() },
                Ok(other) => {
                    return Err(Failure::Unknown(format!("an import returned an unexpected outcome: {other:?}")).into());
                }
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
        if let Some(progress) = self.progress {
            progress.came_to(&self.summary);
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.write(self.collector.held_back_from())?;
        }
        Ok(())
    }

    /// Submits rows. Those of sales come with what the archive has of their orders, and again if it changed meanwhile; rows
    /// that only the archive has are not submitted.
    fn run_rows(&self, mut rows: Rows) -> Result<Result<Outcome, Failure>, LoadError> {
        let submit = |rows: Rows| {
            let command = Command::load(rows, self.plan.atomic);
            self.engine.run(|engine, done| engine.submit(command, self.caller.cause(), done))
        };
        let Rows::Sales(sales) = &mut rows else { return Ok(submit(rows)) };
        let unchanged = self.engine.take_out_archived(sales).map_err(Problem::from)?;
        let counted = |done: Result<Outcome, Failure>| match done {
            Ok(Outcome::Loaded(loaded)) => {
                Ok(Outcome::Loaded(Loaded { unchanged: loaded.unchanged + unchanged, ..loaded }))
            }
            done => done,
        };
        if sales.is_empty() {
            return Ok(counted(Ok(Outcome::Loaded(Loaded::default()))));
        }
        for _ in 0..TRIES {
            self.engine.recall_sales(sales).map_err(crate::archived::unbrought)?;
            match submit(Rows::Sales(sales.clone())) {
                Err(Failure::Refused(Refusal::ArchiveMoved)) => {}
                done => return Ok(counted(done)),
            }
        }
        Ok(Err(Failure::Refused(Refusal::ArchiveMoved)))
    }

    /// The engine's reason for a rejected row, with advice for this surface.
    fn advised(&self, mut error: RowError) -> RowError {
        let is_of_cell = matches!(error.field.as_deref(), Some("sku" | "location"));
        if self.plan.kind.creates && is_of_cell && error.reason.ends_with(UNKNOWN) {
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

/// How often rows are submitted again because the archive changed.
const TRIES: usize = 8;

/// The ending of the engine's reason for an undeclared name.
const UNKNOWN: &str = "is unknown; declare it first";

/// The command that ends an import.
pub fn end_of(imported: Box<Imported>) -> Command {
    Command::finish(imported.kind, imported)
}

/// The result of an import for its answer.
pub fn summary(imported: &Imported, seq: Seq) -> serde_json::Value {
    serde_json::json!({
        "accepted": imported.accepted,
        "unchanged": imported.unchanged,
        "rejected": imported.rejected,
        "errors": imported.errors.iter().map(crate::http::problem::row_error).collect::<Vec<_>>(),
        "errors_left_out": imported.rejected.saturating_sub(imported.errors.len() as u64),
        "seq": seq,
    })
}
