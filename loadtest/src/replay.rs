//! Replays a real quarter of tills: imports the opening stock, replays every line, and ends with the expected levels.
//!
//! The opening stock is the quarter's sales in each cell plus 3, so at the end every cell must hold exactly 3. Every
//! basket has its idempotency key; one in ten is sent twice; one in ten, of at most 100 lines, is a reservation that is
//! confirmed and collected.

#![allow(clippy::indexing_slicing, reason = "members of JSON that may be missing read as null")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::client::Client;
use crate::tills::{Basket, LEFT, TillLine, Tills};

/// Lines of one movement request.
const MOVEMENTS_MAX: usize = 1000;

/// The results.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplayReport {
    /// Till lines read.
    pub lines: u64,
    /// Of those, lines of quantity 0, which were skipped.
    pub zero: u64,
    /// SKUs that the product file does not have.
    pub unknown_skus: u64,
    /// Baskets replayed.
    pub baskets: u64,
    /// Of those, sent twice.
    pub twice: u64,
    /// Of those, taken as reservations.
    pub reserved: u64,
    /// Cells with opening stock.
    pub cells: u64,
    /// How long the import took.
    pub import: Duration,
    /// How long the replay took.
    pub replay: Duration,
}

/// Replays the data in `folder` to the server at `address`, only the first `lines_max` lines if that is set.
///
/// # Errors
/// The data is missing, or a result is wrong.
pub fn run(folder: &Path, address: SocketAddr, lines_max: Option<u64>) -> anyhow::Result<ReplayReport> {
    let tills = Tills::read(folder, lines_max)?;
    let mut report = ReplayReport {
        lines: tills.lines,
        zero: tills.zero,
        unknown_skus: tills.unknown_skus,
        baskets: tills.baskets.len() as u64,
        cells: tills.sold.len() as u64,
        ..ReplayReport::default()
    };
    let started = Instant::now();
    let mut client = Client::new(address);
    tills.stock_up(&mut client, None)?;
    report.import = started.elapsed();

    let started = Instant::now();
    replay(&tills.baskets, address, &mut report)?;
    report.replay = started.elapsed();
    check(&mut client, &tills.stores(), report.cells, &BTreeMap::new())?;
    Ok(report)
}

/// Replays baskets in time order, each till in turn; several tills at a time.
fn replay(baskets: &[Basket], address: SocketAddr, report: &mut ReplayReport) -> anyhow::Result<()> {
    const TILLS: usize = 16;
    let next = AtomicUsize::new(0);
    let (twice, reserved) = (AtomicU64::new(0), AtomicU64::new(0));
    let failed = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..TILLS {
            scope.spawn(|| {
                let mut client = Client::new(address);
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(basket) = baskets.get(at) else { return };
                    let done = if basket.is_order(at) {
                        reserved.fetch_add(1, Ordering::Relaxed);
                        as_order(&mut client, basket)
                    } else {
                        let again = at % 10 == 7;
                        twice.fetch_add(u64::from(again), Ordering::Relaxed);
                        as_sale(&mut client, basket, again)
                    };
                    if let Err(error) = done {
                        next.store(usize::MAX / 2, Ordering::Relaxed);
                        if let Ok(mut failed) = failed.lock() {
                            failed.get_or_insert(error.context(format!("basket {}", basket.id)));
                        }
                        return;
                    }
                }
            });
        }
    });
    report.twice = twice.into_inner();
    report.reserved = reserved.into_inner();
    match failed.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(()),
    }
}

fn as_sale(client: &mut Client, basket: &Basket, again: bool) -> anyhow::Result<()> {
    for (part, lines) in basket.lines.chunks(MOVEMENTS_MAX).enumerate() {
        let sale = |line: &TillLine| json!({"kind": "sale", "sku": line.sku, "location": basket.store, "quantity": line.quantity, "reference": basket.id});
        let body = json!({"movements": lines.iter().map(sale).collect::<Vec<_>>()});
        let key = format!("basket-{}-{part}", basket.id);
        let first = client.post_keyed("/v1/stock/movements", &key, &body)?;
        ensure!(first.status == 200, "{}", first.json());
        if again {
            let second = client.post_keyed("/v1/stock/movements", &key, &body)?;
            ensure!(second.header("idempotent-replayed") == Some("true"), "a repeat was not recognised");
            ensure!(second.body == first.body, "a repeat got another answer");
        }
    }
    Ok(())
}

fn as_order(client: &mut Client, basket: &Basket) -> anyhow::Result<()> {
    let line = |line: &TillLine| json!({"sku": line.sku, "location": basket.store, "quantity": line.quantity});
    let body = json!({
        "channel": "web", "purpose": "pickup", "order": basket.id,
        "lines": basket.lines.iter().map(line).collect::<Vec<_>>(),
    });
    let key = format!("basket-{}", basket.id);
    let made = client.post_keyed("/v1/reservations", &key, &body)?;
    ensure!(made.status == 201, "{}", made.json());
    let id = made.json()["id"].as_str().unwrap_or_default().to_owned();
    for step in ["confirm", "collect"] {
        let done = client.post_keyed(&format!("/v1/reservations/{id}/{step}"), &key, &json!({}))?;
        ensure!(done.status == 200, "{step}: {}", done.json());
    }
    Ok(())
}

/// Units that came back, by SKU and store.
pub(crate) type CameBack = BTreeMap<(String, String), i64>;

/// Checks that every cell of these stores holds what is left when everything is sold, and what came back.
pub(crate) fn check(
    client: &mut Client,
    stores: &BTreeSet<&String>,
    cells: u64,
    came_back: &CameBack,
) -> anyhow::Result<()> {
    let mut seen = 0;
    for store in stores {
        let mut after = String::new();
        loop {
            let page = client.get(&format!("/v1/stock?location={store}&limit=1000{after}"))?.json();
            let items = page["items"].as_array().cloned().unwrap_or_default();
            for item in &items {
                let cell = (item["sku"].as_str().unwrap_or_default().to_owned(), (*store).clone());
                let expected = LEFT + came_back.get(&cell).copied().unwrap_or(0);
                let exact = item["on_hand"] == expected && item["reserved"] == 0;
                ensure!(
                    exact,
                    "{} at {store} holds {} with {} reserved, and should hold {expected}",
                    item["sku"],
                    item["on_hand"],
                    item["reserved"]
                );
            }
            seen += items.len() as u64;
            match &page["next"] {
                Value::String(next) => after = format!("&after={next}"),
                _ => break,
            }
        }
    }
    ensure!(seen == cells, "{cells} cells were stocked, and {seen} are there");
    Ok(())
}
