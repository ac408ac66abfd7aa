//! Pages of a web shop: a cart and an order of one's own, by their tokens alone; and the feed that a till keeps a copy of.

use std::collections::BTreeMap;

use anaquel_loadtest::client::{Answer, Client};
use anaquel_tests::calls::put;
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{granted, key, post, refused, selling_shop, set_prices};
use serde_json::{Value, json};

fn keyed(client: &mut Client, caller: &str, path: &str, body: &Value) -> Answer {
    let (bearer, idempotency) = (format!("Bearer {caller}"), key());
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", idempotency.as_str()),
    ];
    client.send("POST", path, &headers, body.to_string().as_bytes()).unwrap()
}

#[test]
fn a_page_gets_at_its_own_and_at_nothing_else() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let page = house.key("page", &["shop"], &["--channel", "web"]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut call = |method: &str, path: &str, body: Value| {
        let answer = ask(&mut client, &admin, method, path, &body);
        assert!(answer.status < 300, "{path}: {}", answer.json());
    };
    for channel in ["web", "pos"] {
        call("PUT", &format!("/v1/channels/{channel}"), json!({}));
    }
    call("PUT", "/v1/locations/s1", json!({"pickup": true}));
    call("PUT", "/v1/skus/A", json!({}));
    call("PUT", "/v1/prices", json!({"prices": [{"sku": "A", "currency": "EUR", "amount": 100}]}));
    let row = json!({"kind": "receipt", "sku": "A", "location": "s1", "quantity": 9});
    call("POST", "/v1/stock/movements", json!({"movements": [row]}));

    let lines = json!([{"sku": "A", "quantity": 2}]);
    let cart = granted(
        keyed(&mut client, &page, "/v1/carts", &json!({"channel": "web", "currency": "EUR", "lines": lines})),
        201,
    );
    let other = granted(
        keyed(&mut client, &page, "/v1/carts", &json!({"channel": "web", "currency": "EUR", "lines": lines})),
        201,
    );
    let (id, token) = (cart["cart"].as_str().unwrap(), cart["token"].clone());
    let mut put_lines = |token: &Value| {
        let body = json!({"channel": "web", "token": token, "lines": [{"sku": "A", "quantity": 3}]});
        ask(&mut client, &page, "PUT", &format!("/v1/carts/{id}/lines"), &body).status
    };
    assert_eq!((put_lines(&Value::Null), put_lines(&other["token"]), put_lines(&token)), (404, 404, 200));
    let refusal =
        keyed(&mut client, &page, "/v1/carts", &json!({"channel": "web", "currency": "EUR", "customer": "c-1"}));
    assert_eq!(refused(&refusal, 403, "forbidden")["field"], "customer");
    for path in [format!("/v1/carts/{id}"), "/v1/orders".to_owned(), "/v1/orders/x".to_owned()] {
        assert_eq!(ask(&mut client, &page, "GET", &path, &Value::Null).status, 403, "{path}");
    }

    let order = |more: Value| {
        let mut body = json!({"channel": "web", "currency": "EUR", "cart": id, "token": token,
            "fulfilments": [{"fulfilment": "f", "purpose": "pickup", "location": "s1", "lines": []}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let paid = json!([{"tender": "card", "amount": 300, "state": "captured"}]);
    for (field, value) in [
        ("token", Value::Null),
        ("customer", json!("c-1")),
        ("payments", paid.clone()),
        ("confirm", json!(true)),
        ("receipt", json!({})),
        ("pay_at_handover", json!(true)),
    ] {
        let mut more = json!({});
        more[field] = value;
        let told = refused(&keyed(&mut client, &page, "/v1/orders", &order(more)), 403, "forbidden");
        assert_eq!(told["field"], field, "{told}");
    }
    let wrong = order(json!({"token": other["token"]}));
    refused(&keyed(&mut client, &page, "/v1/orders", &wrong), 404, "not-found");
    let made = granted(keyed(&mut client, &page, "/v1/orders", &order(json!({"expected_total": 300}))), 201);
    assert_eq!((&made["state"], &made["due"]), (&json!("open"), &json!(300)));
    let token = made["token"].as_str().unwrap();
    let name = made["order"].as_str().unwrap();

    // A server of the shop's tells the payment; the page sees it by the token, and so does any till.
    let confirm = json!({"channel": "web", "payments": paid});
    granted(keyed(&mut client, &admin, &format!("/v1/orders/{name}/confirm"), &confirm), 200);
    for caller in [&page, &admin] {
        let told = ask(&mut client, caller, "POST", "/v1/orders/find", &json!({"token": token}));
        assert_eq!(granted(told, 200)["state"], "confirmed");
    }
    let part = made["fulfilments"][0]["reservation"].as_str().unwrap().replacen("r-", "o-", 1);
    for wrong in ["", "o-", "x", part.as_str(), &token[..token.len() - 1]] {
        let told = ask(&mut client, &page, "POST", "/v1/orders/find", &json!({"token": wrong}));
        assert_eq!(told.status, 404, "{wrong}");
    }
    let list = ask(&mut client, &admin, "GET", "/v1/orders", &Value::Null).json();
    assert_eq!(list["items"][0]["token"], Value::Null, "in no list");
    let events = ask(&mut client, &admin, "GET", "/v1/events?limit=1000", &Value::Null);
    assert!(!String::from_utf8(events.body).unwrap().contains(token), "and in no event");
    let told = ask(&mut client, &admin, "GET", &format!("/v1/orders/{name}"), &Value::Null).json();
    assert_eq!(told["token"], token);
}

/// A copy of the feed, as a till keeps it.
#[derive(Default)]
struct Copy {
    rows: BTreeMap<String, Value>,
    cursor: Option<String>,
}

impl Copy {
    /// Reads what changed; returns whether that was everything, and how many rows came.
    fn read(&mut self, client: &mut Client, location: &str) -> (bool, usize) {
        let since = self.cursor.as_ref().map(|cursor| format!("&since={cursor}")).unwrap_or_default();
        let answer =
            client.get(&format!("/v1/feeds/till?location={location}&channel=pos&currency=EUR{since}")).unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let is_whole = answer.header("anaquel-whole") == Some("true");
        if is_whole {
            self.rows.clear();
        }
        self.cursor = answer.header("anaquel-cursor").map(str::to_owned);
        let text = String::from_utf8(answer.body).unwrap();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let sku = row["sku"].as_str().unwrap().to_owned();
            match row.get("removed") {
                Some(_) => drop(self.rows.remove(&sku)),
                None => drop(self.rows.insert(sku, row)),
            }
        }
        (is_whole, text.lines().count())
    }
}

#[test]
fn a_snapshot_with_its_deltas_is_the_snapshot_of_now() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    put(client, "/v1/skus/A", &json!({"gtin": "4006381333931", "name": "Shirt"}));
    let mut copy = Copy::default();
    assert_eq!(copy.read(client, "s1"), (true, 4));
    let shirt = copy.rows["A"].clone();
    assert_eq!(
        (&shirt["amount"], &shirt["available"], &shirt["gtin"]),
        (&json!(1000), &json!(10), &json!("4006381333931"))
    );
    assert_eq!((&copy.rows["C"]["tax_rate"], &copy.rows["UNPRICED"]["amount"]), (&json!(1000), &Value::Null));
    assert_eq!(copy.read(client, "s1"), (false, 0), "nothing changed");
    let same = |client: &mut Client, copy: &Copy| {
        let mut fresh = Copy::default();
        fresh.read(client, "s1");
        assert_eq!(fresh.rows, copy.rows);
    };
    set_prices(client, &[("B", 275)]);
    shop.receive("C", "s1", 5);
    shop.receive("A", "s2", 5);
    let client = &mut shop.client;
    assert_eq!(copy.read(client, "s1"), (false, 2), "what moves at another location is none of its rows");
    same(client, &copy);
    put(client, "/v1/skus/NEW", &json!({"name": "New"}));
    assert_eq!(client.delete("/v1/skus/UNPRICED").unwrap().status, 200);
    assert_eq!(copy.read(client, "s1"), (false, 2));
    same(client, &copy);
    // What values all rows makes it read all of them.
    put(client, "/v1/price-lists/sale", &json!({"currency": "EUR", "kind": "sale", "priority": 5}));
    put(client, "/v1/prices", &json!({"prices": [{"price_list": "sale", "sku": "A", "amount": 800}]}));
    assert!(copy.read(client, "s1").0);
    assert_eq!(copy.rows["A"]["amount"], 800);
    same(client, &copy);
    // A cursor is good after a restart, for this till alone.
    let cursor = copy.cursor.clone().unwrap();
    let mut shop = shop.killed_and_restarted();
    let client = &mut shop.client;
    assert_eq!(copy.read(client, "s1"), (false, 0));
    let other = client.get(&format!("/v1/feeds/till?location=s2&channel=pos&currency=EUR&since={cursor}")).unwrap();
    assert_eq!(refused(&other, 400, "invalid-request")["field"], "since");
    let epoch = format!("{}{}", &cursor[..2], "00000000000000ff") + &cursor[18..];
    let other = client.get(&format!("/v1/feeds/till?location=s1&channel=pos&currency=EUR&since={epoch}")).unwrap();
    refused(&other, 410, "gone");
    for missing in ["location=s1&channel=pos", "location=s1&currency=EUR", "channel=pos&currency=EUR"] {
        refused(&client.get(&format!("/v1/feeds/till?{missing}")).unwrap(), 400, "invalid-request");
    }
    let sale = json!({"channel": "pos", "location": "s1", "currency": "EUR", "lines": [{"sku": "A", "quantity": 1}],
        "payments": [{"tender": "cash", "amount": 800}]});
    granted(post(client, "/v1/sales", &sale), 201);
    assert_eq!(copy.read(client, "s1"), (false, 1));
    same(client, &copy);
}
