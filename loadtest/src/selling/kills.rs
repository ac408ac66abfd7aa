//! Kills a server that sells with receipts: two issuers, one of each scheme, with two series each.
//!
//! Each worker keeps what it was answered. After every restart: a repeat under its key gets the first answer, also of
//! writes that were cut off; each sale that was answered is in the ledger, and on one receipt, once, and no other is;
//! numbers of each series are 1 to n; stock is what the sales left. A Python script computes every chain again.

#![allow(clippy::indexing_slicing, reason = "JSON members, and lists of a size known beforehand")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::script;
use super::shop::{all, declare, issue, note, number, price, text};
use crate::client::{Answer, Client};
use crate::server::{Server, verify};

/// Tills at once, and what each sells.
const TILLS: u64 = 8;
const LOCATIONS: [&str; 2] = ["store-1", "store-2"];
const CHANNELS: [&str; 2] = ["pos", "web"];
const PRICES: [i64; 5] = [1999, 8995, 450, 12_900, 333];
const OPENING: i64 = 1_000_000;
/// Series by issuer; a sale draws one.
const ISSUERS: [(&str, &str, [&str; 2]); 2] =
    [("plain", "none", ["PLAIN-A", "PLAIN-B"]), ("es", "verifactu", ["ES-A", "ES-B"])];
/// Kills of one directory: its whole ledger is read after each.
const ROUNDS_A_DIRECTORY: u64 = 20;
/// Answers of earlier rounds that are asked for again after a kill.
const OLD_REPEATS: u64 = 100;

/// The results.
#[derive(Debug, Clone, Copy, Default)]
pub struct SalesKillReport {
    /// Times the server was killed.
    pub rounds: u64,
    /// Sales and orders with a receipt that were answered before a kill.
    pub acknowledged: u64,
    /// Requests that were refused, and used no number.
    pub refused: u64,
    /// Writes that were cut off.
    pub cut_off: u64,
    /// Of those, how many turned out to have been done.
    pub had_happened: u64,
    /// Repeats that got the first answer.
    pub repeated: u64,
    /// Receipts of all directories.
    pub receipts: u64,
    /// Whether the chains were computed by the script; false without Python 3.
    pub has_script: bool,
}

fn sku(n: usize) -> String {
    format!("SKU-{n}")
}

/// A request.
#[derive(Debug, Clone)]
struct Write {
    path: &'static str,
    key: String,
    body: Value,
}

/// A request and its first answer.
#[derive(Debug, Clone)]
struct Answered {
    write: Write,
    status: u16,
    body: Vec<u8>,
}

/// Everything that was answered on one directory, and what was cut off.
#[derive(Debug, Default)]
struct Book {
    answered: Vec<Answered>,
    unanswered: Vec<Write>,
    refused: u64,
}

/// Kills a selling server `rounds` times, on new directories in `folder`.
///
/// # Errors
/// The first broken promise.
pub fn run(binary: &Path, folder: &Path, rounds: u64, seed: u64) -> anyhow::Result<SalesKillReport> {
    let mut report = SalesKillReport { has_script: script::is_possible().is_ok(), ..SalesKillReport::default() };
    while report.rounds < rounds {
        let data = folder.join(format!("data-{}", report.rounds));
        let count = ROUNDS_A_DIRECTORY.min(rounds - report.rounds);
        rounds_on(binary, &data, count, seed.wrapping_add(report.rounds), &mut report)?;
        std::fs::remove_dir_all(&data)?;
        eprintln!("{report:?}");
    }
    Ok(report)
}

fn rounds_on(binary: &Path, data: &Path, rounds: u64, seed: u64, report: &mut SalesKillReport) -> anyhow::Result<()> {
    let mut numbers = Numbers::new(seed);
    let book = Mutex::new(Book::default());
    let mut server = Server::start(binary, data, &[])?;
    open(&mut server.client())?;
    let (mut known, mut receipts) = (0, 0);
    for round in 1..=rounds {
        load(server, round, &mut numbers, &book)?;
        report.rounds += 1;
        let broken = || format!("round {round}, seed {seed}");
        verify(binary, data).with_context(broken)?;
        server = Server::start(binary, data, &[])?;
        let mut book = book.lock().map_err(|_| anyhow::anyhow!("a till panicked"))?;
        report.acknowledged += (book.answered.len() - known) as u64;
        repeat(&server, &mut book, known, &mut numbers, report).with_context(broken)?;
        known = book.answered.len();
        receipts = audit(&server, &book).with_context(broken)?;
        if report.has_script {
            let url = format!("http://{}", server.address);
            let (count, _) = script::receipts_in_chains(&url).with_context(broken)?;
            ensure!(count == receipts, "the script reads {count} receipts of {receipts}: {}", broken());
        }
    }
    server.stop()?;
    report.receipts += receipts;
    report.refused += book.lock().map_or(0, |book| book.refused);
    verify(binary, data).map(drop)
}

fn open(client: &mut Client) -> anyhow::Result<()> {
    declare(client, &CHANNELS, &LOCATIONS)?;
    let cells =
        (0..PRICES.len()).flat_map(|n| LOCATIONS.map(|at| json!({"sku": sku(n), "location": at, "on_hand": OPENING})));
    let counted = client.post("/v1/stock/counts", &json!({"counts": cells.collect::<Vec<_>>()}))?;
    ensure!(counted.status == 200, "opening stock: {}", counted.json());
    price(client, &PRICES.iter().enumerate().map(|(n, amount)| (sku(n), *amount)).collect::<Vec<_>>())?;
    ISSUERS.iter().try_for_each(|(issuer, scheme, series)| issue(client, issuer, scheme, series))
}

/// All tills at once until the server is killed, at a random moment.
fn load(server: Server, round: u64, numbers: &mut Numbers, book: &Mutex<Book>) -> anyhow::Result<()> {
    let stop = AtomicBool::new(false);
    let pause = Duration::from_millis(20 + numbers.below(250));
    let address = server.address;
    let seeds: Vec<u64> = (0..TILLS).map(|_| numbers.below(u64::MAX) | 1).collect();
    let broken = Mutex::new(None);
    std::thread::scope(|scope| {
        for (till, seed) in (0..).zip(&seeds) {
            let (stop, broken) = (&stop, &broken);
            scope.spawn(move || {
                let tag = format!("{round}-{till}");
                let mut till = Till { client: Client::new(address), numbers: Numbers::new(*seed), book, tag, count: 0 };
                while !stop.load(Ordering::Relaxed) {
                    match till.step() {
                        Ok(Some(wrong)) => {
                            note(broken, wrong);
                            return;
                        }
                        Ok(None) => {}
                        // The server is gone.
                        Err(_) => return,
                    }
                }
            });
        }
        std::thread::sleep(pause);
        let killed = server.kill();
        stop.store(true, Ordering::Relaxed);
        killed
    })?;
    match broken.into_inner() {
        Ok(Some(wrong)) => anyhow::bail!("round {round}: {wrong}"),
        _ => Ok(()),
    }
}

struct Till<'a> {
    client: Client,
    numbers: Numbers,
    book: &'a Mutex<Book>,
    tag: String,
    count: u64,
}

impl Till<'_> {
    /// One request; what is wrong with its answer, if something is.
    ///
    /// # Errors
    /// There was no answer.
    fn step(&mut self) -> anyhow::Result<Option<String>> {
        self.count += 1;
        let key = format!("{}-{}", self.tag, self.count);
        let (write, is_paid) = self.draw(&key);
        let answer = self.client.post_keyed(write.path, &write.key, &write.body);
        let Ok(answer) = answer else {
            self.note(|book| book.unanswered.push(write));
            anyhow::bail!("cut off");
        };
        if !is_paid {
            self.note(|book| book.refused += 1);
            let is_right = (answer.status, answer.slug().as_str()) == (409, "unbalanced");
            return Ok((!is_right).then(|| format!("a sale that is not paid was answered {answer:?}")));
        }
        if answer.status != 201 {
            return Ok(Some(format!("{} was answered {} {}", write.path, answer.status, answer.json())));
        }
        let (status, body) = (answer.status, answer.body);
        self.note(|book| book.answered.push(Answered { write, status, body }));
        Ok(None)
    }

    /// A sale of one to three lines at a till, or an order of the web that is paid; some are paid too little.
    fn draw(&mut self, key: &str) -> (Write, bool) {
        let numbers = &mut self.numbers;
        let (_, _, series) = ISSUERS[numbers.below(2) as usize];
        let receipt = json!({"series": series[numbers.below(2) as usize]});
        let location = LOCATIONS[numbers.below(2) as usize];
        let count = 1 + numbers.below(3);
        let (mut lines, mut total) = (Vec::new(), 0);
        for _ in 0..count {
            let (n, quantity) = (numbers.below(PRICES.len() as u64) as usize, 1 + numbers.below(3) as i64);
            total += PRICES[n] * quantity;
            lines.push(json!({"sku": sku(n), "quantity": quantity}));
        }
        let is_paid = numbers.below(8) != 0;
        let paid = if is_paid { total } else { total - 1 };
        let mut body = if numbers.below(4) == 0 {
            let payment = json!({"tender": "card", "amount": paid, "state": "captured"});
            json!({"channel": "web", "currency": "EUR", "confirm": true, "receipt": receipt, "payments": [payment],
                "fulfilments": [{"purpose": "pickup", "location": location, "lines": lines}]})
        } else {
            let payment = json!({"tender": "cash", "amount": paid});
            json!({"channel": "pos", "location": location, "till": self.tag, "currency": "EUR", "receipt": receipt,
                "lines": lines, "payments": [payment]})
        };
        // Half of them leave the id to the server: only their key knows them.
        if numbers.below(2) == 0 {
            body["order"] = json!(format!("O-{key}"));
        }
        let path = if body.get("fulfilments").is_some() { "/v1/orders" } else { "/v1/sales" };
        (Write { path, key: key.to_owned(), body }, is_paid)
    }

    fn note(&self, change: impl FnOnce(&mut Book)) {
        if let Ok(mut book) = self.book.lock() {
            change(&mut book);
        }
    }
}

/// Sends again: everything that was cut off, everything that was answered since the last kill, and some of before.
fn repeat(
    server: &Server,
    book: &mut Book,
    known: usize,
    numbers: &mut Numbers,
    report: &mut SalesKillReport,
) -> anyhow::Result<()> {
    let mut client = server.client();
    let ask = |client: &mut Client, write: &Write| client.post_keyed(write.path, &write.key, &write.body);
    let is_repeat = |answer: &Answer| answer.header("idempotent-replayed") == Some("true");
    let before = known as u64;
    let old: Vec<usize> = (0..OLD_REPEATS.min(before)).map(|_| numbers.below(before) as usize).collect();
    for at in old.into_iter().chain(known..book.answered.len()) {
        let first = &book.answered[at];
        let again = ask(&mut client, &first.write)?;
        ensure!(is_repeat(&again), "{} was answered, and is not known any more", first.write.key);
        let is_same = (again.status, &again.body) == (first.status, &first.body);
        let (told, first) = (String::from_utf8_lossy(&again.body), String::from_utf8_lossy(&first.body));
        ensure!(is_same, "a repeat was answered {told}, and first {first}");
        report.repeated += 1;
    }
    for write in std::mem::take(&mut book.unanswered) {
        let answer = ask(&mut client, &write)?;
        report.cut_off += 1;
        if (answer.status, answer.slug().as_str()) == (409, "unbalanced") {
            continue;
        }
        ensure!(answer.status == 201, "what was cut off is refused: {} {}", write.body, answer.json());
        report.had_happened += u64::from(is_repeat(&answer));
        let again = ask(&mut client, &write)?;
        ensure!(is_repeat(&again) && again.body == answer.body, "a repeat was answered {}", again.json());
        book.answered.push(Answered { write, status: answer.status, body: answer.body });
    }
    Ok(())
}

/// Compares what was answered with receipts, the ledger and the stock; returns how many receipts there are.
fn audit(server: &Server, book: &Book) -> anyhow::Result<u64> {
    let mut client = server.client();
    let (mut orders, mut sold) = (BTreeMap::new(), BTreeMap::<(String, String), i64>::new());
    for answered in &book.answered {
        let told: Value = serde_json::from_slice(&answered.body)?;
        let is_sale = answered.write.path == "/v1/sales";
        let location = told["fulfilments"][0]["location"].as_str().unwrap_or_default().to_owned();
        for line in told["lines"].as_array().context("an order has lines")? {
            let units = sold.entry((text(line, "sku"), location.clone())).or_default();
            *units += if is_sale { number(&line["quantity"]) } else { 0 };
        }
        let of = (text(&answered.write.body["receipt"], "series"), number(&told["total"]), is_sale);
        ensure!(orders.insert(text(&told, "order"), of).is_none(), "two answers made {}", told["order"]);
    }
    let receipts = check_receipts(&mut client, &orders)?;
    let mut ledger = BTreeMap::<(String, String), i64>::new();
    let mut amounts = BTreeMap::<String, i64>::new();
    for row in all(&mut client, "/v1/sales", "")? {
        *ledger.entry((text(&row, "sku"), text(&row, "location"))).or_default() += number(&row["quantity"]);
        *amounts.entry(text(&row, "order")).or_default() += number(&row["amount"]);
    }
    sold.retain(|_, units| *units != 0);
    ensure!(ledger == sold, "the ledger has {ledger:?}, and the answers {sold:?}");
    let sales = orders.iter().filter(|(_, (_, _, is_sale))| *is_sale);
    let answered: BTreeMap<String, i64> = sales.map(|(order, (_, total, _))| (order.clone(), *total)).collect();
    ensure!(amounts == answered, "the sales of the ledger are not those that were answered");
    check_stock(&mut client, &orders_held(book)?, &sold)?;
    Ok(receipts)
}

/// Units that orders hold, by cell.
fn orders_held(book: &Book) -> anyhow::Result<BTreeMap<(String, String), i64>> {
    let mut held = BTreeMap::new();
    for answered in book.answered.iter().filter(|one| one.write.path == "/v1/orders") {
        let asked = &answered.write.body["fulfilments"][0];
        for line in asked["lines"].as_array().context("an order has lines")? {
            *held.entry((text(line, "sku"), text(asked, "location"))).or_default() += number(&line["quantity"]);
        }
    }
    Ok(held)
}

/// Each order has one receipt of its series, over its total; numbers of each series are 1 to n, and the next is n + 1.
fn check_receipts(client: &mut Client, orders: &BTreeMap<String, (String, i64, bool)>) -> anyhow::Result<u64> {
    let (mut numbers, mut seen) = (BTreeMap::<String, u64>::new(), BTreeSet::new());
    let receipts = all(client, "/v1/receipts", "")?;
    for receipt in &receipts {
        let (series, order) = (text(receipt, "series"), text(receipt, "order"));
        let n = numbers.entry(series.clone()).or_default();
        *n += 1;
        ensure!(receipt["receipt"] == format!("{series}:{n}"), "{} is not {series}:{n}", receipt["receipt"]);
        let answered = orders.get(&order).with_context(|| format!("{receipt} is of no order that was answered"))?;
        ensure!(answered.0 == series && receipt["total"] == answered.1, "{receipt} is not over {answered:?}");
        ensure!(seen.insert(order), "a second receipt of one order: {receipt}");
    }
    ensure!(seen.len() == orders.len(), "{} orders were answered, and {} have receipts", orders.len(), seen.len());
    for (_, _, series) in ISSUERS {
        for name in series {
            let issued = numbers.get(name).copied().unwrap_or(0);
            let told = client.get(&format!("/v1/series/{name}"))?.json();
            ensure!(
                told["issued"] == issued && told["next"] == issued + 1,
                "{name} has {issued} receipts, and tells {told}"
            );
        }
    }
    Ok(receipts.len() as u64)
}

fn check_stock(
    client: &mut Client,
    held: &BTreeMap<(String, String), i64>,
    sold: &BTreeMap<(String, String), i64>,
) -> anyhow::Result<()> {
    for location in LOCATIONS {
        for cell in all(client, "/v1/stock", &format!("location={location}&"))? {
            let key = (text(&cell, "sku"), location.to_owned());
            let of = |units: &BTreeMap<_, i64>| units.get(&key).copied().unwrap_or(0);
            let expected = (OPENING - of(sold), of(held));
            let told = (number(&cell["on_hand"]), number(&cell["reserved"]));
            ensure!(told == expected, "{key:?} is {told:?}, and by the answers {expected:?}");
        }
    }
    Ok(())
}
