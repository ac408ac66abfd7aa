//! `carts`: how carts are kept.

use anaquel_engine::settings::CartSettings;
use serde::{Deserialize, Serialize};

use crate::subjects::carts::bodies::{TTL_MAX, TTL_MIN};

/// How carts are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CartsConfig {
    /// How long a cart without a customer lives after its last change, at most.
    pub anonymous_seconds: u64,
    /// Open carts; beyond it, the one longest untouched that holds nothing expires.
    pub open_max: u64,
    /// How long a cart is readable that is no longer open.
    pub closed_seconds: u64,
    /// Carts that are no longer open; beyond it, the oldest are forgotten.
    pub closed_max: usize,
}

impl Default for CartsConfig {
    fn default() -> Self {
        let CartSettings { anonymous_seconds, open_max, closed_seconds, closed_max } = CartSettings::default();
        Self { anonymous_seconds, open_max, closed_seconds, closed_max }
    }
}

impl CartsConfig {
    /// Checks the settings; `keys_seconds` is how long idempotency keys are kept.
    ///
    /// # Errors
    /// The setting, and what it may be.
    pub(super) fn check(&self, keys_seconds: u64) -> anyhow::Result<()> {
        anyhow::ensure!(
            (TTL_MIN as u64..=TTL_MAX as u64).contains(&self.anonymous_seconds),
            "carts.anonymous_seconds: must be {TTL_MIN} to {TTL_MAX}"
        );
        anyhow::ensure!(self.open_max > 0, "carts.open_max: must be at least 1");
        anyhow::ensure!(self.closed_max > 0, "carts.closed_max: must be at least 1");
        anyhow::ensure!(
            self.closed_seconds >= keys_seconds,
            "carts.closed_seconds: must be at least idempotency.retention_seconds, because the repeat of a step is \
             answered with the cart"
        );
        Ok(())
    }
}
