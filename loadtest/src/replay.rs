//! A real quarter of tills: import the opening stock, replay every line, and end with exactly what is left.
//!
//! The data is the *Complete Journey* sample of 254 stores: `products.csv.gz` and `transactions.csv.gz` in one folder.
//! Opening stock is what the quarter sells in each cell plus 3, so in the end every cell must hold exactly 3. Every
//! basket has its idempotency key; one in ten is sent twice; one in ten, of at most 100 lines, is a reservation that is
//! confirmed and collected.

#![allow(clippy::indexing_slicing, reason = "members of JSON that may be missing read as null")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::client::Client;

/// Units that are left in every cell at the end.
const LEFT: i64 = 3;

/// Lines of one movement request.
const MOVEMENTS_MAX: usize = 1000;

/// Lines of one reservation.
const LINES_MAX: usize = 100;

/// One basket: lines of one store at one moment.
#[derive(Debug, Clone, Default)]
struct Basket {
    id: String,
    store: String,
    lines: Vec<(String, i64)>,
}

/// What was replayed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
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
/// The data is not there, or something did not come out as it must.
pub fn run(folder: &Path, address: SocketAddr, lines_max: Option<u64>) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let products: BTreeSet<String> = rows(&folder.join("products.csv.gz"))?
        .map(|row| Ok(row?.split(',').next().unwrap_or_default().to_owned()))
        .collect::<anyhow::Result<_>>()?;
    let mut baskets: Vec<Basket> = Vec::new();
    let mut by_id: BTreeMap<String, usize> = BTreeMap::new();
    let mut sold: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for row in rows(&folder.join("transactions.csv.gz"))? {
        if lines_max.is_some_and(|most| report.lines >= most) {
            break;
        }
        let row = row?;
        let fields: Vec<&str> = row.split(',').collect();
        let (Some(store), Some(basket), Some(product), Some(quantity)) =
            (fields.get(1), fields.get(2), fields.get(3), fields.get(4))
        else {
            anyhow::bail!("a line with too few fields: {row}");
        };
        report.lines += 1;
        let quantity: i64 = quantity.parse().with_context(|| row.clone())?;
        if !products.contains(*product) {
            unknown.insert((*product).to_owned());
        }
        let (sku, location) = ((*product).to_owned(), format!("store-{store}"));
        *sold.entry((sku.clone(), location.clone())).or_default() += quantity;
        if quantity == 0 {
            report.zero += 1;
            continue;
        }
        let at = *by_id.entry((*basket).to_owned()).or_insert_with(|| {
            baskets.push(Basket { id: (*basket).to_owned(), store: location.clone(), lines: Vec::new() });
            baskets.len() - 1
        });
        let basket = baskets.get_mut(at).context("made above")?;
        ensure!(basket.store == location, "basket {} is in two stores", basket.id);
        basket.lines.push((sku, quantity));
    }
    report.unknown_skus = unknown.len() as u64;
    report.baskets = baskets.len() as u64;
    report.cells = sold.len() as u64;

    let started = Instant::now();
    let mut client = Client::new(address);
    let mut csv = String::from("sku\n");
    csv.extend(products.iter().map(|sku| format!("{sku}\n")));
    import(&mut client, "/v1/import/skus", &csv, products.len())?;
    let stores: BTreeSet<&String> = sold.keys().map(|(_, store)| store).collect();
    let mut csv = String::from("location,kind\n");
    csv.extend(stores.iter().map(|store| format!("{store},store\n")));
    import(&mut client, "/v1/import/locations", &csv, stores.len())?;
    let mut csv = String::from("sku,location,on_hand\n");
    csv.extend(sold.iter().map(|((sku, store), units)| format!("{sku},{store},{}\n", units + LEFT)));
    import(&mut client, "/v1/import/stock?create=true", &csv, sold.len())?;
    report.import = started.elapsed();

    let started = Instant::now();
    replay(&baskets, address, &mut report)?;
    report.replay = started.elapsed();
    check(&mut client, &stores, report.cells)?;
    Ok(report)
}

fn rows(path: &Path) -> anyhow::Result<impl Iterator<Item = std::io::Result<String>>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    Ok(BufReader::new(GzDecoder::new(file)).lines().skip(1))
}

fn import(client: &mut Client, path: &str, csv: &str, rows: usize) -> anyhow::Result<()> {
    let answer = client.import(path, csv.as_bytes())?;
    let told = answer.json();
    ensure!(answer.status == 200 && told["accepted"] == rows, "{path}: {rows} rows, and {told}");
    Ok(())
}

/// Replays baskets in time order, each till in turn; several tills at a time.
fn replay(baskets: &[Basket], address: SocketAddr, report: &mut Report) -> anyhow::Result<()> {
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
                    let done = if at % 10 == 3 && basket.lines.len() <= LINES_MAX {
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
        let sale = |(sku, quantity): &(String, i64)| json!({"kind": "sale", "sku": sku, "location": basket.store, "quantity": quantity, "reference": basket.id});
        let body = json!({"movements": lines.iter().map(sale).collect::<Vec<_>>()});
        let key = format!("basket-{}-{part}", basket.id);
        let first = client.post_keyed("/v1/stock/movements", &key, &body)?;
        ensure!(first.status == 200, "{}", first.json());
        if again {
            let second = client.post_keyed("/v1/stock/movements", &key, &body)?;
            ensure!(second.header("idempotent-replayed") == Some("true"), "a repeat was not taken for one");
            ensure!(second.body == first.body, "a repeat got another answer");
        }
    }
    Ok(())
}

fn as_order(client: &mut Client, basket: &Basket) -> anyhow::Result<()> {
    let line = |(sku, quantity): &(String, i64)| json!({"sku": sku, "location": basket.store, "quantity": quantity});
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

fn check(client: &mut Client, stores: &BTreeSet<&String>, cells: u64) -> anyhow::Result<()> {
    let mut seen = 0;
    for store in stores {
        let mut after = String::new();
        loop {
            let page = client.get(&format!("/v1/stock?location={store}&limit=1000{after}"))?.json();
            let items = page["items"].as_array().cloned().unwrap_or_default();
            for item in &items {
                let exact = item["on_hand"] == LEFT && item["reserved"] == 0;
                ensure!(
                    exact,
                    "{} at {store} holds {} with {} reserved",
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
