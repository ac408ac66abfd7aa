//! The plain Python scripts that compute again what the server tells, without the project's code.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// A script and its name.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    name: &'static str,
    text: &'static str,
}

/// Recomputes the chains of receipts.
pub const RECEIPT_CHAIN: Script =
    Script { name: "tests/scripts/receipt_chain.py", text: include_str!("../../../tests/scripts/receipt_chain.py") };

/// Compares the sales ledger with the raw files of a quarter of tills.
pub const TILL_SUMS: Script =
    Script { name: "tests/scripts/till_sums.py", text: include_str!("../../../tests/scripts/till_sums.py") };

/// Compares the sales ledger with the raw file of a web shop's invoices.
pub const SHOP_SUMS: Script =
    Script { name: "tests/scripts/shop_sums.py", text: include_str!("../../../tests/scripts/shop_sums.py") };

/// Whether Python 3 is here.
///
/// # Errors
/// It is not.
pub fn is_possible() -> anyhow::Result<()> {
    let found = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    ensure!(found.context("running python3")?.success(), "python3 does not run");
    Ok(())
}

/// How many receipts the script of chains has found right.
///
/// # Errors
/// What it finds wrong, or that Python 3 is not here.
pub fn receipts_in_chains(url: &str) -> anyhow::Result<(u64, String)> {
    let said = RECEIPT_CHAIN.run(&[url])?;
    let told: BTreeMap<String, serde_json::Value> = serde_json::from_str(&said).context("the script prints JSON")?;
    let count = |issuer: &serde_json::Value| issuer.get("receipts").and_then(serde_json::Value::as_u64);
    let counts = told.values().map(|issuer| count(issuer).context("an issuer has receipts"));
    Ok((counts.sum::<anyhow::Result<u64>>()?, said))
}

impl Script {
    /// Runs it; returns what it prints.
    ///
    /// # Errors
    /// What it finds wrong, or that Python 3 is not here.
    pub fn run(self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("python3").arg("-c").arg(self.text).args(arguments).output();
        let output = output.with_context(|| format!("running python3 for {}", self.name))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", self.name, said.trim());
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
