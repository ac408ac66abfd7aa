//! What each command does.

use std::path::Path;
use std::process::ExitCode;

use anaquel_engine::hash::Part;
use anaquel_engine::verify::{self, Allowances, VerifyError, verify as prove};
use anyhow::Context;
use clap::CommandFactory;

use crate::cli::args::{Cli, Fault, InspectArgs, ServeArgs, VerifyArgs};
use crate::cli::{output, target};
use crate::config::Config;
use crate::serve::Ended;

pub use crate::cli::keys::keys;
pub use crate::cli::load::{export, import};
pub use crate::cli::output::{end_with_the_reader, reasons};
pub use crate::cli::watch::watch;

/// Runs the server.
///
/// # Errors
/// Why the server could not start.
pub fn serve(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let mut config = Config::load(args.config.as_deref())?;
    config.data = args.data.unwrap_or(config.data);
    config.listen = args.listen.unwrap_or(config.listen);
    config.trust_clock |= args.trust_clock;
    config.insecure |= args.insecure;
    config.nodes.follow = args.follow.or(config.nodes.follow);
    let follows = config.nodes.follow.is_some();
    anyhow::ensure!(!(follows && args.demo), "--demo: a node that follows another has the data of that one");
    anyhow::ensure!(!(follows && args.restored), "--restored: a node that follows another begins no era");
    if args.print_config {
        print!("{}", toml::to_string_pretty(&config)?);
        return Ok(ExitCode::SUCCESS);
    }
    let is_one = target::is_data_directory(&config.data);
    anyhow::ensure!(is_one || !args.restored, "--restored: {} is not a data directory", config.data.display());
    match crate::serve::serve(config, args.demo, args.restored)? {
        Ended::Stopped => Ok(ExitCode::SUCCESS),
        Ended::Again => Err(again()),
    }
}

/// Starts this program again in its own place, with its own arguments. Returns only if that fails.
fn again() -> anyhow::Error {
    use std::os::unix::process::CommandExt;
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error.into(),
    };
    let error = std::process::Command::new(program).args(std::env::args_os().skip(1)).exec();
    anyhow::Error::new(error).context("starting again")
}

/// Verifies the log.
///
/// # Errors
/// The log cannot be read.
pub fn verify(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let allowances = Allowances { floor_kept_too_little: args.allow.contains(&Fault::FloorKeptTooLittle) };
    let proof = match prove(&args.data.data, allowances) {
        Ok(proof) => proof,
        Err(violation @ (VerifyError::Violation { .. } | VerifyError::FloorKeptTooLittle(_))) => {
            eprintln!("anaquel: {violation}");
            return Ok(ExitCode::FAILURE);
        }
        Err(VerifyError::Open(
            error @ (anaquel_engine::journal::OpenError::Damaged(_) | anaquel_engine::journal::OpenError::Archive(_)),
        )) => {
            eprintln!("anaquel: {error}");
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    println!("epoch               {}", proof.epoch);
    println!("seq                 {}", proof.seq);
    println!("records checked     {}", proof.records_checked);
    if proof.checked_after > 0 {
        println!("checked from        {} (the log before it was trimmed)", proof.checked_after + 1);
    }
    println!("cells               {}", proof.cells);
    println!("open reservations   {}", proof.open_reservations);
    println!("units reserved      {}", proof.reserved);
    println!("shortages           {}", proof.shortages);
    if proof.archived.bytes > 0 {
        let verify::Archived { orders, receipts, returns, rows, bytes } = proof.archived;
        println!(
            "archived            {orders} orders, {receipts} receipts, {returns} returns, {rows} rows of sales in {bytes} bytes"
        );
    }
    if proof.report.log.torn_parts > 0 {
        println!("torn parts dropped  {}", proof.report.log.torn_parts);
    }
    println!("state hash          {}", proof.state_hash);
    println!("files hash          {}", proof.sums.in_files());
    for part in Part::ALL {
        println!("  {:<18}{}", part.as_str(), proof.sums.part(part));
    }
    if proof.floor_kept_too_little.is_empty() {
        println!("ok: every invariant holds at every record");
    } else {
        let records: Vec<_> = proof.floor_kept_too_little.iter().map(u64::to_string).collect();
        println!("allowed             floor-kept-too-little at records {}", records.join(", "));
        println!("ok: every other invariant holds at every record, and no unit was promised twice");
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints records or the summary of a log.
///
/// # Errors
/// The log cannot be read.
pub fn inspect(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(target::is_data_directory(&args.data.data), "{} is not a data directory", args.data.data.display());
    let config = Config { data: args.data.data.clone(), trust_clock: false, ..Config::default() };
    let (engine, report) = crate::serve::open_engine(&config, None, None)?;
    if args.summary {
        let state = engine.state();
        println!("epoch              {}", engine.epoch());
        println!("seq                {}", state.view.seq());
        println!("oldest seq kept    {}", engine.oldest());
        println!(
            "checkpoint              {}",
            report.checkpoint.map_or("none".into(), |checkpoint| format!("from {}", checkpoint.start_seq))
        );
        println!("replayed           {}", report.replayed);
        println!("log bytes read     {}", report.log.bytes);
        println!("cells              {}", state.cells());
        println!("open reservations  {}", state.reservations.open());
        println!("shortages          {}", state.shortage_count());
        println!("state hash         {}", state.hash.show());
        println!("files hash         {}", state.hash.sums().in_files());
        return Ok(ExitCode::SUCCESS);
    }
    for record in engine.events(args.after, args.limit)? {
        println!("{}", crate::subjects::events::views::record(&engine, &record));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints shell completions.
///
/// # Errors
/// None.
pub fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    clap_complete::generate(shell, &mut Cli::command(), "anaquel", &mut output::output());
    Ok(ExitCode::SUCCESS)
}

/// Writes the manual pages into `folder`, which is created if it does not exist, or prints the main page.
///
/// # Errors
/// The pages cannot be written.
pub fn man(folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    let command = Cli::command();
    match folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            clap_mangen::generate_to(command, folder).with_context(|| folder.display().to_string())?;
        }
        None => clap_mangen::Man::new(command).render(&mut output::output())?,
    }
    Ok(ExitCode::SUCCESS)
}
