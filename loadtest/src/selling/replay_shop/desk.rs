//! A till of the shop: sells to its customers, and takes back what they bring, in the order of the file.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::outcome::{Outcome, Outcomes, Why};
use crate::client::{Answer, Client};
use crate::invoices::{Cancel, Invoice, Invoices, Step, WriteOff};
use crate::selling::shop::{number, text};
use crate::tills::TillLine;

/// The channel of sales to customers, and of their returns.
pub(super) const WEB: &str = "web";
/// The channel of sales to nobody known.
pub(super) const COUNTER: &str = "counter";
/// The channel of returns of no sale.
pub(super) const DESK: &str = "desk";
/// The currency of the shop.
pub(super) const CURRENCY: &str = "GBP";

/// The channel of an invoice.
pub(super) fn channel(customer: Option<&str>) -> &'static str {
    if customer.is_some() { WEB } else { COUNTER }
}

/// What a desk did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    pub sales: u64,
    pub orders: u64,
    pub twice: u64,
    pub refusals: u64,
}

/// A till, with what it knows of its customers: each customer has one till.
pub(super) struct Desk<'a> {
    shop: &'a Invoices,
    client: Client,
    /// Whether sales are told with the time at which they happened.
    is_late: bool,
    /// Orders that had a SKU, by customer and SKU, oldest first.
    had: HashMap<(&'a str, &'a str), Vec<&'a str>>,
    /// The latest order of a customer.
    latest: HashMap<&'a str, &'a str>,
    pub outcomes: Outcomes,
    pub done: Done,
}

/// The answer to a request to take units back.
enum Told {
    Taken,
    /// Refused; so many could come back.
    Returnable(i64),
}

impl<'a> Desk<'a> {
    pub fn new(shop: &'a Invoices, client: Client, is_late: bool) -> Self {
        let (had, latest) = (HashMap::new(), HashMap::new());
        Self { shop, client, is_late, had, latest, outcomes: Outcomes::new(), done: Done::default() }
    }

    /// Goes on with another server on the same directory.
    pub fn move_to(&mut self, client: Client) {
        self.client = client;
    }

    /// Does the `nth` step of the file.
    ///
    /// # Errors
    /// It is answered otherwise than it should be.
    pub fn step(&mut self, nth: usize, step: &'a Step) -> anyhow::Result<()> {
        match step {
            Step::Sold(invoice) => self.sell(nth, invoice).with_context(|| format!("order {}", invoice.order)),
            Step::Cancelled(cancel) => {
                let outcome = self.cancel(nth, cancel).with_context(|| format!("cancellation {}", cancel.id))?;
                let before = self.outcomes.insert(cancel.id.clone(), outcome);
                ensure!(before.is_none(), "{} is twice in the file", cancel.id);
                Ok(())
            }
            Step::WrittenOff(written) => self.write_off(nth, written),
        }
    }

    /// A sale in one step; one in ten to a customer is an order that is paid, and handed over then.
    fn sell(&mut self, nth: usize, invoice: &'a Invoice) -> anyhow::Result<()> {
        let is_order = invoice.customer.is_some() && nth % 10 == 3;
        let (path, body) = match is_order {
            true => ("/v1/orders", order_of(invoice)),
            false => ("/v1/sales", sale_of(invoice, self.is_late)),
        };
        let first = self.client.post(path, &body)?;
        ensure!(first.status == 201, "{body}: {}", first.json());
        let told = first.json();
        ensure!(told.get("total").map_or(0, number) == invoice.amount(), "{} comes to {told}", invoice.amount());
        ensure!(told.get("flags") == Some(&json!([])), "{body} is flagged: {told}");
        self.again(nth, path, &body, &first)?;
        if is_order {
            let path = format!("/v1/orders/{}/fulfilments/1/collect", invoice.order);
            let handed = self.client.post_keyed(&path, &invoice.order, &json!({}))?;
            ensure!(handed.status == 200, "{path}: {}", handed.json());
            self.done.orders += 1;
        } else {
            self.done.sales += 1;
        }
        let Some(customer) = &invoice.customer else { return Ok(()) };
        self.latest.insert(customer, &invoice.order);
        for TillLine { sku, .. } in &invoice.lines {
            let had = self.had.entry((customer, sku)).or_default();
            if had.last() != Some(&invoice.order.as_str()) {
                had.push(&invoice.order);
            }
        }
        Ok(())
    }

    /// One in ten is told twice, and gets the first answer.
    fn again(&mut self, nth: usize, path: &str, body: &Value, first: &Answer) -> anyhow::Result<()> {
        if nth % 10 == 7 {
            let second = self.client.post(path, body)?;
            let is_same = (second.status, &second.body) == (200, &first.body);
            ensure!(is_same, "told twice, it was answered {}, and first {}", second.json(), first.json());
            self.done.twice += 1;
        }
        Ok(())
    }

    fn write_off(&mut self, nth: usize, written: &WriteOff) -> anyhow::Result<()> {
        let WriteOff { reference, location, moment, sku, units } = written;
        let mut row = json!({"kind": "damage", "sku": sku, "location": location, "quantity": units,
            "reference": reference});
        if let (true, Some(members)) = (self.is_late, row.as_object_mut()) {
            members.insert("occurred_at".into(), json!(time(*moment)));
        }
        let body = json!({"movements": [row]});
        let answer = self.client.post_keyed("/v1/stock/movements", &format!("write-off-{nth}"), &body)?;
        ensure!(answer.status == 200, "{body}: {}", answer.json());
        Ok(())
    }

    /// Asks the server for the whole line: of the newest order that had the SKU, then of those before. If none has enough,
    /// but all together have, each gives what it has.
    fn cancel(&mut self, nth: usize, cancel: &'a Cancel) -> anyhow::Result<Outcome> {
        let Some(customer) = &cancel.customer else { return self.without_sale(cancel) };
        let had = self.had.get(&(customer.as_str(), cancel.sku.as_str())).cloned().unwrap_or_default();
        let mut left = Vec::new();
        for order in had.iter().rev() {
            match self.take(nth, cancel, &cancel.id, order, cancel.units)? {
                Told::Taken => return Ok(Outcome::Taken(vec![((*order).to_owned(), cancel.units)])),
                Told::Returnable(units) => left.push((units, (*order).to_owned())),
            }
        }
        let all: i64 = left.iter().map(|(units, _)| units).sum();
        if all >= cancel.units {
            return self.of_several(nth, cancel, left);
        }
        let most = left.into_iter().max_by_key(|(units, _)| *units);
        match most {
            Some((_, order)) if all > 0 => Ok(Outcome::Refused(Why::MoreThanBought, Some(order))),
            Some((_, order)) => Ok(Outcome::Refused(Why::AllTakenBefore, Some(order))),
            None => self.never_bought(cancel, customer),
        }
    }

    fn of_several(&mut self, nth: usize, cancel: &Cancel, left: Vec<(i64, String)>) -> anyhow::Result<Outcome> {
        let (mut rest, mut taken) = (cancel.units, Vec::new());
        for (returnable, order) in left {
            let units = returnable.min(rest);
            if units == 0 {
                continue;
            }
            let id = format!("{}-{}", cancel.id, taken.len());
            let told = self.take(nth, cancel, &id, &order, units)?;
            ensure!(matches!(told, Told::Taken), "{order} had {units} units to return, and returns fewer");
            rest -= units;
            taken.push((order, units));
        }
        Ok(Outcome::Taken(taken))
    }

    /// Units of an order come back, and what is paid back is done.
    fn take(&mut self, nth: usize, cancel: &Cancel, id: &str, order: &str, units: i64) -> anyhow::Result<Told> {
        let body = json!({"return": id, "channel": WEB, "location": cancel.location, "order": order,
            "lines": [{"sku": cancel.sku, "quantity": units, "condition": "sellable"}]});
        let answer = self.client.post("/v1/returns", &body)?;
        if answer.status == 409 {
            let (returnable, reason) = refusal(&answer, units)?;
            ensure!(reason == "quantity" && returnable < units, "{body}: {}", answer.json());
            self.done.refusals += 1;
            return Ok(Told::Returnable(returnable));
        }
        ensure!(answer.status == 201, "{body}: {}", answer.json());
        self.again(nth, "/v1/returns", &body, &answer)?;
        let told = answer.json();
        ensure!(units_of(&told) == units && told.get("unreferenced") == Some(&json!(false)), "{body}: {told}");
        self.pay_back(id, &told)?;
        Ok(Told::Taken)
    }

    /// Tells the refunds that were planned as done.
    fn pay_back(&mut self, id: &str, told: &Value) -> anyhow::Result<()> {
        let planned = told.get("refunds").and_then(Value::as_array).context("a return has refunds")?;
        let done = |one: &Value| {
            let of = |name| one.get(name).cloned().unwrap_or_default();
            json!({"refund": of("refund"), "tender": of("tender"), "amount": of("amount"), "payment": of("payment"),
                "state": "done"})
        };
        let done: Vec<Value> = planned.iter().map(done).collect();
        if done.is_empty() {
            ensure!(told.get("value") == Some(&json!(0)), "nothing is paid back: {told}");
            return Ok(());
        }
        let path = format!("/v1/returns/{id}/refunds");
        let answer = self.client.post_keyed(&path, &format!("{id}-paid"), &json!({"refunds": done}))?;
        ensure!(answer.status == 200 && text(&answer.json(), "state") == "settled", "{path}: {}", answer.json());
        Ok(())
    }

    /// What was never bought: of the customer's latest order, or of no sale if there is none.
    fn never_bought(&mut self, cancel: &Cancel, customer: &str) -> anyhow::Result<Outcome> {
        let lines = json!([{"sku": cancel.sku, "quantity": cancel.units, "condition": "sellable"}]);
        let order = self.latest.get(customer).copied();
        let mut body = json!({"return": cancel.id, "channel": WEB, "location": cancel.location, "lines": lines});
        if let Some(members) = body.as_object_mut() {
            match order {
                Some(order) => members.insert("order".into(), json!(order)),
                None => {
                    members.insert("currency".into(), json!(CURRENCY));
                    members.insert("customer".into(), json!(customer))
                }
            };
        }
        let answer = self.client.post("/v1/returns", &body)?;
        let (returnable, reason) = refusal(&answer, cancel.units)?;
        ensure!((returnable, reason.as_str()) == (0, "unknown_sale"), "{body}: {}", answer.json());
        self.done.refusals += 1;
        Ok(Outcome::Refused(Why::NeverBought, order.map(str::to_owned)))
    }

    /// Goods of no sale: each unit is worth its price, in cash.
    fn without_sale(&mut self, cancel: &Cancel) -> anyhow::Result<Outcome> {
        let price = self.shop.prices.get(&cancel.sku).context("a SKU without a price")?;
        let paid = json!([{"tender": "cash", "amount": price * cancel.units, "state": "done"}]);
        let body = json!({"return": cancel.id, "channel": DESK, "location": cancel.location, "currency": CURRENCY,
            "refunds": paid, "lines": [{"sku": cancel.sku, "quantity": cancel.units, "condition": "sellable"}]});
        let answer = self.client.post("/v1/returns", &body)?;
        let told = answer.json();
        ensure!(answer.status == 201 && told.get("unreferenced") == Some(&json!(true)), "{body}: {told}");
        ensure!(text(&told, "state") == "settled" && units_of(&told) == cancel.units, "{body}: {told}");
        Ok(Outcome::Unreferenced)
    }
}

/// Units of a return.
fn units_of(told: &Value) -> i64 {
    let lines = told.get("lines").and_then(Value::as_array);
    lines.into_iter().flatten().map(|line| line.get("quantity").map_or(0, number)).sum()
}

/// How many units could come back, and why not more, of a refusal of one line.
fn refusal(answer: &Answer, units: i64) -> anyhow::Result<(i64, String)> {
    let told = answer.json();
    let is_refusal = (answer.status, answer.slug().as_str()) == (409, "not-returnable");
    let lines = told.get("lines").and_then(Value::as_array).map(Vec::as_slice);
    let Some([line]) = lines.filter(|_| is_refusal) else { anyhow::bail!("{} {told}", answer.status) };
    ensure!(line.get("requested").map(number) == Some(units), "{units} units were requested: {told}");
    Ok((line.get("returnable").map(number).context("a refusal tells what is returnable")?, text(line, "reason")))
}

/// A time on the wire.
pub(super) fn time(moment: jiff::civil::DateTime) -> String {
    format!("{}Z", moment.strftime("%Y-%m-%dT%H:%M:%S"))
}

fn lines_of(invoice: &Invoice) -> Vec<Value> {
    let line = |TillLine { sku, quantity, unit_amount, discount }: &TillLine| json!({"sku": sku, "quantity": quantity, "unit_amount": unit_amount, "discount": discount});
    invoice.lines.iter().map(line).collect()
}

/// What was paid; nothing for what is free.
fn paid(invoice: &Invoice) -> Vec<Value> {
    let paid = json!({"tender": "card", "amount": invoice.amount(), "state": "captured"});
    Some(paid).filter(|_| invoice.amount() > 0).into_iter().collect()
}

fn sale_of(invoice: &Invoice, is_late: bool) -> Value {
    let Invoice { order, customer, location, moment, .. } = invoice;
    let mut body = json!({"order": order, "channel": channel(customer.as_deref()), "location": location,
        "customer": customer, "currency": CURRENCY, "lines": lines_of(invoice), "payments": paid(invoice)});
    if let (true, Some(members)) = (is_late, body.as_object_mut()) {
        members.insert("occurred_at".into(), json!(time(*moment)));
    }
    body
}

fn order_of(invoice: &Invoice) -> Value {
    let Invoice { order, customer, location, .. } = invoice;
    json!({"order": order, "channel": WEB, "customer": customer, "currency": CURRENCY, "confirm": true,
        "fulfilments": [{"purpose": "delivery", "location": location, "lines": lines_of(invoice)}],
        "payments": paid(invoice)})
}
