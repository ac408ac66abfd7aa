//! Settings: flags over `ANAQUEL_*` environment variables over a TOML file over the defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anaquel_engine::idempotency::KEY_BYTES;
use anaquel_engine::journal::sled_log::{SledOptions, SyncPolicy};
use anaquel_engine::settings::{ChannelLimits, FeedSettings, PromiseLimits, Settings};
use anyhow::Context;
use serde::{Deserialize, Serialize};

/// Streams that may be open at a time, at the most.
const SOCKETS_MAX: usize = 1 << 20;

/// Everything that may be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the log and its images are.
    pub data: PathBuf,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Whether the clock is right even if it is far ahead of the log.
    pub trust_clock: bool,
    /// Whether everyone who reaches a listening address that is not loopback is served, without a key, without TLS.
    pub insecure: bool,
    pub auth: AuthConfig,
    pub tls: TlsConfig,
    pub journal: JournalConfig,
    pub idempotency: IdempotencyConfig,
    pub reservations: ReservationsConfig,
    pub stream: StreamConfig,
    pub limits: LimitsConfig,
    pub log: LogConfig,
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
    /// Whose pages may open sockets and write, beside the server's own, such as `https://shop.example`.
    pub origins: Vec<String>,
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
    /// Bytes of log after which a new image is taken.
    pub image_bytes: u64,
    /// Bytes of the file system that stay free.
    pub reserve_bytes: u64,
}

/// When an acknowledged write is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    Always,
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
    /// How long a closed reservation can be read.
    pub closed_retention_seconds: u64,
    /// How often what was asked for and refused is noted in the log, for `/v1/what-if`; 0 for never.
    pub lost_demand_seconds: u64,
}

/// Live streams. What one subscription that does not read costs is at most `dirty_cells` times some 300 bytes, or
/// `lossless_changes` times some 200.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    /// Streams open at a time.
    pub sockets: usize,
    /// Subscriptions of one stream.
    pub subscriptions: usize,
    /// Keys (SKU and place) that all subscriptions track together.
    pub keys: usize,
    /// Keys that one subscription tracks.
    pub subscription_keys: usize,
    /// Cells in the snapshot of one subscription.
    pub subscription_cells: usize,
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

/// Bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// The largest JSON body.
    pub body_bytes: usize,
    /// The largest import.
    pub import_bytes: u64,
    /// Connections at a time.
    pub connections: usize,
    /// Writes on their way to the log.
    pub in_flight: usize,
    /// How long a request's head may take to arrive, and how long a connection may be idle between two requests.
    pub header_seconds: u64,
    /// How long a shutdown waits for requests to end.
    pub shutdown_seconds: u64,
    /// Requests a second from one address, in bursts of as many; 0 for any number.
    pub address_requests_per_second: u32,
    /// Requests a second with one key, or of one subject of tokens, in bursts of as many; 0 for any number.
    pub key_requests_per_second: u32,
    /// What may be asked for through a channel, by its name: `[limits.channel.web]`. What is left out is that of
    /// `channel_default`.
    pub channel: BTreeMap<String, PromiseLimits>,
    /// What may be asked for through any channel.
    pub channel_default: PromiseLimits,
    /// What may be asked for with any key, or by any subject of tokens; a key may have limits of its own.
    pub key_default: PromiseLimits,
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

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Auto,
    Human,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            trust_clock: false,
            insecure: false,
            auth: AuthConfig::default(),
            tls: TlsConfig::default(),
            journal: JournalConfig::default(),
            idempotency: IdempotencyConfig::default(),
            reservations: ReservationsConfig::default(),
            stream: StreamConfig::default(),
            limits: LimitsConfig::default(),
            log: LogConfig::default(),
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
            image_bytes: settings.checkpoint_bytes,
            reserve_bytes: SledOptions::default().reserve_bytes,
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
            lost_demand_seconds: settings.lost_demand_seconds,
        }
    }
}

impl Default for StreamConfig {
    fn default() -> Self {
        let feed = FeedSettings::default();
        Self {
            sockets: 20_000,
            subscriptions: 64,
            keys: feed.keys_max,
            subscription_keys: feed.subscription_keys_max,
            subscription_cells: feed.subscription_cells_max,
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
        Self {
            body_bytes: 1 << 20,
            import_bytes: 4 << 30,
            connections: 20_000,
            in_flight: Settings::default().in_flight_max,
            header_seconds: 15,
            shutdown_seconds: 10,
            address_requests_per_second: 0,
            key_requests_per_second: 0,
            channel: BTreeMap::new(),
            channel_default: PromiseLimits::default(),
            key_default: PromiseLimits::default(),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Auto }
    }
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
        let variables = variables.filter(|(name, _)| name != crate::cli::KEY_VARIABLE).collect();
        builder = builder.add_source(environment.try_parsing(true).source(Some(variables)));
        let config: Self = builder.build()?.try_deserialize().context("the settings")?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        const DAY: u64 = 86_400;
        anyhow::ensure!(
            self.idempotency.retention_seconds >= DAY,
            "idempotency.retention_seconds: keys are kept for at least {DAY} seconds"
        );
        anyhow::ensure!(
            self.journal.retention_seconds >= self.idempotency.retention_seconds,
            "journal.retention_seconds: the log must be kept as long as the keys whose answers it holds"
        );
        anyhow::ensure!(
            self.idempotency.bytes() >= KEY_BYTES,
            "idempotency.bytes: at least {KEY_BYTES}, which one key costs"
        );
        anyhow::ensure!(self.journal.sync_interval_ms > 0, "journal.sync_interval_ms: at least 1");
        anyhow::ensure!(self.limits.in_flight > 0, "limits.in_flight: at least 1");
        let StreamConfig { sockets, heartbeat_seconds, idle_seconds, hello_seconds, .. } = self.stream;
        anyhow::ensure!(sockets <= SOCKETS_MAX, "stream.sockets: at most {SOCKETS_MAX}");
        anyhow::ensure!(heartbeat_seconds > 0, "stream.heartbeat_seconds: at least 1");
        anyhow::ensure!(idle_seconds > 0 && hello_seconds > 0, "stream.idle_seconds, stream.hello_seconds: at least 1");
        Ok(())
    }

    /// The engine's part.
    pub fn engine_settings(&self) -> Settings {
        Settings {
            hold_seconds_max: self.reservations.hold_seconds_max,
            idempotency_retention_seconds: self.idempotency.retention_seconds,
            idempotency_bytes: self.idempotency.bytes(),
            closed_reservation_retention_seconds: self.reservations.closed_retention_seconds,
            lost_demand_seconds: self.reservations.lost_demand_seconds,
            log_retention_seconds: self.journal.retention_seconds,
            in_flight_max: self.limits.in_flight,
            checkpoint_bytes: self.journal.image_bytes,
            channel_limits: ChannelLimits { default: self.limits.channel_default, named: self.limits.channel.clone() },
            feed: FeedSettings {
                keys_max: self.stream.keys,
                subscription_keys_max: self.stream.subscription_keys,
                subscription_cells_max: self.stream.subscription_cells,
                dirty_cells_max: self.stream.dirty_cells,
                lossless_changes_max: self.stream.lossless_changes,
            },
            sync_interval_ms: (self.journal.sync == Sync::Interval).then_some(self.journal.sync_interval_ms),
            ..Settings::default()
        }
    }

    /// The log's part.
    pub fn sled_options(&self) -> SledOptions {
        SledOptions {
            sync: match self.journal.sync {
                Sync::Always => SyncPolicy::Always,
                Sync::Interval => SyncPolicy::Interval,
            },
            reserve_bytes: self.journal.reserve_bytes,
        }
    }
}
