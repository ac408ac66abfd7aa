//! A real web shop, sold twice: live, as sales and orders over HTTP with returns against what was bought, and as imported
//! history. Both must come to what a script outside the project's code makes of the raw file, and agree with each other.
//!
//! A line of a cancellation is taken where its customer has bought the units and not brought them back yet. Otherwise the
//! server refuses it. Who knows no customer cannot name an order: such goods come back without a sale, at a desk where a
//! rule allows it. What is no sale is counted, never dropped silently.
//!
//! A sale is told at most 30 days late, and a return that is told late is never refused. So the live server runs twice a
//! month, on a clock that stands at the end of the half month: sales are told with their own time, returns as of now. Each
//! sum of a month is that of the file.

mod desk;
mod history;
mod live;
mod outcome;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::shop::{Sums, number, state_hash, text};
use super::{clock, script};
use crate::client::Client;
use crate::invoices::{Invoices, Step};
use crate::server::{Server, verify};
pub use outcome::Cancels;

/// Which part of the shop, and how its days are placed.
#[derive(Debug, Clone, Copy)]
pub struct ShopPlan {
    /// Only the first so many lines of the file.
    pub lines: Option<u64>,
    /// The live shop sells everything now, on one day.
    pub now: bool,
}

/// The results.
#[derive(Debug, Clone, Default)]
pub struct ShopReport {
    /// Lines of the file.
    pub lines: u64,
    /// Of those, adjustments of the books: left out.
    pub adjustments_left_out: u64,
    /// Of those, write-offs: live they are movements of damage; history has no stock, and leaves them out.
    pub write_offs: u64,
    /// Of those, sold for nothing.
    pub free_lines: u64,
    /// Live sales, in one step.
    pub sales: u64,
    /// Live orders that were paid and then handed over.
    pub orders: u64,
    /// Sales, orders and returns that were told twice, and answered the same.
    pub twice: u64,
    /// Requests for returns that the live server refused; it is asked once for each order that had the SKU.
    pub refusals: u64,
    /// Lines of cancellations, by the answers of the live server.
    pub live: Cancels,
    /// The same by the answers to imports.
    pub history: Cancels,
    /// Files of history, and their rows.
    pub files: u64,
    /// Rows of history.
    pub rows: u64,
    /// Runs of the live server.
    pub runs: u64,
    /// How long the live shop took.
    pub sold_in: Duration,
    /// How long the imports took.
    pub imported_in: Duration,
    /// Sums that the live ledger and that of history were compared by.
    pub agree: u64,
    /// What the script found in the live shop.
    pub live_sums: String,
    /// What the script found in history.
    pub history_sums: String,
    /// The state hashes that both servers show, and their logs lead to.
    pub state_hashes: [String; 2],
}

/// What the script counts.
#[derive(Debug, Deserialize)]
struct Counted {
    counts: BTreeMap<String, u64>,
    cancels: Cancels,
}

/// Sells the shop in `folder` twice, on new servers in `place`.
///
/// # Errors
/// The data is missing, an answer is wrong, or a count or a sum differs.
pub fn run(binary: &Path, place: &Path, folder: &Path, plan: ShopPlan) -> anyhow::Result<ShopReport> {
    script::is_possible().context("the sums of the file are computed by a script")?;
    if !plan.now {
        clock::is_possible()?;
    }
    let shop = Invoices::read(folder, plan.lines)?;
    let mut report = ShopReport {
        lines: shop.lines,
        adjustments_left_out: shop.adjustments,
        write_offs: shop.write_offs,
        free_lines: shop.free_lines,
        ..ShopReport::default()
    };
    let [data, old] = ["live", "history"].map(|name| place.join(name));
    let sold = live::run(binary, &data, &shop, plan.now).context("live")?;
    report.live = Cancels::count(&sold.outcomes);
    (report.sales, report.orders, report.twice) = (sold.done.sales, sold.done.orders, sold.done.twice);
    (report.refusals, report.runs, report.sold_in) = (sold.done.refusals, sold.runs, sold.took);
    let how = if plan.now { "now" } else { "live" };
    report.live_sums = compare(&sold.server, folder, plan, how, &shop, report.live).context("live")?;

    let server = Server::start(binary, &old, &[])?;
    let imported = history::run(&mut server.client(), &shop, &sold.outcomes).context("history")?;
    report.history = Cancels::count(&imported.outcomes);
    (report.files, report.rows, report.imported_in) = (imported.files, imported.rows, imported.took);
    report.history_sums = compare(&server, folder, plan, "history", &shop, report.history).context("history")?;
    report.agree = agree(&mut sold.server.client(), &mut server.client(), &shop, plan)?;
    report.state_hashes = [prove(binary, &data, sold.server)?, prove(binary, &old, server)?];
    Ok(report)
}

/// Compares counts and sums with those of the script; returns what it says.
fn compare(
    server: &Server,
    folder: &Path,
    plan: ShopPlan,
    how: &str,
    shop: &Invoices,
    cancels: Cancels,
) -> anyhow::Result<String> {
    let (url, folder) = (format!("http://{}", server.address), folder.to_str().context("a path that is text")?);
    let lines = plan.lines.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let said = script::SHOP_SUMS.run(&[&url, folder, &lines, how])?;
    let Counted { counts, cancels: computed } = serde_json::from_str(&said).context("the script prints JSON")?;
    ensure!(cancels == computed, "the server's answers come to {cancels:?}, and the file to {computed:?}");
    let orders = shop.steps.iter().filter(|step| matches!(step, Step::Sold(_))).count() as u64;
    let own = [
        ("lines", shop.lines),
        ("adjustments", shop.adjustments),
        ("write_offs", shop.write_offs),
        ("free_lines", shop.free_lines),
        ("orders", orders),
    ];
    for (name, count) in own {
        let computed = counts.get(name).copied().unwrap_or(0);
        ensure!(computed == count, "{count} {name} were told, and the script counts {computed}");
    }
    Ok(said)
}

/// By month, channel and location.
type ByMonth = BTreeMap<(String, String, String), Sums>;

/// Both ledgers agree. Returns how many sums were compared.
fn agree(live: &mut Client, history: &mut Client, shop: &Invoices, plan: ShopPlan) -> anyhow::Result<u64> {
    let months: Vec<String> = match plan.now {
        true => vec![String::new()],
        false => {
            let mut months: Vec<_> = shop.steps.iter().map(|step| step.moment().date().first_of_month()).collect();
            months.dedup();
            months.into_iter().map(|first| format!("&from={first}&to={}", first.last_of_month())).collect()
        }
    };
    let of_sales = sums(live, &months)?;
    let imported = sums(history, &months)?;
    for (key, sums) in &imported {
        let sold = of_sales.get(key);
        ensure!(sold == Some(sums), "{key:?}: history comes to {sums:?}, and the live shop to {sold:?}");
    }
    ensure!(of_sales.len() == imported.len(), "the live shop has sums that history does not have");
    Ok(imported.len() as u64)
}

fn sums(client: &mut Client, months: &[String]) -> anyhow::Result<ByMonth> {
    let mut sums = ByMonth::new();
    for month in months {
        let answer = client.get(&format!("/v1/sales/totals?by=channel,location{month}"))?;
        let told = answer.json();
        ensure!(answer.status == 200, "totals of {month}: {told}");
        for item in told.get("items").and_then(serde_json::Value::as_array).context("totals have items")? {
            let of = |name: &str| item.get(name).map_or(0, number);
            let key = (month.clone(), text(item, "channel"), text(item, "location"));
            sums.entry(key).or_default().add(of("quantity"), of("amount"));
        }
    }
    Ok(sums)
}

/// Ends a server; its log must lead to the hash that it shows.
fn prove(binary: &Path, data: &Path, server: Server) -> anyhow::Result<String> {
    let told = state_hash(&mut server.client())?;
    server.stop()?;
    let proven = verify(binary, data)?;
    ensure!(proven == told, "the server shows {told}, and its log leads to {proven}");
    Ok(proven)
}
