//! Settings. Flags override `ANAQUEL_*` environment variables, which override a TOML file, which overrides the
//! defaults.

mod auth;
mod carts;
mod engine;
mod journal;
mod limits;
mod names;
mod nodes;
mod orders;
mod reservations;
mod selling;
mod stream;
mod telemetry;
mod words;

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anaquel_engine::idempotency::KEY_BYTES;
use anaquel_engine::reservation::CHANGES_TOLD_MAX;
use anyhow::Context;
use serde::{Deserialize, Serialize};

pub use auth::{AuthConfig, TlsConfig};
pub use carts::CartsConfig;
pub use journal::{ClockConfig, IdempotencyConfig, JournalConfig, Sync};
pub use limits::LimitsConfig;
pub use names::{ChannelsConfig, NamesConfig, Noted, Undeclared};
pub use nodes::NodesConfig;
pub use orders::OrdersConfig;
pub use reservations::{ReplenishmentConfig, ReservationsConfig};
pub use selling::{ImportsConfig, SelfCheckoutConfig};
pub use stream::StreamConfig;
pub use telemetry::{LogConfig, LogFormat, TelemetryConfig};

/// The most concurrent streams that may be configured.
const SOCKETS_MAX: usize = 1 << 20;

/// The environment variable with the key of the command-line client. A key on the command line would be visible to
/// other users of the machine.
pub const KEY_VARIABLE: &str = "ANAQUEL_KEY";

/// All settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The directory of the log and its checkpoints.
    pub data: PathBuf,
    /// The address that the server listens at.
    pub listen: SocketAddr,
    /// Whether to trust the clock even if it is far ahead of the log.
    pub trust_clock: bool,
    /// Whether to serve every client without a key and without TLS on an address that is not loopback.
    pub insecure: bool,
    /// Proxies whose `X-Forwarded-For` or `Forwarded` headers are trusted: networks such as `10.0.0.0/8`, or
    /// addresses. Limits by address, and the caller in the log, then apply to the reported client.
    pub trusted_proxies: Vec<String>,
    /// Keys, tokens, and the allowed origins and hosts.
    pub auth: AuthConfig,
    /// The certificate, if the server itself speaks TLS.
    pub tls: TlsConfig,
    /// The limits of clock jumps.
    pub clock: ClockConfig,
    /// How the log is kept.
    pub journal: JournalConfig,
    /// How idempotency keys are kept.
    pub idempotency: IdempotencyConfig,
    /// Other nodes.
    pub nodes: NodesConfig,
    /// How reservations are kept.
    pub reservations: ReservationsConfig,
    /// The bounds of a replenishment run.
    pub replenishment: ReplenishmentConfig,
    /// How carts are kept.
    pub carts: CartsConfig,
    /// What files leave out.
    pub imports: ImportsConfig,
    /// Self check-out.
    pub self_checkout: SelfCheckoutConfig,
    /// How orders are kept.
    pub orders: OrdersConfig,
    /// Limits of the live stream.
    pub stream: StreamConfig,
    /// Undeclared channels.
    pub channels: ChannelsConfig,
    /// Undeclared SKUs.
    pub skus: NamesConfig,
    /// Undeclared locations.
    pub locations: NamesConfig,
    /// Bounds for callers.
    pub limits: LimitsConfig,
    /// Log output on standard error.
    pub log: LogConfig,
    /// The target of traces.
    pub telemetry: TelemetryConfig,
}

/// The most lines that a reservation may have after each location of a requested group became a line.
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
            nodes: NodesConfig::default(),
            reservations: ReservationsConfig::default(),
            replenishment: ReplenishmentConfig::default(),
            carts: CartsConfig::default(),
            imports: ImportsConfig::default(),
            self_checkout: SelfCheckoutConfig::default(),
            orders: OrdersConfig::default(),
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

/// The names of list settings, such as `auth.origins`.
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
    /// Reads a file and the environment over the defaults. The caller applies the flags afterwards.
    ///
    /// # Errors
    /// The file or variable, and what is wrong with it.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let defaults = config::Config::try_from(&Self::default())?;
        let mut builder = config::Config::builder().add_source(defaults);
        if let Some(file) = file {
            builder = builder.add_source(config::File::from(file).format(config::FileFormat::Toml));
        }
        // ANAQUEL_LISTEN, ANAQUEL_JOURNAL__SYNC: two underscores stand for a dot.
        let environment = config::Environment::with_prefix("ANAQUEL").prefix_separator("_").separator("__");
        // The key of the command-line client is not a server setting.
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
        self.carts.check(self.idempotency.retention_seconds)?;
        self.orders.check()?;
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
        // Before a decision makes room, it examines each location of a group at most twice.
        anyhow::ensure!(
            plan_looks >= 3 * reservation_group_cells,
            "limits.plan_looks: must be at least three times limits.reservation_group_cells"
        );
        anyhow::ensure!(
            (0.0..=1.0).contains(&self.telemetry.sample_ratio),
            "telemetry.sample_ratio: must be from 0 \
            to 1"
        );
        self.imports.check()?;
        self.self_checkout.check()?;
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
}
