//! Careful defaults over the wire: what a PUT leaves out, what nobody declared, and what is retired.

use anaquel_loadtest::client::Answer;
use anaquel_loadtest::socket::Socket;
use anaquel_tests::Shop;
use anaquel_tests::house::{House, ask};
use serde_json::{Map, Value, json};

/// Sets something; the thing as it is then, without its `seq`.
fn put(shop: &mut Shop, path: &str, body: &Value) -> Value {
    let answer = shop.client.put(path, body).unwrap();
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.json());
    let mut thing = answer.json();
    thing.as_object_mut().unwrap().remove("seq");
    thing
}

fn told(answer: &Answer) -> (u16, String, Value, String) {
    let body = answer.json();
    let detail = body["detail"].as_str().unwrap_or_default().to_owned();
    (answer.status, answer.slug(), body["field"].clone(), detail)
}

#[test]
fn what_a_put_leaves_out_stays_and_null_takes_it_out() {
    let mut shop = Shop::default();
    let closed = ["tue", "wed", "thu", "fri", "sat", "sun"].map(|day| (day.to_owned(), json!("closed")));
    let hours: Map<String, Value> =
        [("mon".to_owned(), json!("10:00-14:00,17:00-20:00"))].into_iter().chain(closed).collect();
    // Every field of everything that is set: first all of them, then each alone.
    let things = [
        (
            "/v1/skus/A",
            json!({"name": "T", "gtin": "4006381333931", "unit": "kg", "decimals": 3, "product": "P",
                "categories": ["c"], "attributes": {"size": "XL", "colour": "red"}}),
            json!({"name": null, "gtin": null, "unit": null, "decimals": 0, "product": null, "categories": [],
                "attributes": {}}),
        ),
        (
            "/v1/locations/L",
            json!({"name": "One", "kind": "warehouse", "latitude": 40.5, "longitude": -3.5, "timezone": "Europe/Madrid",
                "pickup": false, "ship": false, "groups": ["g"], "hours": hours,
                "special_hours": [{"date": "2027-01-05", "hours": ["10:00-22:00"]}, {"date": "2027-01-06", "hours": []}],
                "pickup_cutoff": "18:00", "pickup_minutes": 30, "transfer_group": "h", "transfer_minutes": 60,
                "currency": "EUR", "address": "Calle 1, Madrid", "barcodes": ["21IIIIIPPPPPC", "2IIIIIIWWWWWC"]}),
            json!({"name": null, "kind": "store", "latitude": null, "longitude": null, "timezone": null, "pickup": true,
                "ship": true, "groups": [], "hours": null, "special_hours": [], "pickup_cutoff": null, "pickup_minutes": 0, "transfer_group": null,
                "currency": null, "address": null, "barcodes": []}),
        ),
        ("/v1/groups/g2", json!({"locations": ["L"]}), json!({"locations": []})),
        ("/v1/channels/web", json!({"buffer": 3}), json!({"buffer": 0})),
    ];
    for (path, all, empty) in things {
        let set = put(&mut shop, path, &all);
        for (field, value) in all.as_object().unwrap() {
            let is_group = field == "groups";
            assert!(&set[field] == value || is_group && set[field][0] == "g", "{path} {field}: {set}");
        }
        let seq = shop.seq();
        assert_eq!(put(&mut shop, path, &json!({})), set, "{path}: nothing is said");
        // Each field once more as it is, and nothing else.
        for (field, value) in all.as_object().unwrap().iter().filter(|(field, _)| !field.ends_with("itude")) {
            let groups = if field == "groups" { set[field].clone() } else { value.clone() };
            assert_eq!(put(&mut shop, path, &json!({field: groups})), set, "{path} {field}");
        }
        assert_eq!(shop.seq(), seq, "{path}: what says what is known logs nothing");
        for (field, value) in empty.as_object().unwrap() {
            let body = match field.as_str() {
                "latitude" | "longitude" => json!({"latitude": null, "longitude": null}),
                _ => json!({field: null}),
            };
            let after = put(&mut shop, path, &body);
            assert_eq!(&after[field], value, "{path}: {body} leads to {after}");
            let wrong = shop.client.put(path, &json!({field: null, "colour": 1})).unwrap();
            let (status, slug, _, detail) = told(&wrong);
            assert_eq!((status, slug.as_str()), (400, "invalid-request"), "{path}: {detail}");
            assert!(detail.contains("colour"), "an unknown field is refused by name: {detail}");
        }
        // All of it again, lists emptied instead of null, and as it is after a kill.
        put(&mut shop, path, &all);
        for (field, value) in empty.as_object().unwrap().iter().filter(|(_, value)| value.is_array()) {
            assert_eq!(&put(&mut shop, path, &json!({field: []}))[field], value, "{path} {field}");
        }
        let last = shop.client.get(path).unwrap().json();
        shop = shop.killed_and_restarted();
        assert_eq!(shop.client.get(path).unwrap().json(), last);
    }
    // What was said before is kept by whoever says something else, also in a file.
    put(&mut shop, "/v1/locations/S", &json!({"pickup": false, "name": "S"}));
    put(&mut shop, "/v1/locations/S", &json!({"timezone": "Europe/Madrid"}));
    shop.client.import("/v1/import/locations", b"location,ship\nS,false\n").unwrap();
    let read = shop.client.get("/v1/locations/S").unwrap().json();
    assert_eq!((&read["pickup"], &read["ship"], &read["name"]), (&json!(false), &json!(false), &json!("S")));
    let half = shop.client.put("/v1/locations/S", &json!({"latitude": 1.0})).unwrap();
    assert_eq!(told(&half).2, json!("longitude"));
    let minutes = shop.client.put("/v1/locations/S", &json!({"transfer_minutes": 5})).unwrap();
    assert_eq!(told(&minutes).2, json!("transfer_minutes"));
}

/// Retires something; the answer.
fn delete(shop: &mut Shop, path: &str, headers: &[(&str, &str)]) -> Answer {
    shop.client.send("DELETE", path, headers, b"").unwrap()
}

#[test]
fn a_thing_is_retired_when_nothing_holds_it() {
    let mut shop = Shop::default();
    shop.declare_channels(&["web", "app"]);
    put(&mut shop, "/v1/skus/A", &json!({"name": "first"}));
    put(&mut shop, "/v1/locations/s%2F1", &json!({"groups": ["g"]}));
    put(&mut shop, "/v1/rules/r", &json!({"kind": "safety_stock", "units": 0, "skus": ["A"], "channels": ["web"]}));
    shop.client.import("/v1/import/prices", b"sku,currency,amount,channel,location\nA,EUR,5,web,s/1\n").unwrap();
    shop.receive("A", "s/1", 2);
    let hold = shop.reserved("A", "s/1", 1);
    let all = ["/v1/skus/A", "/v1/locations/s%2F1", "/v1/groups/g", "/v1/channels/web"];
    let holders = [
        json!({"stock": {"count": 1, "some": ["s/1"]}, "reservations": {"count": 1, "some": []},
            "rules": {"count": 1, "some": ["r"]}}),
        json!({"stock": {"count": 1, "some": []}, "reservations": {"count": 1, "some": []},
            "groups": {"count": 1, "some": ["g"]}, "prices": {"count": 1, "some": []}}),
        json!({"locations": {"count": 1, "some": ["s/1"]}}),
        json!({"reservations": {"count": 1, "some": []}, "rules": {"count": 1, "some": ["r"]},
            "prices": {"count": 1, "some": []}}),
    ];
    let seq = shop.seq();
    for (path, holders) in all.into_iter().zip(&holders) {
        let refused = delete(&mut shop, path, &[]);
        assert_eq!((refused.status, refused.slug().as_str()), (409, "wrong-state"), "{path}: {}", refused.json());
        assert_eq!(&refused.json()["held_by"], holders, "{path}");
        assert!(refused.json()["detail"].as_str().unwrap().contains("is held by"), "{}", refused.json());
    }
    assert_eq!(shop.seq(), seq, "a refusal leaves nothing");
    // Nothing that is not there, whatever its id looks like; no body, no other version.
    for kind in ["skus", "locations", "groups", "channels"] {
        for id in ["nobody", "%20", "%C3%A9", "a%00b", &"x".repeat(400), "..%2F", "'%3B--"] {
            let path = format!("/v1/{kind}/{id}");
            for method in ["GET", "DELETE"] {
                let answer = shop.client.send(method, &path, &[], b"").unwrap();
                assert_eq!((answer.status, answer.slug().as_str()), (404, "not-found"), "{method} {path}");
            }
        }
    }
    let json_type = [("Content-Type", "application/json")];
    let body = shop.client.send("DELETE", "/v1/skus/A", &json_type, br#"{"force": true}"#).unwrap();
    assert!(body.status == 400 && body.json()["detail"].as_str().unwrap().contains("force"), "{}", body.json());
    // What holds it goes.
    assert_eq!(shop.step(&hold, "confirm", &json!({})).status, 200);
    assert_eq!(shop.step(&hold, "collect", &json!({})).json()["state"], "collected");
    let sale = json!({"movements": [{"kind": "sale", "sku": "A", "location": "s/1", "quantity": 1}]});
    assert_eq!(shop.client.post("/v1/stock/movements", &sale).unwrap().status, 200);
    assert_eq!(shop.client.delete("/v1/rules/r").unwrap().status, 200);
    put(&mut shop, "/v1/groups/g", &json!({"locations": null}));
    let tag = shop.client.get("/v1/skus/A").unwrap().header("etag").unwrap().to_owned();
    let stale = delete(&mut shop, "/v1/skus/A", &[("If-Match", "\"1\"")]);
    assert_eq!((stale.status, stale.slug().as_str()), (412, "stale-version"));
    let mut told = Vec::new();
    for (nth, path) in all.into_iter().enumerate() {
        let key = format!("k{nth}");
        let tag = if nth == 0 { tag.clone() } else { "*".to_owned() };
        let headers = [("Idempotency-Key", key.as_str()), ("If-Match", tag.as_str())];
        let first = delete(&mut shop, path, &headers);
        assert_eq!((first.status, first.header("idempotent-replayed")), (200, None), "{path}: {}", first.json());
        assert_eq!((&first.json()["retired"], first.json()["seq"].is_u64()), (&json!(true), true), "{}", first.json());
        told.push(first.json());
    }
    // Twice, after a kill, under the key and without.
    let mut shop = shop.killed_and_restarted();
    for (nth, path) in all.into_iter().enumerate() {
        let again = delete(&mut shop, path, &[("Idempotency-Key", &format!("k{nth}")), ("If-Match", "*")]);
        assert_eq!((again.json(), again.header("idempotent-replayed")), (told[nth].clone(), Some("true")), "{path}");
        assert_eq!(delete(&mut shop, path, &[]).status, 404, "{path}");
        assert_eq!(shop.client.get(path).unwrap().status, 404, "{path}");
    }
    let listed = |shop: &mut Shop, path: &str| shop.client.get(path).unwrap().json()["items"].as_array().unwrap().len();
    let lists = ["/v1/skus", "/v1/locations", "/v1/groups", "/v1/channels"];
    assert_eq!(lists.map(|path| listed(&mut shop, path)), [0, 0, 0, 1]);
    let availability = shop.client.get("/v1/availability?sku=A").unwrap().json();
    assert_eq!((&availability["items"], &availability["unknown"]), (&json!([]), &json!(["A"])));
    // Nothing new, and what was is told by its name.
    let refused = shop.reserve("A", "s/1", 1);
    assert_eq!((refused.status, refused.json()["field"].clone()), (400, json!("channel")), "{}", refused.json());
    let record = shop.client.get(&format!("/v1/reservations/{}", hold["id"].as_str().unwrap())).unwrap().json();
    assert_eq!((&record["channel"], &record["lines"][0]["sku"]), (&json!("web"), &json!("A")));
    assert_eq!(record["lines"][0]["location"], "s/1");
    let events = shop.client.get("/v1/events?after=0&limit=1000").unwrap().json();
    let retired: Vec<_> =
        events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "retired").collect();
    assert_eq!((retired.len(), &retired[1]["locations"]), (4, &json!(["s/1"])), "{events}");
    for kind in ["skus", "locations", "groups", "stock", "prices"] {
        let text = String::from_utf8(shop.client.get(&format!("/v1/export/{kind}")).unwrap().body).unwrap();
        assert_eq!(text.lines().count(), 1, "{kind}: {text}");
    }
    // Declared again, a thing begins anew.
    let sku = put(&mut shop, "/v1/skus/A", &json!({}));
    assert_eq!((&sku["name"], &sku["declared"]), (&Value::Null, &json!(true)));
    put(&mut shop, "/v1/locations/s%2F1", &json!({}));
    put(&mut shop, "/v1/channels/web", &json!({}));
    shop.receive("A", "s/1", 1);
    shop.reserved("A", "s/1", 1);
    assert_eq!(shop.client.get("/v1/prices?sku=A").unwrap().json()["items"], json!([]));
    let (folder, data) = shop.stopped();
    anaquel_loadtest::server::verify(anaquel_tests::binary(), &data).unwrap();
    drop(folder);
}

#[test]
fn what_lies_in_quarantine_holds_its_location() {
    let mut shop = Shop::default();
    put(&mut shop, "/v1/skus/A", &json!({}));
    put(&mut shop, "/v1/locations/s1", &json!({}));
    let back = json!({"kind": "return", "sku": "A", "location": "s1", "quantity": 1, "condition": "inspect"});
    let moved = shop.client.post("/v1/stock/movements", &json!({"movements": [back]})).unwrap().json();
    let quarantine = moved["items"][0]["location"].as_str().unwrap().to_owned();
    let refused = delete(&mut shop, "/v1/locations/s1", &[]);
    let held = json!({"quarantine": {"count": 1, "some": []}});
    assert_eq!((refused.status, &refused.json()["held_by"]), (409, &held), "{}", refused.json());
    let inside = format!("/v1/locations/{quarantine}");
    let (status, _, field, detail) = told(&delete(&mut shop, &inside, &[]));
    assert_eq!((status, field), (400, json!("location")), "{detail}");
    let broken = json!({"kind": "damage", "sku": "A", "location": quarantine, "quantity": 1});
    assert_eq!(shop.client.post("/v1/stock/movements", &json!({"movements": [broken]})).unwrap().status, 200);
    assert_eq!(delete(&mut shop, "/v1/locations/s1", &[]).status, 200);
    let mut shop = shop.killed_and_restarted();
    for path in ["/v1/locations/s1", &inside] {
        assert_eq!(shop.client.get(path).unwrap().status, 404, "{path}");
    }
    assert_eq!(shop.client.get("/v1/stock?sku=A&quarantine=true").unwrap().json()["items"], json!([]));
    assert_eq!(shop.client.get("/v1/locations?quarantine=true").unwrap().json()["items"], json!([]));
    put(&mut shop, "/v1/locations/s1", &json!({}));
    assert_eq!(shop.client.get(&inside).unwrap().json()["quarantine_of"], "s1");
}

#[test]
fn who_may_not_import_may_not_retire() {
    let house = House::default();
    let (admin, till) = (house.key("admin", &["admin"], &[]), house.key("till", &["stock", "reserve", "read"], &[]));
    let server = house.serve(&[]);
    let mut client = server.client();
    for path in ["/v1/skus/A", "/v1/locations/s1", "/v1/groups/g", "/v1/channels/web"] {
        assert_eq!(ask(&mut client, &admin, "PUT", path, &json!({})).status, 200);
        assert_eq!(ask(&mut client, &till, "DELETE", path, &Value::Null).slug(), "forbidden", "{path}");
        assert_eq!(ask(&mut client, &admin, "DELETE", path, &Value::Null).status, 200, "{path}");
    }
    server.stop().unwrap();
}

#[test]
fn a_page_that_listens_hears_what_is_retired() {
    let mut shop = Shop::default();
    for location in ["s1", "s2"] {
        shop.receive("A", location, 1);
    }
    let mut socket = Socket::connect(shop.server.address).unwrap();
    socket.send(&json!({"op": "subscribe", "id": "s", "skus": ["A"]})).unwrap();
    assert_eq!(socket.message().unwrap()["items"].as_array().unwrap().len(), 2);
    let count = json!({"counts": [{"sku": "A", "location": "s1", "on_hand": 0}]});
    assert_eq!(shop.client.post("/v1/stock/counts", &count).unwrap().status, 200);
    assert_eq!(delete(&mut shop, "/v1/locations/s1", &[]).status, 200);
    let mut removed = Value::Null;
    // Bound: the count, the retirement, and heartbeats in between.
    for _ in 0..10 {
        removed = socket.message().unwrap()["removed"].clone();
        if removed.as_array().is_some_and(|cells| !cells.is_empty()) {
            break;
        }
    }
    assert_eq!(removed, json!([{"sku": "A", "location": "s1"}]));
}

#[test]
fn what_a_movement_made_up_is_flagged_and_listed_until_somebody_settles_it() {
    let mut shop = Shop::default();
    put(&mut shop, "/v1/skus/A", &json!({}));
    put(&mut shop, "/v1/locations/s1", &json!({"groups": ["g"]}));
    let movement = |kind: &str, sku: &str, location: &str| json!({"movements": [{"kind": kind, "sku": sku, "location": location, "quantity": 1}]});
    for (kind, sku, location) in [("sale", "TYPO", "s1"), ("receipt", "A", "ghost"), ("receipt", "A", "s1")] {
        let answer = shop.client.post("/v1/stock/movements", &movement(kind, sku, location)).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    }
    let names = |shop: &mut Shop, path: &str, field: &str| -> Vec<Value> {
        let page = shop.client.get(path).unwrap();
        assert_eq!(page.status, 200, "{path}: {}", page.json());
        page.json()["items"].as_array().unwrap().iter().map(|item| item[field].clone()).collect()
    };
    let mut shop = shop.killed_and_restarted();
    assert_eq!(names(&mut shop, "/v1/skus?declared=false", "sku"), [json!("TYPO")]);
    assert_eq!(names(&mut shop, "/v1/skus?declared=true", "sku"), [json!("A")]);
    assert_eq!(names(&mut shop, "/v1/locations?declared=false", "location"), [json!("ghost")]);
    assert_eq!(names(&mut shop, "/v1/locations", "declared"), [json!(true), json!(false)]);
    assert_eq!(shop.client.get("/v1/skus/TYPO").unwrap().json()["declared"], false);
    assert_eq!(told(&shop.client.get("/v1/skus?declared=perhaps").unwrap()).2, json!("declared"));
    // A place that nobody declared hands nothing out to who fetches.
    let found = shop.client.get("/v1/pickup?sku=A").unwrap().json();
    let places: Vec<_> = found["items"].as_array().unwrap().iter().map(|place| place["location"].clone()).collect();
    assert_eq!(places, [json!("s1")], "{found}");
    // Nor is it offered in place of another, whatever it is asked for.
    let offered = |shop: &mut Shop, purpose: &str| {
        let line = json!({"sku": "A", "location": "s1", "quantity": 2});
        let body = json!({"channel": "web", "purpose": purpose, "lines": [line]});
        let refused = shop.client.post("/v1/reservations", &body).unwrap();
        assert_eq!(refused.status, 409, "{}", refused.json());
        refused.json()["lines"][0]["would_succeed"]["locations"].clone()
    };
    let more = json!({"movements": [{"kind": "receipt", "sku": "A", "location": "ghost", "quantity": 5}]});
    assert_eq!(shop.client.post("/v1/stock/movements", &more).unwrap().status, 200);
    for purpose in ["cart", "pickup", "delivery"] {
        assert_eq!(offered(&mut shop, purpose), json!([]), "{purpose}");
    }
    // One is declared, the other put right and retired.
    put(&mut shop, "/v1/locations/ghost", &json!({}));
    let count = json!({"counts": [{"sku": "TYPO", "location": "s1", "on_hand": 0}]});
    assert_eq!(delete(&mut shop, "/v1/skus/TYPO", &[]).status, 409);
    assert_eq!(shop.client.post("/v1/stock/counts", &count).unwrap().status, 200);
    assert_eq!(delete(&mut shop, "/v1/skus/TYPO", &[]).status, 200);
    assert_eq!(names(&mut shop, "/v1/skus?declared=false", "sku"), Vec::<Value>::new());
    assert_eq!(names(&mut shop, "/v1/locations?declared=false", "location"), Vec::<Value>::new());
    let found = shop.client.get("/v1/pickup?sku=A").unwrap().json();
    assert_eq!(found["items"].as_array().unwrap().len(), 2, "{found}");
    assert_eq!(offered(&mut shop, "cart")[0]["location"], "ghost", "once it is declared");
}

#[test]
fn a_setting_refuses_what_nobody_declared() {
    let house = House::default();
    let server = house.serve_with("[skus]\nundeclared = \"refuse\"\n[locations]\nundeclared = \"refuse\"\n");
    let mut client = server.client();
    for path in ["/v1/skus/A", "/v1/locations/s1"] {
        assert_eq!(client.put(path, &json!({})).unwrap().status, 200);
    }
    let mut move_one = |kind: &str, sku: &str, location: &str| {
        let body = json!({"movements": [{"kind": kind, "sku": sku, "location": location, "quantity": 1}]});
        client.post("/v1/stock/movements", &body).unwrap()
    };
    for kind in ["sale", "receipt"] {
        assert_eq!(move_one(kind, "A", "s1").status, 200);
        for (sku, location, field, setting) in [
            ("TYPO", "s1", "movements[0].sku", "skus.undeclared"),
            ("A", "ghost", "movements[0].location", "locations.undeclared"),
        ] {
            let (status, slug, told_field, detail) = told(&move_one(kind, sku, location));
            assert_eq!((status, slug.as_str(), told_field), (400, "invalid-request", json!(field)), "{detail}");
            assert!(detail.contains(setting) && detail.contains("PUT /v1/"), "{detail}");
        }
    }
    let count = json!({"counts": [{"sku": "TYPO", "location": "s1", "on_hand": 1}]});
    assert_eq!(told(&client.post("/v1/stock/counts", &count).unwrap()).2, json!("counts[0].sku"));
    server.stop().unwrap();
}

#[test]
fn rules_and_supply_name_only_what_there_is_and_create_nothing() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1);
    shop.declare_channels(&["web"]);
    let seq = shop.seq();
    // Every list, every place in it, each by its name.
    for list in ["skus", "locations", "groups", "channels"] {
        let known = match list {
            "skus" => vec!["A"],
            "locations" => vec!["s1"],
            "channels" => vec!["web"],
            _ => Vec::new(),
        };
        let at = known.len();
        let names: Vec<&str> = known.into_iter().chain(["nobody"]).collect();
        for body in [
            json!({"kind": "safety_stock", "units": 1, list: names}),
            json!({"kind": "access", "allow": false, list: names}),
        ] {
            let (status, slug, field, detail) = told(&shop.client.put("/v1/rules/r", &body).unwrap());
            assert_eq!(
                (status, slug.as_str(), field),
                (400, "invalid-request", json!(format!("{list}[{at}]"))),
                "{detail}"
            );
            assert!(detail.contains("nobody"), "{detail}");
        }
        let csv = format!("rule,kind,units,{list}\nbad,safety_stock,1,nobody\n");
        let loaded = shop.client.import("/v1/import/rules", csv.as_bytes()).unwrap().json();
        assert_eq!((&loaded["rejected"], &loaded["errors"][0]["line"]), (&json!(1), &json!(2)), "{loaded}");
    }
    for (sku, location, field) in [("nobody", "s1", "sku"), ("A", "nobody", "location")] {
        let row = json!({"supply": "P", "sku": sku, "location": location, "quantity": 1, "expected_at": "2100-01-01T00:00:00Z"});
        let (status, _, told_field, detail) =
            told(&shop.client.put("/v1/supply", &json!({"supplies": [row]})).unwrap());
        assert_eq!((status, told_field), (400, json!(format!("supplies[0].{field}"))), "{detail}");
        assert!(detail.contains("nobody"), "{detail}");
        let csv = format!("supply,sku,location,quantity,expected_at\nP,{sku},{location},1,2100-01-01T00:00:00Z\n");
        let loaded = shop.client.import("/v1/import/supply", csv.as_bytes()).unwrap().json();
        assert_eq!((&loaded["rejected"], &loaded["errors"][0]["field"]), (&json!(1), &json!(field)), "{loaded}");
    }
    let events = shop.client.get(&format!("/v1/events?after={seq}&limit=1000")).unwrap().json();
    assert!(!events.to_string().contains("\"defined\""), "nothing was created: {events}");
    for path in ["/v1/skus/nobody", "/v1/locations/nobody", "/v1/groups/nobody", "/v1/channels/nobody"] {
        assert_eq!(shop.client.get(path).unwrap().status, 404, "{path}");
    }
}
