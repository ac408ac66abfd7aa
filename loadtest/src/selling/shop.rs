//! A retailer that sells: what is declared before, and what is read after.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::client::Client;

/// The most items of one page.
const PAGE: usize = 1000;

/// Sets something by PUT.
///
/// # Errors
/// It is refused.
pub(crate) fn set(client: &mut Client, path: &str, body: &Value) -> anyhow::Result<()> {
    let answer = client.put(path, body)?;
    ensure!((200..300).contains(&answer.status), "PUT {path}: {}", answer.json());
    Ok(())
}

/// Declares channels without a buffer, locations, and the tax class of everything.
///
/// # Errors
/// One is refused.
pub(crate) fn declare(client: &mut Client, channels: &[&str], locations: &[&str]) -> anyhow::Result<()> {
    for channel in channels {
        set(client, &format!("/v1/channels/{channel}"), &json!({"buffer": 0}))?;
    }
    for location in locations {
        set(client, &format!("/v1/locations/{location}"), &json!({"pickup": true, "ship": true}))?;
    }
    set(client, "/v1/tax-classes/standard", &json!({"name": "Standard", "rates": [{"rate": 2100}]}))
}

/// Sets prices in euros, in the list that is there by itself.
///
/// # Errors
/// They are refused.
pub(crate) fn price(client: &mut Client, prices: &[(String, i64)]) -> anyhow::Result<()> {
    for chunk in prices.chunks(PAGE) {
        let row = |(sku, amount): &(String, i64)| json!({"sku": sku, "currency": "EUR", "amount": amount});
        set(client, "/v1/prices", &json!({"prices": chunk.iter().map(row).collect::<Vec<_>>()}))?;
    }
    Ok(())
}

/// An issuer of receipts, and its series, each with its id before its numbers.
///
/// # Errors
/// One is refused.
pub(crate) fn issue(client: &mut Client, issuer: &str, scheme: &str, series: &[&str]) -> anyhow::Result<()> {
    let said = json!({"tax_id": "B12345678", "name": "Moda S.L.", "address": "Calle Mayor 1", "country": "ES",
        "timezone": "Europe/Madrid", "scheme": scheme, "environment": "test"});
    set(client, &format!("/v1/issuers/{issuer}"), &said)?;
    for name in series {
        let said = json!({"issuer": issuer, "kind": "receipt", "prefix": format!("{name}-")});
        set(client, &format!("/v1/series/{name}"), &said)?;
    }
    Ok(())
}

/// A series of credit notes of an issuer.
///
/// # Errors
/// It is refused.
pub(crate) fn credit_notes(client: &mut Client, issuer: &str, series: &str) -> anyhow::Result<()> {
    let said = json!({"issuer": issuer, "kind": "credit_note", "prefix": format!("{series}-")});
    set(client, &format!("/v1/series/{series}"), &said)
}

/// All items of a list, page by page; `query` is empty or ends with `&`.
///
/// # Errors
/// A page is refused.
pub(crate) fn all(client: &mut Client, path: &str, query: &str) -> anyhow::Result<Vec<Value>> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let answer = client.get(&format!("{path}?{query}limit={PAGE}{after}"))?;
        ensure!(answer.status == 200, "GET {path}: {}", answer.json());
        let mut page = answer.json();
        let these = page.get_mut("items").and_then(Value::as_array_mut).context("a list has items")?;
        items.append(these);
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(items),
        }
    }
}

/// Units and money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Units; 0 of money.
    pub units: i64,
    /// In cents.
    pub amount: i64,
}

impl Sums {
    /// Adds to both.
    pub fn add(&mut self, units: i64, amount: i64) {
        self.units += units;
        self.amount += amount;
    }
}

/// The sums of the ledger by one member; all in one, under an empty name, if `by` is empty.
///
/// # Errors
/// They are refused.
pub(crate) fn totals(client: &mut Client, by: &str) -> anyhow::Result<BTreeMap<String, Sums>> {
    let answer = client.get(&format!("/v1/sales/totals?by={by}"))?;
    ensure!(answer.status == 200, "totals by {by}: {}", answer.json());
    let told = answer.json();
    let items = told.get("items").and_then(Value::as_array).context("totals have items")?;
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    for item in items {
        ensure!(item.get("kind").is_none_or(|kind| kind == "payment"), "nothing was paid back, and {item} was");
        let units = item.get("quantity").map_or(0, number);
        sums.entry(text(item, by)).or_default().add(units, number(item.get("amount").context("a sum has an amount")?));
    }
    Ok(sums)
}

/// A whole number; 0 if it is none.
pub(crate) fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// A text member; empty if there is none.
pub(crate) fn text(item: &Value, name: &str) -> String {
    item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The hash that a running server shows.
///
/// # Errors
/// It does not answer.
pub(crate) fn state_hash(client: &mut Client) -> anyhow::Result<String> {
    Ok(text(&client.get("/v1/info")?.json(), "state_hash"))
}

/// Does `count` things in their order, each by one of some workers; all end at the first error.
///
/// # Errors
/// The first error.
pub(crate) fn at_once<W>(
    workers: u64,
    count: u64,
    worker: impl Fn(u64) -> W + Sync,
    work: impl Fn(&mut W, u64) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let (next, failed) = (AtomicU64::new(0), Mutex::new(None));
    std::thread::scope(|scope| {
        for nth in 0..workers {
            let (next, failed, worker, work) = (&next, &failed, &worker, &work);
            scope.spawn(move || {
                let mut worker = worker(nth);
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    if let Err(error) = work(&mut worker, at) {
                        next.store(count, Ordering::Relaxed);
                        note(failed, error);
                        return;
                    }
                }
            });
        }
    });
    failed.into_inner().map_err(|_| anyhow::anyhow!("a worker panicked"))?.map_or(Ok(()), Err)
}

/// Keeps the first of several.
pub(crate) fn note<T>(first: &Mutex<Option<T>>, value: T) {
    if let Ok(mut first) = first.lock() {
        first.get_or_insert(value);
    }
}
