//! `orders`: how orders are kept.

use anaquel_engine::settings::OrderSettings;
use serde::{Deserialize, Serialize};

/// Days: a century.
const DAYS_MAX: u64 = 36_525;

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// How orders are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrdersConfig {
    /// Days that an order stays in memory after its last change, once it has ended; then the archive has it, with its
    /// rows of the sales ledger and its receipts.
    pub memory_days: u64,
}

impl Default for OrdersConfig {
    fn default() -> Self {
        Self { memory_days: OrderSettings::default().memory_seconds / DAY_SECONDS }
    }
}

impl OrdersConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// The setting, and what it may be.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.memory_days <= DAYS_MAX, "orders.memory_days: must be 0 to {DAYS_MAX}");
        Ok(())
    }

    /// As the engine takes them.
    pub(super) fn settings(&self) -> OrderSettings {
        OrderSettings { memory_seconds: self.memory_days * DAY_SECONDS, ..OrderSettings::default() }
    }
}
