//! A crowd in three channels for a few units: web carts that become orders and are paid and collected, orders of the
//! contact centre, and till sales from carts that hold their units. Each purchase has a receipt.
//!
//! A till never refuses a sale for want of stock, because its goods are already in the customer's hands. Here a customer
//! scans goods into a cart that holds them, so nobody pays for a unit that somebody else has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::script;
use super::shop::{Sums, all, at_once, declare, issue, number, price, state_hash, text, totals};
use crate::client::{Answer, Client};
use crate::server::{Server, verify};

/// SKUs and their prices.
const PRICES: [(&str, i64); 4] = [("SHIRT", 1999), ("SHOES", 8995), ("SOCKS", 450), ("COAT", 12_900)];
const LOCATIONS: [&str; 2] = ["store-1", "store-2"];
const CHANNELS: [&str; 3] = ["web", "contact-centre", "pos"];
const SERIES: [&str; 3] = ["WEB", "CC", "POS"];
/// What the contact centre charges for shipping.
const SHIPPING: i64 = 395;
/// Buyers at once.
const AT_ONCE: u64 = 32;
/// One of this many writes of orders and sales is sent a second time under its key.
const WRITES_A_REPEAT: u64 = 16;
/// One of this many of the first half of web buyers cancels.
const BUYERS_A_CANCEL: u64 = 8;

/// The parameters.
#[derive(Debug, Clone, Copy)]
pub struct CheckoutPlan {
    /// Buyers, a third of them in each channel.
    pub buyers: u64,
    /// Units of all SKUs at all locations.
    pub units: u64,
    /// The seed of the random choices.
    pub seed: u64,
}

/// The results.
#[derive(Debug, Default)]
pub struct CheckoutReport {
    /// Buyers who were refused for want of stock.
    pub refused: u64,
    /// Buyers who cancelled before they paid.
    pub cancelled: u64,
    /// Writes that were sent twice, and answered the same.
    pub repeated: u64,
    /// Units and money that were sold, by channel.
    pub sold: BTreeMap<String, Sums>,
    /// Receipts, each of one purchase.
    pub receipts: u64,
    /// How long the crowd took.
    pub took: Duration,
    /// What the script outside the project's code found, if Python 3 is here.
    pub chain: Option<String>,
    /// The state hash that the server showed and the log leads to.
    pub state_hash: String,
}

/// A purchase.
#[derive(Debug)]
struct Bought {
    order: String,
    channel: &'static str,
    tender: &'static str,
    units: i64,
    amount: i64,
}

/// The end of a visit.
enum Visit {
    Bought(Bought),
    Refused,
    Cancelled,
}

/// Sends the crowd to a new server in `folder`, and checks what is left.
///
/// # Errors
/// The first unit, sum or receipt that is wrong.
pub fn run(binary: &Path, folder: &Path, plan: CheckoutPlan) -> anyhow::Result<CheckoutReport> {
    ensure!(plan.buyers > 0 && plan.units > 0, "--buyers and --units: must be at least 1");
    let data = folder.join("data");
    let server = Server::start(binary, &data, &[])?;
    let opening = open(&mut server.client(), plan.units)?;
    let mut report = CheckoutReport::default();
    let began = Instant::now();
    let bought = crowd(&server, plan, &mut report)?;
    report.took = began.elapsed();
    audit(&mut server.client(), &opening, &bought, &mut report)?;
    if script::is_possible().is_ok() {
        let (count, said) = script::receipts_in_chains(&format!("http://{}", server.address))?;
        ensure!(count == report.receipts, "the script reads {count} receipts of {}", report.receipts);
        report.chain = Some(said);
    }
    report.state_hash = state_hash(&mut server.client())?;
    server.stop()?;
    let proven = verify(binary, &data)?;
    ensure!(proven == report.state_hash, "the server shows {}, and its log leads to {proven}", report.state_hash);
    Ok(report)
}

/// SKU and location.
type Cell = (String, String);

/// Opens the shop; returns the units of each cell.
fn open(client: &mut Client, units: u64) -> anyhow::Result<BTreeMap<Cell, i64>> {
    declare(client, &CHANNELS, &LOCATIONS)?;
    let cells: Vec<Cell> =
        PRICES.iter().flat_map(|(sku, _)| LOCATIONS.map(|at| ((*sku).to_owned(), at.to_owned()))).collect();
    let (each, more) = (units / cells.len() as u64, units % cells.len() as u64);
    let opening: BTreeMap<Cell, i64> =
        (0..).zip(cells).map(|(nth, cell)| (cell, (each + u64::from(nth < more)) as i64)).collect();
    let mut csv = String::from("sku,location,on_hand\n");
    csv.extend(opening.iter().map(|((sku, location), units)| format!("{sku},{location},{units}\n")));
    let loaded = client.import("/v1/import/stock?create=true", csv.as_bytes())?;
    ensure!(loaded.status == 200, "opening stock: {}", loaded.json());
    price(client, &PRICES.map(|(sku, amount)| (sku.to_owned(), amount)))?;
    issue(client, "es", "verifactu", &SERIES)?;
    Ok(opening)
}

/// All buyers, some at a time; returns the purchases.
fn crowd(server: &Server, plan: CheckoutPlan, report: &mut CheckoutReport) -> anyhow::Result<Vec<Bought>> {
    let (repeated, visits) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let buyer = |worker| Buyer {
        client: server.client(),
        numbers: Numbers::new(plan.seed ^ worker << 32),
        repeated: &repeated,
    };
    at_once(AT_ONCE, plan.buyers, buyer, |buyer, nth| {
        let visit = buyer.visit(nth, nth < plan.buyers / 2).with_context(|| format!("buyer {nth}"))?;
        visits.lock().map_err(|_| anyhow::anyhow!("a buyer panicked"))?.push(visit);
        Ok(())
    })?;
    let mut bought = Vec::new();
    for visit in visits.into_inner().map_err(|_| anyhow::anyhow!("a buyer panicked"))? {
        match visit {
            Visit::Bought(one) => bought.push(one),
            Visit::Refused => report.refused += 1,
            Visit::Cancelled => report.cancelled += 1,
        }
    }
    report.repeated = repeated.into_inner();
    Ok(bought)
}

struct Buyer<'a> {
    client: Client,
    numbers: Numbers,
    repeated: &'a AtomicU64,
}

/// What a buyer wants.
struct Wish {
    sku: &'static str,
    location: &'static str,
    quantity: i64,
    amount: i64,
}

impl Wish {
    fn line(&self) -> Value {
        json!({"sku": self.sku, "quantity": self.quantity})
    }

    /// A cart with the one line.
    fn cart(&self, id: &str, channel: &str) -> Value {
        json!({"cart": id, "channel": channel, "currency": "EUR", "location": self.location, "lines": [self.line()]})
    }
}

impl Buyer<'_> {
    /// The visit of one buyer. Early buyers may want two units, and may cancel: what they give back finds a buyer.
    fn visit(&mut self, nth: u64, is_early: bool) -> anyhow::Result<Visit> {
        let at = self.numbers.below(PRICES.len() as u64) as usize;
        let (sku, unit) = PRICES.get(at).copied().context("a SKU")?;
        let at = self.numbers.below(LOCATIONS.len() as u64) as usize;
        let location = LOCATIONS.get(at).copied().context("a location")?;
        let quantity = if is_early && self.numbers.below(5) == 0 { 2 } else { 1 };
        let wish = Wish { sku, location, quantity, amount: unit * quantity };
        let cancels = is_early && self.numbers.below(BUYERS_A_CANCEL) == 0;
        match nth % 3 {
            0 => self.web(nth, &wish, cancels),
            1 => self.contact_centre(nth, &wish),
            _ => self.till(nth, &wish),
        }
    }

    /// A cart becomes an order, which is paid, and collected at the store.
    fn web(&mut self, nth: u64, wish: &Wish, cancels: bool) -> anyhow::Result<Visit> {
        let (cart, order) = (format!("k-{nth}"), format!("W-{nth}"));
        self.granted("/v1/carts", &cart, &wish.cart(&cart, "web"), 201)?;
        let body = json!({"order": order, "channel": "web", "currency": "EUR", "cart": cart,
            "expected_total": wish.amount, "fulfilments": [{"purpose": "pickup", "location": wish.location}]});
        if !self.is_granted("/v1/orders", &order, &body)? {
            self.granted(&format!("/v1/carts/{cart}/close"), &format!("{cart}-close"), &json!({}), 200)?;
            return Ok(Visit::Refused);
        }
        let step = |step: &str| (format!("/v1/orders/{order}/{step}"), format!("{order}-{step}"));
        if cancels {
            let (path, key) = step("cancel");
            self.granted(&path, &key, &json!({"channel": "web", "reason": "changed her mind"}), 200)?;
            return Ok(Visit::Cancelled);
        }
        let paid = json!({"channel": "web", "receipt": {"series": "WEB"}, "payments": [
            {"tender": "card", "amount": wish.amount, "state": "captured", "reference": format!("psp-{nth}")}]});
        let (path, key) = step("confirm");
        self.granted(&path, &key, &paid, 200)?;
        let (path, key) = step("fulfilments/1/collect");
        self.granted(&path, &key, &json!({}), 200)?;
        Ok(wish.bought(order, "web", "card", 0))
    }

    /// An agent's order, confirmed and paid in one step, then shipped.
    fn contact_centre(&mut self, nth: u64, wish: &Wish) -> anyhow::Result<Visit> {
        let order = format!("C-{nth}");
        let total = wish.amount + SHIPPING;
        let body = json!({"order": order, "channel": "contact-centre", "currency": "EUR", "confirm": true,
            "customer": format!("c-{nth}"), "expected_total": total, "receipt": {"series": "CC"},
            "fulfilments": [{"purpose": "delivery", "location": wish.location, "lines": [wish.line()]}],
            "charges": [{"charge": "shipping", "amount": SHIPPING}],
            "payments": [{"tender": "bank", "amount": total, "state": "captured"}]});
        if !self.is_granted("/v1/orders", &order, &body)? {
            return Ok(Visit::Refused);
        }
        let path = format!("/v1/orders/{order}/fulfilments/1/collect");
        self.granted(&path, &format!("{order}-collect"), &json!({"tracking": format!("1Z-{nth}")}), 200)?;
        Ok(wish.bought(order, "contact-centre", "bank", SHIPPING))
    }

    /// A cart at the till holds the units, and is sold.
    fn till(&mut self, nth: u64, wish: &Wish) -> anyhow::Result<Visit> {
        let (cart, order) = (format!("k-{nth}"), format!("T-{nth}"));
        self.granted("/v1/carts", &cart, &wish.cart(&cart, "pos"), 201)?;
        let hold = json!({"channel": "pos", "purpose": "carry_out", "location": wish.location, "ttl_seconds": 900});
        let answer = self.client.post_keyed(&format!("/v1/carts/{cart}/hold"), &format!("{cart}-hold"), &hold)?;
        if is_short(&answer) {
            self.granted(&format!("/v1/carts/{cart}/close"), &format!("{cart}-close"), &json!({}), 200)?;
            return Ok(Visit::Refused);
        }
        ensure!(answer.status == 200, "a hold: {}", answer.json());
        let till = (nth % 7).to_string();
        let body = json!({"order": order, "channel": "pos", "location": wish.location, "till": till,
            "till_reference": format!("{till}-{nth}"), "currency": "EUR", "cart": cart, "receipt": {"series": "POS"},
            "payments": [{"tender": "cash", "amount": wish.amount, "given": wish.amount + 500}]});
        self.granted("/v1/sales", &order, &body, 201)?;
        Ok(wish.bought(order, "pos", "cash", 0))
    }

    /// Whether an order is made; false if stock is short.
    fn is_granted(&mut self, path: &str, key: &str, body: &Value) -> anyhow::Result<bool> {
        let answer = self.write(path, key, body)?;
        if is_short(&answer) {
            return Ok(false);
        }
        ensure!(answer.status == 201, "{path}: {}", answer.json());
        Ok(true)
    }

    fn granted(&mut self, path: &str, key: &str, body: &Value, status: u16) -> anyhow::Result<()> {
        let answer = self.write(path, key, body)?;
        ensure!(answer.status == status, "{path}: {} {}", answer.status, answer.json());
        Ok(())
    }

    /// Writes; some writes of orders and sales are repeated under their key, and get the first answer.
    fn write(&mut self, path: &str, key: &str, body: &Value) -> anyhow::Result<Answer> {
        let first = self.client.post_keyed(path, key, body)?;
        let is_kept = !path.starts_with("/v1/carts") && first.status < 300;
        if is_kept && self.numbers.below(WRITES_A_REPEAT) == 0 {
            let again = self.client.post_keyed(path, key, body)?;
            ensure!(again.header("idempotent-replayed") == Some("true"), "{path}: a repeat was not recognised");
            ensure!((again.status, &again.body) == (first.status, &first.body), "{path}: a repeat got another answer");
            self.repeated.fetch_add(1, Ordering::Relaxed);
        }
        Ok(first)
    }
}

impl Wish {
    fn bought(&self, order: String, channel: &'static str, tender: &'static str, charges: i64) -> Visit {
        Visit::Bought(Bought { order, channel, tender, units: self.quantity, amount: self.amount + charges })
    }
}

fn is_short(answer: &Answer) -> bool {
    answer.status == 409 && answer.slug() == "insufficient-stock"
}

/// Every unit was sold once, and everything adds up.
fn audit(
    client: &mut Client,
    opening: &BTreeMap<Cell, i64>,
    bought: &[Bought],
    report: &mut CheckoutReport,
) -> anyhow::Result<()> {
    let (mut channels, mut tenders) = (BTreeMap::<String, Sums>::new(), BTreeMap::<String, Sums>::new());
    let mut whole = Sums::default();
    for one in bought {
        whole.add(one.units, one.amount);
        channels.entry(one.channel.to_owned()).or_default().add(one.units, one.amount);
        tenders.entry(one.tender.to_owned()).or_default().add(0, one.amount);
    }
    let units: i64 = opening.values().sum();
    ensure!(whole.units == units, "{} of {units} units were sold, and {} were refused", whole.units, report.refused);
    let all_in_one = totals(client, "")?;
    ensure!(all_in_one.values().eq([&whole]), "the ledger comes to {all_in_one:?}, and the answers to {whole:?}");
    for (by, answered) in [("channel", &channels), ("tender", &tenders)] {
        let told = totals(client, by)?;
        ensure!(told == *answered, "by {by} the ledger comes to {told:?}, and the answers to {answered:?}");
    }
    let mut places = BTreeMap::<String, i64>::new();
    for ((_, location), units) in opening {
        *places.entry(location.clone()).or_default() += units;
    }
    let told = totals(client, "location")?.into_iter().map(|(at, sums)| (at, sums.units));
    let told: BTreeMap<String, i64> = told.filter(|(_, units)| *units != 0).collect();
    places.retain(|_, units| *units != 0);
    ensure!(told == places, "by location the ledger comes to {told:?}, and there was {places:?}");
    check_cells(client, opening)?;
    check_ledger(client, opening, bought)?;
    report.receipts = check_receipts(client, bought)?;
    report.sold = channels;
    let counts = [("completed", bought.len()), ("open", 0), ("confirmed", 0), ("expired", 0)];
    for (state, count) in counts {
        let found = all(client, "/v1/orders", &format!("state={state}&"))?.len();
        ensure!(found == count, "{found} orders are {state}, and {count} should be");
    }
    let short = all(client, "/v1/shortages", "")?;
    ensure!(short.is_empty(), "nothing may be short: {short:?}");
    Ok(())
}

/// Every cell is empty: nothing on hand, nothing promised.
fn check_cells(client: &mut Client, opening: &BTreeMap<Cell, i64>) -> anyhow::Result<()> {
    for location in LOCATIONS {
        let cells = all(client, "/v1/stock", &format!("location={location}&"))?;
        ensure!(cells.len() == PRICES.len(), "{} cells at {location}", cells.len());
        for cell in cells {
            let is_empty = cell.get("on_hand") == Some(&json!(0)) && cell.get("reserved") == Some(&json!(0));
            let known = opening.contains_key(&(text(&cell, "sku"), location.to_owned()));
            ensure!(is_empty && known, "everything was sold, and this is left: {cell}");
        }
    }
    Ok(())
}

/// One ledger: each purchase has its rows once, and each cell the units that it had.
fn check_ledger(client: &mut Client, opening: &BTreeMap<Cell, i64>, bought: &[Bought]) -> anyhow::Result<()> {
    let (mut cells, mut orders) = (BTreeMap::<Cell, i64>::new(), BTreeMap::<String, Sums>::new());
    let mut last = 0;
    for row in all(client, "/v1/sales", "")? {
        let seq = row.get("seq").map_or(0, number);
        ensure!(seq >= last, "the ledger is in the order of the log, and {seq} comes after {last}");
        last = seq;
        let (quantity, amount) = (row.get("quantity").map_or(0, number), row.get("amount").map_or(0, number));
        orders.entry(text(&row, "order")).or_default().add(quantity, amount);
        if row.get("sku").is_some_and(|sku| !sku.is_null()) {
            *cells.entry((text(&row, "sku"), text(&row, "location"))).or_default() += quantity;
        }
    }
    let had: BTreeMap<&Cell, i64> =
        opening.iter().filter(|(_, units)| **units != 0).map(|(cell, units)| (cell, *units)).collect();
    ensure!(
        cells.iter().map(|(cell, units)| (cell, *units)).eq(had),
        "the ledger has {cells:?}, and there was {opening:?}"
    );
    let of = |one: &Bought| (one.order.clone(), Sums { units: one.units, amount: one.amount });
    let answered: BTreeMap<String, Sums> = bought.iter().map(of).collect();
    ensure!(orders == answered, "the orders of the ledger are not those that were bought");
    Ok(())
}

/// Each purchase has one receipt over its amount; numbers have no gap. Returns how many there are.
fn check_receipts(client: &mut Client, bought: &[Bought]) -> anyhow::Result<u64> {
    let mut orders = BTreeSet::new();
    let (mut numbers, mut amount) = (BTreeMap::<String, u64>::new(), 0);
    let receipts = all(client, "/v1/receipts", "")?;
    for receipt in &receipts {
        let series = text(receipt, "series");
        let n = numbers.entry(series.clone()).or_default();
        *n += 1;
        let id = text(receipt, "receipt");
        ensure!(id == format!("{series}:{n}"), "{id} stands where {series}:{n} should");
        ensure!(orders.insert(text(receipt, "order")), "two receipts of one order: {receipt}");
        amount += receipt.get("total").map_or(0, number);
    }
    ensure!(orders.iter().eq(bought.iter().map(|one| &one.order).collect::<BTreeSet<_>>()), "orders without a receipt");
    let paid: i64 = bought.iter().map(|one| one.amount).sum();
    ensure!(amount == paid, "receipts come to {amount}, and payments to {paid}");
    Ok(receipts.len() as u64)
}
