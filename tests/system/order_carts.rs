//! Orders and sales that come from carts.

use std::sync::Barrier;

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::verify;
use anaquel_tests::binary;
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{declare, granted, order, post, refused, sale, selling_shop, set_prices, with};
use serde_json::{Value, json};

/// A cart of the web with lines.
fn cart(client: &mut Client, id: &str, lines: &[(&str, i64)]) -> Value {
    let lines: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    let body = json!({"cart": id, "channel": "web", "currency": "EUR", "lines": lines});
    let made = client.post("/v1/carts", &body).unwrap();
    assert_eq!(made.status, 201, "{}", made.json());
    made.json()
}

/// An order whose one fulfilment gets the lines of a cart.
fn from_cart(id: &str, cart: &str) -> Value {
    json!({"order": id, "channel": "contact-centre", "currency": "EUR", "cart": cart,
        "fulfilments": [{"purpose": "pickup", "location": "s1"}]})
}

#[test]
fn the_lines_of_a_cart_go_into_the_one_fulfilment_that_has_none() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    cart(client, "k-1", &[("A", 2), ("B", 1)]);
    let body = with(from_cart("W-1", "k-1"), &json!({"expected_total": 2250}));
    let told = granted(client.post("/v1/orders", &body).unwrap(), 201);
    assert_eq!(
        (&told["cart"], &told["begun_in"], &told["channel"]),
        (&json!("k-1"), &json!("web"), &json!("contact-centre"))
    );
    let lines: Vec<(&Value, &Value)> =
        told["lines"].as_array().unwrap().iter().map(|line| (&line["sku"], &line["quantity"])).collect();
    assert_eq!(lines, [(&json!("A"), &json!(2)), (&json!("B"), &json!(1))]);
    assert_eq!(get(client, "/v1/carts/k-1")["state"], "ordered");
    // The same again is the same order; another one does not take the cart twice.
    assert_eq!(granted(client.post("/v1/orders", &body).unwrap(), 200), told);
    refused(&client.post("/v1/orders", &from_cart("W-2", "k-1")).unwrap(), 409, "wrong-state");
    // Where a fulfilment has lines of its own, the cart only tells where the order comes from.
    cart(client, "k-2", &[("C", 9)]);
    let own = with(
        from_cart("W-3", "k-2"),
        &json!({"fulfilments": [{"purpose": "pickup", "location": "s1", "lines": [{"sku": "A", "quantity": 1}]}]}),
    );
    let told = granted(client.post("/v1/orders", &own).unwrap(), 201);
    assert_eq!((told["lines"].as_array().unwrap().len(), &told["cart"]), (1, &json!("k-2")));
    assert_eq!(get(client, "/v1/carts/k-2")["state"], "ordered");
    let two = json!([{"purpose": "pickup", "location": "s1"}, {"purpose": "pickup", "location": "s2"}]);
    cart(client, "k-3", &[("A", 1)]);
    let answer = client.post("/v1/orders", &with(from_cart("W-4", "k-3"), &json!({"fulfilments": two}))).unwrap();
    assert_eq!(refused(&answer, 400, "invalid-request")["field"], "fulfilments[1].lines");
    let pounds = with(from_cart("W-4", "k-3"), &json!({"currency": "GBP"}));
    assert_eq!(refused(&client.post("/v1/orders", &pounds).unwrap(), 400, "invalid-request")["field"], "currency");
}

#[test]
fn an_order_takes_over_what_its_cart_held() {
    let mut shop = selling_shop(&[]);
    cart(&mut shop.client, "k-1", &[("A", 9)]);
    let hold = json!({"channel": "web", "purpose": "pickup", "location": "s1", "ttl_seconds": 900});
    assert_eq!(shop.client.post("/v1/carts/k-1/hold", &hold).unwrap().status, 200);
    assert_eq!(shop.cell("A", "s1"), (10, 9, 1));
    // What the cart holds is its own, for a trial and for what would succeed.
    let trial = with(from_cart("W-1", "k-1"), &json!({"dry_run": true}));
    assert_eq!(granted(shop.client.post("/v1/orders", &trial).unwrap(), 200)["total"], 9000);
    for asked in [json!({"dry_run": true}), json!({})] {
        let mut more = with(from_cart("W-1", "k-1"), &asked);
        more["fulfilments"][0]["lines"] = json!([{"line": "A", "sku": "A", "quantity": 12}]);
        let short = refused(&shop.client.post("/v1/orders", &more).unwrap(), 409, "insufficient-stock");
        assert_eq!(
            (&short["lines"][0]["available"], &short["lines"][0]["would_succeed"]["quantity"]),
            (&json!(10), &json!(10))
        );
    }
    granted(shop.client.post("/v1/orders", &from_cart("W-1", "k-1")).unwrap(), 201);
    assert_eq!(shop.cell("A", "s1"), (10, 9, 1), "never free in between, never held twice");
    // Of a sale, units that its cart holds are taken from those holds, and what else it held is given back.
    cart(&mut shop.client, "k-2", &[("B", 4)]);
    assert_eq!(shop.client.post("/v1/carts/k-2/hold", &hold).unwrap().status, 200);
    let sold = with(sale("T-1", &[("B", 3)], 750), &json!({"cart": "k-2"}));
    granted(shop.client.post("/v1/sales", &sold).unwrap(), 201);
    assert_eq!(shop.cell("B", "s1"), (7, 0, 7));
    assert_eq!(get(&mut shop.client, "/v1/carts/k-2")["state"], "ordered");
    // Without lines of its own, the lines of the cart are sold.
    cart(&mut shop.client, "k-3", &[("C", 2)]);
    let mut sold = with(sale("T-2", &[], 220), &json!({"cart": "k-3"}));
    sold.as_object_mut().unwrap().remove("lines");
    assert_eq!(granted(shop.client.post("/v1/sales", &sold).unwrap(), 201)["lines"][0]["sku"], "C");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn a_cart_that_changed_since_it_was_seen_is_stale() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let seen = cart(client, "k-1", &[("A", 1)])["version"].clone();
    put(client, "/v1/carts/k-1/lines", &json!({"channel": "web", "lines": [{"sku": "A", "quantity": 2}]}));
    let stale = with(from_cart("W-1", "k-1"), &json!({"cart_version": seen}));
    refused(&client.post("/v1/orders", &stale).unwrap(), 412, "stale-version");
    let stale = with(sale("T-1", &[("A", 1)], 1000), &json!({"cart": "k-1", "cart_version": seen}));
    refused(&client.post("/v1/sales", &stale).unwrap(), 412, "stale-version");
    let now = get(client, "/v1/carts/k-1")["version"].clone();
    // A price that changed since the cart was seen is told by the total.
    set_prices(client, &[("A", 1100)]);
    let body = with(from_cart("W-1", "k-1"), &json!({"cart_version": now, "expected_total": 2000}));
    assert_eq!(refused(&client.post("/v1/orders", &body).unwrap(), 409, "price-mismatch")["total"], 2200);
    assert_eq!(get(client, "/v1/carts/k-1")["state"], "open", "a refusal leaves it as it was");
    granted(client.post("/v1/orders", &with(body, &json!({"expected_total": 2200}))).unwrap(), 201);
}

#[test]
fn one_of_two_orders_from_a_cart_at_once_gets_it() {
    let mut shop = selling_shop(&[]);
    for nth in 0..15 {
        let id = format!("k-{nth}");
        cart(&mut shop.client, &id, &[("A", 1)]);
        let start = Barrier::new(2);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let both: Vec<_> = (0..2)
                .map(|of| {
                    let (start, mut client, body) =
                        (&start, shop.server.client(), from_cart(&format!("W-{nth}-{of}"), &id));
                    scope.spawn(move || {
                        start.wait();
                        client.post("/v1/orders", &body).unwrap().status
                    })
                })
                .collect();
            both.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let mut sorted = statuses.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [201, 409], "{nth}");
        let held = shop.cell("A", "s1");
        let made = if statuses[0] == 201 { 0 } else { 1 };
        let id = format!("W-{nth}-{made}");
        assert_eq!(order(&mut shop.client, &id)["state"], "open");
        granted(post(&mut shop.client, &format!("/v1/orders/{id}/cancel"), &json!({"channel": "web"})), 200);
        assert_eq!(held, (10, 1, 9));
    }
}

#[test]
fn a_key_of_another_channel_names_the_token_or_the_customer() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let till = house.key("till", &["sell"], &["--channel", "pos"]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut own = server.client().with_key(&admin);
    declare(&mut own);
    let receipt = json!({"movements": [{"kind": "receipt", "sku": "A", "location": "s1", "quantity": 10}]});
    assert_eq!(own.post("/v1/stock/movements", &receipt).unwrap().status, 200);
    let token = cart(&mut own, "k-1", &[("A", 1)])["token"].clone();
    let mut theirs = cart(&mut own, "k-2", &[("A", 1)]);
    theirs =
        put(&mut own, &format!("/v1/carts/{}/customer", theirs["cart"].as_str().unwrap()), &json!({"customer": "c-1"}));
    assert_eq!(theirs["customer"], "c-1");
    let mine = |id: &str, cart: &str, more: Value| with(with(from_cart(id, cart), &json!({"channel": "pos"})), &more);
    refused(&ask(&mut client, &till, "POST", "/v1/orders", &mine("W-1", "k-1", json!({}))), 404, "not-found");
    let wrong = json!({"token": "0".repeat(32)});
    refused(&ask(&mut client, &till, "POST", "/v1/orders", &mine("W-1", "k-1", wrong)), 404, "not-found");
    granted(ask(&mut client, &till, "POST", "/v1/orders", &mine("W-1", "k-1", json!({"token": token}))), 201);
    refused(
        &ask(&mut client, &till, "POST", "/v1/orders", &mine("W-2", "k-2", json!({"customer": "c-2"}))),
        404,
        "not-found",
    );
    let told =
        granted(ask(&mut client, &till, "POST", "/v1/orders", &mine("W-2", "k-2", json!({"customer": "c-1"}))), 201);
    assert_eq!((&told["customer"], &told["channel"], &told["begun_in"]), (&json!("c-1"), &json!("pos"), &json!("web")));
}
