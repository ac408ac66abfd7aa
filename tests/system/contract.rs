//! The wire contract, as a client sees it.

use std::time::{Duration, Instant};

use anaquel_tests::Shop;
use serde_json::{Value, json};

#[test]
fn a_pickup_from_shelf_to_hand() {
    let mut shop = Shop::default();
    shop.receive("TSHIRT-RED-M", "mx-014", 4);
    let held = shop.reserved("TSHIRT-RED-M", "mx-014", 1);
    assert_eq!((&held["state"], &held["lines"][0]["quantity"]), (&json!("held"), &json!(1)));
    assert_eq!(shop.cell("TSHIRT-RED-M", "mx-014"), (4, 1, 3));
    let confirmed = shop.step(&held, "confirm", &json!({"order": "W-1007"})).json();
    assert_eq!((&confirmed["state"], &confirmed["order"]), (&json!("confirmed"), &json!("W-1007")));
    let ready = shop.step(&held, "ready", &json!({})).json();
    let code = ready["pickup_code"].as_str().unwrap().to_owned();
    assert_eq!(shop.step(&held, "collect", &json!({"pickup_code": "NOT-IT"})).status, 403);
    let found = shop.client.get(&format!("/v1/reservations?pickup_code={code}")).unwrap().json();
    assert_eq!(found["items"][0]["id"], held["id"]);
    let collected = shop.step(&held, "collect", &json!({"pickup_code": code})).json();
    assert_eq!(collected["state"], "collected");
    assert_eq!(shop.cell("TSHIRT-RED-M", "mx-014"), (3, 0, 3));
    let refused = shop.step(&held, "cancel", &json!({}));
    assert_eq!(
        (refused.status, refused.slug().as_str(), &refused.json()["state"]),
        (409, "wrong-state", &json!("collected"))
    );
    let record = shop.client.get(&format!("/v1/reservations/{}", held["id"].as_str().unwrap())).unwrap().json();
    let kinds: Vec<_> = record["history"].as_array().unwrap().iter().map(|step| step["kind"].clone()).collect();
    assert_eq!(kinds, ["reserved", "confirmed", "ready", "collected"]);
}

#[test]
fn asking_for_what_is_reached_answers_with_the_record() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 2);
    let held = shop.reserved("A", "s1", 1);
    for (step, times) in [("confirm", 2), ("ready", 2), ("confirm", 1), ("collect", 2), ("confirm", 1), ("ready", 1)] {
        for _ in 0..times {
            assert_eq!(shop.step(&held, step, &json!({})).status, 200, "{step}");
        }
    }
    assert_eq!(shop.cell("A", "s1"), (1, 0, 1));
    let second = shop.reserved("A", "s1", 1);
    assert_eq!(shop.step(&second, "ready", &json!({})).slug(), "wrong-state", "confirmed may not be skipped");
    assert_eq!(shop.step(&second, "collect", &json!({})).slug(), "wrong-state");
    for _ in 0..2 {
        assert_eq!(shop.step(&second, "cancel", &json!({"reason": "changed their mind"})).json()["state"], "cancelled");
    }
    assert_eq!(shop.cell("A", "s1"), (1, 0, 1));
}

#[test]
fn the_same_key_gives_the_same_answer_also_after_a_kill() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    let body = json!({"channel": "web", "lines": [{"sku": "A", "location": "s1", "quantity": 1}]});
    let first = shop.client.post_keyed("/v1/reservations", "\"k-1\"", &body).unwrap();
    let mut shop = shop.killed_and_restarted();
    let again = shop.client.post_keyed("/v1/reservations", "k-1", &body).unwrap();
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.header("idempotent-replayed"), None);
    let other = json!({"channel": "web", "lines": [{"sku": "A", "location": "s1", "quantity": 2}]});
    let mismatch = shop.client.post_keyed("/v1/reservations", "k-1", &other).unwrap();
    assert_eq!((mismatch.status, mismatch.slug().as_str()), (422, "idempotency-mismatch"));
    assert_eq!(shop.cell("A", "s1"), (5, 1, 4));
    // Its scope is the path: the same key elsewhere is another request.
    let moved = json!({"movements": [{"kind": "sale", "sku": "A", "location": "s1", "quantity": 1}]});
    let first = shop.client.post_keyed("/v1/stock/movements", "k-1", &moved).unwrap();
    let again = shop.client.post_keyed("/v1/stock/movements", "k-1", &moved).unwrap();
    assert_eq!((first.status, &first.body), (200, &again.body));
    assert_eq!(shop.cell("A", "s1"), (4, 1, 3));
    let steps: Vec<_> = (0..2)
        .map(|_| {
            let path = format!("/v1/reservations/{}/confirm", first_id(&mut shop));
            shop.client.post_keyed(&path, "k-1", &json!({})).unwrap()
        })
        .collect();
    assert_eq!(steps[0].body, steps[1].body);
}

fn first_id(shop: &mut Shop) -> String {
    shop.client.get("/v1/reservations").unwrap().json()["items"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn requests_with_one_key_at_once_have_one_effect() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 100);
    let address = shop.server.address;
    let bodies: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let ask = || {
            let mut client = anaquel_loadtest::client::Client::new(address);
            let body = json!({"channel": "web", "lines": [{"sku": "A", "location": "s1", "quantity": 1}]});
            client.post_keyed("/v1/reservations", "at-once", &body).unwrap().body
        };
        let asking: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(shop.cell("A", "s1"), (100, 1, 99));
}

#[test]
fn parts_of_an_order_are_collected_and_given_back() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    let held = shop.reserved("A", "s1", 3);
    shop.step(&held, "confirm", &json!({}));
    let units = |quantity: i64| json!({"lines": [{"sku": "A", "location": "s1", "quantity": quantity}]});
    assert_eq!(shop.step(&held, "collect", &units(1)).status, 400, "lines need a key");
    let path = format!("/v1/reservations/{}/collect", held["id"].as_str().unwrap());
    for _ in 0..2 {
        let part = shop.client.post_keyed(&path, "part-1", &units(1)).unwrap().json();
        assert_eq!((&part["state"], &part["lines"][0]["collected"]), (&json!("confirmed"), &json!(1)));
    }
    assert_eq!(shop.cell("A", "s1"), (4, 2, 2));
    let too_many = shop.client.post_keyed(&path, "part-2", &units(3)).unwrap();
    assert_eq!((too_many.status, too_many.slug().as_str()), (409, "wrong-state"));
    let path = format!("/v1/reservations/{}/cancel", held["id"].as_str().unwrap());
    let short = shop.client.post_keyed(&path, "short-pick", &units(1)).unwrap().json();
    assert_eq!((&short["state"], &short["lines"][0]["quantity"]), (&json!("confirmed"), &json!(2)));
    assert_eq!(shop.step(&held, "collect", &json!({})).json()["state"], "collected");
    assert_eq!(shop.cell("A", "s1"), (3, 0, 3));
}

#[test]
fn a_hold_dies_on_time_and_is_told_in_the_log() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1);
    let line = json!({"sku": "A", "location": "s1", "quantity": 1});
    let body = json!({"channel": "web", "ttl_seconds": 1, "lines": [line]});
    let held = shop.client.post("/v1/reservations", &body).unwrap().json();
    let seq = held["seq"].as_u64().unwrap();
    let events = shop.client.get(&format!("/v1/events?after={seq}&wait=10")).unwrap().json();
    assert_eq!((&events["items"][0]["kind"], &events["items"][0]["reservation"]), (&json!("expired"), &held["id"]));
    assert_eq!(shop.cell("A", "s1"), (1, 0, 1));
    let refused = shop.step(&held, "confirm", &json!({}));
    assert_eq!((refused.slug().as_str(), &refused.json()["state"]), ("wrong-state", &json!("expired")));
}

#[test]
fn a_superseding_hold_keeps_its_units() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 2);
    let old = shop.reserved("A", "s1", 2);
    let body =
        json!({"channel": "web", "supersedes": old["id"], "lines": [{"sku": "A", "location": "s1", "quantity": 2}]});
    let new = shop.client.post("/v1/reservations", &body).unwrap();
    assert_eq!(new.status, 201, "{}", new.json());
    assert_eq!(shop.step(&old, "confirm", &json!({})).slug(), "wrong-state");
    assert_eq!(shop.cell("A", "s1"), (2, 2, 0));
    let unknown =
        json!({"channel": "web", "supersedes": "r-XXXXX-1", "lines": [{"sku": "A", "location": "s1", "quantity": 1}]});
    assert_eq!(shop.client.post("/v1/reservations", &unknown).unwrap().status, 404);
}

#[test]
fn availability_by_location_group_and_channel() {
    let mut shop = Shop::default();
    let csv = "location,groups\ns1,north;all\ns2,north\ns3,all\n";
    assert_eq!(shop.client.import("/v1/import/locations", csv.as_bytes()).unwrap().json()["accepted"], 3);
    for (location, quantity) in [("s1", 5), ("s2", 1), ("s3", 10)] {
        shop.receive("A", location, quantity);
    }
    shop.receive("RED SHIRT", "s1", 1);
    assert_eq!(shop.client.put("/v1/channels/web", &json!({"buffer": 2})).unwrap().status, 200);
    shop.declare_channels(&["pos"]);
    let all = shop.client.get("/v1/availability?sku=A&sku=RED%20SHIRT&sku=nobody&channel=web").unwrap().json();
    assert_eq!(all["items"].as_array().unwrap().len(), 4);
    assert_eq!(all["unknown"], json!(["nobody"]));
    let group = shop.client.get("/v1/availability?sku=A&group=north&channel=web").unwrap().json();
    let expected = json!({"sku": "A", "group": "north", "on_hand": 6, "reserved": 0, "available": 3, "locations": 2});
    assert_eq!(group["items"], json!([expected]));
    let body = json!({"skus": ["A"], "groups": ["north", "all"], "channel": "pos"});
    let both = shop.client.post("/v1/availability/query", &body).unwrap().json();
    let available: Vec<_> = both["items"].as_array().unwrap().iter().map(|item| item["available"].clone()).collect();
    assert_eq!(available, [6, 15]);
    let refused = shop.reserve("A", "s2", 1);
    assert_eq!(refused.json()["lines"][0]["constraint"], "buffer");
    let page = shop.client.get("/v1/stock?sku=A&limit=2").unwrap().json();
    let next = page["next"].as_str().unwrap();
    let rest = shop.client.get(&format!("/v1/stock?sku=A&limit=2&after={next}")).unwrap().json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
}

#[test]
fn reads_wait_for_min_seq_and_give_up_in_time() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1);
    let seq = shop.seq();
    assert_eq!(shop.client.get(&format!("/v1/availability?sku=A&min_seq={seq}")).unwrap().status, 200);
    let started = Instant::now();
    let refused = shop.client.get(&format!("/v1/availability?sku=A&min_seq={}", seq + 1000)).unwrap();
    assert_eq!((refused.status, refused.slug().as_str()), (503, "overloaded"));
    assert!(refused.header("retry-after").is_some());
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_log_is_dense_and_every_cause_is_in_it() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 3);
    let body = json!({"channel": "app", "order": "W-1", "lines": [{"sku": "A", "location": "s1", "quantity": 1}]});
    shop.client.post_keyed("/v1/reservations", "k-9", &body).unwrap();
    let events = shop.client.get("/v1/events?after=0&limit=1000").unwrap().json();
    let items = events["items"].as_array().unwrap();
    let seqs: Vec<_> = items.iter().map(|item| item["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let last = items.last().unwrap();
    assert_eq!(last["kind"], "reserved");
    assert_eq!(last["cause"]["channel"], "app");
    assert_eq!(last["cause"]["idempotency_key"], "k-9");
    let lines = shop.client.send("GET", "/v1/events?after=1", &[("Accept", "application/x-ndjson")], b"").unwrap();
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> =
        lines.body.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(lines.len(), seqs.len() - 1);
}

#[test]
fn shortages_name_the_promises_at_risk() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 2);
    let held = shop.reserved("A", "s1", 2);
    let sale = json!({"movements": [{"kind": "sale", "sku": "A", "location": "s1", "quantity": 1}]});
    assert_eq!(shop.client.post("/v1/stock/movements", &sale).unwrap().status, 200);
    let short = shop.client.get("/v1/shortages").unwrap().json();
    assert_eq!(
        (&short["items"][0]["missing"], &short["items"][0]["promises"][0]["reservation"]),
        (&json!(1), &held["id"])
    );
    let metrics = String::from_utf8(shop.client.get("/metrics").unwrap().body).unwrap();
    assert!(metrics.lines().any(|line| line == "anaquel_shortages 1"), "{metrics}");
}

#[test]
fn one_thing_is_set_if_it_is_still_what_was_read() {
    let mut shop = Shop::default();
    let set = shop.client.put("/v1/locations/mx%2F1", &json!({"name": "One", "groups": ["g"]})).unwrap();
    assert_eq!(set.status, 200, "{}", set.json());
    let tag = set.header("etag").unwrap().to_owned();
    let read = shop.client.get("/v1/locations/mx%2F1").unwrap();
    assert_eq!((read.header("etag"), &read.json()["name"]), (Some(tag.as_str()), &json!("One")));
    let body = json!({"name": "Two"}).to_string();
    let change = |shop: &mut Shop, tag: &str| {
        let headers = [("Content-Type", "application/json"), ("If-Match", tag)];
        shop.client.send("PUT", "/v1/locations/mx%2F1", &headers, body.as_bytes()).unwrap()
    };
    assert_eq!(change(&mut shop, "\"99999\"").slug(), "stale-version");
    assert_eq!(change(&mut shop, &tag).status, 200);
    assert_eq!(change(&mut shop, &tag).slug(), "stale-version");
    let read = shop.client.get("/v1/locations/mx%2F1").unwrap().json();
    assert_eq!((&read["name"], &read["groups"]), (&json!("Two"), &json!(["g"])));
    assert_eq!(shop.client.get("/v1/locations/nowhere").unwrap().slug(), "not-found");
    assert_eq!(shop.client.get("/v1/locations/%FF%00").unwrap().status, 404);
    assert_eq!(shop.client.put("/v1/groups/g", &json!({"locations": ["nowhere"]})).unwrap().status, 400);
}

#[test]
fn the_document_and_its_page_are_served_offline() {
    let mut shop = Shop::default();
    let document = shop.client.get("/openapi.json").unwrap().json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    for path in
        ["/v1/availability", "/v1/reservations", "/v1/reservations/{id}/collect", "/v1/import/{kind}", "/readyz"]
    {
        assert!(paths.contains_key(path), "{path}");
    }
    let calls = paths.values().flat_map(|item| item.as_object().unwrap().values());
    let mut ids: Vec<&str> = calls.map(|call| call["operationId"].as_str().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "calls share a name");
    for reference in document.to_string().split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "nothing is at {pointer}");
    }
    for (link, of) in document["paths"]["/v1/reservations"]["post"]["responses"]["201"]["links"].as_object().unwrap() {
        assert!(ids.binary_search(&of["operationId"].as_str().unwrap()).is_ok(), "{link}");
    }
    let reservation =
        document["paths"]["/v1/sourcing"]["post"]["responses"]["201"]["links"]["get_reservations_by_id"].clone();
    assert_eq!(reservation["parameters"]["id"], "$response.body#/reservation/id");
    // A word is bounded wherever it stands.
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["LineBody"]["properties"]["quantity"]["maximum"], 1_000_000_000);
    assert_eq!(schemas["ReserveBody"]["properties"]["lines"]["maxItems"], 100);
    assert!(schemas["SkuView"]["properties"].get("sku").is_some(), "{}", schemas["SkuView"]);
    assert_eq!(shop.client.get("/docs/").unwrap().status, 200);
    assert_eq!(shop.client.get("/docs/swagger-ui-bundle.js").unwrap().status, 200);
}

#[test]
fn an_orderly_stop_keeps_everything_and_the_hash_is_proven() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 3);
    shop.reserved("A", "s1", 2);
    let info = shop.client.get("/v1/info").unwrap().json();
    let mut shop = shop.restarted();
    let again = shop.client.get("/v1/info").unwrap().json();
    assert_eq!(
        (&again["seq"], &again["state_hash"], &again["epoch"]),
        (&info["seq"], &info["state_hash"], &info["epoch"])
    );
    let (_folder, data) = shop.stopped();
    let proven = anaquel_loadtest::server::verify(anaquel_tests::binary(), &data).unwrap();
    assert_eq!(info["state_hash"], *proven);
}
