//! What is to come, as a client sees it: dated supply, promises that wait for it, and what happens when it fails.

use anaquel_tests::Shop;
use serde_json::{Value, json};

const SOON: &str = "2100-01-05T09:00:00.000Z";
const LATER: &str = "2100-02-01T09:00:00.000Z";
const LATEST: &str = "2100-03-01T00:00:00Z";

fn supply(shop: &mut Shop, supply: &str, quantity: i64, expected_at: &str) -> Value {
    let row = json!({"supply": supply, "sku": "A", "location": "s1", "quantity": quantity, "expected_at": expected_at});
    let answer = shop.client.put("/v1/supply", &json!({"supplies": [row]})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

fn order(quantity: i64, latest: Option<&str>) -> Value {
    let mut line = json!({"sku": "A", "location": "s1", "quantity": quantity});
    if let Some(latest) = latest {
        line["latest"] = latest.into();
    }
    json!({"channel": "web", "order": "W-1", "lines": [line], "confirm": true})
}

fn availability(shop: &mut Shop, sku: &str) -> Value {
    shop.client.get(&format!("/v1/availability?sku={sku}")).unwrap().json()["items"][0].clone()
}

fn line_of(shop: &mut Shop, record: &Value) -> Value {
    let path = format!("/v1/reservations/{}", record["id"].as_str().unwrap());
    shop.client.get(&path).unwrap().json()["lines"][0].clone()
}

#[test]
fn supply_is_promised_filled_and_told_when_it_fails() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1);
    let set = supply(&mut shop, "PO-1", 3, SOON);
    assert_eq!(set["items"][0]["supplies"][0]["supply"], "PO-1", "{set}");
    let cell = availability(&mut shop, "A");
    assert_eq!((&cell["available"], &cell["incoming"], &cell["orderable"]), (&json!(1), &json!(3), &json!(4)));

    // Without a date only what is there; the refusal says from when on it could be had.
    let refused = shop.client.post("/v1/reservations", &order(3, None)).unwrap();
    let told = refused.json()["lines"][0].clone();
    assert_eq!((refused.status, &told["constraint"]), (409, &json!("on_hand")), "{told}");
    assert_eq!(told["would_succeed"], json!({"quantity": 1, "locations": [], "latest": SOON}));
    let asked = order(3, Some(LATEST));
    let made = shop.client.post_keyed("/v1/reservations", "k1", &asked).unwrap();
    assert_eq!(made.status, 201, "{}", made.json());
    let record = made.json();
    let line = json!({"sku": "A", "location": "s1", "requested": 3, "quantity": 3, "collected": 0, "waiting": 2,
        "promised_for": SOON, "expected_at": SOON, "at_risk": false});
    assert_eq!(record["lines"][0], line);
    let cell = availability(&mut shop, "A");
    assert_eq!((&cell["availability"], &cell["orderable"]), (&json!("BackOrder"), &json!(1)), "{cell}");
    assert_eq!(cell["reserved"], 1, "what is to come is promised, not reserved");
    let again = shop.client.post_keyed("/v1/reservations", "k1", &asked).unwrap();
    assert_eq!((again.json(), again.header("idempotent-replayed")), (record.clone(), Some("true")));
    let refused = shop.client.post("/v1/reservations", &order(2, Some(LATEST))).unwrap().json();
    assert_eq!((&refused["lines"][0]["constraint"], &refused["lines"][0]["available"]), (&json!("supply"), &json!(1)));

    // Late: named, pushed in the log, listed.
    let seq = shop.seq();
    let late = supply(&mut shop, "PO-1", 3, LATER);
    assert_eq!(late["items"][0]["at_risk"][0]["reservation"], record["id"]);
    let events = shop.client.get(&format!("/v1/events?after={seq}&wait=5")).unwrap().json();
    let kinds: Vec<_> = events["items"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["supply_set", "promises_dated"], "{events}");
    let promise = &events["items"][1]["promises"][0];
    assert_eq!(
        (&promise["order"], &promise["at_risk"], &promise["expected_at"]),
        (&json!("W-1"), &json!(true), &json!(LATER))
    );
    let short = shop.client.get("/v1/shortages").unwrap().json();
    assert_eq!(short["items"][0]["waiting"][0]["expected_at"], LATER, "{short}");
    assert_eq!(line_of(&mut shop, &record)["at_risk"], true);

    // Not all of it can be handed over; what comes fills it in the same record, also after a kill.
    let collect = shop.step(&record, "collect", &json!({}));
    assert_eq!((collect.status, collect.slug().as_str()), (409, "wrong-state"));
    let mut shop = shop.killed_and_restarted();
    let seq = shop.seq();
    let movement = json!({"kind": "receipt", "sku": "A", "location": "s1", "quantity": 2});
    let moved = shop.client.post("/v1/stock/movements", &json!({"movements": [movement]})).unwrap().json();
    let after = (&moved["items"][0]["on_hand"], &moved["items"][0]["reserved"], &moved["items"][0]["available"]);
    assert_eq!(after, (&json!(3), &json!(3), &json!(0)));
    let events = shop.client.get(&format!("/v1/events?after={seq}")).unwrap().json();
    let received = &events["items"][0];
    assert_eq!((&received["kind"], &received["seq"]), (&json!("received"), &moved["seq"]));
    assert_eq!(
        received["supplies"][0],
        json!({"supply": "PO-1", "sku": "A", "location": "s1", "quantity": 2, "left": 1})
    );
    assert_eq!(received["filled"][0]["reservation"], record["id"]);
    let line = line_of(&mut shop, &record);
    assert_eq!((&line["waiting"], &line["at_risk"], &line["expected_at"]), (&json!(0), &json!(false), &Value::Null));
    assert_eq!(shop.step(&record, "collect", &json!({})).json()["state"], "collected");
    assert_eq!(shop.client.get("/v1/shortages").unwrap().json()["items"], json!([]));
    let left = shop.client.get("/v1/supply?sku=A").unwrap().json();
    assert_eq!((&left["items"][0]["incoming"], &left["items"][0]["waiting"]), (&json!(1), &json!(0)));
    shop.stopped();
}

#[test]
fn allowances_and_limits_are_rules() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1);
    let mut put = |path: &str, body: Value| {
        let answer = shop.client.put(path, &body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    };
    put("/v1/skus/NEW", json!({}));
    put("/v1/locations/s1", json!({}));
    put("/v1/rules/soon", json!({"kind": "preorder", "units": 2, "available_at": LATER, "skus": ["NEW"]}));
    put("/v1/rules/back", json!({"kind": "backorder", "units": 3, "lead_days": 7, "categories": ["basics"]}));
    put("/v1/skus/A", json!({"categories": ["basics"]}));
    put("/v1/rules/day", json!({"kind": "capacity", "orders_per_day": 1, "locations": ["s1"]}));
    shop.receive("NEW", "s1", 1);
    shop.client
        .post(
            "/v1/reservations",
            &json!({"channel": "web", "lines": [{"sku": "NEW", "location": "s1", "quantity": 1}]}),
        )
        .unwrap();
    let ahead = availability(&mut shop, "NEW");
    assert_eq!((&ahead["availability"], &ahead["orderable"]), (&json!("PreOrder"), &json!(2)), "{ahead}");
    let mut body = order(4, Some(LATEST));
    body["purpose"] = "delivery".into();
    let made = shop.client.post("/v1/reservations", &body).unwrap().json();
    assert_eq!(made["lines"][0]["waiting"], 3, "{made}");
    let refused = shop.client.post("/v1/reservations", &body).unwrap().json();
    let line = &refused["lines"][0];
    assert_eq!((&line["constraint"], &line["rule"]), (&json!("capacity"), &json!("day")), "{refused}");
    let why = shop.client.get("/v1/rules/explain?sku=A&location=s1&channel=web").unwrap().json();
    let in_force = ["backorder", "capacity", "preorder"].map(|kind| why["in_force"][kind]["rule"].clone());
    assert_eq!(in_force, [json!("back"), json!("day"), Value::Null], "{why}");
    // Somebody who is not told numbers is not told these.
    let mut put = |path: &str, body: Value| assert_eq!(shop.client.put(path, &body).unwrap().status, 200);
    put("/v1/rules/hide", json!({"kind": "band", "exact": false}));
    let told = availability(&mut shop, "NEW");
    assert_eq!(told, json!({"sku": "NEW", "location": "s1", "band": "out_of_stock", "availability": "PreOrder"}));
    shop.killed_and_restarted().stopped();
}

#[test]
fn supply_is_loaded_from_a_file_and_written_out_again() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1);
    let csv = format!(
        "supply,sku,location,quantity,expected_at,kind\nPO-1,A,s1,5,{SOON},\nPO-2,A,s1,x,{SOON},\nPO-3,B,s1,5,{SOON},\n\
         PO-4,A,s1,5,,\nPO-5,A,s1,2,{LATER},in_transit\nPO-5,A,s1,2,{LATER},in_transit\nPO-6,A,s1,2,{LATER},by_ship\n"
    );
    let answer = shop.client.import("/v1/import/supply", csv.as_bytes()).unwrap().json();
    let counts = (&answer["accepted"], &answer["unchanged"], &answer["rejected"]);
    assert_eq!(counts, (&json!(2), &json!(1), &json!(4)), "{answer}");
    let lines: Vec<_> =
        answer["errors"].as_array().unwrap().iter().map(|e| (e["line"].clone(), e["field"].clone())).collect();
    let wrong = [(3, "quantity"), (4, "sku"), (5, "expected_at"), (8, "kind")];
    assert_eq!(lines, wrong.map(|(line, field)| (json!(line), json!(field))));
    let csv = shop.client.get("/v1/export/supply").unwrap();
    let text = String::from_utf8(csv.body.clone()).unwrap();
    assert_eq!(
        text.lines().skip(1).collect::<Vec<_>>(),
        [format!("PO-1,A,s1,5,{SOON},purchase_order,"), format!("PO-5,A,s1,2,{LATER},in_transit,"),]
    );
    let again = shop.client.import("/v1/import/supply", text.as_bytes()).unwrap().json();
    assert_eq!((&again["accepted"], &again["unchanged"]), (&json!(0), &json!(2)));
}

#[test]
fn bad_supply_is_told_by_field() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1);
    let good = json!({"supply": "PO-1", "sku": "A", "location": "s1", "quantity": 1, "expected_at": SOON});
    let cases = [
        ("quantity", json!(-1), "supplies[1].quantity"),
        ("expected_at", json!("tomorrow"), "supplies[1].expected_at"),
        ("kind", json!("ship"), "supplies[1].kind"),
        ("location", json!("s 1"), "supplies[1].location"),
        ("colour", json!("red"), "colour"),
    ];
    for (field, value, named) in cases {
        let mut row = good.clone();
        row[field] = value;
        let answer = shop.client.put("/v1/supply", &json!({"supplies": [good, row]})).unwrap();
        assert_eq!((answer.status, answer.slug().as_str()), (400, "invalid-request"), "{field}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(named), "{}", answer.json());
    }
    let undated = json!({"supply": "PO-9", "sku": "A", "location": "s1", "quantity": 1});
    let answer = shop.client.put("/v1/supply", &json!({"supplies": [undated]})).unwrap();
    assert!(answer.json()["detail"].as_str().unwrap().contains("supplies[0].expected_at"), "{}", answer.json());
    for (body, field) in [
        (json!({"kind": "capacity", "orders_per_day": 1, "skus": ["A"]}), "skus"),
        (json!({"kind": "pickup_only", "below": 1, "currency": "EUR", "locations": ["s1"]}), "locations"),
        (json!({"kind": "pickup_only", "below": 1, "currency": "eur"}), "currency"),
        (json!({"kind": "backorder", "units": 1, "lead_days": 9999}), "lead_days"),
        (json!({"kind": "preorder", "units": 1}), "available_at"),
    ] {
        let answer = shop.client.put("/v1/rules/r", &body).unwrap();
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(field), "{}", answer.json());
    }
    let movement = json!({"kind": "sale", "sku": "A", "location": "s1", "quantity": 2, "unplanned": true});
    let answer = shop.client.post("/v1/stock/movements", &json!({"movements": [movement]})).unwrap();
    assert!(answer.json()["detail"].as_str().unwrap().contains("movements[0].unplanned"), "{}", answer.json());
}
