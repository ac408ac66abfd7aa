//! `anaquel`: the server and its tools, in one binary.

use std::process::ExitCode;

use anaquel_server::cli::args::{Cli, Command};
use anaquel_server::cli::{backup, commands, nodes};
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::end_with_the_reader();
    let outcome = match Cli::parse().command {
        Command::Serve(args) => commands::serve(args),
        Command::Import(args) => commands::import(args),
        Command::Export(args) => commands::export(args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Promote(args) => nodes::promote(&args),
        Command::Verify(args) => commands::verify(&args),
        Command::Inspect(args) => commands::inspect(&args),
        Command::Keys(args) => commands::keys(&args),
        Command::Watch(args) => commands::watch(&args),
        Command::Completions { shell } => commands::completions(shell),
        Command::Man { folder } => commands::man(folder.as_deref()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("anaquel: {}", commands::reasons(&error));
        ExitCode::from(2)
    })
}
