//! What a scanned code is: one request for every kind of thing, and of what waits elsewhere only where.

use anaquel_tests::calls::put;
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{granted, post, refused, selling_shop};
use serde_json::{Value, json};

const PAGE: &str = "https://www2.agenciatributaria.gob.es/wlpl/TIKE-CONT/ValidarQR";

#[test]
fn every_kind_of_thing_is_found_by_its_codes() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    put(client, "/v1/skus/A", &json!({"gtin": "4006381333931", "name": "Shirt"}));
    put(
        client,
        "/v1/issuers/es",
        &json!({"tax_id": "B12345678", "name": "Moda S.L.", "address": "Calle Mayor 1", "country": "ES", "timezone": "Europe/Madrid"}),
    );
    put(client, "/v1/series/T27", &json!({"issuer": "es", "kind": "receipt", "prefix": "T-", "digits": 4}));
    let mut find = |code: &str, location: &str| {
        let body = json!({"code": code, "location": location, "channel": "pos", "currency": "EUR"});
        client.post("/v1/find", &body).unwrap()
    };
    for code in ["A", "4006381333931", " 04006381333931\n"] {
        let told = granted(find(code, "s1"), 200);
        assert_eq!(
            (&told["kind"], &told["id"], &told["record"]["name"]),
            (&json!("sku"), &json!("A"), &json!("Shirt"))
        );
        assert_eq!(
            (&told["record"]["price"]["amount"], &told["record"]["cell"]["available"]),
            (&json!(1000), &json!(10))
        );
        assert!(told["seq"].is_u64());
    }
    let told = granted(find("UNPRICED", "s3"), 200);
    assert_eq!((&told["record"]["price"], &told["record"]["cell"]), (&Value::Null, &Value::Null));
    let told = refused(&find("nobody knows", "s1"), 404, "not-found");
    assert_eq!(told["field"], "code");

    let client = &mut shop.client;
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
        "fulfilments": [{"fulfilment": "f", "purpose": "pickup", "location": "s1", "lines": [{"sku": "A", "quantity": 1}]}]});
    granted(post(client, "/v1/orders", &body), 201);
    let ready = granted(post(client, "/v1/orders/W-1/fulfilments/f/ready", &json!({})), 200);
    let code = ready["fulfilments"][0]["pickup_code"].as_str().unwrap().to_owned();
    let sale = json!({"order": "P-1", "channel": "pos", "location": "s1", "currency": "EUR", "receipt": {"series": "T27"},
        "lines": [{"sku": "B", "quantity": 1}], "payments": [{"tender": "cash", "amount": 250}]});
    let sold = granted(post(client, "/v1/sales", &sale), 201);
    let receipt = client.get(&format!("/v1/receipts/{}", sold["receipts"][0].as_str().unwrap())).unwrap().json();
    let transfer = json!({"transfer": "T-1", "from": "s1", "to": "s2", "reason": "rebalance", "lines": [{"sku": "A", "quantity": 1}]});
    granted(post(client, "/v1/transfers", &transfer), 201);
    let back = json!({"return": "R-1", "channel": "web", "order": "P-1", "announced": true, "lines": [{"sku": "B", "quantity": 1}]});
    granted(post(client, "/v1/returns", &back), 201);
    let key = receipt["key"].as_str().unwrap();
    let number = receipt["number"].as_str().unwrap();
    let page = format!("{PAGE}?nif=B12345678&numserie={number}&fecha=01-01-2027&importe=2.50");
    let other = format!("{PAGE}?nif=B99999999&numserie={number}&fecha=01-01-2027&importe=2.50");
    let mut find = |code: &str, location: &str| {
        let body = json!({"code": code, "location": location, "channel": "pos"});
        client.post("/v1/find", &body).unwrap()
    };
    for (code, kind, id) in [
        (code.as_str(), "order", "W-1"),
        (&code.to_ascii_lowercase(), "order", "W-1"),
        ("W-1", "order", "W-1"),
        ("P-1", "order", "P-1"),
        (key, "receipt", "T27:1"),
        (&format!("https://shop.example/r/{key}"), "receipt", "T27:1"),
        ("T27:1", "receipt", "T27:1"),
        (number, "receipt", "T27:1"),
        (&page, "receipt", "T27:1"),
        ("R-1", "return", "R-1"),
        ("T-1", "transfer", "T-1"),
    ] {
        let told = granted(find(code, "s1"), 200);
        assert_eq!((&told["kind"], &told["id"]), (&json!(kind), &json!(id)), "{code}: {told}");
        let name = if kind == "transfer" || kind == "return" || kind == "order" { kind } else { "receipt" };
        assert_eq!(told["record"][name], id);
    }
    assert_eq!(granted(find(&code, "s1"), 200)["fulfilment"], "f");
    refused(&find(&other, "s1"), 404, "not-found");
    // It waits elsewhere: only where is told.
    let told = granted(find(&code, "s2"), 200);
    assert_eq!((&told["kind"], &told["id"], &told["of"]), (&json!("location"), &json!("s1"), &json!("reservation")));
    assert_eq!(told["record"]["location"], "s1");
    // Which kinds, and in which order, is the caller's to say: a SKU may be named like an order.
    put(client, "/v1/skus/W-1", &json!({}));
    let mut kinds = |kinds: Value| client.post("/v1/find", &json!({"code": "W-1", "kinds": kinds})).unwrap();
    assert_eq!(kinds(json!(["order", "sku"])).json()["kind"], "order");
    assert_eq!(kinds(json!(["sku"])).json()["kind"], "sku");
    refused(&kinds(json!(["receipt"])), 404, "not-found");
    for (wrong, field) in [
        (json!({"code": ""}), "code"),
        (json!({"code": "A", "kinds": ["cart"]}), "kinds[0]"),
        (json!({"code": "A", "kinds": []}), "kinds"),
        (json!({"code": "A", "currency": "EUR"}), "channel"),
        (json!({"code": "A", "group": "city"}), "group"),
    ] {
        let told = refused(&shop.client.post("/v1/find", &wrong).unwrap(), 400, "invalid-request");
        assert_eq!(told["field"], field, "{told}");
    }
}

#[test]
fn a_key_finds_what_it_may_and_no_more() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let store = house.key("store", &["read", "fulfil"], &["--location", "s2"]);
    let server = house.serve_with("[reservations]\npickup_code_tries = 10\n");
    let mut client = server.client();
    let mut call = |method: &str, path: &str, body: Value| {
        let answer = ask(&mut client, &admin, method, path, &body);
        assert!(answer.status < 300, "{path}: {}", answer.json());
        answer.json()
    };
    for place in ["s1", "s2"] {
        call("PUT", &format!("/v1/locations/{place}"), json!({"pickup": true}));
        let row = json!({"kind": "receipt", "sku": "A", "location": place, "quantity": 9});
        call("POST", "/v1/stock/movements", json!({"movements": [row]}));
    }
    let mut codes = Vec::new();
    for place in ["s1", "s2"] {
        let line = json!({"sku": "A", "location": place, "quantity": 1});
        let body = json!({"channel": "web", "purpose": "pickup", "confirm": true, "lines": [line]});
        let made = call("POST", "/v1/reservations", body);
        let ready = call("POST", &format!("/v1/reservations/{}/ready", made["id"].as_str().unwrap()), json!({}));
        codes.push(ready["pickup_code"].as_str().unwrap().to_owned());
    }
    let mut find = |code: &str, location: Value| {
        ask(&mut client, &store, "POST", "/v1/find", &json!({"code": code, "location": location}))
    };
    let told = granted(find(&codes[1], json!("s2")), 200);
    assert_eq!((&told["kind"], &told["record"]["pickup_code"]), (&json!("reservation"), &Value::Null), "{told}");
    let told = granted(find(&codes[0], json!("s2")), 200);
    assert_eq!((&told["kind"], &told["record"]["location"]), (&json!("location"), &json!("s1")));
    assert!(!told.to_string().contains("r-"), "only where it is: {told}");
    assert_eq!(find(&codes[0], json!("s1")).slug(), "forbidden");
    assert_eq!(find(&codes[0], Value::Null).slug(), "forbidden");
    assert_eq!(granted(find("A", json!("s2")), 200)["kind"], "sku");
    // Codes cannot be tried one after the other.
    let (mut wrong, mut closed) = (0, false);
    for n in 0..200 {
        match find(&format!("00000{n}")[..6], json!("s2")).status {
            404 => wrong += 1,
            429 => closed = true,
            other => panic!("{other}"),
        }
    }
    assert!(closed && wrong <= 100, "{wrong} codes were tried");
}
