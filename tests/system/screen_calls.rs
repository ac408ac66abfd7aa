//! What screens ask for: names, counted and sorted lists, who moved an item, what the server did lately, how far a file is.

use std::time::{Duration, Instant};

use anaquel_loadtest::client::Client;
use anaquel_loadtest::socket::Socket;
use anaquel_tests::Shop;
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{granted, post, refused, selling_shop};
use serde_json::{Value, json};

fn ids(page: &Value, name: &str) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
}

#[test]
fn names_stand_beside_what_is_shown() {
    let mut shop = selling_shop(&[]);
    put(&mut shop.client, "/v1/skus/A", &json!({"name": "Shirt"}));
    put(&mut shop.client, "/v1/locations/s1", &json!({"name": "Madrid"}));
    let record = shop.reserved("A", "s1", 1);
    let client = &mut shop.client;
    let told = get(client, "/v1/stock?location=s1&names=true");
    assert_eq!(told["names"]["skus"], json!({"A": "Shirt", "B": null, "C": null}));
    assert_eq!(told["names"]["locations"], json!({"s1": "Madrid"}));
    let path = format!("/v1/reservations/{}?names=true", record["id"].as_str().unwrap());
    let told = get(client, &path);
    assert_eq!((&told["names"]["skus"], &told["id"]), (&json!({"A": "Shirt"}), &record["id"]));
    assert!(get(client, "/v1/stock?location=s1&names=false").get("names").is_none());
    assert!(get(client, "/v1/stock?location=s1").get("names").is_none());
    refused(&client.get("/v1/stock?location=s1&names=yes").unwrap(), 400, "invalid-request");
    // A cached item says nothing of the names beside it.
    let tag = client.get("/v1/skus/A").unwrap().header("etag").unwrap().to_owned();
    let answer = client.send("GET", "/v1/skus/A?names=true", &[("If-None-Match", &tag)], b"").unwrap();
    assert_eq!((answer.status, &answer.json()["names"]["skus"]["A"]), (200, &json!("Shirt")));
    assert_eq!(ids(&get(client, "/v1/skus?sku=C&sku=A&sku=nobody"), "sku"), ["A", "C"]);
    refused(&client.get("/v1/skus?sku=A&gtin=4006381333931").unwrap(), 400, "invalid-request");

    let mut socket = Socket::connect(shop.server.address).unwrap();
    socket.send(&json!({"op": "subscribe", "id": "s", "skus": ["A"], "locations": ["s1"], "names": true})).unwrap();
    let told = socket.message().unwrap();
    assert_eq!(
        (&told["type"], &told["names"]),
        (&json!("snapshot"), &json!({"skus": {"A": "Shirt"}, "locations": {"s1": "Madrid"}}))
    );
}

fn pickup(client: &mut Client, order: &str, pickup_by: Option<&str>) {
    let part = json!({"fulfilment": "f", "purpose": "pickup", "location": "s1", "pickup_by": pickup_by,
        "lines": [{"sku": "A", "quantity": 1}]});
    let body = json!({"order": order, "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
        "fulfilments": [part]});
    granted(post(client, "/v1/orders", &body), 201);
}

#[test]
fn lists_are_counted_and_sorted_in_several_states() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    for (order, by) in [
        ("W-1", Some("2099-01-03T00:00:00Z")),
        ("W-2", None),
        ("W-3", Some("2099-01-01T00:00:00Z")),
        ("W-4", Some("2099-01-02T00:00:00Z")),
    ] {
        pickup(client, order, by);
    }
    granted(post(client, "/v1/orders/W-3/fulfilments/f/ready", &json!({})), 200);
    granted(post(client, "/v1/orders/W-4/cancel", &json!({"channel": "web"})), 200);
    let held = shop.reserved("B", "s1", 1);
    let client = &mut shop.client;
    let told = get(client, "/v1/reservations?location=s1&state=confirmed&state=ready&total=true&sort=pickup_by");
    assert_eq!(ids(&told, "order"), ["W-3", "W-1", "W-2"]);
    assert_eq!((&told["total"], &told["next"]), (&json!(3), &Value::Null));
    // Page by page it is the same; so is the order of age.
    let mut paged = Vec::new();
    let mut path = "/v1/reservations?location=s1&state=confirmed&state=ready&sort=pickup_by&limit=1".to_owned();
    loop {
        let page = get(client, &path);
        paged.extend(ids(&page, "order"));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/reservations?location=s1&state=confirmed&state=ready&sort=pickup_by&limit=1&after={next}");
    }
    assert_eq!(paged, ["W-3", "W-1", "W-2"]);
    let told = get(client, "/v1/reservations?location=s1&state=confirmed&state=ready&state=held&limit=2&total=true");
    assert_eq!((told["items"][0]["id"].clone(), &told["total"]), (held["id"].clone(), &json!(4)));
    let rest = get(
        client,
        &format!(
            "/v1/reservations?location=s1&state=confirmed&state=ready&state=held&after={}",
            told["next"].as_str().unwrap()
        ),
    );
    assert_eq!(ids(&rest, "order"), ["W-2", "W-1"]);
    assert_eq!(get(client, "/v1/reservations?state=held&total=true")["total"], 1);
    refused(&client.get("/v1/reservations?sort=age").unwrap(), 400, "invalid-request");
    refused(&client.get("/v1/reservations?state=held&state=lost").unwrap(), 400, "invalid-request");

    let told = get(client, "/v1/orders?state=confirmed&state=cancelled&total=true&limit=1");
    assert_eq!((ids(&told, "order"), &told["total"]), (vec!["W-4".to_owned()], &json!(4)));
    let told = get(client, "/v1/orders?state=confirmed&sort=pickup_by&total=true");
    assert_eq!((ids(&told, "order"), &told["total"]), (vec!["W-3".to_owned(), "W-1".into(), "W-2".into()], &json!(3)));
    let told = get(client, "/v1/orders?state=confirmed&sort=pickup_by&limit=1");
    let rest =
        get(client, &format!("/v1/orders?state=confirmed&sort=pickup_by&after={}", told["next"].as_str().unwrap()));
    assert_eq!(ids(&rest, "order"), ["W-1", "W-2"]);
    assert_eq!(
        ids(&get(client, "/v1/orders?fulfilment_state=ready&fulfilment_state=cancelled"), "order"),
        ["W-4", "W-3"]
    );

    for (id, ready) in [("T-1", false), ("T-2", true)] {
        let body = json!({"transfer": id, "from": "s1", "to": "s2", "reason": "rebalance", "ready": ready, "lines": [{"sku": "C", "quantity": 1}]});
        granted(post(client, "/v1/transfers", &body), 201);
    }
    let told = get(client, "/v1/transfers?to=s2&state=draft&state=ready&total=true");
    assert_eq!((ids(&told, "transfer"), &told["total"]), (vec!["T-2".to_owned(), "T-1".into()], &json!(2)));

    let sale = json!({"order": "P-1", "channel": "pos", "location": "s1", "currency": "EUR",
        "lines": [{"sku": "B", "quantity": 2}], "payments": [{"tender": "cash", "amount": 500}]});
    granted(post(client, "/v1/sales", &sale), 201);
    for id in ["R-1", "R-2"] {
        let body = json!({"return": id, "channel": "web", "order": "P-1", "announced": true, "lines": [{"sku": "B", "quantity": 1}]});
        granted(post(client, "/v1/returns", &body), 201);
    }
    granted(post(client, "/v1/returns/R-1/cancel", &json!({})), 200);
    let told = get(client, "/v1/returns?state=announced&state=cancelled&total=true&limit=1");
    assert_eq!((ids(&told, "return"), &told["total"]), (vec!["R-2".to_owned()], &json!(2)));
    assert_eq!(get(client, "/v1/returns?state=cancelled&total=true")["total"], 1);
    assert_eq!(get(client, "/v1/returns?state=cancelled").get("total"), None);
}

#[test]
fn the_lines_of_one_delivery_are_listed() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let row = |supply: &str, sku: &str| json!({"supply": supply, "sku": sku, "location": "s1", "quantity": 5, "expected_at": "2099-01-05T09:00:00Z"});
    put(client, "/v1/supply", &json!({"supplies": [row("PO-1", "A"), row("PO-1", "B"), row("PO-2", "A")]}));
    let told = get(client, "/v1/supply?supply=PO-1");
    assert_eq!(ids(&told, "sku"), ["A", "B"]);
    assert!(told["items"].as_array().unwrap().iter().all(|item| item["supplies"].as_array().unwrap().len() == 1));
    let first = get(client, "/v1/supply?supply=PO-1&limit=1");
    let rest = get(client, &format!("/v1/supply?supply=PO-1&after={}", first["next"].as_str().unwrap()));
    assert_eq!((ids(&first, "sku"), ids(&rest, "sku")), (vec!["A".to_owned()], vec!["B".to_owned()]));
    assert_eq!(get(client, "/v1/supply?supply=PO-9")["items"], json!([]));
}

fn kinds(page: &Value) -> Vec<String> {
    ids(page, "kind")
}

#[test]
fn the_log_is_searched_for_who_moved_an_item() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let store = house.key("store", &["stock"], &["--location", "s1"]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut call = |key: &str, method: &str, path: &str, body: Value| ask(&mut client, key, method, path, &body);
    for place in ["s1", "s2"] {
        call(&admin, "PUT", &format!("/v1/locations/{place}"), json!({"groups": ["all"]}));
        for sku in ["A", "B"] {
            let row = json!({"kind": "receipt", "sku": sku, "location": place, "quantity": 9});
            assert_eq!(call(&admin, "POST", "/v1/stock/movements", json!({"movements": [row]})).status, 200);
        }
    }
    let sale = json!({"kind": "sale", "sku": "A", "location": "s1", "quantity": 1});
    assert_eq!(call(&store, "POST", "/v1/stock/movements", json!({"movements": [sale]})).status, 200);
    let line = json!({"sku": "A", "location": "s1", "quantity": 1});
    let held = call(&admin, "POST", "/v1/reservations", json!({"channel": "web", "lines": [line]})).json();
    call(&admin, "POST", &format!("/v1/reservations/{}/confirm", held["id"].as_str().unwrap()), json!({}));
    let open = json!({"channel": "web", "lines": [{"sku": "A", "group": "all", "quantity": 2}]});
    assert_eq!(call(&admin, "POST", "/v1/reservations", open).status, 201);
    let mut read = |key: &str, query: &str| call(key, "GET", &format!("/v1/events?{query}"), Value::Null);

    let told = read(&admin, "sku=A&location=s1&before=1000000").json();
    assert_eq!(kinds(&told).iter().filter(|kind| *kind == "moved").count(), 2, "{told}");
    assert!(kinds(&told).contains(&"confirmed".to_owned()), "a step without a cell is about its lines");
    let seqs: Vec<u64> = told["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a > b), "the newest first");
    // Page by page it is the same, back and forward.
    let mut paged = Vec::new();
    let mut before = json!(1_000_000);
    while before.is_number() {
        let page = read(&admin, &format!("sku=A&location=s1&limit=1&before={before}")).json();
        paged.extend(page["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()));
        before = page["next"].clone();
    }
    assert_eq!(paged, seqs);
    let forward = read(&admin, "sku=A&location=s1").json();
    let mut forward: Vec<u64> =
        forward["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()).collect();
    forward.reverse();
    assert_eq!(forward, seqs);
    let told = read(&admin, "actor=store").json();
    assert_eq!((kinds(&told), &told["next"]), (vec!["moved".to_owned()], &Value::Null));
    assert_eq!(kinds(&read(&admin, "kind=reserved&kind=confirmed").json()), ["reserved", "confirmed", "reserved"]);

    // Who keeps the stock of a store sees what happened there, and of promises without a location nothing.
    let told = read(&store, "sku=A&location=s1").json();
    assert_eq!(kinds(&told), ["moved", "moved", "reserved", "confirmed"], "{told}");
    assert_eq!(told["items"][0]["items"][0]["on_hand"], 9);
    assert_eq!(
        (&told["items"][0]["cause"]["actor"], &told["items"][0]["cause"]["request"]),
        (&json!("admin"), &Value::Null)
    );
    for query in ["sku=A", "sku=A&location=s2", ""] {
        assert_eq!(read(&store, query).slug(), "forbidden", "{query}");
    }
    assert_eq!(read(&admin, "sku=nobody").status, 404);
    assert_eq!(read(&admin, "before=5&wait=1").status, 400);
}

#[test]
fn the_server_tells_what_it_did_lately() {
    let mut shop = Shop::default();
    let began = Instant::now();
    let sample = loop {
        assert!(began.elapsed() < Duration::from_secs(20), "no sample tells of a write");
        shop.receive("A", "s1", 1);
        let told = get(&mut shop.client, "/v1/metrics/recent?seconds=5");
        let items = told["items"].as_array().unwrap().clone();
        assert!(items.len() <= 5 && told["step_seconds"] == 1);
        if let Some(sample) =
            items.into_iter().find(|one| one["writes"].as_f64().unwrap() > 0.0 && one["p99_ms"].is_number())
        {
            break sample;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(
        sample["memory_bytes"].as_u64().unwrap() > 0 && sample["disk_free_bytes"].as_u64().unwrap() > 0,
        "{sample}"
    );
    for seconds in ["0", "3601", "x"] {
        let answer = shop.client.get(&format!("/v1/metrics/recent?seconds={seconds}")).unwrap();
        assert_eq!(refused(&answer, 400, "invalid-request")["field"], "seconds");
    }
    let info = get(&mut shop.client, "/v1/info");
    assert!(info["disk"]["free_bytes"].as_u64().unwrap() > 0, "{info}");
    assert_eq!((&info["backup"], &info["checkpoint"]), (&Value::Null, &Value::Null));
    assert_eq!(shop.client.get("/v1/backup").unwrap().status, 200);
    let mut shop = shop.restarted();
    let info = get(&mut shop.client, "/v1/info");
    assert!(info["checkpoint"]["seq"].is_u64() && info["checkpoint"]["taken_at"].is_string(), "{info}");
    assert_eq!(
        (&info["backup"]["whole"], info["backup"]["seq"].is_u64()),
        (&json!(true), true),
        "it is known after a restart"
    );
}

#[test]
fn an_import_tells_how_far_it_is() {
    let mut shop = Shop::default();
    let client = &mut shop.client;
    let file = b"sku,name\nA,one\nB,two\n,nameless\n";
    let headers = [("Content-Type", "text/csv")];
    let told = client.send("POST", "/v1/import/skus?import=night-1", &headers, file).unwrap().json();
    assert_eq!((&told["import"], &told["accepted"], &told["rejected"]), (&json!("night-1"), &json!(2), &json!(1)));
    let record = get(client, "/v1/imports/night-1");
    assert_eq!((&record["state"], &record["kind"], &record["rows"]), (&json!("accepted"), &json!("skus"), &json!(3)));
    assert_eq!(
        (&record["bytes"], &record["bytes_total"], &record["seq"]),
        (&json!(file.len()), &json!(file.len()), &told["seq"])
    );
    let wrong = client.send("POST", "/v1/import/skus?import=night-2", &headers, b"colour\nred\n").unwrap();
    assert_eq!((wrong.status, &get(client, "/v1/imports/night-2")["state"]), (400, &json!("failed")));
    assert!(get(client, "/v1/imports/night-2")["reason"].is_string());
    // Without an id of the caller's, the server makes one, and the answer is as it was.
    let told = client.send("POST", "/v1/import/skus", &headers, file).unwrap().json();
    assert!(told.get("import").is_none());
    let list = get(client, "/v1/imports?limit=2");
    assert_eq!((ids(&list, "import").len(), &list["items"][1]["import"]), (2, &json!("night-2")));
    assert_eq!(
        ids(&get(client, &format!("/v1/imports?after={}", list["next"].as_str().unwrap())), "import"),
        ["night-1"]
    );
    assert_eq!(client.get("/v1/imports/nobody").unwrap().status, 404);
}

#[test]
fn the_skus_of_the_demo_can_be_scanned() {
    let mut shop = Shop::with(&["--demo"]);
    let client = &mut shop.client;
    let shirt = get(client, "/v1/skus/TSHIRT-RED-M");
    let told = post(
        client,
        "/v1/find",
        &json!({"code": shirt["gtin"], "location": "es-001", "channel": "pos", "currency": "EUR"}),
    );
    let told = granted(told, 200);
    assert_eq!((&told["id"], told["record"]["price"]["amount"].is_u64()), (&json!("TSHIRT-RED-M"), true), "{told}");
    let weighed = get(client, "/v1/skus/BUTTONS-MIXED-KG");
    assert_eq!((&weighed["unit"], &weighed["decimals"]), (&json!("kg"), &json!(3)));
    assert!(weighed["gtin"].as_str().unwrap().starts_with("2000017"));
    let store = get(client, "/v1/locations/mx-001");
    assert_eq!((&store["currency"], &store["barcodes"]), (&json!("MXN"), &json!(["2IIIIIIWWWWWC"])), "{store}");
    assert!(store["address"].as_str().unwrap().ends_with("M\u{e9}xico"));
    // 350 g, as a scale of the store prints it.
    let body = json!({"code": "2000017003504", "location": "mx-001", "channel": "pos", "currency": store["currency"]});
    let told = granted(post(client, "/v1/find", &body), 200);
    assert_eq!((&told["id"], &told["measure"]["quantity"]), (&json!("BUTTONS-MIXED-KG"), &json!(350)), "{told}");
    assert!(told["record"]["price"]["amount"].is_u64(), "{told}");
}
