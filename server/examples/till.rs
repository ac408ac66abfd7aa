//! A till: sells what lies on the counter, without a network as well, and hands over what was ordered for pickup.
//!
//! ```console
//! $ cargo run --release -- serve --demo
//! $ cargo run --release -p anaquel-server --example till [HOST:PORT [STORE]]
//! ```
//!
//! A sale happened when the customer paid, so it is never refused. The till writes each receipt into a journal of its
//! own and reports the journal whenever there is a network; the receipt number is the idempotency key, so a receipt that
//! is reported twice counts once.

mod client;

use client::{Client, moment, server, text};
use serde_json::{Value, json};

/// A receipt of the till's own journal.
struct Receipt {
    number: String,
    lines: Vec<(&'static str, u32)>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut stock = Client::new(&server());
    let store = std::env::args().nth(2).unwrap_or_else(|| "es-001".to_owned());

    // Two customers, while the network was away.
    let journal = [
        Receipt { number: format!("{store}-{}-1", moment()), lines: vec![("TSHIRT-RED-M", 1), ("JEANS-NAVY-M", 1)] },
        Receipt { number: format!("{store}-{}-2", moment()), lines: vec![("TSHIRT-RED-M", 2)] },
    ];
    for receipt in &journal {
        let number = &receipt.number;
        let mut movements = Vec::new();
        for (sku, quantity) in &receipt.lines {
            let (kind, location) = ("sale", &store);
            movements.push(
                json!({"kind": kind, "sku": sku, "location": location, "quantity": quantity, "reference": number}),
            );
        }
        let basket = json!({"movements": movements});
        // Reported twice, as after a network that broke before the answer came.
        let first = stock.write("POST", "/v1/stock/movements", &receipt.number, &basket).await?;
        let again = stock.write("POST", "/v1/stock/movements", &receipt.number, &basket).await?;
        anyhow::ensure!(again.replayed && again.body == first.body, "a repeat has the first answer");
        let told = first.success()?;
        println!("receipt {} is durable at seq {}", receipt.number, told.get("seq").unwrap_or(&Value::Null));
        for cell in told.get("items").and_then(Value::as_array).into_iter().flatten() {
            println!("  {}: on hand {}", text(cell, "sku"), cell.get("on_hand").unwrap_or(&Value::Null));
        }
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
