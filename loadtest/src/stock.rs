//! The retailer that rates are measured on, and what is asked of it.

use anyhow::ensure;
use serde_json::json;

use crate::client::Client;
use crate::numbers::Numbers;

/// SKUs.
pub const SKUS: u64 = 2000;
/// Locations, each of which stocks every SKU.
pub const LOCATIONS: u64 = 50;
/// Cells.
pub const CELLS: u64 = SKUS * LOCATIONS;

/// Which cells are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// All alike.
    Spread,
    /// One.
    OneCell,
}

impl Demand {
    /// The body of a reservation of one unit.
    pub(crate) fn body(self, numbers: &mut Numbers) -> String {
        let cell = match self {
            Self::Spread => numbers.below(CELLS),
            Self::OneCell => 0,
        };
        let line = json!({"sku": sku(cell), "location": location(cell), "quantity": 1});
        json!({"channel": "web", "lines": [line]}).to_string()
    }
}

fn sku(cell: u64) -> String {
    format!("SKU-{:05}", cell / LOCATIONS)
}

fn location(cell: u64) -> String {
    format!("store-{:03}", cell % LOCATIONS)
}

/// Stocks every cell with more than is ever asked for.
///
/// # Errors
/// The server does not take it.
pub fn fill(mut client: Client) -> anyhow::Result<()> {
    let mut csv = String::from("sku,location,on_hand\n");
    for cell in 0..CELLS {
        csv.push_str(&format!("{},{},1000000000\n", sku(cell), location(cell)));
    }
    let answer = client.import("/v1/import/stock?create=true", csv.as_bytes())?;
    ensure!(answer.status == 200, "importing stock: {}", answer.status);
    Ok(())
}
