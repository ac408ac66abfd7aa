//! The same shop as history: files of sales of half a month each, with what came back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::civil::{Date, DateTime};
use serde_json::Value;

use super::desk::{CURRENCY, DESK, WEB, channel, time};
use super::outcome::{Outcome, Outcomes, Why};
use crate::client::Client;
use crate::invoices::{Cancel, Invoice, Invoices, Step};
use crate::selling::shop::{number, text};

/// The columns.
const HEAD: &str = "order,occurred_at,channel,location,customer,sku,quantity,amount,discount,tender,currency,return\n";
const PATH: &str = "/v1/import/sales?create=true";

/// What was imported.
pub(super) struct Imported {
    pub outcomes: Outcomes,
    pub files: u64,
    pub rows: u64,
    pub took: Duration,
}

/// Imports everything; each line of a cancellation is of the orders that the live shop took it from. The first file comes
/// twice, and changes nothing then.
///
/// # Errors
/// A row is taken or refused otherwise than live.
pub(super) fn run(client: &mut Client, shop: &Invoices, live: &Outcomes) -> anyhow::Result<Imported> {
    let mut imported = Imported { outcomes: Outcomes::new(), files: 0, rows: 0, took: Duration::ZERO };
    for steps in shop.steps.chunk_by(|one, next| half(one.moment()) == half(next.moment())) {
        let file = File::of(shop, steps, live)?;
        let began = Instant::now();
        let told = load(client, &file)?;
        imported.took += began.elapsed();
        let accepted = told.get("accepted").map_or(0, number);
        if imported.files == 0 {
            let again = load(client, &file)?;
            let counts = ["accepted", "unchanged"].map(|name| again.get(name).map_or(0, number));
            ensure!(counts == [0, accepted], "the same file again: {again}");
            ensure!(again.get("errors") == told.get("errors"), "the same file again: {again}, and first {told}");
        }
        imported.files += 1;
        imported.rows += file.rows;
        file.outcomes(&told, live, &mut imported.outcomes)?;
    }
    Ok(imported)
}

/// Which half of which month.
fn half(moment: DateTime) -> (Date, bool) {
    (moment.date().first_of_month(), moment.day() <= 15)
}

fn load(client: &mut Client, file: &File<'_>) -> anyhow::Result<Value> {
    let answer = client.import(PATH, file.csv.as_bytes())?;
    ensure!(answer.status == 200, "{}", answer.json());
    let told = answer.json();
    ensure!(told.get("errors_left_out").is_none_or(|left| number(left) == 0), "too many errors for one answer");
    Ok(told)
}

struct File<'a> {
    csv: String,
    rows: u64,
    /// The line of a cancellation that a row is of, by the number of the row's line.
    cancels: BTreeMap<u64, &'a Cancel>,
}

impl<'a> File<'a> {
    fn of(shop: &Invoices, steps: &'a [Step], live: &Outcomes) -> anyhow::Result<Self> {
        let mut file = Self { csv: HEAD.to_owned(), rows: 0, cancels: BTreeMap::new() };
        for step in steps {
            match step {
                Step::Sold(invoice) => file.sold(invoice),
                Step::Cancelled(cancel) => {
                    let outcome = live.get(&cancel.id).with_context(|| format!("{} was not asked for", cancel.id))?;
                    let price = shop.prices.get(&cancel.sku).copied().unwrap_or(0);
                    file.cancelled(cancel, outcome, price);
                }
                Step::WrittenOff(_) => {}
            }
        }
        Ok(file)
    }

    fn sold(&mut self, invoice: &Invoice) {
        let Invoice { order, customer, location, moment, lines } = invoice;
        let (at, through) = (time(*moment), channel(customer.as_deref()));
        let customer = customer.as_deref().unwrap_or_default();
        for line in lines {
            let (sku, units, discount, amount) = (&line.sku, line.quantity, line.discount, line.amount());
            self.csv.push_str(&format!(
                "{order},{at},{through},{location},{customer},{sku},{units},{amount},{discount},card,{CURRENCY},\n"
            ));
            self.rows += 1;
        }
    }

    /// What came back is worth what it was sold for. A refused line is sent as it is; of an order that never was if its
    /// customer has none.
    fn cancelled(&mut self, cancel: &'a Cancel, outcome: &Outcome, price: i64) {
        let parts = match outcome {
            Outcome::Taken(parts) => parts.clone(),
            Outcome::Refused(_, order) => vec![(order.clone().unwrap_or_else(|| cancel.id.clone()), cancel.units)],
            Outcome::Unreferenced => return self.without_sale(cancel, price),
        };
        let Cancel { customer, location, moment, sku, .. } = cancel;
        let (at, customer) = (time(*moment), customer.as_deref().unwrap_or_default());
        for (order, units) in parts {
            let row = format!("{order},{at},{WEB},{location},{customer},{sku},-{units},,,card,{CURRENCY},\n");
            self.came_back(cancel, &row);
        }
    }

    /// Goods of no sale: a return without an order, of what was paid for it.
    fn without_sale(&mut self, cancel: &'a Cancel, price: i64) {
        let Cancel { id, location, moment, sku, units, .. } = cancel;
        let (at, amount) = (time(*moment), price * units);
        let row = format!(",{at},{DESK},{location},,{sku},-{units},-{amount},,cash,{CURRENCY},{id}\n");
        self.came_back(cancel, &row);
    }

    fn came_back(&mut self, cancel: &'a Cancel, row: &str) {
        self.csv.push_str(row);
        self.rows += 1;
        // The header is the first line.
        self.cancels.insert(self.rows + 1, cancel);
    }

    /// What became of each line of a cancellation, by the answer.
    fn outcomes(&self, told: &Value, live: &Outcomes, outcomes: &mut Outcomes) -> anyhow::Result<()> {
        let errors = told.get("errors").and_then(Value::as_array).context("an import tells its errors")?;
        let mut refused: BTreeMap<&str, Why> = BTreeMap::new();
        for error in errors {
            let line = error.get("line").and_then(Value::as_u64).context("an error names its line")?;
            let cancel = self.cancels.get(&line).with_context(|| format!("a row that was sold is refused: {error}"))?;
            refused.insert(&cancel.id, why(error)?);
        }
        for cancel in self.cancels.values() {
            let outcome = match (refused.get(cancel.id.as_str()), live.get(&cancel.id)) {
                (Some(why), Some(Outcome::Refused(_, order))) => Outcome::Refused(*why, order.clone()),
                (None, Some(taken @ (Outcome::Taken(_) | Outcome::Unreferenced))) => taken.clone(),
                (here, there) => anyhow::bail!("{} as history: {here:?}, and live: {there:?}", cancel.id),
            };
            outcomes.insert(cancel.id.clone(), outcome);
        }
        Ok(())
    }
}

/// Why a row is refused: of more units than the order has left, of a SKU that it never had, or of no order.
fn why(error: &Value) -> anyhow::Result<Why> {
    let reason = text(error, "reason");
    match text(error, "field").as_str() {
        "sku" | "order" => Ok(Why::NeverBought),
        "quantity" if reason.contains(" come back, and 0 can") => Ok(Why::AllTakenBefore),
        "quantity" if reason.contains(" come back, and ") => Ok(Why::MoreThanBought),
        _ => anyhow::bail!("refused for another reason: {error}"),
    }
}
