//! The command line: what can be said, and what it means.
#![allow(missing_docs, reason = "fields are documented by their help texts, variants by the commands that they are")]

use std::net::SocketAddr;
use std::path::PathBuf;

use anaquel_engine::settings::PromiseLimits;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::auth::Scope;
use crate::files::kind::FileKind;
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
    /// http://127.0.0.1:7070/docs. Ctrl-C stops it in order: what is in flight is finished and made durable.
    Serve(ServeArgs),
    /// Load a file into a data directory that no server has open, or into a running server.
    ///
    /// The file is CSV with a header row, or JSON lines where its name ends in .ndjson or .jsonl, or its first line is an
    /// object; it may be packed with gzip. `-` reads standard input. Rows that are wrong are told by line and do not spoil the rest. Exit code 1 if any row was
    /// rejected.
    Import(ImportArgs),
    /// Write out what an import reads, as CSV.
    Export(ExportArgs),
    /// Make, list, rotate and revoke API keys.
    ///
    /// The data directory must be there: `anaquel serve` makes it, and an empty one will do. The first key locks the door: from then on every caller must bring one. A running server takes changes in at once.
    Keys(KeysArgs),
    /// Watch live stock of a running server: a table on a terminal, JSON lines elsewhere.
    ///
    /// Try it: `anaquel watch --location es-001`. A lost connection is taken up again where it was.
    Watch(WatchArgs),
    /// Take a backup of a data directory, whether a server has it open or not: everything the first time, what came since
    /// the next.
    ///
    /// Exact at one seq, and read back before it counts. Try it: `anaquel backup backups --url http://127.0.0.1:7070`.
    Backup(BackupArgs),
    /// Make a data directory of backups, as the shop was at the last of them, or at any moment that they tell.
    ///
    /// Try it: `anaquel restore backups --data restored`. With --check nothing is written.
    Restore(RestoreArgs),
    /// Prove what happened: replay the log, recompute every cell and reservation, and check every promise at every
    /// record.
    ///
    /// Prints counts and the state hash, which a server at the same seq shows at /v1/info. Exit code 1 at the first
    /// violation, naming the record.
    Verify(VerifyArgs),
    /// Look into a log without changing it.
    ///
    /// Prints records as JSON lines; with --summary, what the directory holds.
    Inspect(InspectArgs),
    /// Print shell completions.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one for each command, or print that of the whole.
    #[command(hide = true)]
    Man {
        /// A folder for all of them.
        folder: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where the log and its checkpoints are [default: ./data].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:7070].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Load a small believable retailer into an empty store.
    #[arg(long)]
    pub demo: bool,
    /// A TOML file of settings. Flags are stronger than ANAQUEL_* variables, and those than the file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the settings in force, and exit.
    #[arg(long)]
    pub print_config: bool,
    /// The clock is right even if it is far ahead of the log: what is due expires.
    #[arg(long)]
    pub trust_clock: bool,
    /// The data directory is a copy that keeps everything, such as a snapshot of its volume: begin a new epoch
    #[arg(long)]
    pub restored: bool,
    /// Serve whoever comes, on any address, without keys and without TLS.
    #[arg(long)]
    pub insecure: bool,
}

#[derive(Debug, Args)]
pub struct KeysArgs {
    /// The data directory of the server that the keys are for [default: that of the settings].
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// The server's file of settings.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The file of keys, where the server's settings name another than keys.json in its data directory.
    #[arg(long, value_name = "FILE", global = true)]
    pub file: Option<PathBuf>,
    #[command(subcommand)]
    pub command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key. It is shown once, on standard output, and kept only as a hash.
    Add {
        /// Whose it is; stands in the log beside what is done with it.
        name: String,
        /// What it may do; may repeat.
        #[arg(long, value_enum, required = true)]
        scope: Vec<Scope>,
        /// Only for this channel; may repeat.
        #[arg(long)]
        channel: Vec<String>,
        /// Only at this location; may repeat.
        #[arg(long)]
        location: Vec<String>,
        #[command(flatten)]
        limits: KeyLimits,
        /// How long it is good for; until revoked if left out.
        #[arg(long, value_name = "DAYS")]
        expires_days: Option<u64>,
    },
    /// Show all keys, but for the keys themselves.
    List,
    /// Make a key with the rights of another, which goes on for a while.
    Rotate {
        /// The id of the other.
        id: String,
        /// How long the other goes on.
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        overlap_seconds: u64,
    },
    /// End a key at once, and what it has open.
    Revoke {
        /// Its id.
        id: String,
    },
}

/// Reads a kind of file.
fn file_kinds() -> impl TypedValueParser<Value = &'static FileKind> {
    let names = subjects::file_kinds().map(|kind| kind.kind.as_str());
    PossibleValuesParser::new(names).try_map(|name| subjects::file_kind(&name).ok_or("no such kind"))
}

#[derive(Debug, Args)]
#[group(skip)]
pub struct Target {
    /// A data directory that no server has open [default: ./data, if that is one].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A running server, such as http://127.0.0.1:7070, https://stock.example or localhost:7070.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub url: Option<String>,
    /// Certificates in PEM that are trusted instead of the machine's, for a server with https.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// What the file holds.
    #[arg(value_parser = file_kinds())]
    pub kind: &'static FileKind,
    /// The file; `-` for standard input.
    pub file: PathBuf,
    #[command(flatten)]
    pub target: Target,
    /// One bad row refuses all.
    #[arg(long)]
    pub atomic: bool,
    /// Stock for unknown SKUs and locations creates them.
    #[arg(long)]
    pub create: bool,
    /// Cells are taken as they are, as an export with --raw wrote them.
    #[arg(long)]
    pub raw: bool,
    /// A column of this import, and its name in the file, such as `sku=Variant SKU`; may repeat.
    ///
    /// In JSON lines the name may be a path, such as `latitude=location.lat` or `longitude=coordinates.0`.
    #[arg(long, value_name = "COLUMN=NAME", value_parser = Reading::parse_map)]
    pub map: Vec<(String, String)>,
    /// What a column is in every row that does not say, such as `location=main`; may repeat.
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = Reading::parse_set)]
    pub set: Vec<(String, String)>,
    /// Columns that this import does not know are passed over.
    #[arg(long)]
    pub ignore_unknown: bool,
    /// What stands between two fields: comma, semicolon, tab or pipe; the header line shows it if left out.
    #[arg(long, value_name = "CHARACTER", value_parser = Reading::parse_delimiter)]
    pub delimiter: Option<u8>,
    /// What stands before the fraction of numbers, point or comma; if left out, only what can be read in one way is.
    #[arg(long, value_name = "CHARACTER", value_parser = Reading::parse_decimal)]
    pub decimal: Option<Decimal>,
    /// Write the rejected rows to this file, with the line, the field and the reason of each. What is set right in it can
    /// be loaded as it is.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// What to write out.
    #[arg(value_parser = file_kinds())]
    pub kind: &'static FileKind,
    /// The file; standard output if left out.
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub target: Target,
    /// Texts as they are. Without it, none is written so that a spreadsheet would run it, and the import reads them back.
    #[arg(long)]
    pub raw: bool,
}

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Where backups are kept; made if it is not there.
    pub folder: PathBuf,
    #[command(flatten)]
    pub target: BackupTarget,
    /// Everything, even if the folder has a backup to go on from.
    #[arg(long)]
    pub whole: bool,
    /// Read every checksum back, and do not build the shop in memory to compare its state hash.
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
    /// Certificates in PEM that are trusted instead of the machine's, for a server with https.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A folder of backups, or some of its files.
    #[arg(required = true)]
    pub from: Vec<PathBuf>,
    /// The data directory to make; it must be empty, or not there.
    #[arg(long, value_name = "DIR", required_unless_present = "check")]
    pub data: Option<PathBuf>,
    /// As the shop was after this record.
    #[arg(long, value_name = "SEQ", conflicts_with = "at_time")]
    pub at_seq: Option<u64>,
    /// As the shop was at this moment, such as 2026-11-27T18:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub at_time: Option<String>,
    /// Only check that the backups lead to the state hash that they tell.
    #[arg(long, conflicts_with = "data")]
    pub check: bool,
}

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// A running server: http://…, https://… or HOST:PORT.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7070")]
    pub url: String,
    /// Certificates in PEM that are trusted instead of the machine's, for a server with https.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// These SKUs; may repeat. All SKUs of the places if left out.
    #[arg(long, required_unless_present_any = ["location", "group"])]
    pub sku: Vec<String>,
    /// At these locations; may repeat.
    #[arg(long)]
    pub location: Vec<String>,
    /// And at those of these groups; may repeat.
    #[arg(long)]
    pub group: Vec<String>,
    /// For whom: its buffer counts.
    #[arg(long)]
    pub channel: Option<String>,
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
    /// Accept records with a known fault of earlier builds, and tell which they are; may repeat.
    ///
    /// floor-kept-too-little: making room among the promises of a group, a build up to 0.1 could leave less free in a
    /// cell than safety stock and a channel's buffer hold back. The units were there, and none was promised twice.
    #[arg(long, value_enum, value_name = "FAULT")]
    pub allow: Vec<Fault>,
}

/// Faults of earlier builds that a log may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// A promise left less free than safety stock and buffers hold back.
    FloorKeptTooLittle,
}

#[derive(Debug, Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// From the record after this one.
    #[arg(long, default_value_t = 0)]
    pub after: u64,
    /// So many records.
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
    /// Only what the directory holds.
    #[arg(long)]
    pub summary: bool,
}

/// What a key may ask for, and have open; where nothing is said, what the settings say of every key.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct KeyLimits {
    /// Units that a line may ask for.
    #[arg(long, value_name = "UNITS")]
    pub line_units: Option<u64>,
    /// Units that all lines of a request may ask for together.
    #[arg(long, value_name = "UNITS")]
    pub request_units: Option<u64>,
    /// Lines of a request.
    #[arg(long, value_name = "LINES")]
    pub request_lines: Option<u64>,
    /// Reservations that are held at a time.
    #[arg(long, value_name = "HOLDS")]
    pub open_holds: Option<u64>,
    /// Reservations that are held, confirmed or ready at a time.
    #[arg(long, value_name = "RESERVATIONS")]
    pub open_reservations: Option<u64>,
    /// How long a hold may be asked for.
    #[arg(long, value_name = "SECONDS")]
    pub hold_seconds: Option<u64>,
}

impl KeyLimits {
    /// As they are kept.
    pub fn limits(self) -> PromiseLimits {
        let Self { line_units, request_units, request_lines, open_holds, open_reservations, hold_seconds } = self;
        PromiseLimits { line_units, request_units, request_lines, open_holds, open_reservations, hold_seconds }
    }
}
