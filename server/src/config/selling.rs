//! `imports` and `self_checkout`: what files of sales leave out, and how many bags are looked into.

use serde::{Deserialize, Serialize};

use crate::wire::currency;

/// What files leave out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImportsConfig {
    /// The currency of imported sales, in files without the column `currency`.
    pub sales_currency: String,
}

impl Default for ImportsConfig {
    fn default() -> Self {
        Self { sales_currency: "EUR".to_owned() }
    }
}

impl ImportsConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// The setting, and what it may be.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let parsed = currency::parse(&self.sales_currency).map(drop);
        parsed.map_err(|reason| anyhow::anyhow!("imports.sales_currency: {reason}"))
    }
}

/// Self check-out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SelfCheckoutConfig {
    /// Of 100 orders, how many are looked into at the exit.
    pub audit_percent: u8,
}

impl Default for SelfCheckoutConfig {
    fn default() -> Self {
        Self { audit_percent: 5 }
    }
}

impl SelfCheckoutConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// The setting, and what it may be.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.audit_percent <= 100, "self_checkout.audit_percent: must be at most 100");
        Ok(())
    }
}
