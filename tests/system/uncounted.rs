//! SKUs that nobody counts, over the wire: services, gift cards, digital goods (`tracked: false`).

use anaquel_loadtest::server::verify;
use anaquel_loadtest::socket::Socket;
use anaquel_tests::calls::{get, put};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

/// What one line may ask for.
const MOST: u64 = 1_000_000_000;

fn refused(shop: &mut Shop, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let answer = if method == "PUT" { shop.client.put(path, body) } else { shop.client.post(path, body) }.unwrap();
    assert!(answer.status >= 400, "{path} {}", answer.json());
    (answer.status, answer.json())
}

/// A gift card beside a tee, in two shops of a group and a place that takes no pickups.
fn opened() -> Shop {
    let mut shop = Shop::default();
    shop.declare_channels(&["web", "app"]);
    let places = b"location,latitude,longitude,pickup,groups\ns1,40.4,-3.7,true,all\ns2,41.4,2.1,true,all\n\
                   dc,40.0,-3.0,false,\n";
    assert_eq!(shop.client.import("/v1/import/locations", places).unwrap().json()["accepted"], 3);
    let skus = b"sku,name,tracked\nGIFT,Gift card,FALSE\nTEE,Tee,\n";
    assert_eq!(shop.client.import("/v1/import/skus", skus).unwrap().json()["accepted"], 2);
    shop.receive("TEE", "s2", 3);
    shop
}

#[test]
fn a_sku_says_whether_it_is_counted_and_is_set_under_its_tag_and_its_key() {
    let mut shop = opened();
    assert_eq!(get(&mut shop.client, "/v1/skus/GIFT")["tracked"], false);
    assert_eq!(get(&mut shop.client, "/v1/skus/TEE")["tracked"], true);
    let set = put(&mut shop.client, "/v1/skus/WRAP", &json!({"name": "Wrapping", "tracked": false}));
    assert_eq!((&set["tracked"], &set["name"]), (&json!(false), &json!("Wrapping")));
    // Left out it stays as it is; null is what holds where nobody said anything.
    assert_eq!(put(&mut shop.client, "/v1/skus/WRAP", &json!({"unit": "piece"}))["tracked"], false);
    let before = shop.client.get("/v1/skus/WRAP").unwrap();
    let tag = before.header("etag").unwrap().to_owned();
    assert_eq!(put(&mut shop.client, "/v1/skus/WRAP", &json!({"tracked": null}))["tracked"], true);
    let after = shop.client.get("/v1/skus/WRAP").unwrap();
    assert_ne!(after.header("etag"), Some(tag.as_str()), "that is another version");
    let json_of = [("Content-Type", "application/json")];
    let stale = [json_of[0], ("If-Match", tag.as_str())];
    assert_eq!(shop.client.send("PUT", "/v1/skus/WRAP", &stale, br#"{"tracked":false}"#).unwrap().status, 412);
    let keyed = [json_of[0], ("Idempotency-Key", "k-1")];
    let first = shop.client.send("PUT", "/v1/skus/WRAP", &keyed, br#"{"tracked":false}"#).unwrap();
    put(&mut shop.client, "/v1/skus/WRAP", &json!({"tracked": true}));
    let mut shop = shop.killed_and_restarted();
    let again = shop.client.send("PUT", "/v1/skus/WRAP", &keyed, br#"{"tracked":false}"#).unwrap();
    assert_eq!((again.status, again.json()), (200, first.json()), "a repeat is told what was told first");
    assert_eq!(first.json()["tracked"], false);
    assert_eq!(get(&mut shop.client, "/v1/skus/WRAP")["tracked"], true);
    let (status, problem) = refused(&mut shop, "PUT", "/v1/skus/WRAP", &json!({"tracked": "no"}));
    assert!(status == 400 && problem["detail"].as_str().unwrap().contains("tracked"), "{problem}");
    let kinds: Vec<String> = get(&mut shop.client, "/v1/events?limit=100")["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["kind"] == "tracking_set")
        .map(|item| item["skus"].to_string())
        .collect();
    assert_eq!(kinds[0], r#"[{"sku":"GIFT","tracked":false}]"#, "{kinds:?}");
    assert_eq!(kinds.len(), 5, "{kinds:?}");
}

#[test]
fn it_is_there_wherever_somebody_declared_the_place_and_never_short() {
    let mut shop = opened();
    put(&mut shop.client, "/v1/rules/keep", &json!({"kind": "safety_stock", "percent": 100}));
    put(&mut shop.client, "/v1/channels/web", &json!({"buffer": 5}));
    let told = get(&mut shop.client, "/v1/availability?sku=GIFT&location=s1&location=nowhere&channel=web");
    assert_eq!(
        told["items"],
        json!([{"sku": "GIFT", "tracked": false, "location": "s1", "on_hand": 0, "reserved": 0, "safety_stock": 0, "buffer": 0,
                "available": MOST, "band": "in_stock", "availability": "InStock"}])
    );
    let group = get(&mut shop.client, "/v1/availability?sku=GIFT&sku=TEE&group=all&channel=web");
    let (card, tee) = (&group["items"][0], &group["items"][1]);
    assert_eq!(
        (&card["tracked"], &card["available"], &card["locations"], &card["availability"]),
        (&json!(false), &json!(MOST), &json!(2), &json!("InStock"))
    );
    assert_eq!((&tee["tracked"], &tee["available"]), (&Value::Null, &json!(0)), "no new member on what is counted");
    // Promised, in a place without a cell, with what is counted or by itself.
    let lines = json!([{"sku": "GIFT", "location": "s1", "quantity": 40}]);
    let held =
        shop.client.post("/v1/reservations", &json!({"channel": "web", "purpose": "pickup", "lines": lines})).unwrap();
    assert_eq!(held.status, 201, "{}", held.json());
    assert_eq!(shop.cell("GIFT", "s1"), (40, 40, MOST as i64));
    assert_eq!(get(&mut shop.client, "/v1/stock?location=s1")["items"][0]["tracked"], false);
    assert_eq!(shop.step(&held.json(), "confirm", &json!({})).status, 200);
    assert_eq!(shop.step(&held.json(), "ready", &json!({})).status, 200);
    assert_eq!(shop.step(&held.json(), "collect", &json!({})).status, 200);
    assert_eq!(shop.cell("GIFT", "s1"), (0, 0, MOST as i64));
    assert_eq!(get(&mut shop.client, "/v1/shortages")["items"], json!([]));
    // What bars a promise bars this one, too, and reads say so.
    let no_pickup =
        json!({"channel": "web", "purpose": "pickup", "lines": [{"sku": "GIFT", "location": "dc", "quantity": 1}]});
    let (status, problem) = refused(&mut shop, "POST", "/v1/reservations", &no_pickup);
    assert_eq!((status, &problem["lines"][0]["constraint"]), (409, &json!("access")), "{problem}");
    put(
        &mut shop.client,
        "/v1/rules/no",
        &json!({"kind": "access", "allow": false, "skus": ["GIFT"], "locations": ["s1"]}),
    );
    let denied = get(&mut shop.client, "/v1/availability?sku=GIFT&location=s1");
    assert_eq!(
        (&denied["items"][0]["available"], &denied["items"][0]["availability"]),
        (&json!(0), &json!("OutOfStock"))
    );
    let (status, problem) = refused(
        &mut shop,
        "POST",
        "/v1/reservations",
        &json!({"channel": "web", "lines": [{"sku": "GIFT", "location": "s1", "quantity": 2}]}),
    );
    let line = &problem["lines"][0];
    assert_eq!((status, &line["constraint"], &line["rule"]), (409, &json!("access"), &json!("no")), "{problem}");
    let others = line["would_succeed"]["locations"].as_array().unwrap();
    assert!(others.iter().any(|other| other["location"] == "s2"), "{problem}");
    assert_eq!(shop.reserve("GIFT", "s2", 2).status, 201, "the advice holds");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn tills_post_whole_baskets_and_nobody_books_stock_of_it() {
    let mut shop = opened();
    let basket = json!({"movements": [
        {"kind": "sale", "sku": "TEE", "location": "s2", "quantity": 1},
        {"kind": "sale", "sku": "GIFT", "location": "s2", "quantity": 2, "reference": "till-7"},
        {"kind": "return", "sku": "GIFT", "location": "s2", "quantity": 1},
    ]});
    let answer = shop.client.post("/v1/stock/movements", &basket).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    let items = answer.json()["items"].clone();
    assert_eq!(
        (&items[1]["on_hand"], &items[1]["absorbed"], &items[1]["tracked"], &items[1]["out_of_range"]),
        (&json!(0), &json!(true), &json!(false), &Value::Null)
    );
    assert_eq!(shop.cell("TEE", "s2"), (2, 0, 2));
    for (kind, quantity) in [("receipt", 1), ("adjustment", -1), ("damage", 1)] {
        let row = json!({"kind": kind, "sku": "GIFT", "location": "s2", "quantity": quantity});
        let (status, problem) = refused(&mut shop, "POST", "/v1/stock/movements", &json!({"movements": [row]}));
        assert_eq!((status, &problem["field"]), (400, &json!("movements[0].kind")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("set tracked to true to count it"), "{problem}");
    }
    let count = json!({"counts": [{"sku": "GIFT", "location": "s2", "on_hand": 3}]});
    let (status, problem) = refused(&mut shop, "POST", "/v1/stock/counts", &count);
    assert_eq!((status, &problem["field"]), (400, &json!("counts[0].sku")), "{problem}");
    let supply = json!({"supplies": [{"supply": "PO", "sku": "GIFT", "location": "s2", "quantity": 3, "expected_at": "2100-01-01T00:00:00Z"}]});
    let (status, problem) = refused(&mut shop, "PUT", "/v1/supply", &supply);
    assert_eq!((status, &problem["field"]), (400, &json!("supplies[0].sku")), "{problem}");
    let rows = b"sku,location,on_hand,safety_stock\nTEE,s1,4,1\nGIFT,s1,4,\nGIFT,s1,0,9\n";
    let told = shop.client.import("/v1/import/stock", rows).unwrap().json();
    assert_eq!((&told["accepted"], &told["rejected"]), (&json!(1), &json!(2)), "{told}");
    assert_eq!(
        (&told["errors"][0]["line"], &told["errors"][0]["field"], &told["errors"][0]["reason"]),
        (&json!(3), &json!("sku"), &json!("GIFT is untracked; set tracked to true to count its units"))
    );
    let rows = b"supply,sku,location,quantity,expected_at\nPO,GIFT,s1,4,2100-01-01T00:00:00Z\n";
    let told = shop.client.import("/v1/import/supply", rows).unwrap().json();
    assert_eq!((&told["rejected"], &told["errors"][0]["field"]), (&json!(1), &json!("sku")), "{told}");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn it_changes_only_while_nothing_holds_units() {
    let mut shop = opened();
    shop.reserved("TEE", "s2", 1);
    let (status, problem) = refused(&mut shop, "PUT", "/v1/skus/TEE", &json!({"name": "T", "tracked": false}));
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/wrong-state")), "{problem}");
    assert_eq!(
        (&problem["field"], &problem["sku"], &problem["held_by"]["stock"]),
        (&json!("tracked"), &json!("TEE"), &json!({"count": 1, "some": ["s2"]}))
    );
    assert_eq!(problem["held_by"]["reservations"]["count"], 1);
    assert!(problem["detail"].as_str().unwrap().contains("count it to 0"), "{problem}");
    assert_eq!(get(&mut shop.client, "/v1/skus/TEE")["name"], "Tee", "nothing of it is set");
    let told = shop.client.import("/v1/import/skus", b"sku,tracked\nTEE,false\nNEW,false\n").unwrap().json();
    assert_eq!((&told["accepted"], &told["rejected"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!((&told["errors"][0]["line"], &told["errors"][0]["field"]), (&json!(2), &json!("tracked")), "{told}");
    let told = shop.client.import("/v1/import/skus", b"sku,tracked\nNEW,perhaps\n").unwrap().json();
    assert_eq!((&told["rejected"], &told["errors"][0]["field"]), (&json!(1), &json!("tracked")), "{told}");
    let rows = b"{\"sku\": \"JSON\", \"tracked\": false}\n{\"sku\": \"TEE\", \"tracked\": true}\n";
    let headers = [("Content-Type", "application/x-ndjson")];
    let told = shop.client.send("POST", "/v1/import/skus", &headers, rows).unwrap().json();
    assert_eq!((&told["accepted"], &told["unchanged"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!(get(&mut shop.client, "/v1/skus/JSON")["tracked"], false);
}

#[test]
fn places_are_chosen_for_what_is_counted_and_it_goes_along() {
    let mut shop = opened();
    let order = json!({
        "channel": "web",
        "lines": [{"sku": "GIFT", "quantity": 1}, {"sku": "TEE", "quantity": 1}],
        "destination": {"latitude": 40.4, "longitude": -3.7},
        "policy": "nearest",
    });
    let sourced = shop.client.post("/v1/sourcing", &order).unwrap();
    assert_eq!(sourced.status, 201, "{}", sourced.json());
    let shipments = sourced.json()["shipments"].clone();
    assert_eq!(shipments.as_array().unwrap().len(), 1, "{shipments}");
    assert_eq!((&shipments[0]["location"], shipments[0]["lines"].as_array().unwrap().len()), (&json!("s2"), 2));
    let alone = json!({"lines": [{"sku": "GIFT", "quantity": 1}], "channel": "web", "policy": "nearest", "destination": {"latitude": 40.4, "longitude": -3.7}});
    let alone = shop.client.post("/v1/sourcing", &alone).unwrap();
    assert_eq!(alone.json()["shipments"][0]["location"], "s1", "{}", alone.json());
    let found = get(&mut shop.client, "/v1/pickup?sku=GIFT&sku=TEE&near=40.4,-3.7");
    let places: Vec<_> = found["items"].as_array().unwrap().iter().map(|place| place["location"].clone()).collect();
    assert_eq!(places, ["s2"], "{found}");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn a_stream_tells_of_it_as_reads_do() {
    let mut shop = opened();
    let mut socket = Socket::connect(shop.server.address).unwrap();
    socket
        .send(&json!({"op": "subscribe", "id": "s", "skus": ["GIFT"], "locations": ["s1"], "groups": ["all"]}))
        .unwrap();
    let snapshot = socket.message().unwrap();
    let of = |message: &Value| -> Vec<(String, Value, Value)> {
        let items = message["items"].as_array().unwrap();
        let item = |item: &Value| {
            (item["location"].as_str().unwrap().to_owned(), item["available"].clone(), item["tracked"].clone())
        };
        items.iter().map(item).collect()
    };
    let there = |at: &str| (at.to_owned(), json!(MOST), json!(false));
    assert_eq!(of(&snapshot), [there("s1"), there("s2")], "{snapshot}");
    let held = shop.reserved("GIFT", "s1", 3);
    let delta = socket.message().unwrap();
    assert_eq!((of(&delta), &delta["items"][0]["reserved"]), (vec![there("s1")], &json!(3)), "{delta}");
    assert_eq!(shop.step(&held, "cancel", &json!({})).status, 200);
    assert_eq!(of(&socket.message().unwrap()), [there("s1")]);
    put(&mut shop.client, "/v1/skus/GIFT", &json!({"tracked": true}));
    let (mut removed, mut items) = (Vec::new(), Vec::new());
    while items.is_empty() || removed.is_empty() {
        let delta = socket.message().unwrap();
        removed.extend(delta["removed"].as_array().cloned().unwrap_or_default());
        items.extend(of(&delta));
    }
    assert_eq!(removed, [json!({"sku": "GIFT", "location": "s2"})]);
    assert_eq!(items, [("s1".to_owned(), json!(0), Value::Null)]);
}
