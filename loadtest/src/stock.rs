//! The retailer of rate measurements, and the requests to it.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// Lines of an order or a sale, each a unit of another SKU at one store.
fn three_lines(numbers: &mut Numbers, at: &str) -> (String, String) {
    let (first, store) = (numbers.below(SKUS), numbers.below(LOCATIONS));
    let line = |nth: u64| {
        let (sku, _) = name_cell((first + nth) % SKUS * LOCATIONS);
        format!(r#"{{"sku":"{sku}"{at},"quantity":1}}"#)
    };
    let store = name_cell(store).1;
    (format!("{},{},{}", line(0), line(1), line(2)).replace("STORE", &store), store)
}

/// The body of a reservation of three units.
pub(crate) fn reservation_of_three(numbers: &mut Numbers) -> String {
    let (lines, _) = three_lines(numbers, r#","location":"STORE""#);
    format!(r#"{{"channel":"web","lines":[{lines}]}}"#)
}

/// An id that no other order of this process has.
fn order_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The body of an order of three units at 10 euros, confirmed and paid, with a receipt.
pub(crate) fn order_of_three(numbers: &mut Numbers) -> String {
    let (lines, store) = three_lines(numbers, "");
    format!(
        r#"{{"order":"W-{}","channel":"web","currency":"EUR","confirm":true,"receipt":{{"series":"WEB"}},"fulfilments":[{{"purpose":"pickup","location":"{store}","lines":[{lines}]}}],"payments":[{{"tender":"card","amount":3000,"state":"captured"}}]}}"#,
        order_id()
    )
}

/// The body of a sale of three units at 10 euros, with a receipt.
pub(crate) fn sale_of_three(numbers: &mut Numbers) -> String {
    let (lines, store) = three_lines(numbers, "");
    format!(
        r#"{{"order":"T-{}","channel":"pos","location":"{store}","till":"1","currency":"EUR","receipt":{{"series":"POS"}},"lines":[{lines}],"payments":[{{"tender":"cash","amount":3000}}]}}"#,
        order_id()
    )
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
