//! What a scenario must have sold, by the answers: exactly that, and no more.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::measure::{Kind, KindRow, Recorder};
use super::shopper::{NOTES, ORDERS, PRICE, SERIES};
use crate::client::Client;
use crate::selling::shop::{self, Sums};
use crate::tills::Basket;

/// A flash sale sells exactly its units, if enough were requested.
pub(super) fn sold_out(client: &mut Client, recorder: &Recorder, units: u64, length: Duration) -> anyhow::Result<()> {
    let cells = client.get("/v1/availability?sku=SKU-FLASH")?.json();
    let reserved = cells.pointer("/items/0/reserved").and_then(Value::as_u64).context("the flash sale's cell")?;
    let row = recorder
        .kinds(length)
        .into_iter()
        .find(|row| row.kind == Kind::Reserve)
        .context("no reservations were sent")?;
    ensure!(reserved >= row.done, "{} reservations were acknowledged, and {reserved} units are reserved", row.done);
    ensure!(
        row.refused == 0 || reserved == units,
        "{} were refused, and {reserved} of {units} are reserved",
        row.refused
    );
    Ok(())
}

/// Requests of a kind that were done, refused and shed.
fn of(rows: &[KindRow], kind: Kind) -> [u64; 3] {
    let row = rows.iter().find(|row| row.kind == kind);
    row.map_or([0; 3], |row| [row.done, row.refused, row.shed])
}

/// Numbers that a series has issued.
fn issued(client: &mut Client, series: &str) -> anyhow::Result<u64> {
    let told = client.get(&format!("/v1/series/{series}"))?.json();
    told.get("issued").and_then(Value::as_u64).with_context(|| format!("{series} tells {told}"))
}

/// The tills sold each basket that was not an order once, with a receipt each, and took each line back that came, with a
/// credit note, if nothing was shed. Returns the counts in words.
pub(super) fn tills_closed(
    client: &mut Client,
    recorder: &Recorder,
    baskets: &[Basket],
    length: Duration,
) -> anyhow::Result<String> {
    let rows = recorder.kinds(length);
    let [[sales, _, shed], [returns, _, shed_returns]] = [Kind::Sale, Kind::Return].map(|kind| of(&rows, kind));
    for (series, done) in [(SERIES, sales), (NOTES, returns)] {
        let issued = issued(client, series)?;
        ensure!(issued == done, "{done} were acknowledged, and {issued} documents of {series} are issued");
    }
    if shed + shed_returns > 0 {
        return Ok(format!("tills: {sales} sales and {returns} returns, each with its document; some were shed"));
    }
    let (mut expected, mut returned) = (Sums::default(), 0);
    for (nth, basket) in baskets.iter().enumerate().filter(|(nth, basket)| !basket.is_order(*nth)) {
        ensure!(!basket.lines.is_empty(), "basket {nth} has no lines");
        expected.add(basket.lines.iter().map(|line| line.quantity).sum(), basket.amount());
        if let Some((_, line)) = basket.returned() {
            expected.add(-line.quantity, -line.amount());
            returned += 1;
        }
    }
    ensure!(returns == returned, "{returned} lines came back, and {returns} returns were acknowledged");
    let told = shop::totals(client, "channel")?;
    ensure!(told.get("pos") == Some(&expected), "the ledger comes to {told:?}, and the tills to {expected:?}");
    let Sums { units, amount } = expected;
    Ok(format!(
        "tills: {sales} sales, and {returns} returns with credit notes; less what came back the ledger has {units} units \
         for {amount} cents, as the tills have"
    ))
}

/// Each order is in the state that its steps led to, and only those that were collected are in the ledger; each that was
/// paid has a receipt. If nothing was shed, no order is left open. Returns the counts in words.
pub(super) fn orders_counted(client: &mut Client, recorder: &Recorder, length: Duration) -> anyhow::Result<String> {
    let rows = recorder.kinds(length);
    let kinds = [Kind::Cart, Kind::Order, Kind::Confirm, Kind::Collect, Kind::Cancel];
    let [_, [placed, ..], [paid, ..], [collected, ..], [cancelled, ..]] = kinds.map(|kind| of(&rows, kind));
    ensure!(issued(client, ORDERS)? == paid, "{paid} orders were paid, and {} have receipts", issued(client, ORDERS)?);
    let told = shop::totals(client, "channel")?.remove("web").unwrap_or_default();
    let expected = Sums { units: collected as i64, amount: PRICE * collected as i64 };
    ensure!(told == expected, "the ledger comes to {told:?}, and what was collected to {expected:?}");
    let money = shop::totals(client, "tender")?.remove("card").unwrap_or_default();
    ensure!(money.amount == PRICE * paid as i64, "payments come to {}, of {paid} orders", money.amount);
    let is_shed = rows.iter().any(|row| row.shed > 0);
    let expired = placed.saturating_sub(paid + cancelled);
    let (open, expired) = if is_shed { (None, None) } else { (Some(0), Some(expired)) };
    let states = [
        ("completed", Some(collected)),
        ("confirmed", Some(paid - collected.min(paid))),
        ("cancelled", Some(cancelled)),
        ("open", open),
        ("expired", expired),
    ];
    for (state, expected) in states {
        let Some(expected) = expected else { continue };
        let found = shop::all(client, "/v1/orders", &format!("state={state}&"))?.len() as u64;
        ensure!(found == expected, "{found} orders are {state}, and {expected} should be");
    }
    Ok(format!(
        "orders: {placed} placed, {paid} paid with a receipt each, {collected} collected and in the ledger, {cancelled} \
         cancelled; states, receipts, units and money are exactly these"
    ))
}
