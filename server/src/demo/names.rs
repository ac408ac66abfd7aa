//! Names of the demo retailer, and how its rows are loaded.

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Outcome, Rows};
use anaquel_engine::ids::{LocationId, Name};
use anaquel_engine::orders::command::Teller;
use anyhow::Context;

/// Rows in one command.
pub const ROWS: usize = 4000;

/// Loads rows, all or none.
pub fn run(engine: &Engine, rows: Rows) -> anyhow::Result<()> {
    let command = Command::load(rows, true);
    match engine.run(|engine, done| engine.submit(command, None, done))? {
        Outcome::Loaded(_) => Ok(()),
        other => anyhow::bail!("the demo import returned an unexpected outcome: {other:?}"),
    }
}

/// An id.
pub fn name(text: &str) -> anyhow::Result<Name> {
    Name::parse(text).with_context(|| text.to_owned())
}

/// A SKU.
pub fn sku(text: &str) -> anyhow::Result<Name> {
    Name::parse_sku(text).with_context(|| text.to_owned())
}

/// Who tells a step.
pub fn teller(channel: &str, location: Option<LocationId>, till: Option<&str>) -> anyhow::Result<Teller> {
    Ok(Teller { channel: name(channel)?, location, till: till.map(Into::into), occurred_at: None })
}
