//! The command line: its arguments and their help texts.
#![allow(missing_docs, reason = "fields are documented by their help texts, variants by their commands")]

use std::net::SocketAddr;
use std::path::PathBuf;

use anaquel_engine::journal::StoreKind;
use anaquel_engine::settings::PromiseLimits;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::auth::Scope;
use crate::files::kind::{ExportKind, FileKind};
use crate::files::numbers::Decimal;
use crate::files::plan::Reading;
use crate::subjects;

/// Real-time stock availability: how many of this can be promised, here, now.
#[derive(Debug, Parser)]
#[command(name = "anaquel", version, about, long_about = None, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    ///
    /// Try it: `anaquel serve --demo`, then `curl '127.0.0.1:7070/v1/stock?location=es-001'`, or open
    /// http://127.0.0.1:7070/docs. Ctrl-C stops the server cleanly: requests that are under way finish and are made
    /// durable.
    Serve(ServeArgs),
    /// Load a file into a data directory that no server has open, or into a running server.
    ///
    /// The file is CSV with a header row. It is JSON lines if its name ends in .ndjson or .jsonl, or if its first line
    /// is an object. It may be compressed with gzip. `-` reads standard input. A wrong row is reported with its line
    /// number and does not affect the other rows. Exit code 1 if any row was rejected.
    Import(ImportArgs),
    /// Write data as CSV, in the format that the import reads.
    Export(ExportArgs),
    /// Create, list, rotate and revoke API keys.
    ///
    /// The data directory must exist: `anaquel serve` creates it, and an empty directory is accepted. After the first
    /// key is created, every caller must send a key. A running server applies changes at once.
    Keys(KeysArgs),
    /// Watch live stock of a running server: a table on a terminal, JSON lines elsewhere.
    ///
    /// Try it: `anaquel watch --location es-001`. After a lost connection, it connects again and resumes at its last
    /// cursor.
    Watch(WatchArgs),
    /// Take a backup of a data directory, also while a server has it open: a full backup first, later only the new
    /// records.
    ///
    /// A backup is exact at one seq, and is read back before it is accepted. Try it: `anaquel backup backups --url
    /// http://127.0.0.1:7070`.
    Backup(BackupArgs),
    /// Create a data directory from backups, in the state of the last record or of an earlier moment that the backups
    /// cover.
    ///
    /// Try it: `anaquel restore backups --data restored`. With --check, nothing is written.
    Restore(RestoreArgs),
    /// Make a node that follows another decide.
    ///
    /// The node that it follows is told to stop first, and nothing is lost. If that node is lost: --i-stopped-it. Then the
    /// answer says what could be lost.
    Promote(PromoteArgs),
    /// Verify the log: replay it, compute every cell and reservation again, and check every promise at every record.
    ///
    /// Prints counts and the state hash. A server at the same seq shows the same state hash at /v1/info. Exit code 1 at
    /// the first violation, with the number of the record.
    Verify(VerifyArgs),
    /// Read a log without changing it.
    ///
    /// Prints records as JSON lines; with --summary, the contents of the directory.
    Inspect(InspectArgs),
    /// Print shell completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write one manual page for each command, or print the main page.
    #[command(hide = true)]
    Man {
        /// The folder for the manual pages.
        folder: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The directory of the log and its checkpoints [default: ./data].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The address to listen at [default: 127.0.0.1:7070].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Follow another node, such as https://stock-1.example: take over its log, serve reads and streams, decide nothing.
    ///
    /// A directory that does not exist yet is downloaded from that node. The variable ANAQUEL_KEY has the key that it
    /// needs, of the scope node. `anaquel promote` makes this node decide.
    #[arg(long, value_name = "URL")]
    pub follow: Option<String>,
    /// Load a small demo retailer into an empty store.
    #[arg(long)]
    pub demo: bool,
    /// A TOML file of settings. Flags override ANAQUEL_* variables, which override the file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the settings in force, and exit.
    #[arg(long)]
    pub print_config: bool,
    /// Trust the clock even if it is far ahead of the log: everything that is due expires.
    #[arg(long)]
    pub trust_clock: bool,
    /// The data directory is a complete copy, such as a snapshot of its volume: begin a new epoch
    #[arg(long)]
    pub restored: bool,
    /// Serve every caller on any address, without keys and without TLS.
    #[arg(long)]
    pub insecure: bool,
}

#[derive(Debug, Args)]
pub struct KeysArgs {
    /// The data directory of the server that the keys are for [default: the one in the settings].
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// The settings file of the server.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The file of keys, if the server's settings name a file other than keys.json in its data directory.
    #[arg(long, value_name = "FILE", global = true)]
    pub file: Option<PathBuf>,
    #[command(subcommand)]
    pub command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Create a key. The key is shown once, on standard output; only its hash is stored.
    Add {
        /// The name of the key's owner. The log records it with each write.
        name: String,
        /// A scope of the key; may repeat.
        #[arg(long, value_enum, required = true)]
        scope: Vec<Scope>,
        /// Allow only this channel; may repeat.
        #[arg(long)]
        channel: Vec<String>,
        /// Allow only this location; may repeat.
        #[arg(long)]
        location: Vec<String>,
        #[command(flatten)]
        limits: KeyLimits,
        /// How long the key is valid; until it is revoked if left out.
        #[arg(long, value_name = "DAYS")]
        expires_days: Option<u64>,
    },
    /// List all keys, without the secret part.
    List,
    /// Create a key with the rights of an existing key, which stays valid for a while.
    Rotate {
        /// The id of the existing key.
        id: String,
        /// How long the existing key stays valid.
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        overlap_seconds: u64,
    },
    /// Revoke a key at once, and close its connections.
    Revoke {
        /// The id of the key.
        id: String,
    },
}

/// Reads a kind of file.
fn file_kinds() -> impl TypedValueParser<Value = &'static FileKind> {
    let names = subjects::file_kinds().map(|kind| kind.kind.as_str());
    PossibleValuesParser::new(names).try_map(|name| subjects::file_kind(&name).ok_or("no such kind"))
}

/// Reads a kind of export.
fn export_kinds() -> impl TypedValueParser<Value = ExportKind> {
    let names: Vec<&str> = subjects::export_kinds().iter().map(|kind| kind.name).collect();
    PossibleValuesParser::new(names).try_map(|name| subjects::export_kind(&name).ok_or("no such kind"))
}

#[derive(Debug, Args)]
#[group(skip)]
pub struct Target {
    /// A data directory that no server has open [default: ./data, if it is a data directory].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A running server, such as http://127.0.0.1:7070, https://stock.example or localhost:7070.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub url: Option<String>,
    /// A PEM file of certificates to trust instead of the machine's, for a server with https.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The kind of the rows.
    #[arg(value_parser = file_kinds())]
    pub kind: &'static FileKind,
    /// The file; `-` for standard input.
    pub file: PathBuf,
    #[command(flatten)]
    pub target: Target,
    /// Reject the whole file if one row is wrong.
    #[arg(long)]
    pub atomic: bool,
    /// Create unknown SKUs and locations that rows of stock name; and SKUs, locations and channels that rows of sales
    /// name.
    #[arg(long)]
    pub create: bool,
    /// Of sales: their units move stock, unless a count has them already.
    #[arg(long)]
    pub stock: bool,
    /// Read cells as they are, as an export with --raw writes them.
    #[arg(long)]
    pub raw: bool,
    /// A column of this import, and its name in the file, such as `sku=Variant SKU`; may repeat.
    ///
    /// In JSON lines the name may be a path, such as `latitude=location.lat` or `longitude=coordinates.0`.
    #[arg(long, value_name = "COLUMN=NAME", value_parser = Reading::parse_map)]
    pub map: Vec<(String, String)>,
    /// The value of a column in every row that has none, such as `location=main`; may repeat.
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = Reading::parse_set)]
    pub set: Vec<(String, String)>,
    /// Ignore columns that this import does not know.
    #[arg(long)]
    pub ignore_unknown: bool,
    /// The separator of fields: comma, semicolon, tab or pipe; detected from the header line if left out.
    #[arg(long, value_name = "CHARACTER", value_parser = Reading::parse_delimiter)]
    pub delimiter: Option<u8>,
    /// The decimal separator of numbers, point or comma; if left out, only unambiguous numbers are accepted.
    #[arg(long, value_name = "CHARACTER", value_parser = Reading::parse_decimal)]
    pub decimal: Option<Decimal>,
    /// Write the rejected rows to this file, each with its line, field and reason. Rows that are corrected in this file
    /// can be loaded from it.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The kind of the rows.
    #[arg(value_parser = export_kinds())]
    pub kind: ExportKind,
    /// The file; standard output if left out.
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub target: Target,
    /// Write texts unchanged. Without this flag, a text that a spreadsheet would run as a formula is escaped; the
    /// import reads it back.
    #[arg(long)]
    pub raw: bool,
}

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The folder for backups; created if it does not exist.
    pub folder: PathBuf,
    #[command(flatten)]
    pub target: BackupTarget,
    /// Take a full backup, even if the folder has a backup to continue from.
    #[arg(long)]
    pub whole: bool,
    /// Verify every checksum, but do not rebuild the state to compare its state hash.
    #[arg(long)]
    pub quick: bool,
}

#[derive(Debug, Args)]
pub struct BackupTarget {
    /// A data directory on this machine; a server may have it open [default: ./data].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A running server, such as http://127.0.0.1:7070, https://stock.example or localhost:7070.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub url: Option<String>,
    /// A PEM file of certificates to trust instead of the machine's, for a server with https.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A folder of backups, or single backup files.
    #[arg(required = true)]
    pub from: Vec<PathBuf>,
    /// The data directory to create; it must be empty or must not exist.
    #[arg(long, value_name = "DIR", required_unless_present = "check")]
    pub data: Option<PathBuf>,
    /// Where the log of the new directory is kept: sled, or file.
    #[arg(long, value_name = "STORE", default_value = "sled", value_parser = store_of)]
    pub store: StoreKind,
    /// Restore the state after this record.
    #[arg(long, value_name = "SEQ", conflicts_with = "at_time")]
    pub at_seq: Option<u64>,
    /// Restore the state at this moment, such as 2026-11-27T18:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub at_time: Option<String>,
    /// Only check that the backups lead to the state hash that they contain.
    #[arg(long, conflicts_with = "data")]
    pub check: bool,
}

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// A running server: http://…, https://… or HOST:PORT.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7070")]
    pub url: String,
    /// A PEM file of certificates to trust instead of the machine's, for a server with https.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Only these SKUs; may repeat. All SKUs of the locations if left out.
    #[arg(long, required_unless_present_any = ["location", "group"])]
    pub sku: Vec<String>,
    /// At these locations; may repeat.
    #[arg(long)]
    pub location: Vec<String>,
    /// At the locations of these groups; may repeat.
    #[arg(long)]
    pub group: Vec<String>,
    /// The channel that sells; its buffer is subtracted.
    #[arg(long)]
    pub channel: Option<String>,
}

#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// The node that is to decide: http://…, https://… or HOST:PORT.
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// A PEM file of certificates to trust instead of the machine's, for a node with https.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The node that it follows has stopped and does not come back by itself: do not ask it.
    #[arg(long)]
    pub i_stopped_it: bool,
}

#[derive(Debug, Args)]
pub struct DataArgs {
    /// The data directory. No server may have it open.
    #[arg(long, value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Accept records with a known fault of earlier builds, and list them; may repeat.
    ///
    /// floor-kept-too-little: when a build up to 0.1 moved promises of a group to make room, it could leave less
    /// available in a cell than safety stock and the channel's buffer hold back. The units existed, and none was
    /// promised twice.
    #[arg(long, value_enum, value_name = "FAULT")]
    pub allow: Vec<Fault>,
}

/// Faults of earlier builds that a log may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// A promise left less available than safety stock and buffers hold back.
    FloorKeptTooLittle,
}

#[derive(Debug, Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Start after this record.
    #[arg(long, default_value_t = 0)]
    pub after: u64,
    /// The number of records to print.
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
    /// Print only a summary of the directory.
    #[arg(long)]
    pub summary: bool,
}

/// Limits of a key. A limit that is left out comes from the settings.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct KeyLimits {
    /// Units of one line.
    #[arg(long, value_name = "UNITS")]
    pub line_units: Option<u64>,
    /// Units of all lines of one request together.
    #[arg(long, value_name = "UNITS")]
    pub request_units: Option<u64>,
    /// Lines of one request.
    #[arg(long, value_name = "LINES")]
    pub request_lines: Option<u64>,
    /// Reservations in the state held at the same time.
    #[arg(long, value_name = "HOLDS")]
    pub open_holds: Option<u64>,
    /// Reservations in the states held, confirmed or ready at the same time.
    #[arg(long, value_name = "RESERVATIONS")]
    pub open_reservations: Option<u64>,
    /// The longest time to live of a hold.
    #[arg(long, value_name = "SECONDS")]
    pub hold_seconds: Option<u64>,
}

impl KeyLimits {
    /// The limits as they are stored with the key.
    pub fn limits(self) -> PromiseLimits {
        let Self { line_units, request_units, request_lines, open_holds, open_reservations, hold_seconds } = self;
        PromiseLimits { line_units, request_units, request_lines, open_holds, open_reservations, hold_seconds }
    }
}

/// A store of the log by its name.
fn store_of(name: &str) -> Result<StoreKind, String> {
    let all = [StoreKind::Sled, StoreKind::File];
    all.into_iter().find(|store| store.as_str() == name).ok_or_else(|| "it is sled or file".to_owned())
}
