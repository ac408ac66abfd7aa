//! `anaquel import` and `anaquel export`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anaquel_engine::command::Outcome;
use anaquel_engine::event::ImportKind;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::client;
use super::output::output;
use super::place::{self, Place};
use crate::app::Caller;
use crate::cli::{ExportArgs, ImportArgs};
use crate::load::export::Texts;
use crate::load::{self, Format, Plan};
use crate::problem::Problem;

/// Rows of an atomic import into a directory that nobody else has open.
const ATOMIC_ROWS_MAX: usize = 1_000_000;

/// Row errors shown on the terminal.
const ERRORS_SHOWN: usize = 20;

/// Loads a file.
///
/// # Errors
/// The file cannot be read, or the engine does not take it.
pub fn import(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let kind = ImportKind::from(args.kind);
    let format = match args.file.extension().and_then(|extension| extension.to_str()) {
        Some("ndjson" | "jsonl") => Format::Ndjson,
        _ => Format::Csv,
    };
    let (atomic, create, raw, atomic_rows) = (args.atomic, args.create, args.raw, ATOMIC_ROWS_MAX);
    let plan = Plan { kind, format, atomic, create, raw, atomic_rows };
    let place = Place::of(&args.target, true)?;
    let (input, bytes) = open(&args.file)?;
    let progress = progress(bytes);
    let input = progress.wrap_read(input);
    let summary = match &place {
        Place::Server(remote) => {
            let media_type = if format == Format::Csv { "text/csv" } else { "application/x-ndjson" };
            let name = load::kind_name(kind);
            let path = format!("/v1/import/{name}?atomic={}&create={}&raw={}", args.atomic, args.create, args.raw);
            client::post(remote, &path, media_type, input)?
        }
        Place::Directory(data) => {
            let engine = place::open(data)?;
            let problem = |problem: Problem| anyhow::anyhow!("{}", problem.detail());
            let imported = load::load(&engine, &Caller::default(), plan, BufReader::new(input))
                .map_err(|error| problem(error.into()))?;
            let end = load::end_of(imported);
            let outcome = engine.run(|engine, done| engine.submit(end, None, done))?;
            let Outcome::Imported { seq, imported } = outcome else { anyhow::bail!("an import came to {outcome:?}") };
            engine.close().map_err(|error| anyhow::anyhow!(error))?;
            load::summary(&imported, seq)
        }
    };
    progress.finish_and_clear();
    Ok(tell(&summary))
}

/// Writes out what an import reads.
///
/// # Errors
/// The data cannot be read, or the file not written.
pub fn export(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let kind = ImportKind::from(args.kind);
    let texts = if args.raw { Texts::Raw } else { Texts::Guarded };
    let place = Place::of(&args.target, false)?;
    let write = |out: &mut dyn Write| match &place {
        Place::Server(remote) => {
            client::get(remote, &format!("/v1/export/{}?raw={}", load::kind_name(kind), args.raw), out)
        }
        Place::Directory(data) => {
            let engine = place::open(data)?;
            Ok(load::export::export(&engine, kind, texts, &mut &mut *out).map(drop)?)
        }
    };
    match &args.file {
        None => {
            let mut out = BufWriter::new(output());
            write(&mut out)?;
            out.flush()?;
        }
        Some(path) => whole(path, write).with_context(|| path.display().to_string())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that takes the place of the one before once it is whole. What is no file, such as a pipe, is written as
/// it is.
fn whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let is_new_or_file = std::fs::metadata(path).map_or(true, |found| found.is_file());
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let into = if is_new_or_file { PathBuf::from(beside) } else { path.to_owned() };
    let written = File::create(&into).map_err(anyhow::Error::from).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        Ok(out.flush()?)
    });
    if !is_new_or_file {
        return written;
    }
    match written {
        Ok(()) => Ok(std::fs::rename(&into, path)?),
        Err(error) => {
            let _ = std::fs::remove_file(&into);
            Err(error)
        }
    }
}

fn open(path: &Path) -> anyhow::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let bytes = file.metadata().ok().map(|metadata| metadata.len());
    Ok((Box::new(file), bytes))
}

fn progress(bytes: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    match bytes {
        Some(bytes) => {
            let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}");
            ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }
        None => ProgressBar::new_spinner(),
    }
}

fn tell(summary: &Value) -> ExitCode {
    let count = |name: &str| summary.get(name).and_then(Value::as_u64).unwrap_or(0);
    println!(
        "{} accepted, {} unchanged, {} rejected, durable at seq {}",
        count("accepted"),
        count("unchanged"),
        count("rejected"),
        count("seq")
    );
    let errors = summary.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    for error in errors.iter().take(ERRORS_SHOWN) {
        let text = |name: &str| error.get(name).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
        let field = text("field").filter(|field| field != "null").map(|field| format!(" {field}")).unwrap_or_default();
        eprintln!("line {}:{field} {}", text("line").unwrap_or_default(), text("reason").unwrap_or_default());
    }
    if count("rejected") > ERRORS_SHOWN as u64 {
        eprintln!("… and {} more", count("rejected") - ERRORS_SHOWN as u64);
    }
    if count("rejected") > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
