//! A till: sells what lies on the counter, without a network as well, takes it back, and hands over what was ordered for
//! pickup.
//!
//! ```console
//! $ cargo run --release -- serve --demo
//! $ cargo run --release -p anaquel-server --example till [HOST:PORT [STORE]]
//! ```
//!
//! A sale happened when the customer paid, so it is never refused. The till writes each receipt into a journal of its
//! own and reports the journal whenever there is a network: what it sold, at which prices, for which money, and when. The
//! receipt number is the id of the order, so a receipt that is reported twice is one sale.

mod client;

use client::{Client, moment, server, text};
use serde_json::{Value, json};

/// A receipt of the till's own journal.
struct Receipt {
    number: String,
    sold_at: String,
    lines: Vec<(&'static str, u64)>,
}

/// What the till sells.
const SKUS: [&str; 2] = ["TSHIRT-RED-M", "JEANS-NAVY-M"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut stock = Client::new(&server());
    let store = std::env::args().nth(2).unwrap_or_else(|| "es-001".to_owned());

    // In the morning, with a network: what everything costs here.
    let lines: Vec<Value> = SKUS.iter().map(|sku| json!({"sku": sku})).collect();
    let question = json!({"lines": lines, "channel": "pos", "location": store, "currency": "EUR"});
    let told = stock.post("/v1/prices/query", "application/json", question.to_string()).await?.success()?;
    let prices = told.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let price_of = |sku: &str| {
        let row = prices.iter().find(|row| text(row, "sku") == sku);
        row.and_then(|row| row.get("amount")).and_then(Value::as_u64).unwrap_or(0)
    };

    // Two customers, while the network was away.
    let sold_at = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_mins(10))?.to_string();
    let receipt =
        |nth: u32, lines| Receipt { number: format!("{store}-{}-{nth}", moment()), sold_at: sold_at.clone(), lines };
    let journal = [receipt(1, vec![(SKUS[0], 1), (SKUS[1], 1)]), receipt(2, vec![(SKUS[0], 2)])];
    for Receipt { number, sold_at, lines } in &journal {
        let total: u64 = lines.iter().map(|(sku, quantity)| price_of(sku) * quantity).sum();
        let lines =
            lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity, "unit_amount": price_of(sku)}));
        let sale = json!({"order": number, "channel": "pos", "location": store, "till": "1", "till_reference": number,
            "currency": "EUR", "occurred_at": sold_at, "lines": lines.collect::<Vec<_>>(),
            "payments": [{"tender": "cash", "amount": total}]});
        // Reported twice, as after a network that broke before the answer came.
        let first = stock.write("POST", "/v1/sales", number, &sale).await?;
        let again = stock.write("POST", "/v1/sales", number, &sale).await?;
        anyhow::ensure!(again.replayed && again.body == first.body, "a repeat has the first answer");
        let told = first.success()?;
        let (seq, total) = (told.get("seq").unwrap_or(&Value::Null), told.get("total").unwrap_or(&Value::Null));
        println!("receipt {number} over {total} is durable at seq {seq}");
    }

    // A customer brings a shirt back that does not fit. The cash goes out of the drawer at once.
    if let Some(Receipt { number, .. }) = journal.last() {
        let back = format!("{number}-back");
        let body = json!({"return": back, "channel": "pos", "location": store, "till": "1", "order": number,
            "lines": [{"line": "1", "quantity": 1, "condition": "sellable", "reason": "too small"}]});
        let taken = stock.write("POST", "/v1/returns", &back, &body).await?.success()?;
        let mut refund = taken.pointer("/refunds/0").cloned().unwrap_or_default();
        if let Some(members) = refund.as_object_mut() {
            members.retain(|name, _| ["refund", "tender", "amount", "payment"].contains(&name.as_str()));
            members.insert("state".into(), "done".into());
        }
        let path = format!("/v1/returns/{back}/refunds");
        let paid =
            stock.write("POST", &path, &format!("{back}-paid"), &json!({"refunds": [refund]})).await?.success()?;
        println!("return {back} of {}: {}", paid.get("value").unwrap_or(&Value::Null), text(&paid, "state"));
    }

    // The closing report: the money in the drawer.
    let report = format!("/v1/sales/totals?by=tender&location={store}&till=1");
    let report = stock.get(&report).await?.success()?;
    for sum in report.get("items").and_then(Value::as_array).into_iter().flatten() {
        println!("  {}: {}", text(sum, "tender"), sum.get("amount").unwrap_or(&Value::Null));
    }

    // The counter for pickups: what is confirmed and not put aside yet.
    let orders = stock.get(&format!("/v1/reservations?location={store}&state=confirmed")).await?.success()?;
    let Some(order) = orders.pointer("/items/0") else {
        println!("no order waits at {store}");
        return Ok(());
    };
    let id = text(order, "id");
    let ready =
        stock.write("POST", &format!("/v1/reservations/{id}/ready"), &format!("{id}-ready"), &json!({})).await?;
    let ready = ready.success()?;
    println!("order {} is put aside; the customer has the code", text(&ready, "order"));

    // The customer shows the code that the shop sent.
    let shown = json!({"pickup_code": text(&ready, "pickup_code")});
    let key = format!("{id}-collect");
    let gone = stock.write("POST", &format!("/v1/reservations/{id}/collect"), &key, &shown).await?.success()?;
    println!("order {}: {}", text(&gone, "order"), text(&gone, "state"));
    Ok(())
}
