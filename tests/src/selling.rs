//! A shop that sells: places, prices, and the equations that hold for every order.

use std::sync::atomic::{AtomicU64, Ordering};

use anaquel_loadtest::client::{Answer, Client};
use serde_json::{Value, json};

use crate::Shop;
use crate::calls::{get, put};

/// Three places, a group of the first two, three SKUs with prices and tax, and ten units of each in the first two places.
///
/// # Panics
/// Something is refused.
pub fn selling_shop(arguments: &[&str]) -> Shop {
    let mut shop = Shop::with(arguments);
    shop.declare_channels(&["web", "app", "pos", "contact-centre"]);
    declare(&mut shop.client);
    for sku in ["A", "B", "C"] {
        for place in ["s1", "s2"] {
            shop.receive(sku, place, 10);
        }
    }
    shop
}

/// Places, groups, SKUs, prices and tax of the shop.
///
/// # Panics
/// Something is refused.
pub fn declare(client: &mut Client) {
    for place in ["s1", "s2", "s3"] {
        put(client, &format!("/v1/locations/{place}"), &json!({"pickup": true, "ship": true}));
    }
    put(client, "/v1/groups/city", &json!({"locations": ["s1", "s2"]}));
    for sku in ["A", "B", "C", "UNPRICED"] {
        put(client, &format!("/v1/skus/{sku}"), &json!({}));
    }
    put(client, "/v1/tax-classes/standard", &json!({"rates": [{"rate": 2100}]}));
    put(client, "/v1/tax-classes/reduced", &json!({"rates": [{"rate": 1000}]}));
    put(client, "/v1/skus/C", &json!({"tax_class": "reduced"}));
    set_prices(client, &[("A", 1000), ("B", 250), ("C", 110)]);
}

/// Sets prices of the list that is there by itself, in euros.
///
/// # Panics
/// One is refused.
pub fn set_prices(client: &mut Client, prices: &[(&str, i64)]) {
    let row = |(sku, amount): &(&str, i64)| json!({"sku": sku, "currency": "EUR", "amount": amount});
    put(client, "/v1/prices", &json!({"prices": prices.iter().map(row).collect::<Vec<_>>()}));
}

/// A key that no other request has.
pub fn key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("key-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Posts with a key of its own.
///
/// # Panics
/// The connection failed.
pub fn post(client: &mut Client, path: &str, body: &Value) -> Answer {
    client.post_keyed(path, &key(), body).unwrap()
}

/// A step of an order.
///
/// # Panics
/// The connection failed.
pub fn step(client: &mut Client, order: &str, step: &str, body: &Value) -> Answer {
    post(client, &format!("/v1/orders/{order}/{step}"), body)
}

/// The answer of a request that must succeed, whose order keeps the equations.
///
/// # Panics
/// It is refused.
#[track_caller]
pub fn granted(answer: Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.json());
    let told = answer.json();
    if told["fulfilments"].is_array() {
        holds(&told);
    }
    told
}

/// Checks a refusal.
///
/// # Panics
/// It is another one.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, slug: &str) -> Value {
    assert_eq!((answer.status, answer.slug().as_str()), (status, slug), "{}", answer.json());
    answer.json()
}

/// An order as it is read.
///
/// # Panics
/// There is none.
#[track_caller]
pub fn order(client: &mut Client, id: &str) -> Value {
    let told = get(client, &format!("/v1/orders/{id}"));
    let names = told["returns"].as_array().unwrap().clone();
    let returns = names.iter().map(|name| get(client, &format!("/v1/returns/{}", name.as_str().unwrap())));
    holds_with(&told, &returns.collect::<Vec<_>>());
    told
}

/// Each order keeps these equations at every `seq`; those of its money, where its returns are not known, only while there
/// are none.
///
/// # Panics
/// One does not hold.
#[track_caller]
pub fn holds(order: &Value) {
    holds_with(order, &[]);
}

/// The same for an order with its returns.
///
/// # Panics
/// One does not hold.
#[track_caller]
pub fn holds_with(order: &Value, returns: &[Value]) {
    let number = |item: &Value, name: &str| item[name].as_i64().unwrap_or_else(|| panic!("{name} in {item}"));
    let list = |name: &str| order[name].as_array().unwrap().clone();
    let sum = |items: &[Value], name: &str| items.iter().map(|item| number(item, name)).sum::<i64>();
    let (lines, charges) = (list("lines"), list("charges"));
    assert_eq!(number(order, "subtotal") - number(order, "discount"), sum(&lines, "amount"), "{order}");
    let left = |items: &[Value]| sum(items, "amount") - sum(items, "cancelled_amount");
    assert_eq!(number(order, "total"), left(&lines) + left(&charges), "{order}");
    let in_state = |name: &str, states: &[&str]| {
        let items = list(name);
        let counted = items.iter().filter(|item| states.contains(&item["state"].as_str().unwrap()));
        counted.map(|item| number(item, "amount")).sum::<i64>()
    };
    if list("returns").len() == returns.len() {
        let of_return = |back: &Value| {
            let refunds = back["refunds"].as_array().unwrap().clone();
            let counting = refunds.iter().filter(|one| one["state"] != "failed");
            counting.map(|one| number(one, "amount")).sum::<i64>()
        };
        let unreferenced = |back: &Value| {
            let lines = back["lines"].as_array().unwrap().clone();
            lines
                .iter()
                .filter(|line| line["unreferenced"] == true)
                .map(|line| number(line, "refund_amount"))
                .sum::<i64>()
        };
        let refunds = in_state("refunds", &["pending", "done"]) + returns.iter().map(of_return).sum::<i64>();
        let (paid, refunded) = (in_state("payments", &["captured"]), refunds);
        assert_eq!((number(order, "paid"), number(order, "refunded")), (paid, refunded), "{order}");
        let back: i64 = returns.iter().map(|back| number(back, "value") - unreferenced(back)).sum();
        let owed = number(order, "total") - back;
        assert_eq!(number(order, "due"), (owed - paid + refunded).max(0), "{order}");
        assert_eq!(number(order, "refund_due"), (paid - refunded - owed).max(0), "{order}");
    }
    for line in &lines {
        let (quantity, amount) = (number(line, "quantity"), number(line, "amount"));
        let worth = |units: i64| amount * units / quantity;
        let (handed, cancelled, returned) =
            (number(line, "handed_over"), number(line, "cancelled"), number(line, "returned"));
        assert!(handed + cancelled <= quantity && returned <= handed, "{line}");
        assert_eq!(number(line, "cancelled_amount"), amount - worth(quantity - cancelled), "{line}");
        assert_eq!(number(line, "brought_back"), worth(returned) + number(line, "cancelled_amount"), "{line}");
        assert_eq!(amount, number(line, "unit_amount") * quantity - number(line, "discount"), "{line}");
    }
    let taxes = list("taxes");
    assert_eq!(number(order, "tax"), sum(&taxes, "tax"), "{order}");
    assert_eq!(sum(&taxes, "base") + sum(&taxes, "tax"), number(order, "total"), "{order}");
    for tax in &taxes {
        let (rate, all) = (number(tax, "rate"), number(tax, "base") + number(tax, "tax"));
        let whole = 10_000 + rate;
        assert_eq!(number(tax, "tax"), (2 * all * rate + whole) / (2 * whole), "{tax}");
    }
}

/// One fulfilment of an order.
pub fn fulfilment(purpose: &str, location: &str, lines: &[(&str, i64)]) -> Value {
    let lines: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    json!({"purpose": purpose, "location": location, "lines": lines})
}

/// An order of one pickup.
pub fn pickup(id: &str, lines: &[(&str, i64)]) -> Value {
    json!({"order": id, "channel": "web", "currency": "EUR", "fulfilments": [fulfilment("pickup", "s1", lines)]})
}

/// A body with more members.
///
/// # Panics
/// One of both is no object.
pub fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A sale at a till.
pub fn sale(id: &str, lines: &[(&str, i64)], cash: i64) -> Value {
    let lines: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    json!({"order": id, "channel": "pos", "location": "s1", "till": "7", "currency": "EUR", "lines": lines,
        "payments": [{"tender": "cash", "amount": cash}]})
}

/// The number of the latest record.
///
/// # Panics
/// The answer has none.
pub fn seq(client: &mut Client) -> u64 {
    get(client, "/v1/info")["seq"].as_u64().unwrap()
}
