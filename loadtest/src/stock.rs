//! The retailer of rate measurements, and the requests to it.

use anaquel_seeds::Numbers;
use anyhow::ensure;

use crate::client::Client;

/// SKUs.
pub const SKUS: u64 = 500;
/// Locations, each of which stocks every SKU.
pub const LOCATIONS: u64 = 200;
/// Cells.
pub const CELLS: u64 = SKUS * LOCATIONS;

/// The prefix of the SKUs.
pub const SKU: &str = "SKU-";

/// SKU and location of a cell.
pub(crate) fn name_cell(cell: u64) -> (String, String) {
    (format!("{SKU}{:05}", cell / LOCATIONS), format!("store-{:03}", cell % LOCATIONS))
}

/// The distribution of demand.
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
        // Written instead of built: the client's cost reduces the server's rate.
        let (sku, location) = name_cell(cell);
        format!(r#"{{"channel":"web","lines":[{{"sku":"{sku}","location":"{location}","quantity":1}}]}}"#)
    }
}

/// Stocks every cell with more units than are ever requested.
///
/// # Errors
/// The server refuses it.
pub fn fill(mut client: Client) -> anyhow::Result<()> {
    let mut csv = String::from("sku,location,on_hand\n");
    for cell in 0..CELLS {
        let (sku, location) = name_cell(cell);
        csv.push_str(&format!("{sku},{location},1000000000\n"));
    }
    let answer = client.import("/v1/import/stock?create=true", csv.as_bytes())?;
    ensure!(answer.status == 200, "importing stock: {}", answer.status);
    Ok(())
}
