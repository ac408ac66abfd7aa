//! The shop sells over HTTP, and takes goods back against what was bought.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::Span;
use jiff::civil::{DateTime, time as clock_time};
use serde_json::{Value, json};

use super::desk::{COUNTER, CURRENCY, DESK, Desk, Done, WEB, time};
use super::outcome::{Outcome, Outcomes};
use crate::client::Client;
use crate::invoices::{Cancel, Invoices, Step, WriteOff};
use crate::selling::clock;
use crate::selling::shop::{all, note, number, set, text};
use crate::server::Server;

/// Tills at once; each customer has one.
const DESKS: usize = 16;
/// Units of every SKU that are left where everything is sold and nothing comes back.
const LEFT: i64 = 3;
/// Rows of one request.
const ROWS: usize = 1000;
/// Days in which goods may come back.
const DAYS: i64 = 3650;
/// The hour at which the clock stands when sales are told late: after the shop's last one.
const CLOSES: i8 = 21;

/// What was sold, on a server that still runs.
pub(super) struct Sold {
    pub server: Server,
    pub outcomes: Outcomes,
    pub done: Done,
    pub runs: u64,
    pub took: Duration,
}

/// Sells everything on a new server in `data`; on one day if `now`.
///
/// # Errors
/// An answer is wrong.
pub(super) fn run(binary: &Path, data: &Path, shop: &Invoices, now: bool) -> anyhow::Result<Sold> {
    let mut steps = shop.steps.as_slice();
    let opens = steps.first().context("nothing is sold in the file")?.moment();
    let mut server = start(binary, data, opens, now)?;
    open(&mut server.client(), shop, opens, now)?;
    let mut desks: Vec<Desk<'_>> = (0..DESKS).map(|_| Desk::new(shop, server.client(), !now)).collect();
    let (mut runs, mut took, mut first) = (1, Duration::ZERO, 0);
    loop {
        let until = steps.first().map_or(opens, |step| closes(step.moment()));
        let count = if now { steps.len() } else { steps.partition_point(|step| step.moment() <= until) };
        let (these, later) = steps.split_at(count);
        let began = Instant::now();
        sell(&mut desks, these, first)?;
        took += began.elapsed();
        (steps, first) = (later, first + count);
        let Some(next) = steps.first() else { break };
        server.stop()?;
        server = start(binary, data, next.moment(), now)?;
        desks.iter_mut().for_each(|desk| desk.move_to(server.client()));
        runs += 1;
    }
    let (mut outcomes, mut done) = (Outcomes::new(), Done::default());
    for mut desk in desks {
        outcomes.append(&mut desk.outcomes);
        done.sales += desk.done.sales;
        done.orders += desk.done.orders;
        done.twice += desk.done.twice;
        done.refusals += desk.done.refusals;
    }
    check_cells(&mut server.client(), shop, &outcomes)?;
    Ok(Sold { server, outcomes, done, runs, took })
}

/// When the half of the month ends that a moment falls into.
fn closes(moment: DateTime) -> DateTime {
    let last = moment.date().days_in_month();
    let day = if moment.day() <= 15 { 15 } else { last };
    let date = moment.date().with().day(day).build().unwrap_or(moment.date());
    date.to_datetime(clock_time(CLOSES, 0, 0, 0))
}

/// A server at the end of the half month: a sale is told at most 30 days late.
fn start(binary: &Path, data: &Path, at: DateTime, now: bool) -> anyhow::Result<Server> {
    match now {
        true => Server::start(binary, data, &[]),
        false => clock::start(binary, data, closes(at)),
    }
}

/// Channels, locations, SKUs, prices, stock that was counted the day before, and what may come back.
fn open(client: &mut Client, shop: &Invoices, opens: DateTime, now: bool) -> anyhow::Result<()> {
    for channel in [WEB, COUNTER, DESK] {
        set(client, &format!("/v1/channels/{channel}"), &json!({"buffer": 0}))?;
    }
    set(client, "/v1/tax-classes/standard", &json!({"name": "Standard", "rates": [{"rate": 2000}]}))?;
    let locations: String = shop.locations.iter().map(|name| format!("{name},warehouse,true\n")).collect();
    load(client, "locations", &format!("location,kind,ship\n{locations}"), shop.locations.len())?;
    let skus: String = shop.skus.iter().map(|sku| format!("{sku}\n")).collect();
    load(client, "skus", &format!("sku\n{skus}"), shop.skus.len())?;
    let prices: Vec<_> = shop.prices.iter().collect();
    for chunk in prices.chunks(ROWS) {
        let row = |(sku, amount): &(&String, &i64)| json!({"sku": sku, "currency": CURRENCY, "amount": amount});
        set(client, "/v1/prices", &json!({"prices": chunk.iter().map(row).collect::<Vec<_>>()}))?;
    }
    let counted_at = match now {
        true => String::new(),
        false => time(opens.checked_sub(Span::new().days(1))?),
    };
    let opening = opening(shop);
    let rows: String = opening
        .iter()
        .map(|((sku, location), units)| format!("{sku},{location},{},{counted_at}\n", units + LEFT))
        .collect();
    load(client, "stock", &format!("sku,location,on_hand,counted_at\n{rows}"), opening.len())?;
    set(client, "/v1/rules/any-time", &json!({"kind": "returns", "days": DAYS}))?;
    let desk = json!({"kind": "returns", "days": DAYS, "without_sale": true, "channels": [DESK]});
    set(client, "/v1/rules/desk", &desk)
}

fn load(client: &mut Client, kind: &str, csv: &str, rows: usize) -> anyhow::Result<()> {
    let told = client.import(&format!("/v1/import/{kind}"), csv.as_bytes())?.json();
    let accepted = told.get("accepted").and_then(Value::as_u64);
    ensure!(accepted == Some(rows as u64), "{kind}: {rows} rows, and {told}");
    Ok(())
}

/// SKU and location.
type Cell<'a> = (&'a str, &'a str);

/// Units that leave each cell.
fn opening(shop: &Invoices) -> BTreeMap<Cell<'_>, i64> {
    let mut opening = BTreeMap::new();
    for step in &shop.steps {
        match step {
            Step::Sold(invoice) => {
                for line in &invoice.lines {
                    *opening.entry((line.sku.as_str(), invoice.location.as_str())).or_default() += line.quantity;
                }
            }
            Step::WrittenOff(WriteOff { sku, location, units, .. }) => {
                *opening.entry((sku.as_str(), location.as_str())).or_default() += units;
            }
            Step::Cancelled(_) => {}
        }
    }
    opening
}

/// Each desk does the steps of its customers in their order; all end at the first error.
fn sell<'a>(desks: &mut [Desk<'a>], steps: &'a [Step], first: usize) -> anyhow::Result<()> {
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for (own, desk) in desks.iter_mut().enumerate() {
            let failed = &failed;
            scope.spawn(move || {
                for (nth, step) in (first..).zip(steps).filter(|(nth, step)| desk_of(*nth, step) == own) {
                    if failed.lock().map_or(true, |failed| failed.is_some()) {
                        return;
                    }
                    if let Err(error) = desk.step(nth, step) {
                        note(failed, error);
                        return;
                    }
                }
            });
        }
    });
    failed.into_inner().map_err(|_| anyhow::anyhow!("a desk panicked"))?.map_or(Ok(()), Err)
}

fn desk_of(nth: usize, step: &Step) -> usize {
    let Some(customer) = step.customer() else { return nth % DESKS };
    let mut hasher = DefaultHasher::new();
    customer.hash(&mut hasher);
    hasher.finish() as usize % DESKS
}

/// Every cell has what was left, and what came back.
fn check_cells(client: &mut Client, shop: &Invoices, outcomes: &Outcomes) -> anyhow::Result<()> {
    let mut expected: BTreeMap<Cell<'_>, i64> = opening(shop).into_keys().map(|cell| (cell, LEFT)).collect();
    for step in &shop.steps {
        let Step::Cancelled(Cancel { id, sku, location, units, .. }) = step else { continue };
        match outcomes.get(id).with_context(|| format!("{id} was not asked for"))? {
            Outcome::Taken(_) | Outcome::Unreferenced => {
                *expected.entry((sku.as_str(), location.as_str())).or_default() += units;
            }
            Outcome::Refused(..) => {}
        }
    }
    let mut seen = 0;
    for location in &shop.locations {
        for cell in all(client, "/v1/stock", &format!("location={location}&"))? {
            let level = (cell.get("on_hand").map_or(0, number), cell.get("reserved").map_or(0, number));
            let units = expected.get(&(text(&cell, "sku").as_str(), location.as_str())).copied();
            ensure!(units.map(|units| (units, 0)) == Some(level), "{cell}, and {units:?} should be there");
            seen += 1;
        }
    }
    ensure!(seen == expected.len(), "{} cells should be there, and {seen} are", expected.len());
    Ok(())
}
