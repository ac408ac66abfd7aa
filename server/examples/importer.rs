//! An importer: loads a count of a store as the back office exports it, tells what was wrong by line, and loads the same
//! file again without changing anything.
//!
//! ```console
//! $ cargo run --release -- serve --demo
//! $ cargo run --release -p anaquel-server --example importer [HOST:PORT [FILE.csv]]
//! ```
//!
//! An import needs no idempotency key: its key is the digest of what the server received. A count is true at its moment
//! (`counted_at`), so a file that arrives late does not take back what was sold since.

mod client;

use client::{Client, server, text};
use serde_json::Value;

/// The columns are the back office's own; `map` says what they mean here. The last row names a store that nobody
/// declared.
const SAMPLE: &str = "\
Article;Shop;Pieces;Counted
TSHIRT-RED-M;es-001;12;2027-01-05T21:30:00Z
TSHIRT-RED-L;es-001;9;2027-01-05T21:30:00Z
TSHIRT-RED-S;es-999;4;2027-01-05T21:30:00Z
";

const OPTIONS: &str = "map=sku=Article&map=location=Shop&map=on_hand=Pieces&map=counted_at=Counted";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut stock = Client::new(&server());
    let file = match std::env::args().nth(2) {
        Some(path) => std::fs::read_to_string(path)?,
        // Counts of the future count as made now, so any date of the past will do for the sample.
        None => SAMPLE.replace("2027-01-05", "2026-01-05"),
    };
    for run in ["first", "second"] {
        let answer = stock.post(&format!("/v1/import/stock?{OPTIONS}"), "text/csv", file.clone()).await?.success()?;
        let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
        println!(
            "{run} run: {} accepted, {} unchanged, {} rejected",
            count("accepted"),
            count("unchanged"),
            count("rejected")
        );
        for error in answer.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let line = error.get("line").unwrap_or(&Value::Null);
            println!("  line {line}, {}: {}", text(error, "field"), text(error, "reason"));
        }
    }
    Ok(())
}
