//! `anaquel import` and `anaquel export`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anaquel_engine::command::Outcome;
use anaquel_engine::event::ImportKind;
use anyhow::Context;
use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::auth::caller::Caller;
use crate::cli::args::{ExportArgs, ImportArgs};
use crate::cli::output::output;
use crate::cli::remote::Remote;
use crate::cli::target::DataLocation;
use crate::cli::{client, target as place};
use crate::config::Config;
use crate::files::export::Texts;
use crate::files::kind::RowOptions;
use crate::files::load;
use crate::files::numbers::Decimal;
use crate::files::plan::{Format, ImportPlan, Reading};
use crate::files::rejects::Rejects;
use crate::files::surface::Surface;
use crate::http::problem::Problem;

/// Rows of an atomic import into a directory that no server has open.
const ATOMIC_ROWS_MAX: usize = 1_000_000;

/// Row errors shown on the terminal.
const ERRORS_SHOWN: usize = 20;

/// Loads a file.
///
/// # Errors
/// The file cannot be read, or the engine refuses it.
pub fn import(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let kind = args.kind;
    let reading = Reading {
        delimiter: args.delimiter,
        decimal: args.decimal,
        map: args.map.clone(),
        set: args.set.clone(),
        ignore_unknown: args.ignore_unknown,
    };
    anyhow::ensure!(
        !args.stock || kind.kind == ImportKind::Sales,
        "--stock: is an option of sales alone; leave it out"
    );
    let (atomic, raw, atomic_rows) = (args.atomic, args.raw, ATOMIC_ROWS_MAX);
    let options = RowOptions { create: args.create, stock: args.stock };
    let place = DataLocation::of(&args.target, true)?;
    // A server has a setting of its own.
    let reading = match &place {
        DataLocation::Server(_) => reading,
        DataLocation::Directory(_) => reading.with_currency(kind, &Config::load(None)?.imports.sales_currency),
    };
    let (input, bytes) = open(&args.file)?;
    let progress = progress(bytes);
    let mut input = BufReader::new(unpacked(BufReader::new(progress.wrap_read(input)))?);
    let format = format_of(&args.file, input.fill_buf().with_context(|| args.file.display().to_string())?);
    let plan = ImportPlan { kind, format, atomic, options, raw, atomic_rows, reading, surface: Surface::CommandLine };
    let result = match &place {
        DataLocation::Server(remote) => import_to_server(remote, &args, &plan, input),
        DataLocation::Directory(data) => import_here(data, &plan, input, args.rejects.as_deref()),
    };
    progress.finish_and_clear();
    match result {
        Ok(summary) => Ok(tell(&summary, args.rejects.as_deref())),
        Err(error) => match error.downcast::<client::Refused>() {
            // Wrong rows of an atomic import are reported like those of any import.
            Ok(refused) if refused.problem.get("errors").is_some() => {
                eprintln!("anaquel: {}", refused.detail());
                tell_errors(&refused.problem, args.rejects.as_deref());
                Ok(ExitCode::FAILURE)
            }
            Ok(refused) => Err(refused.into()),
            Err(error) => Err(error),
        },
    }
}

/// JSON lines if the file name says so, ignoring the ending of a compressed file, or if the name does not say and the
/// first line is an object.
fn format_of(path: &Path, first: &[u8]) -> Format {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let says_json = name.ends_with(".ndjson") || name.ends_with(".jsonl");
    let is_object = first.trim_ascii_start().starts_with(b"{") && !name.ends_with(".csv");
    if says_json || is_object { Format::Ndjson } else { Format::Csv }
}

/// The content of a file, compressed with gzip or not.
fn unpacked(mut input: impl BufRead + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let is_packed = input.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_packed { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) })
}

fn import_to_server(
    remote: &Remote,
    args: &ImportArgs,
    plan: &ImportPlan,
    input: impl Read + Send,
) -> anyhow::Result<Value> {
    let media_type = if plan.format == Format::Csv { "text/csv" } else { "application/x-ndjson" };
    let mut query = form_urlencoded::Serializer::new(String::new());
    let flags = [
        ("atomic", plan.atomic),
        ("create", plan.options.create),
        ("stock", plan.options.stock),
        ("raw", plan.raw),
        ("ignore_unknown", plan.reading.ignore_unknown),
        ("rejects", args.rejects.is_some()),
    ];
    for (name, _) in flags.iter().filter(|(_, said)| *said) {
        query.append_pair(name, "true");
    }
    if let Some(delimiter) = plan.reading.delimiter {
        query.append_pair("delimiter", &char::from(delimiter).to_string());
    }
    match plan.reading.decimal {
        Some(Decimal::Comma) => drop(query.append_pair("decimal", "comma")),
        Some(_) => drop(query.append_pair("decimal", "point")),
        None => {}
    }
    for (name, pairs) in [("map", &plan.reading.map), ("set", &plan.reading.set)] {
        for (column, said) in pairs {
            query.append_pair(name, &format!("{column}={said}"));
        }
    }
    let path = format!("/v1/import/{}?{}", plan.kind.kind.as_str(), query.finish());
    let answer = client::post(remote, &path, media_type, input);
    let told = match &answer {
        Ok(answer) => Some(answer),
        Err(error) => error.downcast_ref::<client::Refused>().map(|refused| &refused.problem),
    };
    let rejects = told.and_then(|told| told.get("rejects")).and_then(Value::as_str);
    if let (Some(path), Some(rejects)) = (&args.rejects, rejects) {
        std::fs::write(path, rejects).with_context(|| path.display().to_string())?;
    }
    answer
}

fn import_here(data: &Path, plan: &ImportPlan, input: impl BufRead, rejects: Option<&Path>) -> anyhow::Result<Value> {
    let mut rejected = match rejects {
        Some(path) => Some(BufWriter::new(File::create(path).with_context(|| path.display().to_string())?)),
        None => None,
    };
    let mut rejects = rejected.as_mut().map(|out| Rejects::new(out, plan.format, u64::MAX));
    let engine = place::open(data)?;
    let loaded = load::load(&engine, &Caller::default(), plan, input, rejects.as_mut(), None);
    let end = load::end_of(loaded.map_err(|error| client::Refused::here(&Problem::from(error)))?);
    let outcome = engine.run(|engine, done| engine.submit(end, None, done))?;
    let Outcome::Imported { seq, imported } = outcome else {
        anyhow::bail!(
            "an import returned an unexpected outcome: \
        {outcome:?}"
        )
    };
    engine.close().map_err(|error| anyhow::anyhow!(error))?;
    Ok(load::summary(&imported, seq))
}

/// Writes data as CSV that the import reads.
///
/// # Errors
/// The data cannot be read, or the file cannot be written.
pub fn export(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let kind = args.kind;
    let texts = if args.raw { Texts::Raw } else { Texts::Guarded };
    let place = DataLocation::of(&args.target, false)?;
    let write = |out: &mut dyn Write| match &place {
        DataLocation::Server(remote) => client::get(remote, &format!("/v1/export/{}?raw={}", kind.name, args.raw), out),
        DataLocation::Directory(data) => {
            let engine = place::open(data)?;
            Ok((kind.export)(&engine, texts, out).map(drop)?)
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

/// Writes a file that replaces the previous one once it is complete. A target that is not a file, such as a pipe, is
/// written directly.
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

fn tell(summary: &Value, rejects: Option<&Path>) -> ExitCode {
    let count = |name: &str| summary.get(name).and_then(Value::as_u64).unwrap_or(0);
    println!(
        "{} accepted, {} unchanged, {} rejected, durable at seq {}",
        count("accepted"),
        count("unchanged"),
        count("rejected"),
        count("seq")
    );
    tell_errors(summary, rejects);
    if count("rejected") > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Prints rejected rows, and where to find the others.
fn tell_errors(told: &Value, rejects: Option<&Path>) {
    let count = |name: &str| told.get(name).and_then(Value::as_u64).unwrap_or(0);
    let errors = told.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    for error in errors.iter().take(ERRORS_SHOWN) {
        let text = |name: &str| error.get(name).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
        let field = text("field").filter(|field| field != "null").map(|field| format!(" {field}")).unwrap_or_default();
        eprintln!("line {}:{field} {}", text("line").unwrap_or_default(), text("reason").unwrap_or_default());
    }
    let more = count("rejected").saturating_sub(errors.len().min(ERRORS_SHOWN) as u64);
    let left_out = count("rejects_left_out");
    match rejects {
        Some(path) if left_out > 0 => {
            eprintln!("{} has the first rejected rows; {left_out} more rows do not fit into an answer", path.display());
        }
        Some(path) if count("rejected") > 0 => eprintln!("{} has all rejected rows", path.display()),
        _ if more > 0 => eprintln!("\u{2026} and {more} more; --rejects FILE writes all of them to a file"),
        _ => {}
    }
}
