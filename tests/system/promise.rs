//! Between the shelf and the promise: rules, groups and quotas, as a client sees them.

use std::time::{Duration, Instant};

use anaquel_tests::Shop;
use anaquel_tests::calls::put;
use serde_json::{Value, json};

fn reserve(shop: &mut Shop, channel: &str, line: Value) -> anaquel_loadtest::client::Answer {
    shop.client.post("/v1/reservations", &json!({"channel": channel, "lines": [line]})).unwrap()
}

#[test]
fn a_rule_is_in_force_from_the_seq_of_its_answer_and_explains_itself() {
    let mut shop = Shop::default();
    shop.declare_channels(&["web"]);
    shop.receive("A", "s1", 10);
    put(&mut shop.client, "/v1/rules/all", &json!({"kind": "safety_stock", "units": 1}));
    let set = put(
        &mut shop.client,
        "/v1/rules/web-a",
        &json!({"kind": "safety_stock", "percent": 35, "skus": ["A"], "channels": ["web"]}),
    );
    let seq = set["seq"].as_u64().unwrap();
    let told = shop.client.get(&format!("/v1/availability?sku=A&channel=web&min_seq={seq}")).unwrap().json();
    assert_eq!((&told["items"][0]["available"], &told["items"][0]["safety_stock"]), (&json!(6), &json!(4)));
    assert_eq!(told["items"][0]["availability"], "InStock");
    let why = shop.client.get("/v1/rules/explain?sku=A&location=s1&channel=web").unwrap().json();
    assert_eq!(why["in_force"]["safety_stock"]["rule"], "web-a", "{why}");
    assert_eq!(
        why["result"],
        json!({"safety_stock": 4, "buffer": 0, "sells": true, "available": 6, "band": "in_stock", "exact": true})
    );
    let verdicts: Vec<_> = why["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["rule"].clone(), r["verdict"].clone(), r["loses_to"].clone()))
        .collect();
    assert_eq!(
        verdicts,
        [(json!("web-a"), json!("in_force"), Value::Null), (json!("all"), json!("loses"), json!("web-a"))]
    );

    let refused = reserve(&mut shop, "web", json!({"sku": "A", "location": "s1", "quantity": 8}));
    assert_eq!((refused.status, refused.slug().as_str()), (409, "insufficient-stock"));
    let line = refused.json()["lines"][0].clone();
    assert_eq!(
        (&line["constraint"], &line["rule"], &line["missing"]),
        (&json!("safety_stock"), &json!("web-a"), &json!(2))
    );
    assert_eq!(line["would_succeed"], json!({"quantity": 6, "locations": []}));

    // As an event, read back, listed, conditional, removed, and still so after a restart.
    let events = shop.client.get("/v1/events?after=0&limit=1000").unwrap().json();
    assert!(
        events["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|e| e["kind"] == "rules_set" && e["seq"] == seq && e["rules"][0]["rule"] == "web-a")
    );
    let listed = shop.client.get("/v1/rules?limit=1").unwrap().json();
    assert_eq!((&listed["items"][0]["rule"], &listed["next"]), (&json!("all"), &json!("all")));
    assert_eq!(shop.client.get("/v1/rules?after=all").unwrap().json()["items"][0]["rule"], "web-a");
    let mut shop = shop.killed_and_restarted();
    let read = shop.client.get("/v1/rules/web-a").unwrap().json();
    assert_eq!((&read["percent"], &read["in_force"]), (&json!(35), &json!(true)));
    assert_eq!(shop.client.delete("/v1/rules/web-a").unwrap().status, 200);
    assert_eq!(shop.client.delete("/v1/rules/web-a").unwrap().status, 404);
    assert_eq!(shop.client.get("/v1/rules/web-a").unwrap().status, 404);
    assert_eq!(shop.cell("A", "s1").2, 9);
}

#[test]
fn a_refusal_names_what_would_succeed() {
    let mut shop = Shop::default();
    for (store, latitude) in [("near", 40.5), ("far", 48.0), ("here", 40.4)] {
        put(
            &mut shop.client,
            &format!("/v1/locations/{store}"),
            &json!({"latitude": latitude, "longitude": -3.7, "ship": store == "far"}),
        );
    }
    shop.receive("A", "here", 1);
    shop.receive("A", "near", 5);
    shop.receive("A", "far", 9);
    let refused = reserve(&mut shop, "web", json!({"sku": "A", "location": "here", "quantity": 3})).json();
    let line = &refused["lines"][0];
    assert_eq!((&line["constraint"], &line["missing"]), (&json!("on_hand"), &json!(2)));
    assert_eq!(line["would_succeed"]["quantity"], 1);
    let others: Vec<_> = line["would_succeed"]["locations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (l["location"].clone(), l["ship"].clone()))
        .collect();
    assert_eq!(others, [(json!("near"), json!(false)), (json!("far"), json!(true))], "the nearest first");
    assert_eq!(line["would_succeed"]["locations"][0]["distance_km"], 11.1);
    // No pickup finder may show a store that its channel may not sell from.
    put(&mut shop.client, "/v1/rules/no", &json!({"kind": "access", "allow": false, "locations": ["near"]}));
    let refused = reserve(&mut shop, "web", json!({"sku": "A", "location": "here", "quantity": 3})).json();
    assert_eq!(refused["lines"][0]["would_succeed"]["locations"][0]["location"], "far");
    let refused = reserve(&mut shop, "web", json!({"sku": "A", "location": "near", "quantity": 3})).json();
    assert_eq!((&refused["lines"][0]["constraint"], &refused["lines"][0]["rule"]), (&json!("access"), &json!("no")));
}

#[test]
fn rules_by_date_turn_on_time_and_are_pushed() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 10);
    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1500);
    let mut socket = anaquel_loadtest::socket::Socket::connect(shop.server.address).unwrap();
    socket.send(&json!({"op": "subscribe", "id": "s", "skus": ["A"], "channel": "app"})).unwrap();
    put(
        &mut shop.client,
        "/v1/rules/sale",
        &json!({"kind": "safety_stock", "units": 7, "starts_at": start.to_string()}),
    );
    let deadline = Instant::now() + Duration::from_secs(20);
    let item = loop {
        assert!(Instant::now() < deadline, "it never turned");
        let item = socket.message().unwrap()["items"][0].clone();
        if item["available"] == 3 {
            break item;
        }
    };
    assert_eq!(item["safety_stock"], 7);
    let events = shop.client.get("/v1/events?after=0&limit=1000").unwrap().json();
    let turned = events["items"].as_array().unwrap().iter().find(|e| e["kind"] == "rules_turned").cloned().unwrap();
    assert_eq!(turned["rules"], json!([{"rule": "sale", "in_force": true}]));
    let at: jiff::Timestamp = turned["time"].as_str().unwrap().parse().unwrap();
    assert!(at.as_millisecond() >= start.as_millisecond(), "{at} against {start}");
}

#[test]
fn rules_come_and_go_as_files() {
    let mut shop = Shop::default();
    shop.declare_channels(&["web", "marketplace", "app"]);
    shop.receive("A", "s1", 1);
    shop.receive("B", "s1", 1);
    let csv = "rule,kind,skus,channels,units,allow,attributes,few_left,exact,percent,minimum,spill_over,starts_at\n\
        tees,safety_stock,A;B,,2,,,,,,,,\n\
        no-web,access,,web,,false,size=XL,,,,,,\n\
        shy,band,,marketplace,,,,5,false,,,,\n\
        share,quota,A,app,,,,,,30,4,true,2020-01-01T00:00:00Z\n\
        bad,safety_stock,,,,,,,,,,,\n\
        worse,nonsense,,,,,,,,,,,\n\
        mixed,access,,,3,true,,,,,,,\n";
    let loaded = shop.client.import("/v1/import/rules", csv.as_bytes()).unwrap().json();
    assert_eq!((&loaded["accepted"], &loaded["rejected"]), (&json!(4), &json!(3)), "{loaded}");
    let errors: Vec<_> = loaded["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["line"].as_u64().unwrap(), e["field"].clone()))
        .collect();
    assert_eq!(errors, [(6, json!("units")), (7, json!("kind")), (8, json!("units"))]);
    let again = shop.client.import("/v1/import/rules", csv.as_bytes()).unwrap().json();
    assert_eq!((&again["accepted"], &again["unchanged"]), (&json!(0), &json!(4)));
    let exported = shop.client.get("/v1/export/rules").unwrap();
    let text = String::from_utf8(exported.body.clone()).unwrap();
    let back = shop.client.import("/v1/import/rules", text.as_bytes()).unwrap().json();
    assert_eq!((&back["accepted"], &back["unchanged"]), (&json!(0), &json!(4)), "{text}");
    assert_eq!(shop.client.get("/v1/rules/share").unwrap().json()["percent"], 30);
}

#[test]
fn bad_rules_are_told_by_field() {
    let mut shop = Shop::default();
    shop.receive("A", "s0", 1);
    for (body, field) in [
        (json!({}), "kind"),
        (json!({"kind": "safety_stock"}), "units"),
        (json!({"kind": "safety_stock", "units": -1}), "units"),
        (json!({"kind": "safety_stock", "units": 1, "percent": 1}), "percent"),
        (json!({"kind": "safety_stock", "percent": 101}), "percent"),
        (json!({"kind": "safety_stock", "units": 1, "allow": true}), "allow"),
        (json!({"kind": "access"}), "allow"),
        (json!({"kind": "access", "allow": true, "skus": ["A", "\u{7}"]}), "skus[1]"),
        (json!({"kind": "access", "allow": true, "attributes": ["size"]}), "attributes[0]"),
        (json!({"kind": "access", "allow": true, "location_kinds": ["kiosk"]}), "location_kinds[0]"),
        (json!({"kind": "access", "allow": true, "starts_at": "tomorrow"}), "starts_at"),
        (
            json!({"kind": "access", "allow": true, "starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}),
            "ends_at",
        ),
        (json!({"kind": "quota", "spill_over": true}), "units"),
    ] {
        let refused = shop.client.put("/v1/rules/x", &body).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (400, &json!(field)), "{body}: {}", refused.json());
    }
    let unknown = shop.client.put("/v1/rules/x", &json!({"kind": "access", "allow": true, "colour": "red"})).unwrap();
    assert_eq!(unknown.status, 400);
    assert_eq!(shop.client.get("/v1/rules").unwrap().json()["items"], json!([]), "nothing of it was kept");
    assert_eq!(shop.client.get("/v1/rules/explain?sku=A&location=s1").unwrap().status, 404);
    assert_eq!(shop.client.get("/v1/rules/explain?location=s1").unwrap().json()["field"], "sku");
}

#[test]
fn a_private_channel_is_told_bands_and_never_numbers() {
    let mut shop = Shop::default();
    shop.declare_channels(&["web", "marketplace"]);
    shop.receive("A", "s1", 6);
    put(
        &mut shop.client,
        "/v1/rules/shy",
        &json!({"kind": "band", "few_left": 5, "exact": false, "channels": ["marketplace"]}),
    );
    let told = |shop: &mut Shop, channel: &str| {
        shop.client.get(&format!("/v1/availability?sku=A&channel={channel}")).unwrap().json()["items"][0].clone()
    };
    assert_eq!(
        told(&mut shop, "marketplace"),
        json!({"sku": "A", "location": "s1", "band": "in_stock", "availability": "InStock"})
    );
    assert_eq!(told(&mut shop, "web")["on_hand"], 6);
    let mut socket = anaquel_loadtest::socket::Socket::connect(shop.server.address).unwrap();
    socket.send(&json!({"op": "subscribe", "id": "s", "skus": ["A"], "channel": "marketplace"})).unwrap();
    let first = socket.message().unwrap();
    assert_eq!(first["items"][0], json!({"sku": "A", "location": "s1", "band": "in_stock"}));
    shop.reserved("A", "s1", 2);
    assert_eq!(told(&mut shop, "marketplace")["availability"], "LimitedAvailability");
    shop.reserved("A", "s1", 4);
    assert_eq!(told(&mut shop, "marketplace")["band"], "out_of_stock");
}

#[test]
fn a_promise_of_the_network_is_bound_moved_and_handed_over() {
    let mut shop = Shop::default();
    for store in ["a", "b", "c"] {
        put(&mut shop.client, &format!("/v1/locations/{store}"), &json!({}));
        shop.receive("A", store, 2);
    }
    put(&mut shop.client, "/v1/groups/g", &json!({"locations": ["a", "b"]}));
    let made = reserve(&mut shop, "web", json!({"sku": "A", "group": "g", "quantity": 3}));
    assert_eq!(made.status, 201, "{}", made.json());
    let made = made.json();
    assert_eq!(
        made["lines"],
        json!([{"sku": "A", "location": null, "group": "g", "requested": 3, "quantity": 3, "collected": 0}])
    );
    let group = shop.client.get("/v1/availability?sku=A&group=g").unwrap().json();
    assert_eq!(
        group["items"][0],
        json!({"sku": "A", "group": "g", "on_hand": 4, "reserved": 3, "available": 1, "locations": 2})
    );
    let refused = reserve(&mut shop, "web", json!({"sku": "A", "group": "g", "quantity": 2})).json();
    assert_eq!(
        (&refused["lines"][0]["constraint"], &refused["lines"][0]["group"], &refused["lines"][0]["available"]),
        (&json!("group"), &json!("g"), &json!(1))
    );
    assert_eq!(refused["lines"][0]["would_succeed"]["locations"][0]["location"], "c");
    assert_eq!(
        shop.client.get("/v1/reservations?location=a").unwrap().json()["items"],
        json!([]),
        "it is in no store yet"
    );
    shop.step(&made, "confirm", &json!({}));
    let early = shop.step(&made, "collect", &json!({}));
    assert_eq!((early.status, early.slug().as_str()), (409, "wrong-state"));
    let keyless = shop.step(&made, "bind", &json!({"lines": [{"sku": "A", "location": "b", "quantity": 2}]}));
    assert_eq!(keyless.status, 400, "{}", keyless.json());
    let bound = shop.step(&made, "bind", &json!({})).json();
    assert_eq!(bound["lines"].as_array().unwrap().len(), 2, "{bound}");
    assert!(bound["lines"].as_array().unwrap().iter().all(|line| line["location"].is_string() && line["group"] == "g"));
    let outside = shop.step(&made, "rebind", &json!({"lines": [{"sku": "A", "from": "a", "location": "c"}]}));
    assert_eq!(outside.status, 200, "{}", outside.json());
    assert_eq!(shop.cell("A", "a").1, 0);
    let full = shop.step(&made, "rebind", &json!({"lines": [{"sku": "A", "from": "b", "location": "c"}]}));
    assert_eq!((full.status, full.slug().as_str()), (409, "insufficient-stock"), "{}", full.json());
    let short = &full.json()["lines"][0];
    assert_eq!(
        [&short["sku"], &short["location"], &short["missing"]],
        [&json!("A"), &json!("c"), &json!(1)],
        "{short}"
    );
    let nowhere = shop.step(&made, "rebind", &json!({"lines": [{"sku": "A", "location": "nowhere"}]}));
    assert_eq!(nowhere.json()["field"], "lines[0].location");
    assert_eq!(shop.step(&made, "collect", &json!({})).json()["state"], "collected");
    assert_eq!((shop.cell("A", "b").0 + shop.cell("A", "c").0, shop.cell("A", "a").0), (1, 2));
    let both = shop
        .client
        .post(
            "/v1/reservations",
            &json!({"channel": "web", "lines": [{"sku": "A", "location": "a", "group": "g", "quantity": 1}]}),
        )
        .unwrap();
    assert_eq!(both.json()["field"], "lines[0].group");
    let record = shop.client.get(&format!("/v1/reservations/{}", made["id"].as_str().unwrap())).unwrap().json();
    let kinds: Vec<_> = record["history"].as_array().unwrap().iter().map(|step| step["kind"].clone()).collect();
    assert_eq!(kinds, ["reserved", "confirmed", "rebound", "rebound", "collected"]);
    let (folder, data) = shop.stopped();
    let verified =
        std::process::Command::new(anaquel_tests::binary()).args(["verify", "--data"]).arg(&data).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    drop(folder);
}

#[test]
fn a_quota_keeps_a_share_and_says_whose() {
    let mut shop = Shop::default();
    shop.declare_channels(&["web", "app"]);
    shop.receive("A", "s1", 10);
    put(
        &mut shop.client,
        "/v1/rules/app-share",
        &json!({"kind": "quota", "units": 4, "channels": ["app"], "skus": ["A"]}),
    );
    let refused = reserve(&mut shop, "web", json!({"sku": "A", "location": "s1", "quantity": 7})).json();
    let line = &refused["lines"][0];
    assert_eq!(
        (&line["constraint"], &line["rule"], &line["available"]),
        (&json!("quota"), &json!("app-share"), &json!(6))
    );
    assert_eq!(reserve(&mut shop, "web", json!({"sku": "A", "location": "s1", "quantity": 6})).status, 201);
    assert_eq!(reserve(&mut shop, "app", json!({"sku": "A", "location": "s1", "quantity": 4})).status, 201);
    assert_eq!(reserve(&mut shop, "app", json!({"sku": "A", "location": "s1", "quantity": 1})).status, 409);
}

#[test]
fn the_whole_basket_is_found_at_the_nearest_store_that_has_it() {
    let mut shop = Shop::default();
    shop.declare_channels(&["web"]);
    let hours = json!({"mon": "10:00-20:00", "tue": "10:00-20:00", "wed": "10:00-20:00", "thu": "10:00-20:00", "fri": "10:00-20:00"});
    for (store, latitude, more) in [
        ("near", 40.42, json!({"transfer_group": "madrid", "transfer_minutes": 60})),
        ("next", 40.50, json!({})),
        ("far", 41.39, json!({})),
        ("closed", 40.41, json!({"pickup": false})),
    ] {
        let mut body = json!({"latitude": latitude, "longitude": -3.70, "timezone": "Europe/Madrid", "hours": hours, "pickup_cutoff": "18:00", "pickup_minutes": 120});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        put(&mut shop.client, &format!("/v1/locations/{store}"), &body);
    }
    for (sku, store, units) in [
        ("A", "near", 5),
        ("A", "next", 2),
        ("B", "next", 2),
        ("A", "far", 9),
        ("B", "far", 9),
        ("A", "closed", 9),
        ("B", "closed", 9),
    ] {
        shop.receive(sku, store, units);
    }
    // A Friday noon in Madrid.
    let path = "/v1/pickup?sku=A:2&sku=B:1&near=40.41,-3.70&radius_km=30&channel=web&at=2026-11-20T11:00:00Z";
    let found = shop.client.get(path).unwrap().json();
    let places: Vec<_> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["location"].clone(), p["complete"].clone(), p["ready_at"].clone()))
        .collect();
    assert_eq!(
        places,
        [(json!("next"), json!(true), json!("2026-11-20T13:00:00.000Z")), (json!("near"), json!(false), Value::Null),],
        "{found}"
    );
    assert_eq!(
        found["items"][1]["lines"][1],
        json!({"sku": "B", "requested": 1, "available": 0, "missing": 1, "from": null})
    );
    assert_eq!(found["items"][0]["distance_km"], 10.0);
    // With a neighbour to bring it, the near one can, too, an hour of transport later.
    put(&mut shop.client, "/v1/groups/madrid", &json!({"locations": ["near", "next"]}));
    let found = shop.client.get(path).unwrap().json();
    let near = &found["items"][1];
    assert_eq!(
        (&near["location"], &near["complete"], &near["ready_at"]),
        (&json!("near"), &json!(true), &json!("2026-11-20T14:00:00.000Z"))
    );
    assert_eq!(near["lines"][1]["from"], "next");
    // A store that the channel may not sell from is never shown, nor one that is empty.
    put(
        &mut shop.client,
        "/v1/rules/no",
        &json!({"kind": "access", "allow": false, "locations": ["next"], "channels": ["web"]}),
    );
    let found = shop.client.get(path).unwrap().json();
    assert!(
        found["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|place| place["complete"] == false && place["location"] == "near"),
        "{found}"
    );
    let anywhere = shop.client.get("/v1/pickup?sku=A:2&sku=B:1&channel=web").unwrap().json();
    assert_eq!(anywhere["items"][0]["location"], "far");
    assert_eq!(shop.client.get("/v1/pickup?sku=A&sku=NOPE").unwrap().json()["unknown"], json!(["NOPE"]));
    for (query, field) in [
        ("", "sku"),
        ("sku=A:0", "sku"),
        ("sku=A&near=x", "near"),
        ("sku=A&near=91,0", "near"),
        ("sku=A&radius_km=5", "near"),
        ("sku=A&near=1,1&radius_km=-1", "radius_km"),
        ("sku=A&limit=0", "limit"),
        ("sku=A&colour=red", "colour"),
    ] {
        let refused = shop.client.get(&format!("/v1/pickup?{query}")).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (400, &json!(field)), "{query}: {}", refused.json());
    }
    let read = shop.client.get("/v1/locations/near").unwrap().json();
    assert_eq!(
        (&read["hours"]["mon"], &read["transfer_group"], &read["pickup_minutes"]),
        (&json!("10:00-20:00"), &json!("madrid"), &json!(120))
    );
    let exported = shop.client.get("/v1/export/locations").unwrap().body;
    let again = shop.client.import("/v1/import/locations", &exported).unwrap().json();
    assert_eq!((&again["accepted"], &again["unchanged"]), (&json!(0), &json!(4)), "{again}");
    let bad = shop.client.put("/v1/locations/x", &json!({"hours": {"mon": "20:00-10:00"}})).unwrap();
    assert_eq!((bad.status, &bad.json()["field"]), (400, &json!("hours")));
}
