//! A real quarter of tills as sales with prices, told by tills that were offline: each with the time at which it
//! happened.
//!
//! A sale is told at most 30 days late. So the server runs four times on one directory, each time on a clock that stands
//! at the end of 29 days of the quarter, and is told the sales of those days. The clock is that of faketime; without it
//! everything can be sold now. Prices are the till's own: what a unit costs on the shelf, and a discount. A basket of
//! more than 100 lines is several sales. Lines of no units that have money are charges; lines of neither, and baskets of
//! nothing else, are no sales. One sale in ten is told twice. Each has a receipt.
//!
//! One basket in twenty brings a line back half an hour later, with a credit note. The data has no returns: the number of
//! a basket says whether, and which line.
//!
//! Python scripts compare the ledger with the raw files, and compute the chain of receipts and credit notes; every cell
//! must hold what is left, and what came back.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Span};
use serde_json::{Value, json};

use super::shop::{at_once, credit_notes, issue, set, state_hash};
use super::{clock, script};
use crate::client::Client;
use crate::replay::{self, CameBack};
use crate::server::{Server, verify};
use crate::tills::{Basket, Tills};

/// Days that one run of the server is told about: a day less than a sale may be late.
const DAYS_A_RUN: i64 = 29;
/// Tills at once.
const TILLS: u64 = 16;
/// Series of receipts and of credit notes.
const RECEIPTS: &str = "TILLS";
const NOTES: &str = "BACK";
/// Minutes until goods come back.
const MINUTES_TO_RETURN: i64 = 30;

/// Which sales, and how their days are placed.
#[derive(Debug, Clone, Copy)]
pub struct QuarterPlan {
    /// Only the first so many lines of the file.
    pub lines: Option<u64>,
    /// Everything is sold now, on one day.
    pub now: bool,
}

/// The results.
#[derive(Debug, Clone, Default)]
pub struct QuarterReport {
    /// Baskets with something to sell.
    pub baskets: u64,
    /// Sales: baskets of more than 100 lines are several.
    pub sales: u64,
    /// Of those, told twice.
    pub twice: u64,
    /// Lines that came back, each with a credit note.
    pub returns: u64,
    /// Receipts and credit notes, in one chain.
    pub receipts: u64,
    /// Lines of quantity 0.
    pub zero: u64,
    /// Cells, each of which holds what is left at the end.
    pub cells: u64,
    /// Runs of the server.
    pub runs: u64,
    /// How long the sales took, over all runs.
    pub sold_in: Duration,
    /// What the script found.
    pub sums: String,
    /// The state hash that the server shows and the log leads to.
    pub state_hash: String,
}

/// Sells the tills in `folder` on a new server in `place`.
///
/// # Errors
/// The data is missing, a sale is refused, or a sum is wrong.
pub fn run(binary: &Path, place: &Path, folder: &Path, plan: QuarterPlan) -> anyhow::Result<QuarterReport> {
    script::is_possible().context("the sums of the files are computed by a script")?;
    let mut tills = Tills::read(folder, plan.lines)?;
    tills.baskets.sort_by_key(|basket| basket.at);
    let opens = tills.baskets.first().context("no sale in the file")?.moment.start_of_day();
    let mut report = QuarterReport {
        baskets: tills.baskets.len() as u64,
        zero: tills.zero,
        cells: tills.sold.len() as u64,
        ..QuarterReport::default()
    };
    let data = place.join("data");
    let mut rest = tills.baskets.as_slice();
    while !rest.is_empty() {
        let until = opens.checked_add(Span::new().days(DAYS_A_RUN * (report.runs as i64 + 1)))?;
        let count = if plan.now { rest.len() } else { rest.partition_point(|basket| basket.moment < until) };
        let (told, later) = rest.split_at(count);
        rest = later;
        let server = match plan.now {
            true => Server::start(binary, &data, &[])?,
            false => clock::start(binary, &data, until.checked_add(SignedDuration::from_hours(1))?)?,
        };
        if report.runs == 0 {
            open(&mut server.client(), &tills, opens, plan)?;
        }
        report.runs += 1;
        let began = Instant::now();
        sell(&server, told, plan.now, &mut report)?;
        report.sold_in += began.elapsed();
        if rest.is_empty() {
            finish(&server, folder, &tills, plan, &mut report)?;
        }
        server.stop()?;
    }
    let proven = verify(binary, &data)?;
    ensure!(proven == report.state_hash, "the server shows {}, and its log leads to {proven}", report.state_hash);
    Ok(report)
}

/// Stock that was counted the day before the first sale, a channel, and the rate of tax.
fn open(client: &mut Client, tills: &Tills, opens: DateTime, plan: QuarterPlan) -> anyhow::Result<()> {
    set(client, "/v1/channels/pos", &json!({"buffer": 0}))?;
    set(client, "/v1/tax-classes/standard", &json!({"name": "Standard", "rates": [{"rate": 0}]}))?;
    let counted_at = opens.checked_sub(Span::new().days(1))?;
    let counted_at = time(counted_at);
    tills.stock_up(client, (!plan.now).then_some(&counted_at))?;
    issue(client, "tills", "none", &[RECEIPTS])?;
    credit_notes(client, "tills", NOTES)
}

/// Tells all sales; several tills at a time.
fn sell(server: &Server, baskets: &[Basket], now: bool, report: &mut QuarterReport) -> anyhow::Result<()> {
    let [sales, twice, returns] = [const { AtomicU64::new(0) }; 3];
    at_once(
        TILLS,
        baskets.len() as u64,
        |_| server.client(),
        |client, nth| {
            let basket = baskets.get(nth as usize).context("a basket")?;
            let again = nth % 10 == 7;
            for body in bodies(basket, now) {
                sales.fetch_add(1, Ordering::Relaxed);
                twice.fetch_add(u64::from(again), Ordering::Relaxed);
                tell(client, "/v1/sales", &body, again).with_context(|| format!("basket {}", basket.id))?;
            }
            if let Some(body) = return_of(basket, now)? {
                returns.fetch_add(1, Ordering::Relaxed);
                twice.fetch_add(u64::from(again), Ordering::Relaxed);
                tell(client, "/v1/returns", &body, again).with_context(|| format!("basket {}", basket.id))?;
            }
            Ok(())
        },
    )?;
    report.sales += sales.into_inner();
    report.twice += twice.into_inner();
    report.returns += returns.into_inner();
    Ok(())
}

/// The sales of a basket, told late unless they are sold now.
fn bodies(basket: &Basket, now: bool) -> Vec<Value> {
    let mut bodies = basket.sales();
    for members in bodies.iter_mut().filter_map(Value::as_object_mut) {
        members.insert("receipt".into(), json!({"series": RECEIPTS}));
        if !now {
            members.insert("occurred_at".into(), json!(time(basket.moment)));
        }
    }
    bodies
}

/// The return of a basket, if a line of it comes back.
fn return_of(basket: &Basket, now: bool) -> anyhow::Result<Option<Value>> {
    let mut body = basket.take_back(NOTES);
    if let (false, Some(members)) = (now, body.as_mut().and_then(Value::as_object_mut)) {
        let at = basket.moment.checked_add(Span::new().minutes(MINUTES_TO_RETURN))?;
        members.insert("occurred_at".into(), json!(time(at)));
    }
    Ok(body)
}

fn time(moment: DateTime) -> String {
    format!("{}Z", moment.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// Tells a sale or a return, with its receipt or credit note.
fn tell(client: &mut Client, path: &str, body: &Value, again: bool) -> anyhow::Result<()> {
    let first = client.post(path, body)?;
    ensure!(first.status == 201, "{body}: {}", first.json());
    let told = first.json();
    ensure!(told.get("flags") == Some(&json!([])), "{body} is flagged: {told}");
    let receipts = told.get("receipts").and_then(Value::as_array).map(Vec::len);
    ensure!(receipts == Some(1), "{body} has {receipts:?} receipts");
    if again {
        let second = client.post(path, body)?;
        ensure!((second.status, &second.body) == (200, &first.body), "told twice, it was answered {}", second.json());
    }
    Ok(())
}

/// Every cell, and every sum.
fn finish(
    server: &Server,
    folder: &Path,
    tills: &Tills,
    plan: QuarterPlan,
    report: &mut QuarterReport,
) -> anyhow::Result<()> {
    let mut client = server.client();
    let mut came_back = CameBack::new();
    for basket in &tills.baskets {
        if let Some((_, line)) = basket.returned() {
            *came_back.entry((line.sku.clone(), basket.store.clone())).or_default() += line.quantity;
        }
    }
    replay::check(&mut client, &tills.stores(), report.cells, &came_back)?;
    let (url, folder) = (format!("http://{}", server.address), folder.to_str().context("a path that is text")?);
    let lines = plan.lines.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    report.sums = script::TILL_SUMS.run(&[&url, folder, &lines, if plan.now { "now" } else { "by-day" }])?;
    let (receipts, _) = script::receipts_in_chains(&url)?;
    ensure!(receipts == report.sales + report.returns, "{} sales and returns have {receipts} receipts", report.sales);
    report.receipts = receipts;
    report.state_hash = state_hash(&mut client)?;
    Ok(())
}
