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

/// Twelve digits with their check digit.
fn ean(digits: &str) -> String {
    assert_eq!(digits.len(), 12);
    let weighed =
        digits.bytes().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| u32::from(digit - b'0') * weight);
    format!("{digits}{}", (10 - weighed.sum::<u32>() % 10) % 10)
}

#[test]
fn a_code_that_a_store_prints_has_a_weight_or_a_price() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let cheese = json!({"name": "Cheese", "unit": "kg", "decimals": 3, "gtin": ean("200001700000")});
    put(client, "/v1/skus/CHEESE", &cheese);
    put(client, "/v1/skus/00042", &json!({"name": "Pie", "unit": "piece"}));
    let label = ean("200001799999");
    put(client, "/v1/skus/FIXED", &json!({"gtin": label}));
    let price = |sku: &str, amount: i64| json!({"sku": sku, "currency": "EUR", "amount": amount});
    put(client, "/v1/prices", &json!({"prices": [price("CHEESE", 2), price("00042", 400)]}));
    let (weighed, priced, pie) = (ean("200001700350"), ean("210004200820"), ean("210004200000"));
    let find = |client: &mut anaquel_loadtest::client::Client, code: &str, more: Value| {
        let mut body = json!({"code": code, "location": "s1"});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        client.post("/v1/find", &body).unwrap()
    };
    let selling = || json!({"channel": "pos", "currency": "EUR"});
    refused(&find(client, &weighed, selling()), 404, "not-found");
    put(client, "/v1/locations/s1", &json!({"currency": "EUR", "barcodes": ["21IIIIIPPPPPC", "2IIIIIIWWWWWC"]}));
    let told = granted(find(client, &weighed, selling()), 200);
    assert_eq!(
        (&told["kind"], &told["id"], &told["record"]["price"]["amount"]),
        (&json!("sku"), &json!("CHEESE"), &json!(2))
    );
    let measure = json!({"pattern": "2IIIIIIWWWWWC", "item": "000017", "grams": 350, "amount": null, "quantity": 350});
    assert_eq!(told["measure"], measure);
    assert_eq!(granted(find(client, &format!("0{weighed}"), json!({})), 200)["measure"], measure, "as 14 digits");
    // A price: by the price of one unit, if there is one.
    let told = granted(find(client, &priced, selling()), 200);
    let measure = json!({"pattern": "21IIIIIPPPPPC", "item": "00042", "grams": null, "amount": 820, "quantity": 2});
    assert_eq!((&told["id"], &told["measure"]), (&json!("00042"), &measure));
    assert_eq!(
        granted(find(client, &priced, json!({})), 200)["measure"]["quantity"],
        Value::Null,
        "no price is asked for"
    );
    assert_eq!(granted(find(client, &pie, selling()), 200)["measure"]["quantity"], Value::Null, "nothing is no price");
    // What is a SKU's own number is that SKU, and the number of an item is the item.
    for (code, sku) in [(label.as_str(), "FIXED"), (&ean("200001700000"), "CHEESE"), ("CHEESE", "CHEESE")] {
        let told = granted(find(client, code, selling()), 200);
        assert_eq!((&told["id"], &told["measure"]), (&json!(sku), &Value::Null), "{code}");
    }
    // Another store reads its own codes only, and no location reads none.
    for (code, more) in [
        (&weighed, json!({"location": "s2"})),
        (&weighed, json!({"location": null})),
        (&ean("200009900350"), selling()),
        (&format!("{}1", &weighed[..12]), selling()),
        (&weighed, json!({"kinds": ["order"]})),
    ] {
        refused(&find(client, code, more), 404, "not-found");
    }
    // The sale of it, in grams.
    let sale = json!({"order": "P-9", "channel": "pos", "location": "s1", "currency": "EUR",
        "lines": [{"sku": "CHEESE", "quantity": 350}], "payments": [{"tender": "cash", "amount": 700}]});
    assert_eq!(granted(post(client, "/v1/sales", &sale), 201)["total"], 700);
}

#[test]
fn how_a_location_trades_is_set_once_and_refused_by_name() {
    let mut shop = selling_shop(&[]);
    let body = json!({"currency": "MXN", "address": "Madero 1, M\u{e9}xico", "barcodes": ["2IIIIIIWWWWWC"]});
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "trades")];
    let set = |shop: &mut anaquel_tests::Shop| {
        shop.client.send("PUT", "/v1/locations/s1", &headers, body.to_string().as_bytes()).unwrap()
    };
    let first = set(&mut shop);
    assert_eq!(first.status, 200, "{}", first.json());
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!(shop.client.get("/v1/locations/s1").unwrap().header("etag"), Some(tag.as_str()));
    for (field, value) in body.as_object().unwrap() {
        assert_eq!(&first.json()[field], value);
    }
    // It comes twice; the process dies; it comes again: one answer, and nothing new.
    let seq = shop.seq();
    assert_eq!((set(&mut shop).json(), shop.seq()), (first.json(), seq));
    let mut shop = shop.killed_and_restarted();
    let again = set(&mut shop);
    assert_eq!((again.json(), again.header("idempotent-replayed")), (first.json(), Some("true")));
    // Another change in between is seen by who has the older version.
    put(&mut shop.client, "/v1/locations/s1", &json!({"address": "Madero 2"}));
    let json_type = ("Content-Type", "application/json");
    let stale = [json_type, ("If-Match", tag.as_str())];
    let late = shop.client.send("PUT", "/v1/locations/s1", &stale, br#"{"currency": "EUR"}"#).unwrap();
    refused(&late, 412, "stale-version");
    let events = shop.client.get("/v1/events?kind=trading_set&after=0").unwrap().json();
    let told: Vec<&Value> = events["items"].as_array().unwrap().iter().map(|event| &event["locations"]).collect();
    assert_eq!(told, [&json!(["s1"]), &json!(["s1"])], "{events}");
    let listed = shop.client.get("/v1/locations").unwrap().json();
    let s1 = listed["items"].as_array().unwrap().iter().find(|item| item["location"] == "s1").unwrap();
    assert_eq!((&s1["currency"], &s1["address"]), (&json!("MXN"), &json!("Madero 2")));
    let seq = shop.seq();
    for (wrong, field, words) in [
        (json!({"currency": "mxn"}), "currency", "write MXN"),
        (json!({"currency": "XXX"}), "currency", "three capital letters"),
        (json!({"currency": 3}), "currency", "string"),
        (json!({"address": ""}), "address", "null to remove it"),
        (json!({"address": "a\nb"}), "address", "one line"),
        (json!({"address": "x".repeat(1025)}), "address", "1024 bytes"),
        (json!({"address": {"street": "Madero 1"}}), "address", "string"),
        (json!({"barcodes": "2IIIIIIWWWWWC"}), "barcodes", "sequence"),
        (json!({"barcodes": ["2IIIIIIWWWWWC", "2iiiiiiwwwwwc"]}), "barcodes[1]", "in capitals"),
        (json!({"barcodes": ["4IIIIIIWWWWWC"]}), "barcodes[0]", "begin with the digit 2"),
        (json!({"barcodes": ["2IIIIIIWWWWW"]}), "barcodes[0]", "the check digit"),
        (json!({"barcodes": ["2IIIIIIIIIIIC"]}), "barcodes[0]", "either W"),
        (json!({"barcodes": ["2IIIIIIWWWWWC", "21IIIIIPPPPPC"]}), "barcodes[1]", "never be used"),
        (json!({"barcode": ["2IIIIIIWWWWWC"]}), "barcode", "barcode"),
    ] {
        let told = refused(&shop.client.put("/v1/locations/s1", &wrong).unwrap(), 400, "invalid-request");
        let detail = told["detail"].as_str().unwrap();
        assert!(told["field"] == field && detail.contains(words), "{wrong}: {told}");
    }
    // In files, by line and column; a good row beside them counts.
    let file = "location,currency,address,barcodes\ns1,eur,,\ns2,EUR,Calle 2,21IIIIIPPPPPC;2IIIIIIWWWWWC\ns3,,,2XC\n";
    assert_eq!(shop.seq(), seq, "a refusal leaves nothing");
    let told = shop.client.import("/v1/import/locations", file.as_bytes()).unwrap().json();
    assert_eq!((&told["accepted"], &told["rejected"]), (&json!(1), &json!(2)), "{told}");
    let fields: Vec<&Value> = told["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["currency", "barcodes"], "{told}");
    let s2 = shop.client.get("/v1/locations/s2").unwrap().json();
    assert_eq!(s2["barcodes"], json!(["21IIIIIPPPPPC", "2IIIIIIWWWWWC"]));
    let (_folder, data) = shop.stopped();
    anaquel_loadtest::server::verify(anaquel_tests::binary(), &data).unwrap();
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
