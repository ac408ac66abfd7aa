//! Sales of tills: priced before they are made, told from offline within two minutes, receipted without naming a series.

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::verify;
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{granted, post, refused, selling_shop, set_prices};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

fn sale(more: Value) -> Value {
    let mut body = json!({"channel": "pos", "location": "s1", "till": "1", "currency": "EUR",
        "lines": [{"line": "1", "sku": "A", "quantity": 2}], "payments": [{"tender": "cash", "amount": 2000}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn receipts(client: &mut Client, series: &[(&str, Value)]) {
    let issuer = json!({"tax_id": "B12345678", "name": "Moda S.L.", "address": "Calle Mayor 1", "country": "ES", "timezone": "Europe/Madrid"});
    put(client, "/v1/issuers/es", &issuer);
    for (name, more) in series {
        let mut body = json!({"issuer": "es", "kind": "receipt", "prefix": format!("{name}-")});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        put(client, &format!("/v1/series/{name}"), &body);
    }
}

#[test]
fn a_sale_is_priced_before_it_is_made() {
    let mut shop = selling_shop(&[]);
    let seq = shop.seq();
    let client = &mut shop.client;
    let told = granted(post(client, "/v1/sales", &sale(json!({"dry_run": true, "payments": []}))), 200);
    assert_eq!((&told["total"], &told["due"], &told["order"]), (&json!(2000), &json!(2000), &Value::Null), "{told}");
    assert_eq!((&told["dry_run"], &told["lines"][0]["unit_amount"]), (&json!(true), &json!(1000)));
    let wrong = post(client, "/v1/sales", &sale(json!({"dry_run": true, "expected_total": 1999})));
    assert_eq!(refused(&wrong, 409, "price-mismatch")["total"], 2000);
    let unpriced = sale(json!({"dry_run": true, "lines": [{"sku": "UNPRICED", "quantity": 1}]}));
    refused(&post(client, "/v1/sales", &unpriced), 409, "price-mismatch");
    assert_eq!(shop.seq(), seq, "nothing was written");
    let client = &mut shop.client;
    // The price changes between the screen and the sale.
    set_prices(client, &[("A", 1200)]);
    let body = sale(json!({"order": "T-1", "expected_total": 2000, "payments": [{"tender": "cash", "amount": 2400}]}));
    let told = refused(&post(client, "/v1/sales", &body), 409, "price-mismatch");
    assert_eq!((&told["total"], &told["lines"][0]["actual"]), (&json!(2400), &json!(1200)), "{told}");
    assert_eq!(client.get("/v1/orders/T-1").unwrap().status, 404);
    let body = sale(json!({"order": "T-1", "expected_total": 2400, "payments": [{"tender": "cash", "amount": 2400}]}));
    assert_eq!(granted(post(client, "/v1/sales", &body), 201)["total"], 2400);
}

/// A till that was offline a moment ago is believed like one that was for days: with `offline` and the scope `stock`.
#[test]
fn a_till_that_was_offline_for_a_moment_keeps_its_prices() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let till = house.key("till", &["sell", "stock"], &[]);
    let web = house.key("web", &["sell"], &[]);
    let server = house.serve(&[]);
    let mut client = server.client();
    for path in ["/v1/locations/s1", "/v1/skus/A"] {
        assert_eq!(ask(&mut client, &admin, "PUT", path, &json!({})).status, 200);
    }
    let prices = json!({"prices": [{"sku": "A", "currency": "EUR", "amount": 1000}]});
    assert_eq!(ask(&mut client, &admin, "PUT", "/v1/prices", &prices).status, 200);
    let now = ask(&mut client, &admin, "GET", "/v1/info", &Value::Null).json()["clock"]["log_time"].clone();
    let body = |id: &str, more: Value| {
        let lines = json!([{"line": "1", "sku": "A", "quantity": 2, "unit_amount": 900}]);
        let mut body = sale(json!({"order": id, "lines": lines, "payments": [{"tender": "cash", "amount": 1700}]}));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let mut sell = |key: &str, body: &Value| ask(&mut client, key, "POST", "/v1/sales", body);
    let soon = sell(&till, &body("T-1", json!({"occurred_at": now})));
    assert_eq!(refused(&soon, 403, "forbidden")["scope"], "refund", "within two minutes it is now");
    let body_of_2 = body("T-2", json!({"occurred_at": now, "offline": true}));
    let told = granted(sell(&till, &body_of_2), 201);
    assert_eq!((&told["lines"][0]["price_differs"], &told["flags"]), (&json!(true), &json!(["unbalanced"])), "{told}");
    assert_eq!(granted(sell(&till, &body_of_2), 200)["order"], "T-2", "told twice, sold once");
    let refusal = sell(&web, &body("T-3", json!({"occurred_at": now, "offline": true})));
    assert_eq!(refused(&refusal, 403, "forbidden")["scope"], "stock");
    let refusal = sell(&till, &body("T-3", json!({"offline": true})));
    assert_eq!(refused(&refusal, 400, "invalid-request")["field"], "occurred_at");
}

#[test]
fn a_receipt_finds_its_series() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let mut nth = 0;
    let mut sell = |client: &mut Client, more: Value| {
        nth += 1;
        let mut body = sale(more);
        body["order"] = json!(format!("T-{nth}"));
        post(client, "/v1/sales", &body)
    };
    let told = refused(&sell(client, json!({"receipt": {}})), 400, "invalid-request");
    assert_eq!(told["field"], "receipt.series");
    receipts(
        client,
        &[
            ("ALL", json!({})),
            ("POS", json!({"channels": ["pos"]})),
            ("S2", json!({"locations": ["s2"]})),
            ("OLD", json!({"channels": ["pos"], "locations": ["s1"], "closed": true})),
            ("INV", json!({"kind": "invoice"})),
            ("NOTE", json!({"kind": "credit_note"})),
        ],
    );
    let series = |answer| granted(answer, 201)["receipts"][0].as_str().unwrap().split(':').next().unwrap().to_owned();
    let recipient = json!({"tax_id": "1", "name": "Ana", "address": "Calle 1", "postcode": "28001", "country": "ES"});
    assert_eq!(series(sell(client, json!({"receipt": {}}))), "POS");
    assert_eq!(series(sell(client, json!({"receipt": {}, "location": "s2"}))), "S2");
    assert_eq!(series(sell(client, json!({"receipt": {}, "channel": "web"}))), "ALL");
    assert_eq!(series(sell(client, json!({"receipt": {"recipient": recipient}}))), "INV");
    assert_eq!(series(sell(client, json!({"receipt": {"series": "ALL"}}))), "ALL");
    // Two that fit equally well: the till must say which.
    receipts(client, &[("POS2", json!({"channels": ["pos"]}))]);
    assert_eq!(refused(&sell(client, json!({"receipt": {}})), 400, "invalid-request")["field"], "receipt.series");
    // What comes back has a credit note.
    let back = json!({"return": "R-1", "channel": "pos", "location": "s1", "order": "T-2", "receipt": {},
        "lines": [{"line": "1", "quantity": 1, "condition": "sellable"}]});
    let told = granted(post(client, "/v1/returns", &back), 201);
    assert_eq!(told["receipts"], json!(["NOTE:1"]), "{told}");
    let order = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true, "receipt": {},
        "payments": [{"payment": "p", "tender": "card", "amount": 1000, "state": "captured"}],
        "fulfilments": [{"purpose": "delivery", "location": "s1", "lines": [{"line": "1", "sku": "A", "quantity": 1}]}]});
    assert_eq!(granted(post(client, "/v1/orders", &order), 201)["receipts"][0], "ALL:3");
    let told = granted(post(client, "/v1/orders/W-1/cancel", &json!({"channel": "web", "receipt": {}})), 200);
    assert_eq!(told["receipts"][1], "NOTE:2", "{told}");
}

#[test]
fn the_key_of_a_provisional_receipt_is_the_tills() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    receipts(client, &[("T", json!({}))]);
    let key = "00112233445566778899aabbccddeeff";
    let body = |id: &str, key: &str| sale(json!({"order": id, "receipt": {"key": key}}));
    let sold = granted(post(client, "/v1/sales", &body("T-1", key)), 201);
    let told = get(client, &format!("/v1/receipts/{}", sold["receipts"][0].as_str().unwrap()));
    assert_eq!(told["key"], key);
    assert_eq!(client.get(&format!("/r/{key}")).unwrap().status, 200);
    // The same sale again is the same; another one cannot take the key.
    assert_eq!(granted(post(client, "/v1/sales", &body("T-1", key)), 200)["receipts"], sold["receipts"]);
    refused(&post(client, "/v1/sales", &body("T-2", key)), 409, "already-exists");
    for wrong in ["", "0011", "00112233445566778899AABBCCDDEEFF", "zz112233445566778899aabbccddeeff"] {
        let told = refused(&post(client, "/v1/sales", &body("T-3", wrong)), 400, "invalid-request");
        assert_eq!(told["field"], "receipt.key", "{wrong}");
    }
    assert_eq!(get(client, "/v1/series/T")["next"], 2, "no refusal uses a number up");
    let shop: Shop = shop.killed_and_restarted();
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}
