//! A web shop's checkout: look, hold while the customer types, replace the cart by an order, confirm when it is paid.
//!
//! ```console
//! $ cargo run --release -- serve --demo
//! $ cargo run --release -p anaquel-server --example checkout [HOST:PORT]
//! ```
//!
//! Each write has an idempotency key that the shop derives from its own cart or order number. A shop that dies between
//! the request and the answer sends the same request again when it is back, and has the first answer.

mod client;

use client::{Client, moment, server, text};
use serde_json::{Value, json};

const SKU: &str = "TSHIRT-RED-M";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut shop = Client::new(&server());
    let (cart, order) = (format!("cart-{}", moment()), format!("W-{}", moment()));

    // The product page: what the channel `web` may promise in each store.
    let seen = shop.get(&format!("/v1/availability?sku={SKU}&channel=web")).await?.success()?;
    let items = seen.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let units = |cell: &&Value| cell.get("available").and_then(Value::as_u64).unwrap_or(0);
    let is_store = |cell: &&Value| !text(cell, "location").contains("-w");
    let best = items.iter().filter(is_store).max_by_key(units);
    let best = best.ok_or_else(|| anyhow::anyhow!("no store stocks {SKU}; start the server with --demo"))?;
    let store = text(best, "location");
    println!("{SKU}: {} available to promise at {store}", units(&best));

    // In the cart: held for 15 minutes. Nobody else is promised this unit meanwhile.
    let line = json!({"sku": SKU, "location": store, "quantity": 1});
    let hold = json!({"channel": "web", "ttl_seconds": 900, "lines": [line]});
    let hold = shop.write("POST", "/v1/reservations", &cart, &hold).await?.success()?;
    println!("held until {}: {}", text(&hold, "expires_at"), text(&hold, "id"));

    // The checkout: an order in place of the cart, in one step. The unit is never free in between.
    let placed = json!({"channel": "web", "purpose": "pickup", "customer": "c-81", "order": order,
        "ttl_seconds": 900, "supersedes": text(&hold, "id"), "lines": [line]});
    let placed = shop.write("POST", "/v1/reservations", &format!("{order}-place"), &placed).await?.success()?;
    println!("order {order} replaces the cart: {}", text(&placed, "id"));

    // Paid. From here on nothing expires.
    let path = format!("/v1/reservations/{}/confirm", text(&placed, "id"));
    let key = format!("{order}-paid");
    let confirmed = shop.write("POST", &path, &key, &json!({})).await?.success()?;
    println!("paid: {}", text(&confirmed, "state"));

    // The payment provider calls twice, as they do. The answer is the first one.
    let again = shop.write("POST", &path, &key, &json!({})).await?;
    anyhow::ensure!(again.replayed && again.body == confirmed, "a repeat has the first answer");
    println!("told again: {}, done once", again.status);

    // The same with its money: an order, at the prices that hold when it is made. First what it would come to.
    let sale = format!("{order}-2");
    let basket = |more: Value| {
        let mut body = json!({"channel": "web", "customer": "c-81", "currency": "EUR",
            "fulfilments": [{"purpose": "pickup", "location": store, "lines": [{"sku": SKU, "quantity": 1}]}]});
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        body
    };
    let body = basket(json!({"dry_run": true})).to_string();
    let told = shop.post("/v1/orders", "application/json", body).await?.success()?;
    let total = told.get("total").and_then(Value::as_u64).unwrap_or(0);
    // The customer has seen that total, and the card is good for it: held and confirmed in one step, or not at all.
    let card =
        json!({"payment": "card", "tender": "card", "amount": total, "state": "authorized", "reference": "psp-9"});
    let body = basket(json!({"order": sale, "expected_total": total, "payments": [card], "confirm": true}));
    let made = shop.write("POST", "/v1/orders", &sale, &body).await?.success()?;
    println!("order {sale} over {total}: {}", text(&made, "state"));
    let captured = json!({"payments": [{"payment": "card", "tender": "card", "amount": total, "state": "captured",
        "reference": "psp-9"}]});
    let path = format!("/v1/orders/{sale}/payments");
    let paid = shop.write("POST", &path, &format!("{sale}-captured"), &captured).await?.success()?;
    println!("captured {}, due {}", paid.get("paid").unwrap_or(&Value::Null), paid.get("due").unwrap_or(&Value::Null));

    // Another customer wants more than the chain has. The refusal says what would succeed.
    let greedy = json!({"channel": "web", "lines": [{"sku": SKU, "location": store, "quantity": 100_000}]});
    let refused = shop.write("POST", "/v1/reservations", &format!("{cart}-b"), &greedy).await?;
    anyhow::ensure!(refused.status == 409, "nobody has 100,000 of them: {}", refused.body);
    for line in refused.body.get("lines").and_then(Value::as_array).into_iter().flatten() {
        let (constraint, advice) = (text(line, "constraint"), line.get("would_succeed").unwrap_or(&Value::Null));
        println!("refused: constraint {constraint}, would succeed: {advice}");
    }
    Ok(())
}
