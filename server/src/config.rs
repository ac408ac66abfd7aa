//! Settings: flags over `ANAQUEL_*` environment variables over a TOML file over the defaults.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anaquel_engine::idempotency::KEY_BYTES;
use anaquel_engine::journal::{LogOptions, SyncPolicy};
use anaquel_engine::reservation::CHANGES_TOLD_MAX;
use anaquel_engine::settings::{ChannelLimits, FeedSettings, NameSettings, PromiseLimits, Settings};
use anyhow::Context;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// Streams that may be open at a time, at the most.
const SOCKETS_MAX: usize = 1 << 20;

/// Where the command line's client finds its key. On the command line itself, other users of the machine could read it.
pub const KEY_VARIABLE: &str = "ANAQUEL_KEY";

/// Everything that may be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the log and its checkpoints are.
    pub data: PathBuf,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Whether the clock is right even if it is far ahead of the log.
    pub trust_clock: bool,
    /// Whether everyone who reaches a listening address that is not loopback is served, without a key, without TLS.
    pub insecure: bool,
    /// Proxies that are believed when they say whom a request comes from (`X-Forwarded-For`, `Forwarded`): networks such as
    /// `10.0.0.0/8`, or addresses. Limits by address, and what is written down of who asked, are then about that caller.
    pub trusted_proxies: Vec<String>,
    /// Keys, tokens, and the origins and hosts that are served.
    pub auth: AuthConfig,
    /// The certificate, if the server speaks TLS itself.
    pub tls: TlsConfig,
    /// How far a clock is believed.
    pub clock: ClockConfig,
    /// How the log is kept.
    pub journal: JournalConfig,
    /// How keys are kept.
    pub idempotency: IdempotencyConfig,
    /// How reservations are kept.
    pub reservations: ReservationsConfig,
    /// How many cells one run looks at.
    pub replenishment: ReplenishmentConfig,
    /// Limits of live stock.
    pub stream: StreamConfig,
    /// Undeclared channels.
    pub channels: ChannelsConfig,
    /// What is sold.
    pub skus: NamesConfig,
    /// Where it is.
    pub locations: NamesConfig,
    /// What callers may take.
    pub limits: LimitsConfig,
    /// What is written to standard error.
    pub log: LogConfig,
    /// Where traces go.
    pub telemetry: TelemetryConfig,
}

/// Who may come in. Without a key and without a JWKS file, everyone who reaches the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// The file of API keys, which `anaquel keys` changes; `keys.json` in the data directory if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// A JWKS file with the keys that sign JSON Web Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<PathBuf>,
    /// Algorithms that tokens may be signed by: of `RS256`, `ES256` and `EdDSA`.
    pub algorithms: Vec<String>,
    /// What tokens must have as `iss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What tokens must have in `aud`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Whose pages may call, listen and load the client, beside the server's own, such as `https://shop.example`.
    pub origins: Vec<String>,
    /// Names that the server answers to without keys, beside `localhost` and the address that it listens at, such as
    /// `stock.example`. With `insecure` it answers to any name, unless some stand here.
    pub hosts: Vec<String>,
}

/// The certificate, in PEM; without it, the server speaks plain HTTP. Both files are read anew when they change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// The server's certificate, and those between it and a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The private key of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// What is believed of the clock.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockConfig {
    /// How far the clock may be ahead of the log at a start; beyond, time goes on from the log until an operator says that
    /// the clock is right.
    pub jump_seconds_max: u64,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self { jump_seconds_max: Settings::default().clock_jump_seconds_max }
    }
}

/// How the log is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// `always`: a write is on disk before it is acknowledged. `interval`: it is on disk within `sync_interval_ms`, and
    /// a crash of the process or of the machine loses what was acknowledged since.
    pub sync: Sync,
    /// With `interval` only.
    pub sync_interval_ms: u64,
    /// How long events can be read and streams resumed.
    pub retention_seconds: u64,
    /// Bytes of log after which a new checkpoint is taken. The setting keeps the name that files of operators have.
    #[serde(rename = "image_bytes")]
    pub checkpoint_bytes: u64,
    /// Bytes of the file system that stay free.
    pub reserve_bytes: u64,
    /// Bytes a second of log from before the checkpoint that are checked while the server runs.
    pub check_bytes_per_second: u64,
    /// A turn of the journal thread (a command, or an append) that takes longer is logged and counted.
    pub slow_turn_ms: u64,
    /// While a turn takes longer, `/readyz` answers 503.
    pub stuck_turn_ms: u64,
}

/// When an acknowledged write is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// Before a write is answered.
    Always,
    /// After a while; a crash loses what was answered since.
    Interval,
}

/// How repeats are told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdempotencyConfig {
    /// Whether every write must have a key.
    pub required: bool,
    /// How long a key is kept; at least 86,400.
    pub retention_seconds: u64,
    /// Bytes of memory for keys at the most, 39 each. A caller may keep four times as many as there is room for beside
    /// all that is kept: alone, four fifths of it.
    pub bytes: u64,
    /// Keys kept at most; what earlier versions had instead of `bytes`. Where it is set, the smaller counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys_max: Option<u64>,
}

/// How long promises live.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReservationsConfig {
    /// The longest that extensions may keep a hold alive.
    pub hold_seconds_max: u64,
    /// How long a closed reservation can be read, as long as the log has what made it (`journal.retention_seconds`).
    pub closed_retention_seconds: u64,
    /// Bytes of memory for closed reservations, shared out by caller: beyond, the oldest of whoever has most are `gone`.
    pub closed_bytes: u64,
    /// Bytes of them for the last few that were closed, of which nothing is read back from the log.
    pub recent_bytes: u64,
    /// Changes of one reservation; what would lengthen its history beyond is refused.
    pub changes_max: usize,
    /// How often what was asked for and refused is noted in the log, for `/v1/what-if`; 0 for never.
    pub lost_demand_seconds: u64,
    /// Whether a pickup is handed over only against its code; otherwise none at all is the staff's own judgement.
    pub pickup_code_required: bool,
    /// Wrong codes that may be tried on a reservation, by whomever; then its code is closed for an hour. 0 for any number.
    pub pickup_code_tries: u32,
}

/// Live streams. What one subscription that does not read costs is at most `dirty_cells` times some 300 bytes, or
/// `lossless_changes` times some 200.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    /// Streams open at a time.
    pub sockets: usize,
    /// Streams that one caller has open at a time; 0 for up to four times as many as it leaves to others.
    pub caller_sockets: usize,
    /// Subscriptions of one stream.
    pub subscriptions: usize,
    /// Keys (SKU and place) that all subscriptions track together.
    pub keys: usize,
    /// Keys that the subscriptions of one caller track together; 0 for as many as it leaves to others.
    pub caller_keys: usize,
    /// Bytes of names that nobody declared and that subscriptions wait for; a caller may have as many as it leaves to
    /// others.
    pub unknown_bytes: usize,
    /// Keys that one subscription tracks.
    pub subscription_keys: usize,
    /// Cells in the snapshot of one subscription.
    pub subscription_cells: usize,
    /// Cells of all snapshots that are on their way out together; the next waits until there is room.
    pub snapshot_cells: usize,
    /// Changed cells kept for a conflated subscription that does not read; beyond, it starts over.
    pub dirty_cells: usize,
    /// Changes kept for a lossless subscription that does not read; beyond, its stream is closed.
    pub lossless_changes: usize,
    /// The largest message from a client.
    pub message_bytes: usize,
    /// A stream is told this often up to where everything was told.
    pub heartbeat_seconds: u64,
    /// A socket from which nothing came for so long, or that reads nothing, is closed.
    pub idle_seconds: u64,
    /// How long the first message of a socket may take to come.
    pub hello_seconds: u64,
}

/// Through which channels things are sold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelsConfig {
    /// What becomes of a channel that nobody declared, once one is declared: `refuse` (400, with those declared) or
    /// `accept`, with the buffer 0. While none is declared, every channel is accepted.
    pub undeclared: Undeclared,
}

/// What becomes of a channel that nobody declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Undeclared {
    /// Refused by name.
    #[default]
    Refuse,
    /// Taken, with a flag.
    Accept,
}

/// What becomes of movements and counts of a SKU, or at a location, that nobody declared.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NamesConfig {
    /// `accept`: they are noted, and the name is flagged and listed (`declared: false`) until somebody declares or retires
    /// it; or `refuse` (400), a till's sales included.
    pub undeclared: Noted,
}

/// What becomes of what happened with a name that nobody declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Noted {
    /// Taken, with a flag.
    #[default]
    Accept,
    /// Refused by name.
    Refuse,
}

/// Bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// The largest JSON body.
    pub body_bytes: usize,
    /// The largest import, also when it is unpacked.
    pub import_bytes: u64,
    /// Bytes of rejected rows that an answer to an import carries where its caller asks for them.
    pub import_rejects_bytes: u64,
    /// Connections at a time. Beyond them, `/healthz`, `/readyz` and `/metrics` are answered, and everybody else is told
    /// to come again; whoever takes nothing of what they asked for goes first, then whoever asks for nothing.
    pub connections: usize,
    /// Connections of one address at a time; 0 for up to four times as many as it leaves to others. Proxies and offices
    /// stand behind one address, and so does this machine.
    pub address_connections: usize,
    /// Bytes may wait for so long for a client that takes none of them; then it is cut off.
    pub write_seconds: u64,
    /// Cells in one answer about availability.
    pub response_cells: usize,
    /// Cells that one question about groups adds up.
    pub group_cells: usize,
    /// Bytes of one page of a list, and of the events that come together; what is beyond is on the next.
    pub page_bytes: usize,
    /// Bytes of large answers (64 KiB or more, over HTTP/2 4 KiB) that are made for one connection and not yet written.
    /// Request bodies over 64 KiB take room here, too, until they are parsed.
    pub connection_answer_bytes: usize,
    /// The same of all connections together; a caller may have as much of it as it leaves to others.
    pub answer_bytes: usize,
    /// Long reads at a time, all but one of them for the same caller; 0 for half of the cores, at least 2.
    /// Streams that read back what they missed have as many turns of their own, whatever is set here.
    pub long_reads: usize,
    /// Long reads that wait for their turn; a caller may have as many as it leaves to others.
    pub long_reads_waiting: usize,
    /// Imports and exports at a time, all but one of them for the same caller.
    pub files: usize,
    /// Writes on their way to the log.
    pub in_flight: usize,
    /// Locations that the groups of all lines of a promise may have together; at most 16,384.
    pub reservation_group_cells: usize,
    /// Cells and kinds of promises that one decision looks at while it makes room; beyond, it is refused.
    pub plan_looks: usize,
    /// Open promises that one decision moves to make room; beyond, it is refused.
    pub plan_promises: usize,
    /// Lines that wait for one cell; more are not promised what is to come to it.
    pub cell_waits: usize,
    /// Rows of an import that is loaded whole or not at all.
    pub import_atomic_rows: usize,
    /// How long a request's head may take to arrive, and how long a connection may be idle between two requests.
    pub header_seconds: u64,
    /// How long a shutdown waits for requests to end.
    pub shutdown_seconds: u64,
    /// Requests a second from one address, in bursts of as many; 0 for any number.
    pub address_requests_per_second: u32,
    /// Requests a second with one key, or of one subject of tokens, in bursts of as many; 0 for any number.
    pub key_requests_per_second: u32,
    /// Channels that promises made up and nobody declared. A caller known by a key has at most as many as are left for
    /// others; so with the two limits below.
    pub undeclared_channels: u32,
    /// Locations that movements, counts and supply made up and nobody declared.
    pub undeclared_locations: u32,
    /// SKUs that movements, counts and supply made up and nobody declared.
    pub undeclared_skus: u32,
    /// What may be asked for through a channel, by its name: `[limits.channel.web]`. What is left out is that of
    /// `channel_default`.
    pub channel: BTreeMap<String, PromiseLimits>,
    /// What may be asked for through any channel.
    pub channel_default: PromiseLimits,
    /// What may be asked for with any key, or by any subject of tokens; a key may have limits of its own.
    pub key_default: PromiseLimits,
}

/// What a run of replenishment may cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplenishmentConfig {
    /// Cells that one run may look at.
    pub cells: usize,
}

/// What is logged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `anaquel=debug,hyper=warn`.
    pub level: String,
    /// `auto` (for people on a terminal, JSON otherwise), `human` or `json`.
    pub format: LogFormat,
}

/// Whom traces are sent to; a feature of the build (`otlp`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// A collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`. Without it, no traces are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// Certificates in PEM that are trusted instead of the machine's, where it has https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_ca: Option<PathBuf>,
    /// What the server is called in traces.
    pub service_name: String,
    /// Which part of the traces that begin here is sent, from 0 to 1; a caller's trace is sent if the caller says so.
    pub sample_ratio: f64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people on a terminal, as JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One object a line.
    Json,
}

/// Reads a setting that is one of some words, and says which there are.
macro_rules! words {
    ($($setting:ident { $($word:literal => $case:ident),+ })+) => {
        $(impl<'de> Deserialize<'de> for $setting {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match String::deserialize(deserializer)?.as_str() {
                    $($word => Ok(Self::$case),)+
                    other => Err(D::Error::custom(format!("{other:?} is not {}", [$($word),+].join(" or ")))),
                }
            }
        })+
    };
}

words! {
    Sync { "always" => Always, "interval" => Interval }
    Undeclared { "refuse" => Refuse, "accept" => Accept }
    Noted { "accept" => Accept, "refuse" => Refuse }
    LogFormat { "auto" => Auto, "human" => Human, "json" => Json }
}

/// Lines that a reservation may come to have, one for each location of a group that it is asked of.
const GROUP_CELLS_MAX: usize = 16_384;

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            trust_clock: false,
            insecure: false,
            trusted_proxies: Vec::new(),
            auth: AuthConfig::default(),
            tls: TlsConfig::default(),
            clock: ClockConfig::default(),
            journal: JournalConfig::default(),
            idempotency: IdempotencyConfig::default(),
            reservations: ReservationsConfig::default(),
            replenishment: ReplenishmentConfig::default(),
            stream: StreamConfig::default(),
            channels: ChannelsConfig::default(),
            skus: NamesConfig::default(),
            locations: NamesConfig::default(),
            limits: LimitsConfig::default(),
            log: LogConfig::default(),
            telemetry: TelemetryConfig::default(),
        }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            keys: None,
            jwks: None,
            algorithms: ["RS256", "ES256", "EdDSA"].map(str::to_owned).to_vec(),
            issuer: None,
            audience: None,
            origins: Vec::new(),
            hosts: Vec::new(),
        }
    }
}

impl AuthConfig {
    /// Where API keys are, for a server on the data directory `data`.
    pub fn keys_path(&self, data: &Path) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| data.join("keys.json"))
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            sync: Sync::Always,
            sync_interval_ms: 100,
            retention_seconds: settings.log_retention_seconds,
            checkpoint_bytes: settings.checkpoint_bytes,
            reserve_bytes: LogOptions::default().reserve_bytes,
            check_bytes_per_second: settings.old_log_bytes_per_second,
            slow_turn_ms: 1_000,
            stuck_turn_ms: 10_000,
        }
    }
}

impl Default for IdempotencyConfig {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            required: false,
            retention_seconds: settings.idempotency_retention_seconds,
            bytes: settings.idempotency_bytes,
            keys_max: None,
        }
    }
}

impl IdempotencyConfig {
    /// Bytes for keys.
    fn bytes(&self) -> u64 {
        self.keys_max.map_or(self.bytes, |keys| keys.saturating_mul(KEY_BYTES).min(self.bytes))
    }
}

impl Default for ReservationsConfig {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            hold_seconds_max: settings.hold_seconds_max,
            closed_retention_seconds: settings.closed_reservation_retention_seconds,
            closed_bytes: settings.closed_reservation_bytes,
            recent_bytes: settings.recent_reservation_bytes,
            changes_max: settings.reservation_changes_max,
            lost_demand_seconds: settings.lost_demand_seconds,
            pickup_code_required: settings.pickup_code_required,
            pickup_code_tries: 10,
        }
    }
}

impl Default for StreamConfig {
    fn default() -> Self {
        let feed = FeedSettings::default();
        Self {
            sockets: 20_000,
            caller_sockets: 0,
            subscriptions: 64,
            keys: feed.keys_max,
            caller_keys: feed.caller_keys_max,
            unknown_bytes: feed.unknown_bytes_max,
            subscription_keys: feed.subscription_keys_max,
            subscription_cells: feed.subscription_cells_max,
            snapshot_cells: feed.snapshot_cells_max,
            dirty_cells: feed.dirty_cells_max,
            lossless_changes: feed.lossless_changes_max,
            message_bytes: 1 << 20,
            heartbeat_seconds: 5,
            idle_seconds: 120,
            hello_seconds: 30,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let names = NameSettings::default();
        Self {
            body_bytes: 1 << 20,
            import_bytes: 4 << 30,
            import_rejects_bytes: 16 << 20,
            connections: 20_000,
            address_connections: 0,
            write_seconds: 30,
            response_cells: 100_000,
            group_cells: 1_000_000,
            page_bytes: 4 << 20,
            connection_answer_bytes: 16 << 20,
            answer_bytes: 256 << 20,
            long_reads: 0,
            long_reads_waiting: 64,
            files: 32,
            in_flight: Settings::default().in_flight_max,
            reservation_group_cells: Settings::default().reservation_group_cells_max,
            plan_looks: Settings::default().plan_looks_max,
            plan_promises: Settings::default().plan_promises_max,
            cell_waits: Settings::default().cell_waits_max,
            import_atomic_rows: 100_000,
            header_seconds: 15,
            shutdown_seconds: 10,
            address_requests_per_second: 0,
            key_requests_per_second: 0,
            undeclared_channels: names.undeclared_channels_max,
            undeclared_locations: names.undeclared_locations_max,
            undeclared_skus: names.undeclared_skus_max,
            channel: BTreeMap::new(),
            channel_default: PromiseLimits::default(),
            key_default: PromiseLimits::default(),
        }
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, otlp_ca: None, service_name: "anaquel".into(), sample_ratio: 1.0 }
    }
}

impl Default for ReplenishmentConfig {
    fn default() -> Self {
        Self { cells: 1_000_000 }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Auto }
    }
}

/// The settings that are lists, such as `auth.origins`.
fn lists() -> anyhow::Result<Vec<String>> {
    fn walk(value: &serde_json::Value, path: &str, found: &mut Vec<String>) {
        for (name, member) in value.as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match member {
                serde_json::Value::Array(_) => found.push(path),
                member => walk(member, &path, found),
            }
        }
    }
    let mut found = Vec::new();
    walk(&serde_json::to_value(Config::default())?, "", &mut found);
    Ok(found)
}

impl Config {
    /// Reads a file and the environment over the defaults. Flags come last, and are the caller's to apply.
    ///
    /// # Errors
    /// Names the file or variable, and what is wrong with it.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let defaults = config::Config::try_from(&Self::default())?;
        let mut builder = config::Config::builder().add_source(defaults);
        if let Some(file) = file {
            builder = builder.add_source(config::File::from(file).format(config::FileFormat::Toml));
        }
        // ANAQUEL_LISTEN, ANAQUEL_JOURNAL__SYNC: two underscores stand for the dot.
        let environment = config::Environment::with_prefix("ANAQUEL").prefix_separator("_").separator("__");
        // The key of the command line's client is no setting of a server.
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let variables = std::env::vars_os().filter_map(text);
        let mut variables: HashMap<String, String> = variables.filter(|(name, _)| name != KEY_VARIABLE).collect();
        // A list is written with commas.
        for setting in lists()? {
            let name = format!("ANAQUEL_{}", setting.replace('.', "__"));
            let given = variables.keys().find(|given| given.eq_ignore_ascii_case(&name)).cloned();
            if let Some(value) = given.and_then(|given| variables.remove(&given)) {
                let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
                builder = builder.set_override(&setting, items.map(str::to_owned).collect::<Vec<_>>())?;
            }
        }
        builder = builder.add_source(environment.try_parsing(true).source(Some(variables)));
        let config: Self = builder.build()?.try_deserialize().context("the settings")?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        const DAY: u64 = 86_400;
        anyhow::ensure!(
            self.idempotency.retention_seconds >= DAY,
            "idempotency.retention_seconds: must be at least {DAY} seconds"
        );
        anyhow::ensure!(
            self.journal.retention_seconds >= self.idempotency.retention_seconds,
            "journal.retention_seconds: must be at least idempotency.retention_seconds, because the log holds the \
             answers of keys"
        );
        anyhow::ensure!(
            self.idempotency.bytes() >= KEY_BYTES,
            "idempotency.bytes: must be at least {KEY_BYTES}, the cost of one key"
        );
        anyhow::ensure!(
            (1..=CHANGES_TOLD_MAX).contains(&self.reservations.changes_max),
            "reservations.changes_max: must be 1 to {CHANGES_TOLD_MAX}"
        );
        anyhow::ensure!(self.journal.sync_interval_ms > 0, "journal.sync_interval_ms: must be at least 1");
        anyhow::ensure!(self.journal.check_bytes_per_second > 0, "journal.check_bytes_per_second: must be at least 1");
        anyhow::ensure!(self.limits.in_flight > 0, "limits.in_flight: must be at least 1");
        let LimitsConfig { write_seconds, response_cells, group_cells, page_bytes, files, .. } = self.limits;
        anyhow::ensure!(write_seconds > 0, "limits.write_seconds: must be at least 1");
        anyhow::ensure!(
            response_cells > 0 && group_cells > 0,
            "limits.response_cells, limits.group_cells: must be at \
            least 1"
        );
        anyhow::ensure!(page_bytes > 0 && files > 0, "limits.page_bytes, limits.files: must be at least 1");
        anyhow::ensure!(self.replenishment.cells > 0, "replenishment.cells: must be at least 1");
        let JournalConfig { slow_turn_ms, stuck_turn_ms, .. } = self.journal;
        anyhow::ensure!(
            (1..=stuck_turn_ms).contains(&slow_turn_ms),
            "journal.slow_turn_ms: must be at least 1, and at most journal.stuck_turn_ms"
        );
        let LimitsConfig { reservation_group_cells, plan_looks, .. } = self.limits;
        anyhow::ensure!(
            (1..=GROUP_CELLS_MAX).contains(&reservation_group_cells),
            "limits.reservation_group_cells: must be 1 to {GROUP_CELLS_MAX}"
        );
        // Each location of a group is looked at twice at most before room is made.
        anyhow::ensure!(
            plan_looks >= 3 * reservation_group_cells,
            "limits.plan_looks: must be at least three times limits.reservation_group_cells"
        );
        anyhow::ensure!(
            (0.0..=1.0).contains(&self.telemetry.sample_ratio),
            "telemetry.sample_ratio: must be from 0 \
            to 1"
        );
        let StreamConfig { sockets, heartbeat_seconds, idle_seconds, hello_seconds, .. } = self.stream;
        anyhow::ensure!(sockets <= SOCKETS_MAX, "stream.sockets: must be at most {SOCKETS_MAX}");
        anyhow::ensure!(heartbeat_seconds > 0, "stream.heartbeat_seconds: must be at least 1");
        anyhow::ensure!(
            idle_seconds > 0 && hello_seconds > 0,
            "stream.idle_seconds, stream.hello_seconds: must be at \
            least 1"
        );
        Ok(())
    }

    /// The engine's part.
    pub fn engine_settings(&self) -> Settings {
        Settings {
            hold_seconds_max: self.reservations.hold_seconds_max,
            idempotency_retention_seconds: self.idempotency.retention_seconds,
            idempotency_bytes: self.idempotency.bytes(),
            closed_reservation_retention_seconds: self.reservations.closed_retention_seconds,
            closed_reservation_bytes: self.reservations.closed_bytes,
            recent_reservation_bytes: self.reservations.recent_bytes,
            reservation_changes_max: self.reservations.changes_max,
            lost_demand_seconds: self.reservations.lost_demand_seconds,
            pickup_code_required: self.reservations.pickup_code_required,
            log_retention_seconds: self.journal.retention_seconds,
            in_flight_max: self.limits.in_flight,
            reservation_group_cells_max: self.limits.reservation_group_cells,
            plan_looks_max: self.limits.plan_looks,
            plan_promises_max: self.limits.plan_promises,
            cell_waits_max: self.limits.cell_waits,
            checkpoint_bytes: self.journal.checkpoint_bytes,
            names: NameSettings {
                undeclared_channels_max: self.limits.undeclared_channels,
                undeclared_locations_max: self.limits.undeclared_locations,
                undeclared_skus_max: self.limits.undeclared_skus,
                accept_undeclared_channels: self.channels.undeclared == Undeclared::Accept,
                refuse_undeclared_skus: self.skus.undeclared == Noted::Refuse,
                refuse_undeclared_locations: self.locations.undeclared == Noted::Refuse,
            },
            clock_jump_seconds_max: self.clock.jump_seconds_max,
            old_log_bytes_per_second: self.journal.check_bytes_per_second,
            channel_limits: ChannelLimits { default: self.limits.channel_default, named: self.limits.channel.clone() },
            feed: FeedSettings {
                keys_max: self.stream.keys,
                caller_keys_max: self.stream.caller_keys,
                unknown_bytes_max: self.stream.unknown_bytes,
                subscription_keys_max: self.stream.subscription_keys,
                subscription_cells_max: self.stream.subscription_cells,
                snapshot_cells_max: self.stream.snapshot_cells,
                dirty_cells_max: self.stream.dirty_cells,
                lossless_changes_max: self.stream.lossless_changes,
            },
            sync_interval_ms: (self.journal.sync == Sync::Interval).then_some(self.journal.sync_interval_ms),
            ..Settings::default()
        }
    }

    /// The log's part.
    pub fn log_options(&self) -> LogOptions {
        LogOptions {
            sync: match self.journal.sync {
                Sync::Always => SyncPolicy::Always,
                Sync::Interval => SyncPolicy::Interval,
            },
            reserve_bytes: self.journal.reserve_bytes,
        }
    }
}
